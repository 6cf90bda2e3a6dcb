"""From a tap's messages to pages: records, and the state behind which none of them is missing.

Source: the Singer specification, version 0.3.0.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import msgspec

from hub.sdk import Code, SourceContractError, SourceUnavailable
from hub.sdk.channel import Page, RawRecord, RecordProblem
from hub.sdk.context import Log
from hub_channel_singer.mapping import record_body
from hub_channel_singer.settings import SingerSettings

# A page waits no longer for further records, and the hub no longer for a page.
_PAGE_S = 15.0
_QUIET_S = 120.0
_PAGE_BYTES = 8 << 20
_MOST_NAMES = 20


class _Message(msgspec.Struct):
    type: str = ""
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw(b"")
    value: msgspec.Raw = msgspec.Raw(b"")
    key_properties: list[str] | None = None


_decoder = msgspec.json.Decoder(_Message)


class TapReading:
    """One reading of a tap.

    Args:
        settings: Of the channel.
        land: Gives a record its number and version.
        position: Where the last reading ended: ``{"state": the tap's own, "keys": stream -> key properties}``; None at the beginning.
        where: For messages.
        log: The context's.
    """

    def __init__(
        self,
        settings: SingerSettings,
        land: Callable[[RawRecord], RawRecord],
        position: Any,
        *,
        where: str,
        log: Log,
    ) -> None:
        self._settings = settings
        self._land = land
        self._where = where
        self._log = log
        self._state, known = _position_in(position, where)
        self._known: Mapping[str, list[str]] = known
        self._keys: dict[str, list[str]] = {}
        self._records: list[RawRecord] = []
        self._bytes = 0
        self._line = 0
        self._pages = 0
        self._given = self._position()
        self._not_taken: dict[str, int] = {}
        self._flushed_at = time.monotonic()
        self._replaced: set[str] = set()

    def pages(
        self, lines: Iterator[bytes | None], end: Callable[[], bytes], limit: int | None
    ) -> Iterator[Page]:
        """Every record, page by page.

        Args:
            lines: Of the tap; None where nothing came for a while.
            end: Asked when they are over: what followed the last line's end; raises where the tap did not end well.
            limit: Ends after about so many records.

        Raises:
            SourceUnavailable, SourceContractError: After the page with what was read before.
        """
        failure: SourceUnavailable | SourceContractError | None = None
        whole = False
        read = 0
        try:
            for line in lines:
                if line is not None:
                    self._line += 1
                    self._take(line)
                if limit is not None and read + len(self._records) >= limit:
                    break
                if self._is_due():
                    read += len(self._records)
                    yield self._page()
            else:
                self._take_rest(end())
                self._spoke_of_all()
                whole = True
        except (SourceUnavailable, SourceContractError) as exc:
            failure = exc
        self._tell_not_taken()
        moves = self._position() != self._given and (whole or self._settings.state == "as_sent")
        if self._records or (moves and (whole or failure is not None)):
            yield self._page(whole=whole)
        if failure is not None:
            raise failure

    # --- pages ------------------------------------------------------------------------------------------------------

    def _is_due(self) -> bool:
        waited_s = time.monotonic() - self._flushed_at
        return (
            len(self._records) >= self._settings.limits.page_records
            or self._bytes >= _PAGE_BYTES
            or (bool(self._records) and waited_s >= _PAGE_S)
            or waited_s >= _QUIET_S
        )

    def _page(self, *, whole: bool = False) -> Page:
        """All records so far, with the last state: what it stands behind is in this page or in one before."""
        self._pages += 1
        records, self._records, self._bytes = self._records, [], 0
        self._flushed_at = time.monotonic()
        position = None
        if whole or self._settings.state == "as_sent":
            position = self._given = self._position()
        return Page(records, position, self._pages)

    def _position(self) -> dict[str, Any]:
        return {"state": self._state, "keys": {**self._known, **self._keys_in_use()}}

    def _keys_in_use(self) -> dict[str, list[str]]:
        streams = self._settings.streams
        return {name: key for name, key in self._keys.items() if streams[name].record.is_known_by_key}

    # --- messages ---------------------------------------------------------------------------------------------------

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            message = _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            self._take_unreadable(line, exc)
            return
        match message.type:
            case "RECORD":
                self._take_record(message, line)
            case "STATE":
                self._take_state(message, line)
            case "SCHEMA":
                self._take_schema(message, line)
            case "ACTIVATE_VERSION":
                self._take_replacement(message.stream, line)
            case "BATCH":
                self._fail(
                    Code.PAGE_SHAPE,
                    "a BATCH message (expected RECORD: its file is not read)",
                    "take batch_config out of the tap's config",
                    line,
                )
            case _:
                self._fail(Code.PAGE_SHAPE, "a message of no known type", "look at it and mend the tap", line)

    def _take_rest(self, rest: bytes) -> None:
        """A last line needs no end, but it must be whole."""
        if not rest.strip():
            return
        self._line += 1
        try:
            _decoder.decode(rest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise SourceUnavailable(
                f"{self._where}: line {self._line} of the tap's output ends after {len(rest)} bytes in the middle of a message (expected a whole one); "
                "what came before is kept, and the next run goes on from the tap's last state: look at the tap's own output",
                code=Code.SOURCE_CUT_SHORT,
            ) from None
        self._take(rest)

    def _take_record(self, message: _Message, line: bytes) -> None:
        name = message.stream
        if name not in self._settings.streams:
            if len(self._not_taken) < _MOST_NAMES or name in self._not_taken:
                self._not_taken[name] = self._not_taken.get(name, 0) + 1
            return
        if name not in self._keys:
            self._fail(
                Code.PAGE_SHAPE,
                f"a record of stream {name} before its schema (expected SCHEMA first)",
                "mend the tap",
                line,
            )
        record = bytes(message.record)
        if record[:1] != b"{":
            self._add(self._unreadable(line, "a RECORD message without a record"))
            return
        self._add(self._land(RawRecord(None, record_body(record, name, self._keys[name]))))

    def _take_unreadable(self, line: bytes, exc: Exception) -> None:
        """One record that is no strict JSON stops no other; anything else does, for nobody knows what it was."""
        if line.lstrip()[:1] == b"{" and b'"RECORD"' in line and not isinstance(exc, msgspec.ValidationError):
            self._add(self._unreadable(line, f"a record that is no strict JSON ({type(exc).__name__})"))
            return
        if isinstance(exc, msgspec.ValidationError):
            self._fail(Code.PAGE_SHAPE, "a message with a member of the wrong type", "mend the tap", line)
        self._fail(
            Code.PAGE_NOT_JSON,
            f"{len(line)} bytes that are no message in JSON",
            "a tap may write messages alone to its standard output: mend it",
            line,
        )

    def _unreadable(self, line: bytes, found: str) -> RawRecord:
        told = (
            f"{self._where}: line {self._line} of the tap's output: {found} (expected a JSON object); the other records were read: "
            "look at its kept bytes and ask the tap's keeper"
        )
        return RawRecord(None, line, problem=RecordProblem(Code.RECORD_UNREADABLE, told))

    def _add(self, record: RawRecord) -> None:
        self._records.append(record)
        self._bytes += len(record.body)

    def _take_state(self, message: _Message, line: bytes) -> None:
        try:
            state = json.loads(bytes(message.value)) if message.value else None
        except (ValueError, RecursionError):
            state = 0
        if state is None:
            return
        if not isinstance(state, dict):
            self._fail(Code.PAGE_SHAPE, "a state that is no object", "mend the tap", line)
        self._state = state

    def _take_schema(self, message: _Message, line: bytes) -> None:
        name, key = message.stream, list(message.key_properties or ())
        taken = self._settings.streams.get(name)
        if taken is None:
            return
        if taken.record.is_known_by_key:
            if not key:
                self._fail(
                    Code.KEY_MISSING,
                    f"a schema of stream {name} without key properties (expected what a record is known by)",
                    f"say streams.{name}.record.number in the settings",
                    line,
                )
            before = self._keys.get(name) or self._known.get(name)
            if before is not None and before != key:
                self._fail(
                    Code.PAGE_SHAPE,
                    f"a schema of stream {name} with the key {', '.join(key)} (it was {', '.join(before)}): every record would be taken for a new one",
                    f"say streams.{name}.record.number in the settings, or configure the tap anew under another name",
                    line,
                )
        self._keys[name] = key

    def _take_replacement(self, name: str, line: bytes) -> None:
        if name not in self._settings.streams:
            return
        if self._settings.replaced == "refuse":
            self._fail(
                Code.PAGE_SHAPE,
                f"an ACTIVATE_VERSION of stream {name}: records that are gone from the source should be dropped",
                "read it incrementally (method, replication_key), or say `replaced: keep` where they may stay in the hub",
                line,
            )
        if name not in self._replaced:
            self._replaced.add(name)
            self._log.warning("tap_records_not_dropped", where=self._where, stream=name)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _spoke_of_all(self) -> None:
        unheard = sorted(
            name
            for name, one in self._settings.streams.items()
            if name not in self._keys and not one.may_be_silent
        )
        if unheard:
            self._fail(
                Code.PAGE_SHAPE,
                f"the end, and no SCHEMA of stream {', '.join(unheard)} before it (expected one of every stream that is taken)",
                "check whether the tap selects it, or say `may_be_silent: true` for it",
                None,
            )

    def _tell_not_taken(self) -> None:
        for name, count in self._not_taken.items():
            self._log.info("tap_stream_not_taken", where=self._where, stream=name[:60], records=count)

    def _fail(self, code: Code, found: str, todo: str, line: bytes | None) -> NoReturn:
        raise SourceContractError(
            f"{self._where}: line {self._line} of the tap's output: {found}; what came before is kept: {todo}",
            code=code,
            body=line,
        )


def _position_in(position: Any, where: str) -> tuple[dict[str, Any] | None, dict[str, list[str]]]:
    if position is None:
        return None, {}
    state = position.get("state") if isinstance(position, dict) else 0
    keys = position.get("keys") if isinstance(position, dict) else None
    if not isinstance(keys, dict) or not (state is None or isinstance(state, dict)):
        raise SourceContractError(
            f"{where}: the stored position is none of this channel (expected a state and keys); collect anew with `hub channel run NAME --since`",
            code=Code.POSITION_INVALID,
        )
    return state, keys
