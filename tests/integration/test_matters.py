"""Same matter (同一诉求，并案): demands about one thing are put together before the rules see them, and stay as they were put."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.model.codes import DemandStatus, DemandType
from hub.model.demand import DemandFacts
from hub.model.place import PlaceEntry, RegionEntry
from hub.sdk.rules import EVER, WarningRule
from hub.seal import KeyRing
from hub.store import places
from hub.store.engine import Store
from tests.support.judging import County, plugins_with

PLANT: dict[str, Any] = {
    "title": "投诉云栖新城搅拌站噪音扰民",
    "text": "云栖新城旁边的搅拌站晚上生产，粉尘很大，业主睡不着。",
}
PLANT_TOO: dict[str, Any] = {
    "title": "云栖新城小区附近的搅拌站什么时候搬走",
    "text": "搅拌站离云栖新城太近，夜里噪音和粉尘影响业主睡觉。",
}
ELSEWHERE: dict[str, Any] = {
    "title": "投诉锦绣山庄搅拌站噪音扰民",
    "text": "锦绣山庄旁边的搅拌站晚上生产，粉尘很大，业主睡不着。",
}
BUS: dict[str, Any] = {"title": "希望增开夜班公交", "text": "下晚自习以后没有公交车回家，孩子只能走路。"}


class ByMatter(WarningRule):
    """Notes what it is given of each matter."""

    rule_id, title, version, subject = "T02", "同一诉求", "1", "matter"
    seen: dict[str, int] = {}

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        return (demand.matter_id,) if demand.matter_id is not None else ()

    def evaluate(self, keys, history):
        spans = {one.key: EVER for one in keys}
        found = history.demands("matter", spans)
        assert {key: len(found.get(key, ())) for key in spans} == {
            key: history.counts("matter", spans).get(key, 0) for key in spans
        }
        persons = history.distinct_reporters("matter", spans)
        assert all(one.matter_id == key for key, demands in found.items() for one in demands)
        self.seen.update({key: persons.get(key, 0) for key in spans})
        return ()


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    ByMatter.seen = {}
    return County(store, ring, clock, plugins_with(ByMatter))


def matters(county: County) -> dict[str, str]:
    """Source number -> source number of the matter's first demand."""
    rows = county.rows(
        "SELECT d.source_no, f.source_no FROM matter_member m JOIN demand d USING (demand_id) "
        "JOIN matter x ON x.matter_id = m.matter_id JOIN demand f ON f.demand_id = x.master_id ORDER BY 1"
    )
    return {row[0]: row[1] for row in rows}


def test_demands_about_one_thing_are_one_matter_before_the_rules_see_them(county: County) -> None:
    report = county.judged(
        county.demand(**PLANT, no="A", phone="13800000001"),
        county.demand(**BUS, no="B", phone="13800000002"),
        county.demand(**PLANT_TOO, no="C", phone="13800000003"),
    )
    assert matters(county) == {"A": "A", "B": "B", "C": "A"}
    assert report.counts["grouped"] == 3
    assert sorted(ByMatter.seen.values()) == [1, 2]


def test_the_same_problem_elsewhere_is_another_matter(county: County) -> None:
    county.judged(county.demand(**PLANT, no="A"), county.demand(**ELSEWHERE, no="B"))
    assert matters(county) == {"A": "A", "B": "B"}


def test_evaluating_again_groups_nothing_again(county: County) -> None:
    county.judged(county.demand(**PLANT, no="A"), county.demand(**PLANT_TOO, no="B"))
    before = county.rows("SELECT * FROM matter_text ORDER BY seq")
    county.rows("INSERT INTO evaluate_work (demand_ids) SELECT array_agg(demand_id) FROM demand RETURNING 1")
    assert county.evaluate().counts["grouped"] == 0
    assert county.rows("SELECT * FROM matter_text ORDER BY seq") == before
    assert county.rows("SELECT * FROM matter_left") == []


def test_one_person_who_tells_a_matter_often_is_one_of_its_persons(county: County) -> None:
    often = [county.demand(**PLANT, no=f"A{number}", phone="13800000001") for number in range(5)]
    county.judged(*often, county.demand(**PLANT_TOO, no="B", phone="13800000002"))
    assert set(matters(county).values()) == {"A0"}
    assert list(ByMatter.seen.values()) == [2]


