"""Records out of a JSON answer as exact slices of its bytes, and the envelope around them judged first.

The sound page is read in one pass by a decoder made for its paths; no record is turned into Python objects. A page that
is no strict JSON as a whole (``NaN``, half an emoji, a broken character in one record) is split by its
brackets instead, so that one bad record does not hold up the others: see `Records.unreadable`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

import msgspec

from hub.errors import Code, SourceContractError
from hub.sdk.channel import RecordProblem
from hub.sdk.readers.body import Body
from hub.sdk.readers.envelope import USUAL_ENVELOPE, Envelope, EnvelopeDenied, Path, code_text

__all__ = ["USUAL_ENVELOPE", "Envelope", "EnvelopeDenied", "Path", "Records", "json_document", "json_records"]

_ABSENT = msgspec.Raw(b"")
_DEEPEST = 200
_CLOSER = {b"{": b"}", b"[": b"]"}
# Possessive, so that hostile bytes cost one pass; a lone quote is a string that never ends.
_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},:]', re.DOTALL)
_any_json = msgspec.json.Decoder(msgspec.Raw)


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one page.

    Attributes:
        raw: Each record's bytes as they stand in the page (UTF-8), in the source's order.
        total: What the source says the whole window holds; None where it says nothing usable. A hint that may lie.
        unreadable: Index in ``raw`` -> why that record alone is no strict JSON. Land it with this as its
            ``problem`` (`hub.sdk.RawRecord`); the other records are sound.
        document: The whole page in UTF-8, for what else stands in it (a token of the next page).
        place: Which answer, for messages.
        fingerprint: The same for the same records in the same order, within one process.
    """

    raw: list[bytes] = field(repr=False)
    total: int | None = None
    unreadable: Mapping[int, RecordProblem] = field(default_factory=dict)
    document: bytes = field(default=b"", repr=False)
    place: str = "source"

    fingerprint: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", hash(b"\n".join(self.raw)))


def json_records(
    body: Body,
    *,
    path: Path = ("data", "list"),
    total_path: Path | None = ("data", "total"),
    envelope: Envelope | None = USUAL_ENVELOPE,
) -> Records:
    """The records at ``path`` of a JSON answer.

    Args:
        body: The answer.
        path: Names of the members on the way to the list; empty where the answer itself is the list.
        total_path: Where the declared total stands, if anywhere.
        envelope: How the answer is judged; None where there is no envelope.

    Raises:
        SourceUnavailable: The envelope says "not now" (``source_envelope``) or "log in" (``source_auth``).
        SourceContractError: With the answer's content: ``page_html``, ``page_encoding``, ``page_not_json`` (also
            nested too deeply), ``source_envelope`` (an unknown code), ``page_shape`` (no list where one must be:
            ``null`` is no empty list).
    """
    reading = _Reading(body, path, total_path, envelope)
    if body.is_html:
        reading.fail(
            Code.PAGE_HTML,
            "a web page (expected JSON)",
            "it is often a login page: check the account, then the address",
        )
    decoded = body.utf8()
    try:
        if decoded.damaged:
            return reading.split(decoded.utf8)
        return reading.whole(decoded.utf8)
    except RecursionError:
        reading.fail(
            Code.PAGE_NOT_JSON, "JSON nested too deeply to be read (expected a page of records)", _ASK
        )


def json_document(body: Body, *, envelope: Envelope | None = None) -> bytes:
    """The whole answer as UTF-8 JSON, checked to be JSON and judged by its envelope.

    Raises:
        SourceUnavailable: As `json_records`.
        SourceContractError: As `json_records`.
    """
    reading = _Reading(body, (), None, envelope)
    if body.is_html:
        reading.fail(Code.PAGE_HTML, "a web page (expected JSON)", "check the account, then the address")
    decoded = body.utf8()
    try:
        _any_json.decode(decoded.utf8)
        if envelope is not None:
            reading.judge(lambda at: _walk(decoded.utf8, at))
    except (msgspec.MsgspecError, RecursionError) as exc:
        reading.not_json(decoded.utf8, exc)
    if decoded.damaged:
        reading.fail(Code.PAGE_ENCODING, "JSON with broken characters (expected sound text)", _ASK)
    return decoded.utf8


_ASK = "compare the kept page with samples/ and ask the source's keeper what changed"


