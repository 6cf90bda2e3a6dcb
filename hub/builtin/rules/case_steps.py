"""Time within a case: nodes that take too long (E04), applications that nobody decides on (E05), instant cases that are not (E12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import ClassVar

from pydantic import Field, model_validator

from hub.builtin.rules.case_deadline import is_instant
from hub.builtin.rules.observing import (
    CaseParams,
    CaseRule,
    draft,
    just_after,
    local_time,
    recheck,
    until_known,
)
from hub.model.calendar import Due, WorkCalendar, working_days_due
from hub.model.case import Case
from hub.model.case_clock import clock_of, end_of, instant_due, usable
from hub.model.case_nodes import NodeTime, node_times
from hub.model.codes import CaseResult, CaseState, Level, Stage, TermUnit
from hub.model.holding import PROVISIONAL
from hub.model.office_time import LONGEST, after_office_time, next_office_moment
from hub.model.warning import SignalDraft
from hub.sdk.rules import History, Recheck, RuleParams, Seen

_UNDECIDED = frozenset((CaseState.APPLIED, CaseState.CORRECTED, CaseState.ACCEPTING))
_REFUSED = frozenset((CaseState.REFUSED, CaseState.RETURNED))


class NodeTimeout(CaseRule):
    """环节超时: all visits to one node of a case together took longer than the node may, suspensions left out.

    Source: domain.md §4.2 E04, §10.21 (one length of a working day); R36, R40.
    """

    rule_id: ClassVar[str] = "E04"
    title: ClassVar[str] = "环节超时"
    version: ClassVar[str] = "1"
    stage: ClassVar[Stage | None] = Stage.DURING
    Params: ClassVar[type[RuleParams]] = CaseParams
    params: CaseParams

    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        now, calendar = history.now, history.calendar
        if any(now - one.began_at > LONGEST for one in case.steps if one.began_at is not None):
            return
        nodes = node_times(case, calendar, now, corrections_pause=self.params.corrections_pause)
        over = [one for one in nodes if one.is_over]
        if over:
            names = "、".join(dict.fromkeys(one.name or one.node for one in over))
            yield draft(
                seen,
                Level.SERIOUS,
                min(one.began_at for one in over),
                metric="超时环节数",
                value=float(len(over)),
                threshold=1.0,
                summary=f"办件环节办理用时超过规定：{names[:300]}（同一环节多次办理合并计时，暂停时间已扣除）。",
                labels=("环节超时",),
            )
        clock = clock_of(case, calendar, now, corrections_pause=self.params.corrections_pause)
        if clock.ended_at is None and not clock.standing_still:
            yield from recheck(seen.id, history, *(_over_at(one, now, calendar) for one in nodes))


def _over_at(node: NodeTime, now: datetime, calendar: WorkCalendar) -> datetime | None:
    """When a node that is at work goes over its limit, if nothing happens."""
    if not node.running or node.allowed is None or node.limit is None or node.is_over:
        return None
    left = node.allowed - node.used
    if node.limit.unit is TermUnit.WORKING_DAYS:
        return just_after(next_office_moment(after_office_time(now, left, calendar), calendar))
    return just_after(now + left)


class UndecidedParams(RuleParams):
    """Parameters of E05.

    Attributes:
        yellow_working_days: After which an application that nobody decided on is a yellow card.
        red_working_days: After which it is a red one; by law it counts as accepted then.
    """

    yellow_working_days: int = Field(default=3, ge=1, le=60)
    red_working_days: int = Field(default=5, ge=1, le=60)

    @model_validator(mode="after")
    def _ordered(self) -> UndecidedParams:
        if self.red_working_days <= self.yellow_working_days:
            raise ValueError(
                f"red_working_days ({self.red_working_days}) must be above yellow_working_days ({self.yellow_working_days})"
            )
        return self


class Undecided(CaseRule):
    """超时未受理: an application on which nobody decided in time: neither accepted, nor refused, nor sent for correction.

    Asking for correction is a decision; what was brought begins the term anew. A source that tells steps and never an acceptance is not judged: that it
    says nothing of it is no delay.

    Source: domain.md §4.2 E05; 行政许可法 32: five days, else it counts as accepted; R36.
    """

    rule_id: ClassVar[str] = "E05"
    title: ClassVar[str] = "超时未受理"
    version: ClassVar[str] = "1"
    stage: ClassVar[Stage | None] = Stage.BEFORE
    Params: ClassVar[type[RuleParams]] = UndecidedParams
    params: UndecidedParams

    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        worst: tuple[Level, datetime, Due] | None = None
        for since, decided in _waits(case):
            if history.now - since > LONGEST or (decided is not None and decided - since > LONGEST):
                continue
            reached = decided if decided is not None else history.now
            yellow, red = (
                working_days_due(since, days, history.calendar, "行政许可法第三十二条")
                for days in (self.params.yellow_working_days, self.params.red_working_days)
            )
            for level, due in ((Level.SERIOUS, yellow), (Level.GRAVE, red)):
                if reached > due.at and (worst is None or level > worst[0]):
                    worst = (level, since, due)
            if decided is None:
                yield from recheck(seen.id, history, just_after(yellow.at), just_after(red.at))
        if worst is not None:
            level, since, due = worst
            days = self.params.red_working_days if level is Level.GRAVE else self.params.yellow_working_days
            deemed = "，依法视为受理" if level is Level.GRAVE else ""
            yield draft(
                seen,
                level,
                since,
                until=due.at,
                metric="未作出受理决定的工作日数",
                value=float(days),
                threshold=float(days),
                summary=f"申请自{local_time(since)}起超过{days}个工作日未作出受理、不予受理或补正的决定{deemed}。依据：{due.basis}。",
                auto_issue=True,
                labels=("超时未受理", *((PROVISIONAL,) if due.provisional else ())),
            )
            if due.provisional:
                yield from until_known(seen.id, history, due.at)


def _waits(case: Case) -> Iterator[tuple[datetime, datetime | None]]:
    """Each stretch in which the applicant waits for a decision: since when, and when one came; None while none has."""
    since, accepted_at = usable(case.applied_at), usable(case.accepted_at)
    if since is None or case.state is CaseState.DRAFT:
        return
    refused = case.result is CaseResult.NOT_ACCEPTED or case.state in _REFUSED
    decided = accepted_at or (end_of(case) if refused else None)
    waits = case.state in _UNDECIDED or (case.state is None and not case.steps and case.finished_at is None)
    if decided is None and not waits:
        return
    for one in sorted(case.corrections, key=lambda one: (usable(one.asked_at) or since, one.no)):
        asked, brought = usable(one.asked_at), usable(one.brought_at)
        if asked is None or asked < since or (decided is not None and asked > decided):
            continue
        yield since, asked
        if brought is None:
            return
        since = max(brought, asked)
    if decided is None or decided >= since:
        yield since, decided


class InstantLate(CaseRule):
    """即办件超时: an instant case that was not done the same working day, or, accepted in the last hour, by the next noon.

    Source: domain.md §4.2 E12; R36.
    """

    rule_id: ClassVar[str] = "E12"
    title: ClassVar[str] = "即办件超时"
    version: ClassVar[str] = "1"
    stage: ClassVar[Stage | None] = Stage.DURING

    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        accepted_at = usable(case.accepted_at)
        if not is_instant(case) or accepted_at is None:
            return
        due, provisional = instant_due(accepted_at, history.calendar)
        ended_at = end_of(case)
        if (ended_at or history.now) > due:
            yield draft(
                seen,
                Level.SERIOUS,
                due,
                metric="超过即办期限的办件数",
                value=1.0,
                threshold=1.0,
                summary=f"即办件应于{local_time(due)}前办结，{'实际逾期办结' if ended_at is not None else '至今未办结'}。",
                auto_issue=True,
                labels=("即办件超时", *((PROVISIONAL,) if provisional else ())),
            )
            if provisional:
                yield from until_known(seen.id, history, due)
        elif ended_at is None:
            yield from recheck(seen.id, history, just_after(due))
