"""A source on loopback that answers byte by byte what a test tells it, and a context for readers of it."""

import contextlib
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hub.clock import ManualClock
from hub.errors import Code, ConfigError
from hub.sdk.context import ChannelContext
from hub.sdk.gate import BreakerPolicy, LocalGate

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """One request that arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


Answer = bytes | Callable[[socket.socket, Seen], bytes | None]


class HangUp(Exception):
    """Raised by an answer to close the connection at once."""


def answer(
    body: bytes | str | object = b"",
    status: int = 200,
    *,
    content_type: str = "application/json",
    length: int | None = None,
    **headers: str,
) -> bytes:
    """A whole answer; ``length`` overrides the declared one; ``retry_after="2"`` becomes ``Retry-After: 2``."""
    content = _content(body)
    lines = [
        f"HTTP/1.1 {status} Word",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(content) if length is None else length}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def _content(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()


def listed(*records: object, code: object = 200, total: object = None) -> dict[str, Any]:
    """The usual envelope around these records."""
    return {
        "code": code,
        "message": "成功",
        "data": {"total": len(records) if total is None else total, "list": records},
    }


def then_hang_up(sent: bytes) -> Answer:
    """Sends that much and closes the connection."""

    def play(connection: socket.socket, seen: Seen) -> None:
        connection.sendall(sent)
        raise HangUp

    return play


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what many tests are about."""


@dataclass
class RawSource:
    """Answers are played in order; the last one for ever."""

    port: int
    scheme: str = "http"
    answers: list[Answer] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def play(self, *answers: Answer) -> None:
        self.answers[:] = answers

    def _next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextlib.contextmanager
def raw_source(tls: ssl.SSLContext | None = None) -> Iterator[RawSource]:
    """A running source."""

    class Handler(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            if tls is not None:
                self.request = tls.wrap_socket(self.request, server_side=True)
            source.connections.append(self.request)
            super().setup()

        def handle(self) -> None:
            with contextlib.suppress(HangUp, OSError):
                while seen := _read_request(self.rfile):
                    source.seen.append(seen)
                    play = source._next()
                    sent = play if isinstance(play, bytes) else play(self.request, seen)
                    if sent:
                        self.request.sendall(sent)

        def finish(self) -> None:
            with contextlib.suppress(OSError):
                super().finish()
            self.request.close()

    with _Server(("127.0.0.1", 0), Handler) as server:
        source = RawSource(server.server_address[1], "https" if tls else "http")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield source
        finally:
            for connection in source.connections:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
            server.shutdown()
            thread.join()


def _read_request(stream: Any) -> Seen | None:
    if stream.peek(1)[:1] == b"\x16":
        raise HangUp  # the first byte of a TLS greeting, on a port without TLS
    first = stream.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Seen(first[0], first[1], headers, stream.read(int(headers.get("content-length", "0"))))


def closed_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RecordedLog:
    """A log that keeps what was logged."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))

    warning = error = debug = info

    def named(self, event: str) -> list[dict[str, object]]:
        return [fields for name, fields in self.events if name == event]


def make_context(breaker: BreakerPolicy | None = None, **secrets: str) -> ChannelContext:
    """A context on a `ManualClock`, so that nothing sleeps."""

    def secret(name: str) -> str:
        if name not in secrets:
            raise ConfigError(f"no secret {name}", code=Code.SECRET_MISSING)
        return secrets[name]

    clock = ManualClock(NOW)
    return ChannelContext("portal", secret, LocalGate(clock, breaker), RecordedLog(), clock)
