"""One person across channels: a telephone number here, an identity number there, and a demand that bears both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.model.codes import DemandType
from hub.model.demand import Demand, Reporter
from hub.pipeline import rekey
from hub.pipeline.intake import Intake
from hub.pipeline.rekey import RekeyDeps
from hub.seal import KeyRing, Purpose, SearchKeys
from hub.store import outlines, signals
from hub.store.engine import Store
from tests.support.hubs import until
from tests.support.judging import County

PHONE = "13812345678"
OTHER_PHONE = "13987654321"
ID = "411521199803071234"
OTHER_ID = "411521198511202345"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def said(county: County, days: float, **reporter: Any) -> Demand:
    """A demand of ``days`` ago by somebody who left what is given."""
    plain = county.demand(days=days, demand_type=DemandType.COMPLAINT)
    return plain.model_copy(update={"reporter": Reporter(**reporter)})


def keys(county: County) -> list[Any]:
    return county.rows(
        "SELECT source_no, reporter_key, reporter_basis, phone_key, id_key FROM demand ORDER BY 1"
    )


@pytest.mark.requirement("R27")
def test_a_person_who_left_a_phone_here_and_an_identity_number_there_is_one_when_a_demand_bears_both(
    county: County,
) -> None:
    county.judged(said(county, 3, phone=PHONE), said(county, 2, id_no=ID))
    assert len({row.reporter_key for row in keys(county)}) == 2
    report = county.judged(said(county, 1, phone=PHONE, id_no=ID))
    assert report.counts["linked"] == 1
    assert len({row.reporter_key for row in keys(county)}) == 1
    assert county.signal(rule="W01").value == 3
    assert county.signal(rule="W01").reporters == 1


def test_in_whatever_order_they_come_the_end_is_the_same(county: County) -> None:
    demands = [
        said(county, 3, phone=PHONE),
        said(county, 2, id_no=ID),
        said(county, 1, phone=PHONE, id_no=ID),
    ]
    for one in reversed(demands):
        county.judged(one)
    assert len({row.reporter_key for row in keys(county)}) == 1
    assert county.signal(rule="W01").value == 3


@pytest.mark.requirement("R27")
def test_a_phone_that_two_persons_share_stands_for_neither(county: County) -> None:
    county.judged(
        said(county, 4, phone=PHONE),
        said(county, 3, phone=PHONE, id_no=ID),
        said(county, 2, phone=PHONE, id_no=OTHER_ID),
    )
    phone_alone, first, second = keys(county)
    assert phone_alone.reporter_key == phone_alone.phone_key
    assert (first.reporter_key, second.reporter_key) == (first.id_key, second.id_key)
    assert county.signals() == []


def test_a_phone_that_proves_shared_later_takes_back_what_it_told(county: County) -> None:
    county.judged(*(said(county, day, phone=PHONE) for day in (6, 5)), said(county, 4, phone=PHONE, id_no=ID))
    assert county.signal(rule="W01").value == 3
    county.judged(said(county, 3, phone=PHONE, id_no=OTHER_ID))
    assert {row.reporter_basis for row in keys(county)} == {"phone", "id_no"}
    assert [one.state for one in county.signals()] == ["dismissed"]


def test_a_signal_about_the_phone_becomes_the_persons_and_no_second_one_is_raised(county: County) -> None:
    county.repeat(PHONE, 5, 4, 3)
    county.evaluate()
    before = county.signal(rule="W01")
    county.judged(said(county, 2, phone=PHONE, id_no=ID))
    after = county.signal(rule="W01")
    assert after.signal_id == before.signal_id
    assert after.key != before.key
    assert after.value == 4


def test_a_number_of_the_stop_list_links_nobody(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    county = County(store, ring, clock)
    county.collecting.intake._stop_list = frozenset({PHONE})
    county.judged(said(county, 3, phone=PHONE), said(county, 2, phone=PHONE, id_no=ID))
    first, second = keys(county)
    assert first.reporter_key is None
    assert second.reporter_key == second.id_key


def test_an_enterprises_code_makes_no_person_of_its_agents_phone(county: County) -> None:
    county.judged(said(county, 3, phone=PHONE), said(county, 2, phone=PHONE, uscc="91411521MA40ABCD1X"))
    alone = keys(county)[0]
    assert alone.reporter_key == alone.phone_key


def test_evaluating_again_links_nothing_more(county: County) -> None:
    county.judged(said(county, 3, phone=PHONE), said(county, 1, phone=PHONE, id_no=ID))
    before = (keys(county), county.value("SELECT count(*) FROM demand_history"))
    county.judged(said(county, 0, phone=OTHER_PHONE))
    assert (keys(county)[:2], county.value("SELECT count(*) FROM demand_history")) == (before[0], before[1])


def test_a_new_state_of_a_linked_demand_is_linked_again(county: County) -> None:
    first = said(county, 3, phone=PHONE)
    county.judged(first, said(county, 1, phone=PHONE, id_no=ID))
    county.judged(first.model_copy(update={"content": "新的内容，还是没有办"}))
    assert len({row.reporter_key for row in keys(county)}) == 1


def test_reindexing_and_judging_take_the_narrow_rows_before_the_keys_and_neither_waits_in_a_circle(
    county: County, store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county.judged(*(said(county, day, phone=PHONE) for day in (6, 5, 4)))
    ids = [row[0] for row in county.rows("SELECT demand_id FROM demand ORDER BY 1")]
    key = county.value("SELECT DISTINCT reporter_key FROM demand")
    search = SearchKeys(ring.rotate(Purpose.SEARCH, now=clock.now()))
    deps = RekeyDeps(store, clock, county.sealer, search, Intake(county.sealer, search), ("W01",))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as pool:
        with store.begin() as judging:
            outlines.keep(judging, ids)  # as an evaluation that found these to be the same as others
            reindexed = pool.submit(rekey.run, deps)
            until(lambda: county.value(waiting) > 0, "reindexing to wait for the rows")
            signals.lock_keys(judging, [("W01", key)])
        assert reindexed.result().problems == ()
    assert (
        county.rows(
            "SELECT 1 FROM demand d JOIN demand_outline o USING (demand_id) WHERE o.reporter_key <> d.reporter_key"
        )
        == []
    )


def test_linked_persons_stay_one_when_the_search_keys_change(
    county: County, store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county.judged(*(said(county, day, phone=PHONE) for day in (6, 5)), said(county, 4, phone=PHONE, id_no=ID))
    before = county.signal(rule="W01")
    later = ring.rotate(Purpose.SEARCH, now=clock.now())
    search = SearchKeys(later)
    deps = RekeyDeps(store, clock, county.sealer, search, Intake(county.sealer, search), ("W01",))
    assert rekey.run(deps).problems == ()
    after = keys(county)
    assert {row.reporter_basis for row in after} == {"phone_of_id_no", "id_no"}
    assert len({row.reporter_key for row in after}) == 1
    county.collecting = county.collecting.__class__(store, deps.intake, county.collecting.numbers, clock)
    report = county.judged(said(county, 3, phone=PHONE, id_no=ID))
    assert report.counts["signals_new"] == 0
    assert county.signal(rule="W01").signal_id == before.signal_id
    assert county.signal(rule="W01").value == 4


@pytest.mark.requirement("R27")
def test_whoever_called_without_leaving_a_number_is_the_person_who_left_it_elsewhere(county: County) -> None:
    county.judged(
        said(county, 3, caller_phone=PHONE),
        said(county, 2, phone=PHONE),
        said(county, 1, phone=PHONE, id_no=ID),
    )
    called = keys(county)[0]
    assert called.phone_key is not None
    assert {row.reporter_basis for row in keys(county)} == {"phone_of_id_no", "id_no"}
    assert len({row.reporter_key for row in keys(county)}) == 1
    assert county.signal(rule="W01").value == 3


def test_the_number_that_a_call_came_from_is_marked_and_yields_to_one_that_was_left(county: County) -> None:
    county.judged(
        said(county, 3, caller_phone=PHONE),
        said(county, 2, caller_phone=PHONE, phone=OTHER_PHONE),
        said(county, 1, caller_phone=PHONE, phone="139****4321"),
    )
    marks = [row.quality for row in county.rows("SELECT quality FROM demand ORDER BY source_no")]
    called, left, masked = keys(county)
    assert ["PHONE_OF_CALLER" in mark for mark in marks] == [True, False, True]
    assert [called.reporter_basis, left.reporter_basis, masked.reporter_basis] == [
        "caller_phone",
        "phone",
        "caller_phone",
    ]
    assert called.phone_key == masked.phone_key == called.reporter_key
    assert left.phone_key not in (None, called.phone_key)


@pytest.mark.parametrize("nobody", ["匿名", "未显示", "12345", "0", "400-123-4567", "1383765xxxx"])
def test_a_caller_who_is_no_person_makes_no_key(county: County, nobody: str) -> None:
    county.judged(said(county, 3, caller_phone=nobody), said(county, 2, caller_phone=nobody))
    assert [(row.reporter_key, row.phone_key) for row in keys(county)] == [(None, None)] * 2


def test_an_identity_number_said_on_anothers_telephone_makes_that_telephone_nobodys(county: County) -> None:
    county.judged(said(county, 3, phone=PHONE), said(county, 2, caller_phone=PHONE, id_no=ID))
    son, mother = keys(county)
    assert (son.reporter_key, son.reporter_basis) == (son.phone_key, "phone")
    assert mother.reporter_key == mother.id_key


def test_a_callers_number_that_proves_shared_later_goes_by_itself_again(county: County) -> None:
    county.judged(said(county, 4, caller_phone=PHONE), said(county, 3, phone=PHONE, id_no=ID))
    assert keys(county)[0].reporter_basis == "phone_of_id_no"
    county.judged(said(county, 2, phone=PHONE, id_no=OTHER_ID))
    called = keys(county)[0]
    assert (called.reporter_key, called.reporter_basis) == (called.phone_key, "caller_phone")


def test_a_callers_number_on_the_stop_list_is_nobody(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    county = County(store, ring, clock)
    county.collecting.intake._stop_list = frozenset({PHONE})
    county.judged(said(county, 3, caller_phone=PHONE), said(county, 2, phone=PHONE, id_no=ID))
    assert keys(county)[0].reporter_key is None
