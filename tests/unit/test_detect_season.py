"""Next month's forecast: from former years, at the present level, with its bounds, and what it says when it knows too little."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.detect.season import Confidence, SeasonSettings, forecast_month

FIRST = date(2022, 1, 1)
AS_OF = date(2026, 11, 20)  # forecasts December from January 2022 to October 2026
MONTHS = 58


def seasonal(peak: float = 3.0, level: float = 100.0, growth: float = 1.0) -> np.ndarray:
    """Every December has ``peak`` times the usual; every year ``growth`` times the one before."""
    month = np.arange(MONTHS)
    return np.round(level * growth ** (month // 12) * np.where(month % 12 == 11, peak, 1.0))


def test_a_month_that_was_three_times_the_usual_in_former_years_is_expected_to_be_so_again():
    forecast = forecast_month(seasonal(), FIRST, as_of=AS_OF)
    assert forecast.month == date(2026, 12, 1)
    assert forecast.expected[0] == pytest.approx(300)
    assert forecast.monthly_mean[0] == pytest.approx((11 * 100 + 300) / 12)
    assert forecast.ratio[0] == pytest.approx(300 / forecast.monthly_mean[0])
    assert forecast.lower[0] < 300 < forecast.upper[0]
    assert forecast.years[0] == 4
    assert forecast.confidence == (Confidence.USUAL,)


def test_former_years_count_for_what_the_key_has_grown_since():
    forecast = forecast_month(seasonal(growth=1.5), FIRST, as_of=AS_OF)
    this_year = 100 * 1.5**4
    assert forecast.expected[0] == pytest.approx(3 * this_year, rel=0.05)


def test_a_february_of_twenty_nine_days_has_a_day_more():
    counts = np.full(36, 100.0)  # January 2021 to December 2023
    forecast = forecast_month(counts, date(2021, 1, 1), as_of=date(2024, 1, 10))
    assert forecast.expected[0] == pytest.approx(100 * 29 / 28)


@pytest.mark.parametrize(
    ("known_months", "years", "confidence"),
    [
        (10, 0, Confidence.SHORT_HISTORY),
        (11, 1, Confidence.LOW),
        (22, 1, Confidence.LOW),
        (23, 2, Confidence.USUAL),
    ],
)
def test_one_former_year_is_of_low_confidence_and_none_gives_no_forecast(known_months, years, confidence):
    counts = np.random.default_rng(2).poisson(50, MONTHS).astype(float)
    counts[: MONTHS - known_months] = np.nan
    forecast = forecast_month(counts, FIRST, as_of=AS_OF)
    assert forecast.years[0] == years
    assert forecast.confidence == (confidence,)
    assert np.isnan(forecast.expected[0]) == (years == 0)
    assert np.isnan(forecast.upper[0]) == (years == 0)


def test_a_year_of_whole_months_and_ten_more_days_is_too_short_to_look_back_a_year():
    assert forecast_month(np.zeros(0), FIRST, as_of=date(2022, 1, 20)).confidence == (
        Confidence.SHORT_HISTORY,
    )


def test_nothing_of_the_month_of_issue_or_later_is_used():
    counts = np.append(seasonal(), [99_999.0, -5.0])
    np.testing.assert_array_equal(
        forecast_month(counts, FIRST, as_of=AS_OF).expected,
        forecast_month(seasonal(), FIRST, as_of=AS_OF).expected,
    )


def test_the_day_of_issue_is_the_countys():
    forecast = forecast_month(seasonal(), FIRST, as_of=datetime(2026, 10, 31, 16, 30, tzinfo=UTC))
    assert forecast.as_of == date(2026, 11, 1)
    assert forecast.month == date(2026, 12, 1)


def test_the_bounds_hold_about_as_many_months_as_they_say():
    random = np.random.default_rng(9)
    level = np.exp(random.normal(3.0, 1.0, (3000, 1)))
    shares = np.exp(0.5 * np.cos(2 * np.pi * np.arange(MONTHS + 2) / 12))
    counts = random.negative_binomial(level * shares, 0.5)  # the variance is twice the mean
    forecast = forecast_month(counts[:, :MONTHS], FIRST, as_of=AS_OF)
    december = counts[:, MONTHS + 1]
    within = ((december >= forecast.lower) & (december <= forecast.upper)).mean()
    assert 0.87 < within < 0.97
    narrow = forecast_month(counts[:, :MONTHS], FIRST, as_of=AS_OF, settings=SeasonSettings(coverage=0.5))
    assert (narrow.upper - narrow.lower).mean() < 0.6 * (forecast.upper - forecast.lower).mean()


def test_decembers_without_a_case_do_not_promise_that_there_will_be_none():
    forecast = forecast_month(np.zeros(MONTHS), FIRST, as_of=AS_OF)
    assert forecast.expected[0] == 0
    assert forecast.upper[0] >= 1
    assert np.isnan(forecast.ratio[0])


@pytest.mark.parametrize("bad", [-1.0, np.inf, 0.5])
def test_what_is_no_count_is_said_to_be_unreadable_and_spoils_no_other_key(bad):
    counts = np.tile(seasonal(), (2, 1))
    counts[0, 5] = bad
    forecast = forecast_month(counts, FIRST, as_of=AS_OF)
    assert forecast.confidence == (Confidence.UNREADABLE, Confidence.USUAL)
    assert np.isnan(forecast.expected[0])
    assert forecast.expected[1] == pytest.approx(300)


@pytest.mark.parametrize("asked", [{"coverage": 1.0}, {"coverage": 0.0}, {"years": 0}])
def test_settings_that_no_month_can_be_forecast_with_are_refused(asked):
    with pytest.raises(ValueError, match="give a coverage"):
        SeasonSettings(**asked)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.data())
def test_neither_order_nor_company_of_keys_changes_a_forecast(seed, data):
    counts = np.random.default_rng(seed).poisson([[0.2], [3.0], [40.0], [900.0]], (4, MONTHS)).astype(float)
    order = data.draw(st.permutations(range(4)))
    together, shuffled = (
        forecast_month(counts, FIRST, as_of=AS_OF),
        forecast_month(counts[order], FIRST, as_of=AS_OF),
    )
    for name in ("expected", "lower", "upper"):
        np.testing.assert_array_equal(getattr(together, name)[order], getattr(shuffled, name))
        alone = [getattr(forecast_month(row, FIRST, as_of=AS_OF), name)[0] for row in counts]
        np.testing.assert_array_equal(getattr(together, name), alone)
