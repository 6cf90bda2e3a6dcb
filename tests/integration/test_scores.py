"""Scores on real rows: rules see cases, persons verify, months are computed, notified, appealed against and frozen."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from hub.builtin.rules import RULES
from hub.clock import ManualClock
from hub.errors import NotFound, StateConflict, StoreError
from hub.model.case import Case, Correction, Term
from hub.model.codes import Level, TermUnit
from hub.model.score import BreachVerdict, Excuse, Score, Why
from hub.model.score_table import ScoreKind
from hub.pipeline import revoke, score_appeals, score_month, scoring, triage
from hub.seal import KeyRing
from hub.store import score_facts, scores
from hub.store.engine import Store
from tests.support.judging import COUNTY, County, local, plugins_with

pytestmark = pytest.mark.requirement("R40")

OWN = tuple(rule for rule in RULES if rule.observes)
MONTH = "2026-11"
VERIFIED, UNFOUNDED, EXCUSED = BreachVerdict
INDICATORS, TIME_LIMITS = ScoreKind
BY = {"by": "督查室王主任", "reason": "调取系统日志核实"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(local(2026, 11, 16, 10))


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    made = County(store, ring, clock, plugins_with(own=OWN))
    made.configure()
    return made


def at(county: County, *when: int) -> None:
    moment: datetime = local(*when)
    county.clock.advance((moment - county.clock.now()).total_seconds())


def case(no: str, **fields: Any) -> Case:
    return Case(
        source_no=no,
        case_no=no,
        **{
            "applied_at": local(2026, 11, 16, 9), "accepted_at": local(2026, 11, 16, 10), "promised": Term(value=5, unit=TermUnit.WORKING_DAYS),
            "item_code": "I1", "item_name": "不动产登记", "organisation": "不动产登记中心", "post": "受理岗", **fields,
        },
    )  # fmt: skip


def judge_all(county: County) -> None:
    report = county.evaluate()
    assert report.ok, report.problems
    county.triage(), county.dispatch()


def overdue(county: County, *nos: str, **fields: Any) -> list[str]:
    """Cases that were due on 23 November and are in hand a quarter of an hour later: a yellow card each; their warnings' numbers."""
    county.observe(*(case(no, **fields) for no in nos))
    at(county, 2026, 11, 23, 17, 45)
    judge_all(county)
    return [row.warning_no for row in county.rows("SELECT warning_no FROM warning ORDER BY warning_no")]


def verify(county: County, number: str, verdict: BreachVerdict = VERIFIED, **more: Any) -> scoring.Verdict:
    return scoring.judge(county.deps, number, verdict, **{**BY, **more})


def month(county: County, which: str = MONTH) -> score_month.ShownMonth:
    with county.store.begin() as connection:
        return score_month.shown(connection, which)


def of(
    county: County, organisation: str = "housing", post: str | None = None, which: str = MONTH
) -> tuple[Score, Score]:
    (held,) = [
        one
        for one in month(county, which).scores.holders
        if (one.organisation, one.post) == (organisation, post)
    ]
    return held.scores


def time_score(county: County, **whose: Any) -> Decimal:
    return of(county, **whose)[1].score


def actions(county: County) -> list[str]:
    return [
        row.action
        for row in county.rows("SELECT action FROM audit_log WHERE action LIKE 'score.%' ORDER BY audit_id")
    ]


def notified(county: County, *nos: str) -> list[str]:
    """Overdue cases, verified, of which the bureau has heard on 24 November 2026."""
    numbers = overdue(county, *nos)
    for number in numbers:
        verify(county, number)
    at(county, 2026, 11, 24, 10)
    score_appeals.notify(county.deps, MONTH, "王")
    return numbers


def test_a_warning_deducts_only_after_a_person_has_verified_it(county: County) -> None:
    (number,) = overdue(county, "C1")
    assert [one.score for one in of(county)] == [100, 100]
    assert (month(county).waiting, of(county)[1].lines[0].why) == (1, Why.UNVERIFIED)
    verify(county, number)
    assert [one.score for one in of(county)] == [100, 99]
    line = of(county)[1].lines[0]
    assert (line.warning_no, line.rule_id, line.case_nos, line.points) == (number, "E01", ("C1",), Decimal(1))
    assert line.occurred_at == local(2026, 11, 23, 17, 30)
    assert month(county).waiting == 0
    assert actions(county) == ["score.verdict"]


