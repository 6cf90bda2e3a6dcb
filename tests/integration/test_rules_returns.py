"""反复出现 (W04) in the hub: places from addresses, matters from words, closings as sources tell them, late demands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.builtin.rules.again import ComesBack
from hub.clock import ManualClock
from hub.model.codes import DemandStatus, DemandType
from hub.model.place import PlaceEntry, RegionEntry
from hub.seal import KeyRing
from hub.store import places
from hub.store.engine import Store
from tests.support.judging import County, plugins_with

LAMPS: dict[str, Any] = {
    "title": "路灯不亮",
    "text": "小区的路灯坏了三盏，接孩子放学看不清路，请派人修好路灯",
    "demand_type": DemandType.COMPLAINT,
}


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    county = County(store, ring, clock, plugins_with(own=(ComesBack,)))
    regions = [RegionEntry(code="411521", name="示例县"), RegionEntry(code="411521001", name="宝城街道")]
    entries = [
        PlaceEntry.model_validate({"id": one, "name": name, "kind": "estate", "region_code": "411521001"})
        for one, name in (("jx", "锦绣花园"), ("lc", "龙池小区"))
    ]
    with store.begin() as connection:
        places.put(connection, regions, entries, "测试", clock.now())
    return county


def said(county: County, no: str, days_ago: float = 0.0, **fields: Any) -> Any:
    """One demand, said so many days ago, by a person of its own."""
    known = {"address": "宝城街道锦绣花园3号楼", "phone": f"1380000{ord(no):04d}", **LAMPS}
    return county.demand(no=no, at=county.clock.now() - timedelta(days=days_ago), **{**known, **fields})


def closed_and_told_again(county: County, **fields: Any) -> None:
    """A is told and closed after five days; five days later C tells it again."""
    county.judged(said(county, "A"))
    county.clock.advance(5 * 86_400)
    county.judged(said(county, "A", 5, status=DemandStatus.CLOSED))
    county.clock.advance(5 * 86_400)
    county.judged(said(county, "C", **fields))


def told(county: County) -> list[list[str]]:
    return [sorted(one.nos) for one in county.signals() if one.state == "open"]


@pytest.mark.requirement("R30")
def test_what_was_closed_and_is_told_again_at_its_place_is_a_signal_and_elsewhere_or_nowhere_is_none(
    county: County,
) -> None:
    closed_and_told_again(county)
    county.judged(said(county, "D", address="宝城街道龙池小区"), said(county, "N", address=None))
    assert told(county) == [["A", "C"]]
    assert county.evaluate().counts["demands"] == 0
    assert told(county) == [["A", "C"]]


@pytest.mark.requirement("R30")
def test_a_neighbour_who_waited_all_the_time_and_is_heard_of_late_takes_the_return_back(
    county: County,
) -> None:
    closed_and_told_again(county)
    assert told(county) == [["A", "C"]]
    county.judged(said(county, "B", 7))
    assert told(county) == []
    # And when that one is closed as well, who comes next has it come back.
    county.judged(said(county, "B", 7, status=DemandStatus.CLOSED))
    county.judged(said(county, "C", 0, status=DemandStatus.CLOSED))
    county.clock.advance(3 * 86_400)
    county.judged(said(county, "E"))
    assert [one[-1] for one in told(county)] == ["E"]
