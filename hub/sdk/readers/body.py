"""One answer of an HTTP source, whole: its bytes, what its head says of them, and the reading of both."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO

from hub.sdk.readers.encoding import Decoded, to_text, to_utf8

GZIP_BITS, ZLIB_BITS, RAW_BITS = 31, 15, -15
KEPT_OF_TOO_LARGE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Body:
    """One answer with a 2xx status.

    Attributes:
        content: Decompressed, otherwise exactly as sent.
        status: HTTP status.
        media_type: Lower case, without parameters; empty where the answer names none.
        charset: The label as the answer gives it; None for none. A claim, not a fact: see `utf8`.
        headers: Names in lower case.
        place: Which answer, for messages: instance, label, method and path; never the query.
        delimited: The head told where the body ends; otherwise a cut at the end cannot be seen.
    """

    content: bytes = field(repr=False)
    status: int = 200
    media_type: str = ""
    charset: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    place: str = "source"
    delimited: bool = True

    def utf8(self) -> Decoded:
        """The content in UTF-8; see `hub.sdk.readers.encoding.to_utf8`."""
        return to_utf8(self.content, self.charset, place=self.place)

    def text(self) -> str:
        """The content as text; see `hub.sdk.readers.encoding.to_text`."""
        return to_text(self.content, self.charset, place=self.place)

    @property
    def is_html(self) -> bool:
        """It reads like a web page, whatever its media type says: JSON labelled text/html is none."""
        start = self.content.lstrip(b"\xef\xbb\xbf \t\r\n\x00")[:2048].lower()
        if not start.startswith(b"<") or (start.startswith(b"<?xml") and b"<html" not in start):
            return False
        return "html" in self.media_type or b"<html" in start or b"<!doctype html" in start


class TooLarge(Exception):
    """The content passes the limit; ``head`` is its beginning."""

    def __init__(self, head: bytes) -> None:
        super().__init__("content passes the limit")
        self.head = head


class Inflater:
    """Undoes a content coding piece by piece, and never makes more than ``limit`` bytes of it.

    Raises:
        zlib.error: The pieces are not what the coding says.
        TooLarge: More than ``limit`` bytes would come out.
    """

    def __init__(self, coding: str, limit: int) -> None:
        self._coding = coding
        self._limit = limit
        self._out = BytesIO()  # gives its content without copying it
        self._size = 0
        self._fed = False
        self._bits = {"gzip": GZIP_BITS, "deflate": ZLIB_BITS}.get(coding)
        self._inflate = None if self._bits is None else zlib.decompressobj(self._bits)

    def feed(self, piece: bytes) -> None:
        """Takes the next piece."""
        first, self._fed = not self._fed, True
        if self._inflate is None:
            self._take(piece)
            return
        try:
            self._inflated(piece)
        except zlib.error:
            if not (first and self._coding == "deflate"):
                raise
            # Some servers say deflate and send it without the zlib head.
            self._inflate = zlib.decompressobj(RAW_BITS)
            self._inflated(piece)

    def _inflated(self, piece: bytes) -> None:
        assert self._inflate is not None
        while piece:
            if self._inflate.eof:
                if not piece.startswith(b"\x1f"):
                    return  # padding after the end
                self._inflate = zlib.decompressobj(GZIP_BITS)
            self._take(self._inflate.decompress(piece, self._limit - self._size + 1))
            piece = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    def _take(self, piece: bytes) -> None:
        self._size += self._out.write(piece)
        if self._size > self._limit:
            raise TooLarge(self._out.getvalue()[:KEPT_OF_TOO_LARGE])

    def finish(self) -> tuple[bytes, bool]:
        """The content, and whether its coding came to its end."""
        whole = self._inflate is None or self._inflate.eof or not self._fed
        return self._out.getvalue(), whole
