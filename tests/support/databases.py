"""Databases of a source, real ones: the tests' own PostgreSQL, and Debian's MariaDB in a folder of its own; one interface for both.

Fixture ``source_database``: a fresh database with an account that may read what it is granted; runs its test on both.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from hub.sdk.readers.sql_place import Dialect, SqlPlace
from hub.store.private import PrivateServer
from hub.testing.views import ViewDatabase
from tests.support.certificates import certificate
from tests.support.left_out import find_program

PASSWORD = "password-of-a-source's-reader"
SECRET = "source_database"
SECRETS = {SECRET: PASSWORD}


class PostgresDatabase:
    """A database on the tests' own PostgreSQL, with an account of its own."""

    dialect: Dialect = "postgresql"

    def __init__(self, server: PrivateServer) -> None:
        self._server = server
        self._name = f"source_{secrets.token_hex(4)}"
        self._url = sa.make_url(server.create_database(self._name))
        self.user = f"reader_{self._name}"
        self._connection = psycopg.connect(
            self._url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
        )
        self.execute(f"CREATE ROLE {self.user} LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")

    def place(self, **more: Any) -> SqlPlace:
        host = self._url.host or str(self._url.query.get("host"))
        port = self._url.port or int(str(self._url.query.get("port", "5432")))
        usual = {"host": host, "port": port, "database": self._name, "user": self.user, "password": SECRET}
        return SqlPlace.model_validate({"dialect": "postgresql", **usual, **more})

    def execute(self, *statements: str) -> None:
        for statement in statements:
            self._connection.execute(statement)

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        for names, part in _alike(rows):
            marks = ", ".join(["%s"] * len(names))
            with self._connection.cursor() as cursor:
                cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", part)

    def grant(self, *names: str, right: str = "SELECT") -> None:
        for name in names:
            self.execute(f"GRANT {right} ON {name} TO {self.user}")

    def kill_readers(self) -> int:
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s"
        found = self._connection.execute(query, [self.user]).fetchone()
        assert found is not None
        return int(found[0])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def close(self) -> None:
        self.execute(f"DROP OWNED BY {self.user}")
        self._connection.close()
        self._server.drop_database(self._name)
        with psycopg.connect(
            sa.make_url(self._server.create_database(f"{self._name}_end"))
            .set(drivername="postgresql")
            .render_as_string(hide_password=False),
            autocommit=True,
        ) as other:
            other.execute(f"DROP ROLE {self.user}")
        self._server.drop_database(f"{self._name}_end")


