"""When people come: by the hour, by the day of the week, on holidays and make-up working days, for each channel its own.

Source: domain.md §5 (the peak hour has about 15 % of a day), §6.5 (working days).
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import accumulate

from hub.clock import COUNTY_ZONE
from hub.model.calendar import ChinaCalendar

# Share of each hour from midnight on.
_DAY_AND_NIGHT = (4, 2, 1, 1, 1, 3, 8, 30, 90, 150, 130, 80, 40, 50, 95, 100, 85, 60, 35, 30, 25, 18, 10, 6)
_OFFICE = (0, 0, 0, 0, 0, 0, 0, 0, 40, 150, 150, 90, 5, 20, 110, 140, 120, 40, 0, 0, 0, 0, 0, 0)
_EVENING = (10, 5, 3, 2, 2, 3, 10, 25, 50, 70, 60, 50, 60, 50, 50, 50, 50, 55, 65, 80, 95, 90, 60, 25)
_HOURS: Mapping[str, tuple[int, ...]] = {
    "hotline": _DAY_AND_NIGHT,
    "portal": _EVENING,
    "app": _EVENING,
    "mailbox": _EVENING,
}
# Channel -> share of a working day that a free day has; halls are closed.
_FREE_DAYS: Mapping[str, float] = {"hotline": 0.7, "portal": 0.5, "app": 0.7, "mailbox": 0.4}
_MONDAY = 1.15
_AFTER_HOLIDAY = 1.3


@cache
def is_working_day(day: date) -> bool:
    """Whether offices work; in a year that the calendar does not know, Monday to Friday."""
    return ChinaCalendar().is_working_day(day)


def on_day(channel: str, day: date) -> float:
    """How much of a usual working day's traffic a channel has on that day."""
    if not is_working_day(day):
        return _FREE_DAYS.get(channel, 0.0)
    if not is_working_day(day - timedelta(days=1)):
        return _AFTER_HOLIDAY if not is_working_day(day - timedelta(days=3)) else _MONDAY
    return 1.0


def moment_on(rng: random.Random, channel: str, day: date) -> datetime:
    """A moment of that day, by the channel's hours; aware, whole seconds."""
    sums = _sums(channel)
    hour = bisect(sums, rng.random() * sums[-1])
    return datetime.combine(day, time(hour, rng.randrange(60), rng.randrange(60)), COUNTY_ZONE)


def how_many(rng: random.Random, mean: float) -> int:
    """A count around the mean, as independent arrivals have it."""
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    count, product, limit = 0, rng.random(), math.exp(-mean)
    while product > limit:
        count += 1
        product *= rng.random()
    return count


@cache
def _sums(channel: str) -> tuple[int, ...]:
    return tuple(accumulate(_HOURS.get(channel, _OFFICE)))
