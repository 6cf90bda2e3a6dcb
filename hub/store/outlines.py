"""What counting and grouping need of each demand, in one narrow row: found by its matter, by its place and
category, and by its reporter.

A demand's own row is wide, and its category, its matter and whether it counts stand in tables beside it: to put that together for
every member of a matter, for several rules, cost more than all the rest of an evaluation. So it is written down here by the
evaluation, before the rules ask: a row says what its demand was when it was last judged, and whatever changes a demand has it
judged again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Boolean, Column, Connection, DateTime, Index, Integer, SmallInteger, Table, Text, text

from hub.sdk.rules import EVER, Outline
from hub.store import categories
from hub.store.engine import driver, text_array
from hub.store.spans import Span, Spans, asked
from hub.store.tables import Id, metadata

demand_outline = Table(
    "demand_outline",
    metadata,
    Column("demand_id", Id, primary_key=True),
    Column("submitted_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("channel", Text, nullable=False),
    Column("demand_type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("urgency", SmallInteger, nullable=False),
    Column("reporter_key", Id),
    Column("declared_group_size", Integer),
    Column("chases_open_order", Boolean, nullable=False),
    Column("category", Text),
    Column("place_id", Id),
    Column("item_code", Text),
    Column("item_name", Text),
    Column("target_org", Text),
    Column("matter_id", Id),
    Column("cell", Id),  # place and category as one key; empty where either is unknown
    Column("counts", Boolean, nullable=False),  # neither deleted nor void, nor the same as another demand
    Index("demand_outline_matter_idx", "matter_id", "submitted_at", postgresql_where=text("counts")),
    Index(
        "demand_outline_cell_idx",
        "cell",
        "submitted_at",
        postgresql_include=["declared_group_size"],
        postgresql_where=text("counts AND cell IS NOT NULL"),
    ),
    Index(
        "demand_outline_reporter_idx",
        "reporter_key",
        "submitted_at",
        postgresql_where=text("counts AND reporter_key IS NOT NULL"),
    ),
    comment="what rules count of each demand, in one narrow row, as it was when it was last judged",
)

_COLUMNS = ", ".join(column.name for column in demand_outline.columns)
_FIELDS = ", ".join(Outline._fields)

# As the demands are now, each read by its own number.
_NOW = f"""
SELECT d.demand_id, d.submitted_at, d.received_at, d.channel, d.demand_type, d.status, d.urgency, d.reporter_key, d.declared_group_size,
    d.chases_open_order, d.category, d.place_id, d.item_code, d.item_name, d.target_org, d.matter_id,
    CASE WHEN d.category <> '' THEN d.place_id || '|' || d.category END AS cell, d.counts
FROM unnest(%s::text[]) AS s (id) CROSS JOIN LATERAL (
    SELECT d.demand_id, d.submitted_at, d.received_at, d.channel, d.demand_type, d.status, d.urgency, d.reporter_key,
        d.declared_group_size, d.chases_open_order, {categories.SEEN} AS category, d.place_id, d.item_code, d.item_name, d.target_org,
        (SELECT m.matter_id FROM matter_member m WHERE m.demand_id = d.demand_id) AS matter_id,
        NOT d.deleted AND d.status <> 'void'
            AND NOT EXISTS (SELECT 1 FROM demand_link l WHERE l.demand_id = d.demand_id) AS counts
    FROM demand d WHERE d.demand_id = s.id COLLATE "C" OFFSET 0
) d
"""
_ADD = f"""
INSERT INTO demand_outline ({_COLUMNS}) {_NOW} ORDER BY d.demand_id ON CONFLICT (demand_id) DO NOTHING RETURNING demand_id
"""
_LOCK = """
SELECT o.demand_id FROM demand_outline o WHERE o.demand_id = ANY(%s::text[] COLLATE "C") ORDER BY o.demand_id FOR UPDATE
"""
_RENEW = f"""
UPDATE demand_outline o SET ({_COLUMNS}) = ROW (n.*) FROM ({_NOW}) n WHERE o.demand_id = n.demand_id AND o IS DISTINCT FROM n
"""
_OF = f"""
SELECT o.*, s.key FROM {{source}} CROSS JOIN LATERAL (
    SELECT {_FIELDS} FROM demand_outline o
    WHERE o.{{column}} = s.key COLLATE "C" AND o.submitted_at >= s.since AND o.submitted_at < s.until AND o.counts OFFSET 0
) o ORDER BY s.key, o.submitted_at, o.demand_id
"""
# Sums over what stands in an index alone.
_SUM = """
SELECT s.key, h.n FROM {source} CROSS JOIN LATERAL (
    SELECT {what}::int AS n FROM demand_outline o
    WHERE o.{column} = s.key COLLATE "C" AND o.submitted_at >= s.since AND o.submitted_at < s.until AND o.counts OFFSET 0
) h WHERE h.n > 0
"""

MATTER = "matter"
SUBJECTS = {MATTER: "matter_id", "place_category": "cell", "reporter": "reporter_key"}
_SUBMITTED = attrgetter("submitted_at")


def keep(connection: Connection, demand_ids: Sequence[str]) -> None:
    """Brings the rows of these demands in line with what the demands are now.

    In a short transaction of its own before the demands are judged: so of two processes that judge two demands of one group at
    least the one that locks its keys later finds both here. Of two that bring one demand in line the later waits, and reads it
    after the earlier has committed: what it read before must not stand in the end. Rows are taken in the order of their
    numbers, so that nobody waits in a circle.
    """
    cursor = driver(connection).cursor()
    wanted = text_array(sorted(demand_ids))
    cursor.execute(_ADD, (wanted,))
    added = {row[0] for row in cursor}
    if known := sorted(set(demand_ids) - added):
        lock(connection, known)
        cursor.execute(_RENEW, (text_array(known),))


def lock(connection: Connection, demand_ids: Sequence[str]) -> None:
    """Lets nobody else write these demands' rows until the transaction ends; taken before the locks of keys, as evaluating does."""
    driver(connection).cursor().execute(_LOCK, (text_array(demand_ids),))


