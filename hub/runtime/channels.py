"""What is configured and installed, read from hub.yaml, its sources and entry points alone: DAG files list channels without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.plugins.loader import installed_plugins
from hub.runtime.config import load
from hub.runtime.sources import source_names
from hub.settings import ChannelConfig


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One configured channel.

    Attributes:
        instance: Its configured name.
        channel: The channel that a plugin brings.
        every_s: Seconds between two collections.
        owner: Who answers for the source.
        installed: Whether some installed plugin may bring it; plugins are not imported to find out.
    """

    instance: str
    channel: str
    every_s: int
    owner: str
    installed: bool


def catalog(
    *, config: Path | None = None, environ: Mapping[str, str] | None = None
) -> tuple[CatalogEntry, ...]:
    """Every enabled configured channel, sorted by instance; imports no plugin, opens no connection.

    Raises:
        ConfigError: hub.yaml cannot be read.
    """
    loaded = load(config=config, environ=environ)
    settings = loaded.settings
    names = {plugin.name for plugin in installed_plugins()} | source_names(loaded)
    names -= set(settings.plugins_disabled)
    return tuple(
        _entry(instance, channel, names)
        for instance, channel in sorted(settings.channels.items())
        if channel.enabled
    )


def _entry(instance: str, config: ChannelConfig, names: set[str]) -> CatalogEntry:
    return CatalogEntry(instance, config.channel, config.every_s, config.owner, config.channel in names)
