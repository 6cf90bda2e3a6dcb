"""What rules ask of the stored demands: many keys in one query (design decision 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from hub.clock import COUNTY_ZONE
from hub.model.demand import DemandFacts
from hub.store.engine import driver

_SUBJECTS = {"reporter": "reporter_key", "demand": "demand_id"}
Spans = Mapping[str, tuple[datetime, datetime]]

FACT_COLUMNS = tuple(name for name in DemandFacts.model_fields)
_FACTS = ", ".join(f"d.{name}" for name in FACT_COLUMNS)
_LIVE = "NOT d.deleted AND d.status <> 'void'"


class StoreHistory:
    """`hub.sdk.rules.History` over the demands of this connection's snapshot."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    @property
    def now(self) -> datetime:
        return self._now

    def demands(self, subject: str, spans: Spans) -> dict[str, list[DemandFacts]]:
        found: dict[str, list[DemandFacts]] = {}
        for row in self._rows(
            subject, spans, f"s.key, {_FACTS}", "ORDER BY s.key, d.submitted_at, d.demand_id"
        ):
            found.setdefault(row[0], []).append(facts(row[1:]))
        return found

    def counts(self, subject: str, spans: Spans) -> dict[str, int]:
        return {row[0]: row[1] for row in self._rows(subject, spans, "s.key, count(*)", "GROUP BY s.key")}

    def distinct_reporters(self, subject: str, spans: Spans) -> dict[str, int]:
        rows = self._rows(subject, spans, "s.key, count(DISTINCT d.reporter_key)", "GROUP BY s.key")
        return {row[0]: row[1] for row in rows}

    def weekly(self, subject: str, spans: Spans) -> dict[str, list[tuple[datetime, int]]]:
        week = "date_trunc('week', d.submitted_at AT TIME ZONE 'Asia/Shanghai')"
        found: dict[str, list[tuple[datetime, int]]] = {}
        for key, monday, count in self._rows(
            subject, spans, f"s.key, {week}, count(*)", "GROUP BY 1, 2 ORDER BY 1, 2"
        ):
            found.setdefault(key, []).append((monday.replace(tzinfo=COUNTY_ZONE), count))
        return found

    def _rows(self, subject: str, spans: Spans, what: str, tail: str) -> list[tuple[Any, ...]]:
        if subject not in _SUBJECTS:
            raise ValueError(
                f"history knows the subjects {sorted(_SUBJECTS)}, not {subject!r}: correct the rule"
            )
        if not spans:
            return []
        keys, froms, tos = zip(*((key, span[0], span[1]) for key, span in spans.items()), strict=True)
        cursor = driver(self._connection).cursor()
        cursor.execute(
            f"SELECT {what} FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS s (key, since, until) "
            f'JOIN demand d ON d.{_SUBJECTS[subject]} = s.key COLLATE "C" AND d.submitted_at >= s.since AND d.submitted_at < s.until '
            f"WHERE {_LIVE} {tail}",
            (list(keys), list(froms), list(tos)),
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def facts(row: Sequence[Any]) -> DemandFacts:
    """The facts in a row of `FACT_COLUMNS`."""
    return DemandFacts.model_validate(dict(zip(FACT_COLUMNS, row, strict=True)))


def facts_of(
    connection: Connection, demand_ids: Sequence[str], *, live_only: bool = True
) -> list[DemandFacts]:
    """The facts of these demands, ascending by id; the deleted and void are left out unless asked for."""
    cursor = driver(connection).cursor()
    where = f" AND {_LIVE}" if live_only else ""
    cursor.execute(
        f"SELECT {_FACTS} FROM demand d WHERE d.demand_id = ANY(%s){where} ORDER BY d.demand_id",
        (list(demand_ids),),
    )
    return [facts(row) for row in cursor]
