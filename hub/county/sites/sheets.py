"""Sites of sheets: folders into which clerks drop their ledgers, each with a mark beside it once it is whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from hub.county.render import presubmission, unresolved, visits
from hub.county.sites.site import Ground, Site
from hub.county.world.voices import Happening, Visit, Voice


class FolderSite(Site):
    """A drop folder below the county's home; a batch is one file.

    Attributes:
        title: What the clerks call their ledger.
    """

    title: ClassVar[str]

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.folder = ground.home / "drop" / self.channel

    def start(self) -> None:
        """See `Site.start`."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def stop(self) -> None:
        """The folder stays: it is the source's memory."""

    def settings(self) -> Mapping[str, Any]:
        """See `Site.settings`."""
        return {
            "source": {"kind": "folder", "path": str(self.folder.resolve())},
            "files": {"ready": "done_file"},
        }

    def arrive(self, happenings: Sequence[Happening], *, number: int, again: bool) -> int:
        """See `Site.arrive`."""
        records = list(happenings)
        if records and not again:
            file = self.folder / f"{self.title}-{number:05d}.csv"
            file.write_bytes(self.content(happenings))
            file.with_name(f"{file.name}.ok").touch()
        return len(records)

    @abstractmethod
    def content(self, happenings: Sequence[Happening]) -> bytes:
        """The file's bytes."""


class PresubmissionSite(FolderSite):
    """The presubmission windows' ledger."""

    channel = "presubmission_window"
    owner = "县政务服务中心"
    title = "材料预审登记表"

    def content(self, happenings: Sequence[Happening]) -> bytes:
        """See `FolderSite.content`."""
        return presubmission.sheet([one for one in happenings if isinstance(one, Voice)])


class UnresolvedSite(FolderSite):
    """The register of the window for what could not be got done."""

    channel = "unresolved_window"
    owner = "县政务服务中心"
    title = "办不成事登记表"

    def content(self, happenings: Sequence[Happening]) -> bytes:
        """See `FolderSite.content`."""
        return unresolved.sheet([one for one in happenings if isinstance(one, Voice)])


class InspectionSite(FolderSite):
    """The inspectors' records."""

    channel = "inspection"
    owner = "督查室"
    title = "督查巡查记录"

    def content(self, happenings: Sequence[Happening]) -> bytes:
        """See `FolderSite.content`."""
        return visits.inspections([one for one in happenings if isinstance(one, Visit)])


class LeaderVisitSite(FolderSite):
    """The ledger of leaders' visits."""

    channel = "leader_visit"
    owner = "督查室"
    title = "领导视察交办台账"

    def content(self, happenings: Sequence[Happening]) -> bytes:
        """See `FolderSite.content`."""
        return visits.leader_visits([one for one in happenings if isinstance(one, Visit)])


class ObserverSite(FolderSite):
    """The observers' reports."""

    channel = "observer"
    owner = "督查室"
    title = "社会监督员登记表"

    def content(self, happenings: Sequence[Happening]) -> bytes:
        """See `FolderSite.content`."""
        return visits.observers([one for one in happenings if isinstance(one, Visit)])
