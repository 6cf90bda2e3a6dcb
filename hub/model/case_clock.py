"""The clock of a case (办件计时): when it runs, when it stands still, when its limits run out, and how much is used. Pure.

- It runs from acceptance (受理; 行政许可法 42), or from where the source says that it does, to the end of the case.
- Suspensions stop it (特别程序: 行政许可法 45). Corrections (补正) do not: they belong before acceptance (32), where it does not run
  yet; a county that sees it otherwise says so (``corrections_pause``).
- A limit in working or calendar days does not count the day on which it begins and ends at the close of office of its last day
  (民法典 201, 203), one in months or years on the corresponding day (202); a last day that is free moves to the next working day. A day is left out
  when the clock stood still from an earlier day on; a limit never ends while it stands still. Limits in hours and minutes run on calendar time, from the next period of work on.
- A case that its source calls suspended (挂起) stands still from the record that says so, where the pause is not told.
- A year whose holidays are not known makes a limit provisional; it is never silently wrong.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from hub.clock import COUNTY_ZONE
from hub.model.calendar import WorkCalendar
from hub.model.case import Case, Term
from hub.model.case_pauses import Pauses, pauses_of
from hub.model.codes import CaseState, TermUnit
from hub.model.office_time import (
    DAY,
    all_known,
    at_time,
    local_day,
    next_office_moment,
    next_working_day,
    office_time,
    shifted,
    working_days_in,
)

ENDED = frozenset((CaseState.FINISHED, CaseState.REFUSED, CaseState.RETURNED))
_YEARS = (1950, 2150)
_LONGEST_DAYS = 366 * 30
_UNITS: Mapping[TermUnit, str] = {
    TermUnit.MINUTES: "分钟", TermUnit.HOURS: "小时", TermUnit.DAYS: "天", TermUnit.WORKING_DAYS: "个工作日",
    TermUnit.MONTHS: "个月", TermUnit.YEARS: "年",
}  # fmt: skip
_CALENDAR_TIME = {TermUnit.MINUTES: timedelta(minutes=1), TermUnit.HOURS: timedelta(hours=1)}


class OverdueBy(StrEnum):
    """What is held against the deadline. Of one log the two give 28.4 % and 6.4 %: a figure of overdue cases says which it is."""

    END = "end"  # 办结时间晚于期限; a case in hand by the moment of looking
    LAST_EVENT = "last_event"  # 最后一个环节晚于期限, whenever the case is said to have ended


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a case.

    Attributes:
        at: Its last moment, aware, county zone; while the clock stands still, what it would be if it ran on at the moment of looking.
        basis: Where it comes from, in words.
        term: What was promised or allowed; None where the source tells the deadline alone.
        told: The source's own deadline holds.
        provisional: The way to it crosses a year whose holidays are not known yet.
    """

    at: datetime
    basis: str
    term: Term | None
    told: bool
    provisional: bool


@dataclass(frozen=True, slots=True)
class CaseClock:
    """How a case stands with its time at one moment.

    Attributes:
        now: The moment of looking; what lies after it is not seen.
        started_at: When the clock began; None while it has not.
        ended_at: When the case ended; None while it is in hand.
        last_event_at: The end of its last step.
        pauses: When the clock stood still, not after the end.
        promised: 承诺时限; None where none is told, or the clock has not begun.
        legal: 法定时限, likewise.
        used_working_days: Working days that have counted so far; None before the clock began.
        used_office_time: Office time without pauses, likewise.
    """

    now: datetime
    started_at: datetime | None
    ended_at: datetime | None
    last_event_at: datetime | None
    pauses: Pauses
    promised: Limit | None
    legal: Limit | None
    used_working_days: int | None
    used_office_time: timedelta | None

    @property
    def standing_still(self) -> bool:
        """Whether it is in hand and suspended."""
        return self.ended_at is None and self.pauses.open_since is not None

    @property
    def provisional(self) -> bool:
        """Whether a limit rests on a year whose holidays are not known."""
        return any(limit is not None and limit.provisional for limit in (self.promised, self.legal))

    def reached(self, by: OverdueBy) -> datetime | None:
        """The moment that is held against a deadline; None where there is none of that kind."""
        if by is OverdueBy.LAST_EVENT:
            return self.last_event_at
        if self.ended_at is not None:
            return self.ended_at
        # While it stands still nothing goes by.
        return self.pauses.open_since or self.now

    def is_overdue(self, limit: Limit | None, by: OverdueBy = OverdueBy.END) -> bool:
        """Whether the case went, or has gone by now, beyond that limit."""
        reached = self.reached(by)
        return limit is not None and reached is not None and reached > limit.at


