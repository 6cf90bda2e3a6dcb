"""Endpoints of organisations: their sealed secrets, whether they are disabled, and the gate that lets one rest.

The gate is `hub.sdk.gate`'s, kept in ``source_gate`` under ``endpoint:<id>``. An organisation's messages go to the
first of its endpoints by id that is active and not disabled.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from hub.errors import Code, NotFound
from hub.sdk import gate
from hub.sdk.gate import BreakerPolicy, GateState
from hub.sdk.notify import Endpoint
from hub.sdk.signing import generate_secret, key_of
from hub.seal import Sealer

BREAKER = BreakerPolicy(failures=5, open_s=30.0, longest_open_s=600.0, probe_s=90.0)
"""After five failures in a row an endpoint rests: half a minute, then twice as long each time, at most ten minutes."""

_TABLE = "endpoint"
_GATE = "endpoint:"


@dataclass(frozen=True, slots=True)
class ReadyEndpoint:
    """An endpoint that may be called now.

    Attributes:
        probe: Its circuit is half open: one call only, and only after `take_probe`.
    """

    endpoint_id: str
    organisation: str
    kind: str
    url: str
    timeout_s: float
    sealed_secrets: bytes = field(repr=False)
    probe: bool

    def opened(self, sealer: Sealer) -> Endpoint:
        """The endpoint with its secrets readable.

        Raises:
            SealBroken, UnknownKey: The sealed secrets do not open.
        """
        return Endpoint(
            self.endpoint_id,
            self.organisation,
            self.kind,
            self.url,
            open_secrets(sealer, self.endpoint_id, self.sealed_secrets),
            self.timeout_s,
        )


@dataclass(frozen=True, slots=True)
class EndpointView:
    """An endpoint as lists show it: without its secrets."""

    endpoint_id: str
    organisation: str
    kind: str
    url: str
    timeout_s: float
    active: bool
    disabled_at: datetime | None
    disabled_code: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one attempt told about the endpoint itself.

    Attributes:
        well: It answered, whatever it said; or it is out of order.
        hold_s: It asked to be left alone for so long.
    """

    endpoint_id: str
    well: bool
    hold_s: float = 0.0


def seal_secrets(sealer: Sealer, endpoint_id: str, secrets: Sequence[str]) -> bytes:
    """The secrets as the table keeps them, the active one first.

    Raises:
        ConfigError: One of them is no signing secret (code ``config_invalid``).
    """
    for secret in secrets:
        key_of(secret)
    return sealer.seal(json.dumps(list(secrets)).encode(), table=_TABLE, row_id=endpoint_id)


def open_secrets(sealer: Sealer, endpoint_id: str, sealed: bytes) -> tuple[str, ...]:
    """The secrets that `seal_secrets` sealed; raises as `Sealer.unseal`."""
    return tuple(json.loads(sealer.unseal(sealed, table=_TABLE, row_id=endpoint_id)))


def put(
    connection: Connection, sealer: Sealer, endpoint: Endpoint, *, config_version: int, active: bool = True
) -> None:
    """Writes an endpoint, new or known; one whose address changed is enabled and its gate opened.

    Raises:
        ConfigError: One of its secrets is no signing secret.
    """
    moved = connection.execute(
        text(
            "WITH before AS (SELECT url FROM endpoint WHERE endpoint_id = :id) "
            "INSERT INTO endpoint AS e (endpoint_id, organisation, kind, url, sealed_secrets, timeout_s, active, config_version) "
            "VALUES (:id, :organisation, :kind, :url, :sealed, :timeout_s, :active, :version) "
            "ON CONFLICT (endpoint_id) DO UPDATE SET organisation = excluded.organisation, kind = excluded.kind, "
            "url = excluded.url, sealed_secrets = excluded.sealed_secrets, timeout_s = excluded.timeout_s, "
            "active = excluded.active, config_version = excluded.config_version, "
            "disabled_at = CASE WHEN e.url = excluded.url THEN e.disabled_at END, "
            "disabled_code = CASE WHEN e.url = excluded.url THEN e.disabled_code END "
            "RETURNING (SELECT url FROM before) IS DISTINCT FROM :url"
        ),
        {
            "id": endpoint.endpoint_id,
            "organisation": endpoint.organisation,
            "kind": endpoint.kind,
            "url": endpoint.url,
            "sealed": seal_secrets(sealer, endpoint.endpoint_id, endpoint.secrets),
            "timeout_s": endpoint.timeout_s,
            "active": active,
            "version": config_version,
        },
    ).scalar_one()
    if moved:
        _forget(connection, endpoint.endpoint_id)


