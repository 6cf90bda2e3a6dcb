"""The fields of one record of the app's gateway, every number with the very digits that were sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from hub.sdk import Code, RecordRejected
from hub.sdk.values import blank_to_none

LONGEST_NUMBER = 128
# A time in seconds, as other interfaces write it, would lie in January 1970; one beyond has no place in the calendar.
_LEAST_MS, _MOST_MS = 10**11, 253_402_300_799_999
_ASK = "look at the record with `hub quarantine show` and ask the gateway's keeper"

Fields = Mapping[str, Any]


def read_fields(body: bytes) -> Fields:
    """The record as names and values; numbers are texts, so that 18 digits stay 18 digits.

    Raises:
        RecordRejected: The bytes are no JSON object in UTF-8 (``record_unreadable``).
    """
    try:
        fields = json.loads(body.decode(), parse_int=str, parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise _unreadable(type(exc).__name__) from None  # the cause's text quotes the record
    if not isinstance(fields, dict):
        raise _unreadable("something else")
    return fields


def text_of(fields: Fields, name: str) -> str | None:
    """The field's text; None where it is missing, empty or says null.

    Raises:
        RecordRejected: It is a list or an object (``field_invalid``).
    """
    value = fields.get(name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        refuse(name, f"{'a list' if isinstance(value, list) else 'an object'} (expected a text)")
    return blank_to_none(value)


def number_of(fields: Fields) -> str:
    """The record's own number.

    Raises:
        RecordRejected: Missing (``key_missing``), too long or with characters that cannot be printed (``key_invalid``).
    """
    number = text_of(fields, "appealId")
    if number is None:
        refuse("appealId", "missing or empty (expected the record's own number)", Code.KEY_MISSING)
    if len(number) > LONGEST_NUMBER or not number.isprintable():
        refuse(
            "appealId",
            f"{len(number)} characters, or some that cannot be printed (expected at most {LONGEST_NUMBER})",
            Code.KEY_INVALID,
        )
    return number


def moment_of(fields: Fields, name: str) -> datetime:
    """The field's moment, from whole milliseconds since 1970, as number or text.

    Raises:
        RecordRejected: Missing (``field_missing``), no such number, or one that is in seconds (``field_invalid``).
    """
    text = text_of(fields, name)
    if text is None:
        refuse(name, "missing or empty (expected milliseconds since 1970)", Code.FIELD_MISSING)
    if not (text.isascii() and text.isdigit() and len(text) <= 15 and _LEAST_MS <= int(text) <= _MOST_MS):
        refuse(name, f"a value of {len(text)} characters (expected 13 digits: milliseconds since 1970)")
    whole, milliseconds = divmod(int(text), 1000)
    return datetime.fromtimestamp(whole, UTC).replace(microsecond=milliseconds * 1000)


def refuse(name: str, found: str, code: Code = Code.FIELD_INVALID) -> NoReturn:
    """Sets the record aside for that field; ``found`` shows nothing of its value."""
    raise RecordRejected(f"field {name!r}: {found}; {_ASK}", code=code, field=name)


def _no_constant(name: str) -> NoReturn:
    raise ValueError("no number")


def _unreadable(what: str) -> RecordRejected:
    return RecordRejected(
        f"record: {what} (expected one JSON object in UTF-8); {_ASK}", code=Code.RECORD_UNREADABLE
    )
