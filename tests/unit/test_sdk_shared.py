"""What channels share: numbers with their digits, values beyond a model's bounds, lines of a check."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from hub.errors import Code, RecordRejected, SourceUnavailable
from hub.model.codes import DemandType
from hub.model.demand import Demand
from hub.sdk import RawRecord, RecordProblem
from hub.sdk.checks import line, readable
from hub.sdk.values import beyond_the_model, exact_number


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("411521199803071234", "411521199803071234"),
        ("1.38E+10", "13800000000"),
        ("13812345678.0", "13812345678"),
        ("0.5", "0.5"),
        ("1e400000", "1e400000"),
        ("-0.0", "0"),
    ],
)
def test_a_number_keeps_its_digits_and_none_grows_without_bound(written: str, read: str) -> None:
    assert json.loads(written, parse_int=str, parse_float=exact_number) == read


def rejected(**fields: object) -> RecordRejected:
    given = {
        "source_no": "1",
        "submitted_at": datetime(2026, 11, 1, tzinfo=UTC),
        "demand_type": DemandType.COMPLAINT,
        "content": "窗口不受理",
    }
    with pytest.raises(ValidationError) as caught:
        Demand.model_validate({**given, **fields})
    return beyond_the_model(caught.value)


def test_values_beyond_the_model_are_told_by_field_and_kind_without_the_value() -> None:
    wrong = rejected(longitude="张三的家")
    assert (wrong.code, wrong.field) == (Code.FIELD_INVALID, "longitude")
    assert "张三" not in wrong.message
    assert wrong.message.startswith("demand's longitude: ")
    assert rejected(content="长" * 2_000_000).code is Code.RECORD_TOO_LARGE


def test_a_check_says_how_many_records_can_be_read_and_why_the_others_cannot() -> None:
    def read(record: RawRecord) -> None:
        if record.body == b"bad":
            raise RecordRejected("field 'x': missing", code=Code.FIELD_MISSING, field="x")

    good, bad = RawRecord("1", b"good"), RawRecord("2", b"bad")
    spoilt = RawRecord(None, b"", problem=RecordProblem(Code.RECORD_UNREADABLE, "no JSON"))
    assert readable("records", [good], read, mend="mend it").detail == "1 of 1 can be read"
    told = readable("records", [good, bad, spoilt, bad], read, mend="mend it")
    assert (told.ok, told.detail) == (
        False,
        "3 of 4 cannot be read (field_missing, record_unreadable): mend it",
    )


def test_a_look_that_fails_is_a_line_of_the_check() -> None:
    def away() -> str:
        raise SourceUnavailable("portal: no answer", code=Code.SOURCE_UNREACHABLE)

    assert line("answer", lambda: "20 records").ok
    assert (line("answer", away).ok, line("answer", away).detail) == (False, "portal: no answer")
