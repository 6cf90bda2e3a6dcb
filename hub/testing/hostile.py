"""A real HTTP source on loopback that misbehaves in one named way, on top of a well-behaved one.

Design §8 lists how real sources misbehave. Here each is played against any channel that reads a list over HTTP: its
author says how a well-behaved page looks (`ListSource`), and `HostileSource` spoils what is asked for, in a place where it hurts:
in the middle of a window, once or for good.
"""

from __future__ import annotations

import gzip
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

from hub.county.loopback import LoopbackServer, QuietHandler
from hub.testing.factories import NOW

Fields = dict[str, Any]
DRIP_S = 0.05
RETRY_AFTER_S = 7
SKEW_S = 90
MEGABYTE = 1_000_000
LOGIN_PATH = "/sso/login"
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>统一身份认证</title></head><body><form>请登录</form></body></html>".encode()


class Misbehaviour(Enum):
    """What the source does wrong; the value says it in words."""

    NONE = "nothing: the well-behaved source"
    ERROR_ENVELOPE = "page 2 is an error inside HTTP 200, every time"
    ERROR_ENVELOPE_ONCE = "page 2 is an error inside HTTP 200, the first time it is asked for"
    SAME_PAGE_FOREVER = "every page is page 1"
    LAST_PAGE_AGAIN = "a page behind the last one is the last one again"
    PAGE_CUT_SHORT = "the body of page 2 ends before its declared length, every time"
    PAGE_CUT_SHORT_ONCE = "the body of page 2 ends before its declared length, the first time"
    PAGE_SHORT = "page 2 has fewer records than asked for; the rest follows on the next pages"
    RECORDS_MISSING = "page 2 lacks two records that the total counts, and no other page has them"
    RECORD_VANISHES = "a record of page 1 leaves the window after page 1 was read, and what follows moves up"
    RECORDS_ARRIVE = "new records arrive while the window is read"
    TOTAL_TOO_SMALL = "the declared total is 1"
    TOTAL_TOO_LARGE = "the declared total is twice what there is"
    TOTAL_ABSENT = "no total is declared"
    TOTAL_WITHOUT_RECORDS = "the total declares records, the list is empty"
    NULL_LIST = "the list is null although there are records"
    POSITION_NOT_A_DATE = "one record's update time is the words 待定"
    POSITION_IN_FUTURE = "one record's update time lies forty years ahead"
    EQUAL_TIMES_AT_BORDER = "records on both sides of a page border share one second"
    NEWEST_FIRST = "records come newest first"
    CLOCK_SKEW = "the source's clock is 90 seconds ahead"
    DUPLICATES_IN_PAGE = "one record stands twice in a page"
    UNAUTHORIZED_MID_RUN = "page 2 is answered 401, the first time"
    UNAUTHORIZED = "every request is answered 401"
    TOO_MANY_REQUESTS = "page 2 is answered 429 with Retry-After, the first time"
    SERVER_ERROR_ONCE = "page 2 is answered 503, the first time"
    SLOW_DRIP = "the body comes a byte at a time"
    BROKEN_GZIP = "the body of page 2 says gzip and is cut, every time"
    BROKEN_GZIP_ONCE = "the body of page 2 says gzip and is cut, the first time"
    LOGIN_REDIRECT = "page 2 is a redirect to a login page in HTML"
    LOGIN_PAGE = "page 2 is a login page in HTML with status 200"
    NOT_JSON = "page 2 is text that is no JSON"
    GBK_WRONG_LABEL = "the body is GBK and labelled UTF-8"
    BYTE_ORDER_MARK = "the body begins with a byte order mark"
    NUMBERS_FOR_IDS = "records' numbers are JSON numbers of 18 digits"
    EMPTY_AND_NULL_WORDS = "one record's optional field is empty text, another's the word null"
    HTML_IN_TEXT = "one record's text is HTML with a script and entities"
    MEGABYTE_CONTENT = "one record's text has a million characters"
    MASKED_PHONES = "a record's telephone number is masked"
    NEW_FIELD = "records have a field that nobody knows, holding an object"
    MISSING_KEY = "one record has no number"
    RETYPED_FIELD = "one record's text is a list"


