"""The channel of the window for what could not be got done (办不成事窗口): rows of its register."""

from __future__ import annotations

from collections.abc import Sequence

from hub.model.codes import Watch
from hub.model.demand import Demand
from hub.sdk import ChannelContext, RawRecord
from hub.sdk.readers.sheet import SheetPlan
from hub.sdk.readers.sheet_channel import SheetChannel
from hub_channel_unresolved_window.mapping import UnresolvedMapping
from hub_channel_unresolved_window.settings import UnresolvedWindowSettings


class UnresolvedWindowChannel(SheetChannel[UnresolvedWindowSettings]):
    """Sheets from a drop folder or an SFTP server, see `hub.sdk.readers.sheet_channel`.

    Source: domain.md §6.1 (watch 3), §7 "办不成事 window".
    """

    name = "unresolved_window"
    title = "办不成事窗口"
    watch = Watch.INSIGHT
    Settings = UnresolvedWindowSettings

    def __init__(self, settings: UnresolvedWindowSettings, ctx: ChannelContext) -> None:
        self._mapping = UnresolvedMapping(settings, ctx.zone)
        super().__init__(settings, ctx)

    def plan(self) -> SheetPlan:
        """See `SheetChannel.plan`."""
        return self._mapping.plan()

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        """The demand that a row brings."""
        return (self._mapping.demand(raw),)
