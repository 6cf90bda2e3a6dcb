"""What rules may ask of the stored demands, and what is answered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.clock import ManualClock
from hub.model.codes import DemandStatus
from hub.sdk.rules import EVER
from hub.seal import KeyRing
from hub.store.engine import Store
from hub.store.history import StoreHistory, facts_of, former_facts
from tests.support.judging import County, local

PHONE, OTHER = "13812340001", "13812340002"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def keys(county: County) -> list[str]:
    return [
        row.reporter_key
        for row in county.rows("SELECT reporter_key, min(source_no) FROM demand GROUP BY 1 ORDER BY 2")
    ]


def test_each_key_is_answered_within_its_own_half_open_span(county: County) -> None:
    county.repeat(PHONE, 3, 2, 1)
    county.repeat(OTHER, 3, 2, 1)
    now = county.clock.now()
    one, two = keys(county)
    with county.store.begin() as connection:
        history = StoreHistory(connection, now)
        spans = {
            one: (now - timedelta(days=3), now - timedelta(days=1)),
            two: (now - timedelta(days=1), now),
            "nobody": EVER,
        }
        assert history.counts("reporter", spans) == {one: 2, two: 1}
        assert history.counts("reporter", dict.fromkeys((one, two, "nobody"), EVER)) == {one: 3, two: 3}
        found = history.demands("reporter", {one: EVER})[one]
        assert [demand.submitted_at for demand in found] == [now - timedelta(days=day) for day in (3, 2, 1)]
        assert history.demands("reporter", {}) == {}


def test_deleted_and_void_demands_are_not_answered(county: County) -> None:
    demands = county.repeat(PHONE, 3, 2, 1)
    county.receive(demands[0], deleted=True)
    county.receive(demands[1].model_copy(update={"status": DemandStatus.VOID}))
    with county.store.begin() as connection:
        assert list(
            StoreHistory(connection, county.clock.now()).counts("reporter", {keys(county)[0]: EVER}).values()
        ) == [1]


def test_weeks_begin_on_monday_of_the_countys_own_time(county: County) -> None:
    county.receive(
        county.demand(at=local(2026, 11, 16, 0, 0), phone=PHONE),
        county.demand(at=local(2026, 11, 22, 23, 59), phone=PHONE),
        county.demand(at=local(2026, 11, 23, 0, 0), phone=PHONE),
    )
    (key,) = keys(county)
    with county.store.begin() as connection:
        history = StoreHistory(connection, county.clock.now())
        assert history.weekly("reporter", {key: EVER}) == {
            key: [(local(2026, 11, 16), 2), (local(2026, 11, 23), 1)]
        }
        assert history.distinct_reporters("reporter", {key: EVER}) == {key: 1}


def test_a_changed_demand_is_remembered_with_what_it_was_before(county: County) -> None:
    demand = county.demand(phone=PHONE, category="公路管理", target_org="县交通局")
    county.receive(demand)
    county.receive(demand.model_copy(update={"category": None, "content": "改写"}))
    county.receive(demand.model_copy(update={"category": None, "content": "再改写"}))
    with county.store.begin() as connection:
        (now,) = facts_of(connection, [county.value("SELECT demand_id FROM demand")])
        (was,) = former_facts(connection, [now])
    assert (now.category, was.category) == (None, "公路管理")
    assert (was.text, was.target_org) == ("再改写", "县交通局")
