"""The hotline channel: 12345, the citizens' hotline, in three shapes: SOAP, a database view, workflow records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hub.model.codes import Watch
from hub.model.demand import Demand
from hub.sdk import (
    Channel,
    ChannelContext,
    CheckReport,
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
from hub_channel_hotline.listed import Orders
from hub_channel_hotline.mapping import Tables
from hub_channel_hotline.settings import HotlineSettings, SoapSource, ViewSource
from hub_channel_hotline.soap import SoapOrders
from hub_channel_hotline.view import ViewOrders
from hub_channel_hotline.workflow import WorkflowOrders

CHECKED_RECORDS = 20
_MEND = "compare them with samples/, then mend the tables in the settings"


class HotlineChannel(Channel[HotlineSettings]):
    """Work orders of 12345; one is sent again at every change of its state, and each time is a new version of its number.

    Source: domain.md §3.2, §6.1 (watch 6), §7 "12345 work order".
    """

    name = "hotline"
    title = "12345热线"
    watch = Watch.DISCERN
    Settings = HotlineSettings
    streams = (Stream("orders", PositionKind.TIME, Order.UNORDERED, overlap_s=600.0, max_skew_s=300.0),)

    def __init__(self, settings: HotlineSettings, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        self._orders = _orders_of(settings, ctx)
        if self._orders.order is Order.ASCENDING:
            # A view is read in order, whatever it holds: its position moves with every page.
            (stream,) = type(self).streams
            ascending = Stream(
                stream.name, stream.position_kind, Order.ASCENDING, stream.overlap_s, stream.max_skew_s
            )
            self.streams = (ascending,)  # type: ignore[misc]

    def close(self) -> None:
        """Releases the connections."""
        self._orders.close()

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every order whose update time lies in the window, both ends included; see `Channel.pages`."""
        return self._orders.pages(stream, window)

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        """See `Channel.normalize` and `hub_channel_hotline.mapping`."""
        return self._orders.mapping.demands(raw.body)

    def reply(self, reply: Reply) -> ReplyReceipt:
        """签收, 退回, 延期申请 or 办结, once for its key however often it is given; see `hub.sdk.replies.checked_reply`.

        Returns:
            Not accepted where the platform says no for good, and where the reply lacks what its kind needs: then nothing was sent.

        Raises:
            SourceUnavailable: The platform is away; the same reply may be given again.
            SourceContractError: The platform answers what nobody expects.
            ConfigError: This source takes no replies (code ``reply_not_offered``).
        """
        try:
            checked = checked_reply(reply, self.ctx.zone)
        except Unsendable as exc:
            return ReplyReceipt(False, detail=f"not sent: {exc}")
        return self._orders.reply(checked)

    def takes_replies(self) -> bool:
        """Not where a view has no table for them."""
        source = self.settings.source
        return not isinstance(source, ViewSource) or source.reply is not None

    def check(self) -> CheckReport:
        """Asks for some orders and reads them; writes nothing."""
        found: list[RawRecord] = []
        lines = [line("answer", lambda: self._sample(found))]
        if lines[0].ok:
            lines.append(readable("orders", found, self.normalize, mend=_MEND))
        return CheckReport(tuple(lines))

    def _sample(self, found: list[RawRecord]) -> str:
        found += self._orders.sample(CHECKED_RECORDS)
        return f"{len(found)} orders"


def _orders_of(settings: HotlineSettings, ctx: ChannelContext) -> Orders:
    tables = Tables(
        types=settings.types,
        statuses=settings.statuses,
        urgencies=settings.urgencies,
        caller_types=settings.caller_types,
        term_units=settings.term_units,
        no_demand=settings.no_demand,
    )
    source = settings.source
    if isinstance(source, SoapSource):
        return SoapOrders(source, ctx, tables)
    if isinstance(source, ViewSource):
        return ViewOrders(source, ctx, tables)
    return WorkflowOrders(source, ctx, tables)
