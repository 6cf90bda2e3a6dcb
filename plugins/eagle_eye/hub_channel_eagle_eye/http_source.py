"""Reads the lists of an eagle-eye that offers JSON over HTTP: page by page, bounded by the time of update."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from hub.sdk import ChannelContext, Check, Page, RawRecord, Stream, Window
from hub.sdk.checks import line, readable
from hub_channel_eagle_eye.mapping import MEND, EagleEyeMapping
from hub_channel_eagle_eye.settings import HttpSource
from hub_channel_eagle_eye.shapes import Shape
from hub_channel_eagle_eye.streams import CASES, EVENTS, RATINGS

if TYPE_CHECKING:
    from hub.sdk.readers.http import HttpReader, Records

TIME_FORM = "%Y-%m-%d %H:%M:%S"
CHECKED_RECORDS = 20
_SHAPES = {CASES.name: Shape.CASE, RATINGS.name: Shape.RATING, EVENTS.name: Shape.EVENT}
_LIVE = timedelta(minutes=10)


class HttpLists:
    """The lists of one source.

    Args:
        source: Where they are.
        ctx: The channel's.
        mapping: Gives a record its number and time.
    """

    def __init__(self, source: HttpSource, ctx: ChannelContext, mapping: EagleEyeMapping) -> None:
        self._source = source
        self._ctx = ctx
        self._mapping = mapping
        self._opened: HttpReader | None = None
        self._paths = {CASES.name: source.cases, RATINGS.name: source.ratings, EVENTS.name: source.events}
        self.streams = tuple(stream for stream in (CASES, RATINGS, EVENTS) if self._paths[stream.name])

    @property
    def _reader(self) -> HttpReader:
        if self._opened is None:
            from hub.sdk.readers.auth_policy import auth_of
            from hub.sdk.readers.http import HttpReader

            self._opened = HttpReader(
                self._source.base_url, self._ctx, self._source.http, auth_of(self._source.auth)
            )
        return self._opened

    def close(self) -> None:
        """Releases the connections."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every record whose update time lies in the window, both ends included; see `hub.sdk.Channel.pages`.

        In a window that ends now, what is dated beyond the clock's allowance, or not at all, comes last: the hub sets it
        aside, where it is seen.
        """
        from hub.sdk.readers.walk import Walk

        walk = Walk(
            lambda number: self._page(stream, number, window.since, window.until),
            source=f"{self._ctx.instance}/{stream.name}",
            page_size=self._source.page_size,
            exact=self._source.total == "exact",
        )
        number = 0
        for number, found in ((page.number, page.records) for page in walk.pages(window.limit)):
            yield Page(self._landed(stream, found), number=number, declared_total=found.total)
        if window.limit is None and self._ctx.clock.now() - window.until < _LIVE:
            ahead = self._ahead(stream, window.until + timedelta(seconds=stream.max_skew_s))
            if ahead:
                yield Page(ahead, number=number + 1)

    def checks(self) -> list[Check]:
        """For each list one small page, and whether its records can be read."""
        lines = []
        for stream in self.streams:
            found: list[Records] = []
            lines.append(line(f"{stream.name}: answer", partial(self._first_page, stream, found)))
            if found:
                records = self._landed(stream, found[0])
                lines.append(readable(f"{stream.name}: records", records, self._mapping.said, mend=MEND))
        return lines

    def _first_page(self, stream: Stream, found: list[Records]) -> str:
        records = self._page(stream, 1, None, self._ctx.clock.now(), size=CHECKED_RECORDS)
        found.append(records)
        told = "no total" if records.total is None else f"a total of {records.total}"
        return f"{len(records.raw)} records and {told}"

    def _page(
        self,
        stream: Stream,
        number: int,
        start: datetime | None,
        end: datetime | None,
        size: int | None = None,
    ) -> Records:
        params: dict[str, object] = {
            **self._source.query,
            "pageNum": number,
            "pageSize": size or self._source.page_size,
            "updateStart": self._local(start),
            "updateEnd": self._local(end),
        }
        path = self._paths[stream.name]
        assert path is not None
        return self._reader.records(path, params=params, label=f"{stream.name}, page {number}")

    def _local(self, moment: datetime | None) -> str | None:
        return moment.astimezone(self._ctx.zone).strftime(TIME_FORM) if moment is not None else None

    def _landed(self, stream: Stream, found: Records) -> list[RawRecord]:
        shape = _SHAPES[stream.name]
        return [
            RawRecord(None, body, media_type=shape.media_type, problem=found.unreadable[index])
            if index in found.unreadable
            else self._mapping.landed(shape, body)
            for index, body in enumerate(found.raw)
        ]

    def _ahead(self, stream: Stream, after: datetime) -> list[RawRecord]:
        """Records dated after that moment, or not dated at all: no window that ends now would ever show them."""
        found = self._page(stream, 1, after + timedelta(seconds=1), None)
        return [
            record
            for record in self._landed(stream, found)
            if record.problem is not None or (record.position_at is not None and record.position_at > after)
        ]
