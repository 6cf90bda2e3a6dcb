"""A department's receiver: a real HTTP server that checks signatures, has each effect once, and misbehaves when told.

For the simulated county and for tests. A department that writes its own finds here what it must do: check the
signature over the bytes as they came, answer 202, and pass over an id that it knows.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Literal

from hub.clock import Clock, SystemClock
from hub.sdk.signing import SHA256, SignatureInvalid, verify

MAX_BODY_BYTES = 1_000_000

Kind = Literal["status", "slow", "hang", "drop", "malformed"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way of misbehaving.

    Attributes:
        kind: ``status`` answers that status; ``slow`` answers well after ``seconds``; ``hang`` never answers; ``drop``
            closes the connection; ``malformed`` sends something that is no HTTP.
        times: How many messages meet it; None: all from now on.
        headers: Sent with a status, such as Retry-After or Location.
        after_effect: The effect happens first, so that only the answer is lost.
    """

    kind: Kind
    times: int | None = 1
    status: int = 500
    seconds: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()
    after_effect: bool = False

    @classmethod
    def fails(cls, times: int | None = 1, status: int = 500) -> Fault:
        return cls("status", times, status)

    @classmethod
    def rate_limited(cls, retry_after: str, times: int | None = 1, status: int = 429) -> Fault:
        return cls("status", times, status, headers=(("Retry-After", retry_after),))

    @classmethod
    def gone(cls, times: int | None = None) -> Fault:
        return cls("status", times, 410)

    @classmethod
    def redirects(cls, location: str, times: int | None = 1, status: int = 307) -> Fault:
        return cls("status", times, status, headers=(("Location", location),))

    @classmethod
    def slow(cls, seconds: float, times: int | None = None) -> Fault:
        return cls("slow", times, seconds=seconds)

    @classmethod
    def hangs(cls, times: int | None = None, *, after_effect: bool = False) -> Fault:
        return cls("hang", times, after_effect=after_effect)

    @classmethod
    def drops(cls, times: int | None = 1, *, after_effect: bool = False) -> Fault:
        return cls("drop", times, after_effect=after_effect)

    @classmethod
    def malformed(cls, times: int | None = 1) -> Fault:
        return cls("malformed", times)


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived.

    Attributes:
        headers: As sent, in their order.
        message_id: The verified id; None where the signature did not hold.
        fault: The way in which it was misanswered, if any.
    """

    at: datetime
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    message_id: str | None
    fault: Kind | None

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class DepartmentReceiver:
    """A department's webhook on a loopback port of its own, in threads of this process.

    Args:
        name: The department; shown in answers.
        secrets: Signing secrets that are valid, any of which may verify.
        effects_file: Where the ids of messages that had their effect are kept, so that a receiver that is started
            again knows them; None: in memory.
        labels: Signature labels of which one must hold.

    Attributes:
        deliveries: Every request, in the order in which they were read.
    """

    def __init__(
        self,
        name: str,
        secrets: str | Sequence[str],
        *,
        port: int = 0,
        effects_file: Path | None = None,
        clock: Clock | None = None,
        labels: Sequence[str] = (SHA256,),
    ) -> None:
        self.name = name
        self.secrets: tuple[str, ...] = (secrets,) if isinstance(secrets, str) else tuple(secrets)
        self.deliveries: list[Received] = []
        self._labels = tuple(labels)
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._faults: deque[Fault] = deque()
        self._stopping = threading.Event()
        self._effects_file = effects_file
        self._effects = _read_effects(effects_file)
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name=f"receiver-{name}",
            daemon=True,
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/orders"

    @property
    def effects(self) -> Counter[str]:
        """Message id -> how often its effect happened; once each, or the receiver is wrong."""
        with self._changed:
            return Counter(self._effects)

    def start(self) -> DepartmentReceiver:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends the server and every connection; requests that hang end too."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.close_all()

    def __enter__(self) -> DepartmentReceiver:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def script(self, *faults: Fault) -> None:
        """Misbehaves in these ways, one after the other; replaces what was scripted before."""
        with self._changed:
            self._faults = deque(faults)

    def wait_for(self, count: int, timeout_s: float = 30.0) -> bool:
        """Whether ``count`` requests had come before ``timeout_s`` seconds passed."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.deliveries) >= count, timeout_s)

    def wait_for_effects(self, count: int, timeout_s: float = 30.0) -> bool:
        """Whether ``count`` different messages had their effect before ``timeout_s`` seconds passed."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._effects) >= count, timeout_s)

    def _next_fault(self) -> Fault | None:
        if not self._faults:
            return None
        fault = self._faults[0]
        if fault.times is not None:
            if fault.times <= 1:
                self._faults.popleft()
            else:
                self._faults[0] = replace(fault, times=fault.times - 1)
        return fault

    def _take(
        self, path: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> tuple[str | None, str, Fault | None]:
        """Checks one request and has its effect, unless a fault keeps it: verified id, what was wrong, the fault."""
        message_id, wrong = None, ""
        try:
            message_id = verify(headers, body, self.secrets, now=self._clock.now(), labels=self._labels)
        except SignatureInvalid as exc:
            wrong = exc.message
        with self._changed:
            fault = self._next_fault()
            kind = fault.kind if fault else None
            self.deliveries.append(Received(self._clock.now(), path, tuple(headers), body, message_id, kind))
            if message_id is not None and (fault is None or fault.kind == "slow" or fault.after_effect):
                self._effect(message_id)
            self._changed.notify_all()
        return message_id, wrong, fault

    def _effect(self, message_id: str) -> None:
        if message_id in self._effects:
            return
        if self._effects_file is not None:
            with self._effects_file.open("a", encoding="ascii") as file:
                file.write(message_id + "\n")
                file.flush()
                os.fsync(file.fileno())
        self._effects[message_id] += 1


def _read_effects(path: Path | None) -> Counter[str]:
    """Counts as they stand in the file: an id that stands twice had its effect twice."""
    return Counter(path.read_text("ascii").split()) if path is not None and path.exists() else Counter()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        if isinstance(request, socket.socket):
            with self._lock:
                self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            with self._lock:
                self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""

    def close_all(self) -> None:
        self.server_close()
        with self._lock:
            left = list(self._open)
        for connection in left:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it ended by itself


def _handler(receiver: DepartmentReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1
        server_version = "department"
        sys_version = ""

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MAX_BODY_BYTES:
                self.close_connection = True
                self._answer(413 if length.isdigit() else 411, {"error": "length"})
                return
            body = self.rfile.read(int(length))
            message_id, wrong, fault = receiver._take(self.path, self.headers.items(), body)
            if fault is not None and fault.kind != "slow":
                self._misbehave(fault, body)
                return
            if fault is not None:
                receiver._stopping.wait(fault.seconds)
            if message_id is None:
                self._answer(401, {"error": wrong})
            else:
                self._answer(202, {"receipt": message_id, "department": receiver.name})

        def _misbehave(self, fault: Fault, body: bytes) -> None:
            if fault.kind == "status":
                # As many real ones do: what was sent comes back in the error.
                echo = body.decode("utf-8", "replace")
                self._answer(fault.status, {"error": "scripted", "received": echo}, fault.headers)
                return
            self.close_connection = True
            if fault.kind == "hang":
                receiver._stopping.wait()
            elif fault.kind == "malformed":
                self.wfile.write(b"\x00\x01 this is no HTTP \xff\r\n\r\n")

        def _answer(
            self, status: int, answer: dict[str, str], headers: Sequence[tuple[str, str]] = ()
        ) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what arrives here may name people."""

    return Handler