@pytest.mark.parametrize("excuse", list(Excuse))
def test_a_breach_that_is_excused_deducts_nothing(county: County, excuse: Excuse) -> None:
    (number,) = overdue(county, "C1")
    verify(county, number, EXCUSED, excuse=excuse)
    assert time_score(county) == 100
    assert (of(county)[1].lines[0].why, of(county)[1].lines[0].excuse) == (Why.EXCUSED, excuse)


def test_the_last_verdict_counts_and_every_one_is_kept(county: County) -> None:
    (number,) = overdue(county, "C1")
    verify(county, number)
    assert not verify(county, number).new  # the same again
    verify(county, number, UNFOUNDED, reason="接口延迟")
    assert time_score(county) == 100
    verify(county, number)
    assert time_score(county) == 99
    found = county.rows("SELECT verdict, by, reason FROM score_verdict ORDER BY verdict_id")
    assert [row.verdict for row in found] == ["verified", "unfounded", "verified"]
    with pytest.raises(StoreError, match="append-only"):
        county.rows("DELETE FROM score_verdict")


def test_a_revoked_warning_deducts_nothing_and_cannot_be_verified(county: County) -> None:
    (number,) = overdue(county, "C1")
    verify(county, number)
    revoke.revoke(county.deps, number, "王", "误报")
    assert time_score(county) == 100
    assert of(county)[1].lines[0].why is Why.REVOKED
    with pytest.raises(StateConflict, match="revoked"):
        verify(county, number, UNFOUNDED)


def test_a_card_that_rises_after_it_was_verified_deducts_as_what_was_verified(county: County) -> None:
    (number,) = overdue(county, "C1")
    verify(county, number)
    at(county, 2026, 11, 24, 17, 45)
    judge_all(county)
    assert county.value("SELECT level FROM warning") == Level.GRAVE
    assert time_score(county) == 99
    with county.store.begin() as connection:
        (one,) = score_facts.risen(connection, local(2026, 11, 1), local(2026, 12, 1))
    assert (one["warning_no"], one["verified"], one["level"]) == (number, 2, 3)
    verify(county, number)
    assert time_score(county) == Decimal("98.5")


def test_a_card_that_is_shown_before_the_limit_is_no_breach(county: County) -> None:
    county.configure(
        {**COUNTY, "rules": [{"rule_id": "E01", "params": {"profile": "shandong"}, "reason": "本省口径"}]}
    )
    county.observe(case("C1"))
    at(county, 2026, 11, 20, 17, 45)
    judge_all(county)
    number = county.value("SELECT warning_no FROM warning WHERE level = 2")
    verify(county, number)
    assert time_score(county) == 100
    assert of(county)[1].lines[0].why is Why.BEFORE_LIMIT


def test_a_reminder_that_is_verified_deducts_nothing(county: County) -> None:
    county.observe(case("C1"))
    at(county, 2026, 11, 23, 9, 5)
    judge_all(county)
    verify(county, county.value("SELECT warning_no FROM warning WHERE level = 1"))
    assert time_score(county) == 100


def test_warnings_about_demands_are_not_verified_at_all(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock)
    county.configure()
    county.judged(county.demand(text="液化气罐正在漏气，要爆炸了，快来人"))
    county.triage()
    number = county.value("SELECT warning_no FROM warning")
    with pytest.raises(StateConflict, match="E or S rule"):
        verify(county, number)


def test_a_post_has_scores_of_its_own_beside_its_organisation(county: County) -> None:
    first, *_ = overdue(county, "C1")
    county.observe(case("C2", post="审批岗", finished_at=local(2026, 11, 17)))
    verify(county, first)
    assert time_score(county) == 99
    assert time_score(county, post="受理岗") == 99
    assert time_score(county, post="审批岗") == 100


def test_points_are_for_a_hundred_cases_of_the_month(county: County) -> None:
    (number,) = overdue(county, "C1")
    verify(county, number)
    done = local(2026, 11, 17)
    county.observe(*(case(f"D{n:03d}", finished_at=done, post="审批岗") for n in range(199)))
    county.observe(
        case("X1", applied_at=local(2026, 10, 12), accepted_at=None, finished_at=local(2026, 10, 13))
    )
    (held,) = [one for one in month(county).scores.holders if one.post is None]
    assert (held.volume.cases, held.scores[1].score) == (200, Decimal("99.50"))
    assert time_score(county, post="受理岗") == 99