class MariaDbServer:
    """Debian's MariaDB on loopback, started and ended by the tests, in a folder of its own."""

    def __init__(self, root: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.root, self.port, self.process = root, port, process

    def connect(self, **more: Any) -> pymysql.Connection[pymysql.cursors.Cursor]:
        usual: dict[str, Any] = {"unix_socket": str(self.root / "s"), "user": "root", "autocommit": True}
        return pymysql.connect(**{**usual, "charset": "utf8mb4", **more})


class MariaDbDatabase:
    """A database on that server, with an account of its own."""

    dialect: Dialect = "mariadb"

    def __init__(self, server: MariaDbServer) -> None:
        self._server = server
        self.ca_file = server.root / "server.pem"
        self._name = f"source_{secrets.token_hex(4)}"
        self.user = f"reader_{self._name[7:]}"
        self._connection = server.connect()
        quoted = PASSWORD.replace("'", "''")
        self.execute(
            f"CREATE DATABASE {self._name} CHARACTER SET utf8mb4",
            f"CREATE USER '{self.user}'@'%' IDENTIFIED BY '{quoted}'",
            f"USE {self._name}",
        )

    def place(self, **more: Any) -> SqlPlace:
        usual = {"host": "127.0.0.1", "port": self._server.port, "database": self._name, "user": self.user}
        return SqlPlace.model_validate({"dialect": "mariadb", **usual, "password": SECRET, **more})

    def execute(self, *statements: str) -> None:
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        for names, part in _alike(rows):
            marks = ", ".join(["%s"] * len(names))
            with self._connection.cursor() as cursor:
                cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", part)

    def grant(self, *names: str, right: str = "SELECT") -> None:
        for name in names:
            self.execute(f"GRANT {right} ON {self._name}.{name} TO '{self.user}'@'%'")

    def kill_readers(self) -> int:
        found = self.rows(f"SELECT id FROM information_schema.processlist WHERE user = '{self.user}'")
        for (number,) in found:
            try:
                self.execute(f"KILL CONNECTION {number}")
            except pymysql.err.OperationalError:
                continue
        return len(found)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def close(self) -> None:
        self.execute(f"DROP DATABASE {self._name}", f"DROP USER '{self.user}'@'%'")
        self._connection.close()


def _alike(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[list[str], list[list[Any]]]]:
    """Rows with the same columns together, in their order."""
    part: list[list[Any]] = []
    names: list[str] = []
    for row in rows:
        if list(row) != names and part:
            yield names, part
            part = []
        names = list(row)
        part.append(list(row.values()))
    if part:
        yield names, part


@contextmanager
def running_mariadb() -> Iterator[MariaDbServer]:
    """A server that is ready, until the block ends; it offers TLS with a certificate of its own, ``root / "server.pem"``."""
    program = find_program("mariadb-server")
    assert program is not None
    # Below /tmp itself: the server runs as another user when the tests run as root.
    root = Path(tempfile.mkdtemp(prefix="hub-mariadb-"))
    account = pwd.getpwnam("mysql") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    shutil.chown(root, account.pw_uid, account.pw_gid)
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    subprocess.run(
        [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={root}/data",
            "--auth-root-authentication-method=normal",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=root,
        **as_user,
    )
    ca_file = certificate(root, account)
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    process = subprocess.Popen(
        [
            str(program),
            "--no-defaults",
            f"--datadir={root}/data",
            f"--socket={root}/s",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--pid-file={root}/pid",
            f"--log-error={root}/log",
            f"--ssl-cert={ca_file}",
            f"--ssl-key={root}/server.key",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=64M",
            "--max-allowed-packet=64M",
        ],
        stderr=subprocess.DEVNULL,
        cwd=root,
        **as_user,
    )
    server = MariaDbServer(root, port, process)
    try:
        _await_answer(server)
        yield server
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(root)


def _await_answer(server: MariaDbServer) -> None:
    for _ in range(600):
        if server.process.poll() is not None:
            break
        if (server.root / "pid").exists():  # written when it is ready to take connections
            server.connect().close()
            return
        time.sleep(0.1)
    log = server.root / "log"
    raise AssertionError(
        f"MariaDB does not answer: {log.read_text('utf-8')[-2000:] if log.exists() else 'no log'}"
    )


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDbServer]:
    """One MariaDB for the session."""
    with running_mariadb() as server:
        yield server


@pytest.fixture
def postgres_source(wheel_server: PrivateServer) -> Iterator[PostgresDatabase]:
    """A fresh database on PostgreSQL."""
    database = PostgresDatabase(wheel_server)
    yield database
    database.close()


@pytest.fixture
def mariadb_source(mariadb_server: MariaDbServer) -> Iterator[MariaDbDatabase]:
    """A fresh database on MariaDB."""
    database = MariaDbDatabase(mariadb_server)
    yield database
    database.close()


@pytest.fixture(params=["postgresql", pytest.param("mariadb", marks=pytest.mark.debian("mariadb-server"))])
def source_database(request: pytest.FixtureRequest) -> ViewDatabase:
    """A fresh database on each kind of server that a source may have."""
    name = "postgres_source" if request.param == "postgresql" else "mariadb_source"
    found: ViewDatabase = request.getfixturevalue(name)
    return found
