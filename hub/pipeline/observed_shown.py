"""What a department sees of what a warning rests on beside demands: what it needs to act, nothing personal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from itertools import groupby
from typing import Any

from hub.clock import COUNTY_ZONE
from hub.model.codes import Watch
from hub.sdk.rules import Seen
from hub.store import seen
from hub.store.engine import Connection

# Of each kind what it is called by, and what is told of it; all of it is masked where people write what they like.
_NUMBER = {
    "case": "case_no",
    "rating": "source_no",
    "inspection": "source_no",
    "finding": "source_no",
    "monitor_event": "source_no",
    "warning": "warning_no",
    "order": "order_no",
}
_SERIES = "series"
_TOLD = {
    "case": (
        "case_no",
        "item_code",
        "item_name",
        "organisation",
        "window_no",
        "post",
        "applied_at",
        "accepted_at",
        "due_at",
        "finished_at",
        "state",
    ),
    "rating": ("rated_at", "level", "case_no", "item_code", "item_name", "window_no", "tags", "text"),
    "inspection": ("inspection_kind", "level", "centre", "planned_on", "began_at", "summary"),
    "finding": (
        "found_at",
        "domain",
        "severity",
        "item_code",
        "item_name",
        "window_no",
        "traits",
        "title",
        "text",
        "rectify_by",
        "state",
    ),
    "monitor_event": (
        "occurred_at",
        "anomaly",
        "rule_code",
        "case_no",
        "item_code",
        "window_no",
        "post",
        "detail",
    ),
    "warning": ("warning_no", "rule_id", "level", "issued_at"),
    "order": ("order_no", "organisation", "created_at", "due_at", "state"),
}


def shown(connection: Connection, refs: Sequence[str]) -> list[dict[str, Any]]:
    """Each of these (``kind:id``) that still stands: ``kind``, ``number``, ``watch`` and what is told of its kind, in the order given."""
    pairs = [ref.partition(":")[::2] for ref in refs]
    found: dict[tuple[str, str], Seen] = {}
    for kind, group in groupby(sorted(pairs), key=lambda pair: pair[0]):
        if kind in seen.KINDS:
            found.update(
                {
                    (kind, one.id): one
                    for one in seen.of_ids(connection, kind, [number for _, number in group])
                }
            )
    return [
        _series(pair[1]) if pair[0] == _SERIES else _shown(found[pair])
        for pair in pairs
        if pair[0] == _SERIES or (pair in found and not found[pair].deleted)
    ]


def _series(name: str) -> dict[str, Any]:
    """What was counted and forecast is no record that could go; the warning's own words tell the rest."""
    return {"kind": _SERIES, "number": name, "watch": int(Watch.INSIGHT)}


def _shown(one: Seen) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": one.kind,
        "number": getattr(one.what, _NUMBER[one.kind]),
        "watch": int(one.watch or Watch.MONITOR),
    }
    for name in _TOLD[one.kind]:
        value = getattr(one.what, name)
        if value not in (None, ()):
            told[name] = _plain(value)
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(COUNTY_ZONE).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value
