"""Places in what people write: which name is meant, which word is none, and what stays open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.place import (
    PlaceEntry,
    PlaceKind,
    RegionEntry,
    is_region_code,
    level_of,
    parent_of,
    significant,
)
from hub.text.places import Field, Gazetteer, Outcome, Placed

REGIONS = {
    "411521": "示例县",
    "411521001": "宝城街道",
    "411521002": "龙山街道",
    "411521004": "周党镇",
    "411521001009": "新华社区居委会",
    "411521004001": "上河村村民委员会",
    "411521004002": "柳树村委会",
}
PLACES = (
    ("jx1", "锦绣花园", "estate", "411521001001", ()),
    ("jx2", "锦绣花园", "estate", "411521002001", ()),
    ("xh", "新华路", "road", "411521001", ("新华",)),
    ("xhx", "新华路小学", "school", "411521001", ()),
    ("wz", "王庄", "village", "411521004", ()),
    ("yy", "示例县人民医院", "hospital", "411521001", ("县人民医院", "人民医院")),
    ("dj", "东京城", "estate", "411521002", ()),
    ("qc", "汽车站", "public", "411521002", ()),
    ("xf", "幸福里", "estate", "411521002", ()),
    ("hc", "河村", "village", "411521002", ()),
    ("rt", "瑞泰(罗山)置业有限公司", "enterprise", "411521002", ("瑞泰置业",)),
)


def gazetteer() -> Gazetteer:
    return Gazetteer(
        [RegionEntry(code=code, name=name) for code, name in REGIONS.items()],
        [
            PlaceEntry(id=one, name=name, kind=PlaceKind(kind), region_code=code, aliases=aliases)
            for one, name, kind, code, aliases in PLACES
        ],
    )


KNOWN = gazetteer()


def found(text: str, **others: str) -> str | None:
    return KNOWN.find(text=text, **others).place_id


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("上河村委会没有人", "411521004001"),
        ("上河村村民委员会", "411521004001"),
        ("我是上河村民", "411521004001"),
        ("大上河村的路", None),
        ("小上河村的路", None),
        ("晚上上河村没有灯", "411521004001"),
        ("新华书店关门了", None),
        ("新华路小学门口堵车", "xhx"),
        ("新华路中学门口堵车", None),
        ("新华路路灯坏了", "xh"),
        ("新华路线不对", None),
        ("新华街道办事处", None),
        ("新华社区停电", "411521001009"),
        ("人民医院门口", "yy"),
        ("幸福里面没有水", None),
        ("幸福里没有水", "xf"),
        ("昨天晚上汽车站的灯", "qc"),
        ("瑞泰（罗山）置业有限公司欠薪", "rt"),
        ("上河村路中间的井盖", "411521004001"),
    ],
)
def test_a_name_inside_a_longer_word_is_none_and_what_is_said_of_a_place_is_no_longer_word(text, place):
    assert found(text) == place


@pytest.mark.parametrize(
    ("text", "place"), [("王庄没有水", None), ("王庄村没有水", "wz"), ("在王庄社区", "wz")]
)
def test_a_name_of_two_characters_needs_what_makes_it_whole(text, place):
    assert found(text) == place


@pytest.mark.parametrize(
    "text", ["周党镇 上 河 村", "周党鎮上河村", "周党镇上\u200b河村", "周党镇　上河村", "上河村\n三组"]
)
def test_spaces_and_traditional_and_full_width_characters_hide_no_name(text):
    assert found(text) == "411521004001"


def test_the_longest_name_wins_wherever_it_begins():
    assert found("新华路小学") == "xhx"
    crossing = Gazetteer(
        (),
        [
            PlaceEntry(id="a", name="东风大桥", region_code="411521"),
            PlaceEntry(id="b", name="大桥头花园", region_code="411521"),
        ],
    )
    assert crossing.find(text="在东风大桥头花园门口").place_id == "b"


def test_one_name_in_two_towns_stays_open_with_its_candidates():
    placed = KNOWN.find(text="锦绣花园停水三天")
    assert (placed.outcome, placed.place_id) == (Outcome.OPEN, None)
    assert placed.candidates == ("jx1", "jx2")
    assert placed.region_code == "411521000000"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"text": "锦绣花园停水", "region_code": "411521002"}, "jx2"),
        ({"text": "锦绣花园停水", "region_code": "411521001001"}, "jx1"),
        ({"text": "龙山街道锦绣花园停水"}, "jx2"),
        ({"text": "我是宝城街道的，锦绣花园停水"}, "jx1"),
        ({"text": "新华路128号锦绣花园停水"}, "jx1"),
        ({"text": "汽车站对面的锦绣花园停水"}, "jx2"),
        ({"text": "锦绣花园停水", "title": "龙山街道停水"}, "jx2"),
        ({"text": "锦绣花园停水", "address": "示例县宝城街道锦绣花园3号楼"}, "jx1"),
    ],
)
def test_regions_and_other_places_tell_which_of_two_is_meant(said, place):
    assert KNOWN.find(**said).place_id == place


def test_a_town_named_right_before_goes_before_the_demands_own_region():
    placed = KNOWN.find(text="龙山街道锦绣花园停水", region_code="411521001")
    assert (placed.place_id, placed.conflict) == ("jx2", True)


def test_a_name_in_a_town_that_has_no_such_place_is_another_place():
    placed = KNOWN.find(text="周党镇新华路路灯坏了")
    assert (placed.outcome, placed.place_id, placed.region_code) == (Outcome.REGION, None, "411521004000")


def test_house_building_and_door_are_kept_apart_from_the_name():
    placed = KNOWN.find(text="", address="新华路128号新华社区3号楼2单元501室")
    assert (placed.place_id, placed.name) == ("411521001009", "新华社区")
    assert (placed.detail, placed.field) == ("3号楼2单元501室", Field.ADDRESS)


def test_the_address_goes_before_the_title_and_the_title_before_the_text():
    said = {"text": "汽车站", "title": "上河村"}
    assert KNOWN.find(**said, address="新华路").place_id == "xh"
    assert KNOWN.find(**said).place_id == "411521004001"


def test_a_town_alone_gives_a_region_and_two_towns_give_none():
    assert KNOWN.find(text="周党镇夜里有人吵").region_code == "411521004000"
    assert KNOWN.find(text="周党镇和龙山街道都停水").outcome is Outcome.NOTHING


@pytest.mark.parametrize(
    ("region", "clash"),
    [
        ("411521001", True),
        ("411521004001", False),
        ("411521004002", True),
        ("411521004", False),
        ("411521", False),
    ],
)
def test_a_region_that_cannot_hold_the_place_is_a_conflict(region, clash):
    assert KNOWN.find(text="上河村停电", region_code=region).conflict is clash


def test_a_road_may_reach_over_a_villages_border_but_not_over_a_towns():
    assert not KNOWN.find(text="新华路停电", region_code="411521001009").conflict
    assert KNOWN.find(text="新华路停电", region_code="411521002001").conflict


@pytest.mark.parametrize(
    ("code", "known"), [("411521004001", True), ("411521", True), ("411521004777", False), ("410100", None)]
)
def test_the_table_tells_a_region_that_is_not_there_from_one_that_it_does_not_reach(code, known):
    assert KNOWN.knows_region(code) is known


def test_an_empty_gazetteer_finds_nothing():
    assert Gazetteer((), ()).find(text="上河村") == Placed(Outcome.NOTHING)


def test_a_text_of_a_megabyte_full_of_names_is_read_in_bounded_time_and_its_beginning_counts():
    assert found("上河村停电。" + "锦绣花园、" * 200_000) == "411521004001"


@given(
    st.text(
        alphabet="上河村新华路小学大锦绣花园周党镇宝城街道3号楼 \u3000\n\x02,。\U0001f600壞\x00", max_size=60
    )
)
def test_whatever_is_written_gives_a_place_of_the_gazetteer_or_none(text):
    placed = KNOWN.find(text=text, title=text[::-1], address=text[: len(text) // 2])
    ids = {one for one, *_ in PLACES} | set(REGIONS)
    assert placed.place_id is None or placed.place_id in ids
    assert (placed.outcome is Outcome.FOUND) == (placed.place_id is not None)
    assert (placed.outcome is Outcome.OPEN) == bool(placed.candidates)


@pytest.mark.parametrize(
    ("code", "well_formed"),
    [
        ("41", True),
        ("411521", True),
        ("411521004", True),
        ("411521004001", True),
        ("419001000000", True),
        ("4115210", False),
        ("41152100400A", False),
        ("４１１５２１", False),
        ("011521", False),
        ("411521000001", False),
        ("", False),
    ],
)
def test_a_region_code_has_2_4_6_9_or_12_digits_and_skips_no_level(code, well_formed):
    assert is_region_code(code) is well_formed


def test_a_region_code_says_its_level_and_the_region_above_it():
    assert [significant(code) for code in ("411521004000", "411521", "410000000000")] == [
        "411521004",
        "411521",
        "41",
    ]
    assert (level_of("411521004000"), parent_of("411521004000")) == ("town", "411521000000")
    assert parent_of("410000000000") is None
