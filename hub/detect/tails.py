"""Upper tails of counts: the chance of so many or more, and the largest count that is still no surprise.

A count with mean ``mu`` and variance ``phi * mu`` is negative binomial, at ``phi = 1`` Poisson.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from hub.detect.judged import Bools, Floats

_NEARLY_POISSON = 1e-9
_LARGEST = 1e9
"""A mean or dispersion beyond that is no count of cases in a week; it gets no bound."""
_HALVINGS = 64


def chance_of_at_least(count: Floats, mu: Floats, phi: Floats) -> Floats:
    """``P(Y >= count)`` for mean ``mu >= 0`` and dispersion ``phi >= 1``; arrays of one shape. NaN stays NaN."""
    count, mu, phi = np.broadcast_arrays(count, mu, phi)
    some = np.maximum(count, 1.0)
    excess = phi - 1.0
    poisson = excess < _NEARLY_POISSON
    safe = np.where(poisson, 1.0, excess)
    with np.errstate(all="ignore"):
        chance = np.where(
            poisson,
            special.gammainc(some, mu),
            special.betainc(some, np.maximum(mu, np.finfo(float).tiny) / safe, safe / (1.0 + safe)),
        )
    chance = np.where(mu <= 0, 0.0, chance)
    chance = np.where(count <= 0, 1.0, chance)
    return np.where(np.isnan(count) | np.isnan(mu) | np.isnan(phi), np.nan, chance)


def largest_expected(alpha: float, mu: Floats, phi: Floats) -> Floats:
    """The smallest whole ``k`` with ``P(Y > k) <= alpha``; NaN where mean or dispersion is no number or past 1e9."""
    flat_mu, flat_phi = (np.ravel(a) for a in np.broadcast_arrays(mu, phi))
    bound = np.full(flat_mu.shape, np.nan)
    usable = (flat_mu <= _LARGEST) & (flat_phi <= _LARGEST)
    bound[usable] = _searched(alpha, flat_mu[usable], np.maximum(flat_phi[usable], 1.0))
    return bound.reshape(np.broadcast_shapes(np.shape(mu), np.shape(phi)))


def _searched(alpha: float, mu: Floats, phi: Floats) -> Floats:
    """By halving between a count that is too small and one that is large enough, from a guess that knows the skew."""
    z = special.ndtri(1.0 - alpha)
    sd = np.sqrt(np.maximum(phi * mu, 0.0))
    guess = np.floor(mu + z * sd + (z * z - 1.0) / 6.0 * (2.0 * phi - 1.0))
    step = np.maximum(1.0, np.floor(0.02 * sd))

    def enough(k: Floats, at: Bools) -> Bools:
        return np.asarray(chance_of_at_least(k[at] + 1.0, mu[at], phi[at]) <= alpha, dtype=np.bool_)

    high = np.maximum(guess, 0.0)
    low = np.maximum(guess, 0.0) - step
    for end, outward, wrong_when in ((high, 1.0, False), (low, -1.0, True)):
        stride = step.copy()
        open_ = np.ones(mu.shape, dtype=np.bool_)
        for _ in range(_HALVINGS):
            # Below zero nothing is enough, so that the lower end need not be asked there.
            open_ &= end >= 0 if wrong_when else True
            open_[open_] = enough(end, open_) == wrong_when
            if not open_.any():
                break
            end[open_] += outward * stride[open_]
            stride[open_] *= 2.0
    low = np.maximum(low, -1.0)
    for _ in range(_HALVINGS):
        between = high - low > 1.0
        if not between.any():
            break
        middle = np.floor((low + high) / 2.0)
        fits = np.zeros(mu.shape, dtype=np.bool_)
        fits[between] = enough(middle, between)
        high = np.where(between & fits, middle, high)
        low = np.where(between & ~fits, middle, low)
    return np.asarray(high)
