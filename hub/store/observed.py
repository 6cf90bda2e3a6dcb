"""What records say beside demands: one table a kind, each row as it stands now; cases are put together from their parts.

A row is found again by the number that its source gives it (`source_no`, unique within the stream) and belongs to the record
that said it (`record_key`): what that record no longer says is marked deleted. Each state that a row has left stays in the history.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    any_,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.types import TypeEngine

from hub.errors import Code, NotFound
from hub.model.case import Case
from hub.model.observation import Observation, Personal
from hub.model.said import OBSERVATIONS
from hub.store import rollups
from hub.store.tables import Id, Moment, metadata

# Rules' keys compare in the collation "C": an index of another collation would be read from end to end.
_IDS = frozenset(
    ("source_no", "case_no", "item_code", "window_no", "device_no", "organisation_code", "organisation")
)
# What a row keeps when its record says it anew.
_FIXED = frozenset(("observation_id", "stream_id", "source_no", "received_at"))


def columns_of(model: type[BaseModel]) -> list[str]:
    """Fields of a kind that stand in columns, in the model's order: all that are not personal."""
    return [
        name
        for name, field in model.model_fields.items()
        if not any(isinstance(mark, Personal) for mark in field.metadata)
    ]


def _fields(model: type[Observation]) -> list[Column[Any]]:
    return [
        Column(name, Id if name in _IDS else _type_of(field.annotation), nullable=not field.is_required())
        for name, field in model.model_fields.items()
        if name in set(columns_of(model)) - {"source_no", "deleted"}
    ]


def _type_of(annotation: Any) -> TypeEngine[Any]:
    """The column type of a field: scalars by their kind, tuples of texts as arrays, everything else as JSON."""
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation,) = (one for one in get_args(annotation) if one is not type(None))
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is tuple:
        inner = get_args(annotation)[0]
        return ARRAY(Text) if isinstance(inner, type) and issubclass(inner, str) else JSONB()
    if annotation is AwareDatetime:
        return Moment
    if isinstance(annotation, type):
        for base, column in _SCALARS:
            if issubclass(annotation, base):
                return column
    return JSONB()


# The order matters: a bool is an int, a datetime is a date.
_SCALARS: tuple[tuple[type, TypeEngine[Any]], ...] = (
    (bool, Boolean()),
    (IntEnum, SmallInteger()),
    (int, Integer()),
    (float, Double()),
    (Decimal, Numeric()),
    (str, Text()),
    (datetime, Moment),
    (date, Date()),
)


def _about(name: str, column: str, at: Any) -> Index:
    """For what rules ask of one item, window or device (`hub.store.seen`)."""
    short = column.partition("_")[0]
    return Index(f"{name}_{short}_idx", column, at, postgresql_where=text(f"{column} IS NOT NULL"))


