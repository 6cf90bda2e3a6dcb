"""What the rows of a middle database say, message type by message type; the samples hold each, the contract its bad copies."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.model.case import Case, merge_cases
from hub.model.codes import CaseState
from hub.sdk import RawRecord
from hub.sdk.readers.sql_place import SqlPlace
from hub.testing.contract import ChannelContract
from hub_channel_eagle_eye.channel import EagleEyeChannel
from hub_channel_eagle_eye.exchange import TYPES
from hub_channel_eagle_eye.settings import DatabaseSource, EagleEyeSettings, ExchangeTable
from hub_channel_eagle_eye.shapes import Shape
from plugins.eagle_eye.tests.test_eagle_eye_contract import DEVICES, MAPPING

SAMPLES = Path(__file__).parents[1] / "samples"
PLACE = SqlPlace(
    dialect="postgresql", host="127.0.0.1", port=9, database="front", user="hub", password="front_db"
)


class TestExchange(ChannelContract):
    channel = EagleEyeChannel
    samples = SAMPLES / "exchange"

    def make_settings(self, base_url):
        source = DatabaseSource(kind="database", place=PLACE, exchange=ExchangeTable())
        return EagleEyeSettings(source=source, devices=DEVICES)

    def make_record(self, body):
        return MAPPING.landed_row(Shape.EXCHANGE, RawRecord("sample", body))


def landed(name, **columns):
    """A sample of the exchange table as it is collected."""
    row = {**json.loads((SAMPLES / "exchange" / f"{name}.json").read_text("utf-8")), **columns}
    return MAPPING.landed_row(Shape.EXCHANGE, RawRecord(row["UNID"], json.dumps(row).encode()))


def parts(*names) -> list[Case]:
    said = [one for name in names for one in MAPPING.said(landed(name))]
    assert all(isinstance(one, Case) for one in said)
    return said  # type: ignore[return-value]


def test_there_is_a_sample_of_every_type_of_message():
    sound = [
        path for path in (SAMPLES / "exchange").glob("*.json") if path.with_suffix(".demands.json").exists()
    ]
    assert {json.loads(path.read_text("utf-8"))["TYPE"] for path in sound} == set(TYPES)


def test_all_messages_of_a_case_are_one_case_whatever_their_order():
    names = [
        "application",
        "step",
        "end_of_a_step",
        "pause",
        "resumption_without_a_number",
        "correction_asked_for",
    ]
    names += ["correction_brought", "fee_notice", "payment", "result", "result_file", "feedback_that_refuses"]
    case = merge_cases(parts(*names))

    assert case == merge_cases(parts(*reversed(names)))
    assert [(step.no, step.began_at is not None, step.ended_at is not None) for step in case.steps] == [
        ("1", True, True),
        ("2", True, True),
    ]
    assert case.steps[1].opinion == "同意"
    (correction,) = case.corrections
    assert correction.asked_at is not None
    assert correction.brought_at is not None
    assert [(one.began_at is None, one.ended_at is None) for one in case.suspensions] == [
        (False, True),
        (True, False),
    ]
    assert (case.state, str(case.fee_due), str(case.fee_paid)) == (CaseState.FINISHED, "80.00", "80.00")
    assert case.applicant is not None
    assert case.quality == ("EXCHANGE_REFUSED",)


def test_a_pause_that_is_written_after_the_result_suspends_nothing():
    late = MAPPING.said(landed("pause", CREATETIME="2023-07-01 08:00:00"))
    case = merge_cases([*parts("result"), *late])  # type: ignore[list-item]

    assert case.state is CaseState.FINISHED
    assert len(case.suspensions) == 1


def test_a_pause_without_a_resumption_stays_open():
    (pause,) = merge_cases(parts("application", "pause")).suspensions

    assert pause.began_at is not None
    assert pause.ended_at is None


def test_messages_about_one_thing_bear_one_number_and_a_deletion_finds_it():
    pause, gone = landed("pause"), landed("deletion")

    assert pause.source_no == gone.source_no
    assert (pause.deleted, gone.deleted) == (False, True)
    assert MAPPING.said(gone) == ()


def test_the_end_of_a_step_does_not_replace_its_beginning():
    assert landed("step").source_no != landed("end_of_a_step").source_no


@pytest.mark.parametrize("name", ["unknown_type", "no_case", "broken_xml", "doctype", "packed_content"])
def test_a_message_that_names_no_thing_is_set_aside_at_collection_and_bears_no_number(name):
    record = landed(name)

    assert record.source_no is None
    assert record.problem is not None
    expected = json.loads((SAMPLES / "exchange" / f"{name}.rejected.json").read_text("utf-8"))["code"]
    assert record.problem.code == expected


def test_control_characters_in_somebodys_words_cost_nobody_the_message():
    row = json.loads((SAMPLES / "exchange" / "step.json").read_text("utf-8"))
    (case,) = MAPPING.said(landed("step", CONTENT=row["CONTENT"].replace("转专家", "转\x0b专家")))

    assert isinstance(case, Case)
    assert case.steps[0].opinion == "转专家评审 & 现场核实"


@pytest.mark.parametrize(
    "wrong",
    [
        {"exchange": None},
        {"supervision": {"name": "s", "check": {"key": "md5_key"}}},
        {"place": {"dialect": "oracle"}},
    ],
)
def test_settings_of_a_database_that_cannot_be_meant_are_refused(wrong):
    given = {"kind": "database", "place": PLACE.model_dump(), "exchange": {}}
    with pytest.raises(ValidationError):
        DatabaseSource.model_validate({**given, **wrong})
