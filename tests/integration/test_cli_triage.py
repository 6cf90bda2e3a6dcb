"""The commands of triage as a clerk meets them: what is listed, what is asked for, what is said, what is refused."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.clock import COUNTY_ZONE
from hub.metrics.collector import HubCollector
from tests.support.desk import OTHER_PHONE, Desk, issued, record, said_once

BY = ("--by", "王科长", "--reason", "反复反映")
PLAN = (
    "--plan",
    "上门核实",
    "--plan-owner",
    "李副局长",
    "--plan-from",
    "2026-11-23",
    "--plan-to",
    "2026-11-25",
)
CROWD = "工人准备明天到县政府门口集体上访"


def until(**ahead: float) -> str:
    return (datetime.now(COUNTY_ZONE) + timedelta(**ahead)).isoformat(timespec="minutes")


@pytest.fixture
def waiting(desk: Desk) -> list[str]:
    """Two signals that wait for a decision (W08 群体, W01); their ids in that order."""
    desk.apply_config()
    desk.same_person_three_times()
    desk.portal.add(record(9, phone=OTHER_PHONE, words=CROWD))
    desk.hub("run", "once")
    found = {one["rule_id"]: one["signal_id"] for one in signals(desk)}
    return [found["W08"], found["W01"]]


def signals(desk: Desk, *options: str) -> list[dict[str, Any]]:
    answer = desk.hub("signal", "list", *options, "--json")
    assert answer.code == 0, answer.err
    found: list[dict[str, Any]] = answer.document["signals"]
    return found


def warning(desk: Desk, number: str) -> dict[str, Any]:
    return desk.hub("warning", "show", number, "--json").document


def late(desk: Desk, metric: str, check: str) -> tuple[float, str, str]:
    """What a scrape counts, and the doctor's state and words."""
    with desk.opened() as hub:
        page = HubCollector(hub).page({}).body.decode()
    counted = sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == metric
    )
    found = desk.hub("doctor", "--json").document["checks"]
    (told,) = [one for one in found if one["name"] == check]
    return counted, told["state"], told["found"]


def test_a_signal_whose_demands_all_stand_in_another_of_the_same_group_says_in_which(desk):
    desk.apply_config()
    words = "锦绣花园停水三天，打供水热线一直占线，请尽快恢复供水"
    for number in range(1, 6):
        desk.portal.add(record(number, phone=f"1380000000{number}", words=words))
    desk.hub("run", "once")
    found = {one["rule_id"]: one for one in signals(desk)}
    # Three people within a day, and five of them within a week: one group, told by two rules.
    lesser, greater = found["W02a"], found["W02b"]
    if lesser["demands"] == greater["demands"]:
        lesser, greater = sorted((lesser, greater), key=lambda one: one["signal_id"], reverse=True)
    assert (lesser["within"], greater["within"]) == (greater["signal_id"], None)
    assert f"all of its demands are in {greater['signal_id']}" in desk.hub("signal", "list").out
    desk.hub("signal", "triage", greater["signal_id"], "--dismiss", *BY)
    assert [one["within"] for one in signals(desk, "--state", "open")] == [None]


def test_several_signals_on_one_line_are_one_warning(desk, waiting):
    answer = desk.hub("signal", "triage", *waiting, "--issue", *BY)
    assert answer.code == 0, answer.err
    assert "these 2 signals together" in answer.out
    number = signals(desk)[0]["warning_no"]
    shown = warning(desk, number)
    assert (shown["warning"]["manner"], len(shown["signals"]), len(shown["decisions"])) == ("grouped", 2, 2)
    said = desk.hub("warning", "show", number).out
    assert "类型化归集" in said
    assert "先预警" in said


def test_why_of_a_warning_about_several_signals_tells_all_of_them_and_all_of_their_demands(desk, waiting):
    desk.hub("signal", "triage", *waiting, "--issue", *BY)
    number = signals(desk)[0]["warning_no"]
    found = desk.hub("warning", "why", number, "--recompute", "--json")
    assert found.code == 0, found.err
    assert [found.document["signal"]["rule_id"], *(one["rule_id"] for one in found.document["others"])] in (
        ["W08", "W01"],
        ["W01", "W08"],
    )
    assert len(found.document["demands"]) == 4
    assert found.document["recomputed"]["same"]
    said = desk.hub("warning", "why", number).out
    assert all(f"{signal}" in said for signal in waiting)


