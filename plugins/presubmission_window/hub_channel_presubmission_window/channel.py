"""The presubmission windows' channel (材料预审窗口): rows of the ledgers in which material is looked through before it is submitted."""

from __future__ import annotations

from collections.abc import Sequence

from hub.model.codes import Watch
from hub.model.demand import Demand
from hub.sdk import ChannelContext, RawRecord
from hub.sdk.readers.sheet import SheetPlan
from hub.sdk.readers.sheet_channel import SheetChannel
from hub_channel_presubmission_window.mapping import WORDS, PresubmissionMapping
from hub_channel_presubmission_window.settings import PresubmissionWindowSettings


class PresubmissionWindowChannel(SheetChannel[PresubmissionWindowSettings]):
    """Sheets from a drop folder or an SFTP server, see `hub.sdk.readers.sheet_channel`.

    Source: domain.md §6.1 (watch 3), §7 "Presubmission window".
    """

    name = "presubmission_window"
    title = "材料预审窗口"
    watch = Watch.INSIGHT
    Settings = PresubmissionWindowSettings
    words = WORDS

    def __init__(self, settings: PresubmissionWindowSettings, ctx: ChannelContext) -> None:
        self._mapping = PresubmissionMapping(settings, ctx.zone)
        super().__init__(settings, ctx)

    def plan(self) -> SheetPlan:
        """See `SheetChannel.plan`."""
        return self._mapping.plan()

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        """The demand that a row brings."""
        return (self._mapping.demand(raw),)