@dataclass(frozen=True, slots=True)
class _Reading:
    """One answer being read; what fails does so with the answer's place and content."""

    body: Body
    path: Path
    total_path: Path | None
    envelope: Envelope | None

    def whole(self, utf8: bytes) -> Records:
        """One pass over a sound page; anything unusual goes the slower way that can say what it is."""
        envelope = self.envelope
        wanted = [self.path, *([self.total_path] if self.total_path is not None else [])]
        if envelope is not None:
            wanted += [envelope.code_path, *envelope.message_paths]
        decoder, slots = _decoder(self.path, tuple(dict.fromkeys(wanted)))
        if decoder is None:
            return self.stepwise(utf8)
        try:
            top = decoder.decode(utf8)
        except msgspec.ValidationError:
            return self.stepwise(utf8)
        except msgspec.DecodeError:
            return self.split(utf8)
        if envelope is not None:
            self.judge(lambda at: _pick(top, slots[at]))
        found = _pick(top, slots[self.path]) if self.path else top
        if not isinstance(found, list):
            return self.stepwise(utf8)
        total = None if self.total_path is None else _total(_pick(top, slots[self.total_path]))
        return Records([bytes(one) for one in found], total, document=utf8, place=self.body.place)

    def stepwise(self, utf8: bytes) -> Records:
        """Member by member, for a sound page without the expected shape."""
        if self.envelope is not None:
            self.judge(lambda at: _walk(utf8, at))
        listed = _walk(utf8, self.path)
        if listed is None or listed[:1] != b"[":
            self.no_list(listed)
        total = None if self.total_path is None else _total(_walk(utf8, self.total_path))
        raw = [bytes(one) for one in msgspec.json.decode(listed, type=list[msgspec.Raw])]
        return Records(raw, total, document=utf8, place=self.body.place)

    def split(self, utf8: bytes) -> Records:
        """By brackets and strings alone, for a page in which some records are no strict JSON."""
        try:
            if self.envelope is not None:
                self.judge(lambda at: _descend(utf8, at))
            listed = _descend(utf8, self.path)
            if listed is None or listed[:1] != b"[":
                self.no_list(listed)
            raw = [part for _, part in _members(listed)]
            total = None if self.total_path is None else _total(_descend(utf8, self.total_path))
            self._nothing_behind(utf8)
            problems = {at: problem for at, one in enumerate(raw) if (problem := self._problem(at, one))}
            if not problems:
                _any_json.decode(utf8)  # what is wrong lies outside the records
        except (_Unbalanced, msgspec.MsgspecError) as exc:
            self.not_json(utf8, exc)
        if len(problems) == len(raw) > 1:
            self.not_json(utf8, None)
        return Records(raw, total, problems, utf8, self.body.place)

    def _nothing_behind(self, utf8: bytes) -> None:
        end = _end_of(utf8, _start_of(utf8))
        if utf8[end:].strip(b" \t\r\n"):
            raise _Unbalanced(end)

    def _problem(self, index: int, raw: bytes) -> RecordProblem | None:
        try:
            raw.decode()
            _any_json.decode(raw)
        except (UnicodeDecodeError, msgspec.MsgspecError) as exc:
            return RecordProblem(
                Code.RECORD_UNREADABLE,
                f"{self.body.place}: record {index + 1} of the page is no strict JSON in UTF-8 ({_reason(exc)}; expected an "
                "object); the other records were read: look at its kept bytes and ask the source's keeper",
            )
        return None

    def judge(self, pick: Any) -> None:
        """Raises unless the envelope's code is a good one."""
        assert self.envelope is not None
        self.envelope.judge(lambda at: _scalar(pick(at)), place=self.body.place, content=self.body.content)

    def no_list(self, found: bytes | None) -> NoReturn:
        where = ".".join(self.path) or "the top"
        kind = "nothing" if found is None else _kind(found)
        self.fail(
            Code.PAGE_SHAPE,
            f"{kind} at {where} (expected a list; an empty one is [])",
            "an answer without a list is never taken for no records: " + _ASK,
        )

    def not_json(self, utf8: bytes, exc: Exception | None) -> NoReturn:
        reason = _reason(exc) if exc is not None else "no record can be read"
        self.fail(Code.PAGE_NOT_JSON, f"{len(utf8)} bytes that are no JSON ({reason}; expected JSON)", _ASK)

    def fail(self, code: Code, found: str, todo: str) -> NoReturn:
        raise SourceContractError(f"{self.body.place}: {found}; {todo}", code=code, body=self.body.content)


ABSENT = object()
"""What `member_at` gives for a member that is not there."""


def member_at(document: bytes, path: Path) -> Any:
    """What stands at ``path`` of a page (`Records.document`), read; `ABSENT` where nothing does.

    Names only: what stands in a list is not reached. A page in which some records are no strict JSON is read all the same; a value that cannot be read is
    `ABSENT`.
    """
    try:
        found = _walk(document, path)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        try:
            found = _descend(document, path)
        except _Unbalanced:
            return ABSENT
    if found is None:
        return ABSENT
    try:
        return msgspec.json.decode(found)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ABSENT


# --- the fast way: one decoder made for the paths ---------------------------------------------------------------


@lru_cache(maxsize=64)
def _decoder(list_path: Path, wanted: tuple[Path, ...]) -> tuple[Any, Mapping[Path, tuple[str, ...]]]:
    """A decoder of the members on ``wanted`` paths alone, and the attributes that lead to each."""
    if set(wanted) == {()}:
        return msgspec.json.Decoder(list[msgspec.Raw]), {(): ()}
    if any(one != other and other[: len(one)] == one for one in wanted for other in wanted):
        return None, {}
    slots: dict[Path, tuple[str, ...]] = {}
    return msgspec.json.Decoder(_struct(list_path, list(wanted), (), slots)), slots


