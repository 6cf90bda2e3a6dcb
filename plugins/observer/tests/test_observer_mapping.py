"""What the rows of observers' reports say: walk-throughs, the problems met on the way, and suggestions."""

import json
from datetime import UTC, datetime

import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.model.codes import (
    CentreLevel,
    DemandStatus,
    DemandType,
    FindingState,
    InspectionKind,
    Judgement,
    PainPoint,
    ServiceStep,
)
from hub.model.demand import Demand, Reporter
from hub.model.inspection import Finding, Inspection
from hub.sdk.readers.sheet import SheetRecords
from hub.testing.workbooks import text
from hub_channel_observer.mapping import ObserverMapping
from hub_channel_observer.settings import ObserverSettings

SOURCE = {"kind": "folder", "path": "/nonexistent/drop"}
WALK = {
    "监督员编号": "LS-JD-012",
    "监督员姓名": "钱多多",
    "日期": "2026-06-23 14:00",
    "类型": "走流程",
    "中心": "罗山县政务服务中心",
    "窗口": "12号窗口",
    "事项": "个体工商户注册登记",
}
PROBLEM = {
    **WALK,
    "环节": "受理",
    "评分": "2",
    "发现问题": "要求提供清单外的材料。",
    "建议": "按办事指南收件。",
}
SUGGESTION = {
    "监督员编号": "LS-JD-012",
    "监督员姓名": "钱多多",
    "日期": "2026-06-23",
    "类型": "建议",
    "建议": "周末开放网上预约。",
}


def said(*lines, form=None, **settings):
    """What each record of these rows says, or the code with which it is set aside; walk-throughs behind the rows."""
    ours = ObserverMapping(ObserverSettings.model_validate({"source": SOURCE, **settings}), COUNTY_ZONE)
    names = list(dict.fromkeys(name for line in lines for name in line))
    content = text([names, *([line.get(name, "") for name in names] for line in lines)])
    found = []
    for record in SheetRecords(content if form is None else json.dumps(form).encode(), ours.plan()):
        try:
            found.append(ours.said(record) if record.problem is None else record.problem.code)
        except RecordRejected as exc:
            found.append(exc.code)
    return found


def finding(row=None, **settings):
    """What the problem says, its walk-through left out."""
    return said({**PROBLEM, **(row or {})}, **settings)[0]


def suggestion(row=None, **settings):
    """What the one suggestion says."""
    (one,) = said({**SUGGESTION, **(row or {})}, **settings)
    return one


def walk(*lines, **settings):
    """The one walk-through that these rows make, or the code with which it is set aside."""
    return said(*lines, **settings)[-1]


# --- who reports, and what -----------------------------------------------------------------------------------------------


@pytest.mark.requirement("R17")
def test_every_report_is_tied_to_an_observer_by_the_number_in_the_register():
    found, whole = said(PROBLEM)

    assert (found.observer_no, whole.observer_no) == ("LS-JD-012", "LS-JD-012")
    assert suggestion().sub_source == "社会监督员 LS-JD-012"


@pytest.mark.requirement("R17")
def test_a_report_of_nobody_is_set_aside_and_stops_no_other():
    nobody = {"监督员编号": ""}

    assert said({**PROBLEM, **nobody}) == [Code.FIELD_MISSING]
    assert suggestion(nobody) is Code.FIELD_MISSING
    kinds = [one if isinstance(one, Code) else type(one) for one in said(PROBLEM, {**PROBLEM, **nobody})]
    assert kinds == [Finding, Code.FIELD_MISSING, Inspection]


@pytest.mark.requirement("R17")
def test_where_the_register_is_given_a_number_that_is_not_in_it_is_set_aside():
    assert said(PROBLEM, observers=["LS-JD-007"]) == [Code.VALUE_UNMAPPED, Code.VALUE_UNMAPPED]
    assert suggestion(observers=["LS-JD-007"]) is Code.VALUE_UNMAPPED
    assert suggestion(observers=["LS-JD-012"]).demand_type is DemandType.SUGGESTION


def test_an_observers_number_that_lost_digits_is_never_guessed():
    assert suggestion({"监督员编号": "4.11521E+17"}) is Code.FIELD_INVALID


@pytest.mark.requirement("R18")
def test_there_are_two_kinds_of_reports():
    assert [type(one) for one in said(PROBLEM, SUGGESTION)] == [Finding, Demand, Inspection]
    assert walk(PROBLEM).inspection_kind is finding().inspection_kind is InspectionKind.WALKTHROUGH
    assert suggestion().demand_type is DemandType.SUGGESTION


@pytest.mark.requirement("R18")
def test_a_row_without_a_word_for_its_kind_is_what_it_tells():
    bare = {name: WALK[name] for name in WALK if name != "类型"}
    graded = {**bare, "环节": "受理", "评分": "4"}

    assert [type(one) for one in said(graded)] == [Inspection]
    assert [type(one) for one in said({**bare, "建议": "开放预约。"})] == [Demand]
    assert said(bare) == [Code.RECORD_EMPTY]