def test_why_of_a_warning_that_was_taken_back_says_so(desk):
    number = issued(desk)
    assert "revoked 摘牌" not in desk.hub("warning", "why", number).out
    desk.hub("warning", "revoke", number, *BY)
    assert "by 王科长: 反复反映" in desk.hub("warning", "why", number).out.partition("revoked 摘牌")[2]


def test_the_token_of_a_person_is_not_shown_with_a_signal_about_them(desk, waiting):
    (signal,) = [one for one in signals(desk) if one["rule_id"] == "W01"]
    token = desk.value("SELECT key FROM signal WHERE rule_id = 'W01'")
    number = desk.hub("signal", "triage", signal["signal_id"], "--issue", *BY, "--json").document["decision"]
    for shown in (
        ("signal", "list"), ("signal", "show", signal["signal_id"]), ("warning", "why", number["warning_no"]),
        ("warning", "show", number["warning_no"]), ("audit", "list"),
    ):  # fmt: skip
        assert token not in desk.hub(*shown, "--json").out


@pytest.mark.requirement("R57")
def test_signals_are_listed_by_trait_rule_level_and_state(desk, waiting):
    crowd, repeated = waiting
    held = desk.hub("signal", "triage", crowd, "--hold", "--trait", "sensitive", "--trait", "group_risk", *BY)
    assert held.code == 0, held.err
    assert [one["signal_id"] for one in signals(desk, "--trait", "sensitive")] == [crowd]
    assert [one["signal_id"] for one in signals(desk, "--trait", "group_risk", "--state", "open")] == [crowd]
    assert signals(desk, "--trait", "wide") == []
    assert [one["signal_id"] for one in signals(desk, "--rule", "W01", "--level", "2")] == [repeated]
    assert signals(desk, "--level", "3") == []
    assert "热点敏感" in desk.hub("signal", "list").out


def test_a_crowd_that_waits_longer_than_its_quarter_of_an_hour_is_marked_counted_and_told_until_somebody_decides(
    desk, waiting
):
    crowd, _ = waiting
    listed = [one["decision_due_at"] is not None for one in signals(desk, "--rule", "W08")]
    assert listed == [True]
    assert [one["decision_due_at"] for one in signals(desk, "--rule", "W01")] == [None]
    assert signals(desk, "--overdue") == []
    assert late(desk, "hub_signals_overdue", "decisions") == (0, "ok", "none is overdue")
    desk.rows("UPDATE signal SET first_seen_at = first_seen_at - interval '14 minutes'")
    assert signals(desk, "--overdue") == []
    desk.rows("UPDATE signal SET first_seen_at = first_seen_at - interval '2 minutes'")
    assert [one["signal_id"] for one in signals(desk, "--overdue")] == [crowd]
    said = desk.hub("signal", "list").out
    assert said.count("to be decided on 研判 by") == said.count("which has passed") == 1
    assert late(desk, "hub_signals_overdue", "decisions")[:2] == (1, "warn")
    # What is about old demands waits for nobody's quarter of an hour.
    desk.rows("UPDATE signal SET historical = true")
    assert late(desk, "hub_signals_overdue", "decisions")[:2] == (0, "ok")
    desk.rows("UPDATE signal SET historical = false")
    assert desk.hub("signal", "triage", crowd, "--hold", *BY).code == 0
    assert signals(desk, "--overdue") == []
    assert late(desk, "hub_signals_overdue", "decisions")[:2] == (0, "ok")