def test_cases_are_counted_by_organisation_and_month_in_the_index(county: County) -> None:
    asked = {"names": ["housing"], "since": local(2026, 11, 1), "until": local(2026, 12, 1)}
    with county.store.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # the table is empty
        plan = "\n".join(connection.execute(text(f"EXPLAIN {score_facts._CASES}"), asked).scalars())
    assert "Index Cond: ((COALESCE(organisation_code, organisation) = n.name) AND (COALESCE(" in plan


def test_two_rules_that_see_one_delay_deduct_once(county: County) -> None:
    asked = tuple(
        Correction(no=str(n), asked_at=local(2026, 11, 16, 11 + n), brought_at=local(2026, 11, 16, 12 + n))
        for n in range(2)
    )
    county.observe(case("C1", corrections=asked))
    judge_all(county)
    rules = dict(
        map(tuple, county.rows("SELECT rule_id, signal_id FROM signal WHERE rule_id IN ('E06', 'E07')"))
    )
    assert set(rules) == {"E06", "E07"}
    for signal_id in rules.values():
        done = triage.decide(county.deps, signal_id, "issue", "王", "核实")
        assert done.warning_no is not None
        verify(county, done.warning_no)
    indicators = of(county)[0]
    assert indicators.score == Decimal("99.5")
    assert sorted(line.why for line in indicators.lines) == [Why.DEDUCTED, Why.SAME_FACT]


def test_the_scores_are_the_same_however_often_they_are_computed(county: County) -> None:
    for number in overdue(county, "C1", "C2", "C3"):
        verify(county, number)
    assert month(county) == month(county)
    assert time_score(county) == 97


def test_a_new_deduction_table_holds_from_its_month_on_and_is_kept_with_its_author(county: County) -> None:
    (number,) = overdue(county, "C1")
    verify(county, number)
    rule = {"rule_id": "E01", "kind": "time_limits", "cause": "超期", "yellow": 4}
    done = county.configure(
        {**COUNTY, "scores": {"reason": "下月起执行", "from_month": "2026-12", "rules": [rule]}}
    )
    assert (done.scores.new, time_score(county)) == (True, Decimal(99))
    county.configure({**COUNTY, "scores": {"reason": "县办法", "from_month": "2026-11", "rules": [rule]}})
    assert (time_score(county), month(county).scores.table_version) == (Decimal(96), 2)
    assert not county.configure({**COUNTY}).scores.new  # a document without a table leaves it
    assert month(county).scores.table_version == 2
    with county.store.begin() as connection:
        assert [(one["author"], one["reason"]) for one in scores.table_versions(connection)] == [
            ("ops", "县办法"),
            ("ops", "下月起执行"),
        ]
    assert actions(county) == ["score.verdict", "score.table", "score.table"]


def test_changes_by_hand_stand_apart_with_their_person_and_reason(county: County) -> None:
    (number,) = overdue(county, "C1")
    verify(county, number)
    scoring.adjust(county.deps, MONTH, "不动产登记中心", TIME_LIMITS, Decimal("2"), "李", "群众送锦旗")
    found = of(county)[1]
    assert (found.computed, found.manual, found.score) == (Decimal(99), Decimal(2), Decimal(101))
    assert (found.changes[0].by, found.changes[0].reason) == ("李", "群众送锦旗")
    with pytest.raises(NotFound, match="no longer in use"):
        scoring.adjust(county.deps, MONTH, "nobody", TIME_LIMITS, Decimal(1), "李", "无")
    for points in (Decimal(0), Decimal(101), Decimal("0.001"), Decimal("NaN")):
        with pytest.raises(ValueError, match="points"):
            scoring.adjust(county.deps, MONTH, "housing", TIME_LIMITS, points, "李", "无")


def test_an_organisation_is_told_what_is_deducted_and_until_when_it_may_appeal(county: County) -> None:
    (number,) = overdue(county, "C1")
    verify(county, number)
    at(county, 2026, 11, 24, 10)
    (told,) = score_appeals.notify(county.deps, MONTH, "王")
    assert (told.organisation, told.warning_nos, told.appeal_by) == (
        "housing",
        (number,),
        local(2026, 12, 1, 17, 30),
    )
    row = county.messages()[-1]
    body = json.loads(bytes(row.body))
    assert (row.event_type, row.organisation, body["lines"][0]["case_nos"]) == (
        "score.notified",
        "housing",
        ["C1"],
    )
    assert score_appeals.notify(county.deps, MONTH, "王") == []


