"""The tap's catalog: what it offers, with the streams selected that the settings take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hub.sdk import Code, ConfigError, SourceContractError
from hub_channel_singer.settings import TapStream

_SHOWN = 20


def catalog_in(output: bytes, where: str) -> dict[str, Any]:
    """The catalog that the tap wrote.

    Raises:
        SourceContractError: It is none (code ``page_not_json`` or ``page_shape``).
    """
    try:
        catalog = json.loads(output)
    except (ValueError, RecursionError):
        raise SourceContractError(
            f"{where}: {len(output)} bytes that are no JSON in answer to --discover (expected a catalog); run the tap by hand, or say `catalog: none` "
            "for one that knows no catalog",
            code=Code.PAGE_NOT_JSON,
            body=output,
        ) from None
    streams = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(streams, list) or not all(isinstance(one, dict) for one in streams):
        raise SourceContractError(
            f"{where}: an answer to --discover without a list of streams (expected a catalog); run the tap by hand and look at it",
            code=Code.PAGE_SHAPE,
            body=output,
        )
    found: dict[str, Any] = catalog
    return found


def selected(catalog: Mapping[str, Any], taken: Mapping[str, TapStream], where: str) -> dict[str, Any]:
    """The catalog with these streams selected and no other.

    Raises:
        ConfigError: The tap offers no stream of one of these names (code ``config_invalid``).
    """
    offered = [_name(one) for one in catalog["streams"]]
    missing = sorted(set(taken) - set(offered))
    if missing:
        shown = ", ".join(sorted(offered)[:_SHOWN]) or "none"
        raise ConfigError(
            f"{where}: the tap offers no stream {', '.join(missing)} (found {shown}); correct `streams` in the settings, or the rights of its account",
            code=Code.CONFIG_INVALID,
        )
    return {**catalog, "streams": [_marked(one, taken.get(_name(one))) for one in catalog["streams"]]}


def _name(stream: Mapping[str, Any]) -> str:
    return str(stream.get("stream") or stream.get("tap_stream_id") or "")


def _marked(stream: Mapping[str, Any], taken: TapStream | None) -> dict[str, Any]:
    """The stream with every mark by which taps of any age see whether it is selected."""
    metadata = {
        tuple(one.get("breadcrumb") or ()): dict(one.get("metadata") or {})
        for one in stream.get("metadata") or ()
    }
    own = metadata.setdefault((), {})
    own["selected"] = taken is not None
    marked: dict[str, Any] = {**stream, "selected": taken is not None}
    if isinstance(stream.get("schema"), dict):
        marked["schema"] = {**stream["schema"], "selected": taken is not None}
        for name in stream["schema"].get("properties") or ():
            metadata.setdefault(("properties", name), {})
    if taken is not None:
        for breadcrumb, told in metadata.items():
            if breadcrumb and told.get("inclusion") != "unsupported":
                told["selected"] = True
        for name, value in (("replication-method", taken.method), ("replication-key", taken.replication_key)):
            if value is not None:
                own[name] = value
                marked[name.replace("-", "_")] = value
    marked["metadata"] = [{"breadcrumb": list(at), "metadata": told} for at, told in metadata.items()]
    return marked