def test_a_place_of_the_gazetteer_parts_what_the_words_would_join(county: County) -> None:
    regions = [RegionEntry(code="411521", name="示例县"), RegionEntry(code="411521001", name="宝城街道")]
    named = [("yq", "云栖新城"), ("jx", "锦绣山庄")]
    entries = [
        PlaceEntry.model_validate({"id": one, "name": name, "kind": "estate", "region_code": "411521001"})
        for one, name in named
    ]
    with county.store.begin() as connection:
        places.put(connection, regions, entries, "测试", county.clock.now())
    words = "小区旁边的搅拌站晚上生产，粉尘很大，业主睡不着，请关停搅拌站。"
    county.judged(
        county.demand(title="投诉搅拌站", text=words, address="云栖新城3号楼", no="A"),
        county.demand(title="投诉搅拌站", text=words, address="锦绣山庄2号楼", no="B"),
        county.demand(title="投诉搅拌站", text=words, address="云栖新城5号楼", no="C"),
    )
    assert matters(county) == {"A": "A", "B": "B", "C": "A"}


def _estates(county: County, *names: str) -> None:
    regions = [RegionEntry(code="411521", name="示例县"), RegionEntry(code="411521001", name="宝城街道")]
    entries = [
        PlaceEntry.model_validate(
            {"id": f"e{number}", "name": name, "kind": "estate", "region_code": "411521001"}
        )
        for number, name in enumerate(names)
    ]
    with county.store.begin() as connection:
        places.put(connection, regions, entries, "测试", county.clock.now())


def test_a_matter_with_a_member_elsewhere_is_not_joined_though_that_member_is_not_among_those_compared(
    county: County,
) -> None:
    _estates(county, "锦绣花园", "龙池小区")
    words: dict[str, Any] = {"title": "路灯不亮", "text": "路灯坏了三盏，接孩子放学看不清路，请派人修好路灯"}
    at_one = county.demand(**words, no="A", address="宝城街道锦绣花园")
    nowhere = [county.demand(**words, no=f"N{number:02d}") for number in range(14)]
    county.judged(at_one, *nowhere)
    assert set(matters(county).values()) == {"A"}
    county.judged(county.demand(**words, no="Z", address="宝城街道龙池小区"))
    assert matters(county)["Z"] == "Z"


def test_who_tells_at_one_place_what_many_tell_elsewhere_is_found_by_the_place(county: County) -> None:
    elsewhere = [
        f"{name}家园"
        for name in "碧水 翠湖 紫金 康乐 瑞和 明珠 龙城 府前 丽景 香樟 凯旋 盛世 金桂 怡和".split()
    ]
    _estates(county, "锦绣花园", *elsewhere)
    words: dict[str, Any] = {"title": "路灯不亮", "text": "路灯坏了三盏，接孩子放学看不清路，请派人修好路灯"}
    county.judged(county.demand(**words, no="A", address="宝城街道锦绣花园"))
    county.judged(
        *[
            county.demand(**words, no=f"E{number:02d}", address=f"宝城街道{name}")
            for number, name in enumerate(elsewhere)
        ]
    )
    county.judged(county.demand(**words, no="Z", address="宝城街道锦绣花园"))
    assert len(set(matters(county).values())) == 15
    assert matters(county)["Z"] == "A"


def test_words_that_change_a_little_leave_a_demand_where_it_is_and_other_words_take_it_away(
    county: County,
) -> None:
    first, second = county.demand(**PLANT, no="A"), county.demand(**PLANT_TOO, no="B")
    county.judged(first, second)
    county.clock.advance(seconds=60)
    county.judged(
        second.model_copy(
            update={"content": PLANT_TOO["text"] + "【已转办】", "status": DemandStatus.PENDING}
        )
    )
    assert matters(county) == {"A": "A", "B": "A"}
    ByMatter.seen.clear()
    county.clock.advance(seconds=60)
    county.judged(second.model_copy(update={"title": BUS["title"], "content": BUS["text"]}))
    assert matters(county) == {"A": "A", "B": "B"}
    # The rules look at both: at the matter that it is in, and at the one that it has left.
    assert len(ByMatter.seen) == 2
    change = county.rows("SELECT action, by, cardinality(demand_ids) AS demands FROM matter_change")
    assert [tuple(row) for row in change] == [("regroup", "hub", 1)]
    assert county.rows("SELECT members, state FROM matter ORDER BY matter_id") == [(1, "open"), (1, "open")]


