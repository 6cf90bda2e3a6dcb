"""A portal as counties have them: the paged list of what citizens wrote, served over real HTTP on loopback.

It keeps the interface's manners: records newest first, bounds on the update time with both ends included, a record that changes
is sent again with a new update time, errors inside HTTP 200; a reply is taken once for its number and changes the record. How a source misbehaves is played elsewhere
(`hub.testing.hostile`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from hub.clock import COUNTY_ZONE, Clock, SystemClock
from hub.county.loopback import QuietHandler, ServedOnLoopback

PATH = "/api/zx/list"
REPLY_PATH = "/api/zx/reply"
# What a reply makes of a record's state.
REPLIED: Mapping[str, str] = {"签收": "3", "退回": "40", "延期申请": "45", "办结": "4"}
MAX_PAGE_SIZE = 1_000
DEFAULT_PAGE_SIZE = 100
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A record as it stands in the list: its place in the order, and its JSON."""

    updated: str
    number: str
    body: bytes


class PortalList:
    """The records behind the interface; every method may be called from any thread.

    Args:
        records: Portal records; ``zxbh`` (number) and ``gxsj`` (``yyyy-MM-dd HH:mm:ss``) are needed.
        order: By update time, then number.
    """

    def __init__(
        self, records: Iterable[Record] = (), *, order: Literal["descending", "ascending"] = "descending"
    ) -> None:
        self._lock = threading.Lock()
        self.replies: dict[str, Record] = {}
        self._records: dict[str, Record] = {}
        self._descending = order == "descending"
        # What is written down stays so until it changes: a year's list is asked for every day.
        self._written: dict[str, Listed] = {}
        self._changed: set[str] = set()
        self._listed: list[Listed] | None = None
        for record in records:
            self.add(record)

    def __len__(self) -> int:
        with self._lock:
            return len(self._records)

    def add(self, record: Record) -> None:
        """Takes in a record; one with the same number is replaced, as when it is sent again."""
        number = str(record["zxbh"])
        with self._lock:
            self._records[number] = dict(record)
            self._changed.add(number)
            self._listed = None

    def update(self, number: str, *, gxsj: str | datetime, **fields: Any) -> None:
        """Changes fields of a record and gives it a new update time, so that it is listed anew.

        Raises:
            KeyError: There is no such record.
        """
        moment = gxsj if isinstance(gxsj, str) else f"{gxsj:%Y-%m-%d %H:%M:%S}"
        with self._lock:
            self._records[number] = {**self._records[number], **fields, "gxsj": moment}
            self._changed.add(number)
            self._listed = None

    def remove(self, number: str) -> None:
        """Takes a record out without a word, as some portals do."""
        with self._lock:
            del self._records[number]
            self._written.pop(number, None)
            self._changed.discard(number)
            self._listed = None

    def reply(self, fields: Mapping[str, str], now: datetime) -> Literal["taken", "repeated", "unknown"]:
        """Takes what became of a record, once for its ``hfbh``; ``unknown`` where there is no such record or operation."""
        key, number, state = (
            fields.get("hfbh", ""),
            fields.get("zxbh", ""),
            REPLIED.get(fields.get("czmc", "")),
        )
        with self._lock:
            if key in self.replies:
                return "repeated"
            if not key or number not in self._records or state is None:
                return "unknown"
            self.replies[key] = dict(fields)
        self.update(number, gxsj=now, zt=state)
        return "taken"

    def window(self, start: str | None, end: str | None) -> list[Listed]:
        """The records with start <= gxsj <= end, in the list's order; an absent bound is open."""
        return [
            one
            for one in self._in_order()
            if (not start or one.updated >= start) and (not end or one.updated <= end)
        ]

    def page(self, query: Mapping[str, str]) -> bytes:
        """The JSON envelope that answers a query.

        Raises:
            ValueError: ``pageNum`` or ``pageSize`` is no number in range.
        """
        number, size = int(query.get("pageNum", "1")), int(query.get("pageSize", str(DEFAULT_PAGE_SIZE)))
        if number < 1 or size < 1:
            raise ValueError("page out of range")
        size = min(size, MAX_PAGE_SIZE)
        found = self.window(query.get("gxsjStart"), query.get("gxsjEnd"))
        part = found[(number - 1) * size : number * size]
        return envelope([one.body for one in part], total=len(found), number=number, size=size)

    def _in_order(self) -> list[Listed]:
        with self._lock:
            if self._listed is None:
                for number in self._changed:
                    self._written[number] = Listed(
                        str(self._records[number]["gxsj"]), number, _json(self._records[number])
                    )
                self._changed.clear()
                self._listed = sorted(
                    self._written.values(),
                    key=lambda one: (one.updated, one.number),
                    reverse=self._descending,
                )
            return self._listed


