"""What the lines of a checklist say: the inspection that they make, and the finding of each line on which something is wrong."""

import json
from datetime import UTC, date, datetime

import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.model.codes import (
    CentreLevel,
    CheckDomain,
    FindingState,
    HotTopicKind,
    InspectionKind,
    Severity,
)
from hub.model.inspection import Finding, Inspection
from hub.sdk.readers.sheet import SheetRecords
from hub.testing.workbooks import text
from hub_channel_inspection.mapping import InspectionMapping
from hub_channel_inspection.settings import InspectionSettings

SOURCE = {"kind": "folder", "path": "/nonexistent/drop"}
LINE = {
    "巡查日期": "2026-06-23",
    "巡查类型": "日巡查",
    "中心": "罗山县政务服务中心",
    "区域/窗口": "一楼3号窗口",
    "检查项": "环境秩序",
    "检查内容": "工作时间在岗",
    "是否符合": "不符合",
    "问题描述": "窗口没有人。",
}
WELL = {**LINE, "是否符合": "符合", "问题描述": ""}
PLAN = {"计划日期": "2026-06-26", "巡查类型": "周督查", "中心": "罗山县政务服务中心"}


def mapping(**settings):
    return InspectionMapping(InspectionSettings.model_validate({"source": SOURCE, **settings}), COUNTY_ZONE)


def said(*lines, form=None, **settings):
    """What each record of these lines says, or the code with which it is set aside; findings in their order, inspections behind them."""
    ours = mapping(**settings)
    names = list(dict.fromkeys(name for line in lines for name in line))
    content = text([names, *([line.get(name, "") for name in names] for line in lines)])
    found = []
    for record in SheetRecords(content if form is None else json.dumps(form).encode(), ours.plan()):
        try:
            found.append(ours.said(record) if record.problem is None else record.problem.code)
        except RecordRejected as exc:
            found.append(exc.code)
    return found


def finding(line=None, **settings):
    """What the one line says, its inspection left out."""
    return said({**LINE, **(line or {})}, **settings)[0]


def inspection(*lines, **settings):
    """The one inspection that these lines make."""
    (one,) = [each for each in said(*lines, **settings) if isinstance(each, Inspection)]
    return one


# --- the inspection ------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R7")
@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("周督查", InspectionKind.WEEKLY),
        ("日巡查", InspectionKind.DAILY),
        ("常态化巡检", InspectionKind.ROUTINE),
        ("窗口自查", InspectionKind.SELF_CHECK),
    ],
)
def test_each_of_the_four_kinds_is_an_inspection_and_its_findings(word, kind):
    found, whole = said({**LINE, "巡查类型": word})

    assert (found.inspection_kind, whole.inspection_kind) == (kind, kind)
    assert found.inspection_no == whole.source_no


@pytest.mark.requirement("R26")
def test_a_kind_that_no_table_knows_is_never_guessed_and_is_known_by_the_settings():
    assert said({**LINE, "巡查类型": "飞行检查"}) == [Code.VALUE_UNMAPPED, Code.VALUE_UNMAPPED]
    found, whole = said({**LINE, "巡查类型": "飞行检查"}, kinds={"飞行检查": "routine"})
    assert (found.inspection_kind, whole.inspection_kind) == (InspectionKind.ROUTINE,) * 2


def test_walkthroughs_and_visits_are_no_kinds_of_inspection():
    with pytest.raises(ValueError, match="walkthrough"):
        mapping(kinds={"走流程": "walkthrough"})


@pytest.mark.requirement("R6")
@pytest.mark.parametrize(
    ("centre", "level"),
    [
        ("罗山县政务服务中心", CentreLevel.COUNTY),
        ("罗山县政务服务大厅", CentreLevel.COUNTY),
        ("县", CentreLevel.COUNTY),
        ("东铺镇便民服务中心", CentreLevel.TOWNSHIP),
        ("宝城街道党群服务中心", CentreLevel.TOWNSHIP),
        ("乡镇（街道）", CentreLevel.TOWNSHIP),
        ("宝城街道东关社区便民服务站", CentreLevel.VILLAGE),
        ("东铺镇孙店村党群服务中心（孙店）", CentreLevel.VILLAGE),
        ("村", CentreLevel.VILLAGE),
    ],
)
def test_every_centre_belongs_to_one_of_three_levels(centre, level):
    found, whole = said({**LINE, "中心": centre})

    assert (found.level, whole.level) == (level, level)


