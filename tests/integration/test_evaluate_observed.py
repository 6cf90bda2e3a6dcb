"""Rules about more than demands: cases and ratings that change, keys that are judged again at a moment, orders without a demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from hub.clock import ManualClock
from hub.model.case import Case, CaseStep
from hub.model.codes import InspectionKind, Level, RatingLevel, Watch
from hub.model.inspection import Finding
from hub.model.rating import Rating
from hub.model.warning import SignalDraft
from hub.pipeline import reevaluate
from hub.pipeline.reevaluate import Span
from hub.sdk.rules import EVER, MOMENT, AffectedKey, History, ObservationRule, Recheck, RuleParams, Seen
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.judging import BUREAU, COUNTY, OFFICE, County, plugins_with


class OverdueParams(RuleParams):
    """Parameters of the rule of these tests."""

    grave_after_h: int = 48


class Overdue(ObservationRule):
    """A case that is not finished at its deadline; graver two days later."""

    rule_id: ClassVar[str] = "T21"
    title: ClassVar[str] = "超期"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "case"
    observes: ClassVar[tuple[str, ...]] = ("case",)
    Params: ClassVar[type[RuleParams]] = OverdueParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        return (seen.id,) if seen.what.due_at is not None else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for key, (one,) in history.seen("case", "case", {each.key: EVER for each in keys}).items():
            due = one.what.due_at
            grave = due + timedelta(hours=self.params.grave_after_h)
            ended = one.what.finished_at or history.now
            if ended <= due:
                if one.what.finished_at is None:
                    yield Recheck(key, due + MOMENT)
                continue
            if one.what.finished_at is None and ended <= grave:
                yield Recheck(key, grave + MOMENT)
            yield SignalDraft(
                key=key,
                level=Level.GRAVE if ended > grave else Level.SERIOUS,
                window_from=due,
                window_to=due + MOMENT,
                metric="超期",
                value=1.0,
                threshold=1.0,
                observed=(one.ref,),
                organisation=one.what.organisation,
                reporters=0,
                summary=f"办件{one.what.case_no}超期",
                auto_issue=True,
            )


class Reminder(Overdue):
    """The same as a reminder, which asks for no order."""

    rule_id: ClassVar[str] = "T22"

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for one in super().evaluate(keys, history):
            yield one.model_copy(update={"level": Level.NOTICE}) if isinstance(one, SignalDraft) else one


class BadRatings(ObservationRule):
    """Two bad ratings of one window."""

    rule_id: ClassVar[str] = "T23"
    title: ClassVar[str] = "窗口差评"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "window"
    observes: ClassVar[tuple[str, ...]] = ("rating",)

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        return (seen.what.window_no,) if seen.what.window_no else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for key, ratings in history.seen("rating", "window", {each.key: EVER for each in keys}).items():
            bad = [one for one in ratings if one.what.level <= 2]
            if len(bad) >= 2:
                yield SignalDraft(
                    key=key,
                    level=Level.SERIOUS,
                    window_from=bad[0].at,
                    window_to=bad[-1].at + MOMENT,
                    metric="差评数",
                    value=float(len(bad)),
                    threshold=2.0,
                    observed=tuple(one.ref for one in bad),
                    reporters=0,
                    summary="同一窗口差评",
                )


def county_with(store: Store, ring: KeyRing, clock: ManualClock, *rules: Any, **options: Any) -> County:
    return County(store, ring, clock, plugins_with(*rules), **options)


def case(county: County, no: str = "C1", *, due_h: float = 24, **fields: Any) -> Case:
    begun = fields.pop("begun", county.clock.now())
    return Case(
        source_no=no,
        case_no=no,
        as_of=county.clock.now(),
        applied_at=begun,
        due_at=begun + timedelta(hours=due_h),
        **{"item_code": "4100001", "item_name": "不动产登记", "organisation": "不动产登记中心", **fields},
    )


def rating(county: County, no: str, level: int, window: str | None = "7") -> Rating:
    return Rating(source_no=no, rated_at=county.clock.now(), level=RatingLevel(level), window_no=window)


def test_a_case_is_judged_again_when_its_time_is_over_though_nothing_comes_in(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = county_with(store, ring, clock, Overdue)
    county.observe(case(county))
    assert county.evaluate().counts["observed"] == 1
    assert county.signals(rule="T21") == []
    clock.advance(23 * 3600)
    assert not any(county.evaluate().counts.values())
    clock.advance(2 * 3600)
    assert county.evaluate().counts["rechecked"] == 1
    one = county.signal(rule="T21")
    assert (one.level, one.demand_ids, one.observed) == (
        Level.SERIOUS,
        [],
        [f"case:{county.value('SELECT case_id FROM service_case')}"],
    )
    # Nothing is due until it grows worse; then the same signal rises.
    assert not any(county.evaluate().counts.values())
    clock.advance(48 * 3600)
    assert county.evaluate().counts["signals_changed"] == 1
    assert county.signal(rule="T21").level == Level.GRAVE
    assert county.value("SELECT count(*) FROM recheck") == 0


def test_a_case_that_ends_in_time_raises_nothing_and_is_not_looked_at_again(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = county_with(store, ring, clock, Overdue)
    begun = clock.now()
    county.observe(case(county))
    county.evaluate()
    clock.advance(3600)
    county.observe(case(county, begun=begun, finished_at=clock.now()))
    county.evaluate()
    assert county.value("SELECT count(*) FROM recheck") == 0
    clock.advance(72 * 3600)
    county.evaluate()
    assert county.signals(rule="T21") == []


def test_a_signal_goes_when_the_source_takes_back_what_it_rests_on(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = county_with(store, ring, clock, BadRatings)
    county.observe(rating(county, "R1", 1), rating(county, "R2", 2))
    county.evaluate()
    assert county.signal(rule="T23").state == "open"
    county.observe(rating(county, "R2", 5))
    county.evaluate()
    assert county.signal(rule="T23").state == "dismissed"
    county.observe(rating(county, "R2", 1))
    county.evaluate()
    assert county.signal(rule="T23").state == "open"


def test_a_rating_that_moves_to_another_window_is_judged_under_both(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = county_with(store, ring, clock, BadRatings)
    county.observe(rating(county, "R1", 1, "7"), rating(county, "R2", 1, "7"), rating(county, "R3", 1, "8"))
    county.evaluate()
    county.observe(rating(county, "R2", 1, "8"))
    county.evaluate()
    assert {one.key: one.state for one in county.signals(rule="T23")} == {"7": "dismissed", "8": "open"}


def test_what_came_first_makes_no_difference(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    county = county_with(store, ring, clock, BadRatings)
    now = clock.now()
    for number in (3, 1, 2):
        at = now - timedelta(days=number)
        county.observe(Rating(source_no=f"R{number}", rated_at=at, level=RatingLevel(1), window_no="7"))
        county.evaluate()
    one = county.signal(rule="T23")
    assert (one.value, one.window_from) == (3.0, now - timedelta(days=3))
    assert [ref.partition(":")[0] for ref in one.observed] == ["rating"] * 3


def test_a_card_about_a_case_becomes_an_order_to_the_organisation_that_it_names(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = county_with(store, ring, clock, Overdue)
    county.configure()
    staff = "欧阳建国"
    steps = (CaseStep(no="1", name="受理", handler=staff, opinion=f"{staff}已收件"),)
    county.observe(case(county, steps=steps, staff_no=staff))
    county.evaluate()
    clock.advance(25 * 3600)
    county.evaluate(), county.triage(), county.dispatch()
    (message,) = county.messages()
    body = json.loads(message.body)
    assert (message.organisation, message.event_type) == (BUREAU["code"], "order.created")
    assert (body["demands"], body["rule"]) == ([], "T21 超期")
    (told,) = body["observed"]
    assert (told["kind"], told["number"], told["item_name"]) == ("case", "C1", "不动产登记")
    assert staff not in message.body.decode()
    assert county.rows("SELECT watch, matter_text FROM ledger") == [(Watch.MONITOR, "T21 超期：不动产登记")]
    # Run again, nothing more is sent.
    county.evaluate(), county.triage(), county.dispatch()
    assert len(county.messages()) == 1


def test_a_reminder_is_told_and_makes_no_order(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    county = county_with(store, ring, clock, Reminder)
    county.configure()
    county.observe(case(county, organisation="无名单位"))
    county.evaluate()
    clock.advance(25 * 3600)
    county.evaluate(), county.triage(), county.dispatch()
    (message,) = county.messages()
    assert (message.organisation, message.event_type, message.order_id) == (
        OFFICE["code"],
        "warning.issued",
        None,
    )
    assert json.loads(message.body)["observed"][0]["number"] == "C1"
    assert county.value("SELECT count(*) FROM orders") == 0


def test_a_warning_whose_case_is_gone_is_taken_back(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    county = county_with(store, ring, clock, Overdue)
    county.configure()
    county.observe(case(county))
    county.evaluate()
    clock.advance(25 * 3600)
    county.evaluate(), county.triage()
    county.observe(case(county).model_copy(update={"deleted": True}))
    county.dispatch()
    assert county.messages() == []
    assert county.value("SELECT state FROM warning") == "revoked"


def test_a_finding_brings_its_own_watch(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    told: list[Seen] = []

    class Looks(BadRatings):
        rule_id: ClassVar[str] = "T24"
        subject: ClassVar[str] = "finding"
        observes: ClassVar[tuple[str, ...]] = ("finding",)

        def observed_keys(self, seen: Seen) -> Iterable[str]:
            told.append(seen)
            return ()

    county = county_with(store, ring, clock, Looks)
    county.observe(
        Finding(
            source_no="F1",
            inspection_kind=InspectionKind.DAILY,
            found_at=clock.now(),
            text="窗口无人值守，欧阳建国 13812345678",
            person="欧阳建国",
        ),
        watch=Watch.OBSERVE,
    )
    county.evaluate()
    (one,) = told
    assert (one.kind, one.watch, one.what.person) == ("finding", Watch.OBSERVE, None)
    assert "13812345678" not in one.what.text
    assert "欧阳建国" not in one.what.text


@pytest.mark.parametrize("fault", ["raises", "past", "unasked"])
def test_a_rule_that_fails_on_a_case_lets_the_others_judge_and_is_asked_again(
    store: Store, ring: KeyRing, clock: ManualClock, fault: str
) -> None:
    class Broken(Overdue):
        rule_id: ClassVar[str] = "T25"
        broken: ClassVar[bool] = True

        def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
            if not self.broken:
                yield from super().evaluate(keys, history)
            elif fault == "raises":
                raise RuntimeError("no")
            else:
                yield Recheck(keys[0].key if fault == "past" else "another", history.now)

    county = county_with(store, ring, clock, Broken, Overdue)
    county.observe(case(county, due_h=-1))
    report = county.evaluate()
    assert [problem.where for problem in report.problems] == ["rule T25"]
    assert [one.rule_id for one in county.signals()] == ["T21"]
    Broken.broken = False
    clock.advance(3600)
    assert county.evaluate().ok
    assert [one.rule_id for one in county.signals()] == ["T21", "T25"]


def test_a_rule_that_fails_when_a_moment_has_come_is_asked_again(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    class Breaks(Overdue):
        rule_id: ClassVar[str] = "T26"
        broken: ClassVar[bool] = False

        def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
            if self.broken:
                raise RuntimeError("no")
            yield from super().evaluate(keys, history)

    county = county_with(store, ring, clock, Breaks)
    county.observe(case(county), case(county, "C2"))
    county.evaluate()
    Breaks.broken = True
    clock.advance(25 * 3600)
    assert [problem.where for problem in county.evaluate().problems] == ["rule T26"]
    assert county.signals() == []
    Breaks.broken = False
    clock.advance(3600)
    county.evaluate()
    assert len(county.signals(rule="T26")) == 2


def test_other_parameters_judge_every_case_again(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    county = county_with(store, ring, clock, Overdue)
    county.observe(case(county, due_h=-24))
    county.evaluate()
    assert county.signal(rule="T21").level == Level.SERIOUS
    rules = [{"rule_id": "T21", "params": {"grave_after_h": 1}, "reason": "stricter"}]
    county.configure({**COUNTY, "rules": rules})
    county.evaluate()
    assert county.signal(rule="T21").level == Level.GRAVE


def test_a_rule_that_is_disabled_forgets_its_moments_and_enabled_again_judges_everything(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = county_with(store, ring, clock, Overdue)
    county.observe(case(county))
    county.evaluate()
    county.configure({**COUNTY, "rules": [{"rule_id": "T21", "enabled": False, "reason": "not now"}]})
    clock.advance(25 * 3600)
    county.evaluate()
    assert county.signals() == []
    assert county.value("SELECT count(*) FROM recheck") == 0
    county.configure({**COUNTY, "rules": [{"rule_id": "T21", "reason": "again"}]})
    county.evaluate()
    assert county.signal(rule="T21").level == Level.SERIOUS


def test_what_was_observed_in_a_span_is_put_back_for_the_rules_that_care(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = county_with(store, ring, clock, Overdue, BadRatings)
    county.observe(case(county))
    county.evaluate()
    clock.advance(3600)
    county.observe(rating(county, "R1", 1))
    county.evaluate()
    clock.advance(1)
    again = reevaluate.run(county.deps, rule_ids=["T21", "T23"], span=Span())
    assert again.counts == {"demands": 0, "observed": 2, "rules": 2}
    report = county.evaluate()
    assert (report.counts["observed"], report.counts["signals_changed"]) == (2, 0)


def test_processes_that_judge_at_once_raise_each_signal_once(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = county_with(store, ring, clock, Overdue, BadRatings, batch=1)
    for number in range(12):
        county.observe(case(county, f"C{number}"), rating(county, f"R{number}", 1, str(number % 3)))
    county.evaluate()
    clock.advance(25 * 3600)
    together = threading.Barrier(4)

    def judge() -> None:
        together.wait()
        county.evaluate()

    threads = [threading.Thread(target=judge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(county.signals(rule=rule)) for rule in ("T21", "T23")] == [12, 3]


def test_a_rule_may_ask_of_warnings_whom_and_what_they_are_about(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    class Dense(ObservationRule):
        rule_id: ClassVar[str] = "T27"
        title: ClassVar[str] = "预警频次密集"
        version: ClassVar[str] = "1"
        subject: ClassVar[str] = "organisation"
        observes: ClassVar[tuple[str, ...]] = ("warning",)

        def observed_keys(self, seen: Seen) -> Iterable[str]:
            ours = seen.what.rule_id == self.rule_id or seen.what.organisation is None
            return () if ours else (seen.what.organisation,)

        def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
            spans = {each.key: EVER for each in keys}
            for key, found in history.seen("warning", "organisation", spans).items():
                if len(found) >= 2:
                    yield SignalDraft(
                        key=key,
                        level=Level.SERIOUS,
                        window_from=found[0].at,
                        window_to=found[-1].at + MOMENT,
                        metric="预警数",
                        value=float(len(found)),
                        threshold=2.0,
                        observed=tuple(one.ref for one in found),
                        organisation=key,
                        reporters=0,
                        summary="预警密集：" + "、".join(sorted(str(one.what.item_code) for one in found)),
                    )

    county = county_with(store, ring, clock, Overdue, Dense)
    county.configure()
    county.observe(case(county, due_h=-1), case(county, "C2", due_h=-1, item_code="4100002"))
    county.evaluate(), county.triage(), county.dispatch(), county.evaluate()
    one = county.signal(rule="T27")
    assert (one.key, one.summary) == (BUREAU["code"], "预警密集：4100001、4100002")
