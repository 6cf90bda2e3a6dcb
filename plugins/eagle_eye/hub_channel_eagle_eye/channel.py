"""The eagle-eye channel: 鹰眼监察, how cases are handled, what they were rated, and what its own rules and cameras reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Protocol

from hub.model.case import Case
from hub.model.codes import Watch
from hub.model.inspection import Finding
from hub.model.monitor import MonitorEvent
from hub.model.observation import Observation
from hub.model.rating import Rating
from hub.sdk import Channel, ChannelContext, Check, CheckReport, Page, RawRecord, Stream, Window
from hub_channel_eagle_eye import http_source
from hub_channel_eagle_eye.codes import Tables
from hub_channel_eagle_eye.mapping import EagleEyeMapping
from hub_channel_eagle_eye.settings import EagleEyeSettings


class Source(Protocol):
    """One of the ways in which an eagle-eye gives its records."""

    streams: tuple[Stream, ...]

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """As `Channel.pages`."""
        ...

    def checks(self) -> list[Check]:
        """The lines of `Channel.check`."""
        ...

    def close(self) -> None:
        """As `Channel.close`."""
        ...


class EagleEyeChannel(Channel[EagleEyeSettings]):
    """Reads an eagle-eye in whichever shape it has here; several streams may tell of one case, and the hub puts it together.

    Source: domain.md §1.6–1.8, §7, Eagle-eye.
    """

    name = "eagle_eye"
    title = "鹰眼监察"
    watch = Watch.MONITOR
    Settings = EagleEyeSettings
    streams: ClassVar[tuple[Stream, ...]] = http_source.STREAMS
    says = (Case, Rating, MonitorEvent, Finding)

    def __init__(self, settings: EagleEyeSettings, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        tables = Tables.of(settings.codes, settings.devices)
        self._mapping = EagleEyeMapping(ctx.zone, tables, settings.names)
        self._source = self._opened()
        # The class names every stream; a configured eagle-eye has those of its source.
        self.streams = self._source.streams  # type: ignore[misc]

    def _opened(self) -> Source:
        return http_source.HttpLists(self.settings.source, self.ctx, self._mapping)

    def close(self) -> None:
        """Releases the connections."""
        self._source.close()

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """See `Channel.pages`."""
        return self._source.pages(stream, window)

    def normalize(self, raw: RawRecord) -> Sequence[Observation]:
        """See `Channel.normalize` and `hub_channel_eagle_eye.mapping`."""
        return self._mapping.said(raw)

    def check(self) -> CheckReport:
        """Looks at each stream and reads some of its records; writes nothing."""
        return CheckReport(tuple(self._source.checks()))