@pytest.mark.requirement("R6")
def test_a_centre_whose_level_nothing_tells_is_set_aside_until_the_settings_or_the_sheet_tell_it():
    assert finding({"中心": "一站式"}) is Code.VALUE_UNMAPPED
    known = finding({"中心": "一站式"}, centres={"一站式": {"level": "county", "region": "411521"}})
    assert (known.level, known.centre, known.region_code) == (CentreLevel.COUNTY, "一站式", "411521")
    assert finding({"中心": "一站式", "中心级别": "乡镇级"}).level is CentreLevel.TOWNSHIP


def test_what_the_settings_say_of_all_rows_no_sheet_needs_to_name():
    bare = {name: LINE[name] for name in LINE if name not in ("巡查类型", "中心")}
    found, whole = said(bare, kind="self_check", centre="东铺镇便民服务中心", level="township")

    assert (found.centre, whole.level) == ("东铺镇便民服务中心", CentreLevel.TOWNSHIP)
    assert whole.inspection_kind is InspectionKind.SELF_CHECK


def test_an_inspection_told_by_several_rows_comes_out_once_with_its_lines_counted():
    others = [{**WELL, "检查内容": f"第{number}条"} for number in range(3)]
    lines = [LINE, *others, {**WELL, "检查内容": "无障碍", "是否符合": "不适用"}]

    assert [type(one) for one in said(*lines)] == [Finding, Inspection]
    assert (inspection(*lines).lines_checked, inspection(*lines).lines_failed) == (4, 1)


def test_a_line_that_no_table_knows_stops_neither_its_inspection_nor_another_line():
    found = said(LINE, {**LINE, "检查项": "风水"}, WELL)

    assert [one if isinstance(one, Code) else type(one) for one in found] == [
        Finding,
        Code.VALUE_UNMAPPED,
        Inspection,
    ]


def test_a_list_of_problems_alone_does_not_tell_how_many_lines_were_checked():
    assert (inspection(LINE).lines_checked, inspection(LINE).lines_failed) == (None, 1)


def test_an_inspection_that_found_nothing_is_one_all_the_same():
    bare = {"巡查日期": "2026-06-23", "巡查类型": "日巡查", "中心": "村", "问题描述": "未发现问题。"}
    (whole,) = said(bare)

    assert (whole.lines_failed, whole.began_at) == (0, datetime(2026, 6, 22, 16, tzinfo=UTC))


@pytest.mark.parametrize(
    ("other", "inspections"),
    [
        ({}, 1),
        ({"巡查日期": "2026-06-23 15:00"}, 1),
        ({"巡查日期": "2026-06-24"}, 2),
        ({"巡查类型": "周督查"}, 2),
        ({"中心": "东铺镇便民服务中心"}, 2),
        ({"巡查人": "王*"}, 2),
    ],
)
def test_lines_of_one_day_kind_centre_and_inspector_are_one_inspection(other, inspections):
    found = said({**LINE, "巡查人": "李*"}, {**LINE, "巡查人": "李*", "检查内容": "乙", **other})

    assert sum(isinstance(one, Inspection) for one in found) == inspections


def test_an_inspections_own_number_goes_before_all_else():
    whole = inspection(
        {**LINE, "巡查编号": "XC20260623-01"}, {**WELL, "巡查编号": "XC20260623-01", "巡查日期": "2026-06-24"}
    )

    assert (whole.source_no, whole.lines_checked) == ("XC20260623-01", 2)


def test_lines_under_one_number_that_name_two_centres_set_the_inspection_aside_and_no_finding():
    found = said(
        {**LINE, "巡查编号": "XC20260623-01"},
        {**WELL, "巡查编号": "XC20260623-01", "中心": "东铺镇便民服务中心"},
    )

    assert (type(found[0]), found[1]) == (Finding, Code.FIELD_INVALID)


def test_neither_number_tells_who_the_inspectors_are():
    plain, masked = ({**LINE, "巡查人": who} for who in ("李四光、王五", "李**、王*"))

    assert [one.source_no for one in said(plain)] == [one.source_no for one in said(masked)]


@pytest.mark.requirement("R9")
def test_a_planned_inspection_is_one_without_a_beginning_and_keeps_its_number_when_it_is_made_a_day_late():
    planned = inspection(PLAN)
    made = inspection({**PLAN, "巡查日期": "2026-06-27", "检查项": "厅容厅貌", "是否符合": "符合"})

    assert (planned.planned_on, planned.began_at, planned.lines_failed) == (date(2026, 6, 26), None, None)
    assert (made.source_no, made.planned_on) == (planned.source_no, planned.planned_on)
    assert made.began_at == datetime(2026, 6, 26, 16, tzinfo=UTC)


