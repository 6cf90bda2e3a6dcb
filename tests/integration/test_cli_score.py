"""The commands of scores as the auditing office meets them: what is listed, what is said, what is refused, what stays frozen."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import datetime

import pytest
import yaml

from hub.builtin.rules import RULES
from hub.clock import COUNTY_ZONE, ManualClock
from hub.model.case import Case, Term
from hub.model.codes import TermUnit
from hub.seal.keyfile import read_ring
from hub.store.engine import Store
from tests.support.desk import Desk, said_once
from tests.support.judging import BUREAU, OFFICE, County, local, plugins_with

pytestmark = pytest.mark.requirement("R40")

MONTH = "2026-09"
BY = ("--by", "督查室王主任", "--reason", "调取系统日志核实")
PLAIN = {"organisations": [OFFICE, BUREAU]}


@pytest.fixture
def numbers(desk: Desk) -> list[str]:
    """Two cases that went over their limit in September 2026 (Sunday the 20th is worked), a red card each; the numbers of the warnings."""
    apply(desk, PLAIN)
    assert desk.hub("signal", "list").code == 0  # makes the key ring
    store = Store(desk.database_url)
    try:
        own = tuple(rule for rule in RULES if rule.observes)
        county = County(
            store,
            read_ring(desk.home / "keys.json"),
            ManualClock(local(2026, 9, 14, 10)),
            plugins_with(own=own),
        )
        county.observe(*(case(no) for no in ("C1", "C2")))
        county.clock.advance((local(2026, 9, 21, 17, 45) - county.clock.now()).total_seconds())
        assert county.evaluate().ok
        county.triage(), county.dispatch()
    finally:
        store.close()
    return sorted(row.warning_no for row in desk.rows("SELECT warning_no FROM warning"))


def case(no: str) -> Case:
    return Case(
        source_no=no,
        case_no=no,
        applied_at=local(2026, 9, 14, 9),
        accepted_at=local(2026, 9, 14, 10),
        promised=Term(value=5, unit=TermUnit.WORKING_DAYS),
        item_code="I1",
        item_name="不动产登记",
        organisation="不动产登记中心",
        post="受理岗",
    )


def apply(desk: Desk, document: Mapping[str, object]) -> str:
    file = desk.folder / "county.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True))
    done = desk.hub("config", "apply", str(file))
    assert done.code == 0, done.err
    return done.out


def ok(desk: Desk, *words: str) -> str:
    done = desk.hub(*words)
    assert done.code == 0, done.err
    return done.out


def test_a_month_in_which_nothing_happened_says_so(desk: Desk) -> None:
    assert "Nothing to score in 2026-01" in " ".join(ok(desk, "score", "month", "2026-01").split())
    assert "No breach of 2026-01 waits" in ok(desk, "score", "waiting", "2026-01")
    assert "Nobody has a deduction" in ok(desk, "score", "notify", "2026-01", "--by", "王")
    assert desk.hub("score", "month", "2026-01", "--json").document["holders"] == []
    assert "No organisation or post fits" in ok(
        desk, "score", "month", "2026-01", "--organisation", "housing"
    )
    missing = desk.hub("score", "show", "2026-01", "housing")
    assert missing.code == 1
    assert "not found" in said_once(missing)


def test_the_deduction_table_is_shown_with_its_versions(desk: Desk) -> None:
    shown = ok(desk, "score", "table", "2026-09")
    assert "E01" in shown
    assert "时限流程" in shown
    rule = {"rule_id": "E01", "kind": "time_limits", "cause": "超期", "yellow": 4}
    said = apply(desk, {**PLAIN, "scores": {"reason": "县办法", "from_month": "2026-09", "rules": [rule]}})
    assert "Deduction table 1" in said
    assert "县办法" in ok(desk, "score", "table", "2026-09")
    document = desk.hub("score", "table", "2026-08", "--json").document
    assert (document["version"], len(document["versions"])) == (0, 1)


def test_what_waits_is_listed_until_a_person_has_judged_it(desk: Desk, numbers: list[str]) -> None:
    waiting = desk.hub("score", "waiting", MONTH, "--json").document["waiting"]
    assert [one["warning_no"] for one in waiting] == numbers
    assert numbers[0] in ok(desk, "score", "waiting", MONTH)
    assert "属实" in ok(desk, "score", "verdict", numbers[0], "--verified", *BY)
    assert "nothing was changed" in ok(desk, "score", "verdict", numbers[0], "--verified", *BY)
    assert "免责" in ok(desk, "score", "verdict", numbers[1], "--excused", "system_fault", *BY)
    assert "No breach" in ok(desk, "score", "waiting", MONTH)
    shown = ok(desk, "score", "show", MONTH, "县自然资源局")
    assert "98.50" in shown
    assert "1.5 of 1.5" in shown
    assert "0 of 0" in shown
    assert "扣分依据" in shown
    lines = desk.hub("score", "show", MONTH, "housing", "--json").document["holder"]["scores"][1]["lines"]
    assert [(line["why"], line["excuse"]) for line in lines] == [
        ("deducted", None),
        ("excused", "system_fault"),
    ]
    (held,) = desk.hub("score", "month", MONTH, "--json").document["holders"]
    assert [score["score"] for score in held["scores"]] == ["100.00", "98.50"]
    assert "受理岗" in "".join(ok(desk, "score", "month", MONTH, "--post", "受理岗").split())
    assert (
        desk.hub("score", "show", MONTH, "housing", "--post", "受理岗", "--json").document["holder"]["post"]
        == "受理岗"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("verdict", "Y1", *BY),
        ("verdict", "Y1", "--verified", "--unfounded", *BY),
        ("verdict", "Y1", "--excused", "weather", *BY),
        ("verdict", "Y1", "--verified", "--by", " ", "--reason", "核实"),
        ("decide", "Y1", *BY),
        ("decide", "Y1", "--upheld", "--refused", *BY),
        ("month", "2026-13"),
        ("freeze", "11", *BY),
        ("adjust", MONTH, "housing", "--score", "time_limits", "--points", "viel", *BY),
        ("adjust", MONTH, "housing", "--score", "time_limits", "--points", "0", *BY),
    ],
)  # fmt: skip
def test_a_wrong_line_is_a_usage_error_and_changes_nothing(desk: Desk, words: tuple[str, ...]) -> None:
    refused = desk.hub("score", *words)
    assert refused.code == 2, refused.out
    assert desk.value("SELECT count(*) FROM audit_log WHERE action LIKE 'score.%'") == 0


def test_notice_appeal_decision_and_freeze_go_their_way(desk: Desk, numbers: list[str]) -> None:
    for number in numbers:
        ok(desk, "score", "verdict", number, "--verified", *BY)
    early = desk.hub("score", "freeze", MONTH, *BY)
    assert early.code == 1
    assert "deductions not notified" in said_once(early)
    told = ok(desk, "score", "notify", MONTH, "--by", "王主任", "--organisation", "housing")
    assert "申诉" in told
    assert desk.value("SELECT count(*) FROM outbox WHERE event_type = 'score.notified'") == 1
    assert "申诉" in ok(desk, "score", "appeal", numbers[0], "--by", "张", "--reason", "系统中断")
    assert "nothing was changed" in ok(
        desk, "score", "appeal", numbers[0], "--by", "张", "--reason", "系统中断"
    )
    assert "成立" in ok(desk, "score", "decide", numbers[0], "--upheld", *BY)
    assert "decided so before" in ok(desk, "score", "decide", numbers[0], "--upheld", *BY)
    running = desk.hub("score", "freeze", MONTH, *BY)
    assert f"time to appeal not over: {numbers[1]}" in said_once(running)
    ok(desk, "score", "verdict", numbers[1], "--unfounded", *BY)
    digest = desk.hub("score", "freeze", MONTH, *BY, "--json").document["frozen"]["digest"]
    shown = ok(desk, "score", "month", MONTH)
    assert "已冻结" in shown
    assert digest in "".join(shown.split())


def test_after_the_freeze_what_comes_is_listed_and_is_made_good_in_a_later_month(
    desk: Desk, numbers: list[str]
) -> None:
    ok(desk, "score", "freeze", MONTH, *BY)
    assert "已冻结" in ok(desk, "score", "verdict", numbers[0], "--verified", *BY)
    listed = desk.hub("score", "month", MONTH, "--json").document["after_freeze"]
    assert {(one["warning_no"], one["post"]) for one in listed} == {
        (numbers[0], None),
        (numbers[0], "受理岗"),
    }
    assert "after the freeze" in ok(desk, "score", "month", MONTH)
    points = ("--score", "time_limits", "--points=-1", *BY)
    refused = desk.hub("score", "adjust", MONTH, "housing", *points)
    assert refused.code == 1
    assert f"--corrects {MONTH}" in said_once(refused)
    ok(desk, "score", "adjust", "2026-10", "housing", *points, "--corrects", MONTH)
    assert f"corrects {MONTH}" in " ".join(ok(desk, "score", "show", "2026-10", "housing").split())
    assert desk.hub("audit", "verify").code == 0


def test_two_processes_that_freeze_at_once_keep_one_document(desk: Desk, numbers: list[str]) -> None:
    words = desk.command("score", "freeze", MONTH, *BY, "--json")
    running = [
        subprocess.Popen(words, cwd=desk.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [(one.communicate(timeout=120), one.returncode) for one in running]
    assert [code for _, code in answers] == [0, 0], answers
    digests = {line.strip() for (out, _), _ in answers for line in out.splitlines() if "digest" in line}
    assert len(digests) == 1
    assert desk.value("SELECT count(*) FROM score_freeze") == 1
    assert desk.value("SELECT count(*) FROM audit_log WHERE action = 'score.freeze'") == 1


def test_a_month_that_is_not_over_is_not_frozen(desk: Desk) -> None:
    refused = desk.hub("score", "freeze", f"{datetime.now(COUNTY_ZONE):%Y-%m}", *BY)
    assert refused.code == 1
    assert "it is not over" in said_once(refused)