def test_the_time_to_appeal_leaves_holidays_out_and_counts_days_that_are_made_up_for(
    store: Store, ring: KeyRing
) -> None:
    county = County(store, ring, ManualClock(local(2026, 9, 14, 10)), plugins_with(own=OWN))
    county.configure()
    county.observe(case("C1", applied_at=local(2026, 9, 14, 9), accepted_at=local(2026, 9, 14, 10)))
    at(county, 2026, 9, 28, 9)
    judge_all(county)
    (number,) = {
        row.warning_no for row in county.rows("SELECT warning_no FROM warning WHERE rule_id = 'E01'")
    }
    verify(county, number)
    (one,) = score_appeals.notify(county.deps, "2026-09", "王")
    # 1 to 7 October are free; Saturday, 10 October, is worked.
    assert (one.appeal_by, one.provisional) == (local(2026, 10, 10, 17, 30), False)
    at(county, 2026, 10, 10, 17)
    assert score_appeals.appeal(county.deps, number, "张", "异议").new


def test_a_time_to_appeal_that_runs_into_an_unknown_year_is_said_to_be_provisional(county: County) -> None:
    (number,) = overdue(county, "C1")
    verify(county, number)
    at(county, 2026, 12, 30, 9)
    (one,) = score_appeals.notify(county.deps, MONTH, "王")
    assert one.provisional
    assert json.loads(bytes(county.messages()[-1].body))["appeal_provisional"] is True
    assert score_appeals.appeal(county.deps, number, "张", "系统延迟").provisional


def test_an_appeal_in_time_that_is_upheld_takes_the_deduction_out(county: County) -> None:
    (number,) = notified(county, "C1")
    at(county, 2026, 12, 1, 17, 30)
    assert score_appeals.appeal(county.deps, number, "张", "材料齐全时系统故障").new
    assert not score_appeals.appeal(county.deps, number, "张", "再说一次").new
    assert time_score(county) == 99  # an appeal alone changes nothing
    assert score_appeals.decide(county.deps, number, True, "李局长", "申诉成立")
    assert time_score(county) == 100
    assert of(county)[1].lines[0].why is Why.APPEAL_UPHELD
    assert not score_appeals.decide(county.deps, number, True, "李局长", "申诉成立")
    with pytest.raises(StateConflict, match="upheld"):
        score_appeals.decide(county.deps, number, False, "李局长", "改主意")
    with pytest.raises(StateConflict, match="upheld"):
        verify(county, number)
    assert actions(county) == ["score.verdict", "score.notify", "score.appeal", "score.decide"]


def test_an_appeal_that_is_refused_leaves_the_deduction(county: County) -> None:
    (number,) = notified(county, "C1")
    score_appeals.appeal(county.deps, number, "张", "异议")
    score_appeals.decide(county.deps, number, False, "李局长", "事实清楚")
    assert time_score(county) == 99


def test_an_appeal_after_its_time_or_before_a_notice_is_refused(county: County) -> None:
    (number,) = overdue(county, "C1")
    with pytest.raises(StateConflict, match="no breach of it is verified"):
        score_appeals.appeal(county.deps, number, "张", "异议")
    verify(county, number)
    with pytest.raises(StateConflict, match="has not been notified"):
        score_appeals.appeal(county.deps, number, "张", "异议")
    at(county, 2026, 11, 24, 10)
    score_appeals.notify(county.deps, MONTH, "王")
    at(county, 2026, 12, 1, 17, 31)
    with pytest.raises(StateConflict, match="the time to appeal ended"):
        score_appeals.appeal(county.deps, number, "张", "异议")
    with pytest.raises(StateConflict, match="has not appealed"):
        score_appeals.decide(county.deps, number, True, "李", "成立")


