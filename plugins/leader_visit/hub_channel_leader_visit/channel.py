"""The channel of visits (领导视察, 各方监督): rows of the ledger of what was pointed out."""

from __future__ import annotations

from collections.abc import Sequence

from hub.model.codes import Watch
from hub.model.inspection import Finding
from hub.sdk import ChannelContext, RawRecord
from hub.sdk.readers.sheet import SheetPlan
from hub.sdk.readers.sheet_channel import SheetChannel
from hub_channel_leader_visit.mapping import LeaderVisitMapping
from hub_channel_leader_visit.settings import LeaderVisitSettings


class LeaderVisitChannel(SheetChannel[LeaderVisitSettings]):
    """Sheets and JSON forms from a drop folder or an SFTP server, see `hub.sdk.readers.sheet_channel`.

    Source: domain.md §6.1 (watch 5), §7 "leader sheet"; R50 to R53.
    """

    name = "leader_visit"
    title = "领导视察"
    watch = Watch.VISIT
    Settings = LeaderVisitSettings
    says = (Finding,)

    def __init__(self, settings: LeaderVisitSettings, ctx: ChannelContext) -> None:
        self._mapping = LeaderVisitMapping(settings, ctx.zone)
        super().__init__(settings, ctx)

    def plan(self) -> SheetPlan:
        """See `SheetChannel.plan`."""
        return self._mapping.plan()

    def normalize(self, raw: RawRecord) -> Sequence[Finding]:
        """The finding that a row brings."""
        return (self._mapping.finding(raw),)
