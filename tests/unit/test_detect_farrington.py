"""Farrington's flexible method: its baseline, its fit against a plain one, its borders, and awkward series."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.detect.baseline import baseline
from hub.detect.farrington import Bound, FarringtonSettings, farrington, weeks_needed
from hub.detect.judged import Judged, State
from hub.detect.quasipoisson import Design

MONDAY = date(2019, 1, 7)
LAST = 330
JUDGED_MONDAY = MONDAY + timedelta(weeks=LAST)


def quiet(keys: int, seed: int = 3, mean: float = 8.0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, (keys, LAST + 1)).astype(float)


def judged(counts, **asked):
    return farrington(counts, MONDAY, [np.atleast_2d(counts).shape[1] - 1], FarringtonSettings(**asked))


# The baseline


def test_a_baseline_has_seven_weeks_about_the_same_date_of_each_former_year_and_nine_seasons_between():
    form = baseline(JUDGED_MONDAY, years=5)
    window = form.back[: form.starts[1]]
    assert len(form.starts) == 10
    assert len(window) == 5 * 7
    for back in window.reshape(5, 7)[:, 3]:
        then = JUDGED_MONDAY - timedelta(weeks=int(back))
        same_date = JUDGED_MONDAY.replace(year=then.year)
        assert abs((then - same_date).days) <= 3


@pytest.mark.parametrize(
    "monday", [date(2016, 2, 29), date(2020, 12, 28), date(2021, 1, 4), date(2026, 11, 23)]
)
def test_a_baseline_uses_no_week_twice_and_none_of_the_last_twenty_six(monday):
    form = baseline(monday, years=5)
    assert len(set(form.back.tolist())) == len(form.back)
    assert form.back.min() == 27
    assert form.back.max() == form.reach


def test_a_year_of_fifty_three_weeks_gives_its_week_to_the_first_season():
    monday = date(2020, 7, 13)  # two years before, the nearest Mondays lie 53 weeks apart
    form = baseline(monday, years=5)
    season = np.zeros(form.reach + 1, dtype=int)
    for number, weeks in enumerate(np.split(form.back, form.starts[1:])):
        season[weeks] = number
    runs = np.diff(np.flatnonzero(np.diff(season[:26:-1], prepend=-1, append=-1)))
    assert sorted(set(runs.tolist())) == [2, 5, 6, 7]
    assert (runs == 6).sum() == 1


# The fit


def test_the_fit_is_the_one_that_iterated_least_squares_finds():
    random = np.random.default_rng(8)
    form = baseline(JUDGED_MONDAY, years=4)
    design = Design(form.back, form.starts)
    season = np.searchsorted(form.starts, np.arange(len(form.back)), side="right") - 1
    columns = np.column_stack([*(season == s for s in range(10)), design.time]).astype(float)
    counts = random.poisson(np.exp(1.0 + 0.1 * season + 0.8 * design.time)).astype(float)
    weights = random.uniform(0.3, 1.0, len(counts))
    eta = np.log(counts + 0.5)
    for _ in range(50):
        mu = np.exp(eta)
        work = columns.T * (weights * mu)
        beta = np.linalg.solve(work @ columns, work @ (eta + (counts - mu) / mu))
        eta = columns @ beta
    mu = np.exp(eta)
    fit = design.fit(counts[None], weights[None], with_trend=True)
    np.testing.assert_allclose(fit.fitted[0], mu, rtol=1e-8)
    assert fit.trend[0] == pytest.approx(beta[-1], rel=1e-8)
    ahead = np.array([1.0] + [0.0] * 9 + [design.now])
    covariance = np.linalg.inv((columns.T * (weights * mu)) @ columns)
    spread = (weights * (counts - mu) ** 2 / mu).sum() / (len(counts) - 11)
    assert fit.ahead[0] == pytest.approx(np.exp(ahead @ beta), rel=1e-8)
    assert fit.spread[0] == pytest.approx(spread, rel=1e-8)
    assert fit.ahead_se[0] == pytest.approx(np.sqrt(max(spread, 1) * ahead @ covariance @ ahead), rel=1e-8)
    root = np.sqrt(weights * mu)[:, None] * columns
    np.testing.assert_allclose(fit.leverage[0], np.diag(root @ covariance @ root.T), rtol=1e-6)


def test_a_season_is_expected_of_its_season():
    week = np.arange(LAST + 1)
    wave = 20 * np.exp(0.8 * np.cos(2 * np.pi * (week - LAST) / 52.18))
    at_peak = judged(np.random.default_rng(1).poisson(wave).astype(float))
    assert 36 < at_peak.expected[0, 0] < 53
    assert not at_peak.alarm[0, 0]


def test_an_old_outbreak_hardly_moves_the_bound():
    counts = quiet(1)
    outbreak = counts.copy()
    outbreak[0, LAST - 53 : LAST - 50] += 60
    assert judged(outbreak).upper[0, 0] <= judged(counts).upper[0, 0] + 3
    assert judged(outbreak, sticks_out=1e9).upper[0, 0] > judged(outbreak).upper[0, 0] + 3


def test_an_outbreak_under_way_does_not_teach_that_it_is_normal():
    counts = quiet(1)
    counts[0, LAST - 25 :] = 40
    assert judged(counts).alarm[0, 0]


def test_a_trend_that_leads_beyond_all_that_was_seen_is_dropped():
    growing = np.round(np.exp(np.arange(LAST + 1) / 60))
    assert judged(growing).expected[0, 0] <= growing[: LAST - 26].max()


def test_a_trend_without_significance_can_be_dropped():
    counts = quiet(200)
    kept, dropped = judged(counts), judged(counts, trend_p=1e-9)
    window = baseline(JUDGED_MONDAY, years=5).back[:35]
    assert np.abs(dropped.expected[:, 0] / counts[:, LAST - window].mean(axis=1) - 1).max() < 0.15
    assert np.abs(dropped.expected[:, 0] - 8).max() < np.abs(kept.expected[:, 0] - 8).max()


# Borders


@pytest.mark.parametrize(
    ("last_four", "state"), [([0, 0, 0, 4], State.FEW_CASES), ([0, 0, 1, 4], State.JUDGED)]
)
def test_fewer_than_five_cases_in_four_weeks_never_alarm(last_four, state):
    counts = np.zeros((1, LAST + 1))
    counts[0, -4:] = last_four
    answer = judged(counts).of(0, 0)
    assert answer.state is state
    assert answer.upper == 0
    assert answer.alarm == (state is State.JUDGED)


@pytest.mark.parametrize(("short_by", "state"), [(0, State.JUDGED), (1, State.SHORT_HISTORY)])
def test_three_years_are_enough_and_a_week_less_is_not(short_by, state):
    counts = quiet(1)
    needed = weeks_needed(JUDGED_MONDAY)
    assert judged_from(counts, LAST - needed + short_by).of(0, 0).state is state


def judged_from(counts: np.ndarray, first: int) -> Judged:
    """The last week, with the weeks before ``first`` not there at all."""
    return farrington(counts[:, first:], MONDAY + timedelta(weeks=first), [LAST - first])


def test_a_key_watched_for_three_years_is_judged_by_three_and_its_neighbour_by_five():
    counts = quiet(2)
    begun = LAST - baseline(JUDGED_MONDAY, years=3).reach
    counts[1, :begun] = np.nan
    both = judged(counts)
    np.testing.assert_array_equal(both.upper[1], judged_from(counts[1:], begun).upper[0])
    np.testing.assert_array_equal(both.upper[0], judged(counts[:1]).upper[0])


def test_an_unknown_week_is_left_out_of_the_baseline_and_many_are_not_enough_history():
    counts = quiet(2)
    counts[0, 100:110] = np.nan
    counts[1, 80:200] = np.nan
    states = judged(counts).state[:, 0].tolist()
    assert states == [State.JUDGED, State.SHORT_HISTORY]


@pytest.mark.parametrize("bad", [-3, np.inf, 0.5])
@pytest.mark.parametrize("week", [150, LAST])
def test_what_is_no_count_is_said_to_be_unreadable_and_spoils_no_other_key(week, bad):
    counts = quiet(2)
    counts[0, week] = bad
    both = judged(counts)
    assert both.of(0, 0).state is State.UNREADABLE
    assert both.of(0, 0).expected is None
    np.testing.assert_array_equal(both.upper[1], judged(counts[1:]).upper[0])


def test_a_week_that_is_not_known_is_not_judged():
    counts = quiet(1)
    counts[0, LAST] = np.nan
    assert judged(counts).of(0, 0).state is State.NOT_OBSERVED


@pytest.mark.parametrize("bound", list(Bound))
@pytest.mark.parametrize("week", [60, 100, 200, LAST - 27, LAST])
def test_a_single_spike_in_an_empty_series_is_answered_with_numbers(bound, week):
    counts = np.zeros((1, LAST + 1))
    counts[0, week] = 50
    answer = judged(counts, bound=bound).of(0, 0)
    assert answer.state in (State.JUDGED, State.FEW_CASES)
    assert answer.upper is not None
    assert np.isfinite(answer.upper)
    assert answer.alarm == (week == LAST)


@pytest.mark.parametrize("bound", list(Bound))
def test_a_constant_series_is_expected_to_go_on(bound):
    answer = judged(np.full((1, LAST + 1), 7.0), bound=bound).of(0, 0)
    assert answer.expected == pytest.approx(7.0)
    assert answer.upper is not None
    assert 7 < answer.upper < 20
    assert not answer.alarm


def test_a_level_past_counting_gets_no_bound_and_no_alarm():
    counts = np.full((1, LAST + 1), 1e12)
    counts[0, -1] = 1e15
    answer = judged(counts).of(0, 0)
    assert answer.state is State.NO_BOUND
    assert answer.upper is None
    assert not answer.alarm


def test_no_key_and_no_week_give_no_answer():
    assert farrington(np.zeros((0, 300)), MONDAY, [299]).alarm.shape == (0, 1)
    assert farrington(np.zeros((3, 300)), MONDAY, []).alarm.shape == (3, 0)


@pytest.mark.parametrize(
    "asked",
    [{"alpha": 0}, {"years": 2}, {"least_years": 0}, {"periods": 1}, {"half_window": 30}, {"left_out": 1}],
)
def test_settings_that_no_week_can_be_judged_with_are_refused(asked):
    with pytest.raises(ValueError, match=r"give|leave"):
        FarringtonSettings(**asked)


# What every method of counts must keep to

LEVELS = st.lists(st.floats(0.02, 80.0), min_size=1, max_size=6)


def drawn(levels: list[float], seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    counts = random.negative_binomial(1.0, 1 / (1 + np.array(levels)[:, None]), (len(levels), LAST + 1))
    return counts.astype(float)


@settings(max_examples=30)
@given(levels=LEVELS, seed=st.integers(0, 10_000), data=st.data())
def test_neither_order_nor_company_of_keys_changes_an_answer(levels, seed, data):
    counts = drawn(levels, seed)
    order = data.draw(st.permutations(range(len(levels))))
    together, shuffled = judged(counts), judged(counts[order])
    for name in ("expected", "upper", "p_value", "alarm"):
        np.testing.assert_array_equal(getattr(together, name)[order], getattr(shuffled, name))
    for row, series in enumerate(counts):
        np.testing.assert_array_equal(together.expected[row], judged(series).expected[0])


@settings(max_examples=30)
@given(levels=LEVELS, seed=st.integers(0, 10_000), times=st.integers(2, 6))
def test_so_many_times_the_counts_expect_so_many_times_as_much(levels, seed, times):
    # Down-weighting asks for the dispersion, which is no less than 1 and so does not scale.
    counts = drawn(levels, seed)
    once, more = judged(counts, sticks_out=1e9), judged(counts * times, sticks_out=1e9)
    np.testing.assert_allclose(more.expected, once.expected * times, rtol=1e-6, atol=1e-9)


@settings(max_examples=30)
@given(levels=LEVELS, seed=st.integers(0, 10_000))
def test_p_value_and_bound_say_the_same(levels, seed):
    answers = judged(drawn(levels, seed))
    np.testing.assert_array_equal(answers.observed > answers.upper, answers.p_value <= 0.01)
