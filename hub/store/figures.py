"""The figures behind the metrics: what stands now, and totals of what ever happened, in one snapshot of the database.

What stands now is counted through indexes that hold only what is open; totals come from `hub.store.growing`. Neither costs
more as years go by, nor in a process that has just begun. Labels are names that configuration and code give (instances, rules,
organisations, codes): never a person's.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hub.store import gate
from hub.store.engine import Store
from hub.store.growing import SLICE, Growing, Labels, Question, Values, kept_rows, may_keep
from hub.store.triage import DECISION_DUE

Figures = Mapping[str, Mapping[Labels, Values]]
"""Name -> label values -> figures; which figures is said beside each name in `TOTALS` and `STANDING`."""

ATTEMPT_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)
DELIVERY_BUCKETS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0)
WARNING_BUCKETS_S = (1.0, 5.0, 15.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 259_200.0)

_STATEMENT_LIMIT = "SET LOCAL statement_timeout = '30s'"


def _buckets(seconds: str, bounds: tuple[float, ...]) -> str:
    """Count, sum, and how many lie at or below each bound."""
    columns = [f"count(*) FILTER (WHERE {seconds} <= {bound})" for bound in bounds]
    return ", ".join(["count(*)", f"coalesce(sum({seconds}), 0)", *columns])


def _upto(table: str, key: str, moment: str) -> str:
    return f"SELECT max({key}) FROM {table} WHERE {moment} < :settled"


TOTALS = (
    # Figures: runs, the five counts of records, seconds spent, the latest end (seconds since 1970), the latest start.
    Question(
        "runs",
        labels=4,  # step, instance, stream, state
        sql="SELECT step, instance, stream, state, count(*), sum(collected), sum(stored), sum(duplicate), sum(quarantined), "
        "sum(pending), sum(extract(epoch FROM finished_at - started_at)), extract(epoch FROM max(finished_at)), "
        "extract(epoch FROM max(started_at)) FROM run WHERE {rows} GROUP BY 1, 2, 3, 4",
        table="run",
        id="run_id",
        upto=_upto("run", "run_id", "started_at"),
        least=0,
        # A record that was set aside or waits still moves from one outcome of its run to another.
        final="(finished_at IS NOT NULL AND pending = 0 AND quarantined = 0)",
        largest=frozenset({7, 8}),
    ),
    # Figures: as `_buckets`, over `ATTEMPT_BUCKETS_S`.
    Question(
        "attempts",
        labels=2,  # outcome, code
        sql=f"SELECT outcome, code, {_buckets('duration_ms / 1000.0', ATTEMPT_BUCKETS_S)} FROM delivery_attempt "
        "WHERE {rows} GROUP BY 1, 2",
        table="delivery_attempt",
        id="attempt_id",
        upto=_upto("delivery_attempt", "attempt_id", "started_at"),
        least=0,
    ),
    # A message's first arrival only: one that is sent again by hand arrives twice. Figures: over `DELIVERY_BUCKETS_S`.
    Question(
        "deliveries",
        labels=1,  # organisation
        sql=f"SELECT organisation, {_buckets('took', DELIVERY_BUCKETS_S)} FROM (SELECT o.organisation, "
        "extract(epoch FROM a.started_at - o.created_at) + a.duration_ms / 1000.0 AS took "
        "FROM delivery_attempt a JOIN outbox o USING (message_id) WHERE a.outcome = 'delivered' AND {rows} AND NOT EXISTS "
        "(SELECT 1 FROM delivery_attempt b WHERE b.message_id = a.message_id AND b.outcome = 'delivered' "
        "AND b.attempt_id < a.attempt_id)) d GROUP BY 1",
        table="delivery_attempt",
        id="attempt_id",
        upto=_upto("delivery_attempt", "attempt_id", "started_at"),
        least=0,
    ),
    # Figures: signals.
    Question(
        "signals",
        labels=1,  # rule
        sql="SELECT rule_id, count(*) FROM signal WHERE {rows} GROUP BY 1",
        table="signal",
        id="signal_id",
        upto=_upto("signal", "signal_id", "first_seen_at"),
        least="",
    ),
    # R33: from the last demand that the warning's signal rests on, as the citizen sent it (submitted) and as the hub got it
    # (received), to the warning. Figures: over `WARNING_BUCKETS_S`.
    Question(
        "warnings",
        labels=2,  # rule, since
        sql=f"SELECT rule_id, since, {_buckets('took', WARNING_BUCKETS_S)} FROM (SELECT w.rule_id, t.since, "
        "extract(epoch FROM w.issued_at - t.at) AS took FROM warning w JOIN signal s USING (signal_id) CROSS JOIN LATERAL "
        "(SELECT submitted_at, received_at FROM demand WHERE demand_id = ANY(s.demand_ids) AND received_at <= w.issued_at "
        "ORDER BY received_at DESC LIMIT 1) d CROSS JOIN LATERAL "
        "(VALUES ('submitted', d.submitted_at), ('received', d.received_at)) AS t (since, at) WHERE {rows}) x GROUP BY 1, 2",
        table="warning",
        id="warning_id",
        upto=_upto("warning", "warning_id", "issued_at"),
        least="",
    ),
    # Figures: warnings. By itself, for a warning without a demand that stands would be missing above.
    Question(
        "warnings_issued",
        labels=1,  # rule
        sql="SELECT rule_id, count(*) FROM warning WHERE {rows} GROUP BY 1",
        table="warning",
        id="warning_id",
        upto=_upto("warning", "warning_id", "issued_at"),
        least="",
    ),
    # Figures: orders.
    Question(
        "orders",
        labels=1,  # organisation
        sql="SELECT organisation, count(*) FROM orders WHERE {rows} GROUP BY 1",
        table="orders",
        id="order_id",
        upto=_upto("orders", "order_id", "created_at"),
        least="",
    ),
)

# Name -> how many of the columns are labels, and the statement; it may ask for `now`.
STANDING: Mapping[str, tuple[int, str]] = {
    "quarantine": (  # instance, kind, code: entries
        3,
        "SELECT s.instance, q.kind, q.code, count(*) FROM quarantine q JOIN stream_state s USING (stream_id) "
        "WHERE q.settled_at IS NULL GROUP BY 1, 2, 3",
    ),
    "pending": (  # step: how much waits, and since when (seconds since 1970, 0 where nothing waits)
        1,
        "SELECT 'normalize', coalesce(sum(cardinality(raw_ids)), 0), extract(epoch FROM min(not_before)) FROM normalize_work "
        "UNION ALL SELECT 'evaluate', coalesce(sum(n), 0), extract(epoch FROM min(created_at)) FROM "
        "(SELECT cardinality(demand_ids) AS n, created_at FROM evaluate_work "
        "UNION ALL SELECT cardinality(ids), created_at FROM observed_work) w UNION ALL SELECT 'triage', count(*), extract(epoch FROM min(first_seen_at)) FROM signal "
        "WHERE state = 'open' AND NOT historical UNION ALL SELECT 'dispatch', count(*), extract(epoch FROM min(issued_at)) "
        "FROM warning WHERE dispatched_at IS NULL AND state = 'issued' UNION ALL SELECT 'deliver', count(*), "
        "extract(epoch FROM min(created_at)) FROM outbox WHERE state = 'waiting' UNION ALL SELECT 'reply', count(*), "
        "extract(epoch FROM min(made_at)) FROM reply_outbox WHERE state = 'waiting'",
    ),
    "signals_open": (  # rule, historical: signals
        2,
        "SELECT rule_id, historical::text, count(*) FROM signal WHERE state = 'open' GROUP BY 1, 2",
    ),
    "decisions_overdue": (  # rule: signals that nobody has decided on in time, and when the first was due (seconds since 1970)
        1,
        f"SELECT rule_id, count(*), extract(epoch FROM min(due)) FROM (SELECT rule_id, {DECISION_DUE} AS due FROM signal s "
        "WHERE state = 'open') d WHERE due <= :now GROUP BY 1",
    ),
    "warnings_open": (  # rule, level: warnings
        2,
        "SELECT rule_id, level, count(*) FROM warning WHERE state = 'issued' GROUP BY 1, 2",
    ),
    "plans_overdue": (  # rule: warnings that stand without the plan that was due, and since when the first (seconds since 1970)
        1,
        "SELECT rule_id, count(*), extract(epoch FROM min(plan_due_at)) FROM warning w WHERE plan_due_at <= :now "
        "AND state = 'issued' AND NOT EXISTS (SELECT 1 FROM warning_plan x WHERE x.warning_id = w.warning_id) GROUP BY 1",
    ),
    "orders_open": (  # organisation, state, level: orders
        3,
        "SELECT organisation, state, level, count(*) FROM orders WHERE state <> 'closed' AND state <> 'withdrawn' "
        "GROUP BY 1, 2, 3",
    ),
    "outbox": (  # organisation, state: messages
        2,
        "SELECT organisation, 'waiting', count(*) FROM outbox WHERE state = 'waiting' GROUP BY 1 "
        "UNION ALL SELECT organisation, 'failed', count(*) FROM outbox WHERE state = 'failed' GROUP BY 1",
    ),
    "endpoints_disabled": (  # organisation: endpoints
        1,
        "SELECT organisation, count(*) FROM endpoint WHERE active AND disabled_at IS NOT NULL GROUP BY 1",
    ),
    "sealed": (  # table: values, as the planner estimates them
        1,
        "SELECT coalesce(p.relname, c.relname), sum(greatest(c.reltuples, 0)) FROM pg_class c "
        "LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent "
        "WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relkind = 'r' "
        "AND coalesce(p.relname, c.relname) IN ('raw_record', 'demand', 'demand_history', 'attachment') GROUP BY 1",
    ),
    "size": (0, "SELECT pg_database_size(current_database())"),  # bytes
}


class FigureReader:
    """Reads all figures of one database; one object may serve several threads, one after the other."""

    def __init__(self, store: Store, *, slice_rows: int = SLICE) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._totals = [Growing(question, slice_rows=slice_rows) for question in TOTALS]

    def read(self, now: datetime) -> dict[str, dict[Labels, Values]]:
        """Every figure, all of one moment.

        Beside `TOTALS` and `STANDING`: ``positions`` (instance, stream: seconds since 1970) of streams that stand at a
        time, and ``circuits`` (kind, name: 1 where the circuit is open) of what was ever called.

        Raises:
            StoreUnavailable, StoreError: The database did not answer, within half a minute a statement.
        """
        with self._lock:
            self._advance(now)
            with self._store.begin() as connection:
                # One snapshot, so that what waits and what is done never count the same record twice.
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
                connection.execute(text(_STATEMENT_LIMIT))
                found = {one.question.name: one.read(connection) for one in self._totals}
                for name, (labels, statement) in STANDING.items():
                    found[name] = _standing(connection, now, labels, statement)
                found["positions"] = _positions(connection)
                found["circuits"] = _circuits(connection)
                return found

    def advance(self, now: datetime) -> None:
        """Takes what has settled into the kept totals, so that no later reading counts it; raises as `read` does."""
        with self._lock:
            self._advance(now)

    def _advance(self, now: datetime) -> None:
        with self._store.begin() as connection:
            keep = may_keep(connection)
            kept = kept_rows(connection)
        for one in self._totals:
            stored = kept.get(one.question.kept_as)
            # What is written down is what counts, but for a process that may not write and has counted on by itself.
            if stored is not None and (keep or one.kept.upto < stored.upto):
                one.kept = stored
            done = not one.due(now)
            while (
                not done
            ):  # each slice stands by itself: a process that dies here leaves the next one less to do
                with self._store.begin() as connection:
                    connection.execute(text(_STATEMENT_LIMIT))
                    done = one.advance(connection, now, keep=keep)


def standing(connection: Connection, name: str, now: datetime) -> dict[Labels, Values]:
    """One of `STANDING` by itself."""
    return _standing(connection, now, *STANDING[name])


def _standing(connection: Connection, now: datetime, labels: int, statement: str) -> dict[Labels, Values]:
    return {
        tuple(str(value) for value in row[:labels]): [float(value or 0) for value in row[labels:]]
        for row in connection.execute(text(statement), {"now": now})
    }


def _positions(connection: Connection) -> dict[Labels, Values]:
    rows = connection.execute(text("SELECT instance, stream, position FROM stream_state"))
    found: dict[Labels, Values] = {}
    for row in rows:
        moment = _moment(row.position)
        if moment is not None:
            found[row.instance, row.stream] = [moment.timestamp()]
    return found


def _moment(position: Any) -> datetime | None:
    """The position as a time, None where it is of another kind."""
    try:
        moment = datetime.fromisoformat(position) if isinstance(position, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _circuits(connection: Connection) -> dict[Labels, Values]:
    found: dict[Labels, Values] = {}
    for source, state in gate.states(connection).items():
        kind, separator, name = source.partition(":")
        found[(kind, name) if separator else ("source", source)] = [float(state.opened > 0)]
    return found


_DUE = text(
    "SELECT EXISTS (SELECT 1 FROM normalize_work WHERE not_before <= :now), "
    "EXISTS (SELECT 1 FROM evaluate_work WHERE not_before <= :now) OR EXISTS (SELECT 1 FROM observed_work WHERE not_before <= :now) "
    "OR EXISTS (SELECT 1 FROM recheck WHERE at <= :now) "
    "OR EXISTS (SELECT 1 FROM rule_params WHERE taken_up_at IS NULL AND valid_from <= :now), "
    # What is older was looked at and is held (a silence, a mute): the scheduler's sweep of every minute looks at it again.
    "EXISTS (SELECT 1 FROM signal WHERE state = 'open' AND auto_issue AND NOT historical "
    "AND last_seen_at > CAST(:now AS timestamptz) - INTERVAL '5 minutes') "
    "OR EXISTS (SELECT 1 FROM signal WHERE state = 'warned' AND lapsed_at > CAST(:now AS timestamptz) - INTERVAL '5 minutes'), "
    "EXISTS (SELECT 1 FROM warning WHERE dispatched_at IS NULL AND state = 'issued') "
    "OR EXISTS (SELECT 1 FROM tell_work WHERE not_before <= :now), "
    "EXISTS (SELECT 1 FROM outbox WHERE state = 'waiting' AND next_at <= :now), "
    "EXISTS (SELECT 1 FROM reply_outbox WHERE state = 'waiting' AND next_at <= :now)"
)


def due(connection: Connection, now: datetime) -> frozenset[str]:
    """The steps for which something is due at this moment; stops looking at the first row of each."""
    steps = ("normalize", "evaluate", "triage", "dispatch", "deliver", "reply")
    row = connection.execute(_DUE, {"now": now}).one()
    return frozenset(step for step, waits in zip(steps, row, strict=True) if waits)
