"""Which files describe sources, found without judging them; light, for every process of the hub asks."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from hub.errors import Code, ConfigError


def source_name(path: Path) -> str | None:
    """The name of the source that the file describes, without judging the rest; None where it tells none."""
    from hub.sdk.declarative.lines import Lined

    try:
        value = Lined(path.read_bytes(), path.name).value
    except (OSError, ConfigError):
        return None
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else None


def fingerprint(content: bytes) -> str:
    """Eight letters that change with the file: a record tells by which state of a mapping it was read."""
    return hashlib.sha256(content).hexdigest()[:8]


@cache
def shipped_names() -> tuple[str, ...]:
    """Names of the ready mappings that the hub brings, sorted."""
    return tuple(
        sorted(
            entry.name.removesuffix(".yaml") for entry in _shipped().iterdir() if entry.name.endswith(".yaml")
        )
    )


def shipped_source(name: str) -> Path:
    """The file of a ready mapping.

    Raises:
        ConfigError: The hub brings none of that name (code ``config_invalid``).
    """
    if name not in shipped_names():
        raise ConfigError(
            f"no ready mapping {name!r} (the hub brings {', '.join(shipped_names()) or 'none'}); write a file of your own",
            code=Code.CONFIG_INVALID,
        )
    return Path(str(_shipped() / f"{name}.yaml"))


def _shipped() -> Any:
    return files("hub.sdk.declarative") / "shipped"
