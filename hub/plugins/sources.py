"""Sources without code as plugins: each file brings one channel, and a broken one silences no other (design decision 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hub.errors import Code, HubError
from hub.plugins.entries import BrokenPlugin, Origin
from hub.plugins.registry import PluginSet
from hub.sdk.channel import Channel
from hub.sdk.declarative.channel import channel_of
from hub.sdk.declarative.files import fingerprint, source_name
from hub.sdk.declarative.read import source_in
from hub.sdk.hookspecs import hookimpl


class SourcePlugin:
    """What one file brings."""

    def __init__(self, channel: type[Channel[Any]]) -> None:
        self._channel = channel

    @hookimpl
    def register_channels(self) -> Sequence[type[Channel[Any]]]:
        return (self._channel,)


def add_sources(plugins: PluginSet, files: Iterable[Path], *, disabled: Iterable[str] = ()) -> None:
    """Registers the channel of each file; one that cannot be used stands in ``plugins.broken`` with its fault.

    A record tells by which file it was read, and in which state of it: the plugin's version ends with eight letters of the file's digest.
    """
    off = frozenset(disabled)
    for file in files:
        try:
            content = file.read_bytes()
            document = source_in(content, file.name)
        except OSError as exc:
            _refuse(
                plugins,
                file,
                f"{file}: cannot be read ({type(exc).__name__}); correct `sources:` in hub.yaml",
            )
            continue
        except HubError as exc:
            _refuse(plugins, file, exc.message)
            continue
        origin = Origin(document.name, file.name, f"{document.version}-{fingerprint(content)}")
        if document.name in off:
            plugins.disable(origin)
        else:
            plugins.add(SourcePlugin(channel_of(document)), origin)


def _refuse(plugins: PluginSet, file: Path, message: str) -> None:
    name = source_name(file) or file.stem
    plugins.refuse(BrokenPlugin(name, file.name, "?", Code.PLUGIN_BROKEN, message))
