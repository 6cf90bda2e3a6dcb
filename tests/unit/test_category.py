"""Which category a demand belongs to."""

import random
import sys
from collections.abc import Iterable

import orjson
import pytest

from hub.errors import Code, ConfigError, HubError
from hub.text.category import CategoryCatalogue, CategoryModel, category_words
from hub.text.category_train import evaluate, train

SUBJECTS = {
    "城乡建设": "路面坑洼 井盖缺失 路灯不亮 违章建筑 房产证办理 物业收费 停车位不足 下水道堵塞 电梯故障 外墙脱落".split(),
    "教育文体": "学校补课 教师工资 学区划分 幼儿园收费 招生考试 食堂饭菜 校车接送 课后托管 体育场馆 图书馆开放".split(),
    "交通运输": "公交班次 出租车拒载 驾校收费 客运班线 公交线路 火车站秩序 高速收费 网约车管理 渡口停运 货车超载".split(),
}
OPENINGS = ("请问", "反映一个事", "投诉", "希望早日解决", "咨询")
ENDINGS = ("没有人管", "影响大家生活", "已经很久了", "请尽快处理", "什么时候能好")


def written(number, seed=1):
    """Rows of invented demands: a subject or two of the category between ordinary words."""
    draw = random.Random(seed)
    rows = []
    for at in range(number):
        category = list(SUBJECTS)[at % len(SUBJECTS)]
        subjects = "，".join(draw.sample(SUBJECTS[category], 2))
        rows.append((f"{draw.choice(OPENINGS)}{subjects}，{draw.choice(ENDINGS)}。", category))
    return rows


@pytest.fixture(scope="module")
def kept():
    return train(written(240))


@pytest.fixture(scope="module")
def model(kept):
    return CategoryModel.from_bytes(kept)


@pytest.mark.parametrize(
    ("text", "category"),
    [("小区门口的井盖缺失", "城乡建设"), ("学校补课收了钱", "教育文体"), ("驾校收费太高", "交通运输")],
)
def test_a_text_is_taken_for_the_category_whose_words_it_says(model, text, category):
    assert model.predict(text).category == category


def test_a_text_that_speaks_of_two_categories_alike_is_left_to_a_person(kept):
    strict = CategoryModel.from_bytes(train(written(240), margin=0.6))
    told = strict.predict("学校补课和公交班次")
    assert told.category is None
    assert told.likeliest in {"教育文体", "交通运输"}
    assert told.margin < 0.6


@pytest.mark.parametrize("text", ["", "？！", "qwertz uiop", "12345678901"])
def test_a_text_without_a_known_word_is_left_to_a_person(model, text):
    told = model.predict(text)
    assert (told.category, told.likeliest, told.margin) == (None, None, 0.0)


def test_an_answer_names_the_words_that_spoke_for_it(model):
    assert "井盖" in model.reasons("请问井盖缺失没有人管", "城乡建设")
    assert "井盖" not in model.reasons("请问井盖缺失没有人管", "教育文体")


def test_the_same_rows_give_the_same_bytes_and_other_rows_another_version(kept, model):
    assert train(written(240)) == kept
    assert model.to_bytes() == kept
    assert CategoryModel.from_bytes(train(written(240, seed=2))).version != model.version


def test_a_model_is_plain_json_that_names_its_version(kept, model):
    assert orjson.loads(kept)["version"] == model.version


def test_two_categories_can_be_told_apart():
    rows = [row for row in written(240) if row[1] != "交通运输"]
    model = CategoryModel.from_bytes(train(rows))
    assert [model.predict(text).likeliest for text, _ in rows[:20]] == [category for _, category in rows[:20]]


def test_a_word_of_fewer_than_three_texts_is_not_learnt(kept):
    rows = [*written(240), ("欧阳克敏说学校补课", "教育文体")]
    assert "欧阳" not in train(rows).decode()


def test_a_copy_of_a_text_never_stands_on_both_sides_of_a_fold():
    # Labels by lot: only a copy of a text that was learnt could be told right more often than by chance.
    draw = random.Random(3)
    texts = [
        "".join(draw.choices("天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳", k=24))
        for _ in range(120)
    ]
    rows = [(text, category) for text in texts for category in [draw.choice(("甲", "乙"))] for _ in range(3)]
    assert evaluate(rows, folds=4).macro_f1 < 0.7