def envelope(bodies: Iterable[bytes], *, total: int | None, number: int, size: int) -> bytes:
    """The answer around these records; a ``total`` of None is left out."""
    declared = b"" if total is None else b'"total":%d,' % total
    return (
        b'{"code":200,"message":"\xe6\x88\x90\xe5\x8a\x9f","data":{%b"pageNum":%d,"pageSize":%d,"list":[%b]}}'
        % (
            declared,
            number,
            size,
            b",".join(bodies),
        )
    )


def refusal(code: int, message: str) -> bytes:
    """The answer that says no, within HTTP 200."""
    return _json({"code": code, "message": message, "data": None})


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class PortalServer(ServedOnLoopback):
    """A `PortalList` behind HTTP on loopback; a context manager.

    Args:
        records: As in `PortalList`.
        order: As in `PortalList`.
        host: Address to listen on.
        port: 0 for any free one.
        token: Where given, requests need ``Authorization: Bearer`` with it.
        clock: Tells when a reply was taken.
    """

    def __init__(
        self,
        records: Iterable[Record] = (),
        *,
        order: Literal["descending", "ascending"] = "descending",
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self.list = PortalList(records, order=order)
        self._token = token
        super().__init__(_handler(self), host=host, port=port)

    def add(self, record: Record) -> None:
        """See `PortalList.add`."""
        self.list.add(record)

    def update(self, number: str, *, gxsj: str | datetime, **fields: Any) -> None:
        """See `PortalList.update`."""
        self.list.update(number, gxsj=gxsj, **fields)

    def answer(self, target: str, authorization: str | None) -> tuple[int, bytes]:
        """Status and body for a request's target."""
        self.requests += 1
        url = urlsplit(target)
        if self._token is not None and authorization != f"Bearer {self._token}":
            return 401, refusal(401, "未登录或登录已过期")
        if url.path != PATH:
            return 404, refusal(404, "接口不存在")
        try:
            return 200, self.list.page(dict(parse_qsl(url.query)))
        except ValueError:
            return 200, refusal(400, "参数错误")

    def told(self, target: str, body: bytes, authorization: str | None) -> tuple[int, bytes]:
        """Status and body for a reply."""
        self.requests += 1
        if self._token is not None and authorization != f"Bearer {self._token}":
            return 401, refusal(401, "未登录或登录已过期")
        if urlsplit(target).path != REPLY_PATH:
            return 404, refusal(404, "接口不存在")
        try:
            fields = {str(name): str(value) for name, value in json.loads(body).items()}
        except (ValueError, AttributeError):
            return 200, refusal(400, "参数错误")
        now = self._clock.now().astimezone(COUNTY_ZONE)
        result = self.list.reply(fields, now.replace(tzinfo=None))
        code, words = {
            "taken": (200, "成功"),
            "repeated": ("0001", "重复提交"),
            "unknown": (2001, "诉求不存在"),
        }[result]
        return 200, _json({"code": code, "message": words, "data": None})


def _handler(portal: PortalServer) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.send(*portal.answer(self.path, self.headers.get("Authorization")))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send(*portal.told(self.path, body, self.headers.get("Authorization")))

    return Handler
