"""What one work order of the hotline says; the samples and the contract hold the rest."""

import json
from datetime import UTC, datetime

import pytest

from hub.county.hotline_server import order_xml
from hub.errors import Code, RecordRejected
from hub.model.codes import Anonymity, DemandStatus, DemandType, ReporterType, Urgency
from hub.testing.factories import channel_context
from hub_channel_hotline.mapping import MAX_TITLE, OrderMapping, Tables
from hub_channel_hotline.settings import SoapSource, ViewSource, WorkflowSource
from hub_channel_hotline.soap import soap_mapping
from hub_channel_hotline.view import view_mapping, view_of
from hub_channel_hotline.workflow import workflow_mapping
from plugins.hotline.tests.make_samples import PLACE, ROW, STEP, SampleFiles

ORDER = {
    "工单编号": "230629102133115409",
    "来电时间": "2023-06-29 10:20:11",
    "更新时间": "2023-06-29 10:21:33",
    "诉求类型": "投诉",
    "标题": "窗口迟迟没有受理",
    "内容": "材料交齐以后一直没有受理。",
    "是否保密": "否",
    "工单状态": "已派遣",
}
CONTEXT = channel_context()


def soap(tables: Tables | None = None, **settings) -> OrderMapping:
    source = SoapSource(kind="soap", base_url="http://h", **settings)
    return soap_mapping(source, CONTEXT, tables or Tables())


def view(tables: Tables | None = None, **settings) -> OrderMapping:
    source = ViewSource.model_validate({"kind": "view", "database": PLACE, **settings})
    return view_mapping(source, CONTEXT, tables or Tables())


def workflow(**settings) -> OrderMapping:
    source = WorkflowSource(kind="workflow", base_url="http://h", **settings)
    return workflow_mapping(source, CONTEXT, Tables())


def said(mapping: OrderMapping | None = None, **fields):
    (demand,) = (mapping or soap()).demands(order_xml({**ORDER, **fields}).encode())
    return demand


def row_said(mapping: OrderMapping | None = None, **fields):
    (demand,) = (mapping or view()).demands(json.dumps({**ROW, **fields}).encode())
    return demand


def refused(mapping: OrderMapping | None = None, **fields) -> Code:
    with pytest.raises(RecordRejected) as caught:
        said(mapping, **fields)
    return caught.value.code


@pytest.mark.parametrize("name", ["soap", "view", "workflow"])
def test_the_samples_are_what_their_script_writes(name):
    assert SampleFiles.in_folder(name) == SampleFiles.written(name)


@pytest.mark.requirement("R54")
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("咨询", DemandType.CONSULTATION),
        ("求助", DemandType.HELP),
        ("投诉", DemandType.COMPLAINT),
        ("举报", DemandType.REPORT),
        ("意见建议", DemandType.SUGGESTION),
        ("感谢", DemandType.PRAISE),
        ("其它", DemandType.OTHER),
        ("3", DemandType.COMPLAINT),
        ("4", DemandType.REPORT),
    ],
)
def test_types_go_by_name_or_by_the_national_code(text, kind):
    assert said(诉求类型=text).demand_type is kind


@pytest.mark.parametrize("text", ["无效", "8", "挪车", "骚扰来电"])
def test_a_call_that_voices_no_demand_is_set_aside_as_such(text):
    assert refused(诉求类型=text) is Code.RECORD_EMPTY


def test_a_type_of_the_settings_goes_before_everything():
    tables = Tables(types={"挪车": DemandType.HELP, "3": DemandType.REPORT}, no_demand=frozenset({"回访"}))

    assert said(soap(tables), 诉求类型="挪车").demand_type is DemandType.HELP
    assert said(soap(tables), 诉求类型="3").demand_type is DemandType.REPORT
    assert refused(soap(tables), 诉求类型="回访") is Code.RECORD_EMPTY


