"""The database: reachable, new enough, of the right schema, its clock ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import HubError
from hub.runtime.doctor.findings import Finding, fail, failed, ok, warn
from hub.store import health, migrate
from hub.store.engine import Connection
from hub.store.health import ServerFacts

if TYPE_CHECKING:
    from hub.runtime.hub import Hub

_SKEW_WARN_S, _SKEW_FAIL_S = 2.0, 60.0
_FEW_LEFT = 0.8


class DatabaseLook:
    """What the database is found to be.

    Attributes:
        facts: None where it does not answer.
        has_schema: Whether its tables can be asked.
        folders: Where a private server keeps its data.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.facts: ServerFacts | None = None
        self.has_schema = False
        self.folders: list[Path] = []

    def findings(self) -> Iterator[Finding]:
        """Server, version, clock, schema, partitions; stops where nothing further can be asked."""
        hub = self._hub
        if hub.settings.database_url is None:
            made = list(self._private())
            yield from made
            if any(finding.state != "ok" for finding in made):
                return
        try:
            now = hub.clock.now()
            with hub.store.begin() as connection:
                self.facts = facts = health.server_facts(connection, now)
        except HubError as exc:
            yield failed("database", exc)
            return
        yield from _server(facts)
        try:
            hub.require_schema()
        except HubError as exc:
            yield failed("schema", exc)
            return
        self.has_schema = True
        yield ok("schema", migrate.HEAD)
        with hub.store.begin() as connection:
            yield from _partitions(hub, connection)

    def _private(self) -> Iterator[Finding]:
        from hub.store.private import PrivateServer

        status = PrivateServer(self._hub.home, bin_dir=self._hub.settings.pg_bin).status()
        if status.data_folder is None or status.version is None:
            yield fail(
                "database",
                f"HUB_DATABASE_URL is not set, and {self._hub.home} holds no private database yet",
                "run `hub migrate`, which makes one, or set HUB_DATABASE_URL",
                configuration=True,
            )
            return
        self.folders = [status.data_folder]
        size = f"{status.size_bytes / (1 << 20):.0f} MiB at {status.data_folder}"
        yield ok("private server", f"PostgreSQL {status.version}, {status.state.value}, {size}")


def _server(facts: ServerFacts) -> Iterator[Finding]:
    if facts.number < health.OLDEST_VERSION:
        yield fail(
            "database",
            f"PostgreSQL {facts.version} (expected 15 or newer)",
            "move to a newer server",
            configuration=True,
        )
    else:
        yield ok("database", f"PostgreSQL {facts.version} answers")
    if facts.encoding != "UTF8":
        yield fail(
            "encoding",
            f"the database is encoded in {facts.encoding} (expected UTF8)",
            "create it anew with ENCODING 'UTF8' and restore into it",
            configuration=True,
        )
    if facts.connections > _FEW_LEFT * facts.max_connections:
        yield warn(
            "connections",
            f"{facts.connections} of {facts.max_connections} are in use",
            "raise max_connections, or find who holds them",
        )
    skew = abs(facts.skew_s)
    found = f"the database's clock differs from ours by {skew:.1f} s"
    if skew >= _SKEW_FAIL_S:
        yield fail(
            "clock", found, "set both machines by the same time server: deadlines and leases rest on them"
        )
    elif skew >= _SKEW_WARN_S:
        yield warn("clock", found, "set both machines by the same time server")
    else:
        yield ok("clock", found)


def _partitions(hub: Hub, connection: Connection) -> Iterator[Finding]:
    missing = health.missing_months(connection, hub.clock.now())
    if missing:
        yield warn(
            "partitions",
            f"missing: {', '.join(missing)}",
            "run `hub migrate`, which makes the next months'; collecting makes the present one by itself",
        )
    else:
        yield ok("partitions", "this month's and the next one's are there")
