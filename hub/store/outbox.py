"""The outbox: messages to departments, written in the transaction that made their order, kept with every attempt.

How they are taken and settled stands in `hub.store.leases`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hub.errors import Code, NotFound, StateConflict
from hub.model.codes import MessageState
from hub.model.ids import new_ulid
from hub.store.engine import driver


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be delivered.

    Attributes:
        message_id: Letters, digits, ``_`` and ``-``; the receiver sees it over all attempts; lists sort by it.
        order_id: Messages of one order arrive in the order in which they were written.
    """

    organisation: str
    event_type: str
    body: bytes = field(repr=False)
    created_at: datetime
    order_id: str | None = None
    message_id: str = field(default_factory=new_ulid)


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as lists show it: without its body."""

    message_id: str
    organisation: str
    event_type: str
    order_id: str | None
    state: str
    attempts: int
    next_at: datetime
    created_at: datetime
    settled_at: datetime | None
    last_code: str | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt as it was recorded; ``number`` begins anew when a person has the message delivered again."""

    number: int
    endpoint_id: str | None
    started_at: datetime
    duration_ms: int
    status: int | None
    outcome: str
    code: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one organisation still has to receive; ``blocked`` is the code of what an operator must mend, if anything."""

    organisation: str
    waiting: int
    blocked: str | None


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """What is not delivered, in figures for metrics; of the messages that wait, how many are due and since when.

    What was delivered is counted by the runs, so that the cost of these figures does not grow with history.
    """

    waiting: int
    failed: int
    due: int
    oldest_due_at: datetime | None
    next_at: datetime | None


def enqueue(connection: Connection, messages: Sequence[NewMessage]) -> int:
    """Writes messages, in the caller's transaction; one whose id stands already is left as it is.

    Returns:
        How many were new.
    """
    if not messages:
        return 0
    cursor = driver(connection).cursor()
    cursor.execute(
        "INSERT INTO outbox (message_id, organisation, event_type, order_id, body, state, next_at, created_at) "
        "SELECT message_id, organisation, event_type, order_id, body, 'waiting', created_at, created_at "
        "FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[], %s::timestamptz[]) WITH ORDINALITY "
        "AS m (message_id, organisation, event_type, order_id, body, created_at, place) ORDER BY place "
        "ON CONFLICT (message_id) DO NOTHING",
        (
            [message.message_id for message in messages],
            [message.organisation for message in messages],
            [message.event_type for message in messages],
            [message.order_id for message in messages],
            [message.body for message in messages],
            [message.created_at for message in messages],
        ),
    )
    return int(cursor.rowcount)


def redeliver(connection: Connection, message_id: str, now: datetime) -> None:
    """Has one message delivered now, from the start of the schedule, whether it was delivered, given up or waits.

    The receiver sees the id that it saw before, and drops the message if it had it.

    Raises:
        NotFound: There is no such message.
        StateConflict: It is being sent at this moment.
    """
    row = connection.execute(
        text("SELECT state = 'waiting' AND lease_until > :now FROM outbox WHERE message_id = :id FOR UPDATE"),
        {"id": message_id, "now": now},
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"message {message_id}: not found (expected one of `hub webhook list`); check its number",
            code=Code.NOT_FOUND,
        )
    if row[0]:
        raise StateConflict(
            f"message {message_id}: it is being sent at this moment (expected one at rest); look at its attempts in a minute",
            code=Code.STATE_CONFLICT,
        )
    connection.execute(text(f"{_AGAIN} WHERE message_id = :id"), {"id": message_id, "now": now})


def redeliver_failed(
    connection: Connection, now: datetime, *, organisation: str | None = None, since: datetime | None = None
) -> int:
    """Has every message that was given up delivered again; see `redeliver`.

    Args:
        organisation: Only this one's.
        since: Only those given up since.

    Returns:
        How many.
    """
    done = connection.execute(
        text(
            f"{_AGAIN} WHERE state = 'failed' AND (CAST(:organisation AS text) IS NULL OR organisation = :organisation) "
            "AND (CAST(:since AS timestamptz) IS NULL OR settled_at >= :since)"
        ),
        {"now": now, "organisation": organisation, "since": since},
    )
    return done.rowcount


_AGAIN = (
    "UPDATE outbox SET state = 'waiting', attempts = 0, next_at = :now, lease_token = lease_token + 1, lease_until = NULL, "
    "settled_at = NULL"
)

_VIEW = "message_id, organisation, event_type, order_id, state, attempts, next_at, created_at, settled_at, last_code"


def list_messages(
    connection: Connection,
    *,
    state: MessageState | None = None,
    organisation: str | None = None,
    order_id: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[MessageView]:
    """Messages, the newest first; ``before`` is the last id of the page before."""
    conditions = {"state": state and state.value, "organisation": organisation, "order_id": order_id}
    where = [f"{name} = :{name}" for name, value in conditions.items() if value is not None]
    if before is not None:
        where.append("message_id < :before")
    rows = connection.execute(
        text(
            f"SELECT {_VIEW} FROM outbox {'WHERE ' + ' AND '.join(where) if where else ''} ORDER BY message_id DESC LIMIT :limit"
        ),
        {**conditions, "before": before, "limit": limit},
    )
    return [MessageView(*row) for row in rows]


def message(connection: Connection, message_id: str) -> tuple[MessageView, bytes, list[AttemptView]]:
    """One message with its body and every attempt, the first one first.

    Raises:
        NotFound: There is no such message.
    """
    row = connection.execute(
        text(f"SELECT {_VIEW}, body FROM outbox WHERE message_id = :id"), {"id": message_id}
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"message {message_id}: not found (expected one of `hub webhook list`); check its number",
            code=Code.NOT_FOUND,
        )
    tries = connection.execute(
        text(
            "SELECT number, endpoint_id, started_at, duration_ms, status, outcome, code, detail FROM delivery_attempt "
            "WHERE message_id = :id ORDER BY attempt_id"
        ),
        {"id": message_id},
    )
    return MessageView(*row[:-1]), bytes(row.body), [AttemptView(*row) for row in tries]


def backlog(connection: Connection, kinds: Collection[str]) -> list[Backlog]:
    """The organisations that messages wait for, and what keeps those of some from being sent at all.

    Blocked is an organisation without an endpoint of these kinds in use: its code stands with each of its messages too.
    """
    rows = connection.execute(
        text(
            "SELECT o.organisation, o.waiting, CASE WHEN bool_or(e.active AND e.disabled_at IS NULL AND e.kind = ANY(:kinds)) "
            "THEN NULL ELSE coalesce(min(e.disabled_code) FILTER (WHERE e.active), :missing) END "
            "FROM (SELECT organisation, count(*) AS waiting FROM outbox WHERE state = 'waiting' GROUP BY organisation) o "
            "LEFT JOIN endpoint e USING (organisation) GROUP BY o.organisation, o.waiting ORDER BY o.organisation"
        ),
        {"kinds": sorted(kinds), "missing": Code.ENDPOINT_MISSING.value},
    )
    found = [Backlog(*row) for row in rows]
    blocked = [entry for entry in found if entry.blocked is not None]
    if blocked:
        connection.execute(
            text(
                "UPDATE outbox o SET last_code = b.code FROM unnest(CAST(:organisations AS text[]), CAST(:codes AS text[])) "
                "AS b (organisation, code) WHERE o.state = 'waiting' AND o.organisation = b.organisation "
                "AND o.last_code IS DISTINCT FROM b.code"
            ),
            {"organisations": [e.organisation for e in blocked], "codes": [e.blocked for e in blocked]},
        )
    return found


def stats(connection: Connection, now: datetime) -> OutboxStats:
    """The outbox in figures; ``next_at`` is when the next message falls due, or the earliest that is due already."""
    row: Any = connection.execute(
        text(
            "SELECT count(*), (SELECT count(*) FROM outbox WHERE state = 'failed'), count(*) FILTER (WHERE next_at <= :now), "
            "min(next_at) FILTER (WHERE next_at <= :now), min(next_at) FROM outbox WHERE state = 'waiting'"
        ),
        {"now": now},
    ).one()
    return OutboxStats(*row)
