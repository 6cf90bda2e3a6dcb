"""The ground: settings, disk space, the key file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hub.runtime.doctor.findings import Finding, fail, ok, warn
from hub.runtime.keys import keys_path
from hub.seal import KeyRing, Purpose, check

if TYPE_CHECKING:
    from hub.runtime.config import Loaded
    from hub.settings import HubSettings

MIN_FREE_BYTES = 256 << 20
_LOW_BYTES = 1 << 30


def settings(loaded: Loaded) -> Iterator[Finding]:
    """Which file was read, and how much came from elsewhere."""
    places = sorted(set(loaded.origins.values()))
    if loaded.config_path is None and not loaded.origins:
        yield warn(
            "settings",
            "no hub.yaml here, none named by --config or HUB_CONFIG, and no HUB_* variable: defaults throughout",
            "write hub.yaml (README shows one), or try `make run`",
        )
    else:
        read = loaded.config_path.resolve() if loaded.config_path is not None else "no hub.yaml"
        yield ok("settings", f"{read}; {len(loaded.origins)} values set, from {', '.join(places)}")


def disk(settings: HubSettings, more: Iterable[Path], min_free_bytes: int) -> Iterator[Finding]:
    """Room where the hub writes, each file system once."""
    seen: set[int] = set()
    for path in (settings.home.expanduser(), keys_path(settings).parent, *more):
        there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        device = there.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(there).free
        found = f"{free / (1 << 30):.1f} GiB free where {path} stands"
        if free < min_free_bytes:
            yield fail(
                "disk",
                f"{found} (expected {min_free_bytes / (1 << 30):.2g} GiB at least)",
                "free space there, or set HUB_HOME to another place",
            )
        elif free < _LOW_BYTES:
            yield warn("disk", found, "free space there soon")
        else:
            yield ok("disk", found)
        if not os.access(there, os.W_OK):
            yield fail(
                "disk",
                f"{there} cannot be written by this user",
                "give it to the hub's user, or set HUB_HOME to a folder of its own",
                configuration=True,
            )


def keys(
    settings: HubSettings, *, holds_sealed: bool | None, sealed: float, database_is_here: bool
) -> Iterator[Finding]:
    """The key ring: there, private, working, not worn, not beside the database.

    Args:
        holds_sealed: Whether the database holds sealed rows; None where it could not be asked.
        sealed: How many, roughly.
        database_is_here: The database runs on this machine.
    """
    path = keys_path(settings)
    if not path.exists():
        if holds_sealed:
            yield fail(
                "keys",
                f"the key file {path} does not exist, but the database holds rows that a key has sealed",
                "restore the file from its backup, or set HUB_KEYS_FILE to where it is: without it the data cannot be opened",
                configuration=True,
            )
        else:
            yield ok("keys", f"none yet; {path} is made when the hub first works")
        return
    ring = KeyRing.from_file(path)
    for line in check(ring, path=path, sealed={ring.active(Purpose.SEAL).key_id: int(sealed)}):
        name = f"keys: {line.name}"
        if line.ok:
            yield ok(name, line.detail)
        elif line.name == "wear":
            yield warn(name, line.detail, "run `hub keys rotate`")
        else:
            yield fail(name, line.detail, "restore the key file from its backup", configuration=True)
    if database_is_here:
        yield warn(
            "keys: place",
            f"{path} stands on the machine of the database",
            "fine for trying out; in production keep them apart (HUB_KEYS_FILE): whoever takes the disk has both",
        )
    else:
        yield ok("keys: place", "not on the machine of the database")