def clock_of(
    case: Case, calendar: WorkCalendar, now: datetime, *, corrections_pause: bool = False
) -> CaseClock:
    """The case's clock as of ``now``.

    Args:
        case: As it stands; times that no case can have (before 1950, after 2149) are taken as not told.
        calendar: Of the county.
        now: Aware.
        corrections_pause: Whether the clock also stands still from a correction's asking to its bringing.
    """
    started_at, ended_at = start_of(case), end_of(case)
    pauses = pauses_of(
        [one for one in case.suspensions if _sane(one.began_at, one.ended_at)],
        [one for one in case.corrections if _sane(one.asked_at, one.brought_at)] if corrections_pause else (),
    )
    until = min(now, ended_at) if ended_at is not None else now
    if ended_at is not None:
        pauses = pauses.until(ended_at)
    elif case.state is CaseState.SUSPENDED and pauses.open_since is None:
        # The pause itself has not come, or came without its beginning: the record that calls it so is when it is known to stand still.
        since = usable(case.as_of) or started_at
        if since is not None and not any(span.ended_at and since <= span.ended_at for span in pauses.spans):
            pauses = pauses.standing_still_since(since)
    told = usable(case.due_at)
    begun = started_at is not None and started_at <= until
    return CaseClock(
        now=now,
        started_at=started_at,
        ended_at=ended_at,
        last_event_at=max(
            (moment for step in case.steps if (moment := usable(step.ended_at)) is not None), default=None
        ),
        pauses=pauses,
        promised=_limit("承诺", case.promised, told, started_at, pauses, calendar, now),
        legal=_limit("法定", case.legal, None, started_at, pauses, calendar, now),
        used_working_days=used_working_days(started_at, until, pauses, calendar)
        if begun and started_at is not None
        else None,
        used_office_time=running_office_time(started_at, until, pauses, calendar)
        if begun and started_at is not None
        else None,
    )


def start_of(case: Case) -> datetime | None:
    """When the case's clock begins: where the source says, else at acceptance; application alone begins nothing (行政许可法 42)."""
    return usable(case.clock_started_at) or usable(case.accepted_at)


def end_of(case: Case) -> datetime | None:
    """When the case ended; where it is said to have ended but not when, at the end of its last step."""
    if (finished_at := usable(case.finished_at)) is not None:
        return finished_at
    if case.state not in ENDED and case.result is None:
        return None
    ends = [moment for step in case.steps if (moment := usable(step.ended_at)) is not None]
    return max(ends, default=usable(case.as_of))


def used_working_days(started_at: datetime, until: datetime, pauses: Pauses, calendar: WorkCalendar) -> int:
    """Working days after the one on which the clock began, to that of ``until``, without those on which it stood still."""
    first, last = local_day(started_at), local_day(until)
    days = working_days_in(first, last, calendar)
    for begins, ends in pauses.within(at_time(first, _MIDNIGHT), until):
        days -= working_days_in(max(local_day(begins), first), min(local_day(ends), last), calendar)
    return max(days, 0)


def running_office_time(
    started_at: datetime, until: datetime, pauses: Pauses, calendar: WorkCalendar
) -> timedelta:
    """Office time from the beginning to ``until`` without that in which the clock stood still."""
    found = office_time(started_at, until, calendar)
    for begins, ends in pauses.within(started_at, until):
        found -= office_time(begins, ends, calendar)
    return found


def due_of(
    started_at: datetime, term: Term, pauses: Pauses, calendar: WorkCalendar, now: datetime
) -> tuple[datetime, bool] | None:
    """The last moment of a term, and whether it is provisional; None for a term longer than thirty years.

    An open pause is taken to end at ``now``, or where it began when that is later.
    """
    pauses = _closed(pauses, now)
    first = local_day(started_at)
    if term.unit in _CALENDAR_TIME:
        return _due_in_hours(started_at, term.value * _CALENDAR_TIME[term.unit], pauses, calendar)
    if term.unit in (TermUnit.MONTHS, TermUnit.YEARS):
        last = _months_later(first, term.value * (12 if term.unit is TermUnit.YEARS else 1))
        last = last and _extended(first, last, pauses)
    elif term.value == 0:
        return instant_due(started_at, calendar)
    else:
        last = _counted(first, term, pauses, calendar)
    if last is None:
        return None
    known = all_known(calendar, first, last)
    if not calendar.is_working_day(last):
        last = next_working_day(last, calendar)
        known = known and calendar.known(last.year)
    at = _running(at_time(last, calendar.closes_at), pauses, calendar)
    return at, not (known and all_known(calendar, last, local_day(at)))


