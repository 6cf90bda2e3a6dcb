"""What one record of the portal's list says; the samples and the contract hold the rest."""

import json
from datetime import UTC, datetime

import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.model.codes import Anonymity, DemandStatus, DemandType, ReporterType
from hub_channel_portal.mapping import MAX_TITLE, PortalMapping

MAPPING = PortalMapping(COUNTY_ZONE)
RECORD = {
    "zxbh": "ZX411521202306290015",
    "lx": "2",
    "lxmc": "投诉",
    "bt": "窗口迟迟没有受理",
    "nr": "材料交齐以后一直没有受理。",
    "sfgk": "1",
    "tjsj": "2023-06-29 10:21:33",
    "gxsj": "2023-06-29 11:00:00",
    "zt": "1",
}


def body(**fields) -> bytes:
    return json.dumps({**RECORD, **fields}, ensure_ascii=False).encode()


def said(mapping: PortalMapping = MAPPING, **fields):
    (demand,) = mapping.demands(body(**fields))
    return demand


def refused(**fields) -> Code:
    with pytest.raises(RecordRejected) as caught:
        MAPPING.demands(body(**fields))
    return caught.value.code


def test_a_naive_time_is_the_countys():
    assert said().submitted_at == datetime(2023, 6, 29, 2, 21, 33, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2023/06/29 10:21:33", "2023-06-29T10:21:33", "20230629102133", "2023-06-29T10:21:33+08:00"]
)
def test_other_forms_of_a_time_are_the_same_moment(text):
    assert said(tjsj=text).submitted_at == datetime(2023, 6, 29, 2, 21, 33, tzinfo=UTC)


def test_a_time_of_a_summer_with_daylight_saving_is_read_by_the_zones_history():
    assert said(tjsj="1988-07-01 12:00:00").submitted_at == datetime(1988, 7, 1, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(("moment", "utc"), [("1988-04-17 01:59:59", 17), ("1988-04-17 04:00:00", 19)])
def test_both_sides_of_a_day_on_which_the_clock_changed_are_read_right(moment, utc):
    submitted = said(tjsj=moment).submitted_at
    assert submitted.hour == utc


@pytest.mark.parametrize(
    ("lx", "lxmc", "expected"),
    [
        ("2", "投诉", DemandType.COMPLAINT),
        ("4", "求助", DemandType.HELP),  # this portal's 4 is no report: its own name says so
        ("4", "举报", DemandType.REPORT),
        ("4", "", DemandType.REPORT),
        ("4", None, DemandType.REPORT),
        ("", "咨询", DemandType.CONSULTATION),
        ("6", "称赞", DemandType.PRAISE),
    ],
)
def test_the_portals_own_name_of_the_type_goes_before_its_code(lx, lxmc, expected):
    assert said(lx=lx, lxmc=lxmc).demand_type is expected


def test_a_code_in_the_settings_goes_before_everything():
    mapping = PortalMapping(
        COUNTY_ZONE, {"2": DemandType.SUGGESTION, "77": DemandType.OTHER}, {"88": DemandStatus.CLOSED}
    )

    assert said(mapping).demand_type is DemandType.SUGGESTION
    assert said(mapping, lx="77", lxmc="挪车").demand_type is DemandType.OTHER
    assert said(mapping, zt="88").status is DemandStatus.CLOSED
    assert said(mapping, lx="1", lxmc="咨询").demand_type is DemandType.CONSULTATION


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"lx": "77", "lxmc": "挪车"}, Code.VALUE_UNMAPPED),
        ({"lx": "", "lxmc": "挪车"}, Code.VALUE_UNMAPPED),
        ({"lx": None, "lxmc": None}, Code.FIELD_MISSING),
        ({"zt": "88"}, Code.VALUE_UNMAPPED),
        ({"zt": None}, Code.VALUE_UNMAPPED),
        ({"sfgk": "7"}, Code.VALUE_UNMAPPED),
        ({"op": "X"}, Code.VALUE_UNMAPPED),
        ({"zxbh": "Z" * 129}, Code.KEY_INVALID),
        ({"zxbh": "ZX\n1"}, Code.KEY_INVALID),
        ({"zxbh": " "}, Code.KEY_MISSING),
        ({"tjsj": "待定"}, Code.FIELD_INVALID),
        ({"tjsj": "0001-01-01 00:00:00"}, Code.FIELD_INVALID),
        ({"nr": "排" * 1_200_000}, Code.RECORD_TOO_LARGE),
        ({"fj": "1.jpg"}, Code.FIELD_INVALID),
        ({"fj": [{"name": ["1.jpg"]}]}, Code.FIELD_INVALID),
    ],
)
def test_what_cannot_be_used_is_set_aside_with_its_code(fields, code):
    assert refused(**fields) is code


