"""However demands arrive, in whatever batches and in how many processes they are judged, every rule on demands says the same (P2)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.builtin.rules import RULES
from hub.clock import ManualClock
from hub.pipeline import evaluate
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.drawn import Drawn, came, drawn, said
from tests.support.judging import County, plugins_with

_runs = count(1)
PROCESSES = 3
arrivals = st.lists(drawn, min_size=4, max_size=16).flatmap(
    lambda demands: st.tuples(
        st.just(demands),
        st.permutations(range(len(demands))),
        st.sets(st.integers(1, len(demands) - 1), max_size=4),
    )
)


def test_any_order_of_arrival_in_any_batches_gives_the_same_signals_of_every_rule(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock, plugins_with(own=RULES))
    rules: set[str] = set()

    @given(arrivals)
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(arrival: tuple[list[Drawn], list[int], set[int]]) -> None:
        demands, order, cuts = arrival
        results = []
        for places, borders in ((list(range(len(demands))), set()), (order, cuts)):
            run = f"R{next(_runs)}"
            batch: list[int] = []
            for turn, place in enumerate(places):
                if turn in borders:
                    came(county, run, demands, batch)
                    assert county.evaluate().ok
                    batch = []
                batch.append(place)
            came(county, run, demands, batch)
            assert county.evaluate().ok
            results.append([one for one in said(county, run) if one[2] != "dismissed"])
        at_once, in_pieces = results
        rules.update(one[0] for one in at_once)
        assert at_once == in_pieces

    holds()
    assert rules >= {"W01", "W02a", "W02b", "W02c", "W03", "W08", "W09"}


def test_several_processes_judging_at_once_say_of_every_rule_what_one_says(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock, plugins_with(own=RULES), batch=1)
    rules: set[str] = set()

    @given(st.lists(drawn, min_size=8, max_size=16))
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(demands: list[Drawn]) -> None:
        results = []
        for processes in (1, PROCESSES):
            run = f"P{next(_runs)}"
            for place in range(len(demands)):
                came(county, run, demands, [place])  # a work row each, so that each may be judged by another
            with ThreadPoolExecutor(processes) as pool:
                reports = [pool.submit(evaluate.run, county.deps) for _ in range(processes)]
                assert all(report.result().ok for report in reports)
            results.append([one for one in said(county, run) if one[2] != "dismissed"])
        by_one, by_several = results
        rules.update(one[0] for one in by_one)
        assert by_one == by_several

    holds()
    assert rules >= {"W02a", "W02b", "W02c", "W08", "W09"}
