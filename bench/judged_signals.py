"""The signals of a judged county one by one, with the words that they rest on: to be read by a person.

One JSON document a line. Whoever reads it decides what the figures cannot: whether a signal that rests on nothing planted is true all the
same (one trouble did come back at one place), chance, or a grouping that joined too much. What the county knows of each demand (where
it was, what was wrong, who said it) stands beside what the hub has made of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from hub.clock import COUNTY_ZONE
from hub.county.world.voices import Voice

_SIGNALS = text(
    "SELECT signal_id, rule_id, rule_version, level, state, key, value, threshold, summary, demand_ids, first_seen_at FROM signal "
    "WHERE rule_id = ANY(:rules) ORDER BY rule_id, first_seen_at, signal_id"
)
_DEMANDS = text(
    "SELECT d.demand_id, d.instance || ' ' || d.source_no AS number, d.submitted_at, d.demand_type, d.status, d.received_at, d.place_id, "
    "d.region_code, d.title, d.text, d.reporter_key, m.matter_id, t.decision, "
    "(SELECT array_agg(h.was->>'status' ORDER BY h.history_id) FROM demand_history h WHERE h.demand_id = d.demand_id) AS former, "
    "(SELECT array_agg(h.replaced_at ORDER BY h.history_id) FROM demand_history h WHERE h.demand_id = d.demand_id) AS until "
    "FROM demand d LEFT JOIN matter_member m USING (demand_id) LEFT JOIN matter_text t USING (seq) "
    "WHERE d.demand_id = ANY(:ids) ORDER BY d.submitted_at, d.demand_id"
)


def truth_of(one: Voice) -> dict[str, Any]:
    """Where it was, what was wrong and who said it, as the county knows; ``thing`` is None where its words are fixed ones."""
    return {
        "place": one.place.code,
        "where": one.place.town + one.place.name,
        "about": one.subject.name,
        "thing": one.thing or None,
        "who": one.person.number,
    }


def write(
    path: Path,
    connection: Connection,
    rules: Iterable[str],
    truths: Mapping[str, Mapping[str, Any]],
    planted: Mapping[str, Iterable[str]],
) -> int:
    """Writes every signal of these rules; how many.

    Args:
        truths: Channel and number -> what the county knows of it.
        planted: Channel and number -> the kinds of what was planted that it belongs to.
    """
    signals = list(connection.execute(_SIGNALS, {"rules": sorted(rules)}))
    with path.open("w", encoding="utf-8") as out:
        for one in signals:
            found = connection.execute(_DEMANDS, {"ids": list(one.demand_ids)})
            document = {
                **{
                    name: getattr(one, name)
                    for name in ("rule_id", "level", "state", "key", "value", "threshold", "summary")
                },
                "first_seen": _told(one.first_seen_at),
                "demands": [_demand(row, truths, planted) for row in found],
            }
            out.write(json.dumps(document, ensure_ascii=False) + "\n")
    return len(signals)


def _demand(
    row: Any, truths: Mapping[str, Mapping[str, Any]], planted: Mapping[str, Iterable[str]]
) -> dict[str, Any]:
    states = [
        f"{status} {_told(until)}" for status, until in zip(row.former or (), row.until or (), strict=True)
    ]
    return {
        "number": row.number,
        "at": _told(row.submitted_at),
        "type": row.demand_type,
        "states": [*states, f"{row.status} since {_told(row.received_at)}"],
        "place": row.place_id,
        "region": row.region_code,
        "matter": row.matter_id,
        "why": row.decision,
        "person": row.reporter_key,
        "title": row.title,
        "text": row.text,
        "truth": truths.get(row.number),
        "planted": sorted(planted.get(row.number, ())),
    }


def _told(moment: Any) -> str:
    return f"{moment.astimezone(COUNTY_ZONE):%m-%d %H:%M}"
