"""What a row of the register of the window for what could not be got done says."""

from datetime import UTC, datetime

import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.model.codes import BusinessClass, DemandStatus, DemandType, ReporterType
from hub.sdk.readers.sheet import SheetRecords
from hub.testing.workbooks import text
from hub_channel_unresolved_window.mapping import UnresolvedMapping
from hub_channel_unresolved_window.settings import UnresolvedWindowSettings

SOURCE = {"kind": "folder", "path": "/nonexistent/drop"}
ROW = {
    "登记编号": "BCS20260623001",
    "反映时间": "2026-06-23 09:40",
    "反映人": "张三丰",
    "联系方式": "13900001234",
    "事项": "取水许可",
    "诉求": "一直没有办成。",
}


def mapping(**settings):
    return UnresolvedMapping(
        UnresolvedWindowSettings.model_validate({"source": SOURCE, **settings}), COUNTY_ZONE
    )


def one(row=None, **settings):
    """The demand of a row, or the code with which it is set aside."""
    ours = mapping(**settings)
    given = {**ROW, **(row or {})}
    (record,) = SheetRecords(text([list(given), list(given.values())]), ours.plan())
    if record.problem is not None:
        return record.problem.code
    try:
        return ours.demand(record)
    except RecordRejected as exc:
        return exc.code


def test_every_row_is_a_demand_for_help_unless_it_says_what_else():
    assert one().demand_type is DemandType.HELP
    assert one({"诉求类型": "投诉"}).demand_type is DemandType.COMPLAINT
    assert one(default_type="complaint").demand_type is DemandType.COMPLAINT


@pytest.mark.requirement("R26")
def test_a_type_and_a_method_that_no_table_knows_set_the_row_aside_until_the_settings_know_them():
    assert one({"诉求类型": "吐槽"}) is Code.VALUE_UNMAPPED
    assert one({"处理方式": "挂起"}) is Code.VALUE_UNMAPPED
    assert one({"诉求类型": "吐槽"}, types={"吐槽": "suggestion"}).demand_type is DemandType.SUGGESTION
    assert one({"处理方式": "挂起"}, methods={"挂起": "coordinated"}).status is DemandStatus.IN_HAND


@pytest.mark.requirement("R73")
@pytest.mark.parametrize(
    ("row", "assigned"),
    [
        ({"处理方式": "转办", "转办单位": "县水利局"}, True),
        ({"处理方式": "协调", "转办单位": "县水利局、县自然资源局"}, True),
        ({"处理方式": "转办"}, False),
        ({"处理方式": "当场"}, False),
        ({}, False),
    ],
)
def test_what_the_window_has_handed_to_a_unit_is_assigned_already(row, assigned):
    assert one(row).assigned_no == ("BCS20260623001" if assigned else None)


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({}, DemandStatus.ACCEPTED),
        ({"处理方式": "当场"}, DemandStatus.CLOSED),
        ({"处理方式": "转办"}, DemandStatus.ASSIGNED),
        ({"处理方式": "转办", "办理结果": "办理中"}, DemandStatus.IN_HAND),
        ({"处理方式": "转办", "办理结果": "已办结。"}, DemandStatus.CLOSED),
        ({"处理方式": "转办", "办理结果": "已协调水利局上门办理"}, DemandStatus.ANSWERED),
    ],
)
def test_the_status_is_what_the_clerk_wrote_of_the_result_else_of_the_method(row, status):
    assert one(row).status is status


def test_a_fixed_word_of_the_county_is_a_result():
    assert one({"办理结果": "销号"}, results={"销号": "closed"}).status is DemandStatus.CLOSED


@pytest.mark.parametrize(
    ("reason", "kind", "labels"),
    [
        ("部门推诿", BusinessClass.CONDUCT, ("部门推诿",)),
        ("材料不全", BusinessClass.BUSINESS, ("材料不全",)),
        ("说不清", BusinessClass.UNDECIDED, ()),
        ("", BusinessClass.UNDECIDED, ()),
    ],
)
def test_the_reason_tells_business_from_conduct_where_it_is_known_and_stands_in_the_words(
    reason, kind, labels
):
    demand = one({"办不成原因": reason})

    assert (demand.business_class, demand.labels) == (kind, labels)
    assert (f"办不成原因：{reason}" in demand.content) is bool(reason)


def test_a_reason_of_the_countys_own_may_be_known():
    assert one({"办不成原因": "脱岗"}, reasons={"脱岗": "conduct"}).business_class is BusinessClass.CONDUCT


@pytest.mark.parametrize(
    ("promise", "deadline"),
    [
        ("2026-06-26", datetime(2026, 6, 26, 15, 59, 59, tzinfo=UTC)),
        ("2026年6月26日12时", datetime(2026, 6, 26, 4, tzinfo=UTC)),
        ("5个工作日", None),
        ("", None),
    ],
)
def test_a_promised_day_is_a_deadline_up_to_its_end_and_a_number_of_days_is_told_in_words(promise, deadline):
    demand = one({"承诺时限": promise})

    assert demand.deadline_at == deadline
    assert (f"承诺时限：{promise}" in demand.content) is bool(promise)


@pytest.mark.parametrize(
    ("word", "kind", "quality"),
    [
        ("个人", ReporterType.PERSON, ()),
        ("企业", ReporterType.ENTERPRISE, ()),
        ("", ReporterType.UNKNOWN, ()),
        ("合作社", ReporterType.UNKNOWN, ("REPORTER_TYPE_UNKNOWN",)),
    ],
)
def test_who_somebody_is_keeps_no_demand_back(word, kind, quality):
    demand = one({"身份": word})

    assert (demand.reporter.type, demand.quality) == (kind, quality)


def test_an_identity_of_the_countys_own_may_be_known():
    assert (
        one({"身份": "合作社"}, identities={"合作社": "enterprise"}).reporter.type is ReporterType.ENTERPRISE
    )


def test_who_is_dissatisfied_after_the_call_bears_a_label():
    assert one({"满意度": "不满意"}).labels == ("回访不满意",)
    assert one({"满意度": "满意"}).labels == ()


def test_a_row_with_an_item_alone_is_a_demand_and_one_with_nothing_is_none():
    assert one({"诉求": ""}).content == "办理“取水许可”未办成。"
    assert one({"诉求": "", "事项": ""}) is Code.RECORD_EMPTY


def test_settings_fill_in_what_no_row_names():
    demand = one(window="一楼窗口", organisation="县政务服务中心", anonymity="open")

    assert (demand.sub_source, demand.target_org) == ("一楼窗口", "县政务服务中心")
    assert one({"涉及窗口/单位": "水利窗口"}, organisation="县政务服务中心").target_org == "水利窗口"


def test_a_register_without_numbers_gives_numbers_that_last_and_tell_nobody():
    first, amended = one({"登记编号": ""}), one({"登记编号": "", "办理结果": "已办结", "诉求": "补充说明"})
    masked = one({"登记编号": "", "反映人": "张**", "联系方式": "139****1234"})

    assert first.source_no == amended.source_no == masked.source_no
    assert first.source_no.startswith("BCS-")


def test_a_number_whose_digits_are_lost_sets_the_row_aside():
    assert one({"登记编号": "4.11521E+17"}) is Code.KEY_INVALID


def test_a_row_without_a_time_is_set_aside():
    assert one({"反映时间": ""}) is Code.FIELD_MISSING