def _struct(
    list_path: Path, wanted: list[Path], above: tuple[str, ...], slots: dict[Path, tuple[str, ...]]
) -> Any:
    depth = len(above)
    fields: list[tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    for number, name in enumerate(dict.fromkeys(path[depth] for path in wanted)):
        attribute = f"m{number}"
        rename[attribute] = name
        below = [path for path in wanted if path[depth] == name]
        deeper = [path for path in below if len(path) > depth + 1]
        here = [path for path in below if len(path) == depth + 1]
        for path in here:
            slots[path] = (*above, attribute)
        if deeper:
            fields.append((attribute, _struct(list_path, deeper, (*above, attribute), slots) | None, None))
        elif list_path in here:
            fields.append((attribute, list[msgspec.Raw] | None, None))
        else:
            fields.append((attribute, msgspec.Raw, _ABSENT))
    return msgspec.defstruct("Page", fields, rename=rename)


def _pick(top: Any, attributes: tuple[str, ...]) -> Any:
    for attribute in attributes:
        top = getattr(top, attribute, None)
    return top


# --- the slower ways --------------------------------------------------------------------------------------------


def _walk(document: bytes, path: Path) -> bytes | None:
    """The bytes of the member at ``path`` of a sound document, or None."""
    found: Any = document
    for name in path:
        if bytes(found).lstrip(b" \t\r\n")[:1] != b"{":
            return None
        found = msgspec.json.decode(found, type=dict[str, msgspec.Raw]).get(name)
        if found is None:
            return None
    return bytes(found).strip(b" \t\r\n")


class _Unbalanced(Exception):
    """Brackets or strings do not close; the argument is the byte."""


def _descend(document: bytes, path: Path) -> bytes | None:
    """As `_walk`, by brackets and strings alone."""
    start = _start_of(document)
    found: bytes | None = document[start : _end_of(document, start)]
    for name in path:
        assert found is not None
        if found[:1] != b"{":
            return None
        found = next((part for key, part in _members(found) if key == name), None)
        if found is None:
            return None
    return found


def _start_of(document: bytes) -> int:
    return len(document) - len(document.lstrip(b" \t\r\n"))


def _end_of(document: bytes, start: int) -> int:
    """The byte after the value that begins at ``start``."""
    if document[start : start + 1] not in (b"{", b"["):
        raise _Unbalanced(start)
    closers: list[bytes] = []
    for token in _TOKENS.finditer(document, start):
        mark = token.group()
        if mark in _CLOSER:
            closers.append(_CLOSER[mark])
        elif mark == b'"' or (mark in (b"}", b"]") and mark != closers.pop()) or len(closers) > _DEEPEST:
            raise _Unbalanced(token.start())
        if not closers:
            return token.end()
    raise _Unbalanced(len(document))


def _members(container: bytes) -> Iterator[tuple[str | None, bytes]]:
    """The members of an object or list with their names, each as its slice."""
    named = container[:1] == b"{"
    depth, begin, name = 0, 1, None
    for token in _TOKENS.finditer(container):
        mark = token.group()
        if mark in _CLOSER:
            depth += 1
        elif depth == 1 and mark == b":" and named and name is None:
            name = _name(container[begin : token.start()], begin)
            begin = token.end()
        elif mark in (b"}", b"]") or (mark == b"," and depth == 1):
            depth -= mark != b","
            if depth == 0 or mark == b",":
                part = container[begin : token.start()].strip(b" \t\r\n")
                if part or mark == b"," or name is not None:
                    if not part or (named and name is None):
                        raise _Unbalanced(token.start())
                    yield name, part
                begin, name = token.end(), None


def _name(raw: bytes, at: int) -> str:
    try:
        return str(msgspec.json.decode(raw, type=str))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _Unbalanced(at) from None


# --- words ------------------------------------------------------------------------------------------------------


def _scalar(raw: Any) -> str | None:
    """The text of a member's bytes; None where it is absent, null, a container or cannot be read."""
    try:
        found = msgspec.json.decode(bytes(raw)) if raw is not None else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return None if found is None or isinstance(found, dict | list) else code_text(found)


def _total(raw: Any) -> int | None:
    """The declared total, also where it is text; None for anything that is no count."""
    text = _scalar(raw)
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 15 else None


def _kind(raw: bytes) -> str:
    first = raw[:1]
    return {b"{": "an object", b'"': "a text", b"n": "null", b"t": "true", b"f": "false"}.get(
        first, "a number"
    )


def _reason(exc: Exception) -> str:
    """Why bytes are no JSON, without any of them."""
    if isinstance(exc, _Unbalanced):
        return f"brackets or quotes do not close by byte {exc.args[0]}"
    if isinstance(exc, RecursionError):
        return "nested too deeply"
    if isinstance(exc, UnicodeDecodeError):
        return f"broken character at byte {exc.start}"
    byte = re.search(r"\(byte \d+\)", str(exc))
    return f"malformed {byte.group()}" if byte else "cut short or malformed"