@pytest.mark.parametrize(
    ("state", "status", "assigned"),
    [
        ("10", DemandStatus.PENDING, False),
        ("待受理", DemandStatus.PENDING, False),
        ("15", DemandStatus.SUPPLEMENT, False),
        ("20", DemandStatus.ACCEPTED, False),
        ("待派遣", DemandStatus.ACCEPTED, False),
        ("30", DemandStatus.ASSIGNED, True),
        ("待签收", DemandStatus.ASSIGNED, True),
        ("35", DemandStatus.IN_HAND, True),
        ("40", DemandStatus.IN_HAND, True),
        ("申请延期", DemandStatus.IN_HAND, True),
        ("督办中", DemandStatus.IN_HAND, True),
        ("重办", DemandStatus.IN_HAND, True),
        ("50", DemandStatus.ANSWERED, True),
        ("待回访", DemandStatus.ANSWERED, True),
        ("70", DemandStatus.CLOSED, True),
        ("不予受理", DemandStatus.REFUSED, False),
        ("并单", DemandStatus.MERGED, False),
        ("99", DemandStatus.VOID, False),
    ],
)
@pytest.mark.requirement("R73")
def test_an_order_that_the_platform_handed_over_bears_its_number(state, status, assigned):
    demand = said(工单状态=state)

    assert demand.status is status
    assert demand.assigned_no == (demand.source_no if assigned else None)


@pytest.mark.requirement("R73")
def test_the_platforms_own_term_is_kept():
    assert said(截止时间="2023-07-06 17:30:00").deadline_at == datetime(2023, 7, 6, 9, 30, tzinfo=UTC)
    extended = said(截止时间="2023-07-06 17:30:00", 延期截止时间="2023-07-13 17:30:00")
    assert extended.deadline_at == datetime(2023, 7, 13, 9, 30, tzinfo=UTC)


def test_a_message_without_a_state_was_handed_over_where_it_names_somebody():
    assert said(工单状态="", 承办单位="罗山县自然资源局").status is DemandStatus.ASSIGNED
    assert said(工单状态="").status is DemandStatus.PENDING


@pytest.mark.parametrize(
    ("length", "unit", "end", "marks"),
    [
        ("15", "分钟", "2023-06-29T02:35:11", 1),
        ("2", "小时", "2023-06-29T04:20:11", 1),
        ("5", "工作日", "2023-07-06T09:30:00", 1),
        ("5.0", "工作日", "2023-07-06T09:30:00", 1),
        ("5", "自然日", "2023-07-04T09:30:00", 1),
        ("0", "工作日", "2023-06-29T09:30:00", 1),
        ("2000", "工作日", "2031-", 2),
    ],
)
def test_a_term_that_is_a_length_is_reckoned_and_marked(length, unit, end, marks):
    demand = said(办理时限=length, 时限单位=unit)

    assert demand.deadline_at.astimezone(UTC).isoformat().startswith(end)
    assert len(demand.quality) == marks


def test_a_term_runs_from_the_hand_over():
    assert said(办理时限="2", 时限单位="小时", 派单时间="2023-06-29 12:00:00").deadline_at == datetime(
        2023, 6, 29, 6, 0, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"诉求类型": ""}, Code.FIELD_MISSING),
        ({"诉求类型": "飞行"}, Code.VALUE_UNMAPPED),
        ({"工单状态": "33"}, Code.VALUE_UNMAPPED),
        ({"紧急程度": "十万火急"}, Code.VALUE_UNMAPPED),
        ({"是否保密": "也许"}, Code.VALUE_UNMAPPED),
        ({"诉求人类型": "火星人"}, Code.VALUE_UNMAPPED),
        ({"性别": "7"}, Code.VALUE_UNMAPPED),
        ({"是否催单": "也许"}, Code.VALUE_UNMAPPED),
        ({"删除标志": "X"}, Code.VALUE_UNMAPPED),
        ({"办理时限": "5", "时限单位": "旬"}, Code.VALUE_UNMAPPED),
        ({"办理时限": "5"}, Code.VALUE_UNMAPPED),
        ({"办理时限": "五", "时限单位": "工作日"}, Code.FIELD_INVALID),
        ({"办理时限": "99999", "时限单位": "工作日"}, Code.FIELD_INVALID),
        ({"来电时间": "9999-12-30 00:00:00", "办理时限": "9999", "时限单位": "自然日"}, Code.FIELD_INVALID),
        ({"截止时间": "下周"}, Code.FIELD_INVALID),
        ({"来电时间": "0001-01-01 00:00:00"}, Code.FIELD_INVALID),
        ({"来电时间": "待定"}, Code.FIELD_INVALID),
        ({"来电时间": ""}, Code.FIELD_MISSING),
        ({"标题": "", "内容": " "}, Code.FIELD_MISSING),
        ({"工单编号": ""}, Code.KEY_MISSING),
        ({"工单编号": "9" * 129}, Code.KEY_INVALID),
        ({"内容": "排" * 1_200_000}, Code.RECORD_TOO_LARGE),
    ],
)
def test_what_cannot_be_used_is_set_aside_with_its_code(fields, code):
    assert refused(**fields) is code


