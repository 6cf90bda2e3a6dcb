"""The app's site: the gateway's list over HTTP, which the hub asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.county.app_server import AppGateway
from hub.county.render import app
from hub.county.sites.site import Ground, Site
from hub.county.world.voices import Happening, Voice


class AppSite(Site):
    """Serves the voices."""

    channel = "app"
    owner = "政务服务数据股"

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.server = AppGateway(clock=ground.clock)

    def start(self) -> None:
        """See `Site.start`."""
        self.server.start()

    def stop(self) -> None:
        """See `Site.stop`."""
        self.server.stop()

    def settings(self) -> Mapping[str, Any]:
        """See `Site.settings`."""
        return {"base_url": self.server.url}

    def arrive(self, happenings: Sequence[Happening], *, number: int, again: bool) -> int:
        """See `Site.arrive`."""
        records = [app.record(one) for one in happenings if isinstance(one, Voice)]
        for record in records:
            self.server.add(record)
        return len({record["appealId"] for record in records})
