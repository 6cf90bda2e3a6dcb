"""The gateway of a county's app, on loopback: a list that the hub asks for, and pushes that it sends by itself, signed.

It pushes as a careful source does: what changed since the last push goes out under a new id; a push that was not accepted is sent again,
the same bytes under the same id with a new time, until it is. How a source misbehaves is played elsewhere (`hub.testing.hostile`,
`hub.testing.push`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlsplit
from urllib.request import Request, urlopen

from hub.clock import Clock, SystemClock
from hub.county.loopback import QuietHandler, ServedOnLoopback
from hub.model.ids import new_ulid
from hub.sdk.signing import sign

PATH = "/open/appeals"
MAX_PAGE_SIZE = 500
DEFAULT_PAGE_SIZE = 50
MOST_AT_ONCE = 100
_ANSWER_LIMIT_S = 60.0
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """What a push was answered with; ``status`` None: no answer came, and nobody knows whether it was taken."""

    status: int | None
    answer: Mapping[str, Any]
    retry_after_s: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the hub has it for good."""
        return self.status == 202


@dataclass(frozen=True, slots=True)
class _Push:
    """A push on its way: it keeps its id and its bytes until it was accepted."""

    message_id: str
    body: bytes
    numbers: tuple[str, ...]


class AppGateway(ServedOnLoopback):
    """The app's records behind HTTP; a context manager. Every method may be called from any thread.

    Args:
        records: Records of the app; ``appealId`` and ``updateTime`` (milliseconds since 1970) are needed.
        token: Where given, requests need ``Authorization: Bearer`` with it.
        clock: Dates the pushes.
        port: 0 for any free one.
    """

    def __init__(
        self,
        records: Iterable[Record] = (),
        *,
        token: str | None = None,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._clock = clock or SystemClock()
        self._token = token
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        self._changed: dict[str, None] = {}
        self._on_its_way: _Push | None = None
        self._sending = threading.Lock()
        super().__init__(_handler(self), host=host, port=port)
        for record in records:
            self.add(record)

    def __len__(self) -> int:
        with self._lock:
            return len(self._records)

    @property
    def unsent(self) -> int:
        """Records that changed and of which no push was accepted since."""
        with self._lock:
            on_its_way = self._on_its_way.numbers if self._on_its_way is not None else ()
            return len({*self._changed, *on_its_way})

    def add(self, record: Record) -> None:
        """Takes in a record; one with the same number is replaced, as when a citizen or a clerk changes it."""
        number = str(record["appealId"])
        with self._lock:
            self._records[number] = dict(record)
            self._changed[number] = None

    def update(self, number: str, *, update_time: int, **fields: Any) -> None:
        """Changes fields of a record and gives it a new update time (milliseconds since 1970).

        Raises:
            KeyError: There is no such record.
        """
        with self._lock:
            changed = {**self._records[number], **fields, "updateTime": update_time}
        self.add(changed)

    def push(self, address: str, secret: str, *, at_once: int = MOST_AT_ONCE) -> Sent | None:
        """Sends what changed, or once more what was not accepted; None where there is nothing to send.

        Args:
            address: Of the hub's door: ``http://…/v1/channels/NAME/records``.
            secret: The signing secret that the hub knows too.
            at_once: Records in one push at most.
        """
        with self._sending:
            push = self._next(at_once)
            if push is None:
                return None
            sent = _send(address, push, sign(secret, push.message_id, self._clock.now(), push.body))
            if sent.accepted:
                with self._lock:
                    self._on_its_way = None
            return sent

    def push_all(self, address: str, secret: str, *, at_once: int = MOST_AT_ONCE) -> list[Sent]:
        """Pushes until nothing is left or one is not accepted; the answers in their order."""
        answers: list[Sent] = []
        while (sent := self.push(address, secret, at_once=at_once)) is not None:
            answers.append(sent)
            if not sent.accepted:
                break
        return answers

    def answer(self, target: str, authorization: str | None) -> tuple[int, bytes]:
        """Status and body for a request's target."""
        self.requests += 1
        url = urlsplit(target)
        if self._token is not None and authorization != f"Bearer {self._token}":
            return 401, _refusal(401, "未登录或登录已过期")
        if url.path != PATH:
            return 404, _refusal(404, "接口不存在")
        try:
            return 200, self._page(dict(parse_qsl(url.query)))
        except ValueError:
            return 200, _refusal(400, "参数错误")

    def _page(self, query: Mapping[str, str]) -> bytes:
        number, size = int(query.get("pageNum", "1")), int(query.get("pageSize", str(DEFAULT_PAGE_SIZE)))
        start, end = query.get("updateTimeFrom"), query.get("updateTimeTo")
        if number < 1 or size < 1:
            raise ValueError("page out of range")
        size = min(size, MAX_PAGE_SIZE)
        least, most = int(start) if start else None, int(end) if end else None
        with self._lock:
            found = [
                one
                for one in self._records.values()
                if (least is None or one["updateTime"] >= least)
                and (most is None or one["updateTime"] <= most)
            ]
        found.sort(key=lambda one: (one["updateTime"], str(one["appealId"])), reverse=True)
        part = found[(number - 1) * size : number * size]
        data = {"total": len(found), "pageNum": number, "pageSize": size, "list": part}
        return _json({"code": 200, "message": "success", "data": data})

    def _next(self, at_once: int) -> _Push | None:
        with self._lock:
            if self._on_its_way is None and self._changed:
                numbers = tuple(self._changed)[:at_once]
                body = _json({"records": [self._records[number] for number in numbers]})
                self._on_its_way = _Push(f"push_{new_ulid()}", body, numbers)
                for number in numbers:
                    del self._changed[number]
            return self._on_its_way


def _send(address: str, push: _Push, signature: Mapping[str, str]) -> Sent:
    request = Request(address, push.body, {"Content-Type": "application/json", **signature}, method="POST")
    try:
        with urlopen(request, timeout=_ANSWER_LIMIT_S) as answer:
            return Sent(answer.status, _read(answer.read()))
    except HTTPError as exc:
        with exc:
            wait = exc.headers.get("Retry-After", "")
            return Sent(exc.code, _read(exc.read()), float(wait) if wait.isdigit() else None)
    except (OSError, HTTPException):
        return Sent(None, {})


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _refusal(code: int, message: str) -> bytes:
    """The answer that says no; the gateway says it within HTTP 200 as a rule."""
    return _json({"code": code, "message": message, "data": None})


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _handler(gateway: AppGateway) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.send(*gateway.answer(self.path, self.headers.get("Authorization")))

    return Handler
