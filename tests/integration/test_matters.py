"""Same matter (同一诉求，并案): demands about one thing are put together before the rules see them, and stay as they were put."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.model.demand import DemandFacts
from hub.sdk.rules import EVER, WarningRule
from hub.seal import KeyRing
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
