"""Triage: from a signal to a warning, by its rule or by a person, once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.clock import ManualClock
from hub.errors import NotFound, StateConflict
from hub.model.codes import Level
from hub.pipeline import triage
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.judging import COUNTY, Bringing, County, plugins_with
from tests.support.worded import worded

PHONE = "13812340001"
LEAK = "幸福小区煤气泄漏，味道很大，请速来处理！"
CROWD = "工人准备明天到县政府门口集体上访"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    made = County(store, ring, clock)
    made.configure(COUNTY)
    return made


@pytest.mark.requirement("R48")
def test_only_what_its_rule_may_issue_becomes_a_warning_by_itself(county: County) -> None:
    county.judged(county.demand(text=LEAK), county.demand(text=CROWD))
    assert county.triage().counts["warnings"] == 1
    states = {one.level: one.state for one in county.signals()}
    assert states == {Level.GRAVE: "warned", Level.SERIOUS: "open"}
    assert county.value("SELECT warning_no FROM warning").startswith("Y411521")
    assert county.triage().counts["warnings"] == 0


@pytest.mark.parametrize(("age", "warnings"), [(90.0, 1), (90.001, 0)])
def test_a_historical_signal_is_never_issued_by_itself(county: County, age: float, warnings: int) -> None:
    county.judged(county.demand(days=age, text=LEAK))
    assert county.triage().counts["warnings"] == warnings
    county.triage()
    assert county.value("SELECT count(*) FROM warning") == warnings


@pytest.mark.requirement("R10")
def test_what_is_gravest_is_issued_and_dispatched_before_all_the_reminders_that_came_in_before_it(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock, plugins_with(worded("X01", "提醒", Level.NOTICE)))
    county.configure(COUNTY)
    for number in range(4):
        county.judged(county.demand(text=f"提醒{number}"))
        clock.advance(1)
    county.judged(county.demand(text=LEAK))
    assert county.triage().counts["warnings"] == 5
    first, *_ = county.rows("SELECT rule_id FROM warning ORDER BY warning_no")
    assert first.rule_id == "W08"
    county.judged(county.demand(text=f"{LEAK}又一处"))
    county.triage()
    assert county.dispatch().counts["orders"] == 6
    told = [json.loads(bytes(row.body))["rule"] for row in county.messages()]
    assert [rule.partition(" ")[0] for rule in told] == ["W08", "W08", *["X01"] * 4]


def test_a_signal_that_grew_old_while_it_waited_is_not_issued_by_itself(county: County) -> None:
    county.judged(county.demand(text=LEAK))
    county.clock.advance(91 * 86400)
    assert county.triage().counts["warnings"] == 0
    assert county.signal().historical


def test_a_person_may_issue_a_historical_signal(county: County) -> None:
    county.judged(county.demand(days=400, text=LEAK))
    decision = triage.decide(county.deps, county.signal().signal_id, "issue", "王科长", "补办")
    assert decision.state == "warned"
    assert (
        county.value("SELECT issued_by FROM warning WHERE warning_no = :no", no=decision.warning_no)
        == "王科长"
    )


def test_a_disabled_rules_open_signals_are_not_issued_by_themselves(county: County) -> None:
    county.judged(county.demand(text=LEAK))
    county.configure({**COUNTY, "rules": [{"rule_id": "W08", "enabled": False, "reason": "试运行"}]})
    assert county.triage().counts["warnings"] == 0


def test_issuing_twice_is_one_warning(county: County) -> None:
    county.judged(county.demand(text=CROWD))
    signal_id = county.signal().signal_id
    first = triage.decide(county.deps, signal_id, "issue", "王科长", "属未诉预期")
    assert triage.decide(county.deps, signal_id, "issue", "李科长", "再发") == first
    assert county.value("SELECT count(*) FROM warning") == 1


def test_two_processes_triaging_at_once_issue_each_signal_once(county: County) -> None:
    county.judged(*(county.demand(text=LEAK) for _ in range(20)))
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(triage.run, [county.deps] * 3))
    assert sum(report.counts["warnings"] for report in reports) == 20
    assert county.value("SELECT count(DISTINCT signal_id) FROM warning") == 20


def test_what_was_issued_cannot_be_dismissed_and_what_was_dismissed_can_be_issued(county: County) -> None:
    county.judged(county.demand(text=CROWD))
    signal_id = county.signal().signal_id
    assert triage.decide(county.deps, signal_id, "dismiss", "王科长", "误报").state == "dismissed"
    assert triage.decide(county.deps, signal_id, "issue", "李局长", "复核后发出").warning_no is not None
    with pytest.raises(StateConflict, match="was issued for it"):
        triage.decide(county.deps, signal_id, "dismiss", "王科长", "误报")


def test_a_merged_signal_names_the_one_to_decide_on(county: County) -> None:
    county.repeat(PHONE, 80, 79, 78)
    county.repeat(PHONE, 30, 29, 28)
    county.evaluate()
    first, second = county.signals()
    county.repeat(PHONE, 58, 55)
    county.evaluate()
    with pytest.raises(StateConflict, match=first.signal_id):
        triage.decide(county.deps, second.signal_id, "issue", "王科长", "属未诉预期")


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("system", "x"), ("王科长", " ")])
def test_a_decision_names_a_person_and_a_reason(county: County, by: str, reason: str) -> None:
    county.judged(county.demand(text=CROWD))
    with pytest.raises(ValueError, match="names the person"):
        triage.decide(county.deps, county.signal().signal_id, "issue", by, reason)
    with pytest.raises(NotFound):
        triage.decide(county.deps, "01NOSUCH", "issue", "王科长", "x")


def test_plugins_are_told_of_a_warning_after_it_stands_and_one_that_fails_stops_nothing(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    class Failing(Bringing):
        from hub.sdk.hookspecs import hookimpl

        @hookimpl
        def on_warning_issued(self, warning_no, rule_id, level):
            raise RuntimeError

    listening = Bringing()
    county = County(store, ring, clock, plugins_with(failing=Failing(), listening=listening))
    county.judged(county.demand(text=LEAK))
    report = county.triage()
    assert report.counts["warnings"] == 1
    assert [problem.where for problem in report.problems] == ["plugin failing"]
    assert listening.told == [county.value("SELECT warning_no FROM warning")]