def test_a_month_is_frozen_when_it_is_over_and_nothing_about_it_is_open(county: County) -> None:
    (first, second) = overdue(county, "C1", "C2")
    verify(county, first), verify(county, second)
    with pytest.raises(StateConflict, match="it is not over"):
        scoring.freeze(county.deps, MONTH, "王", "审定")
    at(county, 2026, 12, 1, 9)
    with pytest.raises(StateConflict, match="not notified"):
        scoring.freeze(county.deps, MONTH, "王", "审定")
    score_appeals.notify(county.deps, MONTH, "王")
    with pytest.raises(StateConflict, match="time to appeal not over"):
        scoring.freeze(county.deps, MONTH, "王", "审定")
    score_appeals.appeal(county.deps, first, "张", "异议")
    at(county, 2026, 12, 9, 9)
    with pytest.raises(StateConflict, match=f"appeals not decided: {first}"):
        scoring.freeze(county.deps, MONTH, "王", "审定")
    score_appeals.decide(county.deps, first, True, "李", "成立")
    done = scoring.freeze(county.deps, MONTH, "王", "审定")
    shown = month(county)
    assert (shown.digest, shown.frozen_by, shown.intact, shown.later) == (done.digest, "王", True, ())
    assert time_score(county) == 99
    detail = county.value("SELECT detail FROM audit_log WHERE action = 'score.freeze'")
    assert detail["digest"] == done.digest


@pytest.fixture
def frozen(county: County) -> list[str]:
    """November frozen with two deductions; the third warning waits for a verdict. The warnings' numbers."""
    numbers = overdue(county, "C1", "C2", "C3")
    verify(county, numbers[0]), verify(county, numbers[1])
    at(county, 2026, 12, 1, 9)
    score_appeals.notify(county.deps, MONTH, "王")
    at(county, 2026, 12, 9, 9)
    scoring.freeze(county.deps, MONTH, "王", "审定")
    return numbers


def test_what_becomes_known_after_the_freeze_changes_nothing_and_is_listed(
    county: County, frozen: list[str]
) -> None:
    before = month(county).scores
    revoke.revoke(county.deps, frozen[0], "王", "误报")
    assert verify(county, frozen[2]).after_freeze == (MONTH,)
    shown = month(county)
    assert shown.scores == before
    assert [(one.warning_no, one.frozen, one.now, one.why) for one in shown.later if one.post is None] == [
        (frozen[0], Decimal(1), Decimal(0), Why.REVOKED),
        (frozen[2], Decimal(0), Decimal(1), Why.DEDUCTED),
    ]
    assert time_score(county) == 98


def test_a_frozen_month_is_made_good_in_a_later_one_that_names_it(county: County, frozen: list[str]) -> None:
    with pytest.raises(StateConflict, match="--corrects 2026-11"):
        scoring.adjust(county.deps, MONTH, "housing", TIME_LIMITS, Decimal(1), "李", "更正")
    with pytest.raises(StateConflict, match="not a frozen month before"):
        scoring.adjust(
            county.deps, "2026-12", "housing", TIME_LIMITS, Decimal(1), "李", "更正", corrects="2026-10"
        )
    scoring.adjust(county.deps, "2026-12", "housing", TIME_LIMITS, Decimal(1), "李", "更正", corrects=MONTH)
    assert of(county, which="2026-12")[1].changes[0].corrects == MONTH
    for act in (
        lambda: score_appeals.notify(county.deps, MONTH, "王"),
        lambda: score_appeals.appeal(county.deps, frozen[0], "张", "异议"),
    ):
        with pytest.raises(StateConflict, match="it is frozen"):
            act()
    with pytest.raises(StoreError, match="append-only"):
        county.rows("UPDATE score_freeze SET document = '{}'")


def test_a_frozen_document_that_was_tampered_with_shows(county: County, frozen: list[str]) -> None:
    with county.store.begin() as connection:
        connection.execute(text("ALTER TABLE score_freeze DISABLE TRIGGER score_freeze_append_only"))
        connection.execute(
            text("UPDATE score_freeze SET document = jsonb_set(document, '{table_version}', '9')")
        )
        connection.execute(text("ALTER TABLE score_freeze ENABLE TRIGGER score_freeze_append_only"))
    assert not month(county).intact


def test_of_two_who_freeze_at_once_one_does_and_the_other_finds_it_done(county: County) -> None:
    notified(county, "C1")
    at(county, 2026, 12, 9, 9)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: scoring.freeze(county.deps, MONTH, "王", "审定"), range(4)))
    assert sorted(one.new for one in done) == [False, False, False, True]
    assert len({one.digest for one in done}) == 1
    assert actions(county).count("score.freeze") == 1