def test_a_plan_is_older_than_the_inspection_that_was_made_of_it():
    made = {**PLAN, "巡查日期": "2026-06-27", "检查项": "厅容厅貌", "是否符合": "符合"}
    versions = [
        next(iter(SheetRecords(text([list(row), list(row.values())]), mapping().plan()))).version or ""
        for row in (PLAN, made)
    ]

    assert versions[0] < versions[1]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        pytest.param("咨询建议高频事项", HotTopicKind.FREQUENT, marks=pytest.mark.requirement("R11")),
        pytest.param("季节性高频事项", HotTopicKind.SEASONAL, marks=pytest.mark.requirement("R12")),
        pytest.param("可能引发投诉事项", HotTopicKind.RISK, marks=pytest.mark.requirement("R13")),
    ],
)
def test_what_inspectors_are_bidden_to_watch_stands_in_the_inspection_each_matter_once(column, kind):
    lines = [
        {**LINE, column: "社保卡补换、不动产登记"},
        {**WELL, column: "社保卡补换"},
        {**WELL, column: "无"},
    ]

    assert [(one.kind, one.item_name) for one in inspection(*lines).hot_topics] == [
        (kind, "社保卡补换"),
        (kind, "不动产登记"),
    ]


# --- a finding -----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R8")
@pytest.mark.parametrize(
    ("word", "domain"),
    [
        ("服务供给", CheckDomain.SUPPLY),
        ("服务保障", CheckDomain.SUPPORT),
        ("服务能力", CheckDomain.CAPACITY),
        ("服务质效", CheckDomain.QUALITY),
        ("标准化建设", CheckDomain.STANDARD),
        ("厅容厅貌", CheckDomain.PREMISES),
        ("环境秩序", CheckDomain.ORDER),
        ("文明形象", CheckDomain.CIVILITY),
        ("满意度提升", CheckDomain.SATISFACTION),
        ("着装", CheckDomain.CIVILITY),
        ("3.厅容厅貌", CheckDomain.PREMISES),
        ("环境秩序—在岗情况", CheckDomain.ORDER),
    ],
)
def test_every_line_of_a_checklist_belongs_to_one_of_nine_domains(word, domain):
    assert finding({"检查项": word}).domain is domain


@pytest.mark.requirement("R8")
def test_a_line_of_no_known_domain_is_set_aside_until_the_settings_or_the_sheet_tell_it():
    assert finding({"检查项": "风水"}) is Code.VALUE_UNMAPPED
    assert finding({"检查项": "风水"}, domains={"风水": "premises"}).domain is CheckDomain.PREMISES
    assert finding({"检查项": "风水", "检查领域": "厅容厅貌"}).domain is CheckDomain.PREMISES


@pytest.mark.requirement("R10")
@pytest.mark.parametrize(
    ("row", "severity"),
    [
        ({"严重程度": "应急"}, Severity.EMERGENCY),
        ({"严重程度": "突发", "整改时限": "3天"}, Severity.EMERGENCY),
        ({"严重程度": "重大"}, Severity.MAJOR),
        ({"整改时限": "立行立改"}, Severity.AT_ONCE),
        ({"整改时限": "2026-06-30"}, Severity.BY_DATE),
        ({"整改时限": "尽快"}, None),
        ({}, None),
    ],
)
def test_an_emergency_is_told_from_what_can_wait(row, severity):
    assert finding(row).severity is severity


def test_a_severity_that_no_table_knows_is_known_by_the_settings():
    assert finding({"严重程度": "A类"}) is Code.VALUE_UNMAPPED
    assert finding({"严重程度": "A类"}, severities={"A类": "emergency"}).severity is Severity.EMERGENCY


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({}, FindingState.OPEN),
        ({"整改情况": "已联系厂家"}, FindingState.OPEN),
        ({"整改情况": "已整改部分问题"}, FindingState.OPEN),
        ({"整改情况": "已整改。"}, FindingState.RECTIFIED),
        ({"整改情况": "已整改到位，标牌已更换"}, FindingState.RECTIFIED),
        ({"整改情况": "换了标牌", "整改完成时间": "2026-06-24"}, FindingState.RECTIFIED),
        ({"整改状态": "整改中", "整改情况": "已整改"}, FindingState.OPEN),
        ({"整改状态": "已销号"}, FindingState.CONFIRMED),
        ({"整改情况": "已整改", "复查结果": "合格"}, FindingState.CONFIRMED),
        ({"整改状态": "已整改", "复查结果": "不合格"}, FindingState.REJECTED),
        ({"整改情况": "已整改", "复查结果": "待复查"}, FindingState.RECTIFIED),
    ],
)
def test_only_words_that_say_so_plainly_close_a_finding_and_the_recheck_has_the_last(row, state):
    assert finding(row).state is state