def test_what_is_judged_says_how_much_is_left_to_people():
    bold, shy = evaluate(written(240), margin=0.0), evaluate(written(240), margin=1.2)
    assert bold.macro_f1 == shy.macro_f1 >= 0.95
    assert bold.left_to_people == 0
    assert shy.left_to_people > 0
    assert set(bold.by_category) == set(SUBJECTS)


def test_too_few_rows_are_an_error_that_says_what_is_wanted():
    with pytest.raises(ConfigError, match="confirm more demands") as raised:
        train(written(12))
    assert raised.value.code is Code.CONFIG_INVALID


def test_rows_without_words_are_an_error_that_says_so():
    with pytest.raises(ConfigError, match="no word stands"):
        train([("？？", category) for category in ("甲", "乙") for _ in range(10)])


def test_without_scikit_learn_training_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(ConfigError, match=r"weisu-hub\[train\]") as raised:
        train(written(60))
    assert raised.value.code is Code.CONFIG_MISSING


def changed(kept, **values):
    return orjson.dumps(orjson.loads(kept) | values)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: b"",
        lambda kept: b"[]",
        lambda kept: kept[:-1],
        lambda kept: changed(kept, form=9),
        lambda kept: changed(kept, margin=0.0),
        lambda kept: changed(kept, categories=["甲"]),
        lambda kept: changed(kept, words={"井盖": [1.0, [0.1]]}),
        lambda kept: changed(kept, words={"井盖": 1.0}),
    ],
)
def test_a_stored_model_that_was_changed_is_refused(kept, spoil):
    with pytest.raises(HubError, match="train it anew"):
        CategoryModel.from_bytes(spoil(kept))


@pytest.mark.parametrize("text", ["噪" * 1_000_000, "<" * 100_000, "\ud800井盖", "井盖" * 400_000, "\0"])
def test_a_hostile_text_is_read_to_a_bound(model, text):
    assert sum(map(len, category_words(text))) <= 2_000
    model.predict(text)


def catalogue(**words: Iterable[str]) -> CategoryCatalogue:
    return CategoryCatalogue(words)


def test_before_the_first_training_the_words_of_the_catalogue_decide():
    own = catalogue(道路=["路面", "井盖", "路灯"], 教育=["学校", "补课"])
    assert own.predict("学校门口的井盖和路灯坏了").category == "道路"
    assert own.reasons("学校门口的井盖和路灯坏了", "道路") == ("井盖", "路灯")


@pytest.mark.parametrize(
    ("text", "likeliest"), [("没有一个词", None), ("学校的路面", "教育"), ("学校补课和路面井盖", "教育")]
)
def test_the_catalogue_leaves_to_a_person_what_no_category_is_well_ahead_in(text, likeliest):
    own = catalogue(道路=["路面", "井盖"], 教育=["学校", "补课"])
    told = own.predict(text)
    assert (told.category, told.likeliest) == (None, likeliest)


def test_the_longest_word_of_the_catalogue_counts_and_what_stands_within_it_does_not():
    own = catalogue(环卫=["垃圾"], 规划=["垃圾中转站"])
    assert own.predict("反对建垃圾中转站").category == "规划"
    assert catalogue(环卫=["垃圾"]).version != own.version


def test_a_catalogue_without_words_leaves_all_to_people():
    assert catalogue(道路=[]).predict("路面坏了").category is None


def test_the_title_says_what_a_long_letter_is_about():
    catalogue = CategoryCatalogue({"水": ["停水三天"], "校": ["学校", "学生", "老师"]})
    letter = "小区停水三天，学校旁边住的都是学生和老师，" + "大家意见很大，" * 20
    assert catalogue.predict(letter).category == "校"
    assert catalogue.predict(letter, "小区停水三天").category == "水"


def test_one_short_word_by_the_way_in_a_long_letter_decides_nothing():
    catalogue = CategoryCatalogue({"水": ["停水", "自来水公司"], "校": ["学校"]})
    letter = "大家意见很大，" * 20
    told = catalogue.predict(f"学校，{letter}")
    assert (told.category, told.likeliest) == (None, "校")
    assert catalogue.predict("学校").category == "校"
    assert catalogue.predict(f"自来水公司，{letter}").category == "水"
