"""The channel of social observers (社会监督员): walk-throughs of the service steps, and suggestions."""

from __future__ import annotations

from collections.abc import Sequence

from hub.model.codes import Watch
from hub.model.demand import Demand
from hub.model.inspection import Finding, Inspection
from hub.sdk import ChannelContext, RawRecord
from hub.sdk.readers.sheet import SheetPlan
from hub.sdk.readers.sheet_channel import SheetChannel
from hub_channel_observer.mapping import ObserverMapping
from hub_channel_observer.settings import ObserverSettings


class ObserverChannel(SheetChannel[ObserverSettings]):
    """Sheets and JSON forms from a drop folder or an SFTP server, see `hub.sdk.readers.sheet_channel`.

    Source: domain.md §6.1 (watch 2), §7 "Supervisor sheet"; R17 to R21.
    """

    name = "observer"
    title = "社会监督员"
    watch = Watch.SUPERVISE
    Settings = ObserverSettings
    says = (Inspection, Finding, Demand)

    def __init__(self, settings: ObserverSettings, ctx: ChannelContext) -> None:
        self._mapping = ObserverMapping(settings, ctx.zone)
        super().__init__(settings, ctx)

    def plan(self) -> SheetPlan:
        """See `SheetChannel.plan`."""
        return self._mapping.plan()

    def normalize(self, raw: RawRecord) -> Sequence[Inspection | Finding | Demand]:
        """The walk-through that the record of its rows tells, or what one row says by itself."""
        return (self._mapping.said(raw),)