def _table(name: str, model: type[Observation], comment: str, *more: Any) -> Table:
    return Table(
        name,
        metadata,
        Column("observation_id", Id, primary_key=True),
        Column("stream_id", Integer, nullable=False),
        Column("source_no", Id, nullable=False),
        Column("record_key", Id, nullable=False),
        Column("raw_id", BigInteger, nullable=False),
        Column("channel", Text, nullable=False),
        Column("instance", Text, nullable=False),
        Column("watch", SmallInteger, nullable=False),
        Column("received_at", Moment, nullable=False),
        Column("updated_at", Moment, nullable=False),
        Column("deleted", Boolean, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        *_fields(model),
        UniqueConstraint("stream_id", "source_no"),
        Index(f"{name}_record_idx", "stream_id", "record_key"),
        *more,
        comment=comment,
    )


case_part = _table(
    "case_part",
    Case,
    "办件, as single records of a source tell it; service_case puts the parts together",
    Index("case_part_case_idx", "instance", "case_no"),
)
rating = _table(
    "rating",
    OBSERVATIONS["rating"],
    "评价（好差评）",
    Index("rating_case_idx", "case_no", postgresql_where=text("case_no IS NOT NULL")),
    Index("rating_rated_idx", "rated_at"),
    _about("rating", "window_no", "rated_at"),
    _about("rating", "item_code", "rated_at"),
    _about("rating", "device_no", "rated_at"),
)
inspection = _table("inspection", OBSERVATIONS["inspection"], "督查巡查、走流程、视察: planned or done")
finding = _table(
    "finding",
    OBSERVATIONS["finding"],
    "巡查发现",
    Index("finding_found_idx", "found_at"),
    _about("finding", "window_no", "found_at"),
    _about("finding", "item_code", "found_at"),
)
monitor_event = _table(
    "monitor_event",
    OBSERVATIONS["monitor_event"],
    "监察事件",
    Index("monitor_event_case_idx", "case_no", postgresql_where=text("case_no IS NOT NULL")),
    Index("monitor_event_occurred_idx", "occurred_at"),
    _about("monitor_event", "window_no", "occurred_at"),
    _about("monitor_event", "item_code", "occurred_at"),
)

TABLES: Mapping[str, Table] = {
    "case": case_part,
    "rating": rating,
    "inspection": inspection,
    "finding": finding,
    "monitor_event": monitor_event,
}

JSON_COLUMNS: Mapping[str, frozenset[str]] = {
    kind: frozenset(column.name for column in table.columns if isinstance(column.type, JSONB))
    for kind, table in TABLES.items()
}

# When a case happened, as rules ask for it (`hub.store.seen`): the first of these that is known.
CASE_TIMES = ("applied_at", "accepted_at", "clock_started_at", "as_of", "updated_at")
CASE_AT = text(f"coalesce({', '.join(CASE_TIMES)})")

service_case = Table(
    "service_case",
    metadata,
    Column("case_id", Id, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    *_fields(Case),
    UniqueConstraint("instance", "case_no"),
    Index("service_case_no_idx", "case_no"),
    _about("service_case", "item_code", CASE_AT),
    _about("service_case", "window_no", CASE_AT),
    Index("service_case_organisation_idx", text("coalesce(organisation_code, organisation)"), CASE_AT),
    comment="办件 as it stands now, put together from case_part; made anew whenever one of its parts changes",
)

observation_history = Table(
    "observation_history",
    metadata,
    Column("history_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("observation_id", Id, nullable=False),
    Column("replaced_at", Moment, nullable=False),
    Column("replaced_by", Text, nullable=False),
    Column("was", JSONB, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("observation_history_observation_idx", "observation_id", "history_id"),
    comment="each state that an observation has left: columns as JSON, sealed value as it was",
)


def standing_ids(
    connection: Connection, kind: str, stream_id: int, source_nos: Collection[str]
) -> dict[str, str]:
    """The observation that stands under each of these numbers: ``source_no`` -> ``observation_id``."""
    table = TABLES[kind]
    rows = connection.execute(
        select(table.c.source_no, table.c.observation_id).where(
            table.c.stream_id == stream_id, table.c.source_no.in_(source_nos)
        )
    )
    return {row.source_no: row.observation_id for row in rows}


def put(connection: Connection, kind: str, rows: Sequence[dict[str, Any]], *, by: str) -> None:
    """Writes observations of one kind, each number once; a row whose number stands already is replaced, and what it was is kept.

    Args:
        connection: In the page's transaction, which holds the stream's row.
        kind: A key of `TABLES`.
        rows: Column -> value.
        by: Who writes, for the history (``run 17``).
    """
    table = TABLES[kind]
    _keep_history(
        connection, kind, [row["observation_id"] for row in rows], rows[0]["updated_at"], by, living=False
    )
    statement = insert(table)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["stream_id", "source_no"],
            set_={
                column.name: statement.excluded[column.name]
                for column in table.columns
                if column.name not in _FIXED
            },
        ),
        list(rows),
    )


def no_longer_said(
    connection: Connection, kind: str, stream_id: int, said: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """Living observations of these records that the records do not say any more: ``observation_id`` -> ``record_key``.

    Args:
        connection: In the page's transaction.
        kind: A key of `TABLES`.
        stream_id: Whose records.
        said: Key of a record -> the numbers of this kind that it says now.
    """
    table = TABLES[kind]
    rows = connection.execute(
        select(table.c.observation_id, table.c.record_key, table.c.source_no).where(
            table.c.stream_id == stream_id, table.c.record_key.in_(list(said)), ~table.c.deleted
        )
    )
    return {row.observation_id: row.record_key for row in rows if row.source_no not in said[row.record_key]}


def mark_deleted(
    connection: Connection, kind: str, gone: Mapping[str, int], now: datetime, *, by: str
) -> None:
    """Marks observations as gone (id -> raw record that says so); what they were stays in the history."""
    _keep_history(connection, kind, list(gone), now, by, living=True)
    connection.execute(
        text(
            f"UPDATE {TABLES[kind].name} o SET deleted = true, updated_at = :now, raw_id = g.raw_id "
            "FROM unnest(CAST(:ids AS text[]), CAST(:raw_ids AS bigint[])) AS g (observation_id, raw_id) "
            "WHERE o.observation_id = g.observation_id AND NOT o.deleted"
        ),
        {"now": now, "ids": list(gone), "raw_ids": list(gone.values())},
    )


def last_raw_ids(
    connection: Connection, kinds: Iterable[str], stream_id: int, record_keys: Collection[str]
) -> dict[str, int]:
    """For each of these records the latest raw record from which one of its observations was written."""
    found: dict[str, int] = {}
    for kind in kinds:
        table = TABLES[kind]
        rows = connection.execute(
            select(table.c.record_key, func.max(table.c.raw_id))
            .where(table.c.stream_id == stream_id, table.c.record_key.in_(record_keys))
            .group_by(table.c.record_key)
        )
        for key, raw_id in rows:
            found[key] = max(raw_id, found.get(key, 0))
    return found


def _keep_history(
    connection: Connection, kind: str, ids: Sequence[str], now: datetime, by: str, *, living: bool
) -> None:
    connection.execute(
        text(
            "INSERT INTO observation_history (kind, observation_id, replaced_at, replaced_by, was, sealed) "
            f"SELECT :kind, observation_id, :now, :by, to_jsonb(o) - 'sealed', sealed FROM {TABLES[kind].name} o "
            f"WHERE observation_id = ANY(:ids){' AND NOT deleted' if living else ''}"
        ),
        {"kind": kind, "now": now, "by": by, "ids": list(ids)},
    )


# ---- cases


def cases_of(connection: Connection, observation_ids: Collection[str]) -> set[str]:
    """Case numbers under which these parts stand, or have stood."""
    ids = list(observation_ids)
    rows = connection.execute(
        text(
            "SELECT case_no FROM case_part WHERE observation_id = ANY(:ids) UNION "
            "SELECT was->>'case_no' FROM observation_history WHERE kind = 'case' AND observation_id = ANY(:ids)"
        ),
        {"ids": ids},
    )
    return {row.case_no for row in rows}


def sealed_parts(
    connection: Connection, instance: str, case_nos: Collection[str]
) -> dict[str, list[tuple[str, bytes, bool]]]:
    """The parts of these cases (observation id, sealed value, deleted), by case number.

    Each case is locked until the transaction ends, in one order, so that streams which tell of one case wait for each other.
    """
    wanted = sorted(case_nos)
    connection.execute(
        text(
            "SELECT pg_advisory_xact_lock(hashtextextended(:instance || ' ' || no, 1)) FROM unnest(CAST(:nos AS text[])) AS no"
        ),
        {"instance": instance, "nos": wanted},
    )
    rows = connection.execute(
        select(case_part.c.case_no, case_part.c.observation_id, case_part.c.sealed, case_part.c.deleted)
        .where(case_part.c.instance == instance, case_part.c.case_no.in_(wanted))
        .order_by(case_part.c.observation_id)
    )
    found: dict[str, list[tuple[str, bytes, bool]]] = {no: [] for no in wanted}
    for row in rows:
        found[row.case_no].append((row.observation_id, bytes(row.sealed), row.deleted))
    return found


def case_ids(connection: Connection, instance: str, case_nos: Collection[str]) -> dict[str, str]:
    """The ids of the cases that stand already, by case number."""
    rows = connection.execute(
        select(service_case.c.case_no, service_case.c.case_id).where(
            service_case.c.instance == instance, service_case.c.case_no.in_(list(case_nos))
        )
    )
    return {row.case_no: row.case_id for row in rows}


def put_cases(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Writes cases as they stand now; the caller holds their locks (`sealed_parts`)."""
    statement = insert(service_case)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["instance", "case_no"],
            set_={
                column.name: statement.excluded[column.name]
                for column in service_case.columns
                if column.name not in ("case_id", "instance", "case_no")
            },
        ),
        list(rows),
    )
    rollups.count_cases(connection, sorted(row["case_id"] for row in rows))


def mark_cases_gone(connection: Connection, instance: str, case_nos: Collection[str], now: datetime) -> None:
    """Marks cases of which no part is left."""
    gone = connection.execute(
        service_case.update()
        .where(service_case.c.instance == instance, service_case.c.case_no.in_(list(case_nos)))
        .values(deleted=True, parts=0, updated_at=now)
        .returning(service_case.c.case_id)
    )
    rollups.count_cases(connection, sorted(row.case_id for row in gone))


# ---- looking


def shown_table(kind: str) -> Table:
    """Where a kind is looked at: cases as they stand, everything else by itself."""
    return service_case if kind == Case.kind else TABLES[kind]


def listed(
    connection: Connection,
    kind: str,
    *,
    channel: str | None = None,
    case_no: str | None = None,
    trait: str | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Observations of one kind, the latest received first; nothing personal, ``id`` beside their columns. Only findings have traits."""
    table = shown_table(kind)
    (key,) = table.primary_key.columns
    statement = select(table).order_by(key.desc()).limit(limit)
    if channel is not None:
        statement = statement.where((table.c.instance == channel) | (table.c.channel == channel))
    if case_no is not None and "case_no" in table.c:
        statement = statement.where(table.c.case_no == case_no)
    if trait is not None and "traits" in table.c:
        statement = statement.where(literal(trait) == any_(table.c.traits))
    return [_seen(row, key.name) for row in connection.execute(statement)]


def found(connection: Connection, kind: str, number: str) -> tuple[dict[str, Any], bytes]:
    """One observation by its id, by its source's number, or (a case) by its case number; and its sealed value.

    Raises:
        NotFound: There is none of that number, or several (then the id tells them apart).
    """
    table = shown_table(kind)
    (key,) = table.primary_key.columns
    by_number = table.c.case_no if kind == Case.kind else table.c.source_no
    rows = connection.execute(select(table).where((key == number) | (by_number == number)).limit(11)).all()
    if len(rows) != 1:
        ids = ", ".join(str(getattr(row, key.name)) for row in rows)
        raise NotFound(
            f"{kind} {number}: found {f'several of that number ({ids})' if rows else 'none'} (expected one); "
            + ("name it by its id" if rows else f"list them with `hub {kind.partition('_')[0]} list`"),
            code=Code.NOT_FOUND,
        )
    return _seen(rows[0], key.name), bytes(rows[0].sealed)


def former(connection: Connection, kind: str, observation_id: str) -> int:
    """How many states an observation has left."""
    return int(
        connection.execute(
            select(func.count())
            .select_from(observation_history)
            .where(observation_history.c.kind == kind, observation_history.c.observation_id == observation_id)
        ).scalar_one()
    )


def _seen(row: Any, key: str) -> dict[str, Any]:
    values = dict(row._mapping)
    del values["sealed"]
    return {"id": values.pop(key), **values}
