"""What every record passes on its way in, collected or pushed: its key, its position, and what the database can keep of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hub.errors import Code
from hub.sdk.channel import PositionKind, RawRecord, RecordProblem, Stream

MAX_BATCH = 1_000
MAX_TEXT = 1_000


def checked(record: RawRecord, stream: Stream, horizon: datetime, where: str) -> RawRecord:
    """The record, set aside when its key or its position cannot be used; such a record moves nothing.

    Args:
        horizon: A position after this moment lies in the future.
        where: ``instance/stream``, for the message.
    """
    if record.problem is not None:
        return record
    if not record.source_no:
        return set_aside(
            record,
            Code.KEY_MISSING,
            f"{where}: the record's number is empty (expected the source's own stable number); it is kept; "
            "look at the channel's pages(), then replay it",
        )
    if stream.position_kind is not PositionKind.TIME:
        return record
    if record.position_at is None or record.position_at.tzinfo is None:
        return set_aside(
            record,
            Code.POSITION_UNREADABLE,
            f"{where}: the record's position is missing or has no zone (expected an aware time); it is kept and moves "
            "no position: look at the source's update time and at the channel's pages()",
        )
    if record.position_at > horizon:
        return set_aside(
            record,
            Code.POSITION_IN_FUTURE,
            f"{where}: the record's position lies more than {stream.max_skew_s:g} s ahead of the hub's clock "
            "(expected a time that has come); it is kept and moves no position: look at the source's clock, then replay it",
        )
    return record


def set_aside(record: RawRecord, code: Code, detail: str) -> RawRecord:
    """The record with the reason for which it is set aside."""
    return replace(record, problem=RecordProblem(code, detail))


def storable(record: RawRecord) -> RawRecord:
    """The record with nothing but what the database can keep; its body goes there sealed, so that it stays as it is."""
    files = tuple(
        replace(file, name=_printable(file.name), media_type=_printable(file.media_type))
        for file in record.attachments
    )
    return replace(
        record,
        version=record.version if record.version is None or _is_plain(record.version) else None,
        media_type=_printable(record.media_type),
        attachments=files,
    )


def _is_plain(text: str) -> bool:
    return len(text) <= MAX_TEXT and _printable(text) == text


def _printable(text: str) -> str:
    return text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8").replace("\0", "?")
