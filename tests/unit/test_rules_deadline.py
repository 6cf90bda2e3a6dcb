"""办件时限 (E01, E02, E03), 环节超时 (E04), 超时未受理 (E05) and 即办件超时 (E12): each border from both sides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.builtin.rules import CASE_RULES
from hub.builtin.rules.case_deadline import CaseDeadline, CaseDeadlineParams
from hub.builtin.rules.case_steps import InstantLate, NodeTimeout, Undecided, UndecidedParams
from hub.clock import COUNTY_ZONE
from hub.model.calendar import ChinaCalendar
from hub.model.case import Case, CaseStep, Correction, Suspension, Term
from hub.model.case_clock import OverdueBy
from hub.model.codes import CaseKind, CaseResult, CaseState, Level, Stage, TermUnit
from tests.support.observed_history import judged, thing

MINUTE = timedelta(minutes=1)


def at(month: int, day: int, hour: int = 10, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=COUNTY_ZONE)


def days(value: int) -> Term:
    return Term(value=value, unit=TermUnit.WORKING_DAYS)


def case(**fields: Any) -> Case:
    return Case(source_no="C1", case_no="C1", **fields)


def card(now: datetime, params: CaseDeadlineParams | None = None, **fields: Any) -> tuple[str, Level] | None:
    """The card that a case shows: accepted on Monday 2026-11-16 with five working days, so due on Monday the 23rd."""
    told = {"accepted_at": at(11, 16), "promised": days(5), **fields}
    drafts, _ = judged(CaseDeadline(params), now, [thing("case", case(**told))])
    assert len(drafts) <= 1
    return (drafts[0].labels[0], drafts[0].level) if drafts else None


NOTICE, YELLOW, RED = (
    ("E01 即将超期", Level.NOTICE),
    ("E02 超期黄牌", Level.SERIOUS),
    ("E03 超期红牌", Level.GRAVE),
)
SHANDONG = CaseDeadlineParams(profile="shandong")


@pytest.mark.requirement("R36")
@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (at(11, 20, 17, 29), None),
        (at(11, 23, 9, 0), NOTICE),  # one working day is left
        (at(11, 23, 17, 30), NOTICE),  # the last moment is in time
        (at(11, 23, 17, 31), YELLOW),
        (at(11, 24, 17, 30), YELLOW),  # over by one working day
        (at(11, 24, 17, 31), RED),
        (at(12, 24), RED),
    ],
)
def test_in_jiangsu_a_case_is_reminded_of_then_yellow_then_red(now, shown) -> None:
    assert card(now) == shown


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (at(11, 19, 17, 29), None),
        (at(11, 19, 17, 30), NOTICE),
        (at(11, 20, 17, 30), NOTICE),
        (at(11, 20, 17, 31), YELLOW),  # one working day before the limit
        (at(11, 23, 17, 30), YELLOW),
        (at(11, 23, 17, 31), RED),  # with the first working day after it
    ],
)
def test_in_shandong_the_yellow_card_comes_a_working_day_before_the_limit_and_the_red_one_with_it(
    now, shown
) -> None:
    assert card(now, SHANDONG) == shown


@pytest.mark.parametrize("value", [1, 2])
def test_in_shandong_a_short_limit_is_not_reminded_of_as_it_begins(value) -> None:
    accepted = at(11, 16, 9)
    assert card(at(11, 16, 9, 1), SHANDONG, accepted_at=accepted, promised=days(value)) is None
    # What is left of it is told by the yellow card.
    assert card(at(11, 15 + value, 17, 31), SHANDONG, accepted_at=accepted, promised=days(value)) == YELLOW


def test_in_shandong_a_limit_of_hours_is_no_yellow_card_as_it_begins() -> None:
    told: dict[str, Any] = {"accepted_at": at(11, 16, 9), "promised": Term(value=4, unit=TermUnit.HOURS)}
    assert card(at(11, 16, 9, 1), SHANDONG, **told) is None
    assert card(at(11, 16, 12, 59), SHANDONG, **told) == YELLOW
    assert card(at(11, 16, 13, 1), SHANDONG, **told) == RED


def test_a_case_over_its_legal_limit_is_red_however_little_it_is_over_the_promised_one() -> None:
    assert card(at(11, 23, 17, 31), legal=days(5)) == RED
    assert card(at(11, 23, 17, 31), legal=days(6)) == YELLOW
    assert card(at(11, 23, 17, 31), promised=None, legal=days(5)) == RED


@pytest.mark.parametrize(
    ("finished", "jiangsu", "shandong"),
    [(at(11, 23, 17, 30), None, None), (at(11, 24, 10), YELLOW, RED), (at(11, 25, 10), RED, RED)],
)
def test_a_case_that_ended_is_judged_by_when_it_ended_and_shows_no_card_that_only_warns(
    finished, jiangsu, shandong
) -> None:
    assert card(at(12, 24), finished_at=finished) == jiangsu
    assert card(at(12, 24), SHANDONG, finished_at=finished) == shandong


@pytest.mark.parametrize(
    ("accepted", "term", "since"),
    [
        (at(11, 19, 9), days(1), at(11, 20, 13, 30)),  # four office hours, not at acceptance
        (at(11, 16), days(10), at(11, 30, 9)),  # the day of its limit: a working day
        (at(11, 16), days(3), at(11, 19, 11, 48)),  # a fifth of 21 office hours
        (
            at(11, 20, 9),
            Term(value=4, unit=TermUnit.HOURS),
            at(11, 20, 10, 30),
        ),  # half of its three office hours
    ],
)
def test_a_limit_is_reminded_of_a_working_day_or_a_fifth_before_it_and_never_as_it_begins(
    accepted, term, since
) -> None:
    assert card(since - MINUTE, accepted_at=accepted, promised=term) is None
    assert card(since + MINUTE, accepted_at=accepted, promised=term) == NOTICE


def test_while_a_case_is_suspended_nothing_is_counted_and_nothing_is_reminded_of() -> None:
    stopped = (Suspension(no="1", began_at=at(11, 17)),)
    told = [thing("case", case(accepted_at=at(11, 16), promised=days(2), suspensions=stopped))]
    assert judged(CaseDeadline(), at(12, 24), told) == ([], [])


def test_a_case_that_its_source_calls_suspended_without_telling_the_pause_stands_still_since_then() -> None:
    told: dict[str, Any] = {"state": CaseState.SUSPENDED, "as_of": at(11, 20, 9)}
    assert card(at(12, 24), **told) is None
    assert card(at(12, 24), **{**told, "as_of": None}) is None
    # What was over by then was over, and once it goes on its clock runs again as it did.
    assert card(at(12, 24), **{**told, "as_of": at(11, 24, 9)}) == YELLOW
    assert card(at(12, 24), **{**told, "state": CaseState.HANDLING}) == RED
    resumed = (Suspension(no="1", began_at=at(11, 17), ended_at=at(11, 18)),)
    assert card(at(12, 24), suspensions=resumed, **told) is None
    # A resumption that is younger than what calls it suspended is believed.
    resumed = (Suspension(no="1", began_at=at(11, 20, 9), ended_at=at(11, 23, 9)),)
    assert card(at(12, 24), suspensions=resumed, **told) == RED


def test_what_nobody_has_applied_for_yet_has_no_limit() -> None:
    draft: dict[str, Any] = {"accepted_at": None, "promised": None, "due_at": at(11, 20)}
    assert card(at(12, 24), state=CaseState.DRAFT, **draft) is None
    assert card(at(12, 24), state=CaseState.ACCEPTING, **draft) == RED


def test_of_a_case_in_hand_the_card_does_not_say_that_it_is_over_by_just_as_much_as_the_card_needs() -> None:
    case_in_hand = thing("case", case(accepted_at=at(11, 16), promised=days(5)))
    (red,), _ = judged(CaseDeadline(), at(12, 24), [case_in_hand])
    assert "已超过承诺时限（5个工作日）1个工作日以上（" in red.summary
    ended = thing("case", case(accepted_at=at(11, 16), promised=days(5), finished_at=at(11, 25, 10)))
    (red,), _ = judged(CaseDeadline(), at(12, 24), [ended])
    assert "已超过承诺时限（5个工作日）2个工作日（" in red.summary


def test_a_case_that_was_over_before_it_was_suspended_keeps_its_card() -> None:
    stopped = (Suspension(no="1", began_at=at(11, 24, 10)),)
    assert card(at(12, 24), suspensions=stopped) == YELLOW
    resumed = (Suspension(no="1", began_at=at(11, 24, 10), ended_at=at(12, 1, 10)),)
    assert card(at(12, 1, 17, 30), suspensions=resumed) == YELLOW
    assert card(at(12, 1, 17, 31), suspensions=resumed) == RED


def test_a_late_resumption_takes_the_card_back() -> None:
    stopped = [Suspension(no="1", began_at=at(11, 17)), Suspension(no="2", ended_at=at(11, 20))]
    assert card(at(11, 24)) == YELLOW
    assert card(at(11, 24), suspensions=tuple(stopped)) is None


@pytest.mark.requirement("R38")
def test_each_card_is_asked_for_at_the_very_moment_at_which_it_is_due() -> None:
    told, now, seen = [thing("case", case(accepted_at=at(11, 16), promised=days(5)))], at(11, 16), []
    while (answer := judged(CaseDeadline(), now, told))[1]:
        (again,) = answer[1]
        now = again.at
        drafts, _ = judged(CaseDeadline(), now, told)
        before, _ = judged(CaseDeadline(), now - timedelta(microseconds=1), told)
        assert [one.level for one in before] != [one.level for one in drafts]
        seen.append(drafts[0].labels[0])
    assert seen == [NOTICE[0], YELLOW[0], RED[0]]


def test_one_case_has_one_signal_whose_level_rises() -> None:
    told = [thing("case", case(accepted_at=at(11, 16), promised=days(5)))]
    keys = set()
    for now in (at(11, 23, 10), at(11, 24, 10), at(11, 26, 10)):
        (one,), _ = judged(CaseDeadline(), now, told)
        keys.add((one.key, one.observed, one.window_from))
    assert len(keys) == 1


def test_the_answer_about_a_case_in_hand_does_not_change_while_its_card_does_not() -> None:
    told = [thing("case", case(accepted_at=at(11, 16), promised=days(5)))]
    assert judged(CaseDeadline(), at(11, 26, 10), told)[0] == judged(CaseDeadline(), at(12, 26, 10), told)[0]


def test_instant_cases_are_not_judged_twice() -> None:
    assert card(at(12, 24), case_kind=CaseKind.INSTANT) is None
    assert card(at(12, 24), promised=days(0)) is None


def test_a_card_that_rests_on_a_year_without_known_holidays_says_so_loudly() -> None:
    told = [thing("case", case(accepted_at=at(12, 31), promised=days(5)))]
    (one,), _ = judged(CaseDeadline(), datetime(2027, 2, 1, tzinfo=COUNTY_ZONE), told)
    assert "期限暂定" in one.labels
    assert "暂定" in one.summary
    known = ChinaCalendar(complete_years=frozenset({2027}))
    (one,), _ = judged(CaseDeadline(), datetime(2027, 2, 1, tzinfo=COUNTY_ZONE), told, calendar=known)
    assert "期限暂定" not in one.labels


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        (CaseDeadline(), {"accepted_at": at(12, 31), "promised": days(5)}),
        (InstantLate(), {"accepted_at": at(12, 31, 17), "case_kind": CaseKind.INSTANT}),
        (Undecided(), {"applied_at": at(12, 30), "state": CaseState.APPLIED}),
    ],
)
def test_what_rests_on_a_year_that_nobody_knows_is_judged_again_each_day_until_it_is_known(
    rule, fields
) -> None:
    told = [thing("case", case(**fields))]
    now = datetime(2027, 1, 20, 10, tzinfo=COUNTY_ZONE)
    (one,), asked = judged(rule, now, told)
    assert "期限暂定" in one.labels
    assert min(again.at for again in asked) == datetime(2027, 1, 21, tzinfo=COUNTY_ZONE)
    known = ChinaCalendar(complete_years=frozenset({2027}))
    (one,), asked = judged(rule, now, told, calendar=known)
    assert "期限暂定" not in one.labels
    assert asked == []
    # Nobody has entered the year for months: it is not asked for ever.
    assert judged(rule, datetime(2027, 8, 1, tzinfo=COUNTY_ZONE), told)[1] == []


@pytest.mark.parametrize("by", OverdueBy)
def test_which_of_the_two_moments_is_held_against_the_limit_is_said(by) -> None:
    params = CaseDeadlineParams(overdue_by=by)
    told = case(
        accepted_at=at(11, 16),
        promised=days(5),
        steps=(CaseStep(no="1", ended_at=at(11, 20)), CaseStep(no="2", ended_at=at(11, 24, 9))),
        finished_at=at(12, 1),
    )
    (one,), _ = judged(CaseDeadline(params), at(12, 24), [thing("case", told)])
    words, level = {OverdueBy.END: ("按办结时间认定", Level.GRAVE), OverdueBy.LAST_EVENT: ("按最后环节时间认定", Level.SERIOUS)}[by]  # fmt: skip
    assert words in one.summary
    assert one.level is level


def test_cards_are_issued_by_themselves_from_the_level_on_that_the_county_sets() -> None:
    told = [thing("case", case(accepted_at=at(11, 16), promised=days(5)))]
    usual, sparing = CaseDeadline(), CaseDeadline(CaseDeadlineParams(auto_issue_from=Level.SERIOUS))
    for now, expected in ((at(11, 23, 10), (True, False)), (at(11, 24, 10), (True, True))):
        assert tuple(judged(rule, now, told)[0][0].auto_issue for rule in (usual, sparing)) == expected


def test_the_organisation_that_has_to_act_is_named_by_its_code_else_as_the_source_calls_it() -> None:
    late = {"accepted_at": at(11, 2), "promised": days(1)}
    for told, named in (
        ({"organisation": "县住建局"}, "县住建局"),
        ({"organisation": "县住建局", "organisation_code": "housing"}, "housing"),
    ):
        (one,), _ = judged(CaseDeadline(), at(11, 24), [thing("case", case(**late, **told))])
        assert one.organisation == named


moments = st.integers(0, 60 * 24 * 6).map(lambda tens: at(9, 1) + tens * timedelta(minutes=10))


@given(
    moments,
    st.none() | moments,
    st.lists(st.tuples(moments, st.none() | moments), max_size=3),
    st.integers(1, 15),
    st.lists(moments, min_size=2, max_size=6),
    st.sampled_from(["jiangsu", "shandong"]),
)
def test_a_case_in_hand_never_shows_a_lower_card_than_before(
    accepted, finished, stops, term, looked, profile
) -> None:
    told = case(
        accepted_at=accepted,
        promised=days(term),
        suspensions=tuple(
            Suspension(no=str(no), began_at=began, ended_at=ended) for no, (began, ended) in enumerate(stops)
        ),
        finished_at=finished if finished is not None and finished > max(looked) else None,
    )
    rule = CaseDeadline(CaseDeadlineParams(profile=profile))
    levels = [
        max((int(one.level) for one in judged(rule, now, [thing("case", told)])[0]), default=0)
        for now in sorted(looked)
    ]
    # A reminder goes when the case is suspended; a card that is a breach never does.
    breaches = [level if level > Level.NOTICE and profile == "jiangsu" else 0 for level in levels]
    if told.finished_at is None:
        assert breaches == sorted(breaches)


# ---- E04


def node(*steps: tuple[datetime, datetime | None], limit: int = 1, **fields: Any) -> Case:
    return case(
        accepted_at=at(11, 16, 9),
        steps=tuple(
            CaseStep(no=str(no), node="SH", name="审核", began_at=began, ended_at=ended, promised=days(limit))
            for no, (began, ended) in enumerate(steps)
        ),
        **fields,
    )


@pytest.mark.parametrize(
    ("ended", "fires"), [(at(11, 17, 9, 0), False), (at(11, 17, 9, 1), True)]
)  # fmt: skip
def test_a_node_is_over_when_all_its_visits_together_took_longer_than_it_may(ended, fires) -> None:
    # Three hours on Monday, four on Monday afternoon: seven are one working day.
    told = node((at(11, 16, 9), at(11, 16, 12)), (at(11, 16, 13, 30), ended))
    drafts, _ = judged(NodeTimeout(), at(12, 1), [thing("case", told)])
    assert bool(drafts) is fires


def test_a_node_is_not_over_for_the_time_in_which_the_case_was_suspended() -> None:
    told = node(
        (at(11, 16, 9), at(11, 18, 9)), suspensions=(Suspension(no="1", began_at=at(11, 16, 10), ended_at=at(11, 17, 17)),)
    )  # fmt: skip
    assert judged(NodeTimeout(), at(12, 1), [thing("case", told)])[0] == []


def test_a_node_that_is_at_work_is_judged_again_when_it_goes_over() -> None:
    told = [thing("case", node((at(11, 16, 9), None)))]
    drafts, (again,) = judged(NodeTimeout(), at(11, 16, 15), told)
    assert (drafts, again.at - timedelta(microseconds=1)) == (
        [],
        at(11, 17, 9),
    )  # seven hours are full when it closes
    (one,), _ = judged(NodeTimeout(), again.at, told)
    assert one.level is Level.SERIOUS
    assert "审核" in one.summary


# ---- E05


@pytest.mark.parametrize(
    ("now", "level"),
    [
        (at(11, 19, 17, 30), None),
        (at(11, 19, 17, 31), Level.SERIOUS),
        (at(11, 23, 17, 30), Level.SERIOUS),
        (at(11, 23, 17, 31), Level.GRAVE),
    ],
)
def test_an_application_without_decision_is_yellow_after_three_working_days_and_red_after_five(
    now, level
) -> None:
    told = [thing("case", case(applied_at=at(11, 16), state=CaseState.APPLIED))]
    drafts, _ = judged(Undecided(), now, told)
    assert [one.level for one in drafts] == ([] if level is None else [level])


@pytest.mark.parametrize(
    "told",
    [
        {"accepted_at": at(11, 19)},
        {"result": CaseResult.NOT_ACCEPTED, "finished_at": at(11, 19), "state": CaseState.REFUSED},
        {"corrections": (Correction(no="1", asked_at=at(11, 19)),), "state": CaseState.CORRECTING},
        {"state": CaseState.HANDLING},  # accepted, the source does not say when
        {"steps": (CaseStep(no="1", ended_at=at(11, 17)),)},  # a log of steps that never tells an acceptance
        {"state": CaseState.FINISHED, "finished_at": at(12, 1), "result": CaseResult.GRANTED},
        {"state": CaseState.CORRECTING},  # sent back, the source does not say when
        {"state": CaseState.DRAFT},
    ],
)
def test_what_was_decided_in_time_or_tells_no_acceptance_at_all_is_no_delay(told) -> None:
    assert judged(Undecided(), at(12, 24), [thing("case", case(applied_at=at(11, 16), **told))]) == ([], [])


def test_what_was_brought_begins_the_term_anew() -> None:
    told = case(
        applied_at=at(11, 2),
        corrections=(Correction(no="1", asked_at=at(11, 3), brought_at=at(11, 16)),),
        state=CaseState.CORRECTED,
    )
    assert judged(Undecided(), at(11, 19, 17), [thing("case", told)])[0] == []
    assert judged(Undecided(), at(11, 19, 18), [thing("case", told)])[0]


def test_a_late_refusal_is_a_late_decision() -> None:
    told = case(
        applied_at=at(11, 2), result=CaseResult.NOT_ACCEPTED, finished_at=at(11, 20), state=CaseState.REFUSED
    )
    assert [one.level for one in judged(Undecided(), at(12, 24), [thing("case", told)])[0]] == [Level.GRAVE]


def test_a_case_in_hand_that_is_held_against_its_last_step_is_not_about_to_be_late_for_ever() -> None:
    params = CaseDeadlineParams(overdue_by=OverdueBy.LAST_EVENT)
    told = {"steps": (CaseStep(no="1", ended_at=at(11, 17)),)}
    assert card(at(11, 23, 10), params, **told) == NOTICE
    assert card(at(12, 24), params, **told) is None


def test_a_late_acceptance_stays_a_breach() -> None:
    told = [thing("case", case(applied_at=at(11, 2), accepted_at=at(11, 20)))]
    (one,), rechecks = judged(Undecided(), at(12, 24), told)
    assert (one.level, rechecks) == (Level.GRAVE, [])


def test_red_must_come_after_yellow() -> None:
    with pytest.raises(ValueError, match="must be above"):
        UndecidedParams(yellow_working_days=5)


# ---- E12


@pytest.mark.parametrize(
    ("accepted", "finished", "fires"),
    [
        (at(11, 20, 10), at(11, 20, 17, 30), False),
        (at(11, 20, 10), at(11, 20, 17, 31), True),
        (at(11, 20, 16, 30), at(11, 23, 12, 0), False),  # accepted in the last hour: by the next noon
        (at(11, 20, 16, 30), at(11, 23, 12, 1), True),
        (at(11, 20, 16, 29), at(11, 23, 9, 0), True),
    ],
)
def test_an_instant_case_is_done_the_same_day_or_by_the_next_noon(accepted, finished, fires) -> None:
    told = case(accepted_at=accepted, case_kind=CaseKind.INSTANT, finished_at=finished)
    assert bool(judged(InstantLate(), at(12, 24), [thing("case", told)])[0]) is fires


def test_an_instant_case_in_hand_is_judged_when_its_day_ends() -> None:
    told = [thing("case", case(accepted_at=at(11, 20), promised=days(0)))]
    drafts, (again,) = judged(InstantLate(), at(11, 20, 11), told)
    assert (drafts, again.at - timedelta(microseconds=1)) == ([], at(11, 20, 17, 30))
    assert judged(InstantLate(), again.at, told)[0]


@pytest.mark.requirement("R36")
def test_every_rule_about_cases_says_whether_it_looks_before_during_or_after_the_handling_and_each_is_looked_at() -> (
    None
):
    assert {rule.stage for rule in CASE_RULES} == set(Stage)
    assert (Undecided.stage, CaseDeadline.stage) == (Stage.BEFORE, Stage.DURING)
