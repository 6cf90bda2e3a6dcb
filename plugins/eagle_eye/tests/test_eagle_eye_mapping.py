"""What one record of the eagle-eye's lists says; the samples and the contract hold the rest."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.model.case import Case
from hub.model.codes import (
    AnomalyType,
    CaseState,
    FindingState,
    Level,
    MonitorModule,
    RatingLevel,
    ReporterType,
    TermUnit,
)
from hub.model.inspection import Finding
from hub.model.monitor import MonitorEvent
from hub.model.rating import Rating
from hub.sdk import RawRecord
from hub_channel_eagle_eye.codes import SCALES, CodeTables, Device, Tables
from hub_channel_eagle_eye.mapping import EagleEyeMapping
from hub_channel_eagle_eye.names import FIELDS
from hub_channel_eagle_eye.process_events import ProcessEvents
from hub_channel_eagle_eye.settings import EagleEyeSettings, HttpSource
from hub_channel_eagle_eye.shapes import Shape, shape_of
from plugins.eagle_eye.tests.test_eagle_eye_contract import DEVICES, MAPPING, SAMPLES

CASE = {
    "internalNo": "411521230620000187",
    "applyDate": "2023-06-20 09:02:11",
    "acceptDate": "2023-06-20 10:15:00",
    "status": "5",
    "updateDate": "2023-06-20 10:15:05",
}
RATING = {
    "evaluateId": "500521230629000015",
    "internalNo": "411521230620000187",
    "vendor": "ZK",
    "level": "3",
    "evaluateTime": "2023-06-29 10:21:33",
}
EVENT = {
    "eventID": "600521230629000001",
    "warnType": "1",
    "warnLevel": "2",
    "warnReason": "承诺件超过承诺时限1个工作日",
    "occurTime": "20230629093000",
}
RECORDS = {Shape.CASE: CASE, Shape.RATING: RATING, Shape.EVENT: EVENT}


def mapping(*devices: Device, names: dict[str, str] | None = None, **codes: object) -> EagleEyeMapping:
    tables = Tables.of(CodeTables.model_validate(codes), devices)
    return EagleEyeMapping(COUNTY_ZONE, tables, names or {}, ProcessEvents(COUNTY_ZONE, tables).said)


def body(shape: Shape, **fields: object) -> bytes:
    return json.dumps({**RECORDS[shape], **fields}, ensure_ascii=False).encode()


def said(shape: Shape, by: EagleEyeMapping = MAPPING, **fields: object):
    return by.said(RawRecord("n", body(shape, **fields), media_type=shape.media_type))


def case(by: EagleEyeMapping = MAPPING, **fields: object) -> Case:
    (found,) = said(Shape.CASE, by, **fields)
    assert isinstance(found, Case)
    return found


def rating(by: EagleEyeMapping = MAPPING, **fields: object) -> Rating:
    (found,) = said(Shape.RATING, by, **fields)
    assert isinstance(found, Rating)
    return found


def event(by: EagleEyeMapping = MAPPING, **fields: object) -> MonitorEvent:
    found = said(Shape.EVENT, by, **fields)[0]
    assert isinstance(found, MonitorEvent)
    return found


def refused(shape: Shape, by: EagleEyeMapping = MAPPING, **fields: object) -> RecordRejected:
    with pytest.raises(RecordRejected) as caught:
        said(shape, by, **fields)
    return caught.value


# --- ratings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("3", RatingLevel.VERY_GOOD),
        ("2", RatingLevel.GOOD),
        ("1", RatingLevel.FAIR),
        ("0", RatingLevel.BAD),
        ("5", RatingLevel.VERY_BAD),
    ],
)
def test_on_a_keypad_on_which_three_is_the_best_five_is_the_worst(code, level):
    assert rating(level=code).level is level
    assert rating(level=code).level_source_text == code


def test_on_the_national_scale_five_is_the_best():
    assert rating(vendor="", pf="3", level="5").level is RatingLevel.VERY_GOOD


@pytest.mark.parametrize(
    "fields",
    [
        {"vendor": "HX"},
        {"vendor": None},
        {"vendor": "ZK2"},
        {"vendor": None, "pf": "4"},
    ],
)
def test_a_device_without_a_table_is_set_aside_and_never_guessed(fields):
    assert refused(Shape.RATING, **fields).code is Code.VALUE_UNMAPPED


def test_without_any_device_in_the_settings_every_rating_is_set_aside():
    assert refused(Shape.RATING, mapping(), level="5").code is Code.VALUE_UNMAPPED


def test_a_code_that_the_devices_table_does_not_know_is_set_aside():
    assert refused(Shape.RATING, level="4").code is Code.VALUE_UNMAPPED


def test_the_first_device_that_fits_holds_and_all_that_it_names_must_fit():
    by = mapping(
        Device(vendor="ZK", device="PJQ-9*", codes={"3": RatingLevel.VERY_BAD}),
        Device(vendor="ZK", scale="keypad_3_best"),
    )
    assert rating(by, deviceNo="PJQ-91").level is RatingLevel.VERY_BAD
    assert rating(by, deviceNo="PJQ-11").level is RatingLevel.VERY_GOOD
    assert rating(by, customFields="PJQ-90,000815,411521").level is RatingLevel.VERY_BAD


def test_every_scale_that_is_shipped_maps_five_codes_to_five_levels():
    assert {
        name: {code: level for code, level in scale.items() if code.isdigit()}
        for name, scale in SCALES.items()
    } == {
        "national": {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5},
        "keypad_3_best": {"3": 5, "2": 4, "1": 3, "0": 2, "5": 1},
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": "national"},
        {"vendor": "ZK"},
        {"vendor": "ZK", "scale": "national", "codes": {"1": 1}},
        {"vendor": "ZK", "codes": {"1": 6}},
        {"vendor": "ZK", "scale": "keypad"},
    ],
)
def test_a_table_for_every_device_or_for_no_code_is_refused(wrong):
    with pytest.raises(ValidationError):
        Device.model_validate(wrong)


@pytest.mark.parametrize(
    ("accepted", "flags"),
    [
        ("2023-06-29 10:21:34", ("RATED_BEFORE_ACCEPTANCE",)),
        ("2023-06-29 10:21:33", ()),
        (None, ()),
    ],
)
def test_a_rating_from_before_acceptance_is_flagged_and_its_time_not_shifted(accepted, flags):
    found = rating(acceptDate=accepted)

    assert found.quality == flags
    assert found.rated_at == datetime(2023, 6, 29, 2, 21, 33, tzinfo=UTC)


def test_a_rating_without_a_number_is_known_by_its_case_and_visit():
    assert rating(evaluateId=None, serviceNumber="2").source_no == "411521230620000187-2"
    assert refused(Shape.RATING, evaluateId=None).code is Code.KEY_MISSING


def test_a_rating_without_a_case_is_a_general_remark():
    found = rating(internalNo="null")

    assert (found.case_no, found.quality) == (None, ("NO_CASE",))


# --- cases -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount"),
    [("80.00", "80.00"), (80, "80"), ("1,280.50", "1280.50"), ("￥80元", "80"), ("0", "0"), (80.5, "80.5")],
)
def test_fees_are_exact_amounts(text, amount):
    found = case(receivable=text, paid=text)

    assert (found.fee_due, found.fee_paid) == (Decimal(amount), Decimal(amount))


@pytest.mark.parametrize("text", ["免收", "-5", "NaN", "1e5x", "1,28.0", "9" * 13, "八十"])
def test_a_fee_that_is_no_amount_sets_the_case_aside(text):
    assert refused(Shape.CASE, receivable=text).code is Code.FIELD_INVALID


def test_numbers_of_18_and_31_digits_are_texts_with_every_digit():
    raw = body(Shape.CASE, itemId="@").replace(b'"@"', b"1141152100612345674440715001000")
    raw = raw.replace(b'"411521230620000187"', b"411521230620000187")
    (found,) = MAPPING.said(RawRecord("n", raw, media_type=Shape.CASE.media_type))

    assert isinstance(found, Case)
    assert (found.case_no, found.item_code) == ("411521230620000187", "1141152100612345674440715001000")


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"acceptDate": "2023-06-20 09:02:10"}, "ACCEPTED_BEFORE_APPLICATION"),
        ({"finishTime": "2023-06-20 10:14:59"}, "FINISHED_BEFORE_ACCEPTANCE"),
        ({"processes": [{"id": "1", "beginDate": "2023-06-20 09:02:10"}]}, "STEP_BEFORE_APPLICATION"),
        (
            {
                "processes": [
                    {"id": "1", "beginDate": "2023-06-21 09:00:00", "processDate": "2023-06-21 08:00:00"}
                ]
            },
            "ENDED_BEFORE_BEGINNING",
        ),
        (
            {
                "suspensions": [
                    {"id": "1", "beginDate": "2023-06-21 09:00:00", "endDate": "2023-06-21 08:00:00"}
                ]
            },
            "ENDED_BEFORE_BEGINNING",
        ),
    ],
)
def test_times_that_contradict_each_other_are_flagged_and_kept(fields, flag):
    assert case(**fields).quality == (flag,)
    assert case().quality == ()


def test_a_case_that_was_refused_ends_before_anybody_accepts_it():
    assert case(status="6", finishTime="2023-06-20 09:30:00").quality == ()


def test_a_suspension_may_be_open_at_either_end():
    found = case(
        suspensions=[
            {"id": "1", "beginDate": "2023-06-21 09:00:00"},
            {"id": "2", "endDate": "2023-06-25 09:00:00"},
        ]
    )

    assert [(one.began_at is None, one.ended_at is None) for one in found.suspensions] == [
        (False, True),
        (True, False),
    ]


@pytest.mark.requirement("R36")
def test_steps_without_numbers_are_told_apart_by_kind_and_turn():
    found = case(processes=[{"nodeId": "SH"}, {"nodeId": "SL"}, {"nodeId": "SH"}, {}])

    assert [step.no for step in found.steps] == ["SH#1", "SL#1", "SH#2", "#1"]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("0", TermUnit.DAYS),
        ("1", TermUnit.WORKING_DAYS),
        ("2", TermUnit.MONTHS),
        ("3", TermUnit.YEARS),
        ("小时", TermUnit.HOURS),
    ],
)
def test_a_term_bears_its_unit(unit, expected):
    promised = case(promise="5", promiseType=unit).promised

    assert promised is not None
    assert (promised.value, promised.unit) == (5, expected)


def test_a_business_licence_is_no_identity_card():
    applicant = case(
        applicantType="2", applicantPaperType="821", applicantPaperCode="91411521MA00000000"
    ).applicant

    assert applicant is not None
    assert (applicant.type, applicant.uscc, applicant.id_no) == (
        ReporterType.ENTERPRISE,
        "91411521MA00000000",
        None,
    )


@pytest.mark.parametrize("code", ["1", "2", "3", "4", "41", "5", "6", "7", "8", "9", "受理中", "挂起"])
def test_every_state_of_the_list_is_known(code):
    assert isinstance(case(status=code).state, CaseState)


def test_a_code_in_the_settings_goes_before_the_usual_one():
    by = mapping(case_states={"5": "suspended", "77": "finished"}, case_kinds={"9": "instant"})

    assert case(by).state is CaseState.SUSPENDED
    assert case(by, status="77").state is CaseState.FINISHED
    assert case(by, status="8", caseKind="9").state is CaseState.FINISHED


def test_a_field_that_the_source_calls_otherwise_is_read_by_its_name_there():
    by = mapping(names={"transactAffairName": "sxmc", "tacheName": "hjmc"})
    found = case(by, sxmc="不动产转移登记", processes=[{"id": "1", "hjmc": "受理"}])

    assert (found.item_name, found.steps[0].name) == ("不动产转移登记", "受理")


class Asked(dict[str, str]):
    """Names that remember which fields were asked for."""

    def __init__(self):
        super().__init__()
        self.fields: set[str] = set()

    def get(self, name, default=None):
        self.fields.add(name)
        return default


def test_the_fields_that_settings_may_name_are_those_that_are_read():
    asked = Asked()
    tables = Tables.of(CodeTables(), DEVICES)
    reading = EagleEyeMapping(COUNTY_ZONE, tables, asked, ProcessEvents(COUNTY_ZONE, tables).said)
    folders = {
        "cases": Shape.CASE,
        "ratings": Shape.RATING,
        "events": Shape.EVENT,
        "exchange": Shape.EXCHANGE,
    }
    for folder, shape in {**folders, "supervision": Shape.SUPERVISION}.items():
        for path in (SAMPLES / folder).glob("*.json"):
            if path.with_suffix(".demands.json").exists():
                record = RawRecord("n", path.read_bytes(), media_type=shape.media_type)
                reading.said(record)
                if shape in (Shape.CASE, Shape.RATING, Shape.EVENT):
                    reading.landed(shape, record.body)

    assert asked.fields == FIELDS


def test_a_field_that_is_read_nowhere_is_refused_in_the_settings():
    given = {"source": {"kind": "http", "base_url": "http://eye.example"}}
    with pytest.raises(ValidationError, match="no fields of this channel: bjbh"):
        EagleEyeSettings.model_validate({**given, "names": {"bjbh": "internalNo"}})


def test_the_case_that_was_written_last_holds_by_its_time_of_update():
    assert case().as_of == datetime(2023, 6, 20, 2, 15, 5, tzinfo=UTC)


# --- monitor events and findings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("1", Level.NOTICE),
        ("2", Level.SERIOUS),
        ("3", Level.GRAVE),
        ("黄牌", Level.SERIOUS),
        ("红牌", Level.GRAVE),
    ],
)
def test_levels_are_known_by_code_and_by_card(code, level):
    assert event(warnLevel=code).level is level


def test_a_colour_is_no_level_unless_the_county_says_so():
    assert refused(Shape.EVENT, warnLevel="橙色").code is Code.VALUE_UNMAPPED
    assert event(mapping(levels={"橙色": 2}), warnLevel="橙色").level is Level.SERIOUS


@pytest.mark.parametrize(
    ("code", "anomaly"),
    [("1", AnomalyType.TIME), ("4", AnomalyType.FEE), ("收费", AnomalyType.FEE), ("7", AnomalyType.WINDOW)],
)
def test_kinds_of_anomaly_are_known_by_code_and_by_word(code, anomaly):
    assert event(warnType=code).anomaly is anomaly


def test_the_six_modules_of_the_notice_are_known():
    words = ["监察规则设置", "运行监察", "好差评监察", "效能管理", "统计分析", "监察日志"]

    assert [event(module=word).module for word in words] == list(MonitorModule)


def test_the_reply_time_of_a_new_event_is_when_the_reply_is_due():
    found = event(replyTime="20230630173000")

    assert found.reply_due_at == datetime(2023, 6, 30, 9, 30, tzinfo=UTC)
    assert found.replied_at is None


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({}, "600521230629000001"),
        ({"eventID": None, "transactionID": "T1"}, "T1"),
        ({"eventID": "", "businessID": "C1", "processID": "3", "ruleCode": "R"}, "C1/3/R/20230629093000"),
        ({"eventID": None, "cameraNo": "LS-17"}, "LS-17//1/20230629093000"),
    ],
)
def test_an_event_is_known_by_its_number_or_by_what_it_is_about(fields, number):
    assert event(**fields).source_no == number


def test_an_event_about_nothing_has_no_number():
    assert refused(Shape.EVENT, eventID=None).code is Code.KEY_MISSING


CAMERA = {"warnType": None, "cameraNo": "LS-17", "confirmed": "1", "rectifyStatus": "0"}


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        (CAMERA, ["monitor_event", "finding"]),
        (
            {**CAMERA, "rectifyStatus": None, "rectifyDeadline": "2023-06-30 09:31:00"},
            ["monitor_event", "finding"],
        ),
        ({**CAMERA, "confirmed": "0"}, ["monitor_event"]),
        ({**CAMERA, "confirmed": None}, ["monitor_event"]),
        ({**CAMERA, "rectifyStatus": None}, ["monitor_event"]),
        ({**CAMERA, "cameraNo": None, "warnType": "1"}, ["monitor_event"]),
    ],
)
def test_a_finding_stands_beside_a_confirmed_camera_event_that_tells_how_it_is_put_right(fields, kinds):
    assert [one.kind for one in said(Shape.EVENT, **fields)] == kinds


@pytest.mark.parametrize(
    ("code", "state"),
    [("0", FindingState.OPEN), ("1", FindingState.RECTIFIED), ("复查合格", FindingState.CONFIRMED)],
)
def test_a_finding_tells_how_far_it_is_put_right(code, state):
    _, found = said(Shape.EVENT, **{**CAMERA, "rectifyStatus": code})

    assert isinstance(found, Finding)
    assert found.state is state


# --- records -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [Shape.CASE, Shape.RATING, Shape.EVENT])
def test_a_record_that_is_gone_says_nothing(shape):
    raw = MAPPING.landed(shape, body(shape, op="D"))

    assert raw.deleted
    assert MAPPING.said(raw) == ()
    assert refused(shape, op="X").code is Code.VALUE_UNMAPPED


@pytest.mark.parametrize("shape", [Shape.CASE, Shape.RATING, Shape.EVENT])
def test_a_record_is_read_again_from_its_bytes_and_media_type_alone(shape):
    raw = MAPPING.landed(shape, body(shape))

    assert shape_of(raw.media_type) is shape
    assert MAPPING.said(RawRecord(raw.source_no, raw.body, media_type=raw.media_type)) == MAPPING.said(raw)


def test_bytes_whose_media_type_says_nothing_are_set_aside():
    with pytest.raises(RecordRejected) as caught:
        MAPPING.said(RawRecord("n", b"{}", media_type="application/json"))

    assert caught.value.code is Code.RECORD_UNREADABLE


@pytest.mark.parametrize(
    ("shape", "fields", "code", "number"),
    [
        (Shape.CASE, {"updateDate": "待定"}, Code.POSITION_UNREADABLE, CASE["internalNo"]),
        (Shape.CASE, {"updateDate": None}, Code.POSITION_UNREADABLE, CASE["internalNo"]),
        (Shape.CASE, {"internalNo": "C" * 129}, Code.KEY_INVALID, None),
        (Shape.CASE, {"internalNo": ["C"]}, Code.FIELD_INVALID, None),
        (Shape.RATING, {"evaluateTime": None}, Code.POSITION_UNREADABLE, RATING["evaluateId"]),
        (Shape.EVENT, {"updateTime": "0001-01-01 00:00:00"}, Code.POSITION_UNREADABLE, EVENT["eventID"]),
    ],
)
def test_a_record_that_cannot_be_landed_says_why(shape, fields, code, number):
    landed = MAPPING.landed(shape, body(shape, **fields))

    assert landed.problem is not None
    assert (landed.problem.code, landed.source_no) == (code, number)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "eye.example"},
        {"base_url": "http://eye.example", "cases": None, "ratings": None, "events": None},
        {"base_url": "http://eye.example", "query": {"pageNum": "1"}},
        {"base_url": "http://eye.example", "page_size": 0},
    ],
)
def test_settings_of_lists_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValidationError):
        HttpSource.model_validate({"kind": "http", **wrong})


def test_a_source_of_no_known_kind_is_refused():
    with pytest.raises(ValidationError):
        EagleEyeSettings.model_validate({"source": {"kind": "ftp"}})
