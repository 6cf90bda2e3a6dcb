"""Plugins and configured channels: loaded, settings valid, secrets there, and with ``live`` the sources themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from hub.clock import COUNTY_ZONE
from hub.errors import HubError
from hub.plugins import guard
from hub.runtime.doctor.findings import Finding, fail, failed, ok, warn
from hub.sdk.gate import LocalGate

if TYPE_CHECKING:
    from hub.runtime.hub import Hub

LIVE_LIMIT_S = 60.0
# Settings name secrets and never hold them; a field that names one says so in its description.
_NAMES_A_SECRET = "name of a secret"


def plugins(hub: Hub) -> Iterator[Finding]:
    """What is installed; a broken plugin is named with its reason."""
    infos = hub.plugins.list()
    loaded = [info.name for info in infos if info.state in ("loaded", "partly")]
    yield ok("plugins", f"{len(loaded)} loaded: {', '.join(loaded)}")
    for broken in hub.plugins.broken:
        yield fail(
            f"plugin {broken.name}",
            f"{broken.distribution} {broken.version}: {broken.message}",
            "the others work on; mend or uninstall it, or name it under `plugins_disabled`",
        )


def channels(hub: Hub) -> Iterator[Finding]:
    """Each configured channel: its class is there, its settings are valid, its secrets can be had."""
    enabled = {name: config for name, config in hub.settings.channels.items() if config.enabled}
    if not enabled:
        yield fail(
            "channels",
            "none is configured (expected at least one enabled under `channels:` in hub.yaml)",
            "add one; `hub plugin list` names those that are installed",
            configuration=True,
        )
    for instance in sorted(enabled):
        name = f"channel {instance}"
        try:
            # A gate of its own: looking at settings needs no database.
            channel = hub.source(instance, LocalGate(hub.clock)).channel
        except HubError as exc:
            yield failed(name, exc)
            continue
        missing = list(_missing_secrets(hub, name, channel.settings))
        yield from missing
        if not missing:
            yield ok(name, f"settings valid, secrets there; collected every {enabled[instance].every_s} s")
        if not enabled[instance].owner:
            yield warn(
                f"owner of {instance}",
                "nobody is named who answers for this source (expected `owner`, R75)",
                f"write channels.{instance}.owner in hub.yaml, so that whoever finds it broken knows whom to ask",
            )


def live(hub: Hub, *, shared: bool) -> Iterator[Finding]:
    """What each channel's own check finds at its source; reads one page at most and writes nothing there.

    Args:
        shared: Keep to the rate limits that all processes share; they stand in the database.
    """
    for instance in sorted(name for name, one in hub.settings.channels.items() if one.enabled):
        name = f"channel {instance}"
        try:
            source = hub.source(instance, None if shared else LocalGate(hub.clock))
        except HubError:
            continue  # told already
        try:
            report = guard(source.channel.check, timeout_s=LIVE_LIMIT_S, what=f"{name}: check")
        except HubError as exc:
            yield failed(f"{name}: live", exc)
            continue
        for line in report.checks:
            what = f"{name}: {line.name}"
            yield (
                ok(what, line.detail)
                if line.ok
                else fail(what, line.detail, "see what the source's operators say")
            )


def _missing_secrets(hub: Hub, name: str, settings: BaseModel) -> Iterator[Finding]:
    for secret in sorted(set(_named_secrets(settings))):
        try:
            hub.secrets.get(secret)
        except HubError as exc:
            yield failed(name, exc)


def _named_secrets(settings: BaseModel) -> Iterator[str]:
    for field_name, field in type(settings).model_fields.items():
        value: Any = getattr(settings, field_name)
        if isinstance(value, BaseModel):
            yield from _named_secrets(value)
        elif _NAMES_A_SECRET in (field.description or "").lower():
            yield from [value] if isinstance(value, str) else value or ()


def calendar(hub: Hub) -> Iterator[Finding]:
    """Whether this year's working days are known, and from November on next year's."""
    today = hub.clock.now().astimezone(COUNTY_ZONE).date()
    years = [today.year] + ([today.year + 1] if today.month >= 11 else [])
    unknown = [year for year in years if not hub.calendar.known(year)]
    if not unknown:
        yield ok("calendar", f"working days of {', '.join(str(year) for year in years)} are known")
    for year in unknown:
        yield warn(
            "calendar",
            f"the working days of {year} are not known: deadlines that reach into it are provisional",
            "upgrade chinesecalendar once the State Council has published them (usually in November), or enter the office's own",
        )
