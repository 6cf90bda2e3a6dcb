"""The portal channel: 线上政务服务网, a paged list of what citizens wrote, over HTTP and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hub.model.codes import Watch
from hub.model.demand import Demand
from hub.sdk import (
    Channel,
    ChannelContext,
    CheckReport,
    Code,
    ConfigError,
    Order,
    Page,
    PositionKind,
    RawRecord,
    Reply,
    ReplyReceipt,
    Stream,
    Window,
)
from hub.sdk.checks import line, readable
from hub.sdk.replies import Unsendable, checked_reply
from hub_channel_portal.mapping import PortalMapping
from hub_channel_portal.names import REPLY
from hub_channel_portal.settings import PortalSettings

if TYPE_CHECKING:
    from hub.sdk.readers.http import HttpReader, Records

TIME_FORM = "%Y-%m-%d %H:%M:%S"
CHECKED_RECORDS = 20
_MEND = "compare them with samples/, then mend types and statuses in the settings"
_LIVE = timedelta(minutes=10)


class PortalChannel(Channel[PortalSettings]):
    """Reads the list interface that most portals offer: page by page, bounded by the update time ``gxsj``.

    Records usually come newest first, and a portal may sort as it likes: the stream promises no order, so that the
    position moves when a whole window was read.

    Source: domain.md §7, Portal REST.
    """

    name = "portal"
    title = "线上政务服务网"
    watch = Watch.INSIGHT
    Settings = PortalSettings
    streams = (Stream("demands", PositionKind.TIME, Order.UNORDERED, overlap_s=300.0, max_skew_s=300.0),)

    def __init__(self, settings: PortalSettings, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        self._mapping = PortalMapping(ctx.zone, settings.types, settings.statuses)
        self._opened: HttpReader | None = None

    @property
    def _reader(self) -> HttpReader:
        if self._opened is None:
            from hub.sdk.readers.auth_policy import auth_of
            from hub.sdk.readers.http import HttpReader

            self._opened = HttpReader(
                self.settings.base_url, self.ctx, self.settings.http, auth_of(self.settings.auth)
            )
        return self._opened

    def close(self) -> None:
        """Releases the connections."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every record whose update time lies in the window, both ends included; see `Channel.pages`.

        In a window that ends now, records dated beyond the clock's allowance come last: the hub sets them aside, and they are
        seen, instead of waiting unseen for their day.
        """
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
        for number, found in ((page.number, page.records) for page in walk.pages(window.limit)):
            yield Page(self._landed(found), number=number, declared_total=found.total)
        if live and window.limit is None:
            ahead = self._ahead(end + timedelta(seconds=stream.max_skew_s))
            if ahead:
                yield Page(ahead, number=number + 1)

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        """See `Channel.normalize` and `hub_channel_portal.mapping`."""
        return self._mapping.demands(raw.body)

    def takes_replies(self) -> bool:
        """Only where the settings name an interface for them."""
        return self.settings.reply is not None

    def reply(self, reply: Reply) -> ReplyReceipt:
        """签收, 退回, 延期申请 or 办结, once for its key however often it is given; see `hub.sdk.replies.checked_reply`.

        Returns:
            Not accepted where the portal says no for good, and where the reply lacks what its kind needs: then nothing was sent.

        Raises:
            SourceUnavailable: The portal is away; the same reply may be given again.
            SourceContractError: The portal answers what nobody expects.
            ConfigError: This portal takes no replies (code ``reply_not_offered``).
        """
        from hub.sdk.readers.json_reply import posted_reply

        interface = self.settings.reply
        if interface is None:
            raise ConfigError(
                f"channel {self.ctx.instance}: this portal takes no replies (expected the setting reply, with an interface for them); answer on "
                "the portal itself, or have its keeper open the interface and name it in the channel's settings",
                code=Code.REPLY_NOT_OFFERED,
            )
        try:
            checked = checked_reply(reply, self.ctx.zone)
        except Unsendable as exc:
            return ReplyReceipt(False, detail=f"not sent: {exc}")
        told = {interface.names.get(member, member): getattr(checked, name) for name, member in REPLY.items()}
        operation = interface.names.get(REPLY["title"], REPLY["title"])
        told[operation] = interface.operations.get(checked.kind, checked.title)
        return posted_reply(
            self._reader,
            interface.path,
            told,
            checked,
            envelope=interface.envelope,
            repeated=interface.repeated,
        )

    def check(self) -> CheckReport:
        """Asks for one small page and reads its records; writes nothing."""
        found: list[Records] = []
        lines = [
            line("answer", lambda: self._first_page(found)),
        ]
        if found:
            lines.append(readable("records", self._landed(found[0]), self.normalize, mend=_MEND))
        return CheckReport(tuple(lines))

    def _first_page(self, found: list[Records]) -> str:
        records = self._page(1, None, self.ctx.clock.now(), size=CHECKED_RECORDS)
        found.append(records)
        told = "no total" if records.total is None else f"a total of {records.total}"
        return f"{len(records.raw)} records and {told}"

    def _page(
        self, number: int, start: datetime | None, end: datetime | None, size: int | None = None
    ) -> Records:
        params: dict[str, object] = {
            **self.settings.query,
            "pageNum": number,
            "pageSize": size or self.settings.page_size,
        }
        if start is not None:
            params["gxsjStart"] = self._local(start)
        if end is not None:
            params["gxsjEnd"] = self._local(end)
        return self._reader.records(self.settings.path, params=params, label=f"page {number}")

    def _local(self, moment: datetime) -> str:
        return moment.astimezone(self.ctx.zone).strftime(TIME_FORM)

    def _landed(self, found: Records) -> list[RawRecord]:
        landed = self._mapping.landed
        if not found.unreadable:
            return [landed(body) for body in found.raw]
        return [
            RawRecord(None, body, problem=found.unreadable[index])
            if index in found.unreadable
            else landed(body)
            for index, body in enumerate(found.raw)
        ]

    def _ahead(self, after: datetime) -> list[RawRecord]:
        """Records dated after that moment, or not dated at all: no window that ends now would ever show them."""
        found = self._page(1, after + timedelta(seconds=1), None)
        return [
            record
            for record in self._landed(found)
            if record.problem is not None or (record.position_at is not None and record.position_at > after)
        ]
