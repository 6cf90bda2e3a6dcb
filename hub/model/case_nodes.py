"""How long each kind of step of a case took (环节用时), and which steps were taken outside office hours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.model.calendar import WorkCalendar
from hub.model.case import Case, CaseStep, Term
from hub.model.case_clock import end_of, usable
from hub.model.case_pauses import Pauses, pauses_of
from hub.model.codes import TermUnit
from hub.model.office_time import day_length, in_office, office_time

_CALENDAR_UNITS = {
    TermUnit.MINUTES: timedelta(minutes=1),
    TermUnit.HOURS: timedelta(hours=1),
    TermUnit.DAYS: timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class NodeTime:
    """All visits to one node (环节) of a case together.

    Attributes:
        node: The source's number of the kind of step; its name where it has none.
        name: Of the step.
        organisation: That had it last.
        visits: Steps that count.
        began_at: Of the first.
        used: Time without pauses, each moment once: calendar time where the limit is in minutes, hours or days, else office time.
        limit: What it may take; of several that are told the last. None where none is told.
        allowed: The limit as a duration of the same kind as ``used``; None likewise, and for 0, months and years.
        running: Whether a visit is still open.
    """

    node: str
    name: str | None
    organisation: str | None
    visits: int
    began_at: datetime
    used: timedelta
    limit: Term | None
    allowed: timedelta | None
    running: bool

    @property
    def is_over(self) -> bool:
        """Whether it took longer than it may."""
        return self.allowed is not None and self.used > self.allowed


def node_times(
    case: Case, calendar: WorkCalendar, now: datetime, *, corrections_pause: bool = False
) -> list[NodeTime]:
    """The time of each node, in the order in which they began.

    A step that tells only its end, or ends before it begins, has no length and is left out; an open one lasts until the case's end or
    ``now``. Steps of one node that overlap (two people at once) count once.

    Source: domain.md §1.6, §4.2 E04; §10.21: a working day has one length here, that of the calendar.
    """
    pauses = pauses_of(case.suspensions, case.corrections if corrections_pause else ())
    until = end_of(case) or now
    by_node: dict[str, list[CaseStep]] = {}
    for step in case.steps:
        begins, ends = usable(step.began_at), usable(step.ended_at)
        key = step.node or step.name
        if key is not None and begins is not None and begins <= (ends or max(until, begins)):
            by_node.setdefault(key, []).append(step)
    found = [_node(node, steps, pauses, calendar, until) for node, steps in by_node.items()]
    return sorted(found, key=lambda one: (one.began_at, one.node))


def steps_outside_office(case: Case, calendar: WorkCalendar) -> int:
    """How many steps ended outside office hours: a figure for statistics, never a breach (延时服务 is a service).

    Source: domain.md §4.2 E14.
    """
    return sum(
        (ended_at := usable(step.ended_at)) is not None and not in_office(ended_at, calendar)
        for step in case.steps
    )


def _node(
    node: str, steps: Sequence[CaseStep], pauses: Pauses, calendar: WorkCalendar, until: datetime
) -> NodeTime:
    limit = next((step.promised for step in reversed(steps) if step.promised is not None), None)
    spans = list(
        _union((step.began_at, step.ended_at or max(until, step.began_at)) for step in steps if step.began_at)
    )
    by_calendar = limit is not None and limit.unit in _CALENDAR_UNITS
    used = timedelta()
    for begins, ends in spans:
        used += (ends - begins) if by_calendar else office_time(begins, ends, calendar)
        for since, resumed in pauses.within(begins, ends):
            used -= (resumed - since) if by_calendar else office_time(since, resumed, calendar)
    return NodeTime(
        node=node,
        name=steps[-1].name,
        organisation=steps[-1].organisation,
        visits=len(steps),
        began_at=spans[0][0],
        used=used,
        limit=limit,
        allowed=_allowed(limit, calendar),
        running=any(step.ended_at is None for step in steps),
    )


def _allowed(limit: Term | None, calendar: WorkCalendar) -> timedelta | None:
    if limit is None or limit.value == 0:  # no step takes no time: 0 is a field that nobody filled in
        return None
    if limit.unit is TermUnit.WORKING_DAYS:
        return limit.value * day_length(calendar)
    unit = _CALENDAR_UNITS.get(limit.unit)
    return limit.value * unit if unit is not None else None


def _union(spans: Iterable[tuple[datetime, datetime]]) -> Iterable[tuple[datetime, datetime]]:
    begun: datetime | None = None
    ended: datetime | None = None
    for begins, ends in sorted(spans):
        if begun is None or ended is None:
            begun, ended = begins, ends
        elif begins > ended:
            yield begun, ended
            begun, ended = begins, ends
        else:
            ended = max(ended, ends)
    if begun is not None and ended is not None:
        yield begun, ended
