"""The same record by another route: linked to the one that counts, never dropped and never counted twice.

Two signs tell it: a demand cites the order number under which another platform holds it (``assigned_no``), or the same reporter told
the same words through another channel within a few days. Each is answered and followed up all the same; rules count them once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zlib import crc32

from sqlalchemy import Column, Connection, Index, Table, Text

from hub.store.engine import driver, text_array
from hub.store.signals import lock_buckets
from hub.store.tables import Id, Moment, metadata

demand_link = Table(
    "demand_link",
    metadata,
    Column("demand_id", Id, primary_key=True),
    Column("same_as", Id, nullable=False),
    Column("why", Text, nullable=False),
    Column("linked_at", Moment, nullable=False),
    Index("demand_link_same_as_idx", "same_as"),
    comment="demands that came by another route as well: rules count the one that they are the same as",
)

BY_ORDER = "order_no"
BY_WORDS = "words"
WITHIN = timedelta(days=3)
_LEAST_WORDS = 12  # shorter texts ("请尽快处理") are said by many
_LOCK_SPACE, _BUCKETS = 0x524F, 256

# The platform's own record counts; of two that say the same words the earlier one does. The order of the two halves is the order
# of what is surer.
_WANTED = """
WITH given AS (
    SELECT demand_id, instance, source_no, assigned_no, reporter_key, submitted_at, text FROM demand
    WHERE demand_id = ANY(%(ids)s::text[]) AND NOT deleted AND status <> 'void'
), by_order AS (
    SELECT g.demand_id, o.demand_id AS same_as FROM given g
    JOIN source_record r ON r.stream_id = ANY(ARRAY(SELECT stream_id FROM stream_state)) AND r.source_no = g.assigned_no
    JOIN demand o ON o.demand_id = r.demand_id
    WHERE o.instance <> g.instance AND NOT o.deleted AND o.status <> 'void'
    UNION ALL
    SELECT o.demand_id, g.demand_id FROM given g JOIN demand o ON o.assigned_no = g.source_no AND o.assigned_no IS NOT NULL
    WHERE o.instance <> g.instance AND NOT o.deleted AND o.status <> 'void'
), by_words AS (
    SELECT later.demand_id, earlier.demand_id AS same_as FROM given g
    JOIN demand o ON o.reporter_key = g.reporter_key AND o.submitted_at BETWEEN g.submitted_at - %(within)s AND g.submitted_at + %(within)s
    CROSS JOIN LATERAL (SELECT (o.submitted_at, o.demand_id) < (g.submitted_at, g.demand_id) AS first) f
    CROSS JOIN LATERAL (SELECT CASE WHEN f.first THEN g.demand_id ELSE o.demand_id END AS demand_id) later
    CROSS JOIN LATERAL (SELECT CASE WHEN f.first THEN o.demand_id ELSE g.demand_id END AS demand_id) earlier
    WHERE o.instance <> g.instance AND NOT o.deleted AND o.status <> 'void' AND length(g.text) >= %(least)s AND md5(o.text) = md5(g.text)
), wanted AS (
    SELECT demand_id, same_as, 'order_no' AS why, 0 AS place FROM by_order
    UNION ALL SELECT demand_id, same_as, 'words', 1 FROM by_words
)
SELECT DISTINCT ON (demand_id) demand_id, same_as, why FROM wanted WHERE demand_id <> same_as ORDER BY demand_id, place, same_as
"""
# Whoever cites a number must not meet whoever sees its record go; what comes or stays is found by the later of the two.
_TOUCHED = """
SELECT reporter_key, assigned_no, CASE WHEN deleted OR status = 'void' THEN source_no END FROM demand WHERE demand_id = ANY(%s::text[])
"""
_STANDING = "SELECT demand_id, same_as FROM demand_link WHERE demand_id = ANY(%s::text[]) OR same_as = ANY(%s::text[]) ORDER BY demand_id FOR UPDATE"
_ROOTS = "SELECT demand_id, same_as FROM demand_link WHERE demand_id = ANY(%s)"
_OTHERS = """
SELECT g.demand_id, o.demand_id FROM (
    SELECT a.demand_id, coalesce(l.same_as, a.demand_id) AS root FROM unnest(%s::text[]) AS a (demand_id)
    LEFT JOIN demand_link l ON l.demand_id = a.demand_id COLLATE "C"
) g CROSS JOIN LATERAL (SELECT g.root AS demand_id UNION SELECT l.demand_id FROM demand_link l WHERE l.same_as = g.root) o
WHERE o.demand_id <> g.demand_id ORDER BY 1, 2
"""
_PUT = """
INSERT INTO demand_link (demand_id, same_as, why, linked_at) SELECT *, %s FROM unnest(%s::text[], %s::text[], %s::text[])
ON CONFLICT (demand_id) DO UPDATE SET same_as = excluded.same_as, why = excluded.why, linked_at = excluded.linked_at
WHERE demand_link.same_as <> excluded.same_as RETURNING demand_id
"""


def link(connection: Connection, demand_ids: Sequence[str], now: datetime) -> list[str]:
    """Brings the links of these demands into line with what they say now; returns every demand that rules must look at for it.

    Args:
        connection: Of the evaluation's transaction.
        demand_ids: New or changed demands.
        now: When they were linked.
    """
    cursor = driver(connection).cursor()
    _lock(connection, demand_ids)
    cursor.execute(_STANDING, (text_array(demand_ids), text_array(demand_ids)))
    standing = dict(cursor.fetchall())
    # What was the same as one of these is looked at anew: that one may be gone, or say something else by now.
    ids = {*demand_ids, *standing}
    cursor.execute(_WANTED, {"ids": text_array(sorted(ids)), "within": WITHIN, "least": _LEAST_WORDS})
    wanted = {demand_id: (same_as, why) for demand_id, same_as, why in cursor}
    # What it is the same as may be linked itself, and was not asked about.
    cursor.execute(_ROOTS, ([same_as for same_as, _ in wanted.values() if same_as not in ids],))
    further = dict(cursor.fetchall())
    # In a ring of citations nobody can say which counts, so that each does.
    steps = further | {demand_id: same_as for demand_id, (same_as, _) in wanted.items()}
    roots = {demand_id: _root(demand_id, steps) for demand_id in wanted}
    wanted = {
        demand_id: (root, wanted[demand_id][1]) for demand_id, root in roots.items() if root is not None
    }
    gone = [demand_id for demand_id in standing if demand_id not in wanted]
    if gone:
        cursor.execute("DELETE FROM demand_link WHERE demand_id = ANY(%s)", (gone,))
    changed: list[str] = []
    if wanted:
        order = sorted(wanted)
        cursor.execute(
            _PUT, (now, order, [wanted[one][0] for one in order], [wanted[one][1] for one in order])
        )
        changed = [row[0] for row in cursor]
    return sorted({*changed, *gone})


def told(connection: Connection, demand_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of demands that are one record by what they say now, one of each pair among these; ascending, writing nothing."""
    cursor = driver(connection).cursor()
    cursor.execute(_WANTED, {"ids": text_array(sorted(demand_ids)), "within": WITHIN, "least": _LEAST_WORDS})
    return [(demand_id, same_as) for demand_id, same_as, _ in cursor]


def others(connection: Connection, demand_ids: Sequence[str]) -> dict[str, list[str]]:
    """For each of these demands the same record as it came by other routes; empty where it came by one."""
    cursor = driver(connection).cursor()
    cursor.execute(_OTHERS, (list(demand_ids),))
    found: dict[str, list[str]] = {demand_id: [] for demand_id in demand_ids}
    for demand_id, other in cursor:
        found[demand_id].append(other)
    return found


def _lock(connection: Connection, demand_ids: Sequence[str]) -> None:
    """Lets nobody else link what these persons said, or what bears these numbers, until the transaction ends.

    Otherwise one process links to a record that another has just seen to be gone.
    """
    cursor = driver(connection).cursor()
    cursor.execute(_TOUCHED, (text_array(demand_ids),))
    touched = {text for row in cursor for text in row if text is not None}
    lock_buckets(connection, _LOCK_SPACE, sorted({crc32(text.encode()) % _BUCKETS for text in touched}))


def _root(demand_id: str, steps: Mapping[str, str]) -> str | None:
    seen = {demand_id}
    at = steps[demand_id]
    while at in steps:
        if at in seen:
            return None
        seen.add(at)
        at = steps[at]
    return at
