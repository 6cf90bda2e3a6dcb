"""Finding what a former key sealed or named, and writing it back under the active one; each call within the caller's transaction.

Rows are locked with SKIP LOCKED and never waited for: whoever collects meanwhile goes on, and a row that was in use is met
by the next pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from hub.store.engine import driver
from hub.store.work import row_dicts

BATCH_BYTES = 8 << 20
TOKEN_COLUMNS = ("phone_key", "id_key", "email_key", "name_key", "reporter_key")


class Place(NamedTuple):
    """A column of sealed values that nothing else has to change with.

    Attributes:
        table: Where it stands.
        column: The sealed value.
        key: Unique and ascending; batches go along it.
        type: Of ``key``, in PostgreSQL.
        row_id: What the value is bound to, as SQL.
        bound_to: The name that the value is bound to beside it; the table's own when empty.
    """

    table: str
    column: str
    key: str
    type: str
    row_id: str
    bound_to: str = ""


PLACES = (
    Place("endpoint", "sealed_secrets", "endpoint_id", "text", "endpoint_id"),
    Place("quarantine", "sealed_page", "quarantine_id", "bigint", "'run:' || run_id"),
    Place("attachment", "sealed", "sha256", "text", "sha256"),
    Place("raw_record", "sealed", "raw_id", "bigint", "raw_id::text"),
    Place("raw_record", "sealed_files", "raw_id", "bigint", "raw_id || '/files'"),
    *(
        Place(table, "sealed", "observation_id", "text", "observation_id", "observation")
        for table in ("case_part", "rating", "inspection", "finding", "monitor_event")
    ),
    Place("service_case", "sealed", "case_id", "text", "case_id", "observation"),
    Place("reply_outbox", "sealed", "reply_id", "bigint", "idempotency_key"),
    Place("observation_history", "sealed", "history_id", "bigint", "observation_id", "observation"),
)


@dataclass(frozen=True, slots=True)
class Active:
    """How values under the active keys begin; everything else is outdated.

    Attributes:
        seal: First bytes of every value sealed by the active key (`hub.seal.seal_prefix`).
        search: First characters of every token of the active search key, the colon included.
    """

    seal: bytes
    search: str

    def values(self) -> dict[str, Any]:
        """As parameters of the statements here."""
        return {"seal": self.seal, "search": self.search}


def _sealed_before(column: str) -> str:
    return f"substring({column} FROM 1 FOR length(CAST(:seal AS bytea))) <> CAST(:seal AS bytea)"


def _named_before(values: Iterable[str]) -> str:
    return "(" + " OR ".join(f"NOT starts_with({value}, :search)" for value in values) + ")"


# A token that is absent is not outdated: NOT NULL is NULL, which no WHERE lets through.
_TOKENS = _named_before(TOKEN_COLUMNS)
_WAS_TOKENS = _named_before(f"was->>'{name}'" for name in TOKEN_COLUMNS)
_DEMAND = f"({_sealed_before('sealed')} OR {_TOKENS})"
_HISTORY = f"({_sealed_before('sealed')} OR {_WAS_TOKENS})"
_SIGNAL = "subject = 'reporter' AND NOT starts_with(key, :search)"


def outdated(connection: Connection, active: Active) -> dict[str, int]:
    """How many rows of each table stand under a former key; reads them all."""
    parts = [
        f"SELECT '{place.table}' AS name, count(*) AS n FROM {place.table} WHERE {_sealed_before(place.column)}"
        for place in PLACES
    ]
    parts += [
        f"SELECT 'demand', count(*) FROM demand WHERE {_DEMAND}",
        f"SELECT 'demand_history', count(*) FROM demand_history WHERE {_HISTORY}",
        f"SELECT 'signal', count(*) FROM signal WHERE {_SIGNAL}",
    ]
    found: dict[str, int] = {}
    for row in connection.execute(text(" UNION ALL ".join(parts)), active.values()):
        found[row.name] = found.get(row.name, 0) + row.n
    return found


def usage(connection: Connection) -> dict[str, int]:
    """How many values stand under each key id: sealed values, search tokens, digests of the hash chains; reads them all."""
    places = [(place.table, place.column) for place in PLACES]
    places += [("demand", "sealed"), ("demand_history", "sealed")]
    parts = [
        f"SELECT encode(substring({column} FROM 4 FOR get_byte({column}, 2)), 'escape') AS key_id, count(*) AS n "
        f"FROM {table} WHERE {column} IS NOT NULL GROUP BY 1"
        for table, column in places
    ]
    tokens = [("demand", name, name) for name in TOKEN_COLUMNS]
    tokens += [("demand_history", f"was->>'{name}'", name) for name in TOKEN_COLUMNS]
    parts += [
        f"SELECT split_part({value}, ':', 1), count(*) FROM {table} WHERE {value} IS NOT NULL GROUP BY 1"
        for table, value, _ in tokens
    ]
    parts += [
        f"SELECT split_part(encode(substring(digest FROM 1 FOR position(':'::bytea IN digest)), 'escape'), ':', 1), count(*) "
        f"FROM {table} GROUP BY 1"
        for table in ("ledger", "audit_log")
    ]
    found: dict[str, int] = {}
    for row in connection.execute(text(" UNION ALL ".join(parts))):
        found[row.key_id] = found.get(row.key_id, 0) + row.n
    return found


def runs_since_before(connection: Connection, moment: Any, heard_since: Any) -> int:
    """Runs that began before ``moment`` and were heard of since ``heard_since``: they may still write under a former key."""
    return int(
        connection.execute(
            text(
                "SELECT count(*) FROM run WHERE state = 'running' AND started_at < :moment AND heartbeat_at >= :heard"
            ),
            {"moment": moment, "heard": heard_since},
        ).scalar_one()
    )


# ---- values that nothing else has to change with


class Sealed(NamedTuple):
    """One sealed value and the row that it is bound to."""

    key: Any
    row_id: str
    sealed: bytes


def next_sealed(
    connection: Connection, place: Place, active: Active, after: Any, limit: int
) -> tuple[list[Sealed], Any]:
    """The next outdated values behind ``after`` (None: from the start), locked; and how far was looked (None: to the end)."""
    behind = "TRUE" if after is None else f"{place.key} > CAST(:after AS {place.type})"
    sizes = connection.execute(
        text(
            f"SELECT {place.key} AS key, octet_length({place.column}) AS size FROM {place.table} "
            f"WHERE {behind} AND {_sealed_before(place.column)} ORDER BY {place.key} LIMIT :limit"
        ),
        {**active.values(), "after": after, "limit": limit},
    ).all()
    keys = _fitting([(row.key, row.size) for row in sizes])
    if not keys:
        return [], None
    rows = connection.execute(
        text(
            f"SELECT {place.key} AS key, {place.row_id} AS row_id, {place.column} AS sealed FROM {place.table} "
            f"WHERE {place.key} = ANY(CAST(:keys AS {place.type}[])) AND {_sealed_before(place.column)} FOR UPDATE SKIP LOCKED"
        ),
        {**active.values(), "keys": keys},
    )
    return [Sealed(row.key, row.row_id, bytes(row.sealed)) for row in rows], keys[-1]


def rewrite_sealed(connection: Connection, place: Place, values: Sequence[tuple[Any, bytes]]) -> None:
    """Writes values back: (key, sealed)."""
    cursor = driver(connection).cursor()
    cursor.execute(
        f"UPDATE {place.table} t SET {place.column} = s.sealed FROM unnest(%s::{place.type}[], %s::bytea[]) AS s (key, sealed) "
        f"WHERE t.{place.key} = s.key",
        ([key for key, _ in values], [sealed for _, sealed in values]),
        binary=True,
    )


def _fitting(sizes: Sequence[tuple[Any, int]]) -> list[Any]:
    """As many keys from the start as fit into one batch's bytes, one at least."""
    keys: list[Any] = []
    total = 0
    for key, size in sizes:
        total += size
        if keys and total > BATCH_BYTES:
            break
        keys.append(key)
    return keys


