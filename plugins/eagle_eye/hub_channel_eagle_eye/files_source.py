"""Reads sheets of process events that are dropped into a folder."""

from __future__ import annotations

from collections.abc import Iterator

from hub.sdk import ChannelContext, Check, Page, Stream, Window
from hub.sdk.readers.files import FilesReader
from hub.sdk.readers.files_open import open_store
from hub_channel_eagle_eye.process_events import ProcessEvents
from hub_channel_eagle_eye.settings import FilesSource
from hub_channel_eagle_eye.streams import PROCESS_EVENTS


class ProcessFiles:
    """One folder.

    Args:
        source: Where it is.
        ctx: The channel's.
        events: How its rows are read.
    """

    def __init__(self, source: FilesSource, ctx: ChannelContext, events: ProcessEvents) -> None:
        self.streams: tuple[Stream, ...] = (PROCESS_EVENTS,)
        store = open_store(source.folder, source.files, ctx)
        self._reader = FilesReader(store, source.files, ctx, events.records)

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """The rows of every file that is ready; see `hub.sdk.readers.files`."""
        return self._reader.pages(window)

    def checks(self) -> list[Check]:
        """The way to the folder, and what its first file holds."""
        return list(self._reader.check().checks)

    def close(self) -> None:
        """Ends the connection."""
        self._reader.close()
