"""The sensitive lexicon: words with their class, and present emergencies told from fears, memories and figures of speech."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.builtin.rules.sudden import SensitiveSudden
from hub.errors import ConfigError
from hub.model.lexicon import LexiconSection
from hub.text.lexicon import Lexicon, WordClass
from tests.unit import lexicon_dev as developed
from tests.unit import lexicon_heldout as heldout

LEXICON = Lexicon.load()
FRAMES = {
    "bare": "{}",
    "hotline": "市民来电反映：{}。诉求：请相关部门尽快处理。",
    "title": "紧急求助\n{}",
    "letter": "关于情况的反映\n领导您好，我是宝城街道居民。{}。我的联系电话是139****5678，希望尽快派人来，谢谢！",
}
# Used while the points were set, unlike those of lexicon_heldout.
TUNED_EMERGENCIES = """\
老街二巷木器厂失火了，火苗已经窜上房顶
我家天然气灶管子漏气，关不上阀门，怎么办
楼下餐馆煤气罐爆炸了，有人受伤倒在门口
龙山街道菜市场顶棚刚刚坍塌，砸到几个买菜的
有人在县医院门口拿刀追砍医生
一个老太太在超市里晕倒了，叫不醒
宝城小学旁边的水塘有两个学生溺水，正在打捞
村民在田里触电，人倒在电线旁边不敢靠近
楼顶有个小伙子要跳楼，下面围满了人
我们被困在山上了，雨很大，路断了，请求救援
电梯困人，住户无法出来
配电箱冒烟并伴有焦味
工地基坑塌方，埋了两个人
居民楼燃气管道被挖机挖破，正在大量泄漏
孩子掉进机井里了，能听见哭声
""".splitlines()
TUNED_NO_EMERGENCIES = """\
5号楼电梯异响但无人被困
小区地下车库没有灭火器，现在电动车很多，极易引发火灾
前天我家燃气泄漏，报修后已经处理，想咨询费用谁承担
请问农村自建房倒塌政府有没有补助
工人触电死亡，老板跑路，家属现在要求赔偿
今天参加了单位组织的消防演练，演练中冒烟太大呛到了老人
我在抖音上看到有人跳楼，请核实是不是我们县的
消防栓没有水，万一着火怎么救
建议在水库边立即安装防溺水警示牌
危房随时会倒塌，镇里让我们自己想办法
现在幼儿园收费高得要命，家长都要跳楼了
过年放鞭炮，爆炸声吵得老人心脏受不了
消防队刚刚救出被困人员，特来表扬
供电所说变压器着火是因为我们用电多，不合理
下水道一直往外冒水，臭得很，请处理
""".splitlines()


def found(sentences, frame="{}"):
    return [sentence for sentence in sentences if LEXICON.is_present_emergency(frame.format(sentence))]


@pytest.mark.parametrize("sentence", TUNED_EMERGENCIES)
def test_a_present_emergency_is_found(sentence):
    assert LEXICON.is_present_emergency(sentence)


@pytest.mark.parametrize("sentence", TUNED_NO_EMERGENCIES)
def test_a_fear_a_memory_or_a_figure_of_speech_is_no_emergency(sentence):
    assert LEXICON.is_present_emergency(sentence) is None


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_of_sentences_written_beforehand_nine_in_ten_emergencies_are_found_and_no_leader_is_woken_in_vain(
    frame,
):
    assert len(found(heldout.EMERGENCIES, frame)) >= 41
    assert len(found(heldout.SECOND_EMERGENCIES, frame)) >= 22
    assert found(heldout.NO_EMERGENCIES, frame) == []
    assert found(heldout.SECOND_NO_EMERGENCIES, frame) == []


def test_of_sentences_that_avoid_the_words_seven_in_ten_are_found_and_no_leader_is_woken_in_vain():
    assert len(found(heldout.THIRD_EMERGENCIES)) >= 18
    assert found(heldout.THIRD_NO_EMERGENCIES) == []


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_what_the_scenes_were_built_on_is_found_and_what_looks_like_it_raises_no_alarm(frame):
    assert len(found(developed.EMERGENCIES, frame)) >= 148
    assert found(developed.LOOK_ALIKES, frame) == []


@pytest.mark.parametrize(
    ("text", "present"),
    [
        ("师傅卡在驾驶室里，腿动不了", True),
        ("师傅把车停在驾驶室里吃饭", False),
        ("去年师傅卡在驾驶室里，腿动不了", False),
        ("请问师傅卡在驾驶室里算不算工伤", False),
        ("担心师傅卡在驾驶室里，腿动不了", False),
        ("我的手续卡在窗口里，动不了", False),
        ("招牌松了，怕掉下来砸到人", False),
    ],
)
def test_an_everyday_word_tells_of_an_emergency_only_with_a_victim_and_neither_past_nor_feared(text, present):
    assert (LEXICON.is_present_emergency(text) is not None) is present


def test_another_lexicon_is_another_version_of_its_rule():
    assert (LEXICON.version, SensitiveSudden.version) == ("2026.11.3", "3")


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("楼下着火了", False),
        ("楼下没有着火", True),
        ("楼下并未着火", True),
        ("担心楼下着火", True),
        ("万一楼下着火", True),
        ("楼下着火隐患", True),
        ("严禁着火", True),
    ],
)
def test_denied_feared_and_supposed_words_are_marked(text, negated):
    hits = LEXICON.hits(text)
    assert [hit.negated for hit in hits] == [negated]
    assert hits[0].present is not negated


@pytest.mark.parametrize(
    ("text", "word", "word_class"),
    [
        ("工人准备拉横幅讨薪", "拉横幅", WordClass.CROWD),
        ("要和他同归于尽", "同归于尽", WordClass.EXTREME),
        ("我要找记者曝光", "记者", WordClass.OPINION),
        ("再不办就进京", "进京", WordClass.BYPASS),
        ("办事要送红包", "红包", WordClass.INTEGRITY),
        ("窗口互相推诿", "推诿", WordClass.CONDUCT),
        ("这里发生火灾", "火灾", WordClass.SAFETY),
        ("引起火灾", "火灾", WordClass.SAFETY),
    ],
)
def test_a_word_is_found_at_its_place_with_its_class(text, word, word_class):
    hit = LEXICON.hits(text)[0]
    assert (hit.word, hit.word_class) == (word, word_class)
    assert word in text[hit.start : hit.end]


@pytest.mark.parametrize(
    "text",
    [
        "爆炸式增长",
        "村民聚集地",
        "这是拥堵路段",
        "怕被打击报复",
        "减轻生活负担",
        "跳楼价",
        "救命钱",
        "急死人了",
        "被困扰很久",
        "装漏电保护器",
    ],
)
def test_a_word_inside_of_another_is_no_hit(text):
    assert LEXICON.hits(text) == ()


def test_words_of_other_classes_are_never_present_emergencies():
    assert LEXICON.is_present_emergency("现在就有人聚集堵路，正在拉横幅，快来人") is None


def test_a_hit_never_shows_the_citizen_s_own_words():
    own = {word for word_class in WordClass for word in LEXICON.words(word_class)}
    hits = LEXICON.hits("张三在人民桥上要跳下去，李四拿着菜刀砍人，王五家的墙倒了压住人")
    assert len(hits) >= 4
    assert all(len(hit.word) <= 4 for hit in hits if hit.word not in own)
    assert not any(name in hit.word for hit in hits for name in ("张三", "李四", "王五", "人民桥"))


@given(st.text(alphabet="着火起燃气泄漏有人要跳楼现在没担心了，。\n不作为推诿 a1", max_size=120))
def test_every_hit_stands_where_it_says(text):
    hits = LEXICON.hits(text)
    assert list(hits) == sorted(hits, key=lambda hit: hit.start)
    for hit in hits:
        assert hit.word in text[hit.start : hit.end]
        assert not (hit.present and hit.negated)


def test_a_text_of_nothing_but_such_words_gives_a_bounded_answer():
    assert 500 <= len(LEXICON.hits("正在起火，" * 20_000)) <= 510


def test_a_text_of_nothing_but_the_beginnings_of_scenes_costs_a_bounded_time():
    begun = time.process_time()
    assert LEXICON.hits("挥刀火往相撞" * 50_000) == ()
    assert time.process_time() - begun < 2


def test_the_seven_classes_hold_some_two_hundred_words_and_none_twice():
    words = [word for word_class in WordClass for word in LEXICON.words(word_class)]
    assert len(words) == len(set(words)) == LEXICON.size
    assert 170 <= LEXICON.size <= 300
    assert all(LEXICON.words(word_class) for word_class in WordClass)


def own_file():
    from importlib.resources import files

    return files("hub.text").joinpath("data", "lexicon.toml").read_text("utf-8")


def test_a_county_s_own_file_takes_the_place_of_ours(tmp_path):
    path = tmp_path / "lexicon.toml"
    path.write_text(
        own_file().replace('"推诿", ', '"推诿", "踢来踢去", ').replace(LEXICON.version, "luoshan.2"), "utf-8"
    )
    lexicon = Lexicon.load(path)
    assert lexicon.version == "luoshan.2"
    assert [hit.word for hit in lexicon.hits("两个窗口踢来踢去")] == ["踢来踢去"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda text: text.replace("crowd = [", "crowds = ["), "crowd"),
        (lambda text: text.replace("[whitelist]", "[white]"), "whitelist"),
        (lambda text: text + "]", "mend that line"),
        (lambda text: text.replace("figurative = [", 'figurative = ["(", '), "mend that line"),
        (lambda text: text.replace("crowd = [", 'crowd = ["乱", '), "one character"),
        (lambda text: text.replace("person = ", "persons = "), "<person>"),
    ],
)
def test_a_spoiled_file_is_refused_with_its_place(tmp_path, spoil, told):
    path = tmp_path / "lexicon.toml"
    path.write_text(spoil(own_file()), "utf-8")
    with pytest.raises(ConfigError, match=told) as caught:
        Lexicon.load(path)
    assert caught.value.code == "config_invalid"
    assert str(path) in str(caught.value)


def test_a_file_of_the_form_before_has_neither_parts_nor_event_words_and_is_read(tmp_path):
    text = own_file()
    head, _, rest = text.partition("[parts]")
    text = head + "".join(
        f"[[scenes]]{scene}" for scene in rest.split("[[scenes]]")[1:] if "<" not in scene.replace("(?<", "")
    )
    text = re.sub(r"safety_event = \[.*?\n\]", "", text, flags=re.S)
    path = tmp_path / "former.toml"
    path.write_text(text, "utf-8")
    assert Lexicon.load(path).is_present_emergency("楼下着火了，快来人")


def test_a_missing_file_is_a_clear_message(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        Lexicon.load(tmp_path / "none.toml")


def test_a_county_adds_words_takes_some_away_and_whitelists_others():
    section = LexiconSection(
        words={"conduct": ("踢来踢去",), "crowd": ("报复",)},
        whitelist=("聚集能量",),
        without=("官僚",),
    )
    lexicon = Lexicon.of_county(section)
    classes = {hit.word: hit.word_class for hit in lexicon.hits("踢来踢去，报复，聚集能量，官僚，推诿")}
    assert classes == {
        "踢来踢去": WordClass.CONDUCT,
        "报复": WordClass.CROWD,
        "推诿": WordClass.CONDUCT,
    }
    assert lexicon.version.startswith(f"{LEXICON.version}+")
    assert Lexicon.of_county(LexiconSection()) is LEXICON
    assert Lexicon.of_county(section) is lexicon
    assert {hit.word for hit in LEXICON.hits("踢来踢去，官僚")} == {"官僚"}


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"words": {"conduct": ("踢来踢去",), "crowd": ("踢来踢去",)}}, "'踢来踢去' stands twice"),
        ({"without": ("没有这个词",)}, "no such word"),
    ],
)
def test_a_county_s_part_that_does_not_fit_is_refused(section, told):
    with pytest.raises(ConfigError, match=told):
        Lexicon.of_county(LexiconSection(**section))
