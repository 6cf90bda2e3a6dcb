"""Next month by the same month of former years (民情月历): cases expected of each key, and between what bounds.

A former year's month counts for as much as the key has grown since: its last half year against the same half year then.
How far months stray from "a year's level times a month's share" says how wide the interval must be. A festival that
moves between months (春节) is not reckoned with: January and February are best read together.

Source: R12 and W07 of domain.md.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hub.detect.dense import local_date, month_from, month_number, month_of
from hub.detect.judged import Bools, Floats, as_counts, unreadable
from hub.detect.tails import largest_expected

_YEAR = 12
_LEVEL_MONTHS = 6
_HALF_A_CASE = 0.5
_SHRINK = 5.0
"""Cases added to both sides of the growth since then, so that a few cases more or less do not double a forecast."""
_LEAST_YEARS = 2


class Confidence(StrEnum):
    """How far a forecast can be trusted."""

    USUAL = "usual"
    """From two former years or more."""
    LOW = "low"
    """From one former year."""
    SHORT_HISTORY = "short_history"
    """The same month is known of no former year: no forecast."""
    UNREADABLE = "unreadable"
    """A count is negative, infinite or no whole number: no forecast."""


@dataclass(frozen=True, slots=True)
class SeasonSettings:
    """How a month is forecast.

    Attributes:
        coverage: Chance that the month falls within its bounds.
        years: Former years used at most.

    Raises:
        ValueError: A setting that no month can be forecast with.
    """

    coverage: float = 0.9
    years: int = 5

    def __post_init__(self) -> None:
        if not 0.0 < self.coverage < 1.0 or self.years < 1:
            raise ValueError(
                f"{self}: give a coverage between 0 and 1, usually .8 or .9, and at least one year"
            )


@dataclass(frozen=True, slots=True, eq=False)
class MonthForecast:
    """What is expected of one month; arrays have shape ``(keys,)``, NaN where there is no forecast.

    Attributes:
        month: First day of the month.
        as_of: The day on which it was issued; nothing from that day's month on was used.
        expected: Cases expected in the month.
        lower: Smallest count within the bounds.
        upper: Largest count within the bounds.
        monthly_mean: Cases a month over the last twelve whole months that are known.
        ratio: ``expected / monthly_mean``: 1.5 is half as many again as in a usual month; NaN where that mean is nought.
        years: Former years whose same month is known.
        confidence: Of each key.
    """

    month: date
    as_of: date
    expected: Floats
    lower: Floats
    upper: Floats
    monthly_mean: Floats
    ratio: Floats
    years: npt.NDArray[np.int64]
    confidence: tuple[Confidence, ...]


def forecast_month(
    counts: npt.ArrayLike, first_month: date, *, as_of: date, settings: SeasonSettings | None = None
) -> MonthForecast:
    """The month after the one of ``as_of``.

    Args:
        counts: ``keys x months`` of whole months (`hub.detect.dense.monthly_counts`); NaN where not known. Months from that of
            ``as_of`` on are not looked at.
        first_month: First day of month 0.
        as_of: The day of issue (a moment must be aware); the county's.
        settings: How it is forecast.
    """
    settings = settings or SeasonSettings()
    table = as_counts(counts)
    running = month_number(month_of(as_of))
    table = table[:, : max(running - month_number(first_month), 0)]
    broken: Bools = np.asarray(unreadable(table).any(axis=1))
    table = np.where(broken[:, None], np.nan, table)
    former = _former(table, running + 1, settings.years)
    days = _days(running + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(former.years > 0, days * former.cases / former.exposure, np.nan)
        # Former months without a case do not prove that there will be none.
        at_most = np.where(
            former.years > 0, days * np.maximum(former.cases, _HALF_A_CASE) / former.exposure, np.nan
        )
        monthly_mean = _mean_known(table[:, -_YEAR:])
        ratio = np.where(monthly_mean > 0, expected / monthly_mean, np.nan)
        dispersion = _stray(table) * (1.0 + at_most * former.error)
    tail = (1.0 - settings.coverage) / 2.0
    return MonthForecast(
        month=month_from(running + 1),
        as_of=local_date(as_of),
        expected=expected,
        lower=largest_expected(1.0 - tail, expected, dispersion),
        upper=largest_expected(tail, at_most, dispersion),
        monthly_mean=monthly_mean,
        ratio=ratio,
        years=former.years,
        confidence=tuple(_confidence(int(n), bool(out)) for n, out in zip(former.years, broken, strict=True)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Former:
    """The same month of former years; arrays ``(keys,)``.

    Attributes:
        cases: In all of them.
        exposure: Days that they are worth at the present level.
        years: How many of them are known.
        error: Relative variance of the forecast for each unit of dispersion.
    """

    cases: Floats
    exposure: Floats
    years: npt.NDArray[np.int64]
    error: Floats


def _former(table: Floats, target: int, most_years: int) -> _Former:
    """Read from the end: the last column is the month before the running one, two before the target."""
    keys, months = table.shape
    cases, exposure, level_then, level_now = np.zeros((4, keys))
    years = np.zeros(keys, dtype=np.int64)
    for year in range(1, most_years + 1):
        column = months + 1 - _YEAR * year
        if column < 0:
            break
        known = ~np.isnan(table[:, column])
        now, then = _levels(table, year)
        growth = (now + _SHRINK) / (then + _SHRINK)
        cases += np.where(known, table[:, column], 0.0)
        exposure += np.where(known, _days(target - _YEAR * year) / growth, 0.0)
        years += known
        level_then += np.where(known, then, 0.0)
        level_now = np.maximum(level_now, now)
    error = 1.0 / np.maximum(cases, 1.0) + 1.0 / (level_now + _SHRINK) + 1.0 / (level_then + _SHRINK)
    return _Former(cases=cases, exposure=exposure, years=years, error=error)


def _levels(table: Floats, year: int) -> tuple[Floats, Floats]:
    """Cases of the last half year, and of the same months ``year`` years before, where both are known."""
    now, then = np.zeros((2, len(table)))
    for month in range(1, _LEVEL_MONTHS + 1):
        column = table.shape[1] - month
        if column - _YEAR * year < 0:
            break
        late, early = table[:, column], table[:, column - _YEAR * year]
        both = ~np.isnan(late) & ~np.isnan(early)
        now += np.where(both, late, 0.0)
        then += np.where(both, early, 0.0)
    return now, then


def _stray(table: Floats) -> Floats:
    """Dispersion of months about a year's level times a month's share, at least 1; from month to month with less than two years."""
    years = table.shape[1] // _YEAR
    blocks = table[:, table.shape[1] - years * _YEAR :].reshape(len(table), years, _YEAR)
    known: Bools = np.asarray(~np.isnan(blocks).any(axis=2))
    filled = np.where(known[:, :, None], blocks, 0.0)
    levels, shares = filled.sum(axis=2), filled.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        fitted = levels[:, :, None] * shares[:, None, :] / levels.sum(axis=1)[:, None, None]
        squares = np.where(known[:, :, None] & (fitted > 0), (filled - fitted) ** 2 / fitted, 0.0).sum(
            axis=(1, 2)
        )
        freedom = (known.sum(axis=1) - 1) * (_YEAR - 1)
        by_years = np.where(freedom > 0, squares / freedom, 0.0)
        step, both = np.diff(table, axis=1), table[:, 1:] + table[:, :-1]
        steps = both > 0
        by_steps = np.where(steps, step**2 / both, 0.0).sum(axis=1) / np.maximum(steps.sum(axis=1), 1)
    return np.maximum(np.where(freedom > 0, by_years, by_steps), 1.0)


def _mean_known(table: Floats) -> Floats:
    known = ~np.isnan(table)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(known, table, 0.0).sum(axis=1) / known.sum(axis=1))


def _days(number: int) -> float:
    month = month_from(number)
    return float(calendar.monthrange(month.year, month.month)[1])


def _confidence(years: int, broken: bool) -> Confidence:
    if broken:
        return Confidence.UNREADABLE
    if years == 0:
        return Confidence.SHORT_HISTORY
    return Confidence.USUAL if years >= _LEAST_YEARS else Confidence.LOW
