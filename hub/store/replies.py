"""The outbox of replies: what travels back to the platforms that demands came from.

A reply is written in the transaction that decided on it, claimed under a lease with a fencing token, told outside any transaction,
and settled only while the token still stands. Replies about one record go one after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from hub.errors import Code, NotFound, StateConflict
from hub.model.codes import ReplyState
from hub.store.tables import Id, Moment, metadata
from hub.store.work import row_dicts

reply_outbox = Table(
    "reply_outbox",
    metadata,
    Column("reply_id", BigInteger, Identity(), primary_key=True),
    Column("idempotency_key", Id, nullable=False),
    Column("demand_id", Id, nullable=False),
    Column("instance", Text, nullable=False),
    Column("source_no", Id, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Moment, nullable=False),
    Column("lease_token", BigInteger, nullable=False, server_default="0"),
    Column("lease_until", Moment),
    Column("settled_at", Moment),
    Column("reference", Text),
    Column("code", Text),
    Column("detail", Text),
    UniqueConstraint("idempotency_key"),
    CheckConstraint("kind IN ('sign', 'return', 'extend', 'close')", name="kind"),
    CheckConstraint("state IN ('waiting', 'accepted', 'refused', 'failed')", name="state"),
    Index("reply_outbox_waiting_idx", "instance", "next_at", postgresql_where=text("state = 'waiting'")),
    Index("reply_outbox_demand_idx", "demand_id"),
    comment="what travels back to the platform that a demand came from; text and fields sealed",
)

SEALED_AS = "reply_outbox"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reply that this process may tell until its lease ends.

    Attributes:
        attempts: Those before this one.
        token: What the result must match.
    """

    reply_id: int
    idempotency_key: str
    instance: str
    source_no: str
    kind: str
    sealed: bytes = field(repr=False)
    made_at: datetime
    attempts: int
    token: int


@dataclass(frozen=True, slots=True)
class Target:
    """The demand that a reply is about."""

    demand_id: str
    demand_no: str
    instance: str
    source_no: str


def target(connection: Connection, number: str) -> Target:
    """The demand of that number or id, with where it came from.

    Raises:
        NotFound: There is none.
    """
    row = connection.execute(
        text(
            "SELECT demand_id, demand_no, instance, source_no FROM demand WHERE demand_no = :number OR demand_id = :number"
        ),
        {"number": number},
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"demand {number}: found none (expected its number or id); list them with `hub demand list`",
            code=Code.NOT_FOUND,
        )
    return Target(*row)


def put(
    connection: Connection,
    about: Target,
    kind: str,
    sealed: bytes,
    *,
    idempotency_key: str,
    now: datetime,
    by: str,
) -> bool:
    """Writes a reply to be told; False where one with that key stands already, which then stays as it is."""
    made = connection.execute(
        insert(reply_outbox)
        .values(
            idempotency_key=idempotency_key,
            demand_id=about.demand_id,
            instance=about.instance,
            source_no=about.source_no,
            kind=kind,
            state=ReplyState.WAITING,
            sealed=sealed,
            made_at=now,
            made_by=by,
            next_at=now,
        )
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
        .returning(reply_outbox.c.reply_id)
    )
    return made.first() is not None


