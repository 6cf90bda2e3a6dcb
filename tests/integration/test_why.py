"""Why a warning stands: also the words and places that its demands share, and what else it rests on (P6)."""

from __future__ import annotations

import pytest

from hub.builtin import plugin as builtin
from hub.clock import ManualClock
from hub.model.codes import DemandType
from hub.pipeline.why import why
from hub.plugins import load_plugins
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.integration.test_evaluate_observed import Overdue, case
from tests.support.judging import Bringing, County, plugins_with

PLANT = "云栖新城小区旁边的搅拌站夜间噪音很大，粉尘多，居民无法休息"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    everything = load_plugins(
        builtin={"builtin": builtin, "brought": Bringing()}, entry_points=(), call_timeout_s=5.0
    )
    return County(store, ring, clock, everything)


def heard(county: County, number: int, **fields: object) -> None:
    county.judged(
        county.demand(
            title=f"搅拌站噪音问题{number}",
            text=f"{PLANT}，已经是第{number}次了",
            phone=f"1381234000{number}",
            region_code="411521100201",
            **fields,  # type: ignore[arg-type]
        )
    )


def test_the_words_that_the_demands_share_and_where_they_are_stand_with_the_reason(county: County) -> None:
    for number in range(4):
        heard(county, number)
    one = county.signal(rule="W02a")
    found = why(county.deps, one.signal_id)
    words = dict(found.shared_words)
    assert 4 in words.values()
    assert any("搅拌" in word for word in words)
    assert found.places == (("411521100201", 4),)
    assert found.observed == ()


def test_of_a_report_no_word_is_shown(county: County) -> None:
    for number in range(4):
        heard(county, number, demand_type=DemandType.REPORT)
    one = county.signal(rule="W02a")
    assert why(county.deps, one.signal_id).shared_words == ()


def test_a_card_tells_the_case_that_it_rests_on(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    county = County(store, ring, clock, plugins_with(Overdue))
    county.observe(case(county, due_h=-1))
    county.evaluate()
    found = why(county.deps, county.signal(rule="T21").signal_id)
    assert [(one["kind"], one["number"]) for one in found.observed] == [("case", "C1")]
    assert (found.demands, found.shared_words, found.places) == ((), (), ())
