"""The places at which the simulated county's sources stand: for each channel one small server or folder, fed from the world."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from importlib.metadata import entry_points

from hub.county.sites.site import Ground, Site

# Instance in the county's hub -> the class of its site; a module is read only when its site is to stand.
SITES = {
    "app": "app:AppSite",
    "eagle_eye": "eagle_eye:EagleEyeSite",
    "hotline": "hotline:HotlineSite",
    "inspection": "sheets:InspectionSite",
    "leader_visit": "sheets:LeaderVisitSite",
    "mailbox": "mailbox:MailboxSite",
    "mailbox_web": "letters:LettersSite",
    "observer": "sheets:ObserverSite",
    "portal": "portal:PortalSite",
    "presubmission_window": "sheets:PresubmissionSite",
    "unresolved_window": "sheets:UnresolvedSite",
}

# Of instances that are called otherwise than their channel.
_CHANNELS = {"mailbox_web": "mailbox"}

__all__ = ["SITES", "Ground", "Site", "build", "channel_of", "installed", "secrets_of"]


def installed() -> tuple[str, ...]:
    """The instances that have a site here and whose channel's plugin is installed, in alphabetical order; loads no plugin."""
    found = {entry.name for entry in entry_points(group="hub.plugins")}
    return tuple(sorted(instance for instance in SITES if channel_of(instance) in found))


def channel_of(instance: str) -> str:
    """Whose source an instance is."""
    return _CHANNELS.get(instance, instance)


def site_class(instance: str) -> type[Site]:
    """The class of that instance's site."""
    module, _, name = SITES[instance].partition(":")
    found: type[Site] = getattr(import_module(f"{__name__}.{module}"), name)
    return found


def build(instance: str, ground: Ground) -> Site:
    """The site of that instance, not yet started."""
    return site_class(instance)(ground)


def secrets_of(instances: Collection[str]) -> tuple[str, ...]:
    """Names of the secrets that these instances' sites share with the hub."""
    return tuple(name for instance in instances for name in site_class(instance).secrets)
