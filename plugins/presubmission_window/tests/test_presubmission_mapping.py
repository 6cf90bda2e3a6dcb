"""Which rows of a presubmission ledger carry a demand, and what it says."""

from datetime import UTC, datetime

import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.model.codes import Anonymity, DemandStatus, DemandType, Nature, ReporterType, Watch
from hub.model.nature import nature_of
from hub.sdk import RawRecord
from hub.sdk.readers.sheet import SheetRecords
from hub.testing.workbooks import text
from hub_channel_presubmission_window.mapping import PresubmissionMapping
from hub_channel_presubmission_window.settings import PresubmissionWindowSettings

SOURCE = {"kind": "folder", "path": "/nonexistent/drop"}
ROW = {
    "日期": "2026-06-23",
    "预审窗口": "2号窗口",
    "申请人": "张三丰",
    "联系电话": "13900001234",
    "事项名称": "取水许可",
    "预审结果": "退回",
    "退回次数": "2",
}


def mapping(**settings):
    return PresubmissionMapping(
        PresubmissionWindowSettings.model_validate({"source": SOURCE, **settings}), COUNTY_ZONE
    )


def read(*rows, **settings):
    """Demands (or the code of what is set aside) of each record, and the tally."""
    ours = mapping(**settings)
    given = [{**ROW, **row} for row in rows]
    head = list(dict.fromkeys(name for row in given for name in row))
    content = text([head, *([row.get(name) for name in head] for row in given)])
    records = SheetRecords(content, ours.plan(), ours.demand)
    return [said(ours, record) for record in records], records.tally


def said(ours, record: RawRecord):
    if record.problem is not None:
        return record.problem.code
    try:
        return ours.demand(record)
    except RecordRejected as exc:
        return exc.code


def one(row=None, **settings):
    (found,), _ = read(row or {}, **settings)
    return found


# --- what is a demand --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"预审结果": "通过", "退回次数": ""}, "passed"),
        ({"预审结果": "通过", "退回次数": "0", "群众意见": "满意。"}, "passed"),
        ({"预审结果": "通过", "退回次数": "1"}, "passed"),
        ({"退回次数": "1"}, "returned_once"),
        ({"退回次数": ""}, "returned_once"),
        ({"退回次数": "", "群众意见": "无"}, "returned_once"),
    ],
)
def test_a_row_of_the_windows_daily_work_is_no_demand_and_is_counted(row, why):
    found, tally = read(row)

    assert (found, tally.passed_over, tally.rows) == ([], {why: 1}, 1)


@pytest.mark.requirement("R1")
def test_who_was_returned_twice_and_has_said_nothing_is_unvoiced():
    demand = one({"退回次数": "2"})

    assert demand.demand_type is DemandType.OTHER
    assert nature_of(Watch.INSIGHT, demand.demand_type) is Nature.UNVOICED
    assert demand.labels == ("多次退回",)
    assert demand.status is DemandStatus.SUPPLEMENT


def test_a_row_that_passed_after_two_returns_is_a_demand_that_is_closed():
    assert one({"预审结果": "通过", "退回次数": "2"}).status is DemandStatus.CLOSED


@pytest.mark.parametrize("least", [1, 3])
def test_from_how_many_returns_on_a_row_is_a_demand_is_set(least):
    below, _ = read({"退回次数": str(least - 1) if least > 1 else "0"}, least_returns=least)
    at, _ = read({"退回次数": str(least)}, least_returns=least)

    assert (below, len(at)) == ([], 1)


def test_a_row_that_passed_with_an_opinion_is_a_demand_in_the_applicants_words():
    demand = one({"预审结果": "通过", "退回次数": "", "群众意见": "请开设延时服务。"})

    assert demand.content.startswith("请开设延时服务。")
    assert demand.demand_type is DemandType.SUGGESTION


def test_words_that_stand_for_no_opinion_may_be_the_countys_own():
    found, tally = read({"退回次数": "", "群众意见": "同意"}, no_opinion=["同意"])

    assert (found, tally.passed_over) == ([], {"returned_once": 1})