# ---- demands: what is sealed, the tokens made of it, and the signals that go by a token


@dataclass(frozen=True, slots=True)
class DemandRow:
    """What a demand's tokens are made of; ``key`` is demand_id, or history_id of a former state."""

    key: Any
    demand_id: str
    instance: str
    reporter_type: str
    reporter_key: str | None
    reporter_basis: str | None
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Renewed:
    """A demand's row, or a former state of one, under the active keys; ``tokens`` in the order of `TOKEN_COLUMNS`."""

    key: Any
    sealed: bytes
    tokens: tuple[str | None, ...]
    basis: str | None


_DEMAND_ROW = "demand_id AS key, demand_id, instance, reporter_type, reporter_key, reporter_basis, sealed"
_HISTORY_ROW = (
    "history_id AS key, demand_id, was->>'instance' AS instance, was->>'reporter_type' AS reporter_type, "
    "was->>'reporter_key' AS reporter_key, was->>'reporter_basis' AS reporter_basis, sealed"
)


def next_reporters(
    connection: Connection, active: Active, after: str, limit: int, most_demands: int
) -> list[tuple[str, int]]:
    """Outdated reporter keys behind ``after`` with the number of their demands, together at most ``most_demands`` (one key at least)."""
    rows = connection.execute(
        text(
            "SELECT reporter_key, count(*) AS n FROM demand WHERE reporter_key > :after AND NOT starts_with(reporter_key, :search) "
            "GROUP BY reporter_key ORDER BY reporter_key LIMIT :limit"
        ),
        {**active.values(), "after": after, "limit": limit},
    )
    found: list[tuple[str, int]] = []
    total = 0
    for row in rows:
        total += row.n
        if found and total > most_demands:
            break
        found.append((row.reporter_key, row.n))
    return found