def test_verdicts_and_a_freeze_at_once_are_wholly_before_or_after_each_other(county: County) -> None:
    numbers = overdue(county, "C1", "C2", "C3", "C4")
    at(county, 2026, 12, 9, 9)
    acts: list[Callable[[], object]] = [partial(verify, county, number) for number in numbers]
    acts.insert(2, partial(scoring.freeze, county.deps, MONTH, "王", "审定"))

    def tried(act: Any) -> Any:
        try:
            return act()
        except StateConflict as exc:
            return exc

    with ThreadPoolExecutor(5) as pool:
        done = list(pool.map(tried, acts))
    shown = month(county)
    if shown.frozen_at is None:
        assert isinstance(done[2], StateConflict)
        assert time_score(county) < 100
    else:  # frozen before any verdict: all of them came after
        assert time_score(county) == 100
        assert {one.warning_no for one in shown.later} == set(numbers)
    assert county.value("SELECT count(*) FROM score_verdict") == 4


def on_the_last_day(county: County) -> str:
    """A case that was due on 30 November: yellow then, red on 1 December. Its warning, verified as yellow and notified."""
    county.observe(case("C1", promised=Term(value=10, unit=TermUnit.WORKING_DAYS)))
    at(county, 2026, 11, 30, 17, 45)
    judge_all(county)
    number: str = county.value("SELECT warning_no FROM warning")
    verify(county, number)
    score_appeals.notify(county.deps, MONTH, "王")
    assert time_score(county) == 99
    at(county, 2026, 12, 1, 17, 45)
    judge_all(county)
    return number


def test_a_card_that_is_verified_anew_as_risen_belongs_to_the_month_in_which_it_rose(county: County) -> None:
    number = on_the_last_day(county)
    verify(county, number)
    assert time_score(county, which="2026-12") == Decimal("98.5")
    assert of(county)[1].lines == ()


def test_of_a_card_that_a_frozen_month_deducted_the_rise_costs_the_difference(county: County) -> None:
    number = on_the_last_day(county)
    at(county, 2026, 12, 9, 9)
    scoring.freeze(county.deps, MONTH, "王", "审定")
    verify(county, number)
    assert (time_score(county), time_score(county, which="2026-12")) == (Decimal(99), Decimal("99.5"))
    assert {(one.frozen, one.now, one.why) for one in month(county).later} == {(Decimal(1), Decimal(0), None)}


def test_what_was_verified_after_its_month_was_frozen_was_not_paid_for(
    county: County, frozen: list[str]
) -> None:
    verify(county, frozen[2])
    with county.store.begin() as connection:  # the same case, seen late by another rule
        connection.execute(
            text(
                "UPDATE score_breach SET occurred_at = '2026-12-02T09:00:00+08:00', level = 2 WHERE verdict_id = 3"
            )
        )
    assert time_score(county, which="2026-12") == 99


def test_a_breach_that_names_nobody_is_verified_only_with_an_organisation(county: County) -> None:
    (number,) = overdue(county, "C1", organisation=None)
    with county.store.begin() as connection:
        connection.execute(text("UPDATE signal SET organisation = NULL"))
        connection.execute(text("UPDATE orders SET origin_id = 'moved'"))
    with pytest.raises(StateConflict, match="--organisation"):
        verify(county, number)
    verify(county, number, organisation="县自然资源局")
    assert time_score(county) == 99


def test_an_order_that_is_not_answered_counts_against_the_organisation_that_has_it(county: County) -> None:
    overdue(county, "C1")
    at(county, 2026, 11, 25, 18)
    judge_all(county)
    (signal,) = county.signals(rule="S02")
    done = triage.decide(county.deps, signal.signal_id, "issue", "王", "催办")
    judge_all(county)
    verify(county, str(done.warning_no))
    lines = [line for line in of(county)[1].lines if line.rule_id == "S02"]
    assert [(line.why, line.deducted > 0) for line in lines] == [(Why.DEDUCTED, True)]


@pytest.mark.parametrize("given", [{"by": " "}, {"reason": ""}, {"by": "system"}])
def test_every_act_has_a_person_and_a_reason(county: County, given: dict[str, Any]) -> None:
    (number,) = overdue(county, "C1")
    with pytest.raises(ValueError, match="person"):
        verify(county, number, **given)
    with pytest.raises(ValueError, match="cause"):
        verify(county, number, EXCUSED)
    with pytest.raises(ValueError, match="cause"):
        verify(county, number, VERIFIED, excuse=Excuse.SUPERIOR)
