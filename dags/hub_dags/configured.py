"""Which channels there are, read at parse from hub.yaml and entry points alone."""

from __future__ import annotations

from hub.errors import HubError
from hub.runtime.channels import CatalogEntry, catalog


def configured() -> tuple[tuple[CatalogEntry, ...], str | None]:
    """The channels, sorted, and why there are none; whatever is wrong with the settings, the DAG files can be read."""
    try:
        entries = catalog()
    except HubError as exc:
        return (), exc.message
    except Exception as exc:  # noqa: BLE001 - an import error here would take every DAG away
        return (), f"{type(exc).__name__}: {exc}"
    if entries:
        return entries, None
    return (), "no channel is configured: hub.yaml was not found, or names none under `channels:`"
