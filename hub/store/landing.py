"""The hot path: one page of records becomes durable in one transaction.

What is new goes straight into its table by COPY: raw bytes and demands have new ids, and a new identity can be added by
nobody else, for the caller holds the stream's row (`fence`). What stands already goes by COPY into a staging table and from
there by one upsert. Pages of one stream never overtake each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from hub.errors import Code, StateConflict
from hub.store.engine import driver, text_array
from hub.store.tables import demand as demand_table

RAW_COLUMNS = (
    "raw_id",
    "received_at",
    "stream_id",
    "source_no",
    "version",
    "run_id",
    "outcome",
    "deleted",
    "content_hash",
    "media_type",
    "plugin_version",
    "sealed",
    "sealed_files",
)
_RAW_TYPES = "int8 timestamptz int4 text text int8 text bool bytea text text bytea bytea".split()

IDENTITY_COLUMNS = (
    "source_no",
    "version",
    "content_hash",
    "raw_id",
    "demand_id",
    "changes",
    "rewritten",
    "deleted",
    "first_seen_at",
    "stream_id",
    "more_demand_ids",
)
_IDENTITY_TYPES = "text text bytea int8 text int4 bool bool timestamptz int4 text[]".split()

# Left out of a COPY when no row of the page has them: the column's default is the same, and arrays are dear to write.
# They stand last, so that leaving them out is cutting a row short.
_SPARSE = ("labels", "quality", "confirmed", "more_demand_ids", "sealed_files")
# The hub's own, written after landing (`hub.store.places`).
_PLACED = ("place_id", "place_candidates", "region_by_place")
DEMAND_COLUMNS = (
    *(column.name for column in demand_table.columns if column.name not in (*_SPARSE, *_PLACED)),
    *(column.name for column in demand_table.columns if column.name in _SPARSE),
)
_PG_NAMES = {
    "TEXT": "text",
    "BIGINT": "int8",
    "INTEGER": "int4",
    "SMALLINT": "int2",
    "BOOLEAN": "bool",
    "BYTEA": "bytea",
    "JSONB": "jsonb",
    "DOUBLE PRECISION": "float8",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "TEXT[]": "text[]",
}


def _pg_name(column: Any) -> str:
    from sqlalchemy.dialects import postgresql

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    compiled = column.type.compile(dialect=dialect).replace(' COLLATE "C"', "")
    return _PG_NAMES[compiled]


_DEMAND_TYPES = [_pg_name(demand_table.columns[name]) for name in DEMAND_COLUMNS]
# What a source may never change once the demand stands.
_FIXED = {
    "demand_id",
    "demand_no",
    "stream_id",
    "source_no",
    "channel",
    "instance",
    "received_at",
    "confirmed",
}
# A region that was found by the place stays until the place is looked for again: a state that is sent anew changes nothing.
_REGION = (
    "region_code = CASE WHEN demand.region_by_place AND excluded.region_code IS NULL THEN demand.region_code "
    "ELSE excluded.region_code END, region_by_place = demand.region_by_place AND excluded.region_code IS NULL"
)
_DEMAND_UPDATE = ", ".join(
    (
        *(f"{name} = excluded.{name}" for name in DEMAND_COLUMNS if name not in (*_FIXED, "region_code")),
        _REGION,
    )
)
_DEMAND_LIST = ", ".join(DEMAND_COLUMNS)

_STAGE = "CREATE TEMP TABLE IF NOT EXISTS {stage} (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"


def as_jsonb(value: Any) -> Any:
    """A value for a JSONB column of a row that goes by COPY."""
    return Jsonb(value)


@dataclass(frozen=True, slots=True)
class Known:
    """What stands now of a source record."""

    version: str | None
    content_hash: bytes
    raw_id: int
    demand_ids: tuple[str, ...]
    changes: int
    deleted: bool


def fence(connection: Connection, stream_id: int, run_id: int) -> None:
    """Takes the stream's row until the transaction ends, for the run that owns it.

    Raises:
        StateConflict: Another run owns the stream by now (code ``run_superseded``): nothing may be written.
    """
    owner = connection.execute(
        text("SELECT owner_run FROM stream_state WHERE stream_id = :stream FOR UPDATE"), {"stream": stream_id}
    ).scalar_one()
    if owner != run_id:
        raise StateConflict(
            f"run {run_id} no longer owns stream {stream_id}: run {owner} took it over; "
            "what this run committed stays, the newer run reads on",
            code=Code.RUN_SUPERSEDED,
        )


def lock_stream(connection: Connection, stream_id: int) -> None:
    """Takes the stream's row until the transaction ends, whoever owns it (normalizing what waits, replaying)."""
    connection.execute(
        text("SELECT 1 FROM stream_state WHERE stream_id = :stream FOR UPDATE"), {"stream": stream_id}
    )


