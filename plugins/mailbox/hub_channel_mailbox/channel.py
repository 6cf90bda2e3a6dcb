"""The mailbox channel (投诉信箱): mails that citizens write, read from one folder over IMAP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from hub.model.codes import Watch
from hub.model.demand import Demand
from hub.sdk import Channel, ChannelContext, CheckReport, Order, Page, PositionKind, RawRecord, Stream, Window
from hub.sdk.readers.mail import MailReader
from hub_channel_mailbox.mapping import MailboxMapping
from hub_channel_mailbox.settings import MailboxSettings


class MailboxChannel(Channel[MailboxSettings]):
    """Complaints by mail.

    Source: design card 投诉信箱; domain.md §6.1 (watch 3), §7 "Mailbox".
    """

    name = "mailbox"
    title = "投诉信箱"
    watch = Watch.INSIGHT
    Settings = MailboxSettings
    streams: ClassVar[tuple[Stream, ...]] = (Stream("mails", PositionKind.MAIL, Order.ASCENDING),)

    def __init__(self, settings: MailboxSettings, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        self._reader = MailReader(settings.source(), ctx)
        self._mapping = MailboxMapping(settings, ctx.zone)

    def check(self) -> CheckReport:
        """Connection, login, folder and one page; the folder is opened read-only."""
        return self._reader.check()

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every mail that arrived after the position, by ascending UID."""
        return self._reader.pages(window)

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        """The demand that a mail brings."""
        return (self._mapping.demand(raw),)

    def close(self) -> None:
        """Ends the connection."""
        self._reader.close()
