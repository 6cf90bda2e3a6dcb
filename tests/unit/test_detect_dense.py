"""Sparse counts as matrices: the county's weeks and months, gaps, what still runs, what is too old."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import COUNTY_ZONE
from hub.detect.dense import (
    MOST_WEEKS,
    monday_of,
    month_from,
    month_number,
    monthly_counts,
    week_from,
    week_number,
    weekly_counts,
)

AS_OF = datetime(2026, 11, 25, 9, 0, tzinfo=COUNTY_ZONE)  # a Wednesday
MONDAY = date(2026, 11, 23)


def test_gaps_are_noughts_and_rows_of_one_week_add_up():
    dense = weekly_counts(
        [("a", date(2026, 11, 2), 2), ("a", date(2026, 11, 8), 1), ("b", date(2026, 11, 20), 5)], as_of=AS_OF
    )
    assert dense.keys == ("a", "b")
    assert dense.first == date(2026, 11, 2)
    np.testing.assert_array_equal(dense.counts, [[3, 0, 0], [0, 0, 5]])


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        (datetime(2026, 11, 22, 15, 59, tzinfo=UTC), date(2026, 11, 16)),
        (datetime(2026, 11, 22, 16, 0, tzinfo=UTC), date(2026, 11, 23)),
    ],
)
def test_a_week_begins_on_monday_at_midnight_of_the_county(moment, monday):
    assert monday_of(moment) == monday


def test_the_running_week_is_no_week_and_its_cases_are_told():
    dense = weekly_counts(
        [("a", date(2026, 11, 22), 1), ("a", MONDAY, 7), ("a", date(2027, 5, 1), 2)], as_of=AS_OF
    )
    np.testing.assert_array_equal(dense.counts, [[1]])
    assert dense.running == 9


def test_as_of_a_monday_morning_the_week_just_ended_is_whole():
    dense = weekly_counts(
        [("a", date(2026, 11, 22), 1)], as_of=datetime(2026, 11, 23, 0, 0, tzinfo=COUNTY_ZONE)
    )
    np.testing.assert_array_equal(dense.counts, [[1]])


def test_a_row_dated_1900_does_not_make_the_matrix_a_hundred_years_wide():
    dense = weekly_counts([("a", date(1900, 1, 1), 4), ("a", date(2026, 11, 16), 1)], as_of=AS_OF)
    assert dense.counts.shape == (1, MOST_WEEKS)
    assert dense.too_old == 4


def test_before_a_source_was_watched_a_count_is_unknown_and_not_nought():
    rows = [("a", date(2026, 11, 16), 1), ("b", date(2026, 11, 16), 1), ("c", date(2026, 10, 26), 1)]
    watched = {"a": date(2026, 11, 9), "b": date(2026, 11, 10), "nobody": date(2026, 1, 1)}
    dense = weekly_counts(rows, as_of=AS_OF, watched_since=watched)
    np.testing.assert_array_equal(np.isnan(dense.counts).sum(axis=1), [2, 3, 0])


def test_a_key_without_a_case_gets_its_row_and_no_row_gives_an_empty_matrix():
    assert weekly_counts([], as_of=AS_OF, keys=["a"], since=date(2026, 11, 9)).counts.tolist() == [[0.0, 0.0]]
    assert weekly_counts([], as_of=AS_OF).counts.shape == (0, 0)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="give it the source's zone"):
        weekly_counts([("a", datetime(2026, 11, 2), 2)], as_of=AS_OF)


def test_months_are_the_countys_and_the_running_one_is_left_out():
    late = datetime(2026, 9, 30, 16, 30, tzinfo=UTC)  # October already, in the county
    dense = monthly_counts(
        [("a", date(2026, 8, 31), 2), ("a", late, 3), ("a", date(2026, 11, 1), 9)], as_of=AS_OF
    )
    assert dense.first == date(2026, 8, 1)
    np.testing.assert_array_equal(dense.counts, [[2, 0, 3]])
    assert dense.running == 9


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_weeks_and_months_are_numbered_one_by_one(day):
    monday = monday_of(day)
    assert week_from(week_number(monday)) == monday
    assert week_number(monday + timedelta(days=7)) == week_number(monday) + 1
    assert month_from(month_number(day.replace(day=1))) == day.replace(day=1)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.dates(date(2020, 1, 1), date(2027, 1, 1)), st.integers(0, 9)),
        max_size=30,
    )
)
def test_no_case_is_lost(rows):
    dense = weekly_counts(rows, as_of=AS_OF)
    assert dense.counts.sum() + dense.running + dense.too_old == sum(cases for _, _, cases in rows)
