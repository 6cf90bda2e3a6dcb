"""待核数据: what was set aside, found again, and sent on its way once the cause is mended (P4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hub.errors import Code, NotFound
from hub.store import landing, runs, work
from hub.store.partitions import month_bounds

_LIST = """
SELECT q.quarantine_id, q.kind, s.instance, s.stream, q.source_no, q.code, q.field, q.message, q.plugin_version, q.run_id, q.raw_id,
       q.set_aside_at, q.settled_at, q.settled_as, q.replays
FROM quarantine q JOIN stream_state s USING (stream_id)
"""


def entries(
    connection: Connection,
    *,
    instance: str | None = None,
    code: str | None = None,
    include_settled: bool = False,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """What stands in quarantine, oldest first; no bytes."""
    rows = connection.execute(
        text(
            _LIST
            + " WHERE (:settled OR q.settled_at IS NULL) AND (CAST(:instance AS text) IS NULL OR s.instance = :instance) "
            "AND (CAST(:code AS text) IS NULL OR q.code = :code) ORDER BY q.quarantine_id LIMIT :limit"
        ),
        {"settled": include_settled, "instance": instance, "code": code, "limit": limit},
    )
    return work.row_dicts(rows)


def counts(connection: Connection) -> list[dict[str, Any]]:
    """Open entries by instance, kind and code."""
    rows = connection.execute(
        text(
            "SELECT s.instance, q.kind, q.code, count(*) AS entries FROM quarantine q JOIN stream_state s USING (stream_id) "
            "WHERE q.settled_at IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
    )
    return work.row_dicts(rows)


def entry(connection: Connection, quarantine_id: int) -> dict[str, Any]:
    """One entry.

    Raises:
        NotFound: There is none of that number.
    """
    row = connection.execute(
        text(_LIST + " WHERE q.quarantine_id = :id"), {"id": quarantine_id}
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"quarantine holds no entry {quarantine_id}; list what stands there with `hub quarantine list`",
            code=Code.NOT_FOUND,
        )
    return dict(row._mapping)


def kept_bytes(connection: Connection, quarantine_id: int) -> tuple[str, str, bytes, str | None]:
    """Where the bytes of an entry are sealed: (table, row id, sealed value, media type); a page has no media type."""
    row = connection.execute(
        text(
            "SELECT q.kind, q.run_id, q.raw_id, q.sealed_page, r.sealed, r.media_type FROM quarantine q "
            "LEFT JOIN raw_record r ON r.raw_id = q.raw_id AND r.received_at = q.raw_received_at WHERE q.quarantine_id = :id"
        ),
        {"id": quarantine_id},
    ).one_or_none()
    if row is None or (row.sealed is None and row.sealed_page is None):
        raise NotFound(
            f"quarantine keeps no bytes for entry {quarantine_id}; list what stands there with `hub quarantine list`",
            code=Code.NOT_FOUND,
        )
    if row.kind == "page":
        return "quarantine", f"run:{row.run_id}", bytes(row.sealed_page), None
    return "raw_record", str(row.raw_id), bytes(row.sealed), row.media_type


def replay(
    connection: Connection,
    now: datetime,
    *,
    quarantine_id: int | None = None,
    instance: str | None = None,
    code: str | None = None,
    limit: int = 10_000,
) -> int:
    """Lets set-aside records wait for normalizing again; their run counts them as pending from now on.

    Pages are not replayed: they are read again from their source. Returns the number of records.
    """
    rows = connection.execute(
        text(
            "SELECT q.quarantine_id, q.stream_id, q.raw_id, q.raw_received_at, q.run_id FROM quarantine q "
            "JOIN stream_state s USING (stream_id) WHERE q.kind = 'record' AND q.settled_at IS NULL "
            "AND (CAST(:id AS bigint) IS NULL OR q.quarantine_id = :id) AND (CAST(:instance AS text) IS NULL OR s.instance = :instance) "
            "AND (CAST(:code AS text) IS NULL OR q.code = :code) ORDER BY q.quarantine_id LIMIT :limit FOR UPDATE OF q SKIP LOCKED"
        ),
        {"id": quarantine_id, "instance": instance, "code": code, "limit": limit},
    ).all()
    if not rows:
        return 0
    connection.execute(
        text(
            "UPDATE quarantine SET settled_at = :now, settled_as = 'replayed', replays = replays + 1 WHERE quarantine_id = ANY(:ids)"
        ),
        {"now": now, "ids": [row.quarantine_id for row in rows]},
    )
    work.settle_raws(connection, [(row.raw_id, row.raw_received_at, "pending") for row in rows])
    by_run: dict[int, int] = {}
    # A work row's records are of one month, so that reading them looks at that month's partition alone.
    by_stream: dict[tuple[int, datetime], list[int]] = {}
    for row in rows:
        by_run[row.run_id] = by_run.get(row.run_id, 0) + 1
        month, _ = month_bounds(row.raw_received_at)
        by_stream.setdefault((row.stream_id, month), []).append(row.raw_id)
    for run_id, count in sorted(by_run.items()):
        runs.move_outcome(connection, run_id, "quarantined", "pending", count)
    for (stream_id, month), raw_ids in sorted(by_stream.items()):
        raw_ids.sort()
        for start in range(0, len(raw_ids), 500):
            landing.push_normalize_work(connection, stream_id, raw_ids[start : start + 500], month, now)
    return len(rows)
