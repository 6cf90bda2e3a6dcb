"""Time as offices spend it: hours within office hours, days that are working days. Pure; what a year does not know is said.

There is one length of a working day, that of the calendar's own hours: a reckoning that mixes two is wrong wherever it is used
(domain.md §10.21).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from hub.clock import COUNTY_ZONE
from hub.model.calendar import WorkCalendar

DAY = timedelta(days=1)
LONGEST = timedelta(days=366 * 40)
"""No case lasts longer: what asks for more is a wrong date, and would cost a walk over every day of it."""


def local_day(moment: datetime) -> date:
    """The county's day of an aware moment."""
    return moment.astimezone(COUNTY_ZONE).date()


def at_time(day: date, turn: time) -> datetime:
    """That time of that day in the county, aware."""
    return datetime.combine(day, turn, COUNTY_ZONE)


def day_length(calendar: WorkCalendar) -> timedelta:
    """Office time of one working day."""
    return sum(
        (_since_midnight(until) - _since_midnight(since) for since, until in calendar.office_hours),
        timedelta(),
    )


def all_known(calendar: WorkCalendar, since: date, until: date) -> bool:
    """Whether the holidays of every year from ``since`` to ``until`` are known."""
    return all(calendar.known(year) for year in range(since.year, until.year + 1))


def working_days_in(after: date, until: date, calendar: WorkCalendar) -> int:
    """Working days later than ``after``, up to and with ``until``: the day of the act is not counted (民法典 201)."""
    return sum(calendar.is_working_day(day) for day in _days(after + DAY, until))


def office_time(since: datetime, until: datetime, calendar: WorkCalendar) -> timedelta:
    """Time within office hours of working days in ``[since, until)``; zero when that is empty."""
    found = timedelta()
    for begins, ends in _spans(local_day(since), local_day(until), calendar):
        found += max(min(ends, until) - max(begins, since), timedelta())
    return found


def after_office_time(since: datetime, span: timedelta, calendar: WorkCalendar) -> datetime:
    """When that much office time has gone by since ``since``; the end of a period rather than the beginning of the next."""
    left = span
    for begins, ends in _spans(local_day(since), local_day(since) + LONGEST, calendar):
        here = max(ends - max(begins, since), timedelta())
        if here >= left and here:
            return max(begins, since) + left
        left -= here
    raise ValueError(f"{span} of office time are more than {LONGEST.days} days: look at the term")


def before_office_time(until: datetime, span: timedelta, calendar: WorkCalendar) -> datetime:
    """The last moment from which on that much office time is left before ``until``."""
    left = span
    day = local_day(until)
    for _ in range(LONGEST.days):
        if calendar.is_working_day(day):
            for since, ends in reversed(calendar.office_hours):
                begins = at_time(day, since)
                here = max(min(at_time(day, ends), until) - begins, timedelta())
                if here >= left and here:
                    return begins + here - left
                left -= here
        day -= DAY
    raise ValueError(f"{span} of office time are more than {LONGEST.days} days: look at the term")


def in_office(moment: datetime, calendar: WorkCalendar) -> bool:
    """Whether offices work at that moment."""
    day = local_day(moment)
    return calendar.is_working_day(day) and any(
        at_time(day, since) <= moment < at_time(day, until) for since, until in calendar.office_hours
    )


def next_office_moment(moment: datetime, calendar: WorkCalendar) -> datetime:
    """The moment itself within office hours, else the beginning of the next period of work (domain.md §6.5)."""
    if in_office(moment, calendar):
        return moment
    day = local_day(moment)
    for begins, _ in _spans(day, day + LONGEST, calendar):
        if begins >= moment:
            return begins
    raise ValueError(f"no working day within {LONGEST.days} days of {day}: look at the calendar")


def next_working_day(day: date, calendar: WorkCalendar) -> date:
    """The first working day after that day."""
    for later in _days(day + DAY, day + LONGEST):
        if calendar.is_working_day(later):
            return later
    raise ValueError(f"no working day within {LONGEST.days} days of {day}: look at the calendar")


def shifted(moment: datetime, working_days: int, calendar: WorkCalendar) -> datetime:
    """The same time of day so many working days later, or earlier when negative; unchanged for 0."""
    day, left = local_day(moment), abs(working_days)
    step = DAY if working_days > 0 else -DAY
    if left > LONGEST.days // 2:
        raise ValueError(f"{working_days} working days are more than anybody waits: look at the parameter")
    while left:
        day += step
        left -= calendar.is_working_day(day)
    return at_time(day, moment.astimezone(COUNTY_ZONE).time())


def _spans(first: date, last: date, calendar: WorkCalendar) -> Iterator[tuple[datetime, datetime]]:
    for day in _days(first, last):
        if calendar.is_working_day(day):
            for since, until in calendar.office_hours:
                yield at_time(day, since), at_time(day, until)


def _days(first: date, last: date) -> Iterator[date]:
    if last - first > LONGEST:
        raise ValueError(f"{first} to {last} is longer than any case lasts: look at its dates")
    day = first
    while day <= last:
        yield day
        day += DAY


def _since_midnight(turn: time) -> timedelta:
    return timedelta(hours=turn.hour, minutes=turn.minute, seconds=turn.second)