def beyond(moment: datetime, working_days: int, pauses: Pauses, calendar: WorkCalendar) -> datetime:
    """The same time of day so many working days after a limit, those left out on which the clock stood still; before it when negative."""
    if working_days <= 0:
        return shifted(moment, working_days, calendar)
    day, left = local_day(moment), working_days
    for _ in range(_LONGEST_DAYS):
        day += DAY
        left -= calendar.is_working_day(day) and not pauses.stops(day)
        if not left:
            break
    return _running(at_time(day, moment.astimezone(COUNTY_ZONE).time()), pauses, calendar)


def instant_due(accepted_at: datetime, calendar: WorkCalendar) -> tuple[datetime, bool]:
    """The last moment of an instant case (即办件), and whether it is provisional: the same working day's close of office.

    What comes outside office hours counts as come at the next opening; what comes in the last hour has until the next working day's noon.

    Source: domain.md §4.2 E12, §6.5.
    """
    begins = next_office_moment(accepted_at, calendar)
    day = local_day(begins)
    due = at_time(day, calendar.closes_at)
    if begins >= due - timedelta(hours=1):
        day = next_working_day(day, calendar)
        due = at_time(day, min(calendar.office_hours[0][1], _NOON))
    return due, not all_known(calendar, local_day(accepted_at), day)


def term_words(term: Term) -> str:
    """A term as one says it: ``5个工作日``."""
    return f"{term.value}{_UNITS[term.unit]}"


def usable(moment: datetime | None) -> datetime | None:
    """The moment, unless no case can have it."""
    return moment if moment is not None and _YEARS[0] <= moment.year < _YEARS[1] else None


def _limit(
    name: str,
    term: Term | None,
    told: datetime | None,
    started_at: datetime | None,
    pauses: Pauses,
    calendar: WorkCalendar,
    now: datetime,
) -> Limit | None:
    reckoned = (
        due_of(started_at, term, pauses, calendar, now)
        if term is not None and started_at is not None
        else None
    )
    if term is not None and reckoned is not None and (told is None or told <= reckoned[0]):
        return Limit(reckoned[0], f"{name}时限（{term_words(term)}）", term, False, reckoned[1])
    if told is None:
        return None
    # A later deadline than ours may be an extension that we are not told of: nobody is warned for what was granted.
    return Limit(told.astimezone(COUNTY_ZONE), "来源系统给出的办结期限", term, True, False)


def _due_in_hours(
    started_at: datetime, span: timedelta, pauses: Pauses, calendar: WorkCalendar
) -> tuple[datetime, bool] | None:
    if span > timedelta(days=_LONGEST_DAYS):
        return None
    begins = next_office_moment(started_at, calendar)
    due = begins + span
    for pause in pauses.spans:
        if pause.ended_at is not None and begins < pause.ended_at and pause.began_at < due:
            due += pause.ended_at - max(pause.began_at, begins)
    return due.astimezone(COUNTY_ZONE), not all_known(calendar, local_day(started_at), local_day(begins))


def _counted(first: date, term: Term, pauses: Pauses, calendar: WorkCalendar) -> date | None:
    day, left = first, term.value
    for _ in range(_LONGEST_DAYS):
        if not left:
            return day
        day += DAY
        counts = term.unit is TermUnit.DAYS or calendar.is_working_day(day)
        left -= counts and not pauses.stops(day)
    return None


def _months_later(first: date, count: int) -> date | None:
    if count > _LONGEST_DAYS // 31:
        return None
    year, month = divmod(first.year * 12 + first.month - 1 + count, 12)
    return date(year, month + 1, min(first.day, months.monthrange(year, month + 1)[1]))


def _extended(first: date, last: date, pauses: Pauses) -> date | None:
    day = first
    for _ in range(_LONGEST_DAYS):
        if day >= last:
            return last
        day += DAY
        last += DAY * pauses.stops(day)
    return None


def _running(at: datetime, pauses: Pauses, calendar: WorkCalendar) -> datetime:
    """The moment itself, unless the clock stands still then: it cannot run out before close of office of the day on which it runs again."""
    for span in pauses.spans:
        if span.ended_at is not None and span.began_at <= at < span.ended_at:
            day = local_day(span.ended_at)
            at = at_time(day, calendar.closes_at)
            if not calendar.is_working_day(day) or at < span.ended_at:
                at = at_time(next_working_day(day, calendar), calendar.closes_at)
    return at


def _closed(pauses: Pauses, now: datetime) -> Pauses:
    since = pauses.open_since
    return pauses if since is None else pauses.until(max(now, since))


def _sane(*moments: datetime | None) -> bool:
    return all(moment is None or usable(moment) is not None for moment in moments)


_MIDNIGHT = time(0)
_NOON = time(12)
