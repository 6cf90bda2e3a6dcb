"""春节, by which the season of unpaid wages goes.

The table was computed with lunardate 0.3.0 and is kept here: the days are fixed by the moon and will not change, and
`chinesecalendar`, which the hub reckons working days by, knows no year before its holidays are published.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from hub.clock import COUNTY_ZONE

FIRST_YEAR: Final = 2015
_DAYS = (
    "0219 0208 0128 0216 0205 0125 0212 0201 0122 0210 0129 0217 0206 0126 0213 0203 0123 0211 "
    "0131 0219 0208 0128 0215 0204 0124 0212 0201 0122 0210 0130 0217 0206 0126 0214 0202 0123"
).split()
LAST_YEAR: Final = FIRST_YEAR + len(_DAYS) - 1


def spring_festival(year: int) -> date | None:
    """First day of the lunar year that begins in ``year``; None outside 2015 to 2050."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    day = _DAYS[year - FIRST_YEAR]
    return date(year, int(day[:2]), int(day[2:]))


def before_spring_festival(moment: datetime, days: int) -> bool:
    """Whether the county's date of that moment lies in the ``days`` days before 春节; False where no date is known."""
    return touches_season(moment, moment, days)


def touches_season(since: datetime, until: datetime, days: int) -> bool:
    """Whether any moment from ``since`` to ``until`` lies in the ``days`` days before a 春节."""
    for year in range(since.year, until.year + 2):
        season = _season(year, days)
        if season is not None and since < season[1] and season[0] <= until:
            return True
    return False


@lru_cache(256)
def _season(year: int, days: int) -> tuple[datetime, datetime] | None:
    festival = spring_festival(year)
    if festival is None:
        return None
    end = datetime.combine(festival, time(), COUNTY_ZONE)
    return end - timedelta(days=days), end
