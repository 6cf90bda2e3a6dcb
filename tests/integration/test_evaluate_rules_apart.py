"""A rule that raises, hangs, lies or is set wrongly stops no other, and its demands wait for it (P5)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

import pytest

from hub.clock import ManualClock
from hub.errors import StateConflict
from hub.model.codes import Level
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, RuleParams, WarningRule
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.judging import COUNTY, County, plugins_with

PHONE = "13812340001"


class Strictness(RuleParams):
    """Parameters of a rule that a test brings."""

    least: int = 1


class PerDemand(WarningRule):
    """One signal a demand; subclasses misbehave."""

    rule_id: ClassVar[str] = "T01"
    title: ClassVar[str] = "测试规则"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "demand"
    Params: ClassVar[type[RuleParams]] = Strictness

    def keys(self, demand):
        return [demand.demand_id]

    def evaluate(self, keys, history):
        for (demand,) in history.demands("demand", {key.key: EVER for key in keys}).values():
            yield draft(demand)


def draft(demand, **changes):
    from datetime import timedelta

    return SignalDraft(
        **{
            "key": demand.demand_id,
            "level": Level.NOTICE,
            "window_from": demand.submitted_at,
            "window_to": demand.submitted_at + timedelta(seconds=1),
            "metric": "件数",
            "value": 1.0,
            "threshold": 1.0,
            "demand_ids": (demand.demand_id,),
            "reporters": 0,
            "summary": "测试",
            **changes,
        }
    )


class Bad(Exception):
    """What a broken rule raises."""


def county_with(store: Store, ring: KeyRing, clock: ManualClock, *rules, **options) -> County:
    return County(store, ring, clock, plugins_with(*rules), **options)


def waiting(county: County) -> list[Any]:
    return county.rows(
        "SELECT rule_ids, demand_ids, attempts, not_before FROM evaluate_work ORDER BY work_id"
    )


def rule(**methods) -> type[WarningRule]:
    return type("Brought", (PerDemand,), methods)


def raising(self, keys, history):
    raise Bad("张三 13812345678")


def no_drafts(self, keys, history):
    history.demands("demand", {key.key: EVER for key in keys})
    return [object()]


def foreign_key(self, keys, history):
    for (demand,) in history.demands("demand", {key.key: EVER for key in keys}).values():
        yield draft(demand, key="somebody")


def no_number(self, keys, history):
    for (demand,) in history.demands("demand", {key.key: EVER for key in keys}).values():
        yield draft(demand, value=float("nan"))


def nul_text(self, keys, history):
    for (demand,) in history.demands("demand", {key.key: EVER for key in keys}).values():
        yield draft(demand, summary="a\0b")


def half_a_character(self, keys, history):
    for (demand,) in history.demands("demand", {key.key: EVER for key in keys}).values():
        yield draft(demand).model_copy(update={"summary": "a\ud800b"})


def too_many_people(self, keys, history):
    for (demand,) in history.demands("demand", {key.key: EVER for key in keys}).values():
        yield draft(demand, reporters=10**30)


def one_signal(self, keys, history):
    return [draft(one) for (one,) in history.demands("demand", {key.key: EVER for key in keys}).values()]


def scope_raises(self, affected):
    raise Bad


def scope_lies(self, affected):
    return None


def related_lies(self, keys, history):
    return ["somebody"]


def keys_of_half_a_character(self, demand):
    return ["a\ud800b"]


class Endless(Strictness):
    """Parameters with a number that JSON cannot say."""

    most: float = float("inf")


def twice(self, keys, history):
    for (demand,) in history.demands("demand", {key.key: EVER for key in keys}).values():
        yield draft(demand)
        yield draft(demand)


def unknown_demand(self, keys, history):
    for (demand,) in history.demands("demand", {key.key: EVER for key in keys}).values():
        yield draft(demand, demand_ids=("01NOSUCH",))


def swallowing(self, keys, history):
    try:
        history.demands("demand", {"a\0b": EVER})
    except BaseException:
        return []
    return []


def conflict(self, keys, history):
    raise StateConflict("mine", code="state_conflict")


def unknown_subject(self, keys, history):
    return history.demands("weather", {"x": EVER})


def keys_raise(self, demand):
    raise Bad


def keys_lie(self, demand):
    return [7]


@pytest.mark.parametrize(
    "methods",
    [
        {"evaluate": raising},
        {"evaluate": no_drafts},
        {"evaluate": foreign_key},
        {"evaluate": no_number},
        {"evaluate": nul_text},
        {"evaluate": half_a_character},
        {"evaluate": too_many_people},
        {"evaluate": twice},
        {"evaluate": unknown_demand},
        {"evaluate": swallowing},
        {"evaluate": unknown_subject},
        {"evaluate": conflict},
        {"keys": keys_raise},
        {"keys": keys_lie},
        {"keys": keys_of_half_a_character},
        {"scope": scope_raises, "evaluate": one_signal},
        {"scope": scope_lies, "evaluate": one_signal},
        {"related": related_lies},
        {"Params": Endless},
    ],
    ids=lambda methods: next(iter(methods.values())).__name__,
)
def test_a_rule_that_fails_leaves_the_others_results_and_its_demands_wait_for_it_alone(
    store: Store, ring: KeyRing, clock: ManualClock, methods: dict[str, Any]
) -> None:
    county = county_with(store, ring, clock, rule(**methods))
    county.repeat(PHONE, 0, 1, 2)
    report = county.evaluate()
    assert [(one.where, one.code) for one in report.problems] == [("rule T01", "plugin_failed")]
    assert "13812345678" not in report.problems[0].message
    assert [one.rule_id for one in county.signals()] == ["W01"]
    assert [(row.rule_ids, row.attempts) for row in waiting(county)] == [(["T01"], 1)] * 2
    assert sum(len(row.demand_ids) for row in waiting(county)) == 3
    assert county.evaluate().problems == ()  # nothing is due: the rule rests


class Moment(datetime):
    """A time of a class of its own, as libraries of calendars give them."""


def test_a_rule_may_give_times_of_a_library_of_calendars(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    def evaluate(self, keys, history):
        for (one,) in history.demands("demand", {key.key: EVER for key in keys}).values():
            yield draft(one, window_from=Moment.fromisoformat(one.submitted_at.isoformat()))

    county = county_with(store, ring, clock, rule(evaluate=evaluate))
    demand = county.demand(phone=PHONE)
    county.judged(demand)
    (one,) = county.signals(rule="T01")
    assert one.window_from == demand.submitted_at


def test_what_cannot_be_written_to_a_signal_that_stands_is_its_rules_failure_too(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = county_with(store, ring, clock, rule(evaluate=one_signal))
    demand = county.demand(phone=PHONE)
    county.judged(demand)
    worse = county_with(store, ring, clock, rule(evaluate=half_a_character))
    worse.receive(demand.model_copy(update={"title": "再次反映"}))
    assert [(one.where, one.code) for one in worse.evaluate().problems] == [("rule T01", "plugin_failed")]
    assert [one.summary for one in worse.signals(rule="T01")] == ["测试"]


def test_what_one_rule_could_not_be_told_is_no_answer_to_the_next(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    def asks_for_too_much(self, keys, history):
        found = history.demands("demand", {key.key: EVER for key in keys})
        known = {one.reporter_key for (one,) in found.values()}
        history.outlines("reporter", dict.fromkeys([*known, "a\0b"], EVER))
        return []

    county = county_with(store, ring, clock, rule(evaluate=asks_for_too_much))
    county.repeat(PHONE, 0, 1, 2)
    assert [one.where for one in county.evaluate().problems] == ["rule T01"]
    assert [one.rule_id for one in county.signals()] == ["W01"]
    # Judged again, too: the signal that stands is not closed as gone.
    clock.advance(60)
    county.receive(county.demand(phone=PHONE, days=0.5))
    assert [one.where for one in county.evaluate().problems] == ["rule T01"]
    assert [(one.rule_id, one.state) for one in county.signals()] == [("W01", "open")]


def test_a_rule_that_was_mended_judges_what_waited_for_it(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    broken = county_with(store, ring, clock, rule(evaluate=raising))
    broken.repeat(PHONE, 0, 1, 2)
    broken.evaluate()
    clock.advance(60)
    mended = county_with(store, ring, clock, PerDemand)
    report = mended.evaluate()
    assert report.ok
    assert report.counts["signals_new"] == 3
    assert waiting(mended) == []


def test_one_bad_demand_is_alone_after_some_tries_and_the_others_are_judged(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    def picky(self, keys, history):
        for (demand,) in history.demands("demand", {key.key: EVER for key in keys}).values():
            if demand.title == "坏":
                raise Bad
            yield draft(demand)

    county = county_with(store, ring, clock, rule(evaluate=picky))
    county.receive(*(county.demand(title="坏" if number == 5 else "好") for number in range(16)))
    for _ in range(6):
        county.evaluate()
        clock.advance(60)
    assert len(county.signals(rule="T01")) == 15
    ((rule_ids, demand_ids, attempts, not_before),) = waiting(county)
    assert (rule_ids, len(demand_ids)) == (["T01"], 1)
    while attempts < 12:
        clock.advance(3600)
        county.evaluate()
        ((_, _, attempts, not_before),) = waiting(county)
    assert (not_before - clock.now()).total_seconds() == 3600  # never longer than an hour


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets a hanging rule go at the end of its test."""
    event = threading.Event()
    yield event
    event.set()


