"""The places at which the simulated county's sources stand: for each channel one small server or folder, fed from the world."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from importlib.metadata import entry_points

from hub.county.sites.site import Ground, Site

# Channel -> the class of its site; a module is read only when its site is to stand.
SITES = {
    "app": "app:AppSite",
    "eagle_eye": "eagle_eye:EagleEyeSite",
    "hotline": "hotline:HotlineSite",
    "inspection": "sheets:InspectionSite",
    "leader_visit": "sheets:LeaderVisitSite",
    "mailbox": "mailbox:MailboxSite",
    "observer": "sheets:ObserverSite",
    "portal": "portal:PortalSite",
    "presubmission_window": "sheets:PresubmissionSite",
    "unresolved_window": "sheets:UnresolvedSite",
}

__all__ = ["SITES", "Ground", "Site", "build", "installed", "secrets_of"]


def installed() -> tuple[str, ...]:
    """The channels that have a site here and whose plugin is installed, in alphabetical order; loads no plugin."""
    found = {entry.name for entry in entry_points(group="hub.plugins")}
    return tuple(sorted(found & set(SITES)))


def site_class(channel: str) -> type[Site]:
    """The class of that channel's site."""
    module, _, name = SITES[channel].partition(":")
    found: type[Site] = getattr(import_module(f"{__name__}.{module}"), name)
    return found


def build(channel: str, ground: Ground) -> Site:
    """The site of that channel, not yet started."""
    return site_class(channel)(ground)


def secrets_of(channels: Collection[str]) -> tuple[str, ...]:
    """Names of the secrets that these channels' sites share with the hub."""
    return tuple(name for channel in channels for name in site_class(channel).secrets)