def test_what_was_decided_first_stays_when_a_demand_is_grouped_anew(county: County) -> None:
    first = county.demand(**PLANT, no="A")
    county.judged(first, county.demand(**PLANT_TOO, no="B"))
    before = county.rows("SELECT * FROM matter_text ORDER BY seq")
    county.clock.advance(seconds=60)
    county.judged(first.model_copy(update={"title": BUS["title"], "content": BUS["text"]}))
    assert county.rows("SELECT * FROM matter_text ORDER BY seq")[: len(before)] == before
    assert matters(county) == {"A": "A", "B": "B"}


@pytest.mark.parametrize(("days", "together"), [(85, True), (95, False)])
def test_a_late_demand_is_compared_with_what_was_said_within_ninety_days(
    county: County, days: int, together: bool
) -> None:
    county.judged(county.demand(**PLANT, no="A"))
    county.judged(county.demand(**PLANT_TOO, no="B", days=days))
    assert (len(set(matters(county).values())) == 1) is together


def test_a_record_that_came_twice_is_grouped_once(county: County) -> None:
    one = county.demand(**PLANT, no="A")
    county.judged(one)
    county.clock.advance(seconds=60)
    county.receive(one)
    county.receive(one.model_copy(update={"labels": ("急",)}))
    assert county.evaluate().counts["grouped"] == 0
    assert county.value("SELECT count(*) FROM matter_text") == 1


def test_what_is_gone_when_it_comes_is_in_no_matter_and_what_goes_later_is_not_counted(
    county: County,
) -> None:
    county.judged(county.demand(**PLANT, no="A", phone="13800000001"))
    county.judged(
        county.demand(**PLANT_TOO, no="B", phone="13800000002"),
        county.demand(**PLANT, no="C", status=DemandStatus.VOID),
    )
    assert matters(county) == {"A": "A", "B": "A"}
    assert list(ByMatter.seen.values()) == [2]
    county.clock.advance(seconds=60)
    county.receive(county.demand(**PLANT_TOO, no="B", phone="13800000002"), deleted=True)
    county.evaluate()
    assert list(ByMatter.seen.values()) == [1]
    assert matters(county) == {"A": "A", "B": "A"}


def test_the_same_record_by_another_route_is_in_its_matter_whatever_its_words(county: County) -> None:
    county.judged(county.demand(**PLANT, no="12345-A"), county.demand(**BUS, no="X"))
    county.rows("UPDATE demand SET instance = 'platform' WHERE source_no = '12345-A' RETURNING 1")
    county.judged(county.demand(title="转来工单", text="见附件，请按期办理", no="B", assigned_no="12345-A"))
    assert matters(county) == {"12345-A": "12345-A", "B": "12345-A", "X": "X"}
    assert county.value("SELECT count(*) FROM demand_link") == 1
    assert max(ByMatter.seen.values()) <= 1  # counted once


def test_a_report_is_found_by_its_like_alone_and_is_in_no_matter_that_others_see(county: County) -> None:
    county.judged(
        county.demand(**PLANT, no="A"),
        county.demand(**PLANT_TOO, no="B", demand_type=DemandType.REPORT),
        county.demand(**PLANT, no="C", demand_type=DemandType.REPORT),
        county.demand(**PLANT_TOO, no="D", labels=("廉政",)),
        county.demand(**PLANT_TOO, no="E"),
    )
    assert matters(county) == {"A": "A", "B": "B", "C": "B", "D": "B", "E": "A"}
    kept_apart = dict(
        county.rows(
            "SELECT d.source_no, m.protected FROM matter m JOIN demand d ON d.demand_id = m.master_id"
        )
    )
    assert kept_apart == {"A": False, "B": True}
    assert county.value("SELECT texts FROM matter_state") == 2  # its words weigh nothing for others


def test_a_complaint_that_turns_out_a_report_leaves_the_matter_that_others_see(county: County) -> None:
    first = county.demand(**PLANT, no="A")
    second = county.demand(**PLANT_TOO, no="B")
    county.judged(first, second)
    county.rows("UPDATE matter_member SET held = true RETURNING 1")  # even where a person put it there
    county.clock.advance(seconds=60)
    county.judged(second.model_copy(update={"demand_type": DemandType.REPORT}))
    assert matters(county) == {"A": "A", "B": "B"}
    assert county.value(
        "SELECT m.protected FROM matter m JOIN demand d ON d.demand_id = m.master_id WHERE d.source_no = 'B'"
    )
    assert county.rows("SELECT 1 FROM matter_suggestion WHERE state = 'suggested'") == []