def test_the_rows_of_a_day_reconcile():
    found, tally = read(
        {"退回次数": "2"},
        {"预审结果": "通过", "退回次数": ""},
        {"退回次数": "1"},
        {"预审结果": "待定"},
        {"退回次数": "多次"},
        {"日期": ""},
    )

    assert (tally.rows, tally.records, tally.set_aside_count) == (6, 4, 3)
    assert tally.passed_over == {"passed": 1, "returned_once": 1}
    assert found[1:] == [Code.VALUE_UNMAPPED, Code.FIELD_INVALID, Code.FIELD_MISSING]


# --- tables ------------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("R26")
def test_a_result_and_a_type_that_no_table_knows_set_the_row_aside_until_the_settings_know_them():
    assert one({"预审结果": "容缺受理"}) is Code.VALUE_UNMAPPED
    assert one({"群众意见": "快些", "意见类型": "牢骚"}) is Code.VALUE_UNMAPPED
    assert one({"预审结果": "容缺受理"}, results={"容缺受理": "returned"}).status is DemandStatus.SUPPLEMENT
    assert (
        one({"群众意见": "快些", "意见类型": "牢骚"}, types={"牢骚": "complaint"}).demand_type
        is DemandType.COMPLAINT
    )


@pytest.mark.parametrize(
    ("word", "kind"),
    [("投诉", DemandType.COMPLAINT), ("咨询", DemandType.CONSULTATION), ("举报", DemandType.REPORT)],
)
def test_the_type_of_an_opinion_is_what_the_sheet_says(word, kind):
    assert one({"群众意见": "快些", "意见类型": word}).demand_type is kind


def test_settings_fill_in_what_no_row_names():
    demand = one(
        {"预审窗口": ""},
        window="综合窗口",
        organisation="县政务服务中心",
        anonymity="open",
        opinion_type="help",
    )

    assert (demand.sub_source, demand.target_org, demand.anonymity) == (
        "综合窗口",
        "县政务服务中心",
        Anonymity.OPEN,
    )
    assert one({"群众意见": "快些"}, opinion_type="help").demand_type is DemandType.HELP


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("某某商贸有限公司", ReporterType.ENTERPRISE),
        ("罗山某某建材厂", ReporterType.ENTERPRISE),
        ("张三丰", ReporterType.UNKNOWN),
    ],
)
def test_a_company_is_known_by_its_name_and_nobody_else_is_guessed(name, kind):
    assert one({"申请人": name}).reporter.type is kind


# --- numbers -----------------------------------------------------------------------------------------------------------------


def number(row, **settings):
    return one(row, **settings).source_no


def test_the_sheets_own_number_names_the_record_and_a_short_one_counts_with_its_day():
    assert number({"预审编号": "411521YS0007"}) == "411521YS0007"
    assert number({"预审编号": "7"}) == "20260623-7"


def test_a_running_number_of_the_sheet_names_nothing():
    assert number({"序号": "1"}) == number({"序号": "9"})


@pytest.mark.parametrize(
    "change",
    [
        {"退回次数": "5"},
        {"预审结果": "通过"},
        {"缺少材料": "无"},
        {"群众意见": "快些"},
        {"经办人": "王"},
        {"日期": "2026年6月23日"},
    ],
)
def test_an_amended_row_keeps_its_number(change):
    assert number(change) == number({})


@pytest.mark.parametrize(
    "change",
    [
        {"日期": "2026-06-24"},
        {"预审窗口": "3号窗口"},
        {"事项名称": "水土保持方案审批"},
        {"申请人": "李四"},
        {"联系电话": "13900004321"},
    ],
)
def test_another_matter_has_another_number(change):
    assert number(change) != number({})


def test_of_a_person_no_more_goes_into_a_number_than_a_masked_value_shows():
    assert number({"申请人": "张**", "联系电话": "139****1234"}) == number({})


def test_two_alike_on_one_day_are_two_records():
    found, _ = read({}, {})

    assert found[1].source_no == f"{found[0].source_no}-2"


def test_times_without_a_zone_are_the_countys():
    assert one({"日期": "2026-06-23 09:05"}).submitted_at == datetime(2026, 6, 23, 1, 5, tzinfo=UTC)