def claim(
    connection: Connection, instances: Collection[str], now: datetime, *, lease_s: float, limit: int
) -> list[Waiting]:
    """Leases up to ``limit`` replies that are due, the oldest first; of one record's replies the first that is not settled alone."""
    rows = connection.execute(
        text(
            "UPDATE reply_outbox o SET lease_token = o.lease_token + 1, lease_until = :until FROM ("
            "SELECT reply_id FROM reply_outbox r WHERE state = 'waiting' AND instance = ANY(:instances) AND next_at <= :now "
            "AND (lease_until IS NULL OR lease_until <= :now) AND NOT EXISTS (SELECT 1 FROM reply_outbox b "
            "WHERE b.instance = r.instance AND b.source_no = r.source_no AND b.reply_id < r.reply_id AND b.state = 'waiting') "
            "ORDER BY next_at, reply_id LIMIT :limit FOR UPDATE SKIP LOCKED) p WHERE o.reply_id = p.reply_id "
            "RETURNING o.reply_id, o.idempotency_key, o.instance, o.source_no, o.kind, o.sealed, o.made_at, o.attempts, o.lease_token"
        ),
        {
            "until": now + timedelta(seconds=lease_s),
            "instances": list(instances),
            "now": now,
            "limit": limit,
        },
    )
    found = [
        Waiting(
            row.reply_id,
            row.idempotency_key,
            row.instance,
            row.source_no,
            row.kind,
            bytes(row.sealed),
            row.made_at,
            row.attempts,
            row.lease_token,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: one.reply_id)


def release(connection: Connection, given_back: Sequence[Waiting]) -> None:
    """Ends the leases of replies that were not told; of those alone that nobody else has claimed since."""
    connection.execute(
        text(
            "UPDATE reply_outbox o SET lease_until = NULL FROM unnest(CAST(:ids AS bigint[]), CAST(:tokens AS bigint[])) AS r (id, token) "
            "WHERE o.reply_id = r.id AND o.lease_token = r.token AND o.state = 'waiting'"
        ),
        {"ids": [one.reply_id for one in given_back], "tokens": [one.token for one in given_back]},
    )


def settle(
    connection: Connection,
    reply: Waiting,
    now: datetime,
    state: ReplyState,
    *,
    next_at: datetime | None = None,
    reference: str | None = None,
    code: str | None = None,
    detail: str | None = None,
) -> bool:
    """Writes what an attempt came to; False where somebody else holds the reply by now, whose word then counts."""
    done = connection.execute(
        text(
            "UPDATE reply_outbox SET state = :state, attempts = attempts + 1, lease_until = NULL, next_at = coalesce(:next_at, next_at), "
            "settled_at = CASE WHEN :state = 'waiting' THEN NULL ELSE CAST(:now AS timestamptz) END, reference = :reference, "
            "code = :code, detail = :detail WHERE reply_id = :id AND lease_token = :token AND state = 'waiting'"
        ),
        {
            "state": str(state),
            "next_at": next_at,
            "now": now,
            "reference": reference,
            "code": code,
            "detail": detail,
            "id": reply.reply_id,
            "token": reply.token,
        },
    )
    return bool(done.rowcount)


_SHOWN = (
    "r.reply_id, d.demand_no, r.instance, r.source_no, r.kind, r.state, r.made_at, r.made_by, r.attempts, r.next_at, r.settled_at, "
    "r.reference, r.code, r.detail"
)


def listed(
    connection: Connection, *, state: str | None = None, number: str | None = None, limit: int = 20
) -> list[dict[str, Any]]:
    """Replies, the latest made first; their texts stay sealed."""
    return row_dicts(
        connection.execute(
            text(
                f"SELECT {_SHOWN} FROM reply_outbox r JOIN demand d USING (demand_id) "
                "WHERE (CAST(:state AS text) IS NULL OR r.state = :state) AND (CAST(:number AS text) IS NULL OR d.demand_no = :number) "
                "ORDER BY r.reply_id DESC LIMIT :limit"
            ),
            {"state": state, "number": number, "limit": limit},
        )
    )


def again(connection: Connection, reply_ids: Sequence[int], now: datetime) -> int:
    """Lets replies that were refused or given up be told once more; returns how many.

    Raises:
        StateConflict: One of them waits already or was accepted, or does not exist.
    """
    done = connection.execute(
        text(
            "UPDATE reply_outbox SET state = 'waiting', attempts = 0, next_at = :now, settled_at = NULL "
            "WHERE reply_id = ANY(:ids) AND state IN ('refused', 'failed')"
        ),
        {"now": now, "ids": list(reply_ids)},
    )
    if done.rowcount != len(set(reply_ids)):
        raise StateConflict(
            f"replies {', '.join(map(str, reply_ids))}: found {done.rowcount} that were refused or given up (expected all of them); "
            "look with `hub reply list`",
            code=Code.STATE_CONFLICT,
        )
    return done.rowcount