def rotate_secret(connection: Connection, sealer: Sealer, endpoint_id: str, secret: str | None = None) -> str:
    """Makes a new secret the active one and keeps the former beside it: both sign, until `drop_former_secrets`.

    Returns:
        The new secret, to be given to the department.

    Raises:
        NotFound: There is no such endpoint.
        ConfigError: ``secret`` is no signing secret.
    """
    secret = secret or generate_secret()
    former = _secrets(connection, sealer, endpoint_id)
    _write_secrets(connection, sealer, endpoint_id, [secret, *former[:1]])
    return secret


def drop_former_secrets(connection: Connection, sealer: Sealer, endpoint_id: str) -> None:
    """Ends a rotation: only the active secret signs. Raises NotFound as `rotate_secret`."""
    _write_secrets(connection, sealer, endpoint_id, _secrets(connection, sealer, endpoint_id)[:1])


def enable(connection: Connection, endpoint_id: str) -> None:
    """Lets an endpoint be called again at once, after a 410 or during a rest.

    Raises:
        NotFound: There is no such endpoint.
    """
    done = connection.execute(
        text("UPDATE endpoint SET disabled_at = NULL, disabled_code = NULL WHERE endpoint_id = :id"),
        {"id": endpoint_id},
    )
    if not done.rowcount:
        raise _not_found(endpoint_id)
    _forget(connection, endpoint_id)


def disable(connection: Connection, gone: Iterable[tuple[str, str]], now: datetime) -> None:
    """Disables endpoints, (id, address) each, for 410 Gone; one that was given another address meanwhile stays."""
    for endpoint_id, url in sorted(set(gone)):
        connection.execute(
            text(
                "UPDATE endpoint SET disabled_at = :now, disabled_code = :code "
                "WHERE endpoint_id = :id AND url = :url AND disabled_at IS NULL"
            ),
            {"id": endpoint_id, "url": url, "now": now, "code": Code.DELIVERY_GONE.value},
        )


def list_endpoints(connection: Connection) -> list[EndpointView]:
    """Every endpoint, by organisation and id."""
    rows = connection.execute(
        text(
            "SELECT endpoint_id, organisation, kind, url, timeout_s, active, disabled_at, disabled_code "
            "FROM endpoint ORDER BY organisation, endpoint_id"
        )
    )
    return [EndpointView(*row) for row in rows]


def ready(connection: Connection, kinds: Collection[str], now: datetime) -> list[ReadyEndpoint]:
    """The endpoint of each organisation that has one of these kinds in use and not at rest, by organisation."""
    rows = connection.execute(
        text(
            "SELECT DISTINCT ON (e.organisation) e.endpoint_id, e.organisation, e.kind, e.url, e.timeout_s, "
            "e.sealed_secrets, g.state FROM endpoint e LEFT JOIN source_gate g ON g.source = :gate || e.endpoint_id "
            "WHERE e.active AND e.disabled_at IS NULL AND e.kind = ANY(:kinds) ORDER BY e.organisation, e.endpoint_id"
        ),
        {"gate": _GATE, "kinds": sorted(kinds)},
    )
    found = []
    for row in rows:
        state = GateState.from_json(row.state or {})
        if not resting(state, now):
            place = (row.endpoint_id, row.organisation, row.kind, row.url, row.timeout_s)
            found.append(ReadyEndpoint(*place, bytes(row.sealed_secrets), bool(state.opened)))
    return found


def resting(state: GateState, now: datetime) -> bool:
    """Whether the gate would let nobody through at this moment."""
    decided = gate.admit(state, now.timestamp(), rate_per_s=None, burst=1, breaker=BREAKER)
    return decided.refused_s is not None or decided.wait_s > 0


