"""What a raw record is written as: it stands in the record's media type, so that the kept bytes can be read again by themselves."""

from __future__ import annotations

from enum import StrEnum

from hub.sdk import Code, RecordRejected

_JSON = "application/json"


class Shape(StrEnum):
    """One shape of record that an eagle-eye's sources send."""

    CASE = "case"  # a case as JSON
    RATING = "rating"  # a rating as JSON, also one that was pushed as XML
    EVENT = "event"  # a monitor event as JSON
    EXCHANGE = "exchange"  # a row of the exchange table, with XML in it
    SUPERVISION = "supervision"  # a row of the supervision table, with XML in it
    STEP = "step"  # a row of a sheet of process events

    @property
    def media_type(self) -> str:
        """Of a record of this shape, but for a sheet's: that one's reader names file, sheet and row."""
        return f"{_JSON}; says={self}"


_BY_NAME = {str(shape): shape for shape in Shape}


def shape_of(media_type: str) -> Shape:
    """The shape that a record's media type names.

    Raises:
        RecordRejected: It names none (``record_unreadable``).
    """
    for part in media_type.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name == "says" and value in _BY_NAME:
            return _BY_NAME[value]
        if name == "row":
            return Shape.STEP
    raise RecordRejected(
        "record: its media type does not say what it is (expected 'says' or a sheet's row in it); it is kept: collect its source again",
        code=Code.RECORD_UNREADABLE,
    )
