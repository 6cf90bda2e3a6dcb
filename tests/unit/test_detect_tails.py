"""Tails of counts against scipy's own distributions and against sums by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hub.detect.tails import chance_of_at_least, largest_expected

MEANS = st.floats(0.01, 500.0)
DISPERSIONS = st.one_of(st.just(1.0), st.floats(1.01, 20.0))


def one(value: float) -> np.ndarray:
    return np.array([value], dtype=float)


@given(st.integers(0, 2000), MEANS, DISPERSIONS)
def test_chance_of_so_many_or_more_is_the_distributions_own(count, mu, phi):
    theirs = (
        stats.poisson.sf(count - 1, mu) if phi == 1 else stats.nbinom.sf(count - 1, mu / (phi - 1), 1 / phi)
    )
    assert chance_of_at_least(one(count), one(mu), one(phi))[0] == pytest.approx(theirs, rel=1e-6, abs=1e-12)


@given(MEANS, DISPERSIONS, st.sampled_from([0.05, 0.01, 0.001]))
def test_largest_expected_count_is_the_first_whose_tail_is_small_enough(mu, phi, alpha):
    bound = largest_expected(alpha, one(mu), one(phi))
    assert chance_of_at_least(bound + 1, one(mu), one(phi))[0] <= alpha
    assert bound[0] == 0 or chance_of_at_least(bound, one(mu), one(phi))[0] > alpha


def test_where_nothing_is_expected_one_case_is_too_many():
    assert largest_expected(0.01, one(0.0), one(1.0))[0] == 0
    assert chance_of_at_least(one(1), one(0.0), one(1.0))[0] == 0
    assert chance_of_at_least(one(0), one(0.0), one(1.0))[0] == 1


@pytest.mark.parametrize(
    ("mu", "phi"), [(np.nan, 1.0), (np.inf, 2.0), (5.0, np.nan), (5.0, np.inf), (1e12, 1.0)]
)
def test_what_is_no_mean_or_dispersion_of_a_count_gets_no_bound(mu, phi):
    assert np.isnan(largest_expected(0.01, one(mu), one(phi))[0])


def test_every_count_is_bounded_by_itself():
    mu, phi = np.array([0.1, 3.0, 400.0, np.nan, 0.0]), np.array([1.0, 2.0, 9.0, 1.0, 1.0])
    alone = [largest_expected(0.01, one(m), one(p))[0] for m, p in zip(mu, phi, strict=True)]
    np.testing.assert_array_equal(largest_expected(0.01, mu, phi), alone)