@dataclass(frozen=True, slots=True)
class Request:
    """What the channel asked for."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ListPage:
    """The records that one answer holds.

    Attributes:
        records: In the order of the answer; None for a list that is null.
        total: Declared number of records of the whole window; None for none declared.
        number: Of the page, from 1.
        size: Records asked for.
    """

    records: Sequence[Fields] | None
    total: int | None
    number: int
    size: int


class ListSource(ABC):
    """How a well-behaved source of one kind looks: written once by a channel's author.

    Attributes:
        key: Field of the record's number.
        position: Field of the update time.
        text: Field of the citizen's words.
        phone: A field that may be left out, such as the telephone number.
        page_size: Records a page that the channel under test asks for; small.
        content_type: Of the answers.
    """

    key: ClassVar[str]
    position: ClassVar[str]
    text: ClassVar[str]
    phone: ClassVar[str]
    page_size: ClassVar[int] = 5
    content_type: ClassVar[str] = "application/json;charset=UTF-8"

    @abstractmethod
    def record(self, index: int, moment: datetime) -> Fields:
        """The ``index``-th record, updated at that moment; numbers differ with the index."""

    @abstractmethod
    def moment_text(self, moment: datetime) -> Any:
        """An update time as the source writes it."""

    @abstractmethod
    def at_page(self, request: Request, number: int) -> Request:
        """The same request for another page of the same window."""

    @abstractmethod
    def page(self, request: Request, records: Sequence[Fields], *, newest_first: bool) -> ListPage:
        """What is asked for of these records (ascending by update time): filter, order, page."""

    @abstractmethod
    def render(self, page: ListPage) -> str:
        """The body of a good answer; every value as it stands in the records, unknown fields too."""

    def headers(self, page: ListPage) -> Mapping[str, str]:
        """Further headers of a good answer, such as ``Link``."""
        return {}

    @abstractmethod
    def refusal(self) -> str:
        """The body by which the source says in HTTP 200 that it cannot now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes over the wire."""

    body: bytes
    status: int = 200
    content_type: str = "application/json;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None
    drip: bool = False


class HostileSource:
    """The source under a misbehaviour, served over HTTP; a context manager.

    Args:
        source: How its well-behaved pages look.
        misbehaviour: What it does wrong.
        count: Records in it; by default two full pages and a part of a third.
        newest_first: The order of its well-behaved pages.
        now: What the time is for it.

    Attributes:
        records: By update time, ascending, a minute apart, the last one a minute before ``now``.
        special: Number of the record that is spoilt, where one is: it stands in the middle.
        requests: What was asked for, in order.
    """

    def __init__(
        self,
        source: ListSource,
        misbehaviour: Misbehaviour = Misbehaviour.NONE,
        *,
        count: int | None = None,
        newest_first: bool = False,
        now: datetime = NOW,
    ) -> None:
        self.source = source
        self.now = now
        self.misbehaviour = misbehaviour
        self.newest_first = newest_first or misbehaviour is Misbehaviour.NEWEST_FIRST
        self.requests: list[Request] = []
        self._count = count or source.page_size * 2 + 2
        self._played: set[str] = set()
        self._lock = threading.Lock()
        self.records = [
            source.record(index, now - timedelta(minutes=self._count - index)) for index in range(self._count)
        ]
        self.special = str(self.records[self._count // 2][source.key])
        self._spoil_records()
        self._http = LoopbackServer(_handler(self))

    @property
    def url(self) -> str:
        """The base URL, without a path."""
        return self._http.url

    @property
    def numbers(self) -> set[str]:
        """Numbers of all records that stand in the source now."""
        return {str(record[self.source.key]) for record in self.records if record.get(self.source.key)}

    def add(self, moment: datetime) -> str:
        """Puts one more record into the source, updated at that moment, and gives its number."""
        with self._lock:
            self._count += 1
            record = self.source.record(self._count, moment)
            self.records.append(record)
            self._sort()
        return str(record[self.source.key])

    def resend(self, number: str, moment: datetime) -> None:
        """Gives a record a new update time, as when it is sent again."""
        with self._lock:
            for record in self.records:
                if str(record[self.source.key]) == number:
                    record[self.source.position] = self.source.moment_text(moment)
            self._sort()

    def behave(self) -> None:
        """From now on the source is well-behaved; spoilt records stay as they are."""
        self.misbehaviour = Misbehaviour.NONE

    def __enter__(self) -> Self:
        self._http.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.stop()

    def stop(self) -> None:
        """As when the source goes down: nobody listens any more."""
        self._http.stop()

    def _sort(self) -> None:
        self.records.sort(key=lambda record: str(record[self.source.position]))

    # --- records -------------------------------------------------------------------------------------------------

    def _spoil_records(self) -> None:
        source, middle = self.source, self._count // 2
        record = self.records[middle]
        match self.misbehaviour:
            case Misbehaviour.POSITION_NOT_A_DATE:
                record[source.position] = "待定"
            case Misbehaviour.POSITION_IN_FUTURE:
                record[source.position] = source.moment_text(self.now + timedelta(days=40 * 365))
            case Misbehaviour.EQUAL_TIMES_AT_BORDER:
                for one in self.records[source.page_size - 2 : source.page_size + 3]:
                    one[source.position] = self.records[source.page_size][source.position]
            case Misbehaviour.CLOCK_SKEW:
                for index, one in enumerate(self.records):
                    moment = self.now + timedelta(seconds=SKEW_S) - timedelta(seconds=self._count - 1 - index)
                    one[source.position] = source.moment_text(moment)
            case Misbehaviour.NUMBERS_FOR_IDS:
                for index, one in enumerate(self.records):
                    one[source.key] = 411521202306290015 + index
                self.special = str(record[source.key])
            case Misbehaviour.EMPTY_AND_NULL_WORDS:
                record[source.phone], self.records[middle + 1][source.phone] = "", "null"
            case Misbehaviour.HTML_IN_TEXT:
                record[source.text] = (
                    "<div><script>alert(1)</script>窗口<b>没有人</b>&nbsp;&lt;二楼&gt;<br/>请核实</div>"
                )
            case Misbehaviour.MEGABYTE_CONTENT:
                record[source.text] = "排" * MEGABYTE
            case Misbehaviour.MASKED_PHONES:
                record[source.phone] = "138****5678"
            case Misbehaviour.NEW_FIELD:
                for one in self.records:
                    one["xzzd"] = {"level": 3, "tags": ["a", None]}
            case Misbehaviour.MISSING_KEY:
                del record[source.key]
            case Misbehaviour.RETYPED_FIELD:
                record[source.text] = ["一段", "两段"]
            case _:
                pass

    # --- pages ---------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        """What the source says to a request."""
        with self._lock:
            self.requests.append(request)
            if urlsplit(request.path).path == LOGIN_PATH:
                return Answer(LOGIN_PAGE, content_type="text/html;charset=UTF-8")
            page = self._spoilt(request, self._page(request))
            answer = self._spoilt_answer(page)
            if page.number == 1 and page.records and self._once("moves"):
                self._move_records(page)
            return answer

    def _page(self, request: Request) -> ListPage:
        return self.source.page(request, self.records, newest_first=self.newest_first)

    def _spoilt(self, request: Request, page: ListPage) -> ListPage:
        records = list(page.records or [])
        match self.misbehaviour:
            case Misbehaviour.SAME_PAGE_FOREVER if page.number > 1:
                return self._numbered(request, page, 1)
            case Misbehaviour.LAST_PAGE_AGAIN if page.number > 1 and not records and page.total:
                return self._numbered(request, page, -(-page.total // page.size))
            case Misbehaviour.PAGE_SHORT:
                return self._shorter(request, page)
            case Misbehaviour.RECORDS_MISSING if page.number == 2:
                return replace(page, records=records[:-2])
            case Misbehaviour.TOTAL_TOO_SMALL:
                return replace(page, total=min(1, len(records)))
            case Misbehaviour.TOTAL_TOO_LARGE:
                return replace(page, total=2 * (page.total or 0))
            case Misbehaviour.TOTAL_ABSENT:
                return replace(page, total=None)
            case Misbehaviour.TOTAL_WITHOUT_RECORDS:
                return replace(page, records=[])
            case Misbehaviour.NULL_LIST if records:
                return replace(page, records=None)
            case Misbehaviour.DUPLICATES_IN_PAGE if records:
                return replace(page, records=[*records, records[0]])
            case _:
                return page

    def _numbered(self, request: Request, page: ListPage, number: int) -> ListPage:
        """The records of another page, under the number that was asked for."""
        everything = self._everything(request)
        return replace(page, records=everything[(number - 1) * page.size : number * page.size])

    def _shorter(self, request: Request, page: ListPage) -> ListPage:
        """Page 2 has two records; all later ones move back."""
        everything, size = self._everything(request), page.size
        borders = [0, size, size + 2]
        while borders[-1] < len(everything):
            borders.append(borders[-1] + size)
        at = page.number - 1
        part = everything[borders[at] : borders[at + 1]] if at + 1 < len(borders) else []
        return replace(page, records=part)

    def _everything(self, request: Request) -> list[Fields]:
        """All records of the window, in the order of its pages."""
        found: list[Fields] = []
        number = 1
        while part := self._page(self.source.at_page(request, number)).records:
            found += part
            number += 1
        return found

    def _move_records(self, page: ListPage) -> None:
        """What happens in the source after page 1 was read."""
        if self.misbehaviour is Misbehaviour.RECORD_VANISHES and page.records:
            gone = page.records[len(page.records) // 2]
            self.special = str(gone[self.source.key])
            gone[self.source.position] = self.source.moment_text(self.now + timedelta(minutes=5))
            self._sort()
        elif self.misbehaviour is Misbehaviour.RECORDS_ARRIVE:
            for index in range(3):
                moment = self.now + timedelta(seconds=30 + index)
                self.records.append(self.source.record(10_000 + index, moment))
            self._sort()

    # --- answers -------------------------------------------------------------------------------------------------

    def _spoilt_answer(self, page: ListPage) -> Answer:
        text = self.source.render(page)
        answer = Answer(
            text.encode(), content_type=self.source.content_type, headers=self.source.headers(page)
        )
        if page.number == 2:
            answer = self._spoilt_second(answer)
        match self.misbehaviour:
            case Misbehaviour.UNAUTHORIZED:
                return replace(answer, status=401, body=b'{"code":401}')
            case Misbehaviour.SLOW_DRIP:
                return replace(answer, drip=True)
            case Misbehaviour.GBK_WRONG_LABEL:
                return replace(answer, body=text.encode("gbk"))
            case Misbehaviour.BYTE_ORDER_MARK:
                return replace(answer, body=b"\xef\xbb\xbf" + answer.body)
            case _:
                return answer

    def _spoilt_second(self, answer: Answer) -> Answer:
        refusal = self.source.refusal().encode()
        packed = gzip.compress(answer.body)
        match self.misbehaviour:
            case Misbehaviour.ERROR_ENVELOPE:
                return replace(answer, body=refusal)
            case Misbehaviour.ERROR_ENVELOPE_ONCE if self._once("second"):
                return replace(answer, body=refusal)
            case Misbehaviour.PAGE_CUT_SHORT:
                return replace(answer, body=answer.body[:-40], declared=len(answer.body))
            case Misbehaviour.PAGE_CUT_SHORT_ONCE if self._once("second"):
                return replace(answer, body=answer.body[:-40], declared=len(answer.body))
            case Misbehaviour.BROKEN_GZIP:
                return replace(answer, body=packed[:-20], headers={"Content-Encoding": "gzip"})
            case Misbehaviour.BROKEN_GZIP_ONCE if self._once("second"):
                return replace(answer, body=packed[:-20], headers={"Content-Encoding": "gzip"})
            case Misbehaviour.UNAUTHORIZED_MID_RUN if self._once("second"):
                return replace(answer, status=401, body=b'{"code":401}')
            case Misbehaviour.TOO_MANY_REQUESTS if self._once("second"):
                return replace(answer, status=429, body=b"", headers={"Retry-After": str(RETRY_AFTER_S)})
            case Misbehaviour.SERVER_ERROR_ONCE if self._once("second"):
                return replace(answer, status=503, body=b"")
            case Misbehaviour.LOGIN_REDIRECT:
                return replace(answer, status=302, body=b"", headers={"Location": LOGIN_PATH})
            case Misbehaviour.LOGIN_PAGE:
                return Answer(LOGIN_PAGE, content_type="text/html;charset=UTF-8")
            case Misbehaviour.NOT_JSON:
                return replace(answer, body="系统维护中".encode())
            case _:
                return answer

    def _once(self, what: str) -> bool:
        first = what not in self._played
        self._played.add(what)
        return first


def _handler(source: HostileSource) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _answer(self, body: bytes = b"") -> None:
            url = urlsplit(self.path)
            answer = source.answer(Request(self.path, dict(parse_qsl(url.query)), dict(self.headers), body))
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header(
                "Content-Length", str(len(answer.body) if answer.declared is None else answer.declared)
            )
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if answer.drip:
                self._drip(answer.body)
            else:
                self.wfile.write(answer.body)
            if answer.declared is not None:
                self.close_connection = True

        def _drip(self, body: bytes) -> None:
            server = self.server
            assert isinstance(server, LoopbackServer)
            for index in range(len(body)):
                if server.stopping.wait(DRIP_S):
                    return
                self.wfile.write(body[index : index + 1])
                self.wfile.flush()

    return Handler
