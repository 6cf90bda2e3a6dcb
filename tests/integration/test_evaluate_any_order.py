"""However demands arrive, and in whatever batches they are judged, the signals are the same (P2)."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.clock import ManualClock
from hub.model.demand import Demand
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.judging import County

_people = count(13_912_345_678)  # numbers that a float rounded (…0000) are nobody's

arrivals = st.lists(st.integers(0, 150 * 4), min_size=3, max_size=14).flatmap(
    lambda hours: st.tuples(
        st.just([hour * 6 for hour in hours]),
        st.permutations(range(len(hours))),
        st.sets(st.integers(1, max(1, len(hours) - 1)), max_size=4),
    )
)


def seen(county: County, phone_key: str) -> list[tuple[Any, ...]]:
    return [
        (
            one.rule_id,
            one.state,
            one.level,
            one.value,
            one.window_from,
            one.window_to,
            one.historical,
            one.nos,
        )
        for one in county.signals(rule="W01")
        if one.key == phone_key
    ]


def test_any_order_of_arrival_in_any_batches_gives_the_same_signals(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock)

    # The last to come lies just beyond the window of those that stand: their episode stays.
    @example(([0, 0, 198, 720], [0, 1, 2, 3], {1, 2, 3}))
    @given(arrivals)
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(arrival: tuple[list[int], list[int], set[int]]) -> None:
        hours, order, cuts = arrival
        results = []
        for places, borders in ((range(len(hours)), set()), (order, cuts)):
            phone = str(next(_people))
            demands = {
                place: county.demand(
                    at=clock.now() - timedelta(hours=hours[place]), phone=phone, no=f"{phone}-{place:02d}"
                )
                for place in range(len(hours))
            }
            batch: list[Demand] = []
            for turn, place in enumerate(places):
                if turn in borders:
                    county.judged(*batch)
                    batch = []
                batch.append(demands[place])
            county.judged(*batch)
            key = county.value(
                "SELECT DISTINCT reporter_key FROM demand WHERE source_no LIKE :no", no=f"{phone}-%"
            )
            results.append(
                [(*what[:-1], [no.removeprefix(phone) for no in what[-1]]) for what in seen(county, key)]
            )
        # Demands of one moment stand in the order in which the hub met them: compare them as sets.
        at_once, in_pieces = ([(*what[:-1], sorted(what[-1])) for what in result] for result in results)
        assert at_once == in_pieces

    holds()
