"""Two processes judge what shares persons at the same moment, and end as one would (P2)."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from hub.clock import ManualClock
from hub.model.demand import Demand, Reporter
from hub.pipeline import evaluate
from hub.sdk.rules import WarningRule
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.hubs import until
from tests.support.judging import County, plugins_with

PERSONS = 40
PAGE = 3
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def demands_of_persons(county: County, people: str, chance: random.Random) -> list[Demand]:
    """Of each person several: some with a telephone number, some with an identity number, some with both."""
    said: list[Demand] = []
    for person in range(PERSONS):
        phone, id_no = f"1{people}{12_345_678 + person}", f"41152119{people}0307{1234 + person}"
        for _ in range(chance.randint(3, 7)):
            who = chance.choice(
                (Reporter(phone=phone), Reporter(id_no=id_no), Reporter(phone=phone, id_no=id_no))
            )
            plain = county.demand(days=chance.uniform(0, 20), no=f"{people}-{len(said):03d}")
            said.append(plain.model_copy(update={"reporter": who}))
    chance.shuffle(said)
    return said


def standing(county: County, people: str) -> list[tuple[Any, ...]]:
    return sorted(
        (
            one.rule_id,
            one.state,
            one.level,
            one.value,
            one.window_from,
            one.window_to,
            sorted(no[3:] for no in one.nos),
        )
        # What many say of one matter would bring the two halves together: persons are what this is about.
        for one in county.signals(rule="W01")
        if one.nos[0].startswith(people)
    )


@pytest.mark.parametrize("seed", range(2))
def test_persons_that_come_to_light_in_two_processes_at_once_are_signalled_as_by_one(
    store: Store, ring: KeyRing, clock: ManualClock, seed: int
) -> None:
    county = County(store, ring, clock, batch=1)
    ends = []
    for processes, people in ((1, "38"), (2, "39")):
        said = demands_of_persons(county, people, random.Random(seed))
        for first in range(0, len(said), PAGE):
            county.receive(*said[first : first + PAGE])
        with ThreadPoolExecutor(processes) as pool:
            reports = [pool.submit(evaluate.run, county.deps) for _ in range(processes)]
            assert all(report.result().ok for report in reports)
        ends.append(standing(county, people))
    by_one, by_two = ends
    assert by_one
    assert by_two == by_one


class Slow(WarningRule):
    """Holds up whoever asks it first for its keys: between learning who is one person and judging what they said."""

    rule_id: ClassVar[str] = "T02"
    title: ClassVar[str] = "慢规则"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "demand"
    asked: ClassVar[threading.Event]
    released: ClassVar[threading.Event]

    def keys(self, demand):
        if not self.asked.is_set():
            self.asked.set()
            assert self.released.wait(15)
        return []

    def evaluate(self, keys, history):
        return []


def test_a_number_signalled_while_another_process_learns_whose_it_is_leaves_one_signal_of_the_person(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    phone, id_no = "13812345678", "411521199803071234"
    Slow.asked, Slow.released = threading.Event(), threading.Event()
    Slow.asked.set()
    county = County(store, ring, clock, plugins_with(Slow), batch=1)
    county.judged(county.demand())  # what is noted once only, at the first judging, is noted
    Slow.asked.clear()
    both = county.demand(days=1).model_copy(update={"reporter": Reporter(phone=phone, id_no=id_no)})
    county.receive(both)
    county.repeat(phone, 5, 4, 3)
    with ThreadPoolExecutor(2) as pool:
        learning = pool.submit(evaluate.run, county.deps, max_batches=1)
        assert Slow.asked.wait(15)
        other = pool.submit(evaluate.run, county.deps, max_batches=1)
        until(lambda: other.done() or county.value(WAITING) > 0, "the other process to be done or to wait")
        Slow.released.set()
        assert learning.result().ok
        assert other.result().ok
    (signal,) = county.signals(merged=True)
    assert signal.key == county.value("SELECT id_key FROM demand WHERE source_no = :no", no=both.source_no)
    assert (signal.state, signal.value) == ("open", 4)