@pytest.mark.parametrize(
    ("fields", "anonymity"),
    [
        ({"是否保密": "否"}, Anonymity.OPEN),
        ({"是否保密": "是"}, Anonymity.SECRET),
        ({"是否保密": ""}, Anonymity.SECRET),
        ({"是否保密": "否", "诉求类型": "举报"}, Anonymity.SECRET),
        ({"是否保密": "否", "是否匿名": "是"}, Anonymity.ANONYMOUS),
        ({"是否保密": "否", "诉求人": "匿名"}, Anonymity.ANONYMOUS),
        ({"诉求类型": "举报", "是否匿名": "1"}, Anonymity.ANONYMOUS),
    ],
)
def test_a_report_is_secret_whatever_the_platform_says_and_nothing_said_is_secret(fields, anonymity):
    assert said(**fields).anonymity is anonymity


def test_the_number_of_the_call_and_the_number_to_call_back_are_two_and_stay_as_they_came():
    reporter = said(诉求人="王女士", 来电号码="0376-2123456", 联系电话="138****5678").reporter

    assert (reporter.caller_phone, reporter.phone) == ("0376-2123456", "138****5678")
    assert (reporter.name, reporter.gender, reporter.type) == ("王女士", "2", ReporterType.UNKNOWN)


@pytest.mark.parametrize(
    "fields",
    [
        {"是否催单": "是"},
        {"诉求类型": "催单"},
        {"标题": "【催单】房屋过户"},
        {"标题": "催单：房屋过户"},
    ],
)
@pytest.mark.requirement("R26")
def test_a_call_that_presses_for_an_open_order_is_no_new_demand(fields):
    demand = said(原工单编号="230601000000000001", **fields)

    assert demand.chases_open_order
    assert demand.prev_source_no == "230601000000000001"
    assert not said(标题="催一催证件").chases_open_order


@pytest.mark.parametrize(
    ("text", "urgency", "labels"),
    [
        ("", Urgency.NORMAL, ()),
        ("特急", Urgency.CRITICAL, ()),
        ("2", Urgency.URGENT, ()),
        ("紧急件", Urgency.URGENT, ("紧急件",)),
        ("热点件", Urgency.NORMAL, ("热点件",)),
    ],
)
def test_urgency_and_its_labels(text, urgency, labels):
    demand = said(紧急程度=text)

    assert (demand.urgency, demand.labels) == (urgency, labels)


def test_a_title_beyond_the_bound_is_cut_and_the_words_are_kept():
    demand = said(标题="题" * 3_000)

    assert len(demand.title) == MAX_TITLE
    assert demand.content == ORDER["内容"]


def test_a_deleted_order_that_no_longer_tells_what_it_was_says_nothing():
    gone = order_xml({"工单编号": "1", "更新时间": "2023-07-01 08:00:00", "删除标志": "1"}).encode()

    assert soap().demands(gone) == []
    assert soap().landed(gone).deleted


