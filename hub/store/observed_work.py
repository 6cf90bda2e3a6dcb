"""What waits for the rules beside demands: things that are new or changed, and keys that a rule wants to judge again at a moment.

Work rows are claimed with SKIP LOCKED and deleted with the work (design decision 6). Moments are not claimed: whoever holds a
key's lock judges it, and who comes later finds that nothing is due any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Connection,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    func,
    text,
)

from hub.store.engine import text_array
from hub.store.tables import Id, Moment, metadata

observed_work = Table(
    "observed_work",
    metadata,
    Column("work_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("ids", ARRAY(Id), nullable=False),
    Column("rule_ids", ARRAY(Text)),  # only these rules, after one of them failed; NULL for all
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("not_before", Moment, nullable=False, server_default=func.now()),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
    comment="cases, ratings, findings and the like that are new or changed and wait for the rules",
)

recheck = Table(
    "recheck",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("key", Id, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Index("recheck_at_idx", "at"),
    comment="keys that a rule judges again at a moment, whatever comes in until then",
)


@dataclass(frozen=True, slots=True)
class ObservedWork:
    """Things of one kind that wait for the rules; see `hub.store.work.EvaluateWork`."""

    work_id: int
    kind: str
    ids: tuple[str, ...]
    rule_ids: tuple[str, ...] | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Due:
    """A key whose moment has come."""

    rule_id: str
    key: str
    at: datetime
    attempts: int


def push(connection: Connection, kind: str, ids: Sequence[str], now: datetime) -> None:
    """Lets things wait for the rules, in the transaction that wrote them."""
    if ids:
        connection.execute(observed_work.insert().values(kind=kind, ids=sorted(set(ids)), not_before=now))


def claim(connection: Connection, now: datetime, limit: int) -> list[ObservedWork]:
    """Up to ``limit`` work rows, locked until the transaction ends; all of one kind and for the same rules, the new before the rest."""
    rows = connection.execute(
        text(
            "SELECT work_id, kind, ids, rule_ids, attempts FROM observed_work WHERE not_before <= :now "
            "ORDER BY rule_ids IS NOT NULL, work_id LIMIT :limit FOR UPDATE SKIP LOCKED"
        ),
        {"now": now, "limit": limit},
    )
    claimed = [
        ObservedWork(
            row.work_id, row.kind, tuple(row.ids), tuple(row.rule_ids) if row.rule_ids else None, row.attempts
        )
        for row in rows
    ]
    return [one for one in claimed if (one.kind, one.rule_ids) == (claimed[0].kind, claimed[0].rule_ids)]


def requeue(
    connection: Connection,
    kind: str,
    ids: Sequence[str],
    rule_ids: Sequence[str],
    attempts: int,
    not_before: datetime,
) -> None:
    """Lets things wait for rules that failed on them; the other rules have judged them already."""
    connection.execute(
        observed_work.insert().values(
            kind=kind, ids=list(ids), rule_ids=list(rule_ids), attempts=attempts, not_before=not_before
        )
    )


def done(connection: Connection, work_ids: Sequence[int]) -> None:
    """Removes work rows, in the transaction that did their work."""
    connection.execute(text("DELETE FROM observed_work WHERE work_id = ANY(:ids)"), {"ids": list(work_ids)})


# ---- moments


def due(connection: Connection, now: datetime, limit: int) -> list[Due]:
    """Up to ``limit`` keys whose moment has come, the longest due first; nothing is locked."""
    rows = connection.execute(
        text("SELECT rule_id, key, at, attempts FROM recheck WHERE at <= :now ORDER BY at LIMIT :limit"),
        {"now": now, "limit": limit},
    )
    return [Due(row.rule_id, row.key, row.at, row.attempts) for row in rows]


def still_due(connection: Connection, rule_id: str, keys: Sequence[str], now: datetime) -> set[str]:
    """Those of these keys whose moment has come and was not seen to by somebody else; the caller holds their locks."""
    rows = connection.execute(
        text(
            "SELECT key FROM recheck WHERE rule_id = :rule AND key = ANY(CAST(:keys AS text[])) AND at <= :now"
        ),
        {"rule": rule_id, "keys": list(keys), "now": now},
    )
    return {row.key for row in rows}


def set_moments(
    connection: Connection, rule_id: str, keys: Sequence[str], moments: Mapping[str, datetime]
) -> None:
    """Replaces when a rule judges these keys again: those without a moment have none. The caller holds the keys' locks."""
    connection.execute(
        text(
            "DELETE FROM recheck r USING unnest(CAST(:keys AS text[])) AS k (key) "
            'WHERE r.rule_id = :rule AND r.key = k.key COLLATE "C"'
        ),
        {"rule": rule_id, "keys": text_array(sorted(set(keys) - moments.keys()))},
    )
    if moments:
        connection.execute(
            text(
                "INSERT INTO recheck (rule_id, key, at) SELECT :rule, m.key, m.at "
                "FROM unnest(CAST(:keys AS text[]), CAST(:moments AS timestamptz[])) AS m (key, at) "
                "ON CONFLICT (rule_id, key) DO UPDATE SET at = excluded.at, attempts = 0 WHERE recheck.at <> excluded.at OR recheck.attempts > 0"
            ),
            {"rule": rule_id, "keys": list(moments), "moments": list(moments.values())},
        )


def put_off(
    connection: Connection, rule_id: str, keys: Sequence[str], at: datetime, *, counted: bool = True
) -> None:
    """Asks a rule again later that failed on these keys or was not asked; a key that another has seen to is left alone."""
    connection.execute(
        text(
            "UPDATE recheck SET at = :at, attempts = attempts + :more "
            "WHERE rule_id = :rule AND key = ANY(CAST(:keys AS text[])) AND at < :at"
        ),
        {"rule": rule_id, "keys": list(keys), "at": at, "more": int(counted)},
    )


def forget_rule(connection: Connection, rule_id: str) -> None:
    """Removes every moment of a rule that is disabled: enabled again, it judges everything anew."""
    connection.execute(recheck.delete().where(recheck.c.rule_id == rule_id))


# ---- judging again


def enqueue_all(
    connection: Connection, rule_ids: Sequence[str], found: Iterable[tuple[str, Sequence[str]]]
) -> int:
    """Lets these things (kind, ids) wait for these rules again, 500 a work row; returns how many."""
    count = 0
    for kind, ids in found:
        connection.execute(
            text(
                "INSERT INTO observed_work (kind, ids, rule_ids, not_before) "
                "SELECT :kind, array_agg(id ORDER BY place), CAST(:rules AS text[]), timestamptz 'epoch' "
                "FROM unnest(CAST(:ids AS text[])) WITH ORDINALITY AS u (id, place) GROUP BY (place - 1) / 500"
            ),
            {"kind": kind, "ids": list(ids), "rules": list(rule_ids)},
        )
        count += len(ids)
    return count
