"""Asking the server over its socket: is it ready, and the few statements that need no engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from hub.errors import Code, ConfigError, HubError, NotFound, StateConflict, StoreError, StoreUnavailable
from hub.store.private.cluster import PORT, SUPERUSER
from hub.store.private.status import ServerState

if TYPE_CHECKING:
    import psycopg

DATABASE = "hub"
_DATABASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED = ("postgres", "template0", "template1")
_CONNECT_LIMIT_S = 5


class Address(NamedTuple):
    """Where the server answers, and the password that it expects."""

    socket_folder: Path
    password: str

    def url(self, database: str) -> str:
        """For SQLAlchemy; it holds the password: never log it."""
        host = quote(str(self.socket_folder), safe="")
        return f"postgresql+psycopg://{SUPERUSER}:{self.password}@/{database}?host={host}&port={PORT}"

    @property
    def socket(self) -> Path:
        return self.socket_folder / f".s.PGSQL.{PORT}"


class Answer(NamedTuple):
    """What came back."""

    state: ServerState
    version: str | None = None
    lacks_database: bool = False
    detail: str = ""


def ask(address: Address) -> Answer:
    """Logs in with our password and has one query answered; never raises."""
    if not address.socket.exists():
        return Answer(ServerState.STOPPED)
    import psycopg

    try:
        with _connect(address, DATABASE) as connection:
            row = connection.execute("select current_setting('server_version')").fetchone()
    except psycopg.Error as exc:
        return _meaning(exc)
    return Answer(ServerState.READY, version=str(row[0]).split()[0] if row else None)


def create_database(address: Address, name: str, template: str | None) -> None:
    """Makes a database, as a copy of `template` where one is given.

    Raises:
        ConfigError: A name is not a-z, 0-9 and _, or is PostgreSQL's own.
        StateConflict: There is one of that name already, or the template is in use.
        NotFound: There is no such template.
    """
    import psycopg
    from psycopg import sql

    statement = sql.SQL("create database {}").format(sql.Identifier(_checked_name(name)))
    if template is not None:
        statement += sql.SQL(" template {}").format(sql.Identifier(_checked_name(template)))
    try:
        with _connect(address, "postgres") as connection:
            connection.execute(statement)
    except (
        psycopg.errors.DuplicateDatabase,
        psycopg.errors.UniqueViolation,
        psycopg.errors.ObjectInUse,
    ) as exc:
        found = (
            "it exists already"
            if not isinstance(exc, psycopg.errors.ObjectInUse)
            else f"template {template} has open connections"
        )
        raise StateConflict(
            f"database {name} was not created: {found}, expected a free name and a template at rest; drop it or close them first",
            code=Code.STATE_CONFLICT,
        ) from exc
    except psycopg.errors.InvalidCatalogName as exc:
        raise NotFound(
            f"database {name} was not created: found no template {template} on the private server; create that one first",
            code=Code.NOT_FOUND,
        ) from exc
    except psycopg.Error as exc:
        raise _refused(f"database {name} was not created", exc) from exc


def drop_database(address: Address, name: str) -> None:
    """Drops a database and cuts off who is in it; nothing happens where there is none."""
    import psycopg
    from psycopg import sql

    try:
        with _connect(address, "postgres") as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(_checked_name(name)))
            )
    except psycopg.Error as exc:
        raise _refused(f"database {name} was not dropped", exc) from exc


def _connect(address: Address, database: str) -> psycopg.Connection[tuple[object, ...]]:
    import psycopg

    return psycopg.connect(
        host=str(address.socket_folder),
        port=PORT,
        user=SUPERUSER,
        password=address.password,
        dbname=database,
        connect_timeout=_CONNECT_LIMIT_S,
        application_name="hub db",
        autocommit=True,
    )


def _meaning(exc: psycopg.Error) -> Answer:
    """The server's state behind a login that failed. libpq gives no code here; the server speaks English by lc_messages."""
    import psycopg

    text = " ".join(str(exc).split())
    if isinstance(exc, psycopg.errors.ConnectionTimeout):
        return Answer(ServerState.SILENT)
    if f'database "{DATABASE}" does not exist' in text:
        return Answer(ServerState.READY, lacks_database=True)
    if "starting up" in text or "not yet accepting" in text or "recovery mode" in text:
        return Answer(ServerState.STARTING)
    if "shutting down" in text:
        return Answer(ServerState.STOPPING)
    if "FATAL:" in text:
        return Answer(ServerState.REFUSING, detail=text.split("FATAL:")[-1].strip())
    return Answer(ServerState.STOPPED, detail=text[-200:])


def _checked_name(name: str) -> str:
    if not _DATABASE_NAME.fullmatch(name) or name in _RESERVED:
        raise ConfigError(
            f"the private PostgreSQL refuses the database name {name!r}: expected a-z, 0-9 and _, a letter first, at most 63, "
            f"none of {', '.join(_RESERVED)}; choose another",
            code=Code.CONFIG_INVALID,
        )
    return name


def _refused(what: str, exc: psycopg.Error) -> HubError:
    primary = " ".join((exc.diag.message_primary or str(exc)).split())[:200]
    if exc.sqlstate in ("53100", "58030") or "No space left" in primary:
        return StoreError(
            f"{what}: the disk is full ({primary}); free space, then try again", code=Code.STORE_FULL
        )
    if exc.sqlstate is None:
        return StoreUnavailable(
            f"{what}: the private server does not answer ({primary}); look at it with `hub db status`, start it with `hub db start`",
            code=Code.STORE_UNAVAILABLE,
        )
    return StoreError(
        f"{what}: the private server refused ({exc.sqlstate}: {primary}); mend that and try again",
        code=Code.STORE_UNAVAILABLE,
    )
