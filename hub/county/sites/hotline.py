"""The hotline's site: the 12345 platform over SOAP; an order is sent again at every change of its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.county.hotline_server import HotlineServer
from hub.county.render import hotline
from hub.county.sites.site import Ground, Site
from hub.county.world.voices import Happening, Voice


class HotlineSite(Site):
    """Serves the voices as work orders."""

    channel = "hotline"
    owner = "12345热线办"

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.server = HotlineServer(clock=ground.clock)

    def start(self) -> None:
        """See `Site.start`."""
        self.server.start()

    def stop(self) -> None:
        """See `Site.stop`."""
        self.server.stop()

    def settings(self) -> Mapping[str, Any]:
        """See `Site.settings`."""
        return {"source": {"kind": "soap", "base_url": self.server.url}}

    def arrive(self, happenings: Sequence[Happening], *, number: int, again: bool) -> int:
        """See `Site.arrive`."""
        orders = [hotline.order(one) for one in happenings if isinstance(one, Voice)]
        for order in orders:
            self.server.orders.put(order)
        return len({order["工单编号"] for order in orders})
