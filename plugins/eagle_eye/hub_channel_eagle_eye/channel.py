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
from hub.sdk import (
    Channel,
    ChannelContext,
    Check,
    CheckReport,
    Code,
    ConfigError,
    Page,
    PushRequest,
    RawRecord,
    Stream,
    Window,
)
from hub.sdk.readers.sheet_open import SheetLimits
from hub.sdk.readers.xml_check import BodyCheck
from hub_channel_eagle_eye.codes import Tables
from hub_channel_eagle_eye.mapping import EagleEyeMapping
from hub_channel_eagle_eye.process_events import ProcessEvents
from hub_channel_eagle_eye.settings import (
    DatabaseSource,
    EagleEyeSettings,
    FilesSource,
    HttpSource,
    PushSource,
)
from hub_channel_eagle_eye.streams import STREAMS


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
    streams: ClassVar[tuple[Stream, ...]] = STREAMS
    says = (Case, Rating, MonitorEvent, Finding)

    def __init__(self, settings: EagleEyeSettings, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        tables = Tables.of(settings.codes, settings.devices)
        self._steps = _steps_of(settings, ctx, tables)
        # Whatever the source is now, what was kept of another one before can be read again.
        self._mapping = EagleEyeMapping(
            ctx.zone, tables, settings.names, self._steps.said, _check_of(settings)
        )
        self._source = self._source_of(settings.source)
        # The class names every stream; a configured eagle-eye has those of its source.
        self.streams = self._source.streams  # type: ignore[misc]

    def _source_of(self, source: HttpSource | DatabaseSource | FilesSource | PushSource) -> Source:
        if isinstance(source, FilesSource):
            from hub_channel_eagle_eye.files_source import ProcessFiles

            return ProcessFiles(source, self.ctx, self._steps)
        if isinstance(source, PushSource):
            from hub_channel_eagle_eye.push_source import PushedRatings

            return PushedRatings(source, self.ctx, self._mapping)
        if isinstance(source, DatabaseSource):
            from hub_channel_eagle_eye.database_source import MiddleDatabase

            return MiddleDatabase(source, self.ctx, self._mapping)
        from hub_channel_eagle_eye.http_source import HttpLists

        return HttpLists(source, self.ctx, self._mapping)

    def close(self) -> None:
        """Releases the connections."""
        self._source.close()

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """See `Channel.pages`."""
        return self._source.pages(stream, window)

    def receive(self, request: PushRequest) -> Sequence[RawRecord]:
        """The ratings of a push; see `Channel.receive` and `hub_channel_eagle_eye.push_source`."""
        from hub_channel_eagle_eye.push_source import PushedRatings

        if not isinstance(self._source, PushedRatings):
            raise ConfigError(
                f"channel {self.ctx.instance}: its source is of kind {self.settings.source.kind} (expected push, where ratings are pushed); "
                "configure an instance of its own for the pushes",
                code=Code.CONFIG_INVALID,
            )
        return self._source.receive(request)

    def normalize(self, raw: RawRecord) -> Sequence[Observation]:
        """See `Channel.normalize` and `hub_channel_eagle_eye.mapping`."""
        return self._mapping.said(raw)

    def check(self) -> CheckReport:
        """Looks at each stream and reads some of its records; writes nothing."""
        return CheckReport(tuple(self._source.checks()))


def _steps_of(settings: EagleEyeSettings, ctx: ChannelContext, tables: Tables) -> ProcessEvents:
    source = settings.source
    if not isinstance(source, FilesSource):
        return ProcessEvents(ctx.zone, tables)
    limits = SheetLimits(file_bytes=source.files.max_file_bytes)
    return ProcessEvents(ctx.zone, tables, source.nothing, source.columns, source.sheets, limits)


def _check_of(settings: EagleEyeSettings) -> BodyCheck | None:
    source = settings.source
    if not isinstance(source, DatabaseSource) or source.supervision is None:
        return None
    return source.supervision.check
