"""How improbable a week is after a short history, when the spread is learnt from all keys together.

Seven weeks of one key tell its mean well and its spread hardly at all: Student's t makes of that doubt tails so heavy that among a
thousand keys no week is ever improbable enough. A thousand keys together tell their common spread exactly. A count is then negative
binomial about the key's mean, with the common dispersion, widened by the doubt about the mean.

Used to order a week's alarms by (`hub.detect.weekly.false_discovery_share`), not as a bound: a key that is wilder than the others has
its own bound by EARS.
"""

from __future__ import annotations

import numpy as np

from hub.detect.ears import BASELINE_WEEKS
from hub.detect.judged import Floats
from hub.detect.tails import chance_of_at_least

GUARD_WEEKS = 2
_HALF_A_CASE = 0.5
_LEAST_CASES = 7.0
"""Cases in the baseline of a key from which on its spread is counted: with less than one a week, it says little."""


def pooled_p_values(table: Floats, week: int) -> Floats:
    """Chance of as many cases as in the week or more, after the seven weeks before the last two; NaN where these are not known.

    Args:
        table: ``keys x weeks``.
        week: Place of the week.
    """
    if week < BASELINE_WEEKS + GUARD_WEEKS:
        return np.full(len(table), np.nan)
    before = table[:, week - GUARD_WEEKS - BASELINE_WEEKS : week - GUARD_WEEKS]
    observed = table[:, week]
    cases = before.sum(axis=1)
    mean = (cases + _HALF_A_CASE) / BASELINE_WEEKS
    spread = common_dispersion(before)
    with np.errstate(invalid="ignore"):
        return chance_of_at_least(observed, mean, np.full(len(table), spread * (1.0 + 1.0 / BASELINE_WEEKS)))


def common_dispersion(before: Floats) -> float:
    """Variance over mean that these keys have in common, at least 1 (Pearson)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        cases = before.sum(axis=1)
        told = cases >= _LEAST_CASES
        if not told.any():
            return 1.0
        mean = cases[told] / before.shape[1]
        squares = ((before[told] - mean[:, None]) ** 2).sum(axis=1) / mean
    return max(1.0, float(squares.sum() / (told.sum() * (before.shape[1] - 1))))
