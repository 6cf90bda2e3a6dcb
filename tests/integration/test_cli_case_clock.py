"""`hub case show` tells a case's clock: limits, what is used and left, pauses, nodes, and loudly what is provisional."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from hub.clock import COUNTY_ZONE
from hub.model.case import Case, CaseStep, Suspension, Term
from hub.model.codes import TermUnit, Watch
from hub.model.said import OBSERVATIONS
from hub.pipeline.intake import Origin
from hub.pipeline.observing import Told, put_observations
from tests.support.desk import Desk


def at(month: int, day: int, hour: int = 10, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, 0, tzinfo=COUNTY_ZONE)


def days(value: int) -> Term:
    return Term(value=value, unit=TermUnit.WORKING_DAYS)


CASES = (
    Case(
        source_no="C1",
        case_no="C1",
        applied_at=at(1, 5),
        accepted_at=at(1, 5),
        promised=days(3),
        legal=days(10),
        finished_at=at(1, 16),
        suspensions=(
            Suspension(no="1", began_at=at(1, 6)),
            Suspension(no="2", ended_at=at(1, 8)),
            Suspension(no="3", began_at=at(1, 14), ended_at=at(1, 13)),
        ),
        steps=(
            CaseStep(
                no="1", node="SH", name="审核", began_at=at(1, 5), ended_at=at(1, 9, 17), promised=days(1)
            ),
        ),
    ),
    Case(
        source_no="C2",
        case_no="C2",
        accepted_at=at(1, 4, year=2140),
        promised=days(2),
        finished_at=at(1, 5, year=2140),
    ),
    Case(source_no="C3", case_no="C3", applied_at=at(1, 5)),
)


@pytest.fixture
def told(desk: Desk) -> Desk:
    with desk.opened() as hub, hub.store.begin() as connection:
        put_observations(
            connection,
            hub.intake,
            Origin(1, "eye", "eagle_eye", Watch.MONITOR),
            [Told(one.source_no, 1, [one], deleted=False, is_new=True) for one in CASES],
            list(OBSERVATIONS),
            at(1, 20),
            by="test",
        )
    return desk


def clock(told: Desk, no: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told.hub("case", "show", no, "--json").out)["clock"]
    return found


def test_limits_what_is_used_pauses_and_nodes_are_told(told: Desk) -> None:
    found = clock(told, "C1")
    # Three working days from Monday the 5th, Wednesday and Thursday left out: Monday the 12th; over by four.
    assert found["promised"]["at"] == "2026-01-12T09:30:00+00:00"
    assert (found["promised"]["over_working_days"], found["used_working_days"]) == (4, 7)
    assert found["legal"]["left_office_hours"] > 0
    assert found["overdue"] == {"end": True, "last_event": False}
    assert [one["ended_at"] for one in found["pauses"]] == ["2026-01-08T02:00:00+00:00"]
    assert found["flaws"] == [{"no": "3", "flaw": "ended_before_beginning"}]
    assert [(one["name"], one["over"]) for one in found["nodes"]] == [("审核", True)]
    assert found["cards"]["profile"] == "jiangsu"


def test_a_person_reads_the_same(told: Desk) -> None:
    shown = told.hub("case", "show", "C1").out
    for words in (
        "2026-01-12 17:30, 承诺时限（3个工作日）: over by 4 working days",
        "暂停: 2026-01-06 10:00 to 2026-01-08 10:00",
        "恢复早于暂停",
        "按办结时间",
        "环节 审核",
        "超时",
    ):
        assert words in " ".join(shown.split())
    assert "PROVISIONAL" not in shown


def test_a_year_without_known_holidays_is_said_loudly(told: Desk) -> None:
    assert clock(told, "C2")["provisional"] is True
    assert "! 期限暂定 PROVISIONAL" in told.hub("case", "show", "C2").out


def test_before_acceptance_no_clock_runs(told: Desk) -> None:
    assert clock(told, "C3")["started_at"] is None
    assert "not begun" in told.hub("case", "show", "C3").out


@pytest.mark.requirement("R37")
def test_the_countys_own_parameters_hold_for_what_is_shown(told: Desk) -> None:
    document = told.folder / "county.yaml"
    document.write_text(
        "organisations:\n  - {code: office, name: 处置办理股室, level: county, handling_office: true}\n"
        "rules:\n  - {rule_id: E01, params: {profile: shandong}, reason: 本省口径, owner: office}\n"
    )
    applied = told.hub("config", "apply", str(document), "--by", "ops")
    assert applied.code == 0, applied
    assert clock(told, "C1")["cards"]["profile"] == "shandong"
