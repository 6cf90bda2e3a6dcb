"""The clock of a case: what stops it, when its limits run out, and what is said of a year that nobody knows."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.clock import COUNTY_ZONE
from hub.model.calendar import ChinaCalendar
from hub.model.case import Case, CaseStep, Correction, Suspension, Term
from hub.model.case_clock import (
    CaseClock,
    OverdueBy,
    clock_of,
    due_of,
    instant_due,
    running_office_time,
    used_working_days,
)
from hub.model.case_nodes import node_times, steps_outside_office
from hub.model.case_pauses import Pause, PauseFlaw, Pauses, pauses_of
from hub.model.codes import CaseState, TermUnit
from hub.model.office_time import at_time, local_day

CALENDAR = ChinaCalendar()
LATER = datetime(2026, 12, 31, 12, 0, tzinfo=COUNTY_ZONE)


def at(month: int, day: int, hour: int = 10, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=COUNTY_ZONE)


def days(value: int) -> Term:
    return Term(value=value, unit=TermUnit.WORKING_DAYS)


def clock(now: datetime = LATER, **fields: Any) -> CaseClock:
    return clock_of(Case(source_no="C1", case_no="C1", **fields), CALENDAR, now)


def stop(no: str, began: datetime | None = None, ended: datetime | None = None) -> Suspension:
    return Suspension(no=no, began_at=began, ended_at=ended)


# ---- limits


@pytest.mark.parametrize(
    ("accepted", "term", "due"),
    [
        (at(11, 20), days(1), at(11, 23, 17, 30)),  # a Friday
        (at(11, 20, 20), days(5), at(11, 27, 17, 30)),  # its hour makes no difference
        (at(2, 13), days(2), at(2, 24, 17, 30)),  # over the spring festival, with its make-up Saturday
        (at(11, 20), Term(value=5, unit=TermUnit.DAYS), at(11, 25, 17, 30)),
        (
            at(11, 19),
            Term(value=2, unit=TermUnit.DAYS),
            at(11, 23, 17, 30),
        ),  # a Saturday: the next working day
        (
            at(1, 31),
            Term(value=1, unit=TermUnit.MONTHS),
            at(2, 28, 17, 30),
        ),  # no 31st of February; a worked Saturday
        (at(3, 2, year=2024), Term(value=1, unit=TermUnit.YEARS), at(3, 3, 17, 30, 2025)),  # a Sunday
        (at(11, 20, 10, 0), Term(value=30, unit=TermUnit.MINUTES), at(11, 20, 10, 30)),
        (
            at(11, 20, 20, 0),
            Term(value=2, unit=TermUnit.HOURS),
            at(11, 23, 11, 0),
        ),  # from the next opening on
        (at(11, 20, 10), days(0), at(11, 20, 17, 30)),
        (at(11, 20, 16, 30), days(0), at(11, 23, 12, 0)),  # in the last hour: by the next noon
        (at(11, 21, 10), days(0), at(11, 23, 17, 30)),  # on a Saturday
    ],
)
def test_a_limit_ends_where_its_unit_says(accepted, term, due) -> None:
    found = clock(accepted_at=accepted, promised=term).promised
    assert found is not None
    assert (found.at, found.provisional, found.told) == (due, False, False)


def test_a_limit_into_a_year_without_known_holidays_is_provisional_and_one_before_it_is_not() -> None:
    assert clock(accepted_at=at(12, 31), promised=days(1)).provisional
    assert not clock(accepted_at=at(12, 30), promised=days(1)).provisional
    known = ChinaCalendar(complete_years=frozenset({2027}))
    case = Case(source_no="C1", case_no="C1", accepted_at=at(12, 31), promised=days(1))
    assert not clock_of(case, known, LATER).provisional


def test_before_acceptance_no_limit_runs() -> None:
    found = clock(applied_at=at(11, 2), promised=days(5), legal=days(20))
    assert (found.started_at, found.promised, found.legal, found.used_working_days) == (
        None,
        None,
        None,
        None,
    )


def test_the_source_may_say_that_the_clock_began_at_another_moment_than_acceptance() -> None:
    found = clock(accepted_at=at(11, 16), clock_started_at=at(11, 18), promised=days(1)).promised
    assert found is not None
    assert found.at == at(11, 19, 17, 30)


def test_of_the_sources_own_deadline_and_ours_the_later_holds() -> None:
    ours = clock(accepted_at=at(11, 16), promised=days(5), due_at=at(11, 20, 17, 30)).promised
    extended = clock(accepted_at=at(11, 16), promised=days(5), due_at=at(12, 4, 17, 30)).promised
    assert ours is not None
    assert extended is not None
    assert (ours.at, ours.told) == (at(11, 23, 17, 30), False)
    assert (extended.at, extended.told) == (at(12, 4, 17, 30), True)


def test_times_that_no_case_can_have_are_taken_as_not_told() -> None:
    found = clock(
        accepted_at=datetime(1, 1, 2, tzinfo=COUNTY_ZONE),
        due_at=datetime(9998, 1, 1, tzinfo=COUNTY_ZONE),
        promised=Term(value=100_000, unit=TermUnit.YEARS),
    )
    assert (found.started_at, found.promised) == (None, None)
    assert clock(accepted_at=at(1, 5), promised=Term(value=100_000, unit=TermUnit.YEARS)).promised is None
    assert clock(accepted_at=at(1, 5), promised=days(100_000)).promised is None
    assert clock(accepted_at=at(1, 5), promised=Term(value=100_000, unit=TermUnit.HOURS)).promised is not None


def test_the_county_is_not_asked_to_work_faster_on_the_last_hour_of_a_day_that_is_free() -> None:
    assert instant_due(at(2, 14, 17, 0), CALENDAR) == (at(2, 24, 12), False)


# ---- pauses


@pytest.mark.parametrize(
    ("suspensions", "spans", "flaws"),
    [
        ((stop("1", at(11, 2), at(11, 4)),), ((at(11, 2), at(11, 4)),), ()),
        ((stop("1", at(11, 2)),), ((at(11, 2), None),), (("1", PauseFlaw.OPEN),)),
        ((stop("1", at(11, 2)), stop("2", None, at(11, 4))), ((at(11, 2), at(11, 4)),), ()),  # a late pair
        (
            (stop("1", at(11, 2), at(11, 5)), stop("2", at(11, 4), at(11, 6))),
            ((at(11, 2), at(11, 6)),),
            (),
        ),
        ((stop("1", at(11, 4), at(11, 2)),), (), (("1", PauseFlaw.ENDED_BEFORE_BEGINNING),)),
        ((stop("1", None, at(11, 2)),), (), (("1", PauseFlaw.RESUMED_ONLY),)),
        ((stop("1", at(11, 4)), stop("2", None, at(11, 2))), ((at(11, 4), None),), (("1", PauseFlaw.OPEN), ("2", PauseFlaw.RESUMED_ONLY))),
        ((stop("1"),), (), (("1", PauseFlaw.UNTIMED),)),
        # What is open and what is whole, overlapping: it stands still from the first on, and still does.
        ((stop("1", at(11, 2)), stop("2", at(11, 3), at(11, 4))), ((at(11, 2), None),), (("1", PauseFlaw.OPEN),)),
        # Two beginnings and one resumption: the clock runs again.
        ((stop("1", at(11, 2)), stop("2", at(11, 3)), stop("3", None, at(11, 4))), ((at(11, 2), at(11, 4)),), ()),
    ],
)  # fmt: skip
def test_pauses_are_what_the_messages_say_however_they_came(suspensions, spans, flaws) -> None:
    found = pauses_of(suspensions)
    assert [(one.began_at, one.ended_at) for one in found.spans] == list(spans)
    assert found.flaws == flaws


def test_days_on_which_the_clock_stood_still_lengthen_the_limit() -> None:
    # Stopped on Tuesday, running again on Thursday: Wednesday and Thursday do not count.
    found = clock(
        accepted_at=at(11, 16), promised=days(5), suspensions=(stop("1", at(11, 17), at(11, 19)),), now=at(11, 20)
    )  # fmt: skip
    assert found.promised is not None
    assert found.promised.at == at(11, 25, 17, 30)
    assert found.used_working_days == 2


def test_a_limit_does_not_run_out_while_the_clock_stands_still_on_its_last_day() -> None:
    stopped = (stop("1", at(11, 23, 10), at(11, 30, 10)),)
    found = clock(accepted_at=at(11, 16), promised=days(5), suspensions=stopped)
    assert found.promised is not None
    assert found.promised.at == at(11, 30, 17, 30)


def test_while_it_stands_still_the_limit_moves_on_with_the_day() -> None:
    stopped = (stop("1", at(11, 17)),)
    one = clock(accepted_at=at(11, 16), promised=days(5), suspensions=stopped, now=at(11, 20))
    other = clock(accepted_at=at(11, 16), promised=days(5), suspensions=stopped, now=at(12, 20))
    assert one.standing_still
    assert one.promised is not None
    assert other.promised is not None
    assert one.promised.at == at(11, 26, 17, 30)
    assert other.promised.at > at(12, 20)
    assert (one.used_working_days, other.used_working_days) == (1, 1)


def test_a_case_that_was_over_before_it_was_stopped_stays_over() -> None:
    found = clock(accepted_at=at(11, 2), promised=days(2), suspensions=(stop("1", at(11, 10)),))
    assert found.is_overdue(found.promised)


def test_corrections_stop_the_clock_only_where_the_county_says_so() -> None:
    case = Case(
        source_no="C1",
        case_no="C1",
        accepted_at=at(11, 16),
        promised=days(5),
        corrections=(Correction(no="1", asked_at=at(11, 17), brought_at=at(11, 19)),),
    )
    usual, otherwise = (
        clock_of(case, CALENDAR, LATER, corrections_pause=pause).promised for pause in (False, True)
    )
    assert usual is not None
    assert otherwise is not None
    assert (usual.at, otherwise.at) == (at(11, 23, 17, 30), at(11, 25, 17, 30))


def test_a_limit_in_hours_is_longer_by_what_the_clock_stood_still() -> None:
    found = clock(
        accepted_at=at(11, 20, 10), promised=Term(value=4, unit=TermUnit.HOURS),
        suspensions=(stop("1", at(11, 20, 11), at(11, 20, 13)), stop("2", at(11, 20, 17), at(11, 20, 18))),
    )  # fmt: skip
    assert found.promised is not None
    assert found.promised.at == at(11, 20, 16)


def test_months_are_longer_by_the_days_on_which_the_clock_stood_still() -> None:
    found = clock(
        accepted_at=at(9, 10), promised=Term(value=1, unit=TermUnit.MONTHS),
        suspensions=(stop("1", at(9, 14), at(9, 16)),),
    )  # fmt: skip
    assert found.promised is not None
    assert found.promised.at == at(10, 12, 17, 30)


def test_an_open_pause_of_a_case_that_has_ended_ends_with_it() -> None:
    found = clock(
        accepted_at=at(11, 2), promised=days(5), suspensions=(stop("1", at(11, 4)),), finished_at=at(11, 20)
    )
    assert found.promised is not None
    assert found.promised.at == at(11, 25, 17, 30)
    assert not found.standing_still
    assert found.used_working_days == 2


# Tens of minutes, on which office hours begin and end: a count of them is exact.
TEN = timedelta(minutes=10)
moments = st.integers(0, 40 * 24 * 6).map(lambda tens: at(1, 28) + tens * TEN)
suspensions = st.lists(
    st.builds(stop, st.sampled_from("12345"), st.none() | moments, st.none() | moments), max_size=5
)


@given(suspensions, st.randoms())
def test_the_order_in_which_suspensions_come_changes_nothing(found, random) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert pauses_of(shuffled) == pauses_of(found)


@given(suspensions)
def test_no_two_pauses_overlap_or_touch_and_only_the_last_is_open(found) -> None:
    spans = pauses_of(found).spans
    for one, other in pairwise(spans):
        assert one.ended_at is not None
        assert one.began_at < one.ended_at < other.began_at
    assert all(one.ended_at is None or one.began_at < one.ended_at for one in spans)


@given(moments, suspensions, st.integers(1, 30))
# The day on which a pause begins counts as used, and yet nothing ends on it while the clock stands still.
@example(begun=at(1, 28), found=[stop("1", at(1, 29, 0), at(1, 29, 17, 40))], term=1)
def test_a_limit_ends_with_the_first_day_on_which_that_many_are_used_and_the_clock_runs(
    begun, found, term
) -> None:
    pauses = pauses_of(found).until(LATER)
    due = due_of(begun, days(term), pauses, CALENDAR, LATER)
    assert due is not None
    closes, day = [], local_day(begun)
    while (close := at_time(day, CALENDAR.closes_at)) <= due[0]:
        closes += [close] if CALENDAR.is_working_day(day) else []
        day += timedelta(days=1)

    def ends(close: datetime) -> bool:
        stands = any(one.began_at <= close < (one.ended_at or LATER) for one in pauses.spans)
        return not stands and used_working_days(begun, close, pauses, CALENDAR) >= term

    assert [ends(close) for close in closes] == [False] * (len(closes) - 1) + [True]
    assert closes[-1] == due[0]


@given(moments, moments, suspensions)
def test_office_time_used_is_what_is_left_when_each_pause_is_cut_out(begun, ended, found) -> None:
    pauses = pauses_of(found).until(LATER)
    begun, ended = sorted((begun, ended))
    tens, moment = 0, begun
    while moment < ended:
        stopped = any(one.began_at <= moment < (one.ended_at or LATER) for one in pauses.spans)
        works = CALENDAR.is_working_day(moment.date()) and any(
            since <= moment.time() < until for since, until in CALENDAR.office_hours
        )
        tens += works and not stopped
        moment += TEN
    assert running_office_time(begun, ended, pauses, CALENDAR) == tens * TEN


@given(moments, suspensions, st.integers(1, 20), st.sampled_from(TermUnit))
def test_a_pause_more_never_makes_a_limit_end_earlier(begun, found, value, unit) -> None:
    term = Term(value=value if unit is not TermUnit.YEARS else 1, unit=unit)
    without = due_of(begun, term, Pauses(), CALENDAR, LATER)
    with_pauses = due_of(begun, term, pauses_of(found), CALENDAR, LATER)
    assert without is not None
    assert with_pauses is not None
    assert without[0] <= with_pauses[0]


@given(moments, st.integers(1, 20), moments)
def test_a_pause_told_in_two_messages_is_the_pause_told_in_one(begun, term, resumed) -> None:
    paused = begun + timedelta(hours=3)
    if resumed <= paused:
        resumed = paused + timedelta(days=1)
    whole = pauses_of([stop("1", paused, resumed)])
    assert pauses_of([stop("2", None, resumed), stop("1", paused)]) == whole
    assert whole.spans == (Pause(paused, resumed),)


# ---- overdue by two definitions


def test_overdue_by_the_end_and_by_the_last_event_are_two_figures() -> None:
    case: dict[str, Any] = {
        "due_at": at(11, 20, 17, 30),
        "steps": (CaseStep(no="1", ended_at=at(11, 19)),),
    }
    late_end = clock(**case, finished_at=at(11, 24))
    assert late_end.is_overdue(late_end.promised, OverdueBy.END)
    assert not late_end.is_overdue(late_end.promised, OverdueBy.LAST_EVENT)
    in_hand = clock(**case, now=at(11, 21))
    assert in_hand.is_overdue(in_hand.promised, OverdueBy.END)
    on_the_dot = clock(**case, finished_at=at(11, 20, 17, 30))
    assert not on_the_dot.is_overdue(on_the_dot.promised, OverdueBy.END)


def test_a_case_that_ended_without_a_time_ended_with_its_last_step() -> None:
    found = clock(
        accepted_at=at(11, 2), state=CaseState.FINISHED, steps=(CaseStep(no="1", ended_at=at(11, 5)),)
    )
    assert found.ended_at == at(11, 5)


# ---- nodes


def nodes(*steps: CaseStep, **fields: Any):
    case = Case(source_no="C1", case_no="C1", accepted_at=at(11, 2), steps=steps, **fields)
    return node_times(case, CALENDAR, LATER)


def step(no: str, began: datetime, ended: datetime | None, node: str = "SH", **fields: Any) -> CaseStep:
    return CaseStep(no=no, node=node, began_at=began, ended_at=ended, **fields)


def test_node_time_is_the_sum_of_all_its_visits_without_pauses() -> None:
    (found,) = nodes(
        step("1", at(11, 16, 9), at(11, 16, 12)), step("2", at(11, 17, 9), at(11, 17, 17, 30), promised=days(1)),
        suspensions=(stop("1", at(11, 17, 10), at(11, 17, 15)),),
    )  # fmt: skip
    # Three hours, and seven less those between 10:00 and 15:00 that are office hours (3.5).
    assert (found.visits, found.used) == (2, timedelta(hours=6, minutes=30))
    assert not found.is_over


@pytest.mark.parametrize(("minute", "over"), [(0, False), (1, True)])
def test_a_nodes_working_day_is_as_long_when_it_is_used_as_when_it_is_allowed(minute, over) -> None:
    # Real code reckons what is used by a day of 6.5 hours and what is allowed by one of 7 (domain.md §10.21).
    (found,) = nodes(step("1", at(11, 16, 9), at(11, 17, 9, minute), promised=days(1)))
    assert (found.allowed, found.is_over) == (timedelta(hours=7), over)


def test_two_people_at_one_node_at_once_take_its_time_once() -> None:
    (found,) = nodes(step("1", at(11, 16, 9), at(11, 16, 11)), step("2", at(11, 16, 10), at(11, 16, 12)))
    assert found.used == timedelta(hours=3)


def test_a_step_without_beginning_or_with_its_end_before_it_has_no_length() -> None:
    assert nodes(CaseStep(no="1", node="SH", ended_at=at(11, 16))) == []
    assert nodes(step("1", at(11, 17), at(11, 16))) == []


def test_an_open_step_lasts_until_now_and_in_a_case_that_ended_until_its_end() -> None:
    (running,) = nodes(step("1", at(12, 30, 9), None))
    (ended,) = nodes(step("1", at(11, 16, 9), None), finished_at=at(11, 16, 11))
    assert (running.running, running.used) == (True, timedelta(hours=10))
    assert ended.used == timedelta(hours=2)


def test_a_node_limit_in_hours_runs_through_the_night() -> None:
    (found,) = nodes(
        step("1", at(11, 16, 16), at(11, 17, 10), promised=Term(value=18, unit=TermUnit.HOURS)),
    )
    assert (found.used, found.is_over) == (timedelta(hours=18), False)


@pytest.mark.requirement("R44")
def test_steps_outside_office_hours_are_counted_and_nothing_more() -> None:
    case = Case(
        source_no="C1", case_no="C1",
        steps=(step("1", at(11, 16, 9), at(11, 16, 12, 30)), step("2", at(11, 16, 14), at(11, 16, 15)), step("3", at(11, 21), at(11, 21, 11))),
    )  # fmt: skip
    assert steps_outside_office(case, CALENDAR) == 2
