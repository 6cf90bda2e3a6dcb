"""What a row of the ledger of visits says."""

from datetime import UTC, datetime

import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.model.codes import Authority, CentreLevel, FindingState, InspectionKind, Severity, Trait
from hub.sdk.readers.sheet import SheetRecords
from hub.testing.workbooks import text
from hub_channel_leader_visit.mapping import LeaderVisitMapping
from hub_channel_leader_visit.settings import LeaderVisitSettings

SOURCE = {"kind": "folder", "path": "/nonexistent/drop"}
ROW = {
    "视察时间": "2026-06-23 10:00",
    "视察领导/机关": "县人大常委会",
    "指出问题": "高峰期排队超过两小时。",
    "牵头单位": "县自然资源局",
}


def one(row=None, **settings):
    """The finding of a row, or the code with which it is set aside."""
    ours = LeaderVisitMapping(LeaderVisitSettings.model_validate({"source": SOURCE, **settings}), COUNTY_ZONE)
    given = {**ROW, **(row or {})}
    (record,) = SheetRecords(text([list(given), list(given.values())]), ours.plan())
    if record.problem is not None:
        return record.problem.code
    try:
        return ours.finding(record)
    except RecordRejected as exc:
        return exc.code


@pytest.mark.requirement("R50")
@pytest.mark.parametrize(
    ("who", "authority"),
    [
        ("县委", Authority.PARTY_COMMITTEE),
        ("县委书记 孙*", Authority.PARTY_COMMITTEE),
        ("县政府", Authority.GOVERNMENT),
        ("罗山县人民政府副县长", Authority.GOVERNMENT),
        ("县人大常委会", Authority.CONGRESS),
        ("县政协", Authority.CONSULTATIVE),
        ("县政协委员视察组", Authority.CONSULTATIVE),
        ("县纪委监委", Authority.DISCIPLINE),
        ("县委巡察组", Authority.DISCIPLINE),
        ("县审计局", Authority.AUDIT),
        ("信阳市政务服务和大数据管理局", Authority.SUPERIOR),
        ("市政协", Authority.SUPERIOR),
        ("河南省审计厅", Authority.SUPERIOR),
    ],
)
def test_every_visit_names_the_authority_whose_it_was(who, authority):
    finding = one({"视察领导/机关": who})

    assert (finding.authority, finding.authority_name) == (authority, who)
    assert finding.inspection_kind is InspectionKind.VISIT


@pytest.mark.requirement("R50")
@pytest.mark.parametrize(
    "who", ["某调研组", "县城市管理局", "县市场监督管理局", "城市管理局", "市场监督管理局"]
)
def test_a_body_that_is_none_of_these_is_never_guessed(who):
    assert one({"视察领导/机关": who}) is Code.VALUE_UNMAPPED
    assert one({"视察领导/机关": who}, authorities={who: "other"}).authority is Authority.OTHER
    assert one({"视察领导/机关": who, "监督类型": "政协"}).authority is Authority.CONSULTATIVE


def test_whose_ledger_it_is_fills_in_for_rows_that_name_nobody():
    assert one({"视察领导/机关": ""}) is Code.FIELD_MISSING
    assert one({"视察领导/机关": ""}, authority="audit").authority is Authority.AUDIT
    assert one({"监督类型": "某某"}) is Code.VALUE_UNMAPPED


@pytest.mark.requirement("R51")
@pytest.mark.parametrize(
    ("word", "trait"),
    [
        ("影响差", Trait.BAD_INFLUENCE),
        ("阻力大", Trait.RESISTANCE),
        ("协调难", Trait.HARD_TO_COORDINATE),
        ("苗头性", Trait.EMERGING),
        ("倾向性问题", Trait.TENDENCY),
        pytest.param("群诉隐患", Trait.GROUP_RISK, marks=pytest.mark.requirement("R53")),
    ],
)
def test_the_traits_of_the_notice_are_told_apart(word, trait):
    assert one({"问题特征": word}).traits == (trait,)


