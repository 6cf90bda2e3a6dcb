"""P-values of a short history by the spread that all keys have in common."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from hub.detect.ears import EarsSettings
from hub.detect.pooled import common_dispersion, pooled_p_values
from hub.detect.weekly import WeeklySettings, judge_week

FIRST = date(2026, 1, 5)


def quiet(random: np.random.Generator, keys: int, weeks: int, dispersion: float) -> np.ndarray:
    """Counts in which nothing is the matter: levels from a tenth to fifty a week."""
    mean = np.exp(random.uniform(np.log(0.1), np.log(50), (keys, 1)))
    if dispersion == 1:
        return random.poisson(mean, (keys, weeks)).astype(float)
    return random.negative_binomial(mean / (dispersion - 1), 1 / dispersion, (keys, weeks)).astype(float)


@pytest.mark.parametrize("dispersion", [1.0, 1.5, 3.0])
def test_the_spread_of_many_keys_is_learnt_from_seven_weeks(dispersion: float) -> None:
    counts = quiet(np.random.default_rng(1), 4_000, 7, dispersion)
    assert common_dispersion(counts) == pytest.approx(dispersion, rel=0.06)


@pytest.mark.parametrize("dispersion", [1.0, 2.0])
@pytest.mark.parametrize("chance", [0.05, 0.001])
def test_a_p_value_is_undercut_about_as_often_as_it_says(dispersion: float, chance: float) -> None:
    counts = quiet(np.random.default_rng(2), 40_000, 10, dispersion)
    share = (pooled_p_values(counts, 9) <= chance).mean()
    assert share <= 1.6 * chance
    # The keys with few cases have few values to take: their p-values are larger than they would need to be.
    assert share >= 0.2 * chance


def test_among_a_thousand_keys_a_real_rise_alarms_and_hardly_anything_else_does() -> None:
    pooled, alone = (
        WeeklySettings(ears=EarsSettings(alpha=0.01, calibrated=True), pooled=on) for on in (True, False)
    )
    random = np.random.default_rng(3)
    false, found, found_alone = 0, 0, 0
    for _ in range(60):
        counts = quiet(random, 1_500, 40, 1.3)
        key = int(np.flatnonzero(counts[:, :-1].mean(axis=1) < 2)[0])
        counts[key, -1] += 14
        alarm = judge_week(counts, FIRST, settings=pooled).alarm
        found += bool(alarm[key])
        false += int(alarm.sum()) - bool(alarm[key])
        found_alone += bool(judge_week(counts, FIRST, settings=alone).alarm[key])
    assert found >= 55
    assert false <= 0.2 * 60, "one in ten alarms is false, on average"
    assert found_alone <= 5, "by Student's t alone nothing would be found"


def test_nine_weeks_are_needed_and_a_week_that_is_not_known_has_no_answer() -> None:
    counts = np.full((2, 10), 3.0)
    counts[1, 9] = np.nan
    assert np.isnan(pooled_p_values(counts, 8)).all()
    assert np.isnan(pooled_p_values(counts, 9)).tolist() == [False, True]


def test_keys_without_cases_have_a_spread_of_one_and_a_case_among_them_is_improbable() -> None:
    counts = np.zeros((50, 10))
    counts[7, 9] = 6
    p_values = pooled_p_values(counts, 9)
    assert p_values[7] < 1e-5
    assert (np.delete(p_values, 7) == 1).all()
