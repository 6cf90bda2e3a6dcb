"""Rules about how cases are handled (E06 to E11, E13, E15, E16): each border from both sides, and the faults that real code has."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.builtin.rules.case_conduct import (
    CorrectionAfterAcceptance,
    ManyCorrections,
    UnreasonedRefusal,
    WrongFees,
)
from hub.builtin.rules.case_counts import ManyRefusals, OddVolume
from hub.builtin.rules.case_haste import ApprovedInHaste, HasteParams
from hub.builtin.rules.case_logic import Contradiction, ContradictionParams
from hub.builtin.rules.case_suspension import OddSuspension, SuspensionParams
from hub.builtin.rules.observing import bursts
from hub.clock import COUNTY_ZONE
from hub.model.case import Case, CaseStep, Correction, Suspension, Term
from hub.model.codes import CaseKind, CaseResult, CaseState, Level, TermUnit
from tests.support.observed_history import judged, thing

LATER = datetime(2026, 12, 24, 10, 0, tzinfo=COUNTY_ZONE)


def at(month: int, day: int, hour: int = 10, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=COUNTY_ZONE)


def case(**fields: Any) -> Case:
    return Case(source_no="C1", case_no="C1", **fields)


def only(rule: Any, now: datetime = LATER, **fields: Any) -> Any:
    """The one draft of a case, or None."""
    drafts, _ = judged(rule, now, [thing("case", case(applied_at=at(11, 2), **fields))])
    assert len(drafts) <= 1
    return drafts[0] if drafts else None


def asked(*days: int) -> tuple[Correction, ...]:
    return tuple(Correction(no=str(day), asked_at=at(11, day)) for day in days)


# ---- E06, E07


@pytest.mark.requirement("R13")
@pytest.mark.parametrize(("days", "fires"), [((3,), False), ((3, 4), True), ((3, 4, 5), True)])
def test_material_asked_for_twice_is_once_too_often(days, fires) -> None:
    found = only(ManyCorrections(), corrections=asked(*days))
    assert (found is not None) is fires
    if fires:
        assert (found.level, found.value) == (Level.SERIOUS, len(days))


def test_a_correction_that_tells_no_asking_is_not_counted() -> None:
    brought = Correction(no="9", brought_at=at(11, 9))
    assert only(ManyCorrections(), corrections=(*asked(3), brought)) is None


@pytest.mark.parametrize(("day", "fires"), [(3, False), (4, False), (5, True)])
def test_material_asked_for_after_acceptance_is_a_red_card(day, fires) -> None:
    found = only(CorrectionAfterAcceptance(), accepted_at=at(11, 4), corrections=asked(day))
    assert (found is not None and found.level is Level.GRAVE) is fires


# ---- E08


@pytest.mark.parametrize(
    ("result", "reason", "fires"),
    [
        (CaseResult.NOT_ACCEPTED, None, True),
        (CaseResult.DENIED, "不符合法定条件要", True),
        (CaseResult.DENIED, "不 符 合 法 定 条 件 要 求", True),  # spaces are no reason
        (CaseResult.DENIED, "不符合法定条件的要求", False),
        (CaseResult.GRANTED, None, False),
        (CaseResult.WITHDRAWN, None, False),
    ],
)
def test_a_refusal_gives_a_reason_of_ten_characters(result, reason, fires) -> None:
    assert (only(UnreasonedRefusal(), result=result, result_reason=reason) is not None) is fires


# ---- E09


@pytest.mark.parametrize(
    ("due", "paid", "level"),
    [
        ("100", "100", None),  # real code fires on this: (due - paid) / due < 5 %
        ("100", "105", None),
        ("100", "105.01", Level.SERIOUS),
        ("100", "95", None),
        ("100", "94.99", Level.SERIOUS),
        ("0", "0", None),
        ("0", "0.01", Level.GRAVE),  # a fee on what is free
        (None, "5", None),
        ("5", None, None),
    ],
)
def test_a_fee_is_wrong_when_it_differs_by_more_than_five_per_cent_either_way(due, paid, level) -> None:
    found = only(
        WrongFees(),
        fee_due=None if due is None else Decimal(due),
        fee_paid=None if paid is None else Decimal(paid),
        finished_at=at(11, 9),
        result=CaseResult.GRANTED,
    )
    assert (found.level if found is not None else None) is level


@given(st.decimals("0.01", "100000", places=2))
def test_no_correct_payment_is_ever_wrong(amount: Decimal) -> None:
    assert only(WrongFees(), fee_due=amount, fee_paid=amount, finished_at=at(11, 9)) is None


@pytest.mark.parametrize("fields", [{}, {"finished_at": at(11, 9), "result": CaseResult.WITHDRAWN}])
def test_what_is_not_paid_yet_or_need_not_be_is_not_too_little(fields) -> None:
    assert only(WrongFees(), fee_due=Decimal(80), fee_paid=Decimal(0), **fields) is None


def test_too_much_is_wrong_at_once() -> None:
    assert only(WrongFees(), fee_due=Decimal(80), fee_paid=Decimal(100)) is not None


# ---- E10


def stop(
    no: str, began: datetime | None, ended: datetime | None = None, procedure: str | None = None
) -> Suspension:
    return Suspension(no=no, began_at=began, ended_at=ended, procedure=procedure)


TERM: dict[str, Any] = {"accepted_at": at(11, 2), "promised": Term(value=20, unit=TermUnit.WORKING_DAYS)}


@pytest.mark.parametrize(
    ("suspensions", "reasons"),
    [
        ((stop("1", at(11, 3), at(11, 6)),), None),
        ((stop("1", at(11, 3), at(11, 9)),), None),  # four working days
        ((stop("1", at(11, 3), at(11, 11)),), ("挂起超过5个工作日",)),
        ((stop("1", at(11, 3), at(11, 4)), stop("2", at(11, 5), at(11, 6))), ("挂起2次",)),
        ((stop("1", at(11, 3)), stop("2", None, at(11, 4))), None),  # one suspension in two messages
        ((stop("1", at(11, 30), at(12, 1)),), ("期限最后一日挂起",)),
        ((stop("1", at(11, 27), at(11, 30)),), None),
        # The first one's resumption came under a number of its own: the limit has moved to 7 December.
        ((stop("1", at(11, 3)), stop("2", None, at(11, 10)), stop("3", at(11, 30), at(12, 1))), ("挂起2次",)),
        (
            (stop("1", at(11, 3)), stop("2", None, at(11, 10)), stop("3", at(12, 7), at(12, 8))),
            ("挂起2次", "期限最后一日挂起"),
        ),
        ((stop("1", at(11, 4), at(11, 3)),), None),  # cannot be: E16 tells it
        ((stop("1", at(11, 3), at(11, 11), "听证"),), None),  # its procedure may take longer
    ],
)
def test_a_suspension_is_odd_when_it_lasts_comes_again_or_begins_on_the_last_day(
    suspensions, reasons
) -> None:
    params = SuspensionParams(allowed_working_days=5, allowed_by_procedure={"听证": 10})
    found = only(OddSuspension(params), finished_at=at(12, 20), suspensions=suspensions, **TERM)
    assert (found.labels if found is not None else None) == reasons


def test_a_limit_of_hours_has_no_last_day_on_which_a_suspension_would_be_odd() -> None:
    hours: dict[str, Any] = {"accepted_at": at(11, 2, 9), "promised": Term(value=4, unit=TermUnit.HOURS)}
    told = (stop("1", at(11, 2, 9, 30), at(11, 2, 11)),)
    assert only(OddSuspension(), finished_at=at(11, 2, 14), suspensions=told, **hours) is None


def test_an_open_suspension_is_judged_again_when_it_has_lasted_too_long() -> None:
    told = [thing("case", case(suspensions=(stop("1", at(11, 3)),), **TERM))]
    rule = OddSuspension(SuspensionParams(allowed_working_days=5))
    drafts, (again,) = judged(rule, at(11, 4), told)
    assert (drafts, again.at) == ([], at(11, 11, 0))
    assert judged(rule, again.at, told)[0]
    assert judged(rule, again.at - timedelta(hours=1), told)[0] == []


# ---- E11


def finished(number: int, month: int, result: CaseResult, day: int = 5) -> Any:
    told = Case(
        source_no=f"C{number}", case_no=f"C{number}", item_code="I1", window_no="A01", applied_at=at(month, day), result=result,
    )  # fmt: skip
    return thing("case", told, number=f"T{number:04d}")


def month_of(refused: int, granted: int, month: int, first: int) -> list[Any]:
    results = [CaseResult.SENT_BACK] * refused + [CaseResult.GRANTED] * granted
    return [finished(first + place, month, result) for place, result in enumerate(results)]


@pytest.mark.requirement("R13")
@pytest.mark.parametrize(("refused", "fires"), [(4, False), (5, True)])
def test_refusals_twice_the_usual_share_are_a_signal_from_five_on(refused, fires) -> None:
    usual = [*month_of(3, 27, 8, 0), *month_of(3, 27, 9, 100), *month_of(3, 27, 10, 200)]  # a tenth
    drafts, _ = judged(ManyRefusals(), LATER, [*usual, *month_of(refused, 15, 11, 300)])
    november = {one.key for one in drafts if one.key.endswith("/2026-11")}
    assert november == ({"item:I1/2026-11", "window:A01/2026-11"} if fires else set())


def test_refusals_below_twice_the_usual_share_are_usual_and_without_a_usual_share_nothing_is() -> None:
    usual = [*month_of(3, 27, 8, 0), *month_of(3, 27, 9, 100), *month_of(3, 27, 10, 200)]
    assert judged(ManyRefusals(), LATER, [*usual, *month_of(5, 21, 11, 300)])[0] == []
    assert judged(ManyRefusals(), LATER, month_of(9, 1, 11, 300))[0] == []


# ---- E13


@pytest.mark.requirement("R44")
@pytest.mark.parametrize(("seconds", "fires"), [(0, True), (59, True), (60, False), (-1, False)])
def test_a_decision_less_than_a_minute_after_acceptance_is_in_haste(seconds, fires) -> None:
    fields = {"accepted_at": at(11, 9), "finished_at": at(11, 9) + timedelta(seconds=seconds)}
    assert (only(ApprovedInHaste(), **fields) is not None) is fires


@pytest.mark.requirement("R44")
@pytest.mark.parametrize(
    "fields",
    [
        {"case_kind": CaseKind.INSTANT},
        {"promised": Term(value=0, unit=TermUnit.WORKING_DAYS)},
        {"item_code": "AUTO"},
        {"post": "机器审批"},
        {"result": CaseResult.WITHDRAWN},
    ],
)
def test_what_is_meant_to_be_fast_or_decided_by_a_machine_is_not_in_haste(fields) -> None:
    rule = ApprovedInHaste(HasteParams(automatic_items=("AUTO",), automatic_posts=("机器审批",)))
    assert only(rule, accepted_at=at(11, 9), finished_at=at(11, 9), **fields) is None


@pytest.mark.requirement("R44")
@pytest.mark.parametrize(("count", "fires"), [(9, False), (10, True)])
def test_ten_decisions_of_one_window_in_five_minutes_are_in_haste_together(count, fires) -> None:
    told = [
        thing(
            "case",
            case(
                applied_at=at(11, 2),
                accepted_at=at(11, 3),
                window_no="A01",
                finished_at=at(11, 9) + timedelta(seconds=30 * number),
            ),
            number=f"T{number}",
        )
        for number in range(count)
    ]
    drafts, _ = judged(ApprovedInHaste(), LATER, told)
    assert [one.key for one in drafts] == (["window:A01/2026-11-09"] if fires else [])
    if fires:
        assert (drafts[0].value, len(drafts[0].observed)) == (10, 10)


@given(st.lists(st.integers(0, 60), max_size=30), st.integers(1, 10), st.integers(2, 6))
def test_bursts_are_what_a_count_of_every_window_gives(times, span, threshold) -> None:
    moments = [at(11, 9) + timedelta(minutes=minute) for minute in sorted(times)]
    full = [
        [place for place, moment in enumerate(moments) if start <= moment < start + timedelta(minutes=span)]
        for start in moments
    ]
    full = [window for window in full if len(window) >= threshold]
    found = list(bursts(moments, timedelta(minutes=span), threshold))
    covered = {place for first, behind, _ in found for place in range(first, behind)}
    assert covered == {place for window in full for place in window}
    assert max((most for _, _, most in found), default=0) == max(map(len, full), default=0)
    assert all(behind <= first for (_, behind, _), (first, _, _) in pairwise(found))


# ---- E15


def one_a_day(first: datetime, days: int, each: int = 1, start: int = 0) -> list[Any]:
    found = []
    for number in range(days):
        moment = first + timedelta(days=number)
        for place in range(each if moment.weekday() < 5 else 0):
            no = f"C{start + number * 100 + place}"
            told = Case(source_no=no, case_no=no, item_code="I1", applied_at=moment)
            found.append(thing("case", told, number=no))
    return found


@pytest.mark.requirement("R46")
def test_an_item_that_had_cases_every_day_and_has_none_for_ten_working_days_is_silent() -> None:
    # Its last case is of Friday 2026-08-28: ten working days later Friday the 11th of September is over.
    told = one_a_day(at(6, 29), 61)
    assert [one.labels for one in judged(OddVolume(), at(9, 11, 23), told)[0]] == []
    (one,), _ = judged(OddVolume(), at(9, 12, 0), told)
    assert (one.key, one.labels, one.value) == ("item:I1", ("重点研判", "办件量中断"), 10)
    assert one == judged(OddVolume(), at(9, 30), told)[0][0]


def test_the_moment_at_which_a_silence_is_one_is_asked_for() -> None:
    told = one_a_day(at(6, 29), 61)
    _, (again,) = judged(OddVolume(), at(8, 28, 18), told)
    assert judged(OddVolume(), again.at, told)[0]


def test_an_item_with_a_case_now_and_then_is_never_silent() -> None:
    told = one_a_day(at(6, 29), 61)[::3]
    assert judged(OddVolume(), at(12, 20), told)[0] == []


@pytest.mark.requirement("R46")
@pytest.mark.parametrize(("each", "fires"), [(5, False), (6, True)])
def test_a_week_with_three_times_as_many_cases_is_a_surge(each, fires) -> None:
    told = [*one_a_day(at(6, 29), 56, each=2), *one_a_day(at(8, 24), 5, each=each, start=100_000)]
    drafts, _ = judged(OddVolume(), at(8, 29), told)
    assert [one.labels[1] for one in drafts] == (["办件量激增"] if fires else [])


def test_an_item_that_has_only_begun_has_no_surge() -> None:
    told = [*one_a_day(at(8, 3), 19, each=2), *one_a_day(at(8, 24), 5, each=20, start=100_000)]
    assert judged(OddVolume(), at(8, 29), told)[0] == []


# ---- E16


@pytest.mark.requirement("R46")
@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"accepted_at": at(11, 1)}, "受理早于申请"),
        ({"accepted_at": at(11, 2, 9, 59)}, None),  # a minute is how long a source takes to write
        ({"accepted_at": at(11, 5), "finished_at": at(11, 4), "steps": (CaseStep(no="1", ended_at=at(11, 4)),)}, "办结早于受理"),
        ({"steps": (CaseStep(no="1", ended_at=at(11, 1)),)}, "环节早于申请"),
        ({"steps": (CaseStep(no="1", ended_at=at(11, 5)),), "finished_at": at(11, 4)}, "办结早于最后环节"),
        ({"finished_at": at(11, 4)}, "缺少办理环节"),
        ({"steps": (CaseStep(no="1", began_at=at(11, 5), ended_at=at(11, 4)),)}, "环节的结束早于开始"),
        ({"suspensions": (stop("1", at(11, 5), at(11, 4)),)}, "挂起的结束早于开始"),
        ({"accepted_at": at(11, 3), "state": CaseState.HANDLING}, None),
    ],
)  # fmt: skip
def test_times_that_cannot_be_are_told_and_not_mended(fields, found) -> None:
    one = only(Contradiction(), **fields)
    assert (one.labels if one is not None else None) == (("重点研判", found) if found is not None else None)


def test_missing_documents_and_opinions_count_where_the_source_tells_them() -> None:
    fields: dict[str, Any] = {
        "accepted_at": at(11, 3),
        "finished_at": at(11, 5),
        "result": CaseResult.GRANTED,
        "steps": (CaseStep(no="1", ended_at=at(11, 4), opinion="同意"),),
    }
    assert only(Contradiction(), **fields) is None
    strict = Contradiction(ContradictionParams(documents=True, shortest_opinion=5))
    assert only(strict, **fields).labels == ("重点研判", "缺少受理文书", "缺少决定文书", "办理意见过短")
    told = {**fields, "accept_doc_no": "SL1", "result_doc_no": "JD1", "steps": (CaseStep(no="1", ended_at=at(11, 4), opinion="经审核同意"),)}  # fmt: skip
    assert only(strict, **told) is None


# ---- Windows of two organisations that bear one number


@pytest.mark.requirement("R44")
def test_ten_decisions_at_two_windows_of_one_number_are_not_in_haste_together() -> None:
    def at_window(number: int, organisation: str) -> Any:
        moment = at(11, 9) + timedelta(seconds=20 * number)
        what = Case(
            source_no=f"C{number}", case_no=f"C{number}", window_no="1", organisation=organisation, applied_at=at(11, 2),
            accepted_at=at(11, 3), finished_at=moment, result=CaseResult.GRANTED,
        )  # fmt: skip
        return thing("case", what, number=f"T{number:03}")

    mixed = [at_window(number, ("龙山乡", "周党镇")[number % 2]) for number in range(10)]
    assert judged(ApprovedInHaste(), LATER, mixed)[0] == []
    one = [at_window(number, "龙山乡") for number in range(10)]
    assert [draft.key for draft in judged(ApprovedInHaste(), LATER, one)[0]] == ["window:龙山乡|1/2026-11-09"]


def test_refusals_at_two_windows_of_one_number_are_two_shares() -> None:
    def at_window(number: int, month: int, organisation: str, result: CaseResult) -> Any:
        what = Case(
            source_no=f"C{number}", case_no=f"C{number}", window_no="1", organisation=organisation, applied_at=at(month, 5), result=result
        )  # fmt: skip
        return thing("case", what, number=f"T{number:03}")

    before = [
        at_window(100 * month + number, month, organisation, CaseResult.GRANTED)
        for month in (8, 9, 10)
        for organisation in ("龙山乡", "周党镇")
        for number in (range(10) if organisation == "龙山乡" else range(20, 30))
    ]
    now = [at_window(number, 11, ("龙山乡", "周党镇")[number % 2], CaseResult.DENIED) for number in range(8)]
    assert judged(ManyRefusals(), LATER, [*before, *now])[0] == []
    more = [at_window(50 + number, 11, "龙山乡", CaseResult.DENIED) for number in range(5)]
    assert [one.key for one in judged(ManyRefusals(), LATER, [*before, *now, *more])[0]] == [
        "window:龙山乡|1/2026-11"
    ]