@pytest.mark.requirement("R58")
def test_a_trait_without_a_plan_is_refused_with_what_is_missing_and_with_one_is_issued(desk, waiting):
    given = ("signal", "triage", waiting[0], "--issue", "--trait", "sensitive", *BY)
    refused = desk.hub(*given)
    assert refused.code == 1
    message = said_once(refused)
    assert "热点敏感" in message
    assert "--plan-owner" in message
    part = desk.hub(*given, "--plan", "上门核实")
    assert part.code == 2
    assert "--plan-owner, --plan-from, --plan-to missing" in part.err.replace("\n", " ")
    assert desk.hub(*given, *PLAN).code == 0
    (one,) = desk.hub("warning", "list", "--trait", "sensitive", "--json").document["warnings"]
    assert one["planned"]


@pytest.mark.requirement("R58")
def test_a_warning_of_danger_is_listed_until_its_plan_stands(desk):
    desk.apply_config()
    desk.portal.add(record(1, words="楼下着火了，快来人。"))
    desk.hub("run", "once")
    (one,) = desk.hub("warning", "list", "--plan-missing", "--json").document["warnings"]
    assert "hub warning plan" in desk.hub("warning", "list").out
    number = one["warning_no"]
    attach = ("warning", "plan", number, *PLAN, "--by", "王科长", "--json")
    assert desk.hub(*attach).document["new"] is True
    assert desk.hub(*attach).document["new"] is False
    assert desk.hub("warning", "list", "--plan-missing", "--json").document["warnings"] == []
    assert warning(desk, number)["plan"]["owner"] == "李副局长"


@pytest.mark.requirement("R58")
def test_a_plan_of_danger_that_is_over_its_four_hours_is_counted_and_told_until_it_stands(desk):
    desk.apply_config()
    desk.portal.add(record(1, words="楼下着火了，快来人。"))
    desk.portal.add(record(2, words="楼下着火了，快来人。", days_ago=2.0))
    desk.hub("run", "once")
    first, second = (one["warning_no"] for one in desk.hub("warning", "list", "--json").document["warnings"])
    attach = (*PLAN, "--by", "王科长")

    def overdue() -> tuple[float, str, str]:
        return late(desk, "hub_warnings_plan_overdue", "plans")

    assert overdue() == (0, "ok", "none is overdue")
    desk.rows("UPDATE warning SET plan_due_at = now() - interval '3 hours' WHERE warning_no = :no", no=first)
    counted, state, told = overdue()
    assert (counted, state) == (1, "warn")
    assert told.startswith("1 overdue, the first since 3 h ago: warnings of danger")
    desk.rows("UPDATE warning SET plan_due_at = now() - interval '5 hours' WHERE warning_no = :no", no=second)
    assert overdue()[:2] == (2, "warn")
    assert desk.hub("warning", "plan", first, *attach).code == 0
    assert desk.hub("warning", "revoke", second, *BY).code == 0
    assert overdue()[:2] == (0, "ok")


def test_a_warning_is_revoked_and_the_department_reads_of_it(desk):
    number = issued(desk)
    answer = desk.hub("warning", "revoke", number, *BY)
    assert answer.code == 0, answer.err
    assert "withdrawn: order J" in answer.out
    assert desk.hub("warning", "revoke", number, *BY, "--json").document["revoked"]["orders"] == []
    assert desk.hub("run", "once", "--step", "deliver").code == 0
    types = [json.loads(one.body)["type"] for one in desk.department.deliveries]
    assert types == ["order.created", "warning.revoked"]
    assert "摘牌" in desk.hub("warning", "show", number).out
    # The signal belongs to no warning any more, in whatever list it stands.
    (dismissed,) = signals(desk, "--state", "dismissed")
    assert dismissed["warning_no"] is None
    demand = desk.hub("demand", "list", "--json").document["demands"][0]["demand_no"]
    shown = desk.hub("demand", "show", demand, "--json").document["demand"]
    assert [one["warning_no"] for one in shown["signals"]] == [None]


@pytest.mark.requirement("R3")
def test_the_four_firsts_are_noted_with_a_warning_and_counted(desk):
    number = issued(desk)
    answer = desk.hub(
        "warning",
        "four-first",
        number,
        "--did",
        "step_in",
        "--did",
        "fill",
        "--by",
        "李局长",
        "--note",
        "增开窗口",
    )
    assert answer.code == 0, answer.err
    assert "先介入" in answer.out
    counted = desk.hub("warning", "four-first", "--json").document["four_first"]
    assert counted == {"warn": 1, "step_in": 1, "find_gaps": 0, "fill": 1}
    assert desk.hub("warning", "four-first", "--did", "fill").code == 2


