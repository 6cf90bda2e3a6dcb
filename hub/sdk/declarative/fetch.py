"""What a reader kind brings to a source without code: its settings in hub.yaml, its stream, and how it fetches and opens records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from pydantic import Field

from hub.sdk.channel import (
    ChannelSettings,
    Check,
    CheckReport,
    Order,
    Page,
    PositionKind,
    RawRecord,
    Stream,
    Window,
)
from hub.sdk.context import ChannelContext
from hub.sdk.declarative.contents import Content
from hub.sdk.declarative.document import SourceDocument

Land = Callable[[RawRecord], RawRecord]
CHECKED_RECORDS = 20


class DeclaredSettings(ChannelSettings):
    """What hub.yaml says of every source without code.

    Attributes:
        maps: Further codes of one field for this instance, such as ``{status: {"12": closed}}``; they go before the file's.
    """

    maps: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Fetcher(ABC):
    """Fetches the records of one configured source; made for one run, closed with its channel."""

    Settings: ClassVar[type[DeclaredSettings]]

    def __init__(self, document: SourceDocument, settings: Any, ctx: ChannelContext) -> None:
        self.document = document
        self.settings = settings
        self.ctx = ctx

    @staticmethod
    def stream(document: SourceDocument) -> Stream:
        """The stream that the document's records come in."""
        rule = document.stream
        if getattr(document.reader, "walk", None) is not None:
            # Its position is the end of the last piece that was read whole, whatever order a piece comes in.
            return Stream(rule.name, PositionKind.OPAQUE, Order.ASCENDING, rule.overlap_s, rule.max_skew_s)
        kind = PositionKind.TIME if document.record.position is not None else PositionKind.OPAQUE
        return Stream(rule.name, kind, Order.UNORDERED, rule.overlap_s, rule.max_skew_s)

    @staticmethod
    @abstractmethod
    def open_record(raw: RawRecord) -> Content:
        """What a record holds; pure.

        Raises:
            RecordRejected: Its bytes cannot be read.
        """

    @abstractmethod
    def pages(self, stream: Stream, window: Window, land: Land) -> Iterator[Page]:
        """See `hub.sdk.Channel.pages`; ``land`` gives a record its number, version and position."""

    @abstractmethod
    def check(self, land: Land, normalize: Callable[[RawRecord], object]) -> CheckReport:
        """See `hub.sdk.Channel.check`."""

    def close(self) -> None:
        """Releases connections."""


def readable(records: list[RawRecord], normalize: Callable[[RawRecord], object]) -> Check:
    """A line that says how many of these records can be read, and with which codes the others cannot."""
    from hub.sdk import checks

    mend = "compare them with the samples, then mend the file or `maps` in the settings"
    return checks.readable("records", records, normalize, mend=mend)


def fetcher_of(kind: str) -> type[Fetcher]:
    """The fetcher of a reader kind; imports it alone."""
    if kind == "http_json":
        from hub.sdk.declarative.fetch_json import JsonFetcher

        return JsonFetcher
    if kind == "xml":
        from hub.sdk.declarative.fetch_xml import XmlFetcher

        return XmlFetcher
    if kind == "sheet":
        from hub.sdk.declarative.fetch_sheet import SheetFetcher

        return SheetFetcher
    if kind == "sql_view":
        from hub.sdk.declarative.fetch_view import ViewFetcher

        return ViewFetcher
    if kind == "mail":
        from hub.sdk.declarative.fetch_mail import MailFetcher

        return MailFetcher
    raise ValueError(f"no fetcher for reader kind {kind!r}")
