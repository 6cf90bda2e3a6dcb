"""Leases on messages: claimed by one process at a time, sent outside any transaction, settled by token.

A claim raises the message's lease token; a result counts only while that token still stands (fencing), so that of two
processes which hold one message after the other only the later decides. Messages of one order go in their sequence:
one waits until those before it are delivered or given up. The writer of an order's messages holds that order's row
lock, which makes the sequence that of the commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Connection

from hub.model.codes import MessageState
from hub.store import endpoints
from hub.store.endpoints import ReadyEndpoint
from hub.store.engine import driver


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process may send until ``lease_until``.

    Attributes:
        attempts: Those before this one.
        token: What the result must match.
    """

    message_id: str
    sequence: int
    organisation: str
    event_type: str
    body: bytes = field(repr=False)
    attempts: int
    token: int
    lease_until: datetime
    endpoint_id: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt came to.

    Attributes:
        state: What becomes of the message: delivered, failed, or waiting until ``next_at``.
        outcome: ``delivered``, ``deferred``, ``exhausted``, ``refused`` or ``gone``; kept with the attempt.
        code: What went wrong with the attempt; ``last_code`` what stands with the message, where that is another.
        detail: At most a few hundred characters, nothing personal.
        well: Whether the endpoint is in order, or None where the attempt says nothing about it.
        hold_s: How long the endpoint asked to be left alone.
    """

    claimed: Claimed
    state: MessageState
    outcome: str
    started_at: datetime
    duration_ms: int
    next_at: datetime | None = None
    status: int | None = None
    code: str | None = None
    last_code: str | None = None
    detail: str | None = None
    well: bool | None = None
    hold_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Settled:
    """What `settle` did.

    Attributes:
        accepted: For each result, in order, whether its token still stood; others were recorded as late.
        resting: Endpoints that are not to be called now.
    """

    accepted: tuple[bool, ...]
    resting: frozenset[str]


# Written for the partial index outbox_waiting_idx, in whose order the oldest due messages come first.
_DUE = (
    "state = 'waiting' AND organisation = {e}.organisation AND least(attempts, 1) = {{tried}} AND next_at <= %(now)s "
    "AND (lease_until IS NULL OR lease_until <= %(now)s)"
)
# A scalar subquery, because NOT EXISTS becomes a join that reads the whole table, delivered messages and all.
_FIRST_OF_ITS_ORDER = (
    "coalesce((SELECT false FROM outbox b WHERE b.order_id = o.order_id AND b.sequence < o.sequence "
    "AND b.state = 'waiting' LIMIT 1), true)"
)

_CLAIM = f"""
WITH open AS (
    SELECT * FROM unnest(%(organisations)s::text[], %(rooms)s::int[], %(endpoints)s::text[], %(urls)s::text[],
        %(leases)s::timestamptz[])
        AS e (organisation, room, endpoint_id, url, until)
), due AS (
    SELECT open.*, oldest.next_at FROM open CROSS JOIN LATERAL (
        SELECT next_at FROM outbox WHERE {_DUE.format(e="open")} ORDER BY next_at, sequence LIMIT 1
    ) oldest ORDER BY oldest.next_at LIMIT %(limit)s
), share AS (
    SELECT greatest(1, ceil(%(limit)s::numeric / greatest(1, count(*))))::int AS most FROM due
), picked AS (
    SELECT m.message_id, due.endpoint_id, due.url, due.until FROM due CROSS JOIN share CROSS JOIN LATERAL (
        SELECT message_id FROM outbox o WHERE {_DUE.format(e="due")} AND {_FIRST_OF_ITS_ORDER}
        ORDER BY next_at, sequence LIMIT least(due.room, share.most) FOR UPDATE SKIP LOCKED
    ) m LIMIT %(limit)s
)
UPDATE outbox o SET lease_token = o.lease_token + 1, lease_until = picked.until FROM picked
WHERE o.message_id = picked.message_id
RETURNING o.message_id, o.sequence, o.organisation, o.event_type, o.body, o.attempts, o.lease_token, o.lease_until,
    picked.endpoint_id, picked.url