def test_elements_that_this_platform_calls_otherwise_are_found():
    mapping = soap(names={"工单编号": "gdbh", "内容": "nr"})
    order = {
        ("gdbh" if name == "工单编号" else "nr" if name == "内容" else name): text
        for name, text in ORDER.items()
    }

    (demand,) = mapping.demands(order_xml(order).encode())

    assert (demand.source_no, demand.content) == (ORDER["工单编号"], ORDER["内容"])


# --- the view -----------------------------------------------------------------------------------------------------


def test_a_view_whose_caller_type_is_the_person_names_another_column_for_the_type():
    mapping = view(type_column="ORDER_TYPE")

    demand = row_said(mapping, CALLER_TYPE="企业", ORDER_TYPE="咨询")

    assert (demand.demand_type, demand.reporter.type) == (DemandType.CONSULTATION, ReporterType.ENTERPRISE)
    assert "ORDER_TYPE" in {
        column.name
        for column in view_of(
            ViewSource.model_validate({"kind": "view", "database": PLACE, "type_column": "ORDER_TYPE"})
        ).columns
    }


def test_a_view_may_name_a_column_for_the_urgency():
    assert (
        row_said(
            view(
                urgency_column="PILOT_LIGHT",
            ),
            PILOT_LIGHT="特急",
        ).urgency
        is Urgency.CRITICAL
    )
    assert row_said(PILOT_LIGHT="红").urgency is Urgency.NORMAL


def test_every_column_of_the_real_entity_is_read():
    columns = {
        column.name
        for column in view_of(ViewSource.model_validate({"kind": "view", "database": PLACE})).columns
    }

    assert columns == set(ROW)


# --- the workflow -------------------------------------------------------------------------------------------------


def step(stage: str, start: str, end: str, **more) -> bytes:
    return json.dumps(
        {**STEP, "ps_caption": stage, "pss_caption_start": start, "pss_caption_end": end, **more}
    ).encode()


STEPS = [
    ("受理", "", "待受理", DemandStatus.PENDING),
    ("受理", "待受理", "待补充", DemandStatus.SUPPLEMENT),
    ("受理", "待补充", "已受理", DemandStatus.ACCEPTED),
    ("预审", "已受理", "待派遣", DemandStatus.ACCEPTED),
    ("预审", "待派遣", "已派遣", DemandStatus.ASSIGNED),
    ("处置", "已派遣", "待处置", DemandStatus.ASSIGNED),
    ("处置", "待处置", "已处置", DemandStatus.ANSWERED),
    ("回访", "已处置", "待回访", DemandStatus.ANSWERED),
    ("回访", "待回访", "已回访", DemandStatus.ANSWERED),
    ("回访", "已回访", "待督办", DemandStatus.IN_HAND),
    ("结案", "已回访", "已结案", DemandStatus.CLOSED),
    ("结案", "已回访", "", DemandStatus.ANSWERED),
    ("回访", "", "", DemandStatus.ANSWERED),
    ("受理", "", "", DemandStatus.PENDING),
]


@pytest.mark.parametrize(("stage", "start", "end", "status"), STEPS)
def test_every_step_of_the_workflow_has_its_status(stage, start, end, status):
    (demand,) = workflow().demands(step(stage, start, end))

    assert demand.status is status


def test_steps_that_share_a_second_are_versions_in_the_workflows_order():
    bodies = [
        step("受理", "待受理", "已受理"),
        step("预审", "已受理", "待派遣"),
        step("预审", "待派遣", "已派遣"),
        step("处置", "待处置", "已处置"),
        step("结案", "已回访", "已结案"),
        step("处置", "已回访", "重办", update_time="2025-09-20 09:00:00"),
    ]
    landed = [workflow().landed(body) for body in bodies]

    versions = [str(record.version) for record in landed]
    assert len({record.source_no for record in landed}) == 1
    assert versions == sorted(versions)
    assert len(set(versions)) == len(versions)
