"""From signal to order with the command `hub`: what is issued, why, and what reaches the department."""

from __future__ import annotations

import pytest

from hub.county.receivers import Fault
from tests.support.desk import PHONE, issued, said_once


def test_a_signal_that_a_person_issues_reaches_the_department_and_says_why(desk):
    number = issued(desk)
    assert len(desk.department.effects) == 1
    why = desk.hub("warning", "why", number, "--recompute", "--json")
    assert why.code == 0, why.err
    signal_now = why.document["signal"]
    assert (signal_now["rule_id"], signal_now["value"], signal_now["threshold"]) == ("W01", 3, 3)
    assert len(why.document["demands"]) == 3
    assert why.document["recomputed"] == {"differs": [], "same": True}
    assert "key" not in signal_now
    assert PHONE not in why.out
    (order,) = desk.hub("order", "list", "--json").document["orders"]
    shown = desk.hub("order", "show", order["order_no"], "--json").document
    assert shown["order"]["warning_no"] == number
    assert [message["state"] for message in shown["messages"]] == ["delivered"]
    for command in (("warning", "why", number), ("order", "show", order["order_no"]), ("ledger", "list")):
        assert desk.hub(*command).code == 0


def test_recomputing_says_when_the_demands_no_longer_give_the_same_answer(desk):
    number = issued(desk)
    desk.rows("UPDATE demand SET deleted = true WHERE demand_id = (SELECT min(demand_id) FROM demand)")
    answer = desk.hub("warning", "why", number, "--recompute", "--json")
    assert answer.code == 1
    assert answer.document["recomputed"]["differs"] == ["condition"]


def test_triage_wants_one_verdict_and_a_dismissed_signal_stays_dismissed(desk):
    desk.same_person_three_times()
    desk.hub("run", "once")
    (one,) = desk.hub("signal", "list", "--json").document["signals"]
    said = ("--by", "王科长", "--reason", "同一事项补充材料")
    assert desk.hub("signal", "triage", one["signal_id"], *said).code == 2
    assert desk.hub("signal", "triage", one["signal_id"], "--issue", "--dismiss", *said).code == 2
    assert desk.hub("signal", "triage", one["signal_id"], "--dismiss", *said).code == 0
    assert desk.hub("signal", "list", "--state", "dismissed", "--json").document["signals"]
    missing = desk.hub("signal", "triage", "01UNKNOWN", "--issue", *said, "--json")
    assert (missing.code, missing.document["error"]["code"]) == (1, "not_found")


@pytest.mark.parametrize(
    "command",
    [("demand", "show"), ("warning", "why"), ("order", "show"), ("run", "show"), ("quarantine", "show")],
    ids=" ".join,
)
def test_a_number_that_nothing_has_is_told_with_where_to_look(desk, command):
    answer = desk.hub(*command, "404404")
    assert answer.code == 1
    assert "list`" in said_once(answer)


def test_a_message_is_delivered_again_under_the_same_id(desk):
    issued(desk)
    (message,) = desk.hub("webhook", "list", "--json").document["messages"]
    again = desk.hub("webhook", "redeliver", message["message_id"], "--json")
    assert again.document == {"redelivered": 1}
    desk.hub("run", "once", "--step", "deliver")
    assert len(desk.department.deliveries) == 2
    assert list(desk.department.effects.values()) == [1]
    assert desk.hub("webhook", "redeliver").code == 2
    assert desk.hub("webhook", "redeliver", "--failed").code == 0


def test_an_endpoint_is_tested_and_one_that_refuses_ends_with_three(desk):
    desk.apply_config()
    taken = desk.hub("webhook", "test", "bureau-webhook", "--json")
    assert taken.code == 0, taken.err
    assert taken.document["status"] in (200, 202, 204)
    desk.department.script(Fault.fails(times=None))
    refused = desk.hub("webhook", "test", "bureau-webhook", "--json")
    assert refused.code == 3
    assert refused.document["error"]["code"] == "delivery_status"
    assert desk.hub("webhook", "test", "nowhere").code == 1


def test_an_endpoint_that_is_gone_is_named_and_enabled_again(desk):
    desk.apply_config()
    desk.rows("UPDATE endpoint SET disabled_at = now(), disabled_code = 'delivery_gone'")
    listed = desk.hub("webhook", "list")
    assert listed.code == 1
    assert "hub webhook enable bureau-webhook" in listed.out
    assert desk.hub("webhook", "enable", "bureau-webhook").code == 0
    assert desk.hub("webhook", "list").code == 0
