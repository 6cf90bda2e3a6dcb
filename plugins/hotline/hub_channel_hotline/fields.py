"""The fields of one order, whatever shape it came in, by names of ours and every value as the text that was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from hub.sdk import Code, RecordRejected
from hub.sdk.values import blank_to_none, exact_number


class OrderFields:
    """One order's fields.

    Args:
        labels: A name of ours -> what the source calls it; what the source does not have is missing.
        text: What the source calls it -> its text, None for nothing; raises RecordRejected where it holds something else.
    """

    def __init__(self, labels: Mapping[str, str], text: Callable[[str], str | None]) -> None:
        self._labels = labels
        self._text = text

    def get(self, name: str) -> str | None:
        """The text, without surrounding space; None for nothing, empty text and the word null.

        Raises:
            RecordRejected: It holds no text (code ``field_invalid``).
        """
        label = self._labels.get(name)
        return blank_to_none(self._text(label)) if label is not None else None

    def label(self, name: str) -> str:
        """What the source calls it, for messages."""
        return self._labels.get(name, name)


def json_fields(body: bytes, labels: Mapping[str, str]) -> OrderFields:
    """The fields of a JSON object; numbers keep every digit.

    Raises:
        RecordRejected: The bytes are no JSON object in UTF-8 (code ``record_unreadable``).
    """
    try:
        members = json.loads(body.decode(), parse_int=str, parse_float=exact_number, parse_constant=str)
    except (ValueError, RecursionError) as exc:
        _unreadable(exc)
    if not isinstance(members, dict):
        _unreadable(None)
    return OrderFields(labels, lambda label: _member(members, label))


def xml_fields(body: bytes, labels: Mapping[str, str]) -> OrderFields:
    """The fields of an XML element.

    Raises:
        RecordRejected: The bytes are none (code ``record_unreadable``).
    """
    from hub.sdk.readers.xml import XmlRecord

    return OrderFields(labels, XmlRecord(body).text)


def _member(members: dict[str, Any], label: str) -> str | None:
    value = members.get(label)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    raise RecordRejected(
        f"field {label!r}: {'a list' if isinstance(value, list) else 'an object'} (expected a text); "
        "look at the record with `hub quarantine show` and mend the mapping",
        code=Code.FIELD_INVALID,
        field=label,
    )


def _unreadable(exc: Exception | None) -> NoReturn:
    raise RecordRejected(
        f"record: {'no JSON object' if exc is None else type(exc).__name__} (expected one JSON object in UTF-8); "
        "look at its kept bytes with `hub quarantine show` and ask the platform's keeper",
        code=Code.RECORD_UNREADABLE,
    ) from None
