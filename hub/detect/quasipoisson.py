"""Quasi-Poisson regression of many series on one design: a level for each season and, if asked, a common trend.

With one level a season the maximum over the levels is a closed form, so that only the trend is searched for, by Newton's
method on the profile likelihood. It is the same maximum that iterated weighted least squares walks to, at a tenth of the cost, and a
season without a single case is no special case. Every series is reckoned by itself: another one in the batch changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hub.detect.judged import Bools, Floats

_STEPS = 40
_LARGEST_STEP = 2.0
_CLOSE = 1e-10
_STEEPEST = 30.0
"""A trend by which the whole baseline rises or falls e**30 times is no trend: the fit runs away."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Fitted series; ``keys`` rows.

    Attributes:
        fitted: Cases expected in each baseline week, shape ``(keys, weeks)``.
        spread: Pearson's dispersion as it is, shape ``(keys,)``; NaN where no freedom is left.
        dispersion: The same, at least 1.
        ahead: Cases expected in the judged week (time 0, the first season), shape ``(keys,)``.
        ahead_se: Standard error of the logarithm of ``ahead``, shape ``(keys,)``; infinite without cases in the window.
        trend: Logarithm of growth over the whole baseline, shape ``(keys,)``; 0 where none was fitted.
        trend_t: Its Student's t with the dispersion as estimated, shape ``(keys,)``; 0 where none was fitted.
        freedom: Degrees of freedom, shape ``(keys,)``.
        relative: Mean square of the residuals as shares of what was expected, shape ``(keys,)``; see `with_relative_errors`.
        leverage: Diagonal of the hat matrix, shape ``(keys, weeks)``.
        settled: Whether the search for the trend ended, shape ``(keys,)``.
    """

    fitted: Floats
    spread: Floats
    dispersion: Floats
    ahead: Floats
    ahead_se: Floats
    trend: Floats
    trend_t: Floats
    freedom: Floats
    relative: Floats
    leverage: Floats
    settled: Bools


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Weighted sums of a season's tilted weeks; shape ``(keys, seasons)``."""

    tilt: Floats
    plain: Floats
    mean: Floats
    spread: Floats


