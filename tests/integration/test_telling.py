"""What a department hears of a warning after its first message, and that it hears it once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.model.codes import DemandType, Level
from hub.model.warning import SignalDraft
from hub.pipeline import tell, triage
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.integration.test_evaluate_observed import Overdue, case
from tests.support.judging import COUNTY, OFFICE, County, plugins_with

PHONE = "13812340001"
DAY = 86_400
ORG = "不动产登记中心"


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    made = County(store, ring, clock)
    made.configure(COUNTY)
    return made


def dispatched(county: County, **fields: Any) -> Any:
    """A warning about three demands of one person, with its order; the order."""
    county.repeat(PHONE, 3, 2, 1, target_org=ORG, **fields)
    county.evaluate()
    triage.decide(county.deps, county.signal().signal_id, "issue", "王科长", "属未诉预期")
    county.dispatch()
    (order,) = county.rows("SELECT * FROM orders")
    return order


def more(county: County, times: int = 1, **fields: Any) -> None:
    county.judged(*(county.demand(phone=PHONE, target_org=ORG, **fields) for _ in range(times)))


def told(county: County) -> list[dict[str, Any]]:
    return [json.loads(bytes(row.body)) for row in county.messages()][1:]


def test_a_rise_in_level_is_told_at_once_and_once_with_what_has_joined_the_order(county: County) -> None:
    order = dispatched(county)
    more(county, 3)
    assert tell.run(county.deps).counts == {"orders": 0, "messages": 1}
    assert tell.run(county.deps).counts == {"orders": 0, "messages": 0}
    ((row, body),) = zip(county.messages()[1:], told(county), strict=True)
    assert (row.organisation, row.event_type, row.order_id) == ("housing", "warning.raised", order.order_id)
    assert (body["cause"], body["level_before"], body["level"]) == ("raised", 2, 3)
    assert (body["order_no"], body["revision"], len(body["demands"])) == (order.order_no, 2, 3)
    assert county.value("SELECT count(*) FROM order_demand WHERE order_id = :id", id=order.order_id) == 6
    assert county.value("SELECT count(*) FROM orders") == 1
    assert county.value("SELECT count(*) FROM audit_log WHERE action = 'warning.tell'") == 1


def test_growth_alone_is_told_when_the_last_message_is_seven_days_old_and_not_before(county: County) -> None:
    dispatched(county)
    more(county)
    assert tell.run(county.deps).counts["messages"] == 0
    county.clock.advance(7 * DAY - 1)
    assert tell.run(county.deps).counts["messages"] == 0
    county.clock.advance(1)
    assert tell.run(county.deps).counts["messages"] == 1
    (body,) = told(county)
    assert (body["cause"], len(body["demands"])) == ("grown", 1)


def test_what_has_not_changed_is_never_told_again(county: County) -> None:
    dispatched(county)
    county.clock.advance(60 * DAY)
    county.evaluate()
    assert tell.run(county.deps).counts["messages"] == 0
    assert county.dispatch().counts == {"orders": 0, "messages": 0}


def test_what_grows_before_its_dispatch_is_told_whole_by_the_first_message(county: County) -> None:
    county.repeat(PHONE, 3, 2, 1, target_org=ORG)
    county.evaluate()
    triage.decide(county.deps, county.signal().signal_id, "issue", "王科长", "属未诉预期")
    more(county, 3)
    assert tell.run(county.deps).counts["messages"] == 0
    county.dispatch()
    assert tell.run(county.deps).counts["messages"] == 0
    (body,) = [json.loads(bytes(row.body)) for row in county.messages()]
    assert (body["level"], len(body["demands"])) == (3, 6)


def test_a_new_demand_that_its_platform_has_assigned_is_cited_and_joins_no_order(county: County) -> None:
    order = dispatched(county)
    more(county, 3, assigned_no="12345-77")
    tell.run(county.deps)
    (body,) = told(county)
    assert body["demands"] == []
    assert [one["assigned_no"] for one in body["cited"]] == ["12345-77"] * 3
    assert (body["order_no"], body["revision"]) == (order.order_no, 1)


@pytest.mark.requirement("R73")
def test_a_warning_that_only_cited_makes_an_order_for_what_nobody_has_in_hand(county: County) -> None:
    county.repeat(PHONE, 3, 2, 1, target_org=ORG, assigned_no="12345-1")
    county.evaluate()
    triage.decide(county.deps, county.signal().signal_id, "issue", "王科长", "属未诉预期")
    assert county.dispatch().counts == {"orders": 0, "messages": 1}
    more(county, 3)
    assert tell.run(county.deps).counts == {"orders": 1, "messages": 1}
    (body,) = told(county)
    assert (body["type"], len(body["demands"]), len(body["cited"])) == ("order.created", 3, 3)
    assert tell.run(county.deps).counts == {"orders": 0, "messages": 0}


def test_a_report_that_joins_a_matter_is_told_to_the_office_and_never_to_the_department(
    county: County,
) -> None:
    dispatched(county)
    more(county, 3, demand_type=DemandType.REPORT, text="我举报窗口收红包")
    assert tell.run(county.deps).counts["messages"] == 1
    row = county.messages()[1]
    assert row.organisation == "office"
    assert "红包" not in bytes(row.body).decode()
    county.clock.advance(8 * DAY)
    more(county)
    tell.run(county.deps)
    assert [row.organisation for row in county.messages()].count("housing") == 1


def test_two_processes_that_tell_at_once_tell_it_once(county: County) -> None:
    dispatched(county)
    more(county, 2)
    more(county, 1)
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(tell.run, [county.deps] * 3))
    assert sum(report.counts["messages"] for report in reports) == 1
    assert len(told(county)) == 1


def test_the_log_keeps_what_each_organisation_was_told_by_which_message(county: County) -> None:
    dispatched(county)
    more(county, 3)
    tell.run(county.deps)
    rows = county.rows(
        "SELECT cause, level, cardinality(evidence), message_id FROM telling ORDER BY telling_id"
    )
    assert [tuple(row)[:3] for row in rows] == [("first", 2, 3), ("raised", 3, 6)]
    assert [row.message_id for row in rows] == [row.message_id for row in county.messages()]


def test_an_organisation_that_left_the_directory_is_told_by_its_code(county: County) -> None:
    dispatched(county)
    more(county, 3)
    county.configure({"organisations": [OFFICE]})
    assert tell.run(county.deps).counts["messages"] == 1
    assert told(county)[0]["organisation_name"] == "housing"


class Card(Overdue):
    """A reminder, then a yellow card."""

    rule_id = "T29"

    def evaluate(self, keys, history):
        for one in super().evaluate(keys, history):
            if isinstance(one, SignalDraft):
                level = Level.SERIOUS if one.level is Level.GRAVE else Level.NOTICE
                yield one.model_copy(update={"level": level})
            else:
                yield one


@pytest.mark.requirement("R43")
def test_a_reminder_that_becomes_a_card_gets_its_order_and_goes_on_under_its_number(
    store: Store, ring: KeyRing, clock: ManualClock
) -> None:
    county = County(store, ring, clock, plugins_with(Card))
    county.configure(COUNTY)
    county.observe(case(county))
    for hours in (25, 49):
        clock.advance(hours * 3600)
        county.evaluate()
        county.triage()
        county.dispatch()
        tell.run(county.deps)
    types = [(row.organisation, row.event_type) for row in county.messages()]
    assert types == [("housing", "warning.issued"), ("housing", "order.created")]
    reminder, card = (json.loads(bytes(row.body)) for row in county.messages())
    assert reminder["warning_no"] == card["warning_no"]
    assert [(one["level"], one["level_title"]) for one in (reminder, card)] == [(1, "提醒"), (2, "黄牌")]
    assert [one["number"] for one in card["observed"]] == ["C1"]
    assert tell.run(county.deps).counts == {"orders": 0, "messages": 0}
