"""The channel of inspections (督查巡查): lines of checklists in sheets, and forms of inspectors' telephones."""

from __future__ import annotations

from collections.abc import Sequence

from hub.model.codes import Watch
from hub.model.inspection import Finding, Inspection
from hub.sdk import ChannelContext, RawRecord
from hub.sdk.readers.sheet import SheetPlan
from hub.sdk.readers.sheet_channel import SheetChannel
from hub_channel_inspection.mapping import InspectionMapping
from hub_channel_inspection.settings import InspectionSettings


class InspectionChannel(SheetChannel[InspectionSettings]):
    """Sheets and JSON forms from a drop folder or an SFTP server, see `hub.sdk.readers.sheet_channel`.

    Source: domain.md §1.9, §6.1 (watch 1), §7 "Inspection sheet".
    """

    name = "inspection"
    title = "督查巡查"
    watch = Watch.OBSERVE
    Settings = InspectionSettings
    says = (Inspection, Finding)

    def __init__(self, settings: InspectionSettings, ctx: ChannelContext) -> None:
        self._mapping = InspectionMapping(settings, ctx.zone)
        super().__init__(settings, ctx)

    def plan(self) -> SheetPlan:
        """See `SheetChannel.plan`."""
        return self._mapping.plan()

    def normalize(self, raw: RawRecord) -> Sequence[Inspection | Finding]:
        """The inspection that the record of its lines tells, or the finding of one line."""
        return (self._mapping.said(raw),)