@pytest.mark.requirement("R43")
def test_a_warning_goes_from_warning_to_correcting_to_supervision_and_never_back(desk):
    number = issued(desk)
    assert warning(desk, number)["warning"]["stage"] == "warned"
    for stage in ("correcting", "supervised", "supervised"):
        assert desk.hub("warning", "stage", number, stage, *BY).code == 0
    back = desk.hub("warning", "stage", number, "correcting", *BY)
    assert back.code == 1
    assert "does not go back" in said_once(back)
    rows = desk.rows("SELECT detail FROM audit_log WHERE action = 'warning.stage' ORDER BY audit_id")
    assert [row.detail["to"] for row in rows] == ["correcting", "supervised"]


def test_a_silence_is_added_listed_with_what_it_holds_and_ended(desk, waiting):
    made = desk.hub(
        "silence", "add", "--rule", "W08", "--level", "3", "--until", until(hours=2), *BY, "--json"
    )
    assert made.code == 0, made.err
    silence_id = made.document["silence"]["silence_id"]
    assert made.document["silence"]["held"] == 1
    (held,) = signals(desk, "--held")
    assert (held["signal_id"], held["held"]["cause"], held["held"]["by"]) == (
        waiting[0],
        "silenced",
        silence_id,
    )
    said = desk.hub("signal", "list").out
    assert "静默中" in said
    assert "1 of these are held back" in said
    assert "holds 1 signal" in desk.hub("silence", "list").out
    assert desk.hub("silence", "expire", silence_id, *BY).code == 0
    assert signals(desk, "--held") == []
    assert "ended by 王科长" in desk.hub("silence", "list", "--all").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--until", "2020-01-01"), "ends after now"),
        (("--rule", "W8", "--until", "+"), "no plugin brings it"),
        (("--region", "41152x", "--until", "+"), "no region code"),
        (("--until", "+"), "names a rule"),
        (("--rule", "W08", "--until", "soon"), "is no time"),
    ],
)
def test_a_silence_that_cannot_stand_is_a_matter_of_usage(desk, options, said):
    given = [until(hours=1) if one == "+" else one for one in options]
    answer = desk.hub("silence", "add", *given, *BY)
    assert answer.code == 2
    assert said in answer.err.replace("\n", " ")


def test_a_list_without_a_silence_says_so(desk):
    assert "No silence stands" in desk.hub("silence", "list").out


def test_what_does_not_exist_is_named_with_where_to_look(desk):
    for command, where in (
        (("warning", "show", "Y1"), "hub warning list"),
        (("warning", "revoke", "Y1", *BY), "hub warning list"),
        (("warning", "stage", "Y1", "correcting", *BY), "hub warning list"),
        (("silence", "expire", "01NO", *BY), "hub silence list"),
        (("signal", "triage", "01NO", "--issue", *BY), "hub signal list"),
    ):
        answer = desk.hub(*command)
        assert answer.code == 1
        assert where in said_once(answer)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((*(f"01X{number}" for number in range(201)), "--dismiss", *BY), "1 to 200 signals, not on 201"),
        (
            ("01X", "--dismiss", "--by", " ", "--reason", "已答复"),
            "names the person who takes it and the reason",
        ),
    ],
)
def test_a_decision_that_cannot_be_taken_says_what_is_wrong_with_it_and_nothing_else(desk, given, said):
    refused = desk.hub("signal", "triage", *given)
    assert refused.code == 2
    message = " ".join(refused.err.replace("│", " ").split())
    assert said in message
    assert "--by and --reason:" not in message


@pytest.mark.parametrize("choice", [(), ("--issue", "--dismiss"), ("--dismiss", *PLAN)])
def test_a_decision_says_which_and_a_plan_goes_with_a_warning(desk, choice):
    assert desk.hub("signal", "triage", "01X", *choice, *BY).code == 2
