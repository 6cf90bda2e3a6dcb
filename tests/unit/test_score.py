"""Scores are a pure function of verified breaches, the deduction table and the volume of work."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.builtin.rules import RULES
from hub.clock import COUNTY_ZONE
from hub.model.codes import Level
from hub.model.config import parse_document
from hub.model.score import (
    Breach,
    BreachVerdict,
    Change,
    Excuse,
    Score,
    Volume,
    Why,
    assess,
    month_of,
    month_span,
    months_before,
)
from hub.model.score_table import Band, ScoreKind, ScoreRule, ScoreTable, Unit, default_table
from tests.support.judging import COUNTY, local

pytestmark = pytest.mark.requirement("R40")

MONTH = "2026-11"
TABLE = default_table()
A, B = ScoreKind.INDICATORS, ScoreKind.TIME_LIMITS
FEW = Volume(cases=40)


def breach(no: str = "Y1", rule: str = "E01", level: Level = Level.SERIOUS, **fields: Any) -> Breach:
    return Breach(
        **{
            "warning_no": no, "signal_id": no, "rule_id": rule, "rule_version": "1", "level": level, "occurred_at": local(2026, 11, 10, 9),
            "organisation": "housing", "case_nos": (no,), "things": (f"case {no}",), "verdict": BreachVerdict.VERIFIED, **fields,
        }
    )  # fmt: skip


def scored(
    *breaches: Breach, volume: Volume = FEW, changes: tuple[Change, ...] = (), table: ScoreTable = TABLE
):
    return assess(MONTH, breaches, volume, changes, table)


def whys(score: Score) -> list[tuple[str, Why, Decimal]]:
    return [(line.warning_no, line.why, line.deducted) for line in score.lines]


def test_a_month_without_a_breach_is_a_hundred_on_both_scores():
    assert [one.score for one in scored().values()] == [100, 100]


def test_a_rule_takes_its_points_off_the_score_that_it_belongs_to_and_says_on_what_grounds():
    found = scored(
        breach("Y1", "E01", Level.GRAVE, case_nos=("C7",)), breach("Y2", "E08"), breach("Y3", "S02", Level.GRAVE, things=("order:1",))
    )  # fmt: skip
    assert (found[A].score, found[B].score) == (Decimal("99.50"), Decimal("97.00"))
    line = found[B].lines[0]
    assert (line.warning_no, line.rule_id, line.rule_version, line.case_nos, line.points, line.why) == (
        "Y1", "E01", "1", ("C7",), Decimal("1.5"), Why.DEDUCTED,
    )  # fmt: skip


def test_a_mere_warning_deducts_nothing():
    found = scored(breach(verdict=None, level=Level.GRAVE))
    assert found[B].score == 100
    assert whys(found[B]) == [("Y1", Why.UNVERIFIED, Decimal(0))]


@pytest.mark.parametrize("excuse", list(Excuse))
def test_each_cause_of_excuse_exempts(excuse):
    found = scored(breach(verdict=BreachVerdict.EXCUSED, excuse=excuse))
    assert found[B].score == 100
    assert (found[B].lines[0].why, found[B].lines[0].excuse) == (Why.EXCUSED, excuse)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"verdict": BreachVerdict.UNFOUNDED}, Why.UNFOUNDED),
        ({"revoked": True}, Why.REVOKED),
        ({"appeal_upheld": True}, Why.APPEAL_UPHELD),
        ({"before_limit": True}, Why.BEFORE_LIMIT),
        ({"level": Level.NOTICE}, Why.NO_POINTS),
        ({"rule_id": "E14"}, Why.NO_POINTS),
    ],
)
def test_what_keeps_a_breach_from_deducting_is_said(fields, why):
    found = scored(breach(**fields))
    assert [one.score for one in found.values()] == [100, 100]
    assert [line.why for score in found.values() for line in score.lines] == [why]


@pytest.mark.parametrize("rule_id", ["W01", "W20", "I01", "I02"])
def test_warnings_of_demands_and_inspections_deduct_nothing_and_no_table_may_say_otherwise(rule_id):
    assert [one.score for one in scored(breach(rule=rule_id, level=Level.GRAVE)).values()] == [100, 100]
    with pytest.raises(ValidationError):
        ScoreRule(rule_id=rule_id, kind=A, cause="预警")


def test_every_e_and_s_rule_of_the_hub_has_its_line_in_the_table():
    own = {rule.rule_id for rule in RULES if rule.rule_id[0] in "ES" and rule.rule_id[1].isdigit()}
    assert own <= {rule.rule_id for rule in TABLE.rules}
    assert {rule.rule_id for rule in TABLE.rules if rule.kind is B} == {
        "E01", "E04", "E05", "E10", "E12", "S01", "S02", "S03", "S04",
    }  # fmt: skip


def test_of_one_case_and_cause_under_several_rules_the_heaviest_deducts_alone():
    found = scored(
        breach("Y1", "E04", things=("case C1",)), breach("Y2", "E01", Level.GRAVE, things=("case C1",)),
        breach("Y3", "E12", things=("case C1",)), breach("Y4", "E10", things=("case C1",)),
    )[B]  # fmt: skip
    assert whys(found) == [
        ("Y1", Why.SAME_FACT, Decimal(0)),
        ("Y2", Why.DEDUCTED, Decimal("1.5")),
        ("Y3", Why.SAME_FACT, Decimal(0)),
        ("Y4", Why.DEDUCTED, Decimal(1)),  # another cause
    ]


def test_what_is_not_verified_hides_no_lighter_fact():
    found = scored(
        breach("Y1", "E04", things=("case C1",)),
        breach("Y2", "E01", Level.GRAVE, things=("case C1",), verdict=None),
    )
    assert found[B].score == 99


def test_what_an_earlier_month_took_for_the_same_fact_is_not_taken_again():
    yellow = breach("Y1", occurred_at=local(2026, 10, 31, 18), things=("case C1",))
    red = breach("Y2", level=Level.GRAVE, things=("case C1",))
    found = scored(yellow, red)[B]
    assert whys(found) == [("Y2", Why.DIFFERENCE, Decimal("0.5"))]
    assert whys(scored(yellow, breach("Y2", things=("case C1",)))[B]) == [("Y2", Why.SAME_FACT, Decimal(0))]


def test_what_a_frozen_month_has_paid_for_is_not_taken_again_whatever_was_found_of_it_since():
    paid = scored(breach("Y1", things=("case C1",)))[B].lines[0]
    held = dict.fromkeys(paid.facts, paid.points)
    red = breach("Y1", level=Level.GRAVE, things=("case C1",), occurred_at=local(2026, 12, 1, 18))
    found = assess("2026-12", [red], FEW, (), TABLE, held)[B]
    assert whys(found) == [("Y1", Why.DIFFERENCE, Decimal("0.5"))]
    assert scored(breach(verdict=None))[B].lines[0].facts == ()


@pytest.mark.parametrize(
    ("cases", "deducted"), [(0, "1"), (3, "1"), (100, "1"), (200, "0.5"), (3000, "0.0333")]
)
def test_points_are_for_a_hundred_cases_and_with_fewer_they_are_taken_as_they_are(cases, deducted):
    assert scored(breach(), volume=Volume(cases=cases))[B].lines[0].deducted == Decimal(deducted)


def test_an_order_overdue_is_reckoned_by_orders_and_a_count_of_a_month_by_itself():
    volume = Volume(cases=1000, orders=200)
    found = scored(breach("Y1", "S02", things=("order:1",)), breach("Y2", "E11"), volume=volume)
    assert found[B].lines[0].deducted == Decimal("0.5")
    assert found[A].lines[0].deducted == Decimal("0.5")


def test_a_rule_takes_no_more_than_its_cap():
    found = scored(*(breach(f"Y{n:02d}", level=Level.GRAVE) for n in range(8)))[B]
    assert found.score == 90
    assert [line.why for line in found.lines] == [Why.DEDUCTED] * 6 + [Why.CAPPED] * 2
    assert [line.deducted for line in found.lines][-2:] == [1, 0]
    own = ScoreTable(
        reason="试行", rules=(ScoreRule(rule_id="E01", kind=B, cause="超期", red=Decimal(3), cap=Decimal(4)),)
    )
    assert scored(*(breach(f"Y{n}", level=Level.GRAVE) for n in range(3)), table=own)[B].score == 96


def test_a_score_is_never_below_zero():
    many = tuple(
        ScoreRule(rule_id=f"E{n:02d}", kind=B, cause=f"C{n}", yellow=Decimal(100), cap=Decimal(100))
        for n in range(1, 4)
    )
    table = ScoreTable(reason="试行", rules=many)
    found = scored(breach("Y1", "E01"), breach("Y2", "E02"), table=table)[B]
    assert (found.computed, found.score) == (0, 0)
    down = Change(change_id=1, kind=A, points=Decimal(-130), by="王", reason="减分", at=local(2026, 11, 1))
    assert scored(changes=(down,))[A].score == 0


def test_changes_by_hand_stand_apart_from_what_is_computed():
    up = Change(change_id=1, kind=B, points=Decimal("2.5"), by="王", reason="表扬", at=local(2026, 11, 9))
    found = scored(breach(), changes=(up,))
    assert (found[B].computed, found[B].manual, found[B].score) == (99, Decimal("2.5"), Decimal("101.5"))
    assert (found[A].manual, found[A].changes) == (0, ())


def test_the_month_is_that_of_the_event_in_the_countys_zone():
    midnight = local(2026, 11, 1)
    utc = midnight.astimezone(tz=None)
    assert month_of(utc) == "2026-11"
    assert month_of(midnight - timedelta(seconds=1)) == "2026-10"
    assert whys(scored(breach(occurred_at=midnight))[B]) != []
    assert whys(scored(breach(occurred_at=midnight - timedelta(seconds=1)))[B]) == []
    assert whys(scored(breach(occurred_at=local(2026, 12, 1)))[B]) == []


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "2026", "0000-01", "2026-11-01", "９月", "9999-12"])
def test_what_is_no_month_is_refused(month):
    with pytest.raises(ValueError, match="YYYY-MM"):
        month_span(month)


def test_months_go_back_over_the_turn_of_the_year():
    assert [months_before("2026-02", n) for n in (0, 1, 2, 14)] == [
        "2026-02",
        "2026-01",
        "2025-12",
        "2024-12",
    ]
    assert month_span("2026-12") == (local(2026, 12, 1), local(2027, 1, 1))
    assert month_span("2026-12")[0].tzinfo is COUNTY_ZONE


@pytest.mark.parametrize(
    ("points", "band"), [("100", "优秀"), ("95", "优秀"), ("94.99", "良好"), ("70", "合格"), ("0", "待改进")]
)
def test_a_score_is_told_as_a_band(points, band):
    assert TABLE.band(Decimal(points)) == band


@pytest.mark.parametrize(
    "fields",
    [
        {"bands": ()},
        {"bands": (Band(name="好", least=Decimal(90)),)},
        {"bands": (Band(name="差", least=Decimal(0)), Band(name="好", least=Decimal(90)))},
        {"rules": (TABLE.rules[0], TABLE.rules[0])},
        {"from_month": "2026-13"},
        {"least_cases": 0},
        {"cap": -1},
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(fields):
    with pytest.raises(ValidationError):
        ScoreTable(reason="试行", **fields)


def test_a_table_in_a_configuration_document_is_read_as_it_is_written():
    rule = {"rule_id": "E01", "kind": "time_limits", "cause": "超期", "yellow": 2, "red": 3.5, "per": "none"}
    document = parse_document(
        {**COUNTY, "scores": {"reason": "县办法", "from_month": "2026-12", "rules": [rule]}}
    )
    assert document.scores is not None
    (read,) = document.scores.rules
    assert (read.points(Level.NOTICE), read.points(Level.SERIOUS), read.points(Level.GRAVE), read.per) == (
        Decimal(0),
        Decimal(2),
        Decimal("3.5"),
        Unit.NONE,
    )  # fmt: skip


# ---- what holds for any breaches

RULE_IDS = [rule.rule_id for rule in TABLE.rules]


@st.composite
def _breaches(draw):
    count = draw(st.integers(0, 12))
    return [
        breach(
            f"Y{n:02d}",
            draw(st.sampled_from([*RULE_IDS, "E14", "W01"])),
            draw(st.sampled_from(list(Level))),
            occurred_at=local(2026, 10, 20) + timedelta(days=draw(st.integers(0, 45))),
            things=tuple(f"case {c}" for c in draw(st.sets(st.integers(1, 4), max_size=3))),
            verdict=draw(st.sampled_from([None, *BreachVerdict, BreachVerdict.VERIFIED, BreachVerdict.VERIFIED])),
            revoked=draw(st.booleans()) and draw(st.booleans()),
        )
        for n in range(count)
    ]  # fmt: skip


@given(_breaches(), st.integers(0, 500), st.randoms())
def test_the_same_breaches_in_any_order_give_the_same_scores(breaches, cases, chance):
    volume = Volume(cases=cases, orders=cases // 3)
    first = assess(MONTH, breaches, volume, (), TABLE)
    shuffled = list(breaches)
    chance.shuffle(shuffled)
    assert assess(MONTH, shuffled, volume, (), TABLE) == first
    assert all(0 <= one.score <= 100 for one in first.values())


@given(_breaches())
def test_a_score_is_a_hundred_less_what_its_lines_say(breaches):
    for score in scored(*breaches).values():
        assert score.computed == 100 - sum(line.deducted for line in score.lines)
        spent: defaultdict[str, Decimal] = defaultdict(Decimal)
        for line in score.lines:
            spent[line.rule_id] += line.deducted
            assert 0 <= line.deducted <= line.points
            assert (line.deducted == line.points > 0) == (line.why is Why.DEDUCTED)
        assert all(one <= TABLE.cap for one in spent.values())


@given(_breaches())
def test_what_nobody_verified_changes_no_score_whatever_else_there_is(breaches):
    only = [one for one in breaches if one.verdict is BreachVerdict.VERIFIED and not one.revoked]
    assert [one.score for one in scored(*breaches).values()] == [one.score for one in scored(*only).values()]


@given(_breaches())
def test_one_case_and_cause_never_costs_more_than_its_heaviest_breach(breaches):
    paid: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    heaviest: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    lines = {line.signal_id: line for score in scored(*breaches).values() for line in score.lines}
    for one in breaches:
        line = lines.get(one.signal_id)
        if line is not None and line.deducted:
            for thing in one.things:
                paid[line.cause, thing] += line.deducted
                heaviest[line.cause, thing] = max(heaviest[line.cause, thing], line.points)
    assert all(paid[fact] <= heaviest[fact] for fact in paid)
