"""`hub case | rating | inspection | finding | monitor`: what channels tell beside demands, as a clerk looks at it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.model.case import Case, CaseStep
from hub.model.codes import (
    AnomalyType,
    CaseState,
    HotTopicKind,
    InspectionKind,
    Level,
    RatingLevel,
    Trait,
    Watch,
)
from hub.model.demand import Reporter
from hub.model.inspection import Finding, HotTopic, Inspection
from hub.model.monitor import MonitorEvent
from hub.model.rating import Rating
from hub.model.said import OBSERVATIONS
from hub.pipeline.intake import Origin
from hub.pipeline.observing import Told, put_observations
from tests.support.desk import Desk

AT = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
SAID = (
    Case(
        source_no="411521",
        case_no="C1",
        applied_at=AT,
        state=CaseState.HANDLING,
        item_name="不动产转移登记",
        applicant=Reporter(name="王建国"),
        steps=(CaseStep(no="1", name="受理", began_at=AT, handler="李四光"),),
    ),
    Rating(
        source_no="R1",
        rated_at=AT,
        level=RatingLevel.BAD,
        case_no="C1",
        text="王建国：等了三个小时",
        rater=Reporter(name="王建国"),
    ),
    Inspection(
        source_no="I1",
        inspection_kind=InspectionKind.DAILY,
        centre="县政务服务中心",
        inspectors=("赵督查",),
        hot_topics=(HotTopic(kind=HotTopicKind.SEASONAL, item_name="社保缴费"),),
    ),
    Finding(
        source_no="F1",
        inspection_kind=InspectionKind.DAILY,
        found_at=AT,
        text="三号窗口无人值守",
        person="李四光",
        traits=(Trait.RESISTANCE, Trait.GROUP_RISK),
    ),
    MonitorEvent(
        source_no="M1",
        occurred_at=AT,
        anomaly=AnomalyType.TIME,
        level=Level.SERIOUS,
        case_no="C1",
        staff_no="LS0231",
        reason="承诺件超过承诺时限1个工作日",
    ),
)
LISTS = {
    "case": (["case", "list"], "case", "C1", "不动产转移登记"),
    "rating": (["rating", "list"], "rating", "R1", "等了三个小时"),
    "inspection": (["inspection", "list"], "inspection", "I1", "县政务服务中心"),
    "finding": (["finding", "list"], "finding", "F1", "三号窗口无人值守"),
    "monitor": (["monitor", "list"], "monitor_event", "M1", "承诺件超过"),
}
SHOWS = {
    "case": (["case", "show", "C1"], "王建国", "受理"),
    "rating": (["rating", "show", "R1"], "王建国", "等了三个小时"),
    "inspection": (["inspection", "show", "I1"], "赵督查", "社保缴费"),
    "finding": (["finding", "show", "F1"], "李四光", "三号窗口"),
    "monitor": (["monitor", "show", "M1"], "LS0231", "承诺件"),
}


@pytest.fixture
def told(desk: Desk) -> Desk:
    with desk.opened() as hub, hub.store.begin() as connection:
        put_observations(
            connection,
            hub.intake,
            Origin(1, "eye", "eagle_eye", Watch.MONITOR),
            [Told(one.source_no, 1, [one], deleted=False, is_new=True) for one in SAID],
            list(OBSERVATIONS),
            AT,
            by="test",
        )
    return desk


@pytest.mark.parametrize("name", LISTS)
def test_a_list_shows_what_is_there_and_nobody(told: Desk, name: str) -> None:
    command, kind, number, words = LISTS[name]
    answer = told.hub(*command)
    assert answer.code == 0
    assert number in answer.out
    assert words in answer.out.replace("\n", "")
    assert SHOWS[name][1] not in answer.out
    (row,) = told.hub(*command, "--channel", "eye", "--json").document[f"{kind}s"]
    assert row["instance"] == "eye"
    assert told.hub(*command, "--channel", "other", "--json").document[f"{kind}s"] == []


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_says_where_to_look(desk: Desk, name: str) -> None:
    answer = desk.hub(*LISTS[name][0])
    assert answer.code == 0
    assert f"No {name} yet" in answer.out
    assert "hub channel list" in answer.out


@pytest.mark.parametrize("name", SHOWS)
def test_a_person_is_shown_for_a_stated_purpose_only_and_that_is_written_down(told: Desk, name: str) -> None:
    command, person, words = SHOWS[name]
    masked = told.hub(*command)
    assert masked.code == 0
    assert person not in masked.out
    assert words in masked.out
    shown = told.hub(*command, "--reveal", "--purpose", "回访")
    assert person in shown.out
    action, purpose = told.rows("SELECT action, purpose FROM audit_log ORDER BY audit_id DESC")[0]
    assert action.endswith(".reveal")
    assert purpose == "回访"


@pytest.mark.parametrize("name", SHOWS)
def test_a_number_that_is_not_there_is_said_with_the_way_to_the_list(desk: Desk, name: str) -> None:
    answer = desk.hub(name, "show", "X9")
    assert answer.code == 1
    assert f"hub {name} list" in answer.err


def test_a_list_can_be_narrowed_to_one_case(told: Desk) -> None:
    assert len(told.hub("rating", "list", "--case", "C1", "--json").document["ratings"]) == 1
    assert told.hub("rating", "list", "--case", "C2", "--json").document["ratings"] == []


@pytest.mark.requirement("R51")
@pytest.mark.parametrize(
    ("trait", "shown"), [("resistance", True), ("group_risk", True), ("emerging", False)]
)
def test_findings_can_be_picked_by_their_traits(told: Desk, trait: str, shown: bool) -> None:
    answer = told.hub("finding", "list", "--trait", trait)
    assert (answer.code, "三号窗口无人值守" in answer.out) == (0, shown)


def test_a_trait_that_there_is_not_is_refused_with_those_that_there_are(told: Desk) -> None:
    answer = told.hub("finding", "list", "--trait", "nonsense")
    assert answer.code != 0
    assert "group_risk" in answer.err
