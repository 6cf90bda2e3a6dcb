"""The eagle-eye's site: lists of cases, ratings and monitor events over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.county.eagle_eye_server import EagleEyeServer
from hub.county.render import eagle_eye
from hub.county.sites.site import Ground, Site
from hub.county.world.voices import CaseNews, Happening, MonitorNews, RatingNews


class EagleEyeSite(Site):
    """Serves what happens to cases."""

    channel = "eagle_eye"
    owner = "电子监察室"

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.server = EagleEyeServer()

    def start(self) -> None:
        """See `Site.start`."""
        self.server.start()

    def stop(self) -> None:
        """See `Site.stop`."""
        self.server.stop()

    def settings(self) -> Mapping[str, Any]:
        """See `Site.settings`."""
        return {
            "source": {"kind": "http", "base_url": self.server.url},
            "devices": [dict(device) for device in eagle_eye.DEVICES],
        }

    def arrive(self, happenings: Sequence[Happening], *, number: int, again: bool) -> int:
        """See `Site.arrive`."""
        for one in happenings:
            if isinstance(one, CaseNews):
                self.server.cases.add(eagle_eye.case(one))
            elif isinstance(one, RatingNews):
                self.server.ratings.add(eagle_eye.rating(one))
            elif isinstance(one, MonitorNews):
                self.server.events.add(eagle_eye.event(one))
        return len({getattr(one, "number", "") for one in happenings})
