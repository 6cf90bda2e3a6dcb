"""Databases for tests: one private server a session, a migrated template, a clone for each test.

Fixtures: ``store`` (a fresh, migrated `Store`), ``database_url`` (the address of the same), ``deps`` (collecting, with a key ring),
and ``every_store``, which runs its test on the wheel's PostgreSQL and on Debian's 15.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.pipeline.collect import CollectDeps
from hub.pipeline.intake import Intake
from hub.seal import KeyRing, Sealer, SearchKeys
from hub.store.engine import Store
from hub.store.migrate import migrate
from hub.store.numbers import Numbers
from hub.store.private import PrivateServer

DEBIAN_BIN = Path("/usr/lib/postgresql/15/bin")
TEMPLATE = "hub_template"
# What a crash would lose is of no interest to a test; tests of durability start servers of their own.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def _server(bin_dir: Path | None) -> Iterator[PrivateServer]:
    with tempfile.TemporaryDirectory(prefix="hub-test-pg-", ignore_cleanup_errors=True) as folder:
        # The server runs as another user when the tests run as root: that user must be able to reach the folder.
        Path(folder).chmod(0o711)
        server = PrivateServer(Path(folder) / "home", bin_dir=bin_dir, settings=FAST)
        try:
            server.ensure()
            template = Store(server.create_database(TEMPLATE))
            migrate(template)
            template.close()
            yield server
        finally:
            server.destroy()


@pytest.fixture(scope="session")
def wheel_server() -> Iterator[PrivateServer]:
    """PostgreSQL from the wheel's binaries."""
    yield from _server(None)


@pytest.fixture(scope="session")
def debian_server() -> Iterator[PrivateServer]:
    """Debian's PostgreSQL 15."""
    yield from _server(DEBIAN_BIN)


def _clone(server: PrivateServer) -> Iterator[str]:
    name = f"t_{secrets.token_hex(6)}"
    url = server.create_database(name, template=TEMPLATE)
    yield url
    server.drop_database(name)


@pytest.fixture
def database_url(wheel_server: PrivateServer) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    yield from _clone(wheel_server)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A fresh, migrated database."""
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture(params=["wheel", pytest.param("debian15", marks=pytest.mark.debian("postgresql-15"))])
def every_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A fresh, migrated database on each PostgreSQL that the hub supports."""
    server = request.getfixturevalue("wheel_server" if request.param == "wheel" else "debian_server")
    for url in _clone(server):
        opened = Store(url)
        yield opened
        opened.close()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at `NOW` until a test moves it."""
    return ManualClock(NOW)


@pytest.fixture(scope="session")
def ring() -> KeyRing:
    """A key ring of the AES profile."""
    return KeyRing.generate("aes")


@pytest.fixture
def deps(store: Store, ring: KeyRing, clock: ManualClock) -> CollectDeps:
    """What collecting and normalizing need, on the test's own database."""
    return collect_deps(store, ring, clock)


def collect_deps(store: Store, ring: KeyRing, clock: ManualClock) -> CollectDeps:
    """What collecting and normalizing need on this database."""
    return CollectDeps(store, Intake(Sealer(ring), SearchKeys(ring)), Numbers(store, "411521"), clock)
