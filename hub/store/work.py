"""Work rows: what waits to be normalized or evaluated; claimed with SKIP LOCKED, deleted by id with the work (design decision 6)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hub.store.engine import driver
from hub.store.partitions import month_bounds


@dataclass(frozen=True, slots=True)
class NormalizeWork:
    """Raw records of one stream that wait, in the order in which they came."""

    work_id: int
    stream_id: int
    instance: str
    stream: str
    raw_ids: tuple[int, ...]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class StoredRaw:
    """One raw record as it is kept."""

    raw_id: int
    received_at: datetime
    stream_id: int
    source_no: str
    version: str | None
    run_id: int
    outcome: str
    deleted: bool
    content_hash: bytes
    media_type: str
    plugin_version: str
    sealed: bytes
    sealed_files: bytes | None


def next_normalize(
    connection: Connection, now: datetime, skip_streams: Collection[int] = ()
) -> NormalizeWork | None:
    """The oldest work row of some stream, with the stream's row locked: one stream is normalized in order, by one at a time."""
    while True:
        stream_id = connection.execute(
            text(
                "SELECT stream_id FROM normalize_work WHERE not_before <= :now AND NOT (stream_id = ANY(:skip)) "
                "ORDER BY work_id LIMIT 1"
            ),
            {"now": now, "skip": list(skip_streams)},
        ).scalar_one_or_none()
        if stream_id is None:
            return None
        savepoint = connection.begin_nested()
        job = _oldest_of(connection, stream_id, now)
        if job is not None:
            savepoint.commit()
            return job
        # Another process finished this stream's last row while we waited for the lock: look again from the start, and let go
        # of the stream first, for whoever holds one stream and waits for another can meet somebody who does the reverse.
        savepoint.rollback()


def _oldest_of(connection: Connection, stream_id: int, now: datetime) -> NormalizeWork | None:
    connection.execute(
        text("SELECT 1 FROM stream_state WHERE stream_id = :stream FOR UPDATE"), {"stream": stream_id}
    )
    row = connection.execute(
        text(
            "SELECT w.work_id, w.stream_id, s.instance, s.stream, w.raw_ids, w.received_at FROM normalize_work w "
            "JOIN stream_state s USING (stream_id) WHERE w.stream_id = :stream AND w.not_before <= :now "
            "ORDER BY w.work_id LIMIT 1 FOR UPDATE OF w SKIP LOCKED"
        ),
        {"stream": stream_id, "now": now},
    ).one_or_none()
    if row is None:
        return None
    return NormalizeWork(
        row.work_id, row.stream_id, row.instance, row.stream, tuple(row.raw_ids), row.received_at
    )


def done_normalize(connection: Connection, work_id: int) -> None:
    """Removes a work row, in the transaction that did its work."""
    connection.execute(text("DELETE FROM normalize_work WHERE work_id = :id"), {"id": work_id})


def split_normalize(connection: Connection, job: NormalizeWork) -> None:
    """Cuts a work row in two, the earlier half first; a row that is gone by now stays gone.

    The earlier half keeps the row's place; the later half goes behind the stream's other rows, which is why records with
    the same key must not rely on their work row's order alone: an older record never replaces what a newer one said.
    """
    middle = len(job.raw_ids) // 2
    kept = connection.execute(
        text(
            "UPDATE normalize_work SET raw_ids = CAST(:first AS bigint[]) WHERE work_id = :id AND raw_ids = CAST(:all AS bigint[])"
        ),
        {"first": list(job.raw_ids[:middle]), "id": job.work_id, "all": list(job.raw_ids)},
    )
    if kept.rowcount:
        connection.execute(
            text(
                "INSERT INTO normalize_work (stream_id, raw_ids, received_at, attempts, not_before) "
                "SELECT stream_id, CAST(:rest AS bigint[]), received_at, attempts, not_before FROM normalize_work WHERE work_id = :id"
            ),
            {"rest": list(job.raw_ids[middle:]), "id": job.work_id},
        )


def waiting(connection: Connection) -> dict[str, int]:
    """How many records and demands wait: ``{"normalize": records, "evaluate": demands}``."""
    row = connection.execute(
        text(
            "SELECT (SELECT coalesce(sum(cardinality(raw_ids)), 0) FROM normalize_work)::bigint, "
            "(SELECT coalesce(sum(cardinality(demand_ids)), 0) FROM evaluate_work)::bigint"
        )
    ).one()
    return {"normalize": row[0], "evaluate": row[1]}


def raws(connection: Connection, raw_ids: Sequence[int], month: datetime) -> list[StoredRaw]:
    """These raw records, ascending by id; a row that retention removed is absent.

    Args:
        connection: Any.
        raw_ids: All of one month's partition.
        month: Any moment in that month: without it every month that is stored would be looked through.
    """
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT raw_id, received_at, stream_id, source_no, version, run_id, outcome, deleted, content_hash, media_type, "
        "plugin_version, sealed, sealed_files FROM raw_record WHERE raw_id = ANY(%s) AND received_at >= %s AND received_at < %s ORDER BY raw_id",
        (list(raw_ids), *month_bounds(month)),
        binary=True,
    )
    return [StoredRaw(*row) for row in cursor]


