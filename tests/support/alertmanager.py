"""A real Alertmanager on loopback with a webhook receiver of ours, and timelines of alerts that are played to it."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

# A group's first flush comes GROUP_WAIT_S after its first alert, the next ones every STEP_S. Alerts are posted at whole steps, so
# that every event lies half a step from the flushes around it.
STEP_S = 2.0
GROUP_WAIT_S = 1.0
REPEAT_S = 5.0
# The dispatcher drops empty groups once in 30 s after its start, and would begin their rhythm anew.
LONGEST_S = 27.0


@dataclass(frozen=True, slots=True)
class Event:
    """One alert begins (or ends) at a step."""

    step: int
    member: str
    fires: bool


@dataclass(frozen=True, slots=True)
class Silenced:
    """One alert is silenced from a step until before another."""

    member: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happens to one group of alerts."""

    name: str
    events: tuple[Event, ...]
    silences: tuple[Silenced, ...] = ()

    @property
    def first_step(self) -> int:
        return min(event.step for event in self.events)

    def at_flush(self, flush: int) -> tuple[frozenset[str], frozenset[str]]:
        """Alerts that stand, and those that ended since the flush before, as the flush of that number sees them (0 is the first)."""
        upto = self.first_step + flush
        standing: set[str] = set()
        ended: set[str] = set()
        for event in sorted(self.events, key=lambda event: event.step):
            if event.step > upto:
                break
            if event.fires:
                standing.add(event.member)
                ended.discard(event.member)
            elif event.member in standing:
                standing.discard(event.member)
                if event.step == upto:
                    ended.add(event.member)
        quiet = {one.member for one in self.silences if one.start <= upto < one.end}
        return frozenset(standing - quiet), frozenset(ended - quiet)


@dataclass(frozen=True, slots=True)
class Notified:
    """One notification of a group: at which of its flushes, what it said stands and what has ended."""

    flush: int
    standing: frozenset[str]
    ended: frozenset[str]


@dataclass(slots=True)
class Receiver:
    """What the webhook received: (monotonic time, body)."""

    got: list[tuple[float, dict[str, Any]]] = field(default_factory=list)


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            at = time.monotonic()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.got.append((at, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@contextmanager
def alertmanager(program: Path, folder: Path) -> Iterator[tuple[str, Receiver]]:
    """A running Alertmanager that groups by ``group``; its address and what its receiver gets."""
    receiver = Receiver()
    webhook = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver))
    thread = threading.Thread(target=webhook.serve_forever, daemon=True)
    thread.start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "alertmanager.yml"
    config.write_text(
        f"route: {{receiver: ours, group_by: [group], group_wait: {GROUP_WAIT_S:g}s, group_interval: {STEP_S:g}s, "
        f"repeat_interval: {REPEAT_S:g}s}}\n"
        "receivers:\n  - name: ours\n    webhook_configs:\n"
        f"      - {{url: 'http://127.0.0.1:{webhook.server_port}/', send_resolved: true}}\n",
        encoding="utf-8",
    )
    server = subprocess.Popen(
        [
            program,
            f"--config.file={config}",
            f"--storage.path={folder / 'store'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _until_ready(address, server)
        yield address, receiver
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)
        webhook.shutdown()
        webhook.server_close()
        thread.join(10)


def _until_ready(address: str, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        if server.poll() is not None:
            raise RuntimeError(f"Alertmanager ended with code {server.returncode} before it was ready")
        try:
            with urlopen(f"{address}/-/ready", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("Alertmanager was not ready within 20 s")


def post(address: str, path: str, document: object) -> None:
    body = json.dumps(document).encode()
    request = Request(f"{address}/api/v2/{path}", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=5):
        pass


class OutOfStep(Exception):
    """The machine was too slow for the rhythm: what came out says nothing."""


def play(
    address: str, receiver: Receiver, timelines: Sequence[Timeline], steps: int
) -> Mapping[str, tuple[Notified, ...]]:
    """Posts every timeline's events, step by step, all groups together; what each group's receiver was told.

    Raises:
        OutOfStep: An event or a notification lay too near to the border between two flushes.
    """
    begun = time.monotonic()
    for step in range(steps):
        _sleep_until(begun + step * STEP_S)
        now = datetime.now(UTC)
        for timeline in timelines:
            for silence in timeline.silences:
                if silence.start == step:
                    post(address, "silences", _silence(timeline, silence, now))
        events = [
            (timeline, event) for timeline in timelines for event in timeline.events if event.step == step
        ]
        if events:
            post(address, "alerts", [_alert(timeline, event, now) for timeline, event in events])
        if time.monotonic() - (begun + step * STEP_S) > GROUP_WAIT_S / 2:
            raise OutOfStep
    _sleep_until(begun + (steps - 1) * STEP_S + GROUP_WAIT_S + 0.6)
    if time.monotonic() - begun > LONGEST_S:
        raise OutOfStep
    found: dict[str, list[Notified]] = {timeline.name: [] for timeline in timelines}
    first = {timeline.name: timeline.first_step for timeline in timelines}
    for at, body in list(receiver.got):
        name = body["groupLabels"]["group"]
        place = (at - begun - GROUP_WAIT_S) / STEP_S - first[name]
        if abs(place - round(place)) > 0.35:
            raise OutOfStep
        by_state = {
            state: frozenset(one["labels"]["member"] for one in body["alerts"] if one["status"] == state)
            for state in ("firing", "resolved")
        }
        found[name].append(Notified(round(place), by_state["firing"], by_state["resolved"]))
    return {name: tuple(notified) for name, notified in found.items()}


def _alert(timeline: Timeline, event: Event, now: datetime) -> dict[str, Any]:
    alert: dict[str, Any] = {
        "labels": {"alertname": "a", "group": timeline.name, "member": event.member},
        "startsAt": now.isoformat(),
    }
    if event.fires:
        alert["endsAt"] = (now + timedelta(hours=1)).isoformat()
    else:
        alert["startsAt"] = (now - timedelta(milliseconds=500)).isoformat()
        alert["endsAt"] = now.isoformat()
    return alert


def _silence(timeline: Timeline, silence: Silenced, now: datetime) -> dict[str, Any]:
    matchers = [
        {"name": name, "value": value, "isRegex": False, "isEqual": True}
        for name, value in (("group", timeline.name), ("member", silence.member))
    ]
    lasts = timedelta(seconds=(silence.end - silence.start) * STEP_S)
    return {
        "matchers": matchers,
        "startsAt": now.isoformat(),
        "endsAt": (now + lasts).isoformat(),
        "createdBy": "test",
        "comment": "test",
    }


def _sleep_until(moment: float) -> None:
    left = moment - time.monotonic()
    if left > 0:
        time.sleep(left)
