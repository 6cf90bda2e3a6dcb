"""EARS C1, C2 and C3: a week against the seven weeks before it, for histories too short for anything better.

The textbook bound takes the seven weeks' mean and spread for the truth and the counts for normal. On small weekly counts it alarms
many times more often than ``alpha`` says; ``calibrated`` draws the bound that seven weeks can support (docs/detectors.md has figures).

Source: Hutwagner et al. 2003, J Urban Health 80(2 Suppl 1):i89; Fricker, Hegler and Dunfee 2008, Stat Med 27:3407.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from hub.detect.judged import Bools, Floats, Judged, Method, State, as_counts, settle, unreadable

BASELINE_WEEKS = 7
_GUARD = {Method.EARS_C1: 0, Method.EARS_C2: 2, Method.EARS_C3: 2}
_LOOKS_BACK = {Method.EARS_C1: 0, Method.EARS_C2: 0, Method.EARS_C3: 2}
_CELLS_AT_ONCE = 4_000_000
"""Keys times weeks times weeks looked back, reckoned together: some 100 MB."""
_ROOT_SHIFT = 0.375
"""``2 * sqrt(count + 3/8)`` of a Poisson count has a standard deviation of nearly 1 whatever its mean (Anscombe 1948)."""


@dataclass(frozen=True, slots=True)
class EarsSettings:
    """How strict EARS is.

    Attributes:
        method: C1 (no guard), C2 (two weeks' guard) or C3 (C2 and its excess of the two weeks before).
        alpha: Nominal chance a week that nothing alarms; usual are .001 for C1 and C2, .025 for C3.
        least_spread: The baseline's standard deviation is taken as at least that.
        calibrated: Student's t on square roots instead of the textbook bound; C1 and C2 only.
        as_surveillance: C3's bound as R's package reckons it; only for comparing numbers with it. Measured with 1.20.3: it starts
            from the judged count instead of the baseline's mean and a spread more, and divides by a spread of nought.

    Raises:
        ValueError: The method is none of the three, alpha is no small chance, or C3 is asked to be calibrated.
    """

    method: Method = Method.EARS_C2
    alpha: float = 0.001
    least_spread: float = 0.0
    calibrated: bool = False
    as_surveillance: bool = False

    def __post_init__(self) -> None:
        if self.method not in _GUARD:
            raise ValueError(f"{self.method} is none of {sorted(_GUARD)}: name one of these")
        if not 0.0 < self.alpha < 0.5:
            raise ValueError(f"alpha is {self.alpha}: give a chance between 0 and .5, usually .001 to .025")
        if self.calibrated and self.method is Method.EARS_C3:
            raise ValueError(
                "C3 adds up weeks that share a baseline and has no calibrated form: use C1 or C2"
            )

    @property
    def weeks_needed(self) -> int:
        """Weeks of history before the judged one."""
        return BASELINE_WEEKS + _GUARD[self.method] + _LOOKS_BACK[self.method]


def ears(
    counts: npt.ArrayLike, weeks: Sequence[int] | None = None, settings: EarsSettings | None = None
) -> Judged:
    """The judged weeks of every key against the weeks just before each.

    Args:
        counts: ``keys x weeks``; NaN where a week is not known.
        weeks: Places of the weeks to judge, ascending; all when None.
        settings: How strict.

    Returns:
        Shape ``(keys, len(weeks))``. `State.SHORT_HISTORY` where a week that the method needs is not known; for C3 `State.NO_BOUND`
        where one of its three baselines is constant.
    """
    settings = settings or EarsSettings()
    table = as_counts(counts)
    judged = np.arange(table.shape[1]) if weeks is None else np.asarray(weeks, dtype=np.int64)
    shape = (len(table), len(judged))
    answers = (np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan))
    state = np.full(shape, State.SHORT_HISTORY, dtype=np.uint8)
    columns = np.flatnonzero(judged >= settings.weeks_needed)
    at_once = max(1, _CELLS_AT_ONCE // max(1, len(columns) * settings.weeks_needed))
    for start in range(0, len(table), at_once):
        rows = slice(start, start + at_once)
        states, found = _judge(table[rows], judged[columns], settings)
        state[rows, columns] = states
        for into, values in zip(answers, found, strict=True):
            into[rows, columns] = values
    observed = table[:, judged]
    state[np.isnan(observed) & (state != State.UNREADABLE)] = State.NOT_OBSERVED
    return settle(settings.method, judged, observed, answers, state)


def _judge(
    table: Floats, weeks: npt.NDArray[np.int64], settings: EarsSettings
) -> tuple[npt.NDArray[np.uint8], tuple[Floats, Floats, Floats]]:
    back = np.arange(settings.weeks_needed + 1)
    used = table[:, weeks[:, None] - back]
    broken = unreadable(used).any(axis=2)
    # The guard's own weeks are not used, so that they need not be known.
    needed = np.ones(len(back), dtype=np.bool_)
    if _LOOKS_BACK[settings.method] == 0:
        needed[1 : 1 + _GUARD[settings.method]] = False
    short = np.isnan(used[:, :, needed]).any(axis=2)
    state = np.where(broken, State.UNREADABLE, np.where(short, State.SHORT_HISTORY, State.JUDGED)).astype(
        np.uint8
    )
    usable = state == State.JUDGED
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        found = (
            _c3(table, weeks, settings)
            if settings.method is Method.EARS_C3
            else _bounded(table, weeks, settings)
        )
    expected, upper, p_value = (np.where(usable, values, np.nan) for values in found)
    return state, (expected, upper, p_value)


def _spread(table: Floats, weeks: npt.NDArray[np.int64], settings: EarsSettings) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the seven weeks before each week's guard."""
    guard = _GUARD[settings.method]
    past = table[:, weeks[:, None] - np.arange(guard + 1, guard + 1 + BASELINE_WEEKS)]
    return past.mean(axis=2), np.maximum(past.std(axis=2, ddof=1), settings.least_spread)


def _bounded(
    table: Floats, weeks: npt.NDArray[np.int64], settings: EarsSettings
) -> tuple[Floats, Floats, Floats]:
    if settings.calibrated:
        return _calibrated(table, weeks, settings)
    mean, spread = _spread(table, weeks, settings)
    excess = table[:, weeks] - mean
    upper = mean + special.ndtri(1.0 - settings.alpha) * spread
    return mean, upper, _tail(excess, spread)


def _calibrated(
    table: Floats, weeks: npt.NDArray[np.int64], settings: EarsSettings
) -> tuple[Floats, Floats, Floats]:
    """Student's t for a new week, on the scale of square roots, where a Poisson count has the standard deviation 1."""
    roots = 2.0 * np.sqrt(table + _ROOT_SHIFT)
    mean, spread = _spread(roots, weeks, replace(settings, least_spread=1.0))
    spread = spread * np.sqrt(1.0 + 1.0 / BASELINE_WEEKS)
    freedom = BASELINE_WEEKS - 1
    upper = ((mean + special.stdtrit(freedom, 1.0 - settings.alpha) * spread) / 2.0) ** 2 - _ROOT_SHIFT
    p_value = special.stdtr(freedom, -(roots[:, weeks] - mean) / spread)
    return _spread(table, weeks, settings)[0], upper, p_value


def _c3(table: Floats, weeks: npt.NDArray[np.int64], settings: EarsSettings) -> tuple[Floats, Floats, Floats]:
    mean, spread = _spread(table, weeks, settings)
    carried = np.zeros_like(mean)
    flat: Bools = spread == 0
    for ago in (1, 2):
        mean_then, spread_then = _spread(table, weeks - ago, settings)
        carried += np.maximum((table[:, weeks - ago] - mean_then) / spread_then - 1.0, 0.0)
        flat |= spread_then == 0
    allowed = spread * (special.ndtri(1.0 - settings.alpha) - carried)
    p_value = special.ndtr(-((table[:, weeks] - mean) / spread - 1.0 + carried))
    if settings.as_surveillance:
        return mean, np.maximum(table[:, weeks] + allowed, 0.0), p_value
    # C3 exceeds z where the week's own excess over one spread, and what is carried, does.
    return mean, np.where(flat, np.nan, np.maximum(mean + spread + allowed, 0.0)), p_value


def _tail(excess: Floats, spread: Floats) -> Floats:
    return np.where(
        spread > 0, special.ndtr(-excess / np.where(spread > 0, spread, 1.0)), np.where(excess > 0, 0.0, 1.0)
    )
