"""The parts of a mail: headers and bodies, found in one walk with bounds on depth, number and header size.

Why not `email.parser`: it recurses once a level (a mail of ten thousand nested parts ends it, at quadratic cost), and it gives
back lines put together anew, where attachments are kept by the hash of their very bytes.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.errors import Code, RecordRejected
from hub.sdk.readers.mail_words import decode_words, from_base64, parameters

MAX_DEPTH = 30
MAX_PARTS = 1_000
MAX_HEADER_BYTES = 1_000_000

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_HEADER = re.compile(rb"([!-9;-~]{1,200})[ \t]*:(.*)", re.DOTALL)
_TYPE = re.compile(rb"\s*([^\s/;\"]{1,80})\s*/\s*([^\s;\"(]{1,120})")
_MBOX_LINE = re.compile(rb">?From [^\n]*\n")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a mail; the mail itself is the first.

    Attributes:
        headers: Lower-case name and unfolded value, in their order.
        raw: The whole mail; the part stands in it from ``start``, its body from ``body_start`` to ``end``.
        default_type: What it is where it does not say: ``message/rfc822`` within a digest.
        parts: Of a multipart or an enclosed mail, in their order; filled while reading.
    """

    headers: tuple[tuple[str, bytes], ...]
    raw: bytes = field(repr=False)
    start: int
    body_start: int
    end: int
    default_type: str = "text/plain"
    parts: list[Part] = field(default_factory=list)

    def header(self, name: str) -> bytes | None:
        """The first header of that lower-case name, unfolded; None where there is none."""
        return next((value for known, value in self.headers if known == name), None)

    def text_header(self, name: str) -> str:
        """The same as text, on one line; empty where there is none."""
        return " ".join(decode_words(self.header(name) or b"").split())

    @property
    def content_type(self) -> str:
        """Such as ``text/plain``, lower case; what RFC 2045 lets it default to where the header is missing or broken."""
        found = _TYPE.match(self.header("content-type") or b"")
        if found is None:
            return self.default_type
        return f"{found.group(1).decode('latin-1')}/{found.group(2).decode('latin-1')}".lower()

    @property
    def type_parameters(self) -> dict[str, str]:
        """Parameters of the content type."""
        return parameters(self.header("content-type") or b"")

    @property
    def disposition(self) -> str:
        """``attachment``, ``inline`` or empty."""
        value = self.header("content-disposition") or b""
        return value.partition(b";")[0].strip().decode("latin-1").lower()

    @property
    def file_name(self) -> str:
        """The name that the sender gave the part, as it came; empty where there is none."""
        name = parameters(self.header("content-disposition") or b"").get("filename", "")
        return name or self.type_parameters.get("name", "")

    @property
    def body(self) -> bytes:
        """As it was sent, still encoded for transfer."""
        return self.raw[self.body_start : self.end]

    def content(self) -> bytes:
        """The body's bytes, transfer encoding taken off."""
        encoding = (self.header("content-transfer-encoding") or b"").strip().strip(b'"').lower()
        if encoding == b"base64":
            return from_base64(self.body)
        if encoding == b"quoted-printable":
            return binascii.a2b_qp(self.body)
        return self.body

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in the order in which they stand in the mail."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.parts))


def parse(raw: bytes) -> Part:
    """The mail as a tree of parts.

    Raises:
        RecordRejected: Nested deeper, cut into more parts, or with longer headers than any honest mail (code
            ``record_unreadable``).
    """
    root = head_of(raw)
    count = 1
    waiting = [(root, 1)]
    while waiting:
        part, depth = waiting.pop()
        for child in _children(part):
            count += 1
            if depth >= MAX_DEPTH:
                raise _beyond(f"nested more than {MAX_DEPTH} deep")
            if count > MAX_PARTS:
                raise _beyond(f"cut into more than {MAX_PARTS} parts")
            part.parts.append(child)
            waiting.append((child, depth + 1))
    return root


def head_of(raw: bytes) -> Part:
    """The mail's headers alone: its parts are not looked for.

    Raises:
        RecordRejected: Headers without an end (code ``record_unreadable``).
    """
    first = _MBOX_LINE.match(raw)
    return _part(raw, first.end() if first else 0, len(raw), "text/plain")


def _beyond(what: str) -> RecordRejected:
    return RecordRejected(
        f"mail: its parts are {what} (expected an ordinary mail); look at it in the mailbox itself: it may be an attack",
        code=Code.RECORD_UNREADABLE,
    )


def _children(part: Part) -> Iterator[Part]:
    kind = part.content_type
    if kind == "message/rfc822" or kind == "message/global":
        if (part.header("content-transfer-encoding") or b"").strip().lower() in (
            b"base64",
            b"quoted-printable",
        ):
            enclosed = part.content()
            yield _part(enclosed, 0, len(enclosed), "text/plain")
        else:
            yield _part(part.raw, part.body_start, part.end, "text/plain")
    elif kind.startswith("multipart/"):
        default_type = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        for start, end in _stretches(part):
            yield _part(part.raw, start, end, default_type)


def _stretches(part: Part) -> Iterator[tuple[int, int]]:
    """Where the parts of a multipart stand; a missing last boundary ends the last part with its parent."""
    boundary = part.type_parameters.get("boundary", "").rstrip()
    if not boundary:
        return
    # A body begins after a line end, so that ``^`` also finds a boundary on its first line.
    mark = re.compile(rb"(?m)^--" + re.escape(boundary.encode("latin-1", "replace")) + rb"(--)?[ \t]*\r?$")
    begin: int | None = None
    for found in mark.finditer(part.raw, part.body_start, part.end):
        if begin is not None:
            yield begin, max(begin, _before_line_end(part.raw, found.start()))
        if found.group(1):
            return
        begin = min(found.end() + 1, part.end)
    if begin is not None:
        yield begin, part.end


def _before_line_end(raw: bytes, at: int) -> int:
    """The line end before a boundary belongs to the boundary."""
    return at - 2 if raw.startswith(b"\r\n", at - 2) else at - 1


def _part(raw: bytes, start: int, end: int, default_type: str) -> Part:
    head_end, body_start = _head(raw, start, end)
    headers = _headers(raw[start:head_end])
    if not headers and head_end > start:
        body_start = start  # words without a single header are all body
    return Part(headers, raw, start, body_start, end, default_type)


def _head(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the headers end and where the body begins."""
    if raw.startswith(b"\r\n", start):
        return start, min(start + 2, end)
    if raw.startswith(b"\n", start):
        return start, min(start + 1, end)
    limit = min(end, start + MAX_HEADER_BYTES)
    found = _BLANK_LINE.search(raw, start, limit)
    if found is not None:
        return found.start(), found.end()
    if end > limit:
        raise _beyond(f"headed by more than {MAX_HEADER_BYTES} bytes of headers")
    return end, end


def _headers(head: bytes) -> tuple[tuple[str, bytes], ...]:
    """Name and unfolded value of each header; a line that is none continues the one before, as broken mailers fold."""
    folded: list[list[bytes]] = []
    for line in head.split(b"\n"):
        line = line.rstrip(b"\r")
        is_new = not line[:1].isspace() and _HEADER.match(line) is not None
        if is_new:
            folded.append([line])
        elif folded and line.strip():
            folded[-1].append(line.strip())
    headers: list[tuple[str, bytes]] = []
    for lines in folded:
        found = _HEADER.match(b" ".join(lines))
        if found is not None:
            headers.append((found.group(1).decode("latin-1").lower(), found.group(2).strip()))
    return tuple(headers)
