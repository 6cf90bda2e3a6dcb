"""An eagle-eye as newer counties have it: lists of cases, ratings and monitor events as JSON, served over real HTTP on loopback.

Manners as the portal's (`hub.county.portal_server`): newest first, bounds on the update time with both ends included, a thing that changes
is listed anew with all that it says, errors inside HTTP 200. How a source misbehaves is played elsewhere (`hub.testing.hostile`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hub.county.loopback import QuietHandler, ServedOnLoopback
from hub.county.portal_server import Listed, Record, envelope, refusal

MAX_PAGE_SIZE = 1_000
DEFAULT_PAGE_SIZE = 100


class MonitoredList:
    """One list behind the interface; every method may be called from any thread.

    Args:
        key: Field of a thing's number.
        updated: Field of its update time, ``yyyy-MM-dd HH:mm:ss``.
        records: Each with both fields.
    """

    def __init__(self, key: str, updated: str, records: Iterable[Record] = ()) -> None:
        self.key = key
        self.updated = updated
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        for record in records:
            self.add(record)

    def __len__(self) -> int:
        with self._lock:
            return len(self._records)

    def add(self, record: Record) -> None:
        """Takes in a thing; one with the same number is replaced, as when it is sent again."""
        with self._lock:
            self._records[str(record[self.key])] = dict(record)

    def change(self, number: str, *, at: datetime, **fields: Any) -> None:
        """Changes fields of a thing at that moment of the county, so that it is listed anew.

        Raises:
            KeyError: There is no such thing.
        """
        with self._lock:
            self._records[number] = {
                **self._records[number],
                **fields,
                self.updated: f"{at:%Y-%m-%d %H:%M:%S}",
            }

    def page(self, query: Mapping[str, str]) -> bytes:
        """The JSON envelope that answers a query.

        Raises:
            ValueError: ``pageNum`` or ``pageSize`` is no number in range.
        """
        number, size = int(query.get("pageNum", "1")), int(query.get("pageSize", str(DEFAULT_PAGE_SIZE)))
        if number < 1 or size < 1:
            raise ValueError("page out of range")
        size = min(size, MAX_PAGE_SIZE)
        found = self._window(query.get("updateStart"), query.get("updateEnd"))
        part = found[(number - 1) * size : number * size]
        return envelope([one.body for one in part], total=len(found), number=number, size=size)

    def _window(self, start: str | None, end: str | None) -> list[Listed]:
        with self._lock:
            listed = [
                Listed(str(record[self.updated]), number, json.dumps(record, ensure_ascii=False).encode())
                for number, record in self._records.items()
                if (not start or str(record[self.updated]) >= start)
                and (not end or str(record[self.updated]) <= end)
            ]
        return sorted(listed, key=lambda one: (one.updated, one.number), reverse=True)


class EagleEyeServer(ServedOnLoopback):
    """Three lists behind HTTP on loopback; a context manager.

    Args:
        cases: With ``internalNo`` and ``updateDate``.
        ratings: With ``evaluateId`` and ``updateTime``.
        events: With ``eventID`` and ``updateTime``.
        host: Address to listen on.
        port: 0 for any free one.
        token: Where given, requests need ``Authorization: Bearer`` with it.
    """

    def __init__(
        self,
        cases: Iterable[Record] = (),
        ratings: Iterable[Record] = (),
        events: Iterable[Record] = (),
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
    ) -> None:
        self.cases = MonitoredList("internalNo", "updateDate", cases)
        self.ratings = MonitoredList("evaluateId", "updateTime", ratings)
        self.events = MonitoredList("eventID", "updateTime", events)
        self._lists = {
            "/api/jc/cases": self.cases,
            "/api/jc/ratings": self.ratings,
            "/api/jc/events": self.events,
        }
        self._token = token
        super().__init__(_handler(self), host=host, port=port)

    def answer(self, target: str, authorization: str | None) -> tuple[int, bytes]:
        """Status and body for a request's target."""
        self.requests += 1
        url = urlsplit(target)
        if self._token is not None and authorization != f"Bearer {self._token}":
            return 401, refusal(401, "未登录或登录已过期")
        listed = self._lists.get(url.path)
        if listed is None:
            return 404, refusal(404, "接口不存在")
        try:
            return 200, listed.page(dict(parse_qsl(url.query)))
        except ValueError:
            return 200, refusal(400, "参数错误")


def _handler(eye: EagleEyeServer) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.send(*eye.answer(self.path, self.headers.get("Authorization")))

    return Handler