"""
_CLAIM_AGAIN = _CLAIM.format(tried=1)
_CLAIM_FIRST = _CLAIM.format(tried=0)


def claim(
    connection: Connection,
    ready: Sequence[ReadyEndpoint],
    *,
    limit: int,
    now: datetime,
    lease_s: float,
    per_organisation: int,
    rooms: Mapping[str, int] | None = None,
) -> list[Claimed]:
    """Leases up to ``limit`` messages that are due, spread evenly over the organisations.

    Messages that failed before take at most half of the places, so that a dead department's tries leave room for
    everyone's first ones. An endpoint on probation gets one message. No two processes get the same message, and
    neither waits for the other.

    Args:
        ready: The endpoints to send to, from `hub.store.endpoints.ready`; other organisations' messages stay.
        lease_s: Added to the endpoint's own time limit.
        per_organisation: Most messages for one organisation, where ``rooms`` names no other number.
        rooms: Organisation -> most messages; 0 leaves it out.

    Returns:
        By organisation and sequence.
    """
    most = {e.organisation: _room(e, per_organisation, rooms or {}) for e in ready}
    claimed = _lease(connection, ready, most, _CLAIM_AGAIN, (limit + 1) // 2, now, lease_s)
    for message in claimed:
        most[message.organisation] -= 1
    claimed += _lease(connection, ready, most, _CLAIM_FIRST, limit - len(claimed), now, lease_s)
    claimed = _only_probes_taken(connection, ready, claimed, now)
    return sorted(claimed, key=lambda message: (message.organisation, message.sequence))


def _room(endpoint: ReadyEndpoint, per_organisation: int, rooms: Mapping[str, int]) -> int:
    room = rooms.get(endpoint.organisation, per_organisation)
    return min(room, 1) if endpoint.probe else room


def _lease(
    connection: Connection,
    ready: Sequence[ReadyEndpoint],
    most: Mapping[str, int],
    statement: str,
    limit: int,
    now: datetime,
    lease_s: float,
) -> list[Claimed]:
    open_ = [endpoint for endpoint in ready if most[endpoint.organisation] > 0]
    if limit < 1 or not open_:
        return []
    cursor = driver(connection).cursor(binary=True)
    cursor.execute(
        statement,
        {
            "organisations": [endpoint.organisation for endpoint in open_],
            "rooms": [most[endpoint.organisation] for endpoint in open_],
            "endpoints": [endpoint.endpoint_id for endpoint in open_],
            "urls": [endpoint.url for endpoint in open_],
            "leases": [now + timedelta(seconds=endpoint.timeout_s + lease_s) for endpoint in open_],
            "limit": limit,
            "now": now,
        },
    )
    return [Claimed(*row) for row in cursor.fetchall()]


def _only_probes_taken(
    connection: Connection, ready: Sequence[ReadyEndpoint], claimed: list[Claimed], now: datetime
) -> list[Claimed]:
    """Gives back the messages of endpoints on probation that another process tries at this moment."""
    reached = {message.endpoint_id for message in claimed}
    probes = sorted(e.endpoint_id for e in ready if e.probe and e.endpoint_id in reached)
    refused = {
        endpoint_id for endpoint_id in probes if not endpoints.take_probe(connection, endpoint_id, now)
    }
    if not refused:
        return claimed
    release(connection, [message for message in claimed if message.endpoint_id in refused])
    return [message for message in claimed if message.endpoint_id not in refused]


_SETTLE = """
WITH r AS (
    SELECT * FROM json_to_recordset(CAST(%(results)s AS json)) AS t (
        place int, message_id text, token bigint, state text, next_at timestamptz, number int, endpoint_id text,
        started_at timestamptz, duration_ms int, status int, outcome text, code text, last_code text, detail text
    )
), done AS (
    UPDATE outbox o SET state = r.state, attempts = o.attempts + 1, next_at = coalesce(r.next_at, o.next_at),
        lease_token = o.lease_token + 1, lease_until = NULL, last_code = r.last_code,
        settled_at = CASE WHEN r.state = 'waiting' THEN NULL ELSE %(now)s END
    FROM r WHERE o.message_id = r.message_id AND o.lease_token = r.token AND o.state = 'waiting'
    RETURNING o.message_id
), noted AS (
    INSERT INTO delivery_attempt (message_id, number, endpoint_id, started_at, duration_ms, status, outcome, code, detail)
    SELECT r.message_id, r.number, r.endpoint_id, r.started_at, r.duration_ms, r.status,
        CASE WHEN done.message_id IS NULL THEN 'late' ELSE r.outcome END, r.code, r.detail
    FROM r LEFT JOIN done USING (message_id) ORDER BY r.place
)
SELECT message_id FROM done
"""


def settle(connection: Connection, results: Sequence[Result], now: datetime) -> Settled:
    """Records every attempt, and writes what became of its message where the lease's token still stands.

    A result that comes too late, or a second time, is recorded as ``late`` and changes nothing. 410 Gone disables the
    endpoint; failures in a row let it rest.

    Args:
        results: At most one a message.
    """
    if not results:
        return Settled((), frozenset())
    cursor = driver(connection).cursor()
    # One JSON document: thirteen arrays cost the driver several times as much.
    rows = [_row(place, result) for place, result in enumerate(results)]
    cursor.execute(_SETTLE, {"results": orjson.dumps(rows).decode(), "now": now})
    done = {row[0] for row in cursor.fetchall()}
    gone = [(r.claimed.endpoint_id, r.claimed.url) for r in results if r.outcome == "gone"]
    endpoints.disable(connection, gone, now)
    answers = [
        endpoints.Answer(result.claimed.endpoint_id, result.well, result.hold_s)
        for result in results
        if result.well is not None
    ]
    resting = endpoints.note_answers(connection, answers, now) if answers else set()
    return Settled(
        tuple(result.claimed.message_id in done for result in results),
        frozenset(resting | {endpoint_id for endpoint_id, _ in gone}),
    )


def _row(place: int, result: Result) -> dict[str, object]:
    claimed = result.claimed
    return {
        "place": place,
        "message_id": claimed.message_id,
        "token": claimed.token,
        "state": result.state,
        "next_at": result.next_at,
        "number": claimed.attempts + 1,
        "endpoint_id": claimed.endpoint_id,
        "started_at": result.started_at,
        "duration_ms": result.duration_ms,
        "status": result.status,
        "outcome": result.outcome,
        "code": result.code,
        "last_code": result.last_code,
        "detail": result.detail,
    }


def release(connection: Connection, claimed: Sequence[Claimed]) -> None:
    """Gives messages back unsent; no attempt is counted. One that another process leased since stays with it."""
    if not claimed:
        return
    driver(connection).cursor().execute(
        "UPDATE outbox o SET lease_until = NULL FROM unnest(%s::text[], %s::bigint[]) AS r (message_id, token) "
        "WHERE o.message_id = r.message_id AND o.lease_token = r.token AND o.state = 'waiting'",
        ([message.message_id for message in claimed], [message.token for message in claimed]),
    )