def known(connection: Connection, stream_id: int, source_nos: Sequence[str]) -> dict[str, Known]:
    """What stands now under these numbers; a number that is new is absent."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT source_no, version, content_hash, raw_id, demand_id, more_demand_ids, changes, deleted FROM source_record "
        "WHERE stream_id = %s AND source_no = ANY(%s::text[])",
        (stream_id, text_array(source_nos)),
        binary=True,
    )
    return {
        row[0]: Known(row[1], row[2], row[3], (row[4], *row[5]) if row[4] else (), row[6], row[7])
        for row in cursor
    }


def take_raw_ids(connection: Connection, count: int) -> list[int]:
    """``count`` new raw ids, ascending; needed before sealing, which binds bytes to their row."""
    cursor = driver(connection).cursor()
    cursor.execute("SELECT nextval('raw_id_seq') FROM generate_series(1, %s)", (count,), binary=True)
    return [row[0] for row in cursor]


def insert_raw(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Writes raw records by COPY; each row in the order of `RAW_COLUMNS`."""
    _copy(connection, "raw_record", RAW_COLUMNS, _RAW_TYPES, rows)


def insert_identities(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Writes identities that are new; the caller holds the stream's row, so nobody else can add one of them.

    Each row is in the order of `IDENTITY_COLUMNS`.
    """
    _copy(connection, "source_record", IDENTITY_COLUMNS, _IDENTITY_TYPES, rows)


def upsert_identities(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Writes identities, each in the order of `IDENTITY_COLUMNS`: new ones are added, known ones replaced."""
    cursor = _stage(connection, "stage_identity", "source_record", IDENTITY_COLUMNS, _IDENTITY_TYPES, rows)
    columns = ", ".join(IDENTITY_COLUMNS)
    cursor.execute(
        f"INSERT INTO source_record ({columns}) SELECT {columns} FROM stage_identity "
        "ON CONFLICT (stream_id, source_no) DO UPDATE SET version = excluded.version, content_hash = excluded.content_hash, "
        "raw_id = excluded.raw_id, demand_id = excluded.demand_id, more_demand_ids = excluded.more_demand_ids, "
        "changes = excluded.changes, rewritten = source_record.rewritten OR excluded.rewritten, deleted = excluded.deleted"
    )
    cursor.execute("DELETE FROM stage_identity")


def insert_demands(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Writes demands that are new, each in the order of `DEMAND_COLUMNS`, straight by COPY: a new ULID conflicts with nothing."""
    _copy(connection, "demand", DEMAND_COLUMNS, _DEMAND_TYPES, rows)


def replace_demands(connection: Connection, rows: Sequence[tuple[Any, ...]], *, by: str) -> None:
    """Writes demands that stand already, or may, by one upsert; what they were goes into the history.

    Args:
        connection: In the page's transaction.
        rows: Each in the order of `DEMAND_COLUMNS`.
        by: Who replaces, for the history (``run 17``).
    """
    cursor = _stage(connection, "stage_demand", "demand", DEMAND_COLUMNS, _DEMAND_TYPES, rows)
    cursor.execute(
        "INSERT INTO demand_history (demand_id, replaced_at, replaced_by, was, sealed) "
        "SELECT d.demand_id, s.updated_at, %s, to_jsonb(d) - 'sealed', d.sealed FROM stage_demand s JOIN demand d USING (demand_id)",
        (by,),
    )
    cursor.execute(
        f"INSERT INTO demand ({_DEMAND_LIST}) SELECT {_DEMAND_LIST} FROM stage_demand "
        f"ON CONFLICT (demand_id) DO UPDATE SET {_DEMAND_UPDATE}"
    )
    cursor.execute("DELETE FROM stage_demand")


def _stage(
    connection: Connection,
    stage: str,
    table: str,
    columns: Sequence[str],
    types: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> Any:
    """Brings the rows into the session's staging table for ``table``, made at the first need; returns a cursor beside it.

    Only a page that replaces something pays for it: a transaction that names a staging table truncates it at its commit.
    """
    cursor = driver(connection).cursor()
    cursor.execute(_STAGE.format(stage=stage, table=table))
    _copy(connection, stage, columns, types, rows)
    return cursor


def _copy(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    types: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    kept = [
        index
        for index, column in enumerate(columns)
        if column not in _SPARSE or any(row[index] for row in rows)
    ]
    dense = len(columns) - sum(column in _SPARSE for column in columns)
    if len(kept) == dense < len(columns):
        rows = [row[:dense] for row in rows]
    elif len(kept) < len(columns):
        pick = itemgetter(*kept)
        rows = [pick(row) for row in rows]
    names = ", ".join(columns[index] for index in kept)
    cursor = driver(connection).cursor()
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([types[index] for index in kept])
        write = copy.write_row
        for row in rows:
            write(row)


def standing_demands(connection: Connection, demand_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What a new version keeps of each of these demands: number, time of receipt, and the values that a person confirmed."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "SELECT demand_id, demand_no, received_at, confirmed FROM demand WHERE demand_id = ANY(%s)",
        (list(demand_ids),),
    )
    found: dict[str, dict[str, Any]] = {
        row[0]: {"demand_no": row[1], "received_at": row[2], "confirmed": row[3], "values": {}}
        for row in cursor
    }
    touched = [demand_id for demand_id, stands in found.items() if stands["confirmed"]]
    if touched:
        cursor.execute(f"SELECT {_DEMAND_LIST} FROM demand WHERE demand_id = ANY(%s)", (touched,))
        for row in cursor:
            values = dict(zip(DEMAND_COLUMNS, row, strict=True))
            stands = found[values["demand_id"]]
            stands["values"] = {
                name: _for_copy(name, values[name]) for name in stands["confirmed"] if name in values
            }
    return found


def _for_copy(column: str, value: Any) -> Any:
    is_json = _DEMAND_TYPES[DEMAND_COLUMNS.index(column)] == "jsonb"
    return as_jsonb(value) if is_json and value is not None else value


def keep_attachments(connection: Connection, rows: Sequence[tuple[str, int, str, bytes]]) -> None:
    """Keeps attachments (sha256, size in bytes, media type, sealed) that are not kept yet.

    Called once in a transaction, the rows ascending by their hash: an inserter waits for another one of the same hash, and
    two that go in unlike orders would wait for each other.
    """
    cursor = driver(connection).cursor()
    cursor.executemany(
        "INSERT INTO attachment (sha256, size_bytes, media_type, sealed) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        rows,
    )


def set_aside(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Writes quarantine rows; a record's bytes stand in raw_record, a page's in ``sealed_page``."""
    from hub.store.tables import quarantine

    connection.execute(quarantine.insert(), list(rows))


def set_aside_again(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Writes quarantine rows of records that were read again: one that was replayed opens its entry again, under the number that
    people know it by; the others get an entry of their own.
    """
    cursor = driver(connection).cursor()
    new = []
    for row in rows:
        cursor.execute(
            "UPDATE quarantine SET settled_at = NULL, settled_as = NULL, code = %(code)s, message = %(message)s, field = %(field)s, "
            "plugin_version = %(plugin_version)s, set_aside_at = %(set_aside_at)s WHERE quarantine_id = (SELECT quarantine_id "
            "FROM quarantine WHERE raw_id = %(raw_id)s AND settled_as = 'replayed' ORDER BY quarantine_id DESC LIMIT 1)",
            row,
        )
        if not cursor.rowcount:
            new.append(row)
    if new:
        set_aside(connection, new)


def push_normalize_work(
    connection: Connection, stream_id: int, raw_ids: Sequence[int], received_at: datetime, now: datetime
) -> None:
    """Lets these raw records, all received in the month of ``received_at``, wait for `hub.pipeline.normalize` from now on."""
    connection.execute(
        text(
            "INSERT INTO normalize_work (stream_id, raw_ids, received_at, not_before) VALUES (:stream, :raw_ids, :at, :now)"
        ),
        {"stream": stream_id, "raw_ids": list(raw_ids), "at": received_at, "now": now},
    )


def push_evaluate_work(
    connection: Connection, demand_ids: Sequence[str], now: datetime, *, prepared: bool = False
) -> None:
    """Lets these demands wait for the rules: one work row for the whole page.

    Args:
        prepared: Their places, categories and matters stand, and are not looked for again.
    """
    connection.execute(
        text(
            "INSERT INTO evaluate_work (demand_ids, not_before, placed, grouped) "
            "VALUES (CAST(:demand_ids AS text[]), :now, :prepared, :prepared)"
        ),
        {"demand_ids": text_array(demand_ids), "now": now, "prepared": prepared},
    )


def mark_deleted(connection: Connection, gone: Mapping[str, int], now: datetime, *, by: str) -> None:
    """Marks demands whose source says that they are gone, and lets the rules look again; what they were stays in the history.

    Args:
        connection: In the page's transaction.
        gone: Demand id -> id of the raw record that says so; what came before that one brings nothing back.
        now: When they were marked.
        by: Who marks, for the history (``run 17``).
    """
    cursor = driver(connection).cursor()
    demand_ids = list(gone)
    cursor.execute(
        "INSERT INTO demand_history (demand_id, replaced_at, replaced_by, was, sealed) "
        "SELECT demand_id, %s, %s, to_jsonb(d) - 'sealed', sealed FROM demand d WHERE demand_id = ANY(%s) AND NOT deleted",
        (now, by, demand_ids),
    )
    cursor.execute(
        "UPDATE demand d SET deleted = true, updated_at = %s, raw_id = g.raw_id "
        "FROM unnest(%s::text[], %s::bigint[]) AS g (demand_id, raw_id) "
        "WHERE d.demand_id = g.demand_id AND NOT d.deleted RETURNING d.demand_id",
        (now, demand_ids, list(gone.values())),
    )
    marked = [row[0] for row in cursor]
    if marked:
        push_evaluate_work(connection, marked, now)
