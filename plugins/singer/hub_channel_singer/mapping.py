"""From a tap's record to a demand, by the rules in the settings. Pure.

A record is kept as the tap sent it, with two members put behind its own: ``_singer_stream``, the stream it came in, and
``_singer_key``, the key properties by which that stream's schema knew it. So its bytes alone say how it is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import NoReturn

import msgspec

from hub.model.demand import Demand
from hub.sdk import Code, RecordRejected
from hub.sdk.channel import RawRecord, RecordProblem
from hub.sdk.declarative.contents import Content, JsonContent
from hub.sdk.declarative.mapping import MAX_KEY, RecordMapping
from hub.sdk.declarative.rules import FieldRules, RecordRules
from hub.sdk.values import blank_to_none
from hub_channel_singer.settings import DELETED_COLUMN, KEY_COLUMN, TapStream

_DELETED_AT = "_sdc_deleted_at"
_BETWEEN = "|"


class _Told(msgspec.Struct):
    """What the hub put behind a record's own members."""

    stream: str = msgspec.field(name="_singer_stream")
    key: list[str] = msgspec.field(name="_singer_key", default_factory=list)


_told = msgspec.json.Decoder(_Told)


def record_body(record: bytes, stream: str, key: Sequence[str]) -> bytes:
    """The bytes that are kept of a record.

    Args:
        record: A JSON object, as it stands in the tap's message. A member of ours that it holds already is passed over: the last one counts.
    """
    told = json.dumps({"_singer_stream": stream, "_singer_key": list(key)}, ensure_ascii=False).encode()
    own = record.strip()[1:-1].strip()
    return b"{" + own + b"," + told[1:] if own else told


class TapContent(Content):
    """A record by its paths; ``_key`` is its key, ``_deleted`` whether a tap that follows a log says that it is gone.

    Raises:
        RecordRejected: It is no JSON object (code ``record_unreadable``).
    """

    def __init__(self, body: bytes, key: Sequence[str]) -> None:
        self._record = JsonContent(body)
        self._key = key

    def text(self, place: str, *, literal: bool) -> str | None:
        """See `Content.text`."""
        if literal and place == KEY_COLUMN:
            return self._key_text()
        if literal and place == DELETED_COLUMN:
            return "true" if blank_to_none(self._record.text(_DELETED_AT, literal=True)) else "false"
        return self._record.text(place, literal=literal)

    def _key_text(self) -> str | None:
        """The values of the key properties; None where one is empty."""
        found: list[str] = []
        for name in self._key:
            try:
                text = blank_to_none(self._record.identifier(name, literal=True))
            except RecordRejected as exc:
                _refuse_key(
                    f"a key property holds what is no number and no text ({exc.code})", Code.KEY_INVALID
                )
            if text is None:
                return None
            found.append(
                text.replace("\\", "\\\\").replace(_BETWEEN, "\\" + _BETWEEN) if len(self._key) > 1 else text
            )
        return _BETWEEN.join(found) or None


@dataclass(frozen=True, slots=True)
class _Rules:
    record: RecordRules
    fields: FieldRules


class TapMapping:
    """The rules of every stream that is taken.

    Args:
        streams: As in the settings.
        zone: Of times without one.
    """

    def __init__(self, streams: Mapping[str, TapStream], zone: tzinfo) -> None:
        self._prefixes = {name: one.prefix for name, one in streams.items()}
        self._mappings = {
            name: RecordMapping(_Rules(one.rules, one.fields), _open, zone) for name, one in streams.items()
        }

    def landed(self, raw: RawRecord) -> RawRecord:
        """The record under its number, with its version; with a problem where it cannot be known by one."""
        try:
            name = self._stream_of(raw.body)
        except RecordRejected as exc:
            return replace(raw, source_no=None, problem=RecordProblem(Code(exc.code), exc.message))
        found = self._mappings[name].landed(raw)
        if found.source_no is None:
            return found
        try:
            return replace(found, source_no=self._numbered(name, found.source_no))
        except RecordRejected as exc:
            return replace(raw, source_no=None, problem=RecordProblem(Code(exc.code), exc.message))

    def demands(self, raw: RawRecord) -> tuple[Demand, ...]:
        """What the record says.

        Raises:
            RecordRejected: It cannot be used; the code says why.
        """
        name = self._stream_of(raw.body)
        return tuple(self._named(name, demand) for demand in self._mappings[name].demands(raw))

    def _named(self, name: str, demand: Demand) -> Demand:
        if not self._prefixes[name]:
            return demand
        before = demand.prev_source_no
        numbers = {"source_no": self._numbered(name, demand.source_no)}
        if before is not None:
            numbers["prev_source_no"] = self._prefixes[name] + before
        return demand.model_copy(update=numbers)

    def _numbered(self, name: str, number: str) -> str:
        prefix = self._prefixes[name]
        if len(prefix) + len(number) > MAX_KEY:
            _refuse_key(f"{len(number)} characters and a prefix of {len(prefix)}", Code.KEY_INVALID)
        return prefix + number

    def _stream_of(self, body: bytes) -> str:
        try:
            name = _told.decode(body).stream
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            _refuse_body("no JSON object that says its stream")
        if name not in self._mappings:
            _refuse_body("of a stream that the settings do not take")
        return name


def _open(raw: RawRecord) -> Content:
    try:
        key = _told.decode(raw.body).key
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        _refuse_body("no JSON object that says its stream and key")
    return TapContent(raw.body, key)


def _refuse_body(found: str) -> NoReturn:
    raise RecordRejected(
        f"record: {found} (expected a record of one of the streams in the settings); look at it with `hub quarantine show`, "
        "then mend the tap or take its stream",
        code=Code.RECORD_UNREADABLE,
    )


def _refuse_key(found: str, code: Code) -> NoReturn:
    raise RecordRejected(
        f"record.number: {found} (expected 1 to {MAX_KEY} printable characters); mend `record.number` in the settings or ask the source's keeper",
        code=code,
    )