def take_probe(connection: Connection, endpoint_id: str, now: datetime) -> bool:
    """Whether the caller is the one that may try a half-open endpoint; never waits for another process."""
    stored = connection.execute(
        text("SELECT state FROM source_gate WHERE source = :source FOR UPDATE SKIP LOCKED"),
        {"source": _GATE + endpoint_id},
    ).scalar_one_or_none()
    if stored is None:
        return False
    state = GateState.from_json(stored)
    if resting(state, now):
        return False
    taken = gate.admit(state, now.timestamp(), rate_per_s=None, burst=1, breaker=BREAKER).state
    if taken != state:
        _write_gate(connection, endpoint_id, taken, now)
    return True


def note_answers(connection: Connection, answers: Sequence[Answer], now: datetime) -> set[str]:
    """Tells the gates what attempts found, in the order in which they ended.

    Returns:
        Those of the endpoints that rest from now on, or went on resting.
    """
    named = sorted({answer.endpoint_id for answer in answers})
    troubled = sorted({answer.endpoint_id for answer in answers if not answer.well or answer.hold_s})
    if troubled:
        connection.execute(
            text(
                "INSERT INTO source_gate (source, state, updated_at) SELECT source, '{}', :now "
                "FROM unnest(CAST(:sources AS text[])) AS t (source) ORDER BY source ON CONFLICT DO NOTHING"
            ),
            {"sources": [_GATE + name for name in troubled], "now": now},
        )
    stored = connection.execute(
        text("SELECT source, state FROM source_gate WHERE source = ANY(:sources) ORDER BY source FOR UPDATE"),
        {"sources": [_GATE + name for name in named]},
    )
    before = {row.source.removeprefix(_GATE): GateState.from_json(row.state) for row in stored}
    after = _judged(before, answers, now)
    for endpoint_id, state in after.items():
        if state != before[endpoint_id]:
            _write_gate(connection, endpoint_id, state, now)
    return {endpoint_id for endpoint_id, state in after.items() if resting(state, now)}


def _judged(
    before: Mapping[str, GateState], answers: Sequence[Answer], now: datetime
) -> dict[str, GateState]:
    states = dict(before)
    for answer in answers:
        state = states.get(answer.endpoint_id)
        if state is None:
            continue  # no row and nothing to remember
        state = gate.succeeded(state) if answer.well else gate.failed(state, now.timestamp(), BREAKER)
        if answer.hold_s:
            state = gate.hold(state, now.timestamp(), answer.hold_s)
        states[answer.endpoint_id] = state
    return states


def _write_gate(connection: Connection, endpoint_id: str, state: GateState, now: datetime) -> None:
    connection.execute(
        text(
            "UPDATE source_gate SET state = CAST(:state AS jsonb), updated_at = :now WHERE source = :source"
        ),
        {"source": _GATE + endpoint_id, "state": json.dumps(state.as_json()), "now": now},
    )


def _forget(connection: Connection, endpoint_id: str) -> None:
    connection.execute(
        text("DELETE FROM source_gate WHERE source = :source"), {"source": _GATE + endpoint_id}
    )


def _secrets(connection: Connection, sealer: Sealer, endpoint_id: str) -> tuple[str, ...]:
    sealed = connection.execute(
        text("SELECT sealed_secrets FROM endpoint WHERE endpoint_id = :id FOR UPDATE"), {"id": endpoint_id}
    ).scalar_one_or_none()
    if sealed is None:
        raise _not_found(endpoint_id)
    return open_secrets(sealer, endpoint_id, bytes(sealed))


def _write_secrets(connection: Connection, sealer: Sealer, endpoint_id: str, secrets: Sequence[str]) -> None:
    connection.execute(
        text("UPDATE endpoint SET sealed_secrets = :sealed WHERE endpoint_id = :id"),
        {"id": endpoint_id, "sealed": seal_secrets(sealer, endpoint_id, secrets)},
    )


def _not_found(endpoint_id: str) -> NotFound:
    return NotFound(
        f"endpoint {endpoint_id}: not found (expected one of `hub webhook list`); check its name",
        code=Code.NOT_FOUND,
    )