class Outlines:
    """The outlines that the rules of one batch ask for; what one has asked for, the next is given without the database.

    A matter is read whole at once, for its demands are few, whatever is stored, and most rules on matters look at all of them.

    Args:
        connection: Of the evaluation's transaction; what is read under its locks must not have been read before them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._read: dict[str, dict[str, tuple[Span, list[Outline]]]] = {subject: {} for subject in SUBJECTS}

    def read(self, subject: str, spans: Spans) -> dict[str, list[Outline]]:
        """For each key its demands in the span, ascending by time then id; a key with none is absent."""
        kept = self._read[subject]
        if subject == MATTER:
            unknown: Spans = dict.fromkeys((key for key in spans if key not in kept), EVER)
        else:
            unknown = {
                key: span for key, span in spans.items() if key not in kept or not _holds(kept[key][0], span)
            }
        if unknown:
            found: dict[str, tuple[Span, list[Outline]]] = {key: (span, []) for key, span in unknown.items()}
            for row in self._answer(_OF, subject, unknown):
                found[row[-1]][1].append(Outline._make(row[:-1]))
            # Only what was answered is known: the rule that asked may fail here, and the next must not take that for nothing.
            kept.update(found)
        return {key: mine for key, span in spans.items() if (mine := _within(kept[key][1], span))}

    def heads(self, subject: str, spans: Spans) -> dict[str, int]:
        """For each key how many people may stand behind its demands in the span, at most; a key with nobody is absent."""
        if subject != MATTER:
            return dict(self._answer(_SUM, subject, spans, what="sum(coalesce(o.declared_group_size, 1))"))
        read = self.read(subject, spans)
        return {key: many for key, demands in read.items() if (many := _heads(demands))}

    def count(self, subject: str, spans: Spans) -> dict[str, int]:
        """For each key how many demands it has in the span; a key with none is absent."""
        return dict(self._answer(_SUM, subject, spans, what="count(*)"))

    def _answer(self, query: str, subject: str, spans: Spans, **parts: str) -> list[tuple[Any, ...]]:
        if not spans:
            return []
        source, values = asked(spans)
        cursor = driver(self._connection).cursor()
        cursor.execute(query.format(source=source, column=SUBJECTS[subject], **parts), values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _holds(outer: Span, inner: Span) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _within(demands: Sequence[Outline], span: Span) -> list[Outline]:
    if not demands or span == EVER:
        return list(demands)
    since, until = span
    if since <= demands[0].submitted_at and demands[-1].submitted_at < until:
        return list(demands)
    first = bisect_left(demands, since, key=_SUBMITTED)
    return list(demands[first : bisect_left(demands, until, lo=first, key=_SUBMITTED)])


def _heads(demands: Sequence[Outline]) -> int:
    callers = {one.reporter_key for one in demands}
    return len(callers - {None}) + max(one.declared_group_size or 0 for one in demands)
