"""Orders that come page by page over HTTP: the walk over a window, whatever the pages are written in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from hub.sdk import ChannelContext, Order, Page, RawRecord, ReplyReceipt, Stream, Window
from hub.sdk.readers.auth_policy import HttpAuth
from hub.sdk.replies import TIME_FORM, CheckedReply
from hub_channel_hotline.mapping import OrderMapping

if TYPE_CHECKING:
    from hub.sdk.readers.http import HttpReader, Records

_LIVE = timedelta(minutes=10)
_FIRST = datetime(2000, 1, 1)  # noqa: DTZ001 - local, as the platform reads it; no order is older
_LAST = datetime(2999, 12, 31, 23, 59, 59)  # noqa: DTZ001


class Orders(ABC):
    """One shape of the hotline's orders.

    Attributes:
        order: In which a window's records come.
        mapping: How they are read.
    """

    order: ClassVar[Order] = Order.UNORDERED
    mapping: OrderMapping

    @abstractmethod
    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """See `hub.sdk.Channel.pages`."""

    @abstractmethod
    def sample(self, count: int) -> list[RawRecord]:
        """Some orders, for a check."""

    @abstractmethod
    def reply(self, reply: CheckedReply) -> ReplyReceipt:
        """See `hub.sdk.Channel.reply`."""

    @abstractmethod
    def close(self) -> None:
        """Releases connections."""


class ListedOrders(Orders):
    """Orders asked for by a window of update times, both ends included, in any order.

    Args:
        ctx: The channel's context.
        mapping: How a record is read.
        page_size: Records a page.
        exact: Whether fewer records than declared is an error.
    """

    def __init__(self, ctx: ChannelContext, mapping: OrderMapping, *, page_size: int, exact: bool) -> None:
        self.ctx = ctx
        self.mapping = mapping
        self._page_size = page_size
        self._exact = exact

    @abstractmethod
    def page(self, number: int, since: str, until: str, size: int) -> Records:
        """One page; bounds are local times, ``yyyy-MM-dd HH:mm:ss``."""

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every order of the window; in one that ends now, those dated ahead or not dated come last and are set aside."""
        from hub.sdk.readers.walk import Walk

        live = self.ctx.clock.now() - window.until < _LIVE
        since = self._local(window.since) if window.since is not None else f"{_FIRST:{TIME_FORM}}"
        until = self._local(window.until)
        walk = Walk(
            lambda number: self.page(number, since, until, self._page_size),
            source=self.ctx.instance,
            page_size=self._page_size,
            exact=self._exact,
        )
        number = 0
        for found in walk.pages(window.limit):
            number = found.number
            yield Page(self.landed(found.records), number=number, declared_total=found.records.total)
        if live and window.limit is None:
            ahead = self._ahead(window.until + timedelta(seconds=stream.max_skew_s))
            if ahead:
                yield Page(ahead, number=number + 1)

    def sample(self, count: int) -> list[RawRecord]:
        """The first orders that there are."""
        return self.landed(self.page(1, f"{_FIRST:{TIME_FORM}}", self._local(self.ctx.clock.now()), count))

    def landed(self, found: Records) -> list[RawRecord]:
        """The records of a page under their numbers."""
        return [
            RawRecord(None, body, problem=found.unreadable[index])
            if index in found.unreadable
            else self.mapping.landed(body)
            for index, body in enumerate(found.raw)
        ]

    def _ahead(self, after: datetime) -> list[RawRecord]:
        found = self.page(
            1, self._local(after + timedelta(seconds=1)), f"{_LAST:{TIME_FORM}}", self._page_size
        )
        return [
            record
            for record in self.landed(found)
            if record.problem is not None or (record.position_at is not None and record.position_at > after)
        ]

    def _local(self, moment: datetime) -> str:
        return moment.astimezone(self.ctx.zone).strftime(TIME_FORM)


class Opened:
    """The HTTP reader of one source, opened at its first use."""

    def __init__(self, ctx: ChannelContext, base_url: str, policy: object, auth: HttpAuth) -> None:
        self._ctx, self._base_url, self._policy, self._auth = ctx, base_url, policy, auth
        self._reader: HttpReader | None = None

    @property
    def reader(self) -> HttpReader:
        """The reader."""
        if self._reader is None:
            from hub.sdk.readers.auth_policy import auth_of
            from hub.sdk.readers.http import HttpPolicy, HttpReader

            assert isinstance(self._policy, HttpPolicy)
            self._reader = HttpReader(self._base_url, self._ctx, self._policy, auth_of(self._auth))
        return self._reader

    def close(self) -> None:
        """Releases the connections."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