def attachments(connection: Connection, digests: Sequence[str]) -> dict[str, bytes]:
    """The sealed bytes of these attachments, by SHA-256; one that is not kept is absent."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT sha256, sealed FROM attachment WHERE sha256 = ANY(%s)", (list(digests),), binary=True
    )
    return dict(cursor)


def awaits_normalizing(connection: Connection, stream_id: int, raw_id: int) -> bool:
    """Whether that raw record is still to be read."""
    return bool(
        connection.execute(
            text(
                "SELECT EXISTS (SELECT 1 FROM normalize_work WHERE stream_id = :stream AND :raw_id = ANY(raw_ids))"
            ),
            {"stream": stream_id, "raw_id": raw_id},
        ).scalar_one()
    )


def settle_raws(connection: Connection, rows: Sequence[tuple[int, datetime, str]]) -> None:
    """Writes what became of raw records: (raw_id, received_at, outcome)."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "UPDATE raw_record r SET outcome = s.outcome FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) "
        "AS s (raw_id, received_at, outcome) WHERE r.raw_id = s.raw_id AND r.received_at = s.received_at",
        ([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]),
    )


def demand_raw_ids(connection: Connection, demand_ids: Sequence[str]) -> dict[str, int]:
    """For each demand the raw record from which it was last read."""
    rows = connection.execute(
        text("SELECT demand_id, raw_id FROM demand WHERE demand_id = ANY(:ids)"), {"ids": list(demand_ids)}
    )
    return {row.demand_id: row.raw_id for row in rows}


def link_demands(connection: Connection, stream_id: int, source_no: str, demand_ids: Sequence[str]) -> None:
    """Names the demands that stand under an identity, and leaves its version and content as they are."""
    connection.execute(
        text(
            "UPDATE source_record SET demand_id = :first, more_demand_ids = :more WHERE stream_id = :stream AND source_no = :no"
        ),
        {"first": demand_ids[0], "more": list(demand_ids[1:]), "stream": stream_id, "no": source_no},
    )


@dataclass(frozen=True, slots=True)
class EvaluateWork:
    """Demands that wait for the rules; ``rule_ids`` None for all rules."""

    work_id: int
    demand_ids: tuple[str, ...]
    rule_ids: tuple[str, ...] | None
    attempts: int


def claim_evaluate(connection: Connection, now: datetime, limit: int) -> list[EvaluateWork]:
    """Up to ``limit`` work rows for the rules, locked until the transaction ends; all for the same rules.

    What is new or changed comes first: it must not wait behind years that are judged again for one rule. It is there once its
    places have been looked for (`claim_unplaced`) and its matters (`claim_ungrouped`).
    """
    rows = connection.execute(
        text(
            "SELECT work_id, demand_ids, rule_ids, attempts FROM evaluate_work WHERE not_before <= :now "
            "AND (grouped OR rule_ids IS NOT NULL) ORDER BY rule_ids IS NOT NULL, work_id LIMIT :limit FOR UPDATE SKIP LOCKED"
        ),
        {"now": now, "limit": limit},
    ).all()
    claimed = [
        EvaluateWork(
            row.work_id, tuple(row.demand_ids), tuple(row.rule_ids) if row.rule_ids else None, row.attempts
        )
        for row in rows
    ]
    return [one for one in claimed if one.rule_ids == claimed[0].rule_ids]


def claim_unplaced(connection: Connection, now: datetime, limit: int) -> list[tuple[int, list[str]]]:
    """Up to ``limit`` work rows of what is new or changed whose places have not been looked for: (id, demand ids), locked."""
    rows = connection.execute(
        text(
            "SELECT work_id, demand_ids FROM evaluate_work WHERE not_before <= :now AND rule_ids IS NULL AND NOT placed "
            "ORDER BY work_id LIMIT :limit FOR UPDATE SKIP LOCKED"
        ),
        {"now": now, "limit": limit},
    )
    return [(row.work_id, list(row.demand_ids)) for row in rows]


def mark_placed(connection: Connection, work_ids: Sequence[int]) -> None:
    """Lets what waits in these rows be grouped, in the transaction that looked for its places."""
    connection.execute(
        text("UPDATE evaluate_work SET placed = true WHERE work_id = ANY(:ids)"), {"ids": list(work_ids)}
    )


MOST_ROWS = 50
"""Work rows that are claimed for grouping at once, at most."""