class Design:
    """Weeks in seasons, and their distance in time from the judged week."""

    def __init__(self, back: npt.NDArray[np.int64], starts: npt.NDArray[np.intp]) -> None:
        self.starts = starts
        self.lengths = np.diff(np.append(starts, len(back)))
        # The judged week is at `self.now`; the baseline spans one unit about zero.
        span = float(back.max() - back.min()) or 1.0
        middle = (back.max() + back.min()) / 2.0
        self.time: Floats = (middle - back) / span
        self.now = middle / span

    def fit(self, counts: Floats, weights: Floats, *, with_trend: bool) -> Fit:
        """Fits every row of ``counts`` with the prior ``weights`` (0: the week is not known); shapes ``(keys, weeks)``."""
        cases = self._by_season(weights * counts)
        slope, settled = self._slope(counts, weights, cases) if with_trend else _flat(len(counts))
        sums = self._tilted(weights, slope)
        with np.errstate(divide="ignore", invalid="ignore"):
            level = np.where(sums.plain > 0, cases / sums.plain, 0.0)
        fitted = self._spread_out(level) * sums.tilt
        information = (cases * sums.spread).sum(axis=1)
        return self._described(
            counts, weights, fitted, (cases, level, sums, information), slope, settled, with_trend
        )

    def _slope(self, counts: Floats, weights: Floats, cases: Floats) -> tuple[Floats, Bools]:
        slope, settled = np.zeros(len(counts)), cases.sum(axis=1) <= 0
        wanted = (weights * counts * self.time).sum(axis=1)
        at = np.flatnonzero(~settled)
        for _ in range(_STEPS):
            if not len(at):
                break
            sums = self._tilted(weights[at], slope[at])
            score = wanted[at] - (cases[at] * sums.mean).sum(axis=1)
            information = (cases[at] * sums.spread).sum(axis=1)
            lost = information <= _CLOSE
            step = np.clip(score / np.where(lost, 1.0, information), -_LARGEST_STEP, _LARGEST_STEP)
            slope[at] = np.where(lost, slope[at], slope[at] + step)
            done = (np.abs(step) < _CLOSE) & ~lost
            settled[at] = done
            at = at[~done & ~lost & (np.abs(slope[at]) < _STEEPEST)]
        return np.where(settled, slope, 0.0), settled

    def _tilted(self, weights: Floats, slope: Floats) -> _Sums:
        tilt = np.exp(slope[:, None] * self.time)
        weighted = weights * tilt
        plain = self._by_season(weighted)
        first = self._by_season(weighted * self.time)
        second = self._by_season(weighted * self.time**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(plain > 0, first / plain, 0.0)
            spread = np.where(plain > 0, second / plain - mean**2, 0.0)
        return _Sums(tilt=tilt, plain=plain, mean=mean, spread=np.maximum(spread, 0.0))

    def _described(
        self,
        counts: Floats,
        weights: Floats,
        fitted: Floats,
        solved: tuple[Floats, Floats, _Sums, Floats],
        slope: Floats,
        settled: Bools,
        with_trend: bool,
    ) -> Fit:
        cases, level, sums, information = solved
        known = weights > 0
        seasons = (self._by_season(known.astype(np.float64)) > 0).sum(axis=1)
        freedom = known.sum(axis=1) - seasons - float(with_trend)
        with np.errstate(divide="ignore", invalid="ignore"):
            pearson = np.where(fitted > 0, weights * (counts - fitted) ** 2 / fitted, 0.0).sum(axis=1)
            dispersion = np.where(freedom > 0, pearson / freedom, np.nan)
            shares = weights * np.where(fitted > 0, (counts - fitted) / fitted, -1.0) ** 2
            relative = np.where(freedom > 0, shares.sum(axis=1) / freedom, np.nan)
            away = self.time - self._spread_out(sums.mean)
            per_trend = (
                np.where(information > _CLOSE, 1.0 / information, 0.0)
                if with_trend
                else np.zeros(len(counts))
            )
            share = np.where(known, weights * sums.tilt / self._spread_out(sums.plain), 0.0)
            leverage = share + weights * fitted * away**2 * per_trend[:, None]
            ahead_variance = 1.0 / cases[:, 0] + (self.now - sums.mean[:, 0]) ** 2 * per_trend
            trend_t = np.where(per_trend > 0, slope / np.sqrt(dispersion * per_trend), 0.0)
        return Fit(
            fitted=fitted,
            spread=dispersion,
            dispersion=np.maximum(dispersion, 1.0),
            ahead=level[:, 0] * np.exp(slope * self.now),
            ahead_se=np.sqrt(np.maximum(dispersion, 1.0) * ahead_variance),
            trend=slope,
            trend_t=trend_t,
            freedom=np.asarray(freedom, dtype=np.float64),
            relative=relative,
            leverage=np.clip(leverage, 0.0, 1.0),
            settled=settled,
        )

    def _by_season(self, values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values, self.starts, axis=1))

    def _spread_out(self, per_season: Floats) -> Floats:
        return np.repeat(per_season, self.lengths, axis=1)


def with_relative_errors(fit: Fit) -> Fit:
    """The same fit with errors scaled by the relative residuals, as R's surveillance scales them (measured, 1.20.3).

    Its second fit stores the prior weights where the working weights belong, so that ``predict`` and the trend's test take
    ``sum(w * ((y - mu) / mu)**2)`` for the dispersion. Wrong, and needed to compare numbers.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt(fit.relative)
        return replace(
            fit,
            ahead_se=fit.ahead_se / np.sqrt(fit.dispersion) * scale,
            trend_t=fit.trend_t * np.sqrt(fit.spread) / scale,
        )


def _flat(keys: int) -> tuple[Floats, Bools]:
    return np.zeros(keys), np.ones(keys, dtype=np.bool_)
