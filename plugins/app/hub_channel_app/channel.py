"""The app channel: 移动端, what citizens send from the county's app and its mini-programs; asked for, pushed, or both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hub.model.codes import Watch
from hub.model.demand import Demand
from hub.sdk import (
    Channel,
    ChannelContext,
    Check,
    CheckReport,
    Code,
    ConfigError,
    Order,
    Page,
    PositionKind,
    PushRequest,
    RawRecord,
    Stream,
    Window,
)
from hub.sdk.checks import line, readable
from hub_channel_app.mapping import AppMapping
from hub_channel_app.settings import AppSettings

if TYPE_CHECKING:
    from hub.sdk.readers.http import HttpReader, Records

CHECKED_RECORDS = 20
_MEND = "compare them with samples/, then mend types and statuses in the settings"
_LIVE = timedelta(minutes=10)


class AppChannel(Channel[AppSettings]):
    """Reads the gateway's list by its update time, and takes what the gateway pushes; a record is the same either way.

    A gateway may list as it likes: the stream promises no order, so that the position moves when a whole window was read. A push
    moves no position: what it brought comes once more with the next window, and changes nothing then.

    Source: domain.md §7, App.
    """

    name = "app"
    title = "移动端"
    watch = Watch.INSIGHT
    Settings = AppSettings
    streams = (Stream("demands", PositionKind.TIME, Order.UNORDERED, overlap_s=300.0, max_skew_s=300.0),)

    def __init__(self, settings: AppSettings, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        self._mapping = AppMapping(settings.types, settings.statuses, settings.datum)
        self._opened: HttpReader | None = None

    def close(self) -> None:
        """Releases the connections."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def takes_pushes(self) -> bool:
        """Where its settings name what a push must prove."""
        return self.settings.push is not None

    def receive(self, request: PushRequest) -> Sequence[RawRecord]:
        """The records of ``{"records": [...]}``, signed by Standard Webhooks; see `hub.sdk.readers.push`."""
        if self.settings.push is None:
            raise ConfigError(
                f"push to {self.ctx.instance}: this channel takes none (expected 'push' in its settings); nothing of it was kept: name "
                "the signing secret under channels.NAME.settings.push, or tell the gateway not to push",
                code=Code.CONFIG_MISSING,
            )
        from hub.sdk.readers.push import PushReader

        return self._landed(PushReader(self.ctx, self.settings.push).records(request, at=("records",)))

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every record whose update time lies in the window, both ends included; see `Channel.pages`.

        In a window that ends now, records dated beyond the clock's allowance come last: the hub sets them aside, and they are
        seen, instead of waiting unseen for their day.
        """
        if self.settings.base_url is None:
            return
        from hub.sdk.readers.walk import Walk

        live = self.ctx.clock.now() - window.until < _LIVE
        start, end = window.since, window.until
        walk = Walk(
            lambda number: self._page(number, start, end),
            source=self.ctx.instance,
            page_size=self.settings.page_size,
            exact=self.settings.total == "exact",
        )
        number = 0
        for page in walk.pages(window.limit):
            number = page.number
            yield Page(self._landed(page.records), number=number, declared_total=page.records.total)
        if live and window.limit is None:
            ahead = self._ahead(end + timedelta(seconds=stream.max_skew_s))
            if ahead:
                yield Page(ahead, number=number + 1)

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        """See `Channel.normalize` and `hub_channel_app.mapping`."""
        return self._mapping.demands(raw.body)

    def check(self) -> CheckReport:
        """Whether the push's secrets are there, and what one small page of the gateway says; writes nothing."""
        lines: list[Check] = []
        if self.settings.push is not None:
            from hub.sdk.readers.push import PushReader

            lines.append(PushReader(self.ctx, self.settings.push).check())
        if self.settings.base_url is not None:
            lines += self._live()
        return CheckReport(tuple(lines))

    def _live(self) -> list[Check]:
        found: list[Records] = []
        lines = [line("answer", lambda: self._first_page(found))]
        if found:
            lines.append(readable("records", self._landed(found[0]), self.normalize, mend=_MEND))
        return lines

    def _first_page(self, found: list[Records]) -> str:
        records = self._page(1, None, self.ctx.clock.now(), size=CHECKED_RECORDS)
        found.append(records)
        told = "no total" if records.total is None else f"a total of {records.total}"
        return f"{len(records.raw)} records and {told}"

    @property
    def _reader(self) -> HttpReader:
        if self._opened is None:
            from hub.sdk.readers.auth_policy import auth_of

            settings = self.settings
            self._opened = self.ctx.http(settings.base_url or "", settings.http, auth_of(settings.auth))
        return self._opened

    def _page(
        self, number: int, start: datetime | None, end: datetime | None, size: int | None = None
    ) -> Records:
        params: dict[str, object] = {
            **self.settings.query,
            "pageNum": number,
            "pageSize": size or self.settings.page_size,
        }
        if start is not None:
            params["updateTimeFrom"] = _milliseconds(start)
        if end is not None:
            params["updateTimeTo"] = _milliseconds(end)
        return self._reader.records(self.settings.path, params=params, label=f"page {number}")

    def _landed(self, found: Records) -> list[RawRecord]:
        return [
            RawRecord(None, body, problem=found.unreadable[place])
            if place in found.unreadable
            else self._mapping.landed(body)
            for place, body in enumerate(found.raw)
        ]

    def _ahead(self, after: datetime) -> list[RawRecord]:
        """Records dated after that moment, or not dated at all: no window that ends now would ever show them."""
        found = self._page(1, after + timedelta(milliseconds=1), None)
        return [
            record
            for record in self._landed(found)
            if record.problem is not None or (record.position_at is not None and record.position_at > after)
        ]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
