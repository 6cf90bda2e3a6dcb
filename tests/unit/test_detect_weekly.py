"""One week of many keys: which method judges, how many cases it needs, how few alarms are false."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.detect.ears import EarsSettings
from hub.detect.farrington import weeks_needed
from hub.detect.judged import Method, State
from hub.detect.weekly import WeeklySettings, false_discovery_share, judge_week

MONDAY = date(2019, 1, 7)
WEEKS = 331
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def quiet(keys: int, mean: float = 8.0) -> np.ndarray:
    return np.random.default_rng(3).poisson(mean, (keys, WEEKS)).astype(float)


def test_three_known_years_are_judged_by_farrington_fewer_by_ears_and_a_few_weeks_not_at_all():
    counts = quiet(3)
    three_years = weeks_needed(MONDAY + timedelta(weeks=WEEKS - 1))
    counts[0, : WEEKS - 1 - three_years] = np.nan
    counts[1, : WEEKS - three_years] = np.nan
    counts[2, : WEEKS - 8] = np.nan
    week = judge_week(counts, MONDAY)
    assert [week.of(key).method for key in range(2)] == [Method.FARRINGTON, Method.EARS_C2]
    assert week.of(0).expected is not None
    assert week.of(1).upper is not None
    assert week.of(2).state is State.SHORT_HISTORY
    assert week.of(2).p_value is None


def test_a_week_judged_later_gives_what_it_gave_then():
    counts = quiet(20)
    then, later = judge_week(counts[:, :300], MONDAY), judge_week(counts, MONDAY, 299)
    assert then.monday == later.monday == MONDAY + timedelta(weeks=299)
    np.testing.assert_array_equal(then.upper, later.upper)
    np.testing.assert_array_equal(then.q_value, later.q_value)


@pytest.mark.parametrize(("cases", "alarm"), [(4, False), (5, True)])
def test_fewer_cases_than_the_least_count_are_no_alarm_by_either_method(cases, alarm):
    counts = np.zeros((2, WEEKS))
    counts[:, -1] = cases
    counts[1, :250] = np.nan
    week = judge_week(counts, MONDAY, settings=WeeklySettings(ears=EarsSettings(), false_discoveries=None))
    assert week.by_farrington.tolist() == [True, False]
    assert week.beyond.tolist() == [True, True]
    assert week.alarm.tolist() == [alarm, alarm]
    assert (week.of(0).state is State.FEW_CASES) == (not alarm)


def test_among_thousands_of_quiet_keys_the_one_outbreak_is_nearly_all_that_alarms():
    counts = quiet(3000)
    counts[1234, -1] += 40
    week = judge_week(counts, MONDAY)
    assert week.beyond.sum() > 10
    assert week.alarm[1234]
    assert week.alarm.sum() <= 2


def test_without_control_of_false_discoveries_every_key_beyond_its_bound_alarms():
    week = judge_week(quiet(1000), MONDAY, settings=WeeklySettings(false_discoveries=None))
    np.testing.assert_array_equal(week.alarm, week.beyond & (week.state == State.JUDGED))
    assert week.alarm.any()


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_of_false_discoveries_that_is_no_share_is_refused(share):
    with pytest.raises(ValueError, match="or None"):
        WeeklySettings(false_discoveries=share)


def test_a_week_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="count from 0"):
        judge_week(quiet(1), MONDAY, WEEKS)


def test_adjusted_p_values_are_those_of_the_textbook():
    # Benjamini and Hochberg 1995, section 3.2: fifteen tests, of which the first four stand at .05.
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p_values += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert (false_discovery_share(np.array(p_values)) <= 0.05).sum() == 4


@given(P_VALUES, st.floats(0.001, 0.5))
def test_adjusted_p_values_reject_what_the_step_up_rule_rejects(p_values, share):
    ascending = sorted(p_values)
    passing = [p for place, p in enumerate(ascending, 1) if p <= share * place / len(ascending)]
    last = max(passing, default=-1.0)
    adjusted = false_discovery_share(np.array(p_values))
    clear = np.abs(adjusted - share) > 1e-9
    np.testing.assert_array_equal((adjusted <= share)[clear], (np.array(p_values) <= last)[clear])


@given(P_VALUES, st.data())
def test_adjusted_p_values_follow_their_keys_and_what_was_not_tested_counts_for_nothing(p_values, data):
    order = data.draw(st.permutations(range(len(p_values))))
    values = np.array(p_values)
    adjusted = false_discovery_share(values)
    np.testing.assert_array_equal(false_discovery_share(values[order]), adjusted[order])
    with_unknown = false_discovery_share(np.append(values, np.nan))
    np.testing.assert_array_equal(with_unknown[:-1], adjusted)
    assert np.isnan(with_unknown[-1])
    assert (adjusted >= values * (1 - 1e-12)).all()