@pytest.mark.parametrize("column", ["整改状态", "复查结果"])
def test_a_state_that_no_table_knows_is_set_aside(column):
    assert finding({column: "挂账"}) is Code.VALUE_UNMAPPED


def test_a_fixed_word_of_the_countys_own_is_known_by_the_settings():
    assert (
        finding({"整改情况": "挂账销号"}, progress={"挂账销号": "confirmed"}).state is FindingState.CONFIRMED
    )


def test_the_recheck_is_the_moment_of_its_confirmation_alone():
    row = {"复查时间": "2026-06-25 10:00", "复查情况": "现场查看"}
    right, wrong = finding({**row, "复查结果": "合格"}), finding({**row, "复查结果": "不合格"})

    assert (
        right.confirmed_at == right.rechecked_at == wrong.rechecked_at == datetime(2026, 6, 25, 2, tzinfo=UTC)
    )
    assert (wrong.confirmed_at, wrong.recheck) == (None, "现场查看")


@pytest.mark.requirement("R7")
def test_a_finding_names_the_one_that_it_looks_at_again():
    assert finding({"上次问题编号": "WT20260616007"}).previous_no == "WT20260616007"
    assert finding({"上次问题编号": ""}).previous_no is None


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"是否符合": "看情况"}, Code.VALUE_UNMAPPED),
        ({"是否符合": "符合"}, Code.FIELD_INVALID),
        ({"是否符合": "", "问题描述": ""}, Code.FIELD_MISSING),
        ({"问题描述": "", "检查项": "", "检查内容": ""}, Code.RECORD_EMPTY),
        ({"巡查日期": ""}, Code.FIELD_MISSING),
        ({"巡查日期": "待定"}, Code.FIELD_INVALID),
        ({"整改时限": "13月45日"}, Code.FIELD_INVALID),
        ({"问题编号": "4.11521E+17"}, Code.KEY_INVALID),
        ({"巡查编号": "4.11521E+17"}, Code.KEY_INVALID),
    ],
)
def test_a_line_that_cannot_be_used_is_set_aside_with_its_reason(row, outcome):
    assert finding(row) is outcome


def test_a_verdict_of_the_countys_own_is_known_by_the_settings():
    assert finding({"是否符合": "黄灯"}, verdicts={"黄灯": "failed"}).text == "窗口没有人。"


def test_a_line_that_failed_without_a_word_tells_the_point_that_it_failed():
    assert finding({"问题描述": ""}).text == "检查不符合——环境秩序：工作时间在岗"


def test_an_amended_line_is_the_same_finding_and_another_line_is_another():
    numbers = {
        finding(row).source_no for row in ({}, {"问题描述": "窗口没有人，已电话通知。", "整改情况": "已整改"})
    }

    assert len(numbers) == 1
    assert finding({"检查内容": "着装"}).source_no not in numbers


def test_problems_without_a_point_of_a_checklist_do_not_change_places():
    bare = {**LINE, "检查项": "", "检查内容": ""}
    rows = [{**bare, "问题描述": words} for words in ("灯坏了。", "门坏了。")]
    first, second = ([one.source_no for one in said(*order)[:2]] for order in (rows, rows[::-1]))

    assert first == second[::-1]


def test_a_problem_under_its_inspections_number_is_not_taken_for_the_inspection():
    found, whole = said({**LINE, "巡查编号": "XC20260623-01", "问题编号": "XC20260623-01"})

    assert (found.source_no, whole.source_no) == ("XC20260623-01/1", "XC20260623-01")


def test_photographs_are_named_and_a_bare_number_of_them_is_none():
    photos = finding({"照片": "IMG_1.jpg、/files/2.jpg 共3张"}).photos

    assert [(one.name, one.uri) for one in photos] == [("IMG_1.jpg", None), ("2.jpg", "/files/2.jpg")]


def test_a_form_of_an_inspectors_telephone_says_the_same_as_the_sheet():
    form = {
        "inspectedAt": "2026-06-23",
        "kind": "日巡查",
        "centre": "罗山县政务服务中心",
        "items": [
            {"area": "一楼3号窗口", "item": "环境秩序", "expected": "工作时间在岗", "verdict": "不符合", "problem": "窗口没有人。"},
            {"area": "一楼3号窗口", "item": "环境秩序", "expected": "工作时间在岗", "verdict": "符合"},
        ],
    }  # fmt: skip

    assert said(form=form) == said(LINE, WELL)