def claim_ungrouped(connection: Connection, now: datetime, demands: int) -> list[tuple[int, list[str]]]:
    """Work rows of what is new or changed whose matters have not been looked for, locked: (id, demand ids), in their order.

    One after the other, as they came: nothing is given out while an older row still waits for its places. The caller sees to
    it that nobody else asks.

    Args:
        connection: Of the grouping's transaction.
        now: What is put off until later is left out.
        demands: At least one row, and no further once there are so many demands.
    """
    # By the driver's own cursor, here and in all that a demand alone pays for: it takes a third of the time.
    rows = (
        driver(connection)
        .cursor()
        .execute(
            "SELECT work_id, demand_ids FROM evaluate_work WHERE not_before <= %(now)s AND rule_ids IS NULL AND placed AND NOT grouped "
            "AND work_id < coalesce((SELECT work_id FROM evaluate_work WHERE not_before <= %(now)s AND rule_ids IS NULL AND NOT placed "
            "ORDER BY work_id LIMIT 1), 9223372036854775807) ORDER BY work_id LIMIT %(most)s FOR UPDATE",
            {"now": now, "most": MOST_ROWS},
        )
    )
    claimed: list[tuple[int, list[str]]] = []
    for work_id, demand_ids in rows:
        if claimed and demands <= 0:
            break
        claimed.append((work_id, demand_ids))
        demands -= len(demand_ids)
    return claimed


def mark_grouped(connection: Connection, work_ids: Sequence[int]) -> None:
    """Lets the rules have what waits in these rows, in the transaction that looked for its matters."""
    driver(connection).cursor().execute(
        "UPDATE evaluate_work SET grouped = true WHERE work_id = ANY(%s)", (list(work_ids),)
    )


def requeue_evaluate(
    connection: Connection,
    demand_ids: Sequence[str],
    rule_ids: Sequence[str],
    attempts: int,
    not_before: datetime,
) -> None:
    """Lets demands wait for rules that failed on them; the other rules have judged them already."""
    connection.execute(
        text(
            "INSERT INTO evaluate_work (demand_ids, rule_ids, attempts, not_before) VALUES (:demands, :rules, :attempts, :at)"
        ),
        {"demands": list(demand_ids), "rules": list(rule_ids), "attempts": attempts, "at": not_before},
    )


def enqueue_all_demands(connection: Connection, rule_ids: Sequence[str] | None = None) -> int:
    """Lets every stored demand wait for the rules again (changed parameters, a recomputation); returns how many."""
    count: int = connection.execute(
        text(
            "WITH numbered AS (SELECT demand_id, (row_number() OVER (ORDER BY demand_id) - 1) / 500 AS part FROM demand), "
            "made AS (INSERT INTO evaluate_work (demand_ids, rule_ids, not_before) "
            "SELECT array_agg(demand_id), CAST(:rules AS text[]), timestamptz 'epoch' "
            "FROM numbered GROUP BY part RETURNING cardinality(demand_ids) AS n) SELECT coalesce(sum(n), 0)::bigint FROM made"
        ),
        {"rules": list(rule_ids) if rule_ids is not None else None},
    ).scalar_one()
    return count


def enqueue_evaluate(connection: Connection, demand_ids: Sequence[str], rule_ids: Sequence[str]) -> None:
    """Lets these demands wait for these rules again, 500 a work row."""
    connection.execute(
        text(
            "INSERT INTO evaluate_work (demand_ids, rule_ids, not_before) "
            "SELECT array_agg(id ORDER BY place), CAST(:rules AS text[]), timestamptz 'epoch' "
            "FROM unnest(CAST(:ids AS text[])) WITH ORDINALITY AS u (id, place) GROUP BY (place - 1) / 500"
        ),
        {"ids": list(demand_ids), "rules": list(rule_ids)},
    )


def waiting_demands(connection: Connection, after: int, limit: int) -> list[tuple[int, list[str]]]:
    """What waits to be judged behind that row, claimed or not: work id and demand ids of so many rows at most, ascending; nothing is claimed."""
    rows = connection.execute(
        text(
            "SELECT work_id, demand_ids FROM evaluate_work WHERE work_id > :after ORDER BY work_id LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return [(row.work_id, list(row.demand_ids)) for row in rows]


def done_evaluate(connection: Connection, work_ids: Sequence[int]) -> None:
    """Removes work rows, in the transaction that did their work."""
    connection.execute(text("DELETE FROM evaluate_work WHERE work_id = ANY(:ids)"), {"ids": list(work_ids)})


def stream_names(connection: Connection) -> dict[int, tuple[str, str]]:
    """Instance and stream of every stream id."""
    return {
        row.stream_id: (row.instance, row.stream)
        for row in connection.execute(text("SELECT stream_id, instance, stream FROM stream_state"))
    }


def row_dicts(rows: Any) -> list[dict[str, Any]]:
    """Result rows as plain dictionaries."""
    return [dict(row._mapping) for row in rows]
