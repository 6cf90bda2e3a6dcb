"""Office time and working days, held against a plain count of ten minutes and ten."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import COUNTY_ZONE
from hub.model.calendar import ChinaCalendar
from hub.model.office_time import (
    after_office_time,
    all_known,
    before_office_time,
    day_length,
    next_office_moment,
    office_time,
    shifted,
    working_days_in,
)

CALENDAR = ChinaCalendar()
# The spring festival of 2026: free from Sunday the 15th to Monday the 23rd, Saturdays the 14th and 28th are worked.
START = datetime(2026, 2, 12, 0, 0, tzinfo=COUNTY_ZONE)

# Office hours begin and end on tens of minutes: a count of them is exact.
TEN = timedelta(minutes=10)
tens = st.integers(0, 14 * 24 * 6)


def at(ten: int) -> datetime:
    return START + ten * TEN


def by_tens(since: datetime, until: datetime) -> timedelta:
    found, moment = 0, since
    while moment < until:
        works = CALENDAR.is_working_day(moment.date())
        found += works and any(a <= moment.time() < b for a, b in CALENDAR.office_hours)
        moment += TEN
    return found * TEN


@given(tens, tens)
def test_office_time_is_what_a_plain_count_gives(one: int, other: int) -> None:
    since, until = sorted((at(one), at(other)))
    assert office_time(since, until, CALENDAR) == by_tens(since, until)


@given(tens, st.integers(1, 4_000))
def test_what_is_added_in_office_time_is_there_when_it_is_counted_and_not_a_minute_before(
    begin: int, span: int
) -> None:
    since, wanted = at(begin), timedelta(minutes=span)
    until = after_office_time(since, wanted, CALENDAR)
    assert office_time(since, until, CALENDAR) == wanted
    assert office_time(since, until - timedelta(minutes=1), CALENDAR) < wanted


@given(tens, st.integers(1, 4_000))
def test_what_is_taken_off_in_office_time_is_there_when_it_is_counted_and_not_a_minute_later(
    end: int, span: int
) -> None:
    until, wanted = at(end), timedelta(minutes=span)
    since = before_office_time(until, wanted, CALENDAR)
    assert office_time(since, until, CALENDAR) == wanted
    assert office_time(since + timedelta(minutes=1), until, CALENDAR) < wanted


def test_a_working_day_is_as_long_as_its_office_hours() -> None:
    assert day_length(CALENDAR) == timedelta(hours=7)
    assert day_length(ChinaCalendar(noon=None, opens_at=time(8))) == timedelta(hours=9, minutes=30)


@pytest.mark.parametrize(
    ("after", "until", "days"),
    [
        (date(2026, 2, 13), date(2026, 2, 13), 0),  # the day of the act is not counted
        (date(2026, 2, 13), date(2026, 2, 14), 1),  # a Saturday that is worked
        (date(2026, 2, 13), date(2026, 2, 23), 1),
        (date(2026, 2, 13), date(2026, 2, 24), 2),
        (date(2026, 2, 24), date(2026, 2, 13), 0),
    ],
)
def test_working_days_are_those_of_the_calendar_with_its_make_up_days(after, until, days) -> None:
    assert working_days_in(after, until, CALENDAR) == days


def test_working_days_are_the_same_whatever_the_language_of_machine_and_database(monkeypatch) -> None:
    # Real eagle-eye code asks a database for the name of the weekday, which depends on its language (domain.md §10.21).
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.setenv("LANGUAGE", "zh_CN")
    assert working_days_in(date(2026, 11, 20), date(2026, 11, 27), CALENDAR) == 5


def test_outside_office_hours_the_next_moment_is_the_next_opening() -> None:
    friday_night = datetime(2026, 2, 14, 18, 0, tzinfo=COUNTY_ZONE)
    assert next_office_moment(friday_night, CALENDAR) == datetime(2026, 2, 24, 9, 0, tzinfo=COUNTY_ZONE)
    noon = datetime(2026, 2, 12, 12, 10, tzinfo=COUNTY_ZONE)
    assert next_office_moment(noon, CALENDAR) == datetime(2026, 2, 12, 13, 30, tzinfo=COUNTY_ZONE)


def test_a_moment_is_moved_by_working_days_and_keeps_its_time_of_day() -> None:
    close = datetime(2026, 2, 14, 17, 30, tzinfo=COUNTY_ZONE)
    assert shifted(close, 1, CALENDAR) == datetime(2026, 2, 24, 17, 30, tzinfo=COUNTY_ZONE)
    assert shifted(close, -1, CALENDAR) == datetime(2026, 2, 13, 17, 30, tzinfo=COUNTY_ZONE)
    assert shifted(close, 0, CALENDAR) == close


def test_dates_that_no_case_can_have_are_refused_before_they_cost_a_walk_over_every_day() -> None:
    with pytest.raises(ValueError, match="longer than any case"):
        working_days_in(date(1900, 1, 1), date(2026, 1, 1), CALENDAR)


def test_a_stretch_is_known_only_when_each_of_its_years_is() -> None:
    assert all_known(CALENDAR, date(2026, 12, 30), date(2026, 12, 31))
    assert not all_known(CALENDAR, date(2026, 12, 30), date(2027, 1, 4))


def test_office_hours_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(ValueError, match="must ascend"):
        ChinaCalendar(opens_at=time(13))
