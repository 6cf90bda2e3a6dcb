"""Triage by a person: one signal or several together, what is grave about them, and the plan that must come first."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from hub.clock import ManualClock
from hub.errors import StateConflict
from hub.model.codes import Level, Trait
from hub.model.warning import Plan
from hub.pipeline import tell, triage
from hub.seal import KeyRing
from hub.store.engine import Store
from hub.store.triage import decisions
from tests.support.judging import COUNTY, County, plugins_with
from tests.support.worded import worded

ORG = "不动产登记中心"
LEAK = "幸福小区煤气泄漏，味道很大，请速来处理！"
PLAN = Plan(
    text="约谈施工方，今日结清", owner="李副局长", starts_on=date(2026, 11, 23), due_on=date(2026, 11, 25)
)


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    rules = (
        worded("X01", "欠薪", auto_issue=False),
        worded("X02", "堵路", Level.GRAVE, auto_issue=False),
        worded("X03", "热点", auto_issue=True, labels=("热点敏感",)),
    )
    made = County(store, ring, clock, plugins_with(*rules))
    made.configure(COUNTY)
    return made


def raised(county: County, *texts: str) -> list[str]:
    """One signal for each text; their ids, in that order."""
    for n, words in enumerate(texts):
        county.judged(county.demand(text=words, target_org=ORG, days=len(texts) - n))
    return [one.signal_id for one in county.signals()]


def decide(county: County, ids, verdict="issue", **more):
    return triage.decide(county.deps, ids, verdict, "王科长", "属未诉预期", **more)


@pytest.mark.requirement("R47")
def test_several_signals_together_are_one_warning_and_one_order_that_cites_them_all(county: County) -> None:
    ids = raised(county, "工地欠薪", "又欠薪", "欠薪后堵路")[:]
    decision = decide(county, ids)
    assert decision.signal_ids == tuple(sorted(ids))
    ((number, manner, level, rule_id),) = county.rows(
        "SELECT warning_no, manner, level, rule_id FROM warning"
    )
    assert (number, manner, level, rule_id) == (decision.warning_no, "grouped", 3, "X02")
    assert {one.state for one in county.signals()} == {"warned"}
    assert county.dispatch().counts == {"orders": 1, "messages": 1}
    body = json.loads(bytes(county.messages()[0].body))
    assert len(body["demands"]) == 3
    assert "类型化归集" in body["why"]


@pytest.mark.requirement("R47")
def test_the_record_says_whether_it_was_looked_at_by_itself_or_with_others_by_whom_when_and_why(
    county: County,
) -> None:
    one, *others = raised(county, "欠薪一", "欠薪二", "欠薪三")
    decide(county, one)
    decide(county, others, "dismiss")
    with county.store.begin() as connection:
        rows = decisions(connection, [one, *others])
    assert [(row["verdict"], row["manner"], row["expected"]) for row in rows] == [
        ("issue", "individual", True),
        ("dismiss", "grouped", False),
        ("dismiss", "grouped", False),
    ]
    assert {(row["by"], row["reason"], row["at"]) for row in rows} == {
        ("王科长", "属未诉预期", county.clock.now())
    }


def test_a_signal_that_is_looked_at_with_one_that_was_warned_of_joins_its_warning(county: County) -> None:
    first, second, third = raised(county, "欠薪一", "欠薪二", "欠薪三")
    number = decide(county, first).warning_no
    county.dispatch()
    assert decide(county, [second, first, third]).warning_no == number
    assert county.value("SELECT count(*) FROM warning") == 1
    assert county.value("SELECT count(*) FROM warning_signal") == 3
    county.clock.advance(7 * 86_400)
    assert tell.run(county.deps).counts["messages"] == 1
    assert county.value("SELECT count(*) FROM order_demand") == 3


def test_a_signal_belongs_to_one_warning_at_most(county: County) -> None:
    first, second = raised(county, "欠薪一", "欠薪二")
    numbers = [decide(county, one).warning_no for one in (first, second)]
    with pytest.raises(StateConflict, match=f"{numbers[0]}, {numbers[1]}"):
        decide(county, [first, second])


def test_two_clerks_that_decide_on_the_same_signals_at_once_make_one_warning(county: County) -> None:
    ids = raised(county, "欠薪一", "欠薪二", "欠薪三")
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda order: decide(county, order).warning_no, [ids, ids[::-1], ids[:2]]))
    assert len(set(made)) == 1
    assert county.value("SELECT count(*) FROM warning") == 1


@pytest.mark.requirement("R48")
def test_what_is_not_of_the_unvoiced_that_were_expected_cannot_be_issued(county: County) -> None:
    (only,) = raised(county, "欠薪")
    with pytest.raises(ValueError, match="R48"):
        decide(county, only, expected=False)
    decide(county, only, "dismiss")
    assert county.triage().counts["warnings"] == 0
    assert county.dispatch().counts == {"orders": 0, "messages": 0}


@pytest.mark.requirement("R57")
@pytest.mark.requirement("R58")
@pytest.mark.parametrize("trait", [Trait.WIDE, Trait.SENSITIVE, Trait.KNOTTY, Trait.LATENT])
def test_a_trait_of_the_four_calls_for_a_plan_before_the_warning(county: County, trait: Trait) -> None:
    (only,) = raised(county, "欠薪")
    with pytest.raises(StateConflict, match="R58"):
        decide(county, only, traits=[trait])
    assert county.value("SELECT count(*) FROM warning") == 0
    decide(county, only, traits=[trait], plan=PLAN)
    ((traits, owner, due),) = county.rows(
        "SELECT w.traits, p.owner, p.due_on FROM warning w JOIN warning_plan p USING (warning_id)"
    )
    assert (traits, owner, due) == ([trait.value], "李副局长", date(2026, 11, 25))


@pytest.mark.requirement("R58")
def test_a_plan_and_a_trait_said_of_what_is_warned_of_already_stand_with_the_warning_once(
    county: County,
) -> None:
    (only,) = raised(county, "欠薪")
    number = decide(county, only).warning_no
    with pytest.raises(StateConflict, match="R58"):
        decide(county, only, traits=[Trait.LATENT])
    for _ in range(2):
        assert decide(county, only, traits=[Trait.LATENT], plan=PLAN).warning_no == number
    assert county.rows(
        "SELECT w.traits, p.owner FROM warning w LEFT JOIN warning_plan p USING (warning_id)"
    ) == [(["latent"], "李副局长")]
    assert county.value("SELECT count(*) FROM audit_log WHERE action = 'warning.amend'") == 1
    with county.store.begin() as connection:
        assert [row["traits"] for row in decisions(connection, [only])] == [[], ["latent"]]


@pytest.mark.requirement("R58")
def test_another_trait_calls_for_no_plan(county: County) -> None:
    (only,) = raised(county, "欠薪")
    assert decide(county, only, traits=[Trait.EMERGING]).warning_no is not None


@pytest.mark.requirement("R57")
def test_a_trait_that_was_noted_while_the_signal_waited_calls_for_a_plan_when_it_is_issued(
    county: County,
) -> None:
    (only,) = raised(county, "欠薪")
    for _ in range(2):
        assert decide(county, only, "hold", traits=[Trait.WIDE]).state == "open"
    assert county.value("SELECT count(*) FROM signal_triage") == 1
    with pytest.raises(StateConflict, match="社会影响面宽"):
        decide(county, only)


@pytest.mark.requirement("R58")
def test_a_rule_issues_nothing_with_such_a_trait_by_itself_and_a_person_with_a_plan_does(
    county: County,
) -> None:
    (only,) = raised(county, "热点")
    assert county.triage().counts["warnings"] == 0
    assert county.signal().state == "open"
    with pytest.raises(StateConflict, match="热点敏感"):
        decide(county, only)
    assert decide(county, only, plan=PLAN).warning_no is not None


@pytest.mark.requirement("R58")
def test_danger_is_issued_at_once_and_its_plan_is_due_within_four_hours(county: County) -> None:
    county.judged(county.demand(text=LEAK))
    assert county.triage().counts["warnings"] == 1
    ((issued, due),) = county.rows("SELECT issued_at, plan_due_at FROM warning")
    assert due - issued == timedelta(hours=4)


@pytest.mark.requirement("R3")
def test_an_issued_warning_has_the_first_of_the_four_done(county: County) -> None:
    (only,) = raised(county, "欠薪")
    decide(county, only)
    assert [tuple(row) for row in county.rows("SELECT act, by FROM warning_act")] == [("warn", "王科长")]


def test_every_act_of_triage_has_its_line_in_the_audit_log(county: County) -> None:
    first, second, third, fourth = raised(county, "欠薪一", "欠薪二", "欠薪三", "欠薪四")
    decide(county, first)
    decide(county, [first, second])
    decide(county, third, "dismiss")
    decide(county, fourth, "hold", traits=[Trait.LATENT])
    rows = county.rows(
        "SELECT action, actor, purpose FROM audit_log WHERE actor = '王科长' ORDER BY audit_id"
    )
    assert [row.action for row in rows] == ["warning.issue", "warning.join", "signal.dismiss", "signal.hold"]
    assert {row.purpose for row in rows} == {"属未诉预期"}


def test_a_level_is_called_by_what_it_is_about(store: Store, ring: KeyRing, clock: ManualClock) -> None:
    made = County(store, ring, clock, plugins_with(worded("E02", "超期"), worded("W91", "较重")))
    made.configure(COUNTY)
    made.judged(made.demand(text="超期"), made.demand(text="较重"))
    made.triage()
    made.dispatch()
    bodies = [json.loads(bytes(row.body)) for row in made.messages()]
    assert {body["rule"][:3]: body["level_title"] for body in bodies} == {"E02": "黄牌", "W91": "较重"}
