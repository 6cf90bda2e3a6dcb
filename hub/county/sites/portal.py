"""The portal's site: its list interface over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.county.portal_server import PortalServer
from hub.county.render import portal
from hub.county.sites.site import Ground, Site
from hub.county.world.voices import Happening, Voice


class PortalSite(Site):
    """Serves the voices, or, where `show` was called, the records of a sheet and nothing else."""

    channel = "portal"
    owner = "政务服务数据股"

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.server = PortalServer(clock=ground.clock)
        self._by_sheet = False

    def show(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Serves these records from now on, and no voice any more."""
        self._by_sheet = True
        for record in records:
            self.server.add(record)

    def start(self) -> None:
        """See `Site.start`."""
        self.server.start()

    def stop(self) -> None:
        """See `Site.stop`."""
        self.server.stop()

    def settings(self) -> Mapping[str, Any]:
        """See `Site.settings`."""
        return {"base_url": self.server.url, "reply": {}}

    def arrive(self, happenings: Sequence[Happening], *, number: int, again: bool) -> int:
        """See `Site.arrive`."""
        if self._by_sheet:
            return 0
        records = [portal.record(one) for one in happenings if isinstance(one, Voice)]
        for record in records:
            self.server.add(record)
        return len({record["zxbh"] for record in records})
