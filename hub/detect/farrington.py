"""Farrington's method in its flexible form: a week against the same season of three to five former years.

A quasi-Poisson regression with a level for each season and a trend, fitted twice (weeks that stuck out in the first fit count
less in the second), says what is expected; the bound is the upper quantile of a negative binomial with that mean and
dispersion. Noufaily's changes to the method of 1996: more of the baseline is used, only weeks that stick out far (2.58) count
less, the last 26 weeks are left out.

Source: Farrington et al. 1996, JRSS A 159:547; Noufaily et al. 2013, Statistics in Medicine 32:1206.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import special

from hub.detect.baseline import RECENT_WEEKS_LEFT_OUT, WEEK_DAYS, Baseline, baseline
from hub.detect.judged import (
    Bools,
    Floats,
    Judged,
    Method,
    State,
    as_counts,
    cases_lately,
    quiet,
    settle,
    unreadable,
)
from hub.detect.quasipoisson import Design, Fit, with_relative_errors
from hub.detect.tails import chance_of_at_least, largest_expected

_AT_ONCE = 1024
"""Keys fitted together: as many as keep the working arrays within some 20 MB."""
_SHORTEST_YEAR = 52
_YEARS_FOR_A_TREND = 3
_LEAST_KNOWN = 0.75
"""Share of the baseline's weeks that must be known; the others have no weight."""


class Bound(StrEnum):
    """How the upper bound is drawn."""

    NEGATIVE_BINOMIAL = "nb"
    """Quantile of the negative binomial about the expected count (``nbPlugin``)."""
    NEGATIVE_BINOMIAL_UNSURE = "muan"
    """The same about the upper confidence limit of the expected count."""
    TWO_THIRDS = "delta"
    """Normal on the scale of the two-thirds power, the expected count's own error included (1996)."""


