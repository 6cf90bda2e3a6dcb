"""Days and times as web pages write them: 2026年11月3日, 2026-11-03 10:21, and 11-03, whose year only the list's order tells."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo

from hub.text.forms import half_width

_DAY = re.compile(
    r"(?<!\d)(?:(?P<year>(?:19|20)\d\d)\s*(?:[-/.]|年)\s*)?(?P<month>\d{1,2})\s*(?P<mark>[-/.]|月)\s*(?P<day>\d{1,2})(?![\d])\s*(?:日|号)?"
    r"(?:\s*[(（]?(?:星期|周)[一二三四五六日天][)）]?)?"
    r"(?:[T\s]*(?P<half>上午|下午|晚上|凌晨|中午)?\s*(?P<hour>\d{1,2})\s*[:：时点]\s*(?P<minute>\d{1,2})(?:\s*[:：分]\s*(?P<second>\d{1,2}))?)?"
)
_RUN = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<month>[01]\d)(?P<day>[0-3]\d)(?P<hour>[0-2]\d)?(?P<minute>[0-5]\d)?(?P<second>[0-5]\d)?(?!\d)"
)
_SHORT_YEAR = re.compile(r"(?<!\d)\d{2}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)")
AHEAD = timedelta(days=1)
UNCLEAR = timedelta(days=45)


@dataclass(frozen=True, slots=True)
class Written:
    """A day as it is written.

    Attributes:
        year: None where it is not written.
        at: Hour, minute and second; None where they are not.
    """

    year: int | None
    month: int
    day: int
    at: time | None = None

    def on(self, year: int) -> date | None:
        """The day in a year; None for 29 February in most of them."""
        try:
            return date(year, self.month, self.day)
        except ValueError:
            return None

    def moment(self, zone: tzinfo) -> datetime | None:
        """Aware; the day's beginning where no hour is written. None without a year."""
        day = self.on(self.year) if self.year is not None else None
        return datetime.combine(day, self.at or time(), zone) if day is not None else None

    def in_year(self, year: int) -> Written:
        """The same, with its year."""
        return replace(self, year=year)


def written_day(text: str | None) -> Written | None:
    """The first day in a text; None where there is none, or where it can be read in two ways (``26-11-03``)."""
    told = half_width(text or "")[:200]
    if _SHORT_YEAR.search(told):
        return None
    for form in (_DAY, _RUN):
        for found in form.finditer(told):
            if (written := _written(found)) is not None:
                return written
    return None


def _written(found: re.Match[str]) -> Written | None:
    given = found.groupdict()
    year = int(given["year"]) if given["year"] else None
    if year is None and given["mark"] == ".":
        return None  # 3.5 is a number
    at: time | None = None
    try:
        if given["hour"] is not None:
            hour = int(given["hour"])
            if given.get("half") in ("下午", "晚上") and hour < 12:
                hour += 12
            at = time(hour, int(given["minute"] or 0), int(given["second"] or 0))
        date(year or 2000, int(given["month"]), int(given["day"]))
    except ValueError:
        return None
    return Written(year, int(given["month"]), int(given["day"]), at)


class ListYears:
    """Finds the years of the days in a list that runs from the newest to the oldest and writes no years.

    Args:
        today: In the site's zone.
        before: The day of the row before the first, where the list goes on from another page.
    """

    def __init__(self, today: date, before: date | None = None) -> None:
        self._today = today
        self.before = before

    def day(self, written: Written | None) -> date | None:
        """The day; None where it is none, and where the order leaves its year open.

        Going down the list a day can only become earlier. One that is a little later than the row before it is out of order or nearly a
        year earlier, and nobody can tell which.
        """
        if written is None:
            return None
        if written.year is not None:
            found = written.on(written.year)
        else:
            found = self._found(written)
        if found is not None:
            self.before = (
                found if self.before is None or found <= self.before or written.year else self.before
            )
        return found

    def _found(self, written: Written) -> date | None:
        before = self.before or self._today
        # A little later than it may be: a day that is out of order, or a clock that is ahead, or nearly a year earlier.
        tolerance = UNCLEAR if self.before is not None else AHEAD
        for year in (before.year, before.year + 1):
            day = written.on(year)
            if day is not None and timedelta() < day - before <= tolerance and day <= self._today + AHEAD:
                return None
        return self._latest(written, before)

    @staticmethod
    def _latest(written: Written, bound: date) -> date | None:
        for year in range(bound.year, bound.year - 9, -1):
            day = written.on(year)
            if day is not None and day <= bound:
                return day
        return None