def demands_of(connection: Connection, reporter_keys: Collection[str]) -> list[DemandRow]:
    """Every demand of these reporters, locked; a reporter of whom another process holds a demand is left out as a whole.

    All of a reporter's demands must change their token in one transaction, or rules would see half of them.
    """
    locked = connection.execute(
        text(f"SELECT {_DEMAND_ROW} FROM demand WHERE reporter_key = ANY(:keys) FOR UPDATE SKIP LOCKED"),
        {"keys": list(reporter_keys)},
    ).all()
    there = connection.execute(
        text(
            "SELECT reporter_key, count(*) AS n FROM demand WHERE reporter_key = ANY(:keys) GROUP BY reporter_key"
        ),
        {"keys": list(reporter_keys)},
    )
    expected = {row.reporter_key: row.n for row in there}
    held: dict[str, int] = {}
    for row in locked:
        held[row.reporter_key] = held.get(row.reporter_key, 0) + 1
    return [_demand_row(row) for row in locked if held[row.reporter_key] == expected.get(row.reporter_key)]


def next_demands(
    connection: Connection, active: Active, after: str, limit: int
) -> tuple[list[DemandRow], str | None]:
    """The next outdated demands behind ``after`` whose reporter key is current or absent, locked; and how far was looked."""
    sizes = connection.execute(
        text(
            "SELECT demand_id, octet_length(sealed) AS size FROM demand WHERE demand_id > :after "
            f"AND (reporter_key IS NULL OR starts_with(reporter_key, :search)) AND {_DEMAND} ORDER BY demand_id LIMIT :limit"
        ),
        {**active.values(), "after": after, "limit": limit},
    ).all()
    ids = _fitting([(row.demand_id, row.size) for row in sizes])
    if not ids:
        return [], None
    rows = connection.execute(
        text(
            f"SELECT {_DEMAND_ROW} FROM demand WHERE demand_id = ANY(:ids) "
            f"AND (reporter_key IS NULL OR starts_with(reporter_key, :search)) AND {_DEMAND} FOR UPDATE SKIP LOCKED"
        ),
        {**active.values(), "ids": ids},
    )
    return [_demand_row(row) for row in rows], ids[-1]


def next_history(
    connection: Connection, active: Active, after: int, limit: int
) -> tuple[list[DemandRow], int | None]:
    """The next outdated former states behind ``after``, locked; and how far was looked."""
    sizes = connection.execute(
        text(
            f"SELECT history_id, octet_length(sealed) AS size FROM demand_history WHERE history_id > :after AND {_HISTORY} "
            "ORDER BY history_id LIMIT :limit"
        ),
        {**active.values(), "after": after, "limit": limit},
    ).all()
    ids = _fitting([(row.history_id, row.size) for row in sizes])
    if not ids:
        return [], None
    rows = connection.execute(
        text(
            f"SELECT {_HISTORY_ROW} FROM demand_history WHERE history_id = ANY(:ids) FOR UPDATE SKIP LOCKED"
        ),
        {"ids": ids},
    )
    return [_demand_row(row) for row in rows], ids[-1]


