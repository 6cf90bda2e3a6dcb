"""挂起异常 (E10): suspensions that last too long, come again, or begin on the last day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import Field

from hub.builtin.rules.observing import CaseParams, CaseRule, draft, recheck
from hub.model.case import Case, Suspension
from hub.model.case_clock import due_of, end_of, start_of, usable
from hub.model.case_pauses import pauses_of
from hub.model.codes import Level, Stage, TermUnit
from hub.model.office_time import LONGEST, at_time, local_day, shifted, working_days_in
from hub.model.warning import SignalDraft
from hub.sdk.rules import History, Recheck, RuleParams, Seen


class SuspensionParams(CaseParams):
    """Parameters of E10.

    Attributes:
        allowed_working_days: How long a suspension may last.
        allowed_by_procedure: The same for single procedures, by the words of the source.
        times: From how many suspensions on there is a signal.
    """

    allowed_working_days: int = Field(default=30, ge=1, le=1_000)
    allowed_by_procedure: dict[str, int] = Field(default_factory=dict)
    times: int = Field(default=2, ge=2, le=100)


class OddSuspension(CaseRule):
    """挂起异常: a suspension that lasts too long, comes again, or begins on the last day of the limit.

    Source: domain.md §4.2 E10, §6.4; R36.
    """

    rule_id: ClassVar[str] = "E10"
    title: ClassVar[str] = "挂起异常"
    version: ClassVar[str] = "2"
    stage: ClassVar[Stage | None] = Stage.DURING
    Params: ClassVar[type[RuleParams]] = SuspensionParams
    params: SuspensionParams

    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        told = sorted(
            (one for one in case.suspensions if _sound(one)),
            key=lambda one: (one.began_at or one.ended_at, one.no),
        )
        spans = pauses_of(told).until(max(end_of(case) or history.now, history.now)).spans
        if not spans or history.now - spans[0].began_at > LONGEST:
            return
        begun = [one for one in told if one.began_at is not None]
        found, later = [], []
        for one, ended_at in self._lasting(begun, told, end_of(case)):
            allowed = self.params.allowed_by_procedure.get(
                one.procedure or "", self.params.allowed_working_days
            )
            began = one.began_at or history.now
            over = shifted(began, allowed + 1, history.calendar)
            if (
                working_days_in(local_day(began), local_day(ended_at or history.now), history.calendar)
                > allowed
            ):
                found.append(f"挂起超过{allowed}个工作日")
            elif ended_at is None:
                later.append(at_time(local_day(over), datetime.min.time()))
        if len(begun) >= self.params.times:
            found.append(f"挂起{len(begun)}次")
        if self._on_the_last_day(case, told, history):
            found.append("期限最后一日挂起")
        if found:
            reasons = list(dict.fromkeys(found))
            yield draft(
                seen,
                Level.SERIOUS,
                spans[0].began_at,
                until=spans[-1].began_at,
                metric="挂起异常情形数",
                value=float(len(reasons)),
                threshold=1.0,
                summary=f"办件挂起异常：{'、'.join(reasons)}。",
                labels=tuple(reasons),
            )
        yield from recheck(seen.id, history, *later)

    def _lasting(
        self, begun: Sequence[Suspension], told: Sequence[Suspension], case_ended: datetime | None
    ) -> Iterator[tuple[Suspension, datetime | None]]:
        """Each suspension with its end: its own, a resumption that came under another number, or the case's; None while it is open."""
        resumed = sorted(one.ended_at for one in told if one.began_at is None and one.ended_at is not None)
        for one in begun:
            after = (end for end in resumed if one.began_at is not None and end >= one.began_at)
            yield one, one.ended_at or next(after, None) or case_ended

    def _on_the_last_day(self, case: Case, told: Sequence[Suspension], history: History) -> bool:
        """Whether a suspension began on the day on which the limit, reckoned with the earlier ones, would have ended; a limit of hours has no such day."""
        started_at, term = start_of(case), case.promised or case.legal
        if started_at is None or term is None or term.value == 0 or term.unit in _OF_ONE_DAY:
            return False
        for place, one in enumerate(told):
            if one.began_at is None or one.began_at < started_at:
                continue
            before = pauses_of(told[:place]).until(one.began_at)
            due = due_of(started_at, term, before, history.calendar, history.now)
            if due is not None and local_day(due[0]) == local_day(one.began_at):
                return True
        return False


_OF_ONE_DAY = frozenset((TermUnit.MINUTES, TermUnit.HOURS))


def _sound(one: Suspension) -> bool:
    moments = [moment for moment in (one.began_at, one.ended_at) if moment is not None]
    return all(usable(moment) for moment in moments) and moments == sorted(moments)
