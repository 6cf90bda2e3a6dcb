"""The key ring of this hub: made at the first start, never made anew over data that another ring has sealed."""

from __future__ import annotations

from pathlib import Path

from hub.errors import Code, ConfigError
from hub.seal import KeyFile, KeyRing
from hub.settings import HubSettings
from hub.store.engine import Store
from hub.store.migrate import holds_sealed_rows


def keys_path(settings: HubSettings) -> Path:
    """Where the key ring stands."""
    return (settings.keys_file or settings.home / "keys.json").expanduser()


def open_keys(settings: HubSettings, store: Store) -> KeyFile:
    """The key file; made where neither it nor any sealed row exists.

    Raises:
        ConfigError: It is missing although the database holds sealed rows, or it is unreadable (code ``keys_invalid``).
    """
    path = keys_path(settings)
    if not path.exists():
        if holds_sealed_rows(store):
            raise ConfigError(
                f"the key file {path} does not exist, but the database holds rows that a key has sealed; "
                "restore the file from its backup, or set HUB_KEYS_FILE to where it is: without it the data cannot be opened",
                code=Code.KEYS_INVALID,
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            KeyRing.generate(settings.key_profile).to_file(path)
        except ConfigError:
            if not path.exists():  # another process made it in the same moment: use that one
                raise
    return KeyFile(path)