@pytest.mark.parametrize(
    ("sfgk", "expected"),
    [
        ("0", Anonymity.SECRET),
        ("1", Anonymity.OPEN),
        (None, Anonymity.SECRET),
        ("", Anonymity.SECRET),
        (1, Anonymity.OPEN),
    ],
)
def test_nothing_said_about_publication_means_secret(sfgk, expected):
    assert said(sfgk=sfgk).anonymity is expected


@pytest.mark.parametrize(
    ("fields", "account"),
    [
        ({"zhid": "u-7f31c0"}, "u-7f31c0"),
        ({"yhhash": "9c2f"}, "hash:9c2f"),
        ({"zhid": "u-7f31c0", "yhhash": "9c2f"}, "u-7f31c0"),
        ({"zhid": "null"}, None),
        ({}, None),
    ],
)
def test_the_account_or_the_portals_own_hash_names_a_person_whose_number_is_masked(fields, account):
    assert said(sjh="138****5678", **fields).reporter.account == account


def test_a_business_licence_is_no_identity_card():
    reporter = said(zjlx="821", zjhm="91411521MA00000000").reporter

    assert (reporter.type, reporter.uscc, reporter.id_no) == (
        ReporterType.ENTERPRISE,
        "91411521MA00000000",
        None,
    )


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        (b"411521202306290016", "411521202306290016"),
        (b"4115212023062900161234567", "4115212023062900161234567"),
        (b"1.3900002222E10", "13900002222"),
        (b"13900002222.0", "13900002222"),
    ],
)
def test_a_number_keeps_its_digits(number, digits):
    raw = body(sjh="@").replace(b'"@"', number).replace(b'"ZX411521202306290015"', b"411521202306290016")

    (demand,) = MAPPING.demands(raw)

    assert (demand.source_no, demand.reporter.phone) == ("411521202306290016", digits)


def test_a_title_beyond_the_bound_is_cut_and_the_words_are_kept():
    demand = said(bt="题" * 3_000)

    assert len(demand.title) == MAX_TITLE
    assert demand.content == RECORD["nr"]


def test_a_record_without_content_says_its_title():
    assert said(nr="<p></p>").content == RECORD["bt"]


def test_a_deleted_record_that_no_longer_tells_what_it_was_says_nothing():
    gone = json.dumps({"zxbh": "ZX1", "op": "D", "gxsj": "2023-07-01 08:00:00"}).encode()

    assert MAPPING.demands(gone) == []
    assert MAPPING.landed(gone).deleted


@pytest.mark.parametrize(
    ("fields", "deleted"),
    [
        ({"sc": "1"}, True),
        ({"sc": 1}, True),
        ({"sc": True}, True),
        ({"op": "d"}, True),
        ({"sc": "0", "op": "U"}, False),
    ],
)
def test_both_marks_of_deletion_are_understood(fields, deleted):
    assert MAPPING.landed(body(**fields)).deleted is deleted
    assert said(**fields).deleted is deleted


def test_the_version_compares_as_the_update_times_do():
    versions = [
        str(MAPPING.landed(body(gxsj=text)).version)
        for text in ("2023-06-29 09:59:59", "2023/06/29 10:00:00", "20230629100001", "2023-06-29 10:00:02")
    ]

    assert versions == sorted(versions)
    assert len(set(versions)) == 4


@pytest.mark.parametrize(
    ("fields", "code", "number"),
    [
        ({"gxsj": "待定"}, Code.POSITION_UNREADABLE, RECORD["zxbh"]),
        ({"gxsj": None}, Code.POSITION_UNREADABLE, RECORD["zxbh"]),
        ({"zxbh": ""}, Code.KEY_MISSING, None),
        ({"zxbh": ["ZX1"]}, Code.FIELD_INVALID, None),
    ],
)
def test_a_record_that_cannot_be_landed_says_why(fields, code, number):
    landed = MAPPING.landed(body(**fields))

    assert landed.problem is not None
    assert (landed.problem.code, landed.source_no) == (code, number)


def test_an_unknown_mark_of_deletion_does_not_cost_the_record_its_number():
    landed = MAPPING.landed(body(op="X"))

    assert (landed.source_no, landed.problem, landed.deleted) == (RECORD["zxbh"], None, False)
