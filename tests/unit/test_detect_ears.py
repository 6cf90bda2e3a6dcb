"""EARS: bounds by hand, borders, awkward series, and what every method of counts must keep to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hub.detect.ears import EarsSettings, ears
from hub.detect.judged import Method, State

METHODS = [
    EarsSettings(Method.EARS_C1),
    EarsSettings(Method.EARS_C2),
    EarsSettings(Method.EARS_C3, 0.025),
    EarsSettings(Method.EARS_C2, 0.01, calibrated=True),
]
COUNTS = arrays.arrays(
    np.int64, st.tuples(st.integers(1, 6), st.integers(12, 30)), elements=st.integers(0, 200)
)
EACH = pytest.mark.parametrize("settings", METHODS, ids=["c1", "c2", "c3", "calibrated"])
WEEK = [3, 5, 4, 6, 2, 5, 3]  # mean 4, standard deviation sqrt(2)


def test_c1_is_bounded_by_the_mean_and_spread_of_the_seven_weeks_before():
    judged = ears([*WEEK, 9], [7], EarsSettings(Method.EARS_C1, 0.001))
    assert judged.expected[0, 0] == 4
    assert judged.upper[0, 0] == pytest.approx(4 + 3.090232306 * 2**0.5)


def test_c2_leaves_out_the_two_weeks_just_before():
    judged = ears([*WEEK, 100, 100, 9], [9], EarsSettings(Method.EARS_C2, 0.001))
    assert judged.upper[0, 0] == pytest.approx(4 + 3.090232306 * 2**0.5)


def test_c3_adds_up_what_three_weeks_exceed_by_more_than_one_spread():
    series = [*WEEK, 4, 4, 7, 7, 7]
    judged = ears(series, [11], EarsSettings(Method.EARS_C3, 0.025))
    excess = []
    for week in (11, 10, 9):
        past = np.array(series[week - 9 : week - 2])
        excess.append(max((series[week] - past.mean()) / past.std(ddof=1) - 1, 0))
    assert sum(excess) > 1.959964
    assert judged.alarm[0, 0]
    assert not ears(series, [11], EarsSettings(Method.EARS_C2, 0.001)).alarm[0, 0]


@pytest.mark.parametrize(("count", "alarm"), [(8, False), (9, True)])
def test_an_alarm_begins_above_the_bound(count, alarm):
    assert ears([*WEEK, count], [7], EarsSettings(Method.EARS_C1, 0.001)).alarm[0, 0] == alarm


def test_on_a_constant_series_as_many_as_ever_is_no_alarm_and_one_more_is():
    same, more = ears([[4] * 7 + [4], [4] * 7 + [5]], [7], EarsSettings(Method.EARS_C1)).alarm[:, 0]
    assert not same
    assert more


def test_calibrated_the_bound_is_students_for_a_new_week_on_the_scale_of_square_roots():
    roots = 2 * np.sqrt(np.array(WEEK) + 0.375)
    assert roots.std(ddof=1) < 1  # so that the spread is taken as a Poisson count's
    upper = ears([*WEEK, 9], [7], EarsSettings(Method.EARS_C1, 0.01, calibrated=True)).upper[0, 0]
    assert 2 * np.sqrt(upper + 0.375) == pytest.approx(roots.mean() + 3.142668 * np.sqrt(8 / 7), rel=1e-6)


@pytest.mark.parametrize(("count", "alarm"), [(4, False), (5, True)])
def test_calibrated_one_case_after_empty_weeks_is_no_certainty(count, alarm):
    settings = EarsSettings(Method.EARS_C2, 0.01, calibrated=True)
    assert ears([0] * 9 + [count], [9], settings).alarm[0, 0] == alarm


def test_calibrated_the_bound_is_exceeded_by_chance_about_as_often_as_alpha_says():
    random = np.random.default_rng(5)
    quiet = random.negative_binomial(5.0, 0.5, (4000, 20))
    settings = EarsSettings(Method.EARS_C2, 0.01, calibrated=True)
    assert 0.004 < ears(quiet, settings=settings).alarm[:, 9:].mean() < 0.016
    assert ears(quiet, settings=EarsSettings(Method.EARS_C2, 0.01)).alarm[:, 9:].mean() > 0.03


def test_c3_says_that_it_cannot_divide_by_a_spread_of_nought():
    judged = ears([0] * 12, [11], EarsSettings(Method.EARS_C3, 0.025))
    assert judged.of(0, 0).state is State.NO_BOUND
    assert judged.of(0, 0).upper is None


@EACH
def test_a_week_too_early_has_not_enough_history(settings):
    needed = settings.weeks_needed
    judged = ears(np.arange(needed + 1), None, settings)
    assert set(judged.state[0, :needed]) == {State.SHORT_HISTORY}
    assert judged.state[0, needed] == State.JUDGED
    assert not judged.alarm[0, :needed].any()


@EACH
def test_an_unknown_week_in_the_baseline_is_not_enough_history_and_an_unknown_week_is_not_judged(settings):
    counts = np.tile(np.array([3.0, 5, 4, 6, 2]), 6)
    counts[10], counts[29] = np.nan, np.nan
    judged = ears(counts, None, settings)
    assert judged.state[0, 14] == State.SHORT_HISTORY
    assert judged.state[0, 29] == State.NOT_OBSERVED
    assert judged.state[0, 28] == State.JUDGED


@EACH
@pytest.mark.parametrize("bad", [-1, np.inf, 2.5])
def test_what_is_no_count_is_said_to_be_unreadable_and_spoils_no_other_key(settings, bad):
    counts = np.tile(np.array([3.0, 5, 4, 6, 2]), (2, 4))
    counts[0, 12] = bad
    judged = ears(counts, [16], settings)
    assert judged.of(0, 0).state is State.UNREADABLE
    assert judged.of(1, 0).state is State.JUDGED


@EACH
@given(counts=COUNTS, data=st.data())
def test_the_order_of_keys_changes_no_answer(settings, counts, data):
    order = data.draw(st.permutations(range(len(counts))))
    judged, other = ears(counts, None, settings), ears(counts[order], None, settings)
    np.testing.assert_array_equal(judged.upper[order], other.upper)
    np.testing.assert_array_equal(judged.alarm[order], other.alarm)


@EACH
@given(counts=COUNTS)
def test_a_key_is_answered_alike_alone_and_among_others(settings, counts):
    judged = ears(counts, None, settings)
    for row, series in enumerate(counts):
        alone = ears(series, None, settings)
        np.testing.assert_array_equal(judged.upper[row], alone.upper[0])
        np.testing.assert_array_equal(judged.state[row], alone.state[0])


@pytest.mark.parametrize("settings", METHODS[:2], ids=["c1", "c2"])
@given(counts=COUNTS, times=st.integers(2, 9))
def test_so_many_times_the_counts_have_so_many_times_the_bound(settings, counts, times):
    once, more = ears(counts, None, settings), ears(counts * times, None, settings)
    np.testing.assert_allclose(more.upper, once.upper * times, rtol=1e-9, atol=1e-9)


@EACH
@given(counts=COUNTS)
def test_where_there_is_an_answer_p_value_and_bound_say_the_same(settings, counts):
    judged = ears(counts, None, settings)
    answered = judged.state == State.JUDGED
    assert np.isfinite(judged.upper[answered]).all()
    clear = answered & (np.abs(judged.observed - judged.upper) > 1e-6) & (judged.upper > 0)
    np.testing.assert_array_equal(judged.alarm[clear], judged.p_value[clear] < settings.alpha)


def test_settings_that_make_no_sense_are_refused_with_what_to_give():
    with pytest.raises(ValueError, match="name one of these"):
        EarsSettings(Method.FARRINGTON)
    with pytest.raises(ValueError, match="use C1 or C2"):
        EarsSettings(Method.EARS_C3, 0.025, calibrated=True)
    with pytest.raises(ValueError, match="alpha is 0"):
        EarsSettings(alpha=0)
