"""The IMAP connection: imaplib's protocol over a socket of our own that keeps limits of time and of size.

Why imaplib and not imap-tools, which stands on it: imap-tools parses what it fetches and keeps no bytes, asks for a mail before its size
is known, and sets no limit to a whole answer. Why a socket of our own under imaplib: its limits are one million bytes a line
(a SEARCH of a large folder is longer), none a literal, and none on a source that sends one byte every few seconds.
`open`, `read`, `readline`, `send` and `shutdown` are the methods that imaplib's manual lets a subclass replace.
"""

from __future__ import annotations

import base64
import imaplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from hub.clock import Clock

_CHUNK = 262_144


class LiteralTooLarge(imaplib.IMAP4.abort):
    """The server announces more bytes than are wanted; the connection cannot be used any more."""


class ConnectionEnded(imaplib.IMAP4.abort):
    """The server closed the connection."""


class AnswerTooLong(imaplib.IMAP4.abort):
    """One answer passes its limit of time or of bytes; the connection cannot be used any more."""


def wire_trouble(exc: Exception) -> Exception:
    """The error of our own socket that lies behind one of imaplib's, which wraps it in its own; else the error itself."""
    seen: BaseException | None = exc
    while seen is not None:
        if isinstance(seen, LiteralTooLarge | ConnectionEnded | AnswerTooLong):
            return seen
        seen = seen.__context__
    return exc


@dataclass(frozen=True, slots=True)
class WireLimits:
    """What one connection may cost.

    Attributes:
        silence_s: Longest time without a byte.
        command_s: Longest time from a command to the end of its answer.
        literal_bytes: Longest literal.
        answer_bytes: Most bytes from a command to the end of its answer.
        line_bytes: Longest line; a SEARCH names each mail in up to eleven bytes.
    """

    silence_s: float
    command_s: float
    literal_bytes: int
    answer_bytes: int
    line_bytes: int = 32 * 2**20


class ImapWire(imaplib.IMAP4):
    """One connection; not logged in yet.

    Raises:
        OSError: It cannot be made, or TLS fails (`ssl.SSLError`).
        imaplib.IMAP4.error: What answers is no IMAP server.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        start_tls: bool,
        limits: WireLimits,
        clock: Clock,
    ) -> None:
        self._tls = tls
        self._limits = limits
        self._clock = clock
        self._buffer = bytearray()
        self._received = 0
        self._began = clock.monotonic()
        self._at_once = tls is not None and not start_tls
        super().__init__(host, port, limits.silence_s)
        if tls is not None and start_tls:
            self._start_tls(tls)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Connects, with TLS from the first byte where that is asked for."""
        self.host = host
        self.port = port
        self.sock = socket.create_connection((host, port), timeout)
        if self._at_once and self._tls is not None:
            self.sock = self._wrapped(self._tls)

    def _wrapped(self, tls: ssl.SSLContext) -> ssl.SSLSocket:
        plain = self.sock
        try:
            return tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def _start_tls(self, tls: ssl.SSLContext) -> None:
        try:
            if "STARTTLS" not in self.capabilities:
                raise self.error("no STARTTLS")
            answer, _ = self.xatom("STARTTLS")
            # What was sent before the handshake is not under its protection and must not be read after it.
            if answer != "OK" or self._buffer:
                raise self.error("STARTTLS refused")
            self.sock = self._wrapped(tls)
            self.refresh_capabilities()
        except BaseException:
            self.shutdown()
            raise

    def refresh_capabilities(self) -> None:
        """Asks anew what the server can do: it may differ after TLS and after the login."""
        answer, told = self.capability()
        if answer == "OK" and told and isinstance(told[-1], bytes):
            self.capabilities = tuple(told[-1].decode("ascii", "replace").upper().split())

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Sends a command and begins to count its answer."""
        self._began = self._clock.monotonic()
        self._received = 0
        self.sock.settimeout(self._limits.silence_s)
        self.sock.sendall(data)

    def read(self, size: int) -> bytes:
        """That many bytes."""
        if size > self._limits.literal_bytes:
            raise LiteralTooLarge(f"literal of {size} bytes")
        while len(self._buffer) < size:
            self._fill()
        return self._take(size)

    def readline(self) -> bytes:
        """One line with its end."""
        searched = 0
        while (at := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > self._limits.line_bytes:
                raise AnswerTooLong(f"line of more than {self._limits.line_bytes} bytes")
            self._fill()
        return self._take(at + 1)

    def _fill(self) -> None:
        left_s = self._limits.command_s - (self._clock.monotonic() - self._began)
        if left_s <= 0 or self._received > self._limits.answer_bytes:
            raise AnswerTooLong(f"answer of {self._received} bytes not ended in {self._limits.command_s:g} s")
        self.sock.settimeout(min(self._limits.silence_s, left_s))
        chunk = self.sock.recv(_CHUNK)
        self._received += len(chunk)
        self._buffer += chunk
        if not chunk:
            raise ConnectionEnded("connection closed")

    def _take(self, size: int) -> bytes:
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken

    def shutdown(self) -> None:
        """Closes the connection; never raises for one that is gone already."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side was faster
        finally:
            self.sock.close()


def folder_argument(name: str) -> str:
    """A folder's name as an IMAP argument: modified UTF-7, quoted.

    Source: RFC 3501, section 5.1.3.
    """
    return '"' + "".join(_utf7(name)).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _utf7(name: str) -> Iterator[str]:
    pending = ""
    for character in name:
        if " " <= character <= "~":
            yield _shifted(pending)
            pending = ""
            yield "&-" if character == "&" else character
        else:
            pending += character
    yield _shifted(pending)


def _shifted(text: str) -> str:
    if not text:
        return ""
    coded = base64.b64encode(text.encode("utf-16-be")).decode("ascii")
    return "&" + coded.rstrip("=").replace("/", ",") + "-"


def folder_name(argument: bytes) -> str:
    """The name that a folder bears, from modified UTF-7; unreadable parts stay as they are."""

    def plain(coded: str) -> str:
        if not coded:
            return "&"
        padded = coded.replace(",", "/") + "=" * (-len(coded) % 4)
        try:
            return base64.b64decode(padded, validate=True).decode("utf-16-be")
        except ValueError:
            return f"&{coded}-"

    pieces = argument.decode("utf-8", "replace").split("&")
    shown = [pieces[0]]
    for piece in pieces[1:]:
        coded, dash, rest = piece.partition("-")
        shown.append(plain(coded) + rest if dash else f"&{piece}")
    return "".join(shown)