def rewrite_demands(connection: Connection, rows: Sequence[Renewed]) -> None:
    """Writes sealed values and tokens of demands back; nothing else of them changes."""
    sets = ", ".join(f"{name} = s.{name}" for name in (*TOKEN_COLUMNS, "reporter_basis"))
    cursor = driver(connection).cursor()
    cursor.execute(
        f"UPDATE demand d SET sealed = s.sealed, {sets} FROM unnest(%s::text[], %s::bytea[]{', %s::text[]' * 6}) "
        f"AS s (demand_id, sealed, {', '.join(TOKEN_COLUMNS)}, reporter_basis) WHERE d.demand_id = s.demand_id",
        (
            [row.key for row in rows],
            [row.sealed for row in rows],
            *([row.tokens[place] for row in rows] for place in range(len(TOKEN_COLUMNS))),
            [row.basis for row in rows],
        ),
        binary=True,
    )
    # Else a reporter would be two persons to the rules until the last of the demands is judged again.
    cursor.execute(
        "UPDATE demand_outline o SET reporter_key = s.reporter_key FROM unnest(%s::text[], %s::text[]) AS s (demand_id, reporter_key) "
        'WHERE o.demand_id = s.demand_id COLLATE "C"',
        ([row.key for row in rows], [row.tokens[TOKEN_COLUMNS.index("reporter_key")] for row in rows]),
    )


def rewrite_history(connection: Connection, rows: Sequence[Renewed]) -> None:
    """Writes sealed values and tokens of former states back."""
    cursor = driver(connection).cursor()
    cursor.execute(
        "UPDATE demand_history h SET sealed = s.sealed, was = h.was || s.tokens "
        "FROM unnest(%s::bigint[], %s::bytea[], %s::jsonb[]) AS s (history_id, sealed, tokens) WHERE h.history_id = s.history_id",
        (
            [row.key for row in rows],
            [row.sealed for row in rows],
            [Jsonb(dict(zip(TOKEN_COLUMNS, row.tokens, strict=True))) for row in rows],
        ),
    )


def keys_that_stand(connection: Connection, reporter_keys: Collection[str]) -> set[str]:
    """Those of the keys that some demand bears already."""
    rows = connection.execute(
        text("SELECT DISTINCT reporter_key FROM demand WHERE reporter_key = ANY(:keys)"),
        {"keys": list(reporter_keys)},
    )
    return set(rows.scalars())


def under_evaluation(connection: Connection, demand_ids: Collection[str]) -> set[str]:
    """Those of the demands that wait for the rules, or that a rule may be looking at in this moment."""
    rows = connection.execute(
        text("SELECT demand_ids FROM evaluate_work WHERE demand_ids && CAST(:ids AS text[])"),
        {"ids": list(demand_ids)},
    )
    wanted = set(demand_ids)
    return {demand_id for row in rows for demand_id in row.demand_ids if demand_id in wanted}


def move_signals(connection: Connection, moved: Mapping[str, str]) -> int:
    """Gives the signals of these reporters their present key: former key -> present key; returns how many."""
    done = connection.execute(
        text(
            "UPDATE signal s SET key = m.present FROM unnest(CAST(:former AS text[]), CAST(:present AS text[])) AS m (former, present) "
            "WHERE s.subject = 'reporter' AND s.key = m.former"
        ),
        {"former": list(moved), "present": list(moved.values())},
    )
    return int(done.rowcount)


def rules_of_reporters(connection: Connection) -> set[str]:
    """The rules that have raised signals about reporters."""
    rows = connection.execute(text("SELECT DISTINCT rule_id FROM signal WHERE subject = 'reporter'"))
    return set(rows.scalars())


def outdated_signals(connection: Connection, active: Active, after: str, limit: int) -> list[dict[str, Any]]:
    """Signals about reporters that go by a former key, with their demands."""
    rows = connection.execute(
        text(
            f"SELECT signal_id, rule_id, key, demand_ids FROM signal WHERE signal_id > :after AND {_SIGNAL} "
            "ORDER BY signal_id LIMIT :limit"
        ),
        {**active.values(), "after": after, "limit": limit},
    )
    return row_dicts(rows)


def states_of(connection: Connection, demand_ids: Collection[str]) -> list[DemandRow]:
    """These demands as they stand and as they were."""
    values = {"ids": list(demand_ids)}
    now = connection.execute(text(f"SELECT {_DEMAND_ROW} FROM demand WHERE demand_id = ANY(:ids)"), values)
    before = connection.execute(
        text(f"SELECT {_HISTORY_ROW} FROM demand_history WHERE demand_id = ANY(:ids)"), values
    )
    return [_demand_row(row) for row in (*now, *before)]


def _demand_row(row: Any) -> DemandRow:
    return DemandRow(
        row.key,
        row.demand_id,
        row.instance,
        row.reporter_type,
        row.reporter_key,
        row.reporter_basis,
        bytes(row.sealed),
    )
