"""The mailbox channel (投诉信箱): letters that citizens write, as mails in a folder or as a site shows them on its pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Protocol

from hub.model.codes import Watch
from hub.model.demand import Demand
from hub.sdk import (
    Channel,
    ChannelContext,
    Check,
    CheckReport,
    Order,
    Page,
    PositionKind,
    RawRecord,
    Stream,
    Window,
)
from hub.sdk.readers.mail import MailReader
from hub_channel_mailbox.mapping import MailboxMapping
from hub_channel_mailbox.settings import LETTERS, ImapSource, MailboxSettings
from hub_channel_mailbox.web_names import LETTER_TYPE, PAGE_TYPE

if TYPE_CHECKING:
    from hub_channel_mailbox.letters import LetterMapping

MAILS = Stream("mails", PositionKind.MAIL, Order.ASCENDING)


class Source(Protocol):
    """One of the ways in which a mailbox gives its letters."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """As `Channel.streams`."""
        ...

    def pages(self, window: Window) -> Iterator[Page]:
        """As `Channel.pages`, of the only stream."""
        ...

    def checks(self) -> Sequence[Check]:
        """The lines of `Channel.check`."""
        ...

    def close(self) -> None:
        """As `Channel.close`."""
        ...


class MailboxChannel(Channel[MailboxSettings]):
    """Complaints in writing. It takes no replies: see the README, "Replies".

    Source: design card 投诉信箱; domain.md §6.1 (watch 3), §7 "Mailbox".
    """

    name = "mailbox"
    title = "投诉信箱"
    watch = Watch.INSIGHT
    Settings = MailboxSettings
    streams: ClassVar[tuple[Stream, ...]] = (MAILS, LETTERS)

    def __init__(self, settings: MailboxSettings, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        # Whatever the source is now, what was kept of another one before can be read again.
        self._mails = MailboxMapping(settings, ctx.zone)
        self._source = self._source_of(settings)
        # The class names every stream; a configured mailbox has that of its source.
        self.streams = self._source.streams  # type: ignore[misc]

    @cached_property
    def _letters(self) -> LetterMapping:
        # A mailbox of mails reads no HTML: the parser is imported for those that have pages.
        from hub_channel_mailbox.letters import LetterMapping

        return LetterMapping(self.settings, self.ctx.zone)

    def _source_of(self, settings: MailboxSettings) -> Source:
        if isinstance(settings.source, ImapSource):
            return Folder(settings.source, self.ctx)
        from hub_channel_mailbox.web_pages import WebPages

        return WebPages(settings.source, self.ctx, self._letters)

    def check(self) -> CheckReport:
        """Connection, login, folder and one page; or the list and some letters. Changes nothing."""
        return CheckReport(tuple(self._source.checks()))

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every mail that arrived after the position, by ascending UID; or every letter that is new or has changed since."""
        return self._source.pages(window)

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        """The demand that a mail or a letter brings."""
        is_letter = raw.media_type in (LETTER_TYPE, PAGE_TYPE)
        return ((self._letters if is_letter else self._mails).demand(raw),)

    def close(self) -> None:
        """Ends the connections."""
        self._source.close()


class Folder:
    """Mails in one folder."""

    streams = (MAILS,)

    def __init__(self, source: ImapSource, ctx: ChannelContext) -> None:
        self._reader = MailReader(source.for_reader(), ctx)

    def pages(self, window: Window) -> Iterator[Page]:
        """See `Source.pages`."""
        return self._reader.pages(window)

    def checks(self) -> Sequence[Check]:
        """See `Source.checks`."""
        return self._reader.check().checks

    def close(self) -> None:
        """See `Source.close`."""
        self._reader.close()
