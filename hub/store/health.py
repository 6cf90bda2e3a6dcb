"""What the database tells about its own state and that of the hub's work: for `hub doctor`, `/healthz` and the scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from hub.model.codes import RunState
from hub.store.partitions import ensure_months, month_of
from hub.store.runs import STREAM_LOCK_SPACE
from hub.store.work import row_dicts

OLDEST_VERSION = 150_000  # PostgreSQL 15


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server as it presents itself.

    Attributes:
        number: Its version as a number: 150004 for 15.4.
        skew_s: Its clock less the hub's; the time of asking lies within it.
        local: It runs on this machine as far as the address tells (a socket, or a loopback address).
        connections: In use now, by everybody.
        max_connections: Allowed at once.
    """

    version: str
    number: int
    encoding: str
    skew_s: float
    local: bool
    connections: int
    max_connections: int


def server_facts(connection: Connection, now: datetime) -> ServerFacts:
    """See `ServerFacts`; ``now`` is the hub's moment of asking."""
    row = connection.execute(
        text(
            "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number, "
            "current_setting('server_encoding') AS encoding, clock_timestamp() AS at, "
            "inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1' AS local, "
            "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections, "
            "current_setting('max_connections')::int AS max_connections"
        )
    ).one()
    return ServerFacts(
        row.version,
        row.number,
        row.encoding,
        (row.at - now).total_seconds(),
        row.local,
        row.connections,
        row.max_connections,
    )


def missing_months(connection: Connection, now: datetime, *, ahead: int = 1) -> list[str]:
    """Names of the monthly partitions of ``raw_record`` that are not there, from this month to ``ahead`` months on."""
    year, month = month_of(now)
    names = []
    for _ in range(ahead + 1):
        names.append(f"raw_record_{year:04d}_{month:02d}")
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    rows = connection.execute(
        text("SELECT name FROM unnest(CAST(:names AS text[])) AS n (name) WHERE to_regclass(name) IS NULL"),
        {"names": names},
    )
    return sorted(rows.scalars())


# A run holds a lock of its stream in a session of its own for as long as it lives: no lock, no run.
_DEAD = (
    "SELECT r.run_id, r.instance, r.stream, r.started_at FROM run r LEFT JOIN stream_state s USING (instance, stream) "
    "WHERE r.state = 'running' AND r.step = 'collect' AND r.run_id > :since AND NOT EXISTS ("
    "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() "
    "AND l.locktype = 'advisory' AND l.classid = :space AND l.objid = s.stream_id AND l.objsubid = 2 AND l.granted)"
)


def dead_runs(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Collecting runs of the last month that never ended although nobody is at them: ``run_id``, ``instance``, ``stream``."""
    since = connection.execute(
        text("SELECT coalesce(max(run_id), 0) FROM run WHERE started_at < :since"),
        {"since": now - timedelta(days=31)},
    ).scalar_one()
    return row_dicts(connection.execute(text(_DEAD), {"space": STREAM_LOCK_SPACE, "since": since}))


def abandon_dead_runs(connection: Connection, now: datetime) -> int:
    """Marks such runs as abandoned; what they committed stands, their stream goes on from there. Returns how many."""
    found = dead_runs(connection, now)
    if not found:
        return 0
    done = connection.execute(
        text(
            "UPDATE run SET state = :abandoned, finished_at = :now WHERE run_id = ANY(:ids) AND state = 'running'"
        ),
        {"abandoned": RunState.ABANDONED.value, "now": now, "ids": [row["run_id"] for row in found]},
    )
    return done.rowcount


def last_runs(connection: Connection) -> list[dict[str, Any]]:
    """The last run of each stream: ``instance``, ``stream``, ``state``, ``started_at``, ``problems`` (code and message each)."""
    rows = connection.execute(
        text(
            "SELECT s.instance, s.stream, r.run_id, r.state, r.started_at, r.finished_at, r.problems FROM stream_state s "
            "JOIN LATERAL (SELECT run_id, state, started_at, finished_at, problems FROM run WHERE step = 'collect' "
            "AND instance = s.instance AND stream = s.stream ORDER BY started_at DESC LIMIT 1) r ON true "
            "ORDER BY s.instance, s.stream"
        )
    )
    return row_dicts(rows)


def outbox_trouble(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """What departments have not received: ``organisation``, ``waiting``, ``failed``, ``oldest_at`` (of those that wait), ``code``."""
    rows = connection.execute(
        text(
            "SELECT organisation, sum(waiting)::bigint AS waiting, sum(failed)::bigint AS failed, min(oldest_at) AS oldest_at, "
            "max(code) AS code FROM ("
            "SELECT organisation, count(*) AS waiting, 0 AS failed, min(created_at) AS oldest_at, max(last_code) AS code "
            "FROM outbox WHERE state = 'waiting' AND created_at < :late GROUP BY 1 "
            "UNION ALL SELECT organisation, 0, count(*), NULL, max(last_code) FROM outbox WHERE state = 'failed' GROUP BY 1"
            ") o GROUP BY 1 ORDER BY 1"
        ),
        {"late": now - timedelta(hours=1)},
    )
    return row_dicts(rows)


def keep_up(connection: Connection, now: datetime) -> int:
    """Housekeeping that a running scheduler does by the hour: partitions ahead, dead runs marked; how many were marked."""
    ensure_months(connection, now, ahead=1)
    return abandon_dead_runs(connection, now)
