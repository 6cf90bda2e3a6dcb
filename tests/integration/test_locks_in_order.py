"""Whoever judges, triages, groups and revokes at the same moment takes its locks in one order: keys, signals, warnings."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.model.codes import Level
from hub.model.warning import SignalDraft
from hub.pipeline import evaluate, triage
from hub.sdk.rules import EVER, AffectedKey, History, WarningRule
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.hubs import until
from tests.support.judging import COUNTY, County, plugins_with
from tests.support.worded import Worded, worded

WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


class Graded(Worded):
    """A reminder, and a yellow card once the words say that it has grown worse."""

    rule_id, level, auto_issue = "X01", Level.NOTICE, False

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        said = history.demands(self.subject, {one.key: EVER for one in keys})
        for draft in super().evaluate(keys, history):
            worse = "加重" in said[draft.key][0].text
            yield draft.model_copy(update={"level": Level.SERIOUS}) if worse else draft


class Paused(WarningRule):
    """Judged last: holds up whoever asks it, with what the others have judged written and locked."""

    rule_id: ClassVar[str] = "Z99"
    title: ClassVar[str] = "慢规则"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "demand"
    asked: ClassVar[threading.Event]
    released: ClassVar[threading.Event]

    def keys(self, demand):
        return [demand.demand_id] if "加重" in demand.text else []

    def evaluate(self, keys, history):
        self.asked.set()
        assert self.released.wait(20)
        return []


def decide(county: County, *ids: str) -> str:
    number = triage.decide(county.deps, ids, "issue", "王科长", "属未诉预期").warning_no
    assert number is not None
    return number


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    Paused.asked, Paused.released = threading.Event(), threading.Event()
    rules = (Graded, worded("X02", "红牌", Level.GRAVE), Paused)
    made = County(store, ring, clock, plugins_with(*rules, own=()), batch=1)
    made.configure({**COUNTY, "cards": [["X01", "X02"]]})
    return made


def test_a_higher_card_revokes_a_grouped_lower_one_while_another_process_judges_its_other_signal(
    county: County,
) -> None:
    one, two = (
        county.demand(text="黄牌", no=no, days=days, target_org="县自然资源局")
        for no, days in (("A1", 2), ("A2", 1))
    )
    county.judged(one, two)
    lower = decide(county, *(signal.signal_id for signal in county.signals()))
    county.judged(one.model_copy(update={"content": "黄牌红牌"}))
    county.receive(two.model_copy(update={"content": "黄牌加重"}))
    with ThreadPoolExecutor(2) as pool:
        judging = pool.submit(evaluate.run, county.deps)
        assert Paused.asked.wait(20)
        issuing = pool.submit(triage.run, county.deps)
        until(lambda: issuing.done() or county.value(WAITING) > 0, "triage to be done or to wait")
        Paused.released.set()
        assert judging.result().ok
        assert issuing.result().ok
    county.triage()
    standing = dict(county.rows("SELECT warning_no, state FROM warning"))
    assert standing.pop(lower) == "revoked"
    assert list(standing.values()) == ["issued"]
    assert [one.state for one in county.signals(rule="X01")] == ["open", "open"]


def test_two_processes_raise_the_same_grouped_warnings_by_different_signals(county: County) -> None:
    demands = [county.demand(text="黄牌", no=f"B{n}", days=9 - n) for n in range(4)]
    for demand in demands:
        county.judged(demand)
        county.clock.advance(1)
    first, second, third, fourth = sorted(signal.signal_id for signal in county.signals())
    numbers = decide(county, first, fourth), decide(county, second, third)
    Paused.released.set()
    # One process meets the warnings in this order, the other in the reverse.
    worse = [one.model_copy(update={"content": "黄牌加重"}) for one in demands]
    county.receive(worse[0], worse[2])
    county.receive(worse[1], worse[3])
    county.rows(
        "UPDATE evaluate_work SET placed = true, grouped = true RETURNING 1"
    )  # both rows may be judged at once
    with ThreadPoolExecutor(2) as pool:
        with county.store.begin() as connection:
            held = text("SELECT 1 FROM warning WHERE warning_no = ANY(:nos) FOR UPDATE")
            connection.execute(held, {"nos": list(numbers)})
            both = [pool.submit(evaluate.run, county.deps, max_batches=1) for _ in range(2)]
            until(lambda: county.value(WAITING) == 2, "both to wait", limit_s=20)
        assert all(one.result().ok for one in both)
    assert dict(county.rows("SELECT warning_no, level FROM warning")) == dict.fromkeys(numbers, 2)
