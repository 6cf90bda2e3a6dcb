"""Which files of sources without code a process reads: those that hub.yaml names, and the ready mappings that its channels are of."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from hub.runtime.config import Loaded
from hub.sdk.declarative.files import shipped_names, shipped_source, source_name


def named_files(loaded: Loaded) -> tuple[Path, ...]:
    """The files under ``sources:``; a relative path counts from the folder of hub.yaml."""
    folder = loaded.config_path.parent if loaded.config_path is not None else Path()
    return tuple(folder / path.expanduser() for path in loaded.settings.sources)


def ready_files(loaded: Loaded, known: Collection[str]) -> tuple[Path, ...]:
    """The ready mappings that a configured channel is of and that nothing else brings."""
    wanted = {channel.channel for channel in loaded.settings.channels.values()} - set(known)
    return tuple(shipped_source(name) for name in sorted(wanted.intersection(shipped_names())))


def source_names(loaded: Loaded) -> frozenset[str]:
    """Names of all channels that some file brings; judges none of the files."""
    named = {name for file in named_files(loaded) if (name := source_name(file)) is not None}
    return frozenset(named | set(shipped_names()))