@pytest.mark.requirement("R26")
def test_a_kind_that_no_table_knows_is_never_guessed_and_stops_no_other_row():
    unknown = {**PROBLEM, "类型": "座谈", "环节": "出证"}

    assert said(unknown) == [Code.VALUE_UNMAPPED, Code.VALUE_UNMAPPED]
    kinds = [one if isinstance(one, Code) else type(one) for one in said(PROBLEM, unknown)]
    assert kinds == [Finding, Code.VALUE_UNMAPPED, Inspection]
    assert type(said(unknown, types={"座谈": "walkthrough"})[0]) is Finding


# --- the walk-through ----------------------------------------------------------------------------------------------------

STEPS = [
    ("咨询", ServiceStep.CONSULTING),
    ("预约", ServiceStep.BOOKING),
    ("受理", ServiceStep.ACCEPTING),
    ("审批", ServiceStep.APPROVING),
    ("办理", ServiceStep.HANDLING),
    ("出证", ServiceStep.ISSUING),
]


@pytest.mark.requirement("R19")
@pytest.mark.parametrize(("word", "step"), [*STEPS, ("其他", ServiceStep.OTHER)])
def test_each_step_may_be_graded_in_a_row_of_its_own(word, step):
    grades = walk({**WALK, "环节": word, "评分": "4", "评语": "顺利。"}).step_grades

    assert [(one.step, one.grade, one.note) for one in grades] == [(step, 4, "顺利。")]
    assert finding({"环节": word}).service_step is step


@pytest.mark.requirement("R19")
def test_the_six_steps_may_be_graded_in_columns_of_one_row():
    row = {**WALK, **{word: str(grade % 5 + 1) for grade, (word, _) in enumerate(STEPS)}}

    assert [(one.step, one.grade) for one in walk(row).step_grades] == [
        (step, grade % 5 + 1) for grade, (_, step) in enumerate(STEPS)
    ]


@pytest.mark.requirement("R19")
def test_a_walk_through_of_several_rows_comes_out_once_with_its_steps_in_order():
    rows = [{**WALK, "环节": word, "评分": "5"} for word, _ in STEPS[::-1]]
    (whole,) = said(*rows, {**WALK, "环节": "受理", "评分": "2"})

    assert [one.step for one in whole.step_grades] == [step for _, step in STEPS]
    assert [one.grade for one in whole.step_grades] == [5, 5, 2, 5, 5, 5]


@pytest.mark.parametrize(
    ("word", "grade"), [("5分", 5), ("好", 4), ("一般", 3), ("较差", 2), ("非常不满意", 1), (4.0, 4)]
)
def test_grades_are_numbers_or_words_and_five_is_the_best(word, grade):
    assert walk({**WALK, "环节": "受理", "评分": word}).step_grades[0].grade == grade


def test_a_step_or_a_grade_that_no_table_knows_sets_the_walk_through_aside_until_the_settings_know_it():
    assert walk({**WALK, "环节": "踏勘", "评分": "4"}) is Code.VALUE_UNMAPPED
    assert walk({**WALK, "环节": "受理", "评分": "B+"}) is Code.VALUE_UNMAPPED
    known = walk({**WALK, "环节": "踏勘", "评分": "B+"}, steps={"踏勘": "approving"}, grades={"b+": 4})
    assert [(one.step, one.grade) for one in known.step_grades] == [(ServiceStep.APPROVING, 4)]


@pytest.mark.requirement("R20")
@pytest.mark.parametrize(
    ("lawful", "effective", "judged"),
    [
        ("是", "好", (Judgement.YES, Judgement.YES)),
        ("基本合规", "一般", (Judgement.PARTLY, Judgement.PARTLY)),
        ("违规", "差", (Judgement.NO, Judgement.NO)),
        ("", "", (None, None)),
    ],
)
def test_a_report_says_whether_the_law_was_kept_and_what_came_of_it(lawful, effective, judged):
    found, whole = said({**PROBLEM, "是否依法依规": lawful, "办理效果": effective})

    assert (found.lawful, found.effective) == judged
    assert (whole.lawful, whole.effective) == judged


@pytest.mark.requirement("R20")
def test_a_walk_through_is_as_lawful_as_its_worst_step_and_a_word_that_no_table_knows_is_not_guessed():
    rows = [{**WALK, "环节": "咨询", "是否依法依规": "是"}, {**WALK, "环节": "受理", "是否依法依规": "否"}]

    assert walk(*rows).lawful is Judgement.NO
    assert finding({"是否依法依规": "说不好"}) is Code.VALUE_UNMAPPED
    assert finding({"是否依法依规": "说不好"}, judgements={"说不好": "partly"}).lawful is Judgement.PARTLY


def test_a_walk_through_has_its_centres_level_and_who_made_it_is_sealed():
    whole = walk({**WALK, "中心": "东铺镇便民服务中心", "环节": "受理"})

    assert (whole.level, whole.item_name) == (CentreLevel.TOWNSHIP, "个体工商户注册登记")
    assert whole.inspectors == ("钱多多",)
    assert walk({**WALK, "中心": "罗山县自然资源局", "环节": "受理"}).level is CentreLevel.COUNTY