def test_a_rule_that_hangs_is_cut_off_rests_and_is_tried_again_later(
    store: Store, ring: KeyRing, clock: ManualClock, release: threading.Event
) -> None:
    asked = []

    def hanging(self, keys, history):
        asked.append(len(keys))
        release.wait(60)
        return []

    county = county_with(store, ring, clock, rule(evaluate=hanging), rule_timeout_s=2.0)
    county.repeat(PHONE, 0, 1, 2)
    report = county.evaluate()
    assert [problem.code for problem in report.problems] == ["plugin_timeout"]
    assert [one.rule_id for one in county.signals()] == ["W01"]
    county.judged(county.demand())  # the rule rests: it is not asked, and nobody waits for it
    assert asked == [3]
    clock.advance(61)
    assert [problem.code for problem in county.evaluate().problems] == ["plugin_timeout"]
    assert len(asked) == 2


def test_what_hangs_past_its_limit_gets_no_answer_from_history_any_more(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county_ended, told = threading.Event(), threading.Event()
    answers: list[object] = []

    def stubborn(self, keys, history):
        while not county_ended.is_set():
            try:
                county_ended.wait(60)
            except BaseException:
                continue
        try:
            answers.append(history.counts("demand", {key.key: EVER for key in keys}))
        except Exception as exc:
            answers.append(exc)
        told.set()
        return []

    county = county_with(store, ring, clock, rule(evaluate=stubborn), rule_timeout_s=2.0)
    county.repeat(PHONE, 0)
    county.evaluate()
    county_ended.set()
    assert told.wait(30)
    assert "after its evaluation had ended" in str(answers[0])


def test_a_rule_whose_stored_parameters_it_refuses_is_left_out_loudly_and_its_demands_wait(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = county_with(store, ring, clock, PerDemand)
    county.rows(
        "INSERT INTO rule_params (rule_id, version, params, author, reason, valid_from, taken_up_at) "
        "VALUES ('W01', 1, '{\"threshold\": \"many\"}', 'x', 'x', :now, :now) RETURNING 1",
        now=clock.now(),
    )
    county.repeat(PHONE, 0, 1, 2)
    report = county.evaluate()
    assert [(problem.where, problem.code) for problem in report.problems] == [("rule W01", "config_invalid")]
    assert "threshold" in report.problems[0].message
    assert {one.rule_id for one in county.signals()} == {"T01"}
    assert [row.rule_ids for row in waiting(county)] == [["W01"]]


def test_demands_that_wait_for_a_rule_that_is_gone_wait_on_until_it_is_disabled(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    broken = county_with(store, ring, clock, rule(evaluate=raising))
    broken.repeat(PHONE, 0)
    broken.evaluate()
    clock.advance(60)
    without = County(store, ring, clock)
    (problem,) = without.evaluate().problems
    assert problem.code == "plugin_broken"
    assert "T01" in problem.message
    without.configure({**COUNTY, "rules": [{"rule_id": "T01", "enabled": False, "reason": "已停用"}]})
    clock.advance(3600)
    assert without.evaluate().ok
    assert waiting(without) == []


def test_a_disabled_rule_is_not_asked(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    county = County(store, ring, clock)
    county.configure({**COUNTY, "rules": [{"rule_id": "W01", "enabled": False, "reason": "试运行"}]})
    county.repeat(PHONE, 0, 1, 2)
    assert county.evaluate().ok
    assert county.signals() == []
    county.configure(COUNTY)
    assert county.evaluate().counts["signals_new"] == 1


@pytest.mark.requirement("R37")
def test_changed_parameters_take_effect_on_what_is_stored_already(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock)
    county.configure(COUNTY)
    county.repeat(PHONE, 0, 1, 2)
    county.evaluate()
    assert county.signal().params == {"window_days": 30, "threshold": 3, "any_matter": 5, "grave": 6}
    tighter = {"rule_id": "W01", "params": {"threshold": 4}, "reason": "减少误报"}
    assert county.configure({**COUNTY, "rules": [tighter]}).rejudged == ("W01",)
    county.evaluate()
    assert county.signal().state == "dismissed"
    county.repeat(PHONE, 3)
    county.evaluate()
    one = county.signal()
    assert (one.state, one.value, one.params["threshold"]) == ("open", 4.0, 4)
