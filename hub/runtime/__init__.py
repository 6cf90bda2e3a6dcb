"""The composition root: settings become a `Hub`. Importing this reads nothing; `open_hub` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.runtime.channels import CatalogEntry
    from hub.runtime.hub import Hub

__all__ = ["catalog", "open_hub"]


def open_hub(
    *,
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Hub:
    """A hub with the settings of this process; use it as a context manager.

    Raises:
        ConfigError: The settings are not usable.
    """
    from hub.runtime.config import load
    from hub.runtime.hub import Hub

    return Hub(load(config=config, overrides=overrides, environ=environ))


def catalog(
    *, config: Path | None = None, environ: Mapping[str, str] | None = None
) -> tuple[CatalogEntry, ...]:
    """See `hub.runtime.channels.catalog`."""
    from hub.runtime.channels import catalog as read

    return read(config=config, environ=environ)