def test_rows_of_two_observers_under_one_number_set_the_walk_through_aside_and_no_problem():
    rows = [
        {**PROBLEM, "报告编号": "JD20260623-01"},
        {**WALK, "报告编号": "JD20260623-01", "监督员编号": "LS-JD-007", "环节": "咨询"},
    ]
    found, whole = said(*rows)

    assert (type(found), whole) == (Finding, Code.FIELD_INVALID)


# --- problems and suggestions --------------------------------------------------------------------------------------------


@pytest.mark.requirement("R21")
@pytest.mark.parametrize(
    ("word", "points"),
    [
        ("焦点", (PainPoint.FOCUS,)),
        ("难点问题", (PainPoint.DIFFICULTY,)),
        ("痛点", (PainPoint.PAIN,)),
        ("焦点、痛点", (PainPoint.FOCUS, PainPoint.PAIN)),
        ("", ()),
    ],
)
def test_focus_difficulty_and_pain_are_told_apart(word, points):
    assert finding({"问题类型": word}).pain_points == points


@pytest.mark.requirement("R21")
def test_a_suggestion_is_searchable_by_them_and_an_unknown_one_is_not_guessed():
    assert suggestion({"问题类型": "焦点、难点"}).labels == ("焦点", "难点")
    assert finding({"问题类型": "槽点"}) is suggestion({"问题类型": "槽点"}) is Code.VALUE_UNMAPPED


def test_a_problem_bears_its_walk_throughs_number_and_what_the_observer_proposes():
    found, whole = said(PROBLEM)

    assert found.inspection_no == whole.source_no
    assert (found.text, found.proposal) == ("要求提供清单外的材料。", "按办事指南收件。")
    assert found.found_at == datetime(2026, 6, 23, 6, tzinfo=UTC)


def test_a_proposal_on_the_way_is_a_suggestion_and_its_step_is_graded_all_the_same():
    one, whole = said({**WALK, "环节": "审批", "评分": "4", "建议": "用短信告知结果。"})

    assert (type(one), one.service_step) == (Demand, ServiceStep.APPROVING)
    assert [grade.step for grade in whole.step_grades] == [ServiceStep.APPROVING]


def test_of_a_suggestion_nobody_is_the_reporter():
    one = suggestion({"联系电话": "13900001234"})

    assert one.reporter == Reporter()
    assert "钱多多" not in one.model_dump_json()


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("", DemandStatus.PENDING),
        ("正在研究", DemandStatus.IN_HAND),
        ("不采纳", DemandStatus.ANSWERED),
        ("已落实", DemandStatus.CLOSED),
    ],
)
def test_the_status_of_a_suggestion_is_what_became_of_it(word, status):
    assert suggestion({"采纳情况": word}).status is status


def test_what_became_of_it_in_words_of_the_countys_own_is_known_by_the_settings():
    assert suggestion({"采纳情况": "纳入计划"}) is Code.VALUE_UNMAPPED
    assert (
        suggestion({"采纳情况": "纳入计划"}, statuses={"纳入计划": "answered"}).status
        is DemandStatus.ANSWERED
    )


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({}, FindingState.OPEN),
        ({"整改情况": "已整改"}, FindingState.RECTIFIED),
        ({"整改情况": "培训了", "整改完成时间": "2026-06-30"}, FindingState.RECTIFIED),
        ({"整改情况": "计划培训"}, FindingState.OPEN),
    ],
)
def test_a_problem_is_open_until_it_is_told_plainly_that_it_is_put_right(row, state):
    assert finding(row).state is state


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"日期": ""}, Code.FIELD_MISSING),
        ({"日期": "待定"}, Code.FIELD_INVALID),
        ({"建议": "无"}, Code.RECORD_EMPTY),
    ],
)
def test_a_suggestion_that_cannot_be_used_is_set_aside_with_its_reason(row, outcome):
    assert suggestion(row) is outcome


def test_reports_without_numbers_bear_numbers_that_last_while_they_are_filled_in():
    before = [one.source_no for one in said(PROBLEM)]
    after = [
        one.source_no
        for one in said({**PROBLEM, "发现问题": "要求提供清单外的材料，已核实。", "整改情况": "已整改"})
    ]

    assert before == after
    assert suggestion().source_no == suggestion({"采纳情况": "已采纳"}).source_no
    assert suggestion({"建议": "另一条。"}).source_no != suggestion().source_no


def test_a_form_of_an_observers_telephone_says_the_same_as_the_sheet():
    form = {
        "observerNo": "LS-JD-012", "observer": "钱多多", "reportedAt": "2026-06-23 14:00", "type": "走流程",
        "centre": "罗山县政务服务中心", "area": "12号窗口", "serviceItem": "个体工商户注册登记",
        "steps": [
            {"step": "受理", "grade": 2, "problem": "要求提供清单外的材料。", "proposal": "按办事指南收件。"},
            {"step": "咨询", "grade": 5},
        ],
    }  # fmt: skip

    assert said(form=form) == said(PROBLEM, {**WALK, "环节": "咨询", "评分": "5"})
