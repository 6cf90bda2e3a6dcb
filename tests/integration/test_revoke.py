"""Taking a warning back: by a person, or by a higher card on the same; its order follows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.clock import ManualClock
from hub.errors import NotFound, StateConflict
from hub.model.codes import Level
from hub.pipeline import revoke, triage
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.judging import COUNTY, County, plugins_with
from tests.support.worded import worded

ORG = "不动产登记中心"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    rules = (worded("X01", "黄牌"), worded("X02", "红牌", Level.GRAVE), worded("X03", "别的", Level.GRAVE))
    made = County(store, ring, clock, plugins_with(*rules))
    made.configure({**COUNTY, "cards": [["X01", "X02"]]})
    return made


def shown(county: County, words: str, no: str = "A1") -> None:
    """The same demand, as it stands now: evaluated, triaged, dispatched."""
    county.judged(county.demand(text=words, no=no, target_org=ORG, at=county.clock.now()))
    county.triage()
    county.dispatch()


def states(county: County) -> list[tuple[str, str]]:
    return [
        tuple(row) for row in county.rows("SELECT rule_id, state FROM warning ORDER BY rule_id, warning_no")
    ]


def test_a_person_takes_a_warning_back_and_its_order_and_its_reader_follow(county: County) -> None:
    shown(county, "黄牌")
    number = county.value("SELECT warning_no FROM warning")
    done = revoke.revoke(county.deps, number, "李局长", "系统时钟有误")
    order_no = county.value("SELECT order_no FROM orders WHERE state = 'withdrawn'")
    assert done.orders == (order_no,)
    row = county.messages()[-1]
    body = json.loads(bytes(row.body))
    assert (row.organisation, row.event_type) == ("housing", "warning.revoked")
    assert (body["order_no"], body["revision"], body["reason"], body["replaced_by"]) == (
        order_no,
        2,
        "系统时钟有误",
        None,
    )
    ((by, why),) = county.rows("SELECT revoked_by, revoked_why FROM warning")
    assert (by, why) == ("李局长", "系统时钟有误")
    assert (county.signal().state, county.signal().triaged_by) == ("dismissed", "李局长")


def test_taking_it_back_twice_says_and_does_nothing_more(county: County) -> None:
    shown(county, "黄牌")
    number = county.value("SELECT warning_no FROM warning")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: revoke.revoke(county.deps, number, "李局长", "误报"), range(3)))
    assert len(county.messages()) == 2
    assert county.value("SELECT count(*) FROM audit_log WHERE action = 'warning.revoke'") == 1


def test_what_was_taken_back_is_not_issued_by_itself_again_and_a_person_may_issue_it(county: County) -> None:
    shown(county, "黄牌")
    first = county.value("SELECT warning_no FROM warning")
    revoke.revoke(county.deps, first, "李局长", "误报")
    shown(county, "黄牌，补充材料")
    assert county.value("SELECT count(*) FROM warning") == 1
    again = triage.decide(county.deps, county.signal().signal_id, "issue", "李局长", "复核后属实").warning_no
    assert again not in (None, first)
    assert county.dispatch().counts == {"orders": 1, "messages": 1}
    assert states(county) == [("X01", "revoked"), ("X01", "issued")]


def test_an_order_that_was_answered_stands_though_its_warning_is_taken_back(county: County) -> None:
    shown(county, "黄牌")
    county.rows("UPDATE orders SET state = 'answered' RETURNING 1")
    number = county.value("SELECT warning_no FROM warning")
    assert revoke.revoke(county.deps, number, "李局长", "误报").orders == ()
    assert county.value("SELECT state FROM orders") == "answered"
    assert json.loads(bytes(county.messages()[-1].body))["order_no"] is None


def test_a_warning_that_was_not_dispatched_is_taken_back_without_a_word(county: County) -> None:
    county.judged(county.demand(text="黄牌"))
    county.triage()
    revoke.revoke(county.deps, county.value("SELECT warning_no FROM warning"), "李局长", "误报")
    assert county.dispatch().counts == {"orders": 0, "messages": 0}
    assert county.messages() == []


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("system", "x"), ("李局长", " ")])
def test_a_revocation_names_a_person_and_a_reason(county: County, by: str, reason: str) -> None:
    shown(county, "黄牌")
    number = county.value("SELECT warning_no FROM warning")
    with pytest.raises(ValueError, match="names the person"):
        revoke.revoke(county.deps, number, by, reason)
    assert states(county) == [("X01", "issued")]


def test_a_closed_or_unknown_warning_is_not_taken_back(county: County) -> None:
    shown(county, "黄牌")
    number = county.value("SELECT warning_no FROM warning")
    county.rows("UPDATE warning SET state = 'closed' RETURNING 1")
    with pytest.raises(StateConflict, match="was closed"):
        revoke.revoke(county.deps, number, "李局长", "误报")
    with pytest.raises(NotFound):
        revoke.revoke(county.deps, "Y1", "李局长", "误报")


def test_a_higher_card_takes_the_lower_one_on_the_same_back_and_its_order_follows(county: County) -> None:
    shown(county, "黄牌")
    shown(county, "黄牌红牌")
    assert states(county) == [("X01", "revoked"), ("X02", "issued")]
    higher = county.value("SELECT warning_no FROM warning WHERE rule_id = 'X02'")
    ((by, why),) = county.rows("SELECT revoked_by, revoked_why FROM warning WHERE rule_id = 'X01'")
    assert by == "system"
    assert higher in why
    assert [row.state for row in county.rows("SELECT state FROM orders ORDER BY order_no")] == [
        "withdrawn",
        "created",
    ]
    bodies = [json.loads(bytes(row.body)) for row in county.messages()]
    assert [body["type"] for body in bodies] == ["order.created", "warning.revoked", "order.created"]
    assert bodies[1]["replaced_by"] == higher


def test_the_lower_card_is_not_issued_beside_the_higher_in_whatever_order_they_come(county: County) -> None:
    shown(county, "红牌")
    shown(county, "黄牌红牌")
    assert states(county) == [("X02", "issued")]
    assert {one.rule_id: one.state for one in county.signals()} == {"X01": "open", "X02": "warned"}
    lower = county.signal(rule="X01").signal_id
    with pytest.raises(StateConflict, match="of a higher level stands"):
        triage.decide(county.deps, lower, "issue", "王科长", "x")


def test_the_lower_card_that_still_holds_is_issued_when_the_higher_is_taken_back(county: County) -> None:
    shown(county, "黄牌")
    shown(county, "黄牌红牌")
    revoke.revoke(
        county.deps, county.value("SELECT warning_no FROM warning WHERE rule_id = 'X02'"), "李局长", "误判"
    )
    county.triage()
    assert states(county) == [("X01", "revoked"), ("X01", "issued"), ("X02", "revoked")]


def test_another_trouble_of_the_same_and_the_same_trouble_of_another_are_left_alone(county: County) -> None:
    shown(county, "黄牌")
    shown(county, "黄牌别的")
    shown(county, "红牌", no="B1")
    assert states(county) == [("X01", "issued"), ("X02", "issued"), ("X03", "issued")]


def test_two_processes_leave_one_card_standing_on_each(county: County) -> None:
    county.judged(*(county.demand(text="黄牌红牌") for _ in range(15)))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(triage.run, [county.deps] * 3))
    assert county.triage().counts["warnings"] == 0
    standing = county.rows("SELECT rule_id, count(*) FROM warning WHERE state = 'issued' GROUP BY 1")
    assert [tuple(row) for row in standing] == [("X02", 15)]
