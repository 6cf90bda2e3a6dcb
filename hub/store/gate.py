"""The gate that all processes of a hub share: `hub.sdk.gate`'s state machine, its states kept in a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Connection, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from hub.clock import Clock
from hub.sdk import gate
from hub.sdk.gate import BreakerPolicy, GateState
from hub.store.engine import Store
from hub.store.tables import Moment, metadata

source_gate = Table(
    "source_gate",
    metadata,
    Column("source", Text, primary_key=True),
    Column("state", JSONB, nullable=False),
    Column("updated_at", Moment, nullable=False),
    comment="rate limit and circuit breaker of each source, shared by all processes",
)


class StoreGate:
    """Rate limit and circuit breaker by source, one row each.

    A call that would change nothing only reads; one that changes takes the row's lock and decides anew.
    """

    def __init__(self, store: Store, clock: Clock, breaker: BreakerPolicy | None = None) -> None:
        self._store = store
        self._clock = clock
        self._breaker = breaker or BreakerPolicy()

    def admit(self, source: str, *, rate_per_s: float | None, burst: int) -> float:
        """See `hub.sdk.context.SourceGate.admit`."""
        decided: list[gate.Admission] = []

        def decide(state: GateState, now: float) -> GateState:
            decided.append(gate.admit(state, now, rate_per_s=rate_per_s, burst=burst, breaker=self._breaker))
            return decided[-1].state

        self._change(source, decide)
        admission = decided[-1]
        if admission.refused_s is not None:
            raise gate.circuit_open(source, admission.refused_s)
        return admission.wait_s

    def take_now(self, source: str, *, rate_per_s: float, burst: int) -> float:
        """For those who come to us: 0.0 where a place was free and is taken, else the seconds after which one will be.

        Whoever must come again has taken nothing, so that coming too often makes nobody's wait longer.
        """
        decided: list[gate.Admission] = []

        def decide(state: GateState, now: float) -> GateState:
            decided.append(gate.take_now(state, now, rate_per_s=rate_per_s, burst=burst))
            return decided[-1].state

        self._change(source, decide)
        return decided[-1].wait_s

    def hold(self, source: str, seconds: float) -> None:
        """See `hub.sdk.context.SourceGate.hold`."""
        self._change(source, lambda state, now: gate.hold(state, now, seconds))

    def succeeded(self, source: str) -> None:
        """See `hub.sdk.context.SourceGate.succeeded`."""
        self._change(source, lambda state, now: gate.succeeded(state))

    def failed(self, source: str) -> None:
        """See `hub.sdk.context.SourceGate.failed`."""
        self._change(source, lambda state, now: gate.failed(state, now, self._breaker))

    def state(self, source: str) -> GateState:
        """What is remembered of the source now; for metrics and `hub doctor`."""
        with self._store.connect() as connection:
            return _read(connection, source, lock=False)

    def _change(self, source: str, change: Callable[[GateState, float], GateState]) -> None:
        now = self._clock.now().timestamp()
        with self._store.connect() as connection:
            state = _read(connection, source, lock=False)
        if change(state, now) == state:
            return
        with self._store.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO source_gate (source, state, updated_at) VALUES (:source, '{}', now()) ON CONFLICT DO NOTHING"
                ),
                {"source": source},
            )
            state = _read(connection, source, lock=True)
            changed = change(state, self._clock.now().timestamp())
            if changed != state:
                connection.execute(_WRITE, {"source": source, "state": _json(changed.as_json())})


_WRITE = text(
    "UPDATE source_gate SET state = CAST(:state AS jsonb), updated_at = now() WHERE source = :source"
)


def _read(connection: Connection, source: str, *, lock: bool) -> GateState:
    stored: dict[str, Any] | None = connection.execute(
        text(f"SELECT state FROM source_gate WHERE source = :source{' FOR UPDATE' if lock else ''}"),
        {"source": source},
    ).scalar_one_or_none()
    return GateState.from_json(stored or {})


def _json(value: dict[str, float]) -> str:
    return json.dumps(value)


def states(connection: Connection) -> dict[str, GateState]:
    """Every source's state, for metrics."""
    rows = connection.execute(text("SELECT source, state FROM source_gate ORDER BY source"))
    return {row.source: GateState.from_json(row.state) for row in rows}