@pytest.mark.requirement("R51")
def test_several_traits_stand_in_one_cell_and_an_unknown_one_sets_the_row_aside():
    assert one({"问题特征": "阻力大、协调难；阻力大"}).traits == (Trait.RESISTANCE, Trait.HARD_TO_COORDINATE)
    assert one({"问题特征": "阻力大、久拖不决"}) is Code.VALUE_UNMAPPED
    assert one({"问题特征": "久拖不决"}, traits={"久拖不决": "knotty"}).traits == (Trait.KNOTTY,)
    assert one({"问题特征": "无"}).traits == ()


@pytest.mark.requirement("R52")
@pytest.mark.parametrize(
    ("row", "state", "confirmed_at", "quality"),
    [
        ({}, FindingState.OPEN, None, ()),
        ({"进展": "已协调三家单位"}, FindingState.OPEN, None, ()),
        ({"进展": "已整改到位"}, FindingState.RECTIFIED, None, ()),
        ({"进展": "已整改", "销号": "申请销号"}, FindingState.RECTIFIED, None, ()),
        ({"进展": "增设窗口", "整改完成时间": "2026-06-25"}, FindingState.RECTIFIED, None, ()),
        ({"销号": "否"}, FindingState.OPEN, None, ()),
        ({"销号": "是", "销号时间": "2026-06-30 09:00"}, FindingState.CONFIRMED, datetime(2026, 6, 30, 1, tzinfo=UTC), ()),
        ({"销号": "2026-06-30 09:00"}, FindingState.CONFIRMED, datetime(2026, 6, 30, 1, tzinfo=UTC), ()),
        ({"销号时间": "2026-06-30 09:00"}, FindingState.CONFIRMED, datetime(2026, 6, 30, 1, tzinfo=UTC), ()),
        ({"销号": "已销号"}, FindingState.CONFIRMED, None, ("CONFIRMED_UNDATED",)),
    ],
)  # fmt: skip
def test_a_finding_stays_open_until_the_authority_confirms(row, state, confirmed_at, quality):
    finding = one(row)

    assert (finding.state, finding.confirmed_at, finding.quality) == (state, confirmed_at, quality)


@pytest.mark.requirement("R52")
def test_no_word_of_the_unit_itself_confirms():
    assert one({"进展": "自行销号"}, progress={"自行销号": "confirmed"}).state is FindingState.RECTIFIED


@pytest.mark.parametrize("closing", ["再议", "下次会议"])
def test_a_word_for_closing_that_no_table_knows_sets_the_row_aside(closing):
    assert one({"销号": closing}) is Code.VALUE_UNMAPPED


def test_an_instruction_alone_is_a_finding_and_neither_problem_nor_instruction_is_none():
    finding = one({"指出问题": "", "批示原文": "请一周内整改。"})

    assert (finding.text, finding.instruction) == ("请一周内整改。", "请一周内整改。")
    assert one({"指出问题": "无", "批示原文": ""}) is Code.RECORD_EMPTY


def test_host_and_co_hosts_are_kept_apart():
    finding = one({"配合单位": "县税务局、县住建局"})

    assert (finding.organisation, finding.co_organisations) == ("县自然资源局", ("县税务局", "县住建局"))


@pytest.mark.parametrize(
    ("row", "severity"),
    [({}, None), ({"整改时限": "立即"}, Severity.AT_ONCE), ({"整改时限": "3天"}, Severity.BY_DATE), ({"严重程度": "应急"}, Severity.EMERGENCY)],
)  # fmt: skip
def test_how_soon_it_must_be_put_right_is_told(row, severity):
    assert one(row).severity is severity


def test_a_visit_of_a_service_centre_names_its_level_and_any_other_needs_none():
    assert one({"中心": "东铺镇便民服务中心"}).level is CentreLevel.TOWNSHIP
    assert one({"中心": "某处"}) is Code.VALUE_UNMAPPED
    assert (one().level, one().centre) == (None, None)


def test_a_row_without_a_day_is_set_aside():
    assert one({"视察时间": ""}) is Code.FIELD_MISSING
    assert one({"视察时间": "待定"}) is Code.FIELD_INVALID


def test_a_ledger_without_numbers_gives_numbers_that_last_while_it_is_filled_in():
    first, later = one(), one({"进展": "已整改到位", "销号": "是", "视察时间": "2026-06-23"})

    assert first.source_no == later.source_no
    assert first.source_no.startswith("SC-")
    assert one({"指出问题": "大厅无人引导。"}).source_no != first.source_no