@dataclass(frozen=True, slots=True)
class FarringtonSettings:
    """How strict the method is, and what it compares with.

    Attributes:
        alpha: Chance a week that nothing alarms, at most, by the model.
        years: Former years to compare with at most.
        least_years: Fewer known years than that: `State.SHORT_HISTORY`.
        half_window: Weeks on each side of the reference week.
        periods: Seasons a year.
        left_out: Weeks just before the judged one that are not used.
        sticks_out: Standardized Anscombe residual from which on a week counts less.
        trend_p: A trend is kept only where its p-value is below that; 1 keeps all.
        bound: How the upper bound is drawn.
        as_surveillance: Errors of the fit are scaled as R's package scales them; only for comparing numbers with it.
        least_cases: No alarm with fewer cases than that in the last `least_cases_weeks`, the judged one among them.
        least_cases_weeks: See `least_cases`.

    Raises:
        ValueError: A setting that no week can be judged with.
    """

    alpha: float = 0.01
    years: int = 5
    least_years: int = 3
    half_window: int = 3
    periods: int = 10
    left_out: int = RECENT_WEEKS_LEFT_OUT
    sticks_out: float = 2.58
    trend_p: float = 1.0
    bound: Bound = Bound.NEGATIVE_BINOMIAL
    as_surveillance: bool = False
    least_cases: int = 5
    least_cases_weeks: int = 4

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 0.5:
            raise ValueError(f"alpha is {self.alpha}: give a chance between 0 and .5, usually .005 to .05")
        if not 1 <= self.least_years <= self.years:
            raise ValueError(
                f"years {self.years} and least_years {self.least_years}: give 1 <= least_years <= years"
            )
        if self.half_window < 0 or self.periods < 2 or 2 * self.half_window + self.periods > _SHORTEST_YEAR:
            raise ValueError(
                f"half_window {self.half_window} and periods {self.periods} do not fit into a year: "
                f"give at least 2 periods of at least a week beside the window"
            )
        if self.left_out < self.half_window:
            raise ValueError(
                f"left_out {self.left_out}: leave out at least half_window ({self.half_window}) weeks"
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    expected: Floats
    upper: Floats
    p_value: Floats


def farrington(
    counts: npt.ArrayLike,
    first_monday: date,
    weeks: Sequence[int],
    settings: FarringtonSettings | None = None,
) -> Judged:
    """The judged weeks of every key against its former years.

    Args:
        counts: ``keys x weeks``; NaN where a week is not known.
        first_monday: First day of week 0.
        weeks: Places of the weeks to judge, ascending.
        settings: How strict; the defaults are Noufaily's.

    Returns:
        Shape ``(keys, len(weeks))``. A key with fewer than ``least_years`` known years is `State.SHORT_HISTORY` there; the years
        used are as many as are known, at most ``years``.
    """
    settings = settings or FarringtonSettings()
    table = as_counts(counts)
    judged_weeks = np.asarray(weeks, dtype=np.int64)
    shape = (len(table), len(judged_weeks))
    expected, upper, p_value = np.full((3, *shape), np.nan)
    state = np.full(shape, State.SHORT_HISTORY, dtype=np.uint8)
    begun = _first_known(table)
    for column, week in enumerate(judged_weeks):
        monday = first_monday + timedelta(days=int(week) * WEEK_DAYS)
        for years, keys in _by_years(begun, int(week), monday, settings):
            for some in np.array_split(keys, -(-len(keys) // _AT_ONCE)):
                states, answers = _judge(table[some, : week + 1], years, settings)
                state[some, column] = states
                expected[some, column] = answers.expected
                upper[some, column] = answers.upper
                p_value[some, column] = answers.p_value
    observed = table[:, judged_weeks]
    state[np.isnan(observed) & (state != State.UNREADABLE)] = State.NOT_OBSERVED
    judged = settle(Method.FARRINGTON, judged_weeks, observed, (expected, upper, p_value), state)
    return quiet(judged, cases_lately(table, judged_weeks, settings.least_cases_weeks) < settings.least_cases)


def weeks_needed(monday: date, settings: FarringtonSettings | None = None) -> int:
    """Weeks of history before the week of ``monday`` without which the method is silent."""
    settings = settings or FarringtonSettings()
    return _baseline(monday, settings.least_years, settings).reach


def _baseline(monday: date, years: int, settings: FarringtonSettings) -> Baseline:
    return baseline(
        monday,
        years=years,
        half_window=settings.half_window,
        periods=settings.periods,
        left_out=settings.left_out,
    )


def _first_known(table: Floats) -> npt.NDArray[np.int64]:
    known = ~np.isnan(table)
    return np.asarray(np.where(known.any(axis=1), known.argmax(axis=1), table.shape[1]))


def _by_years(
    begun: npt.NDArray[np.int64], week: int, monday: date, settings: FarringtonSettings
) -> list[tuple[Baseline, npt.NDArray[np.intp]]]:
    """The keys that know as many former years, together with that baseline; the longest first."""
    groups = []
    left = np.ones(len(begun), dtype=np.bool_)
    for years in range(settings.years, settings.least_years - 1, -1):
        form = _baseline(monday, years, settings)
        here = left & (week - form.reach >= begun)
        left &= ~here
        if here.any():
            groups.append((form, np.flatnonzero(here)))
    return groups


def _judge(
    upto: Floats, form: Baseline, settings: FarringtonSettings
) -> tuple[npt.NDArray[np.uint8], _Answers]:
    """States and answers of keys for the last week in ``upto``."""
    past = upto[:, upto.shape[1] - 1 - form.back]
    known = ~np.isnan(past)
    broken = unreadable(past).any(axis=1) | unreadable(upto[:, -1:])[:, 0]
    sparse = known.mean(axis=1) < _LEAST_KNOWN
    state = np.where(broken, State.UNREADABLE, np.where(sparse, State.SHORT_HISTORY, State.JUDGED)).astype(
        np.uint8
    )
    fine = state == State.JUDGED
    answers = _Answers(*np.full((3, len(upto)), np.nan))
    if fine.any():
        fit = _settled_fit(
            Design(form.back, form.starts), np.where(known, past, 0.0)[fine], known[fine], form, settings
        )
        drawn = _drawn(fit, upto[fine, -1], settings)
        for into, values in zip(
            (answers.expected, answers.upper, answers.p_value),
            (drawn.expected, drawn.upper, drawn.p_value),
            strict=True,
        ):
            into[fine] = values
    return state, answers


def _settled_fit(
    design: Design, past: Floats, known: Bools, form: Baseline, settings: FarringtonSettings
) -> Fit:
    """The fit with its trend where that is sound, else without.

    Sound: three years, significant, and not led beyond all that was ever seen (Farrington 1996, section 3.4).
    """
    if form.years < _YEARS_FOR_A_TREND:
        return _fit_twice(design, past, known, settings, with_trend=False)
    fit = _fit_twice(design, past, known, settings, with_trend=True)
    with np.errstate(invalid="ignore"):
        significant = 2.0 * special.stdtr(fit.freedom, -np.abs(fit.trend_t)) < settings.trend_p
    sound = fit.settled & significant & (fit.ahead <= past.max(axis=1))
    if not sound.all():
        level = _fit_twice(design, past[~sound], known[~sound], settings, with_trend=False)
        fit = _put(fit, level, ~sound)
    return fit


def _put(fit: Fit, other: Fit, where: Bools) -> Fit:
    for name in ("ahead", "ahead_se", "dispersion", "trend"):
        getattr(fit, name)[where] = getattr(other, name)
    return fit


def _fit_twice(
    design: Design, past: Floats, known: Bools, settings: FarringtonSettings, *, with_trend: bool
) -> Fit:
    even = known.astype(np.float64)
    first = design.fit(past, even, with_trend=with_trend)
    residuals = _anscombe(past, first)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(residuals > settings.sticks_out, residuals**-2.0, 1.0) * even
    weights *= (even.sum(axis=1) / weights.sum(axis=1))[:, None]
    second = design.fit(past, weights, with_trend=with_trend)
    return with_relative_errors(second) if settings.as_surveillance else second


def _anscombe(past: Floats, fit: Fit) -> Floats:
    """Standardized Anscombe residuals; 0 where nothing is expected."""
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = 1.5 * (np.cbrt(past) ** 2 * fit.fitted ** (-1 / 6) - np.sqrt(fit.fitted))
        scaled = raw / np.sqrt(fit.dispersion[:, None] * (1.0 - fit.leverage))
    return np.where(np.isfinite(scaled), scaled, 0.0)


def _drawn(fit: Fit, observed: Floats, settings: FarringtonSettings) -> _Answers:
    mu, phi = fit.ahead, fit.dispersion
    if settings.bound is Bound.TWO_THIRDS:
        return _two_thirds(fit, observed, settings.alpha)
    if settings.bound is Bound.NEGATIVE_BINOMIAL_UNSURE:
        with np.errstate(over="ignore", invalid="ignore"):
            high = mu * np.exp(special.ndtri(1.0 - settings.alpha) * fit.ahead_se)
        mu_drawn = np.where(mu > 0, high, 0.0)
    else:
        mu_drawn = mu
    upper = largest_expected(settings.alpha, mu_drawn, phi)
    return _Answers(expected=mu, upper=upper, p_value=chance_of_at_least(observed, mu_drawn, phi))


def _two_thirds(fit: Fit, observed: Floats, alpha: float) -> _Answers:
    mu, phi = fit.ahead, fit.dispersion
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = 2.0 / 3.0 * np.sqrt(phi / mu + fit.ahead_se**2)
        upper = mu * np.maximum(1.0 + special.ndtri(1.0 - alpha) * spread, 0.0) ** 1.5
        p_value = special.ndtr(-(np.cbrt(observed / mu) ** 2 - 1.0) / spread)
    nothing = mu <= 0
    return _Answers(
        expected=mu,
        upper=np.where(nothing, 0.0, upper),
        p_value=np.where(nothing, np.where(observed > 0, 0.0, 1.0), p_value),
    )
