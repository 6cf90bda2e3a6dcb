"""Counts as dense matrices: sparse rows of (key, moment, number) by whole weeks or whole months of the county.

What is not mentioned is a count of nought. The week or month that still runs is left out: half a week judged as a whole one
is a false calm, and then a false alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from hub.clock import COUNTY_ZONE
from hub.detect.judged import Floats

MOST_WEEKS = 600
MOST_MONTHS = 180
"""How far back a matrix reaches at most: one row dated 1900 must not make it a hundred years wide."""

Row = tuple[str, date, float]
"""Key; a moment (aware) or local date anywhere in the week or month; cases."""


@dataclass(frozen=True, slots=True, eq=False)
class DenseCounts:
    """Cases for ``keys x periods``.

    Attributes:
        keys: In the order of the rows of ``counts``.
        first: First day of the first period, in the county's zone.
        counts: Shape ``(keys, periods)``; NaN where a key was not yet watched.
        running: Cases in the period that still runs, and later; not in ``counts``.
        too_old: Cases before ``first``; not in ``counts``.
    """

    keys: tuple[str, ...]
    first: date
    counts: Floats
    running: float
    too_old: float


def local_date(moment: date) -> date:
    """The county's date at that moment; a plain date is taken to be the county's already.

    Raises:
        ValueError: A time without a zone.
    """
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        raise ValueError(
            "counting by week needs an aware time, found one without a zone: give it the source's zone"
        )
    return moment.astimezone(COUNTY_ZONE).date()


def monday_of(moment: date) -> date:
    """Monday of the county's ISO week that holds the moment."""
    day = local_date(moment)
    return day - timedelta(days=day.weekday())


def month_of(moment: date) -> date:
    """First day of the county's month that holds the moment."""
    return local_date(moment).replace(day=1)


def week_number(monday: date) -> int:
    """A number for the week that counts up by one from week to week."""
    return monday.toordinal() // 7


def month_number(first: date) -> int:
    """A number for the month that counts up by one from month to month."""
    return first.year * 12 + first.month - 1


def month_from(number: int) -> date:
    """First day of the month that `month_number` numbers so."""
    return date(number // 12, number % 12 + 1, 1)


def week_from(number: int) -> date:
    """Monday of the week that `week_number` numbers so."""
    return date.fromordinal(number * 7 + 1)


def weekly_counts(
    rows: Iterable[Row],
    *,
    as_of: datetime,
    since: date | None = None,
    keys: Iterable[str] = (),
    watched_since: Mapping[str, date] | None = None,
) -> DenseCounts:
    """The whole ISO weeks before the one of ``as_of``.

    Args:
        rows: Any order; rows of one key and week add up.
        as_of: Aware; its week still runs.
        since: The first week holds this day; the earliest row's week when None.
        keys: Keys that get a row even without a case.
        watched_since: Where a key's source began later: weeks that begin before that day are NaN, not nought.

    Raises:
        ValueError: A time without a zone.
    """
    running = week_number(monday_of(as_of))
    return _dense(
        rows,
        lambda m: week_number(monday_of(m)),
        week_from,
        (running, MOST_WEEKS),
        since,
        keys,
        watched_since,
    )


def monthly_counts(
    rows: Iterable[Row],
    *,
    as_of: datetime,
    since: date | None = None,
    keys: Iterable[str] = (),
    watched_since: Mapping[str, date] | None = None,
) -> DenseCounts:
    """The whole months before the one of ``as_of``; the rest as `weekly_counts`."""
    running = month_number(month_of(as_of))
    return _dense(
        rows,
        lambda m: month_number(month_of(m)),
        month_from,
        (running, MOST_MONTHS),
        since,
        keys,
        watched_since,
    )


def _dense(
    rows: Iterable[Row],
    number_of: Callable[[date], int],
    day_from: Callable[[int], date],
    ends: tuple[int, int],
    since: date | None,
    keys: Iterable[str],
    watched_since: Mapping[str, date] | None,
) -> DenseCounts:
    running, most = ends
    cells: dict[tuple[str, int], float] = {}
    late = 0.0
    for key, moment, cases in rows:
        number = number_of(moment)
        if number >= running:
            late += cases
        else:
            cells[key, number] = cells.get((key, number), 0.0) + cases
    earliest = (
        number_of(since) if since is not None else min((number for _, number in cells), default=running)
    )
    first = max(min(earliest, running), running - most)
    named = tuple(dict.fromkeys([*keys, *sorted({key for key, _ in cells})]))
    row_of = {key: row for row, key in enumerate(named)}
    counts = np.zeros((len(named), running - first))
    too_old = 0.0
    for (key, number), cases in cells.items():
        if number < first:
            too_old += cases
        else:
            counts[row_of[key], number - first] = cases
    for key, day in (watched_since or {}).items():
        if key in row_of:
            # The period that holds the first day is not whole, unless it begins on that day.
            begun = number_of(day) + (day_from(number_of(day)) < local_date(day))
            counts[row_of[key], : max(begun - first, 0)] = np.nan
    return DenseCounts(keys=named, first=day_from(first), counts=counts, running=late, too_old=too_old)
