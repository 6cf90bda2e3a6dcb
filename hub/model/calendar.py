"""Working days and office hours of the county; calendars run out, and then say so (design decision 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol

from hub.clock import COUNTY_ZONE


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline.

    Attributes:
        at: Aware, county zone.
        basis: Which rule gave it, in words.
        provisional: The way to it crosses a year whose holidays are not known yet: it is to be reckoned again.
    """

    at: datetime
    basis: str
    provisional: bool


class WorkCalendar(Protocol):
    """What the hub asks of a calendar."""

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on that day; in an unknown year, Monday to Friday."""
        ...

    def known(self, year: int) -> bool:
        """Whether the year's holidays and make-up days are known."""
        ...

    @property
    def closes_at(self) -> time:
        """End of office hours, county zone."""
        ...

    @property
    def office_hours(self) -> Sequence[tuple[time, time]]:
        """When offices work on a working day: from, until, county zone; ascending, the last ends at `closes_at`."""
        ...


@dataclass(frozen=True)
class ChinaCalendar:
    """``chinesecalendar`` and, before it, what the office has entered by hand.

    Attributes:
        overrides: Day -> whether offices work on it.
        complete_years: Years that the overrides describe in full.
        opens_at: Beginning of office hours.
        noon: The break, from and until; None where there is none.
        closes_at: End of office hours.

    Raises:
        ValueError: The hours do not ascend.

    Source: domain.md §6.5: chinesecalendar 1.11 knows 2004–2026 and raises beyond; the usual hours are those seen in practice there.
    """

    overrides: Mapping[date, bool] = field(default_factory=dict)
    complete_years: frozenset[int] = frozenset()
    closes_at: time = time(17, 30)
    opens_at: time = time(9, 0)
    noon: tuple[time, time] | None = (time(12, 0), time(13, 30))

    def __post_init__(self) -> None:
        turns = [turn for span in self.office_hours for turn in span]
        if sorted(set(turns)) != turns:
            raise ValueError(f"office hours must ascend, not {', '.join(f'{turn:%H:%M}' for turn in turns)}")

    @property
    def office_hours(self) -> Sequence[tuple[time, time]]:
        """See `WorkCalendar.office_hours`."""
        if self.noon is None:
            return ((self.opens_at, self.closes_at),)
        return ((self.opens_at, self.noon[0]), (self.noon[1], self.closes_at))

    def is_working_day(self, day: date) -> bool:
        """See `WorkCalendar.is_working_day`; what the office entered goes before everything else."""
        if day in self.overrides:
            return self.overrides[day]
        if day.year not in self.complete_years and (published := _published(day)) is not None:
            return published
        return day.weekday() < 5

    def known(self, year: int) -> bool:
        """See `WorkCalendar.known`."""
        if year in self.complete_years:
            return True
        return _published(date(year, 1, 4)) is not None


@lru_cache(maxsize=40_000)
def _published(day: date) -> bool | None:
    """What the published holidays say of a day, None where its year has none yet; the package looks through all of them for each."""
    import chinese_calendar

    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return None


def working_days_due(handed_over_at: datetime, days: int, calendar: WorkCalendar, basis: str) -> Due:
    """Close of office on the ``days``-th working day after the day of hand-over.

    Args:
        handed_over_at: Aware; any zone. Its own day is never counted, whatever the hour.
        days: At least 1.
        calendar: Asked for each day on the way.
        basis: Kept with the deadline.

    Raises:
        ValueError: ``days`` is below 1, or ``handed_over_at`` is naive.

    Source: R68; 民法典 articles 201 and 203 (the day of the act is not counted).
    """
    if days < 1 or handed_over_at.tzinfo is None:
        raise ValueError("a deadline in working days needs an aware hand-over and at least one day")
    day = handed_over_at.astimezone(COUNTY_ZONE).date()
    years = {day.year}
    left = days
    while left:
        day += timedelta(days=1)
        years.add(day.year)
        left -= calendar.is_working_day(day)
    at = datetime.combine(day, calendar.closes_at, COUNTY_ZONE)
    return Due(at, basis, provisional=not all(calendar.known(year) for year in years))
