"""The engine, its transactions, and what the database's errors mean for a caller."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.types.string import BytesBinaryDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hub.errors import Code, ConfigError, HubError, StoreError, StoreUnavailable

# Half a character (a lone surrogate) fails on its way into the driver, before the database sees it.
_OF_DATABASE = (DBAPIError, psycopg.Error, UnicodeEncodeError, PoolTimeout)
_FULL = ("53100", "53200", "58030")  # disk_full, out_of_memory, io_error
_IN_THE_WAY = ("55P03", "40P01", "40001")  # lock_not_available, deadlock_detected, serialization_failure
_PASSWORD = ("28P01", "28000")
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist')
_ADDRESS = "postgresql://user@host:5432/name"


__all__ = ["Connection", "Store", "driver", "explain", "int_array", "text_array"]


class Store:
    """One database and a small pool of connections to it.

    Attributes:
        engine: SQLAlchemy 2 engine on psycopg 3; every time that leaves it is aware UTC.
    """

    def __init__(self, url: str, *, pool_size: int = 4, application_name: str = "hub") -> None:
        self.engine: Engine = create_engine(
            _with_driver(url),
            pool_size=pool_size,
            max_overflow=8,
            pool_pre_ping=True,
            use_native_hstore=False,  # the hub has none: spares a question at the first connection
            hide_parameters=True,  # a traceback must not quote a row's values
            connect_args={
                "application_name": application_name,
                "options": "-c timezone=UTC -c jit=off",
                "connect_timeout": 10,
            },
        )
        event.listen(self.engine, "connect", _adapt)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            StoreUnavailable: No connection, or lost in between; nothing was committed, or the commit is in doubt.
            StoreError: The database refused (disk full, schema missing …).
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except _OF_DATABASE as exc:
            raise explain(exc) from None  # the driver's own text may quote a row's values

    @contextmanager
    def part(self, connection: Connection) -> Iterator[None]:
        """A part of a transaction that may fail by itself: what it did is undone, and the transaction goes on.

        Raises:
            StoreError: As `begin`; after StoreUnavailable the transaction is lost as a whole.
        """
        try:
            with connection.begin_nested():
                yield
        except _OF_DATABASE as exc:
            raise explain(exc) from None

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection that commits each statement by itself, for session locks and short side transactions."""
        try:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                yield connection
        except _OF_DATABASE as exc:
            raise explain(exc) from None

    def ping(self) -> str:
        """The server's version; raises as `begin` does."""
        with self.connect() as connection:
            return str(connection.execute(text("show server_version")).scalar_one())

    def close(self) -> None:
        self.engine.dispose()


def _with_driver(url: str) -> URL:
    """The URL with the hub's driver: ``postgresql://`` and ``postgres://`` are what people write."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        # Without a scheme the first words may be a password.
        found = (
            f"begins with {scheme[:24]!r}"
            if separator and scheme.isalnum()
            else "has no scheme that the hub knows"
        )
        raise ConfigError(
            f"the database address {found} (expected {_ADDRESS}); the hub keeps its data in PostgreSQL only: correct "
            "HUB_DATABASE_URL, or database_url in hub.yaml",
            code=Code.CONFIG_INVALID,
        )
    try:
        return make_url(f"postgresql+psycopg://{rest}")
    except (ArgumentError, ValueError):
        raise ConfigError(
            f"the database address cannot be read (expected {_ADDRESS}, the port a number, special characters of the password "
            "written as %XX); correct HUB_DATABASE_URL, or database_url in hub.yaml",
            code=Code.CONFIG_INVALID,
        ) from None


def driver(connection: Connection) -> Any:
    """The psycopg connection beneath, for COPY and pipelines; it takes part in the same transaction."""
    return connection.connection.driver_connection


def text_array(values: Sequence[str]) -> str:
    """The values as PostgreSQL writes a text[]; pass it as one text and cast it (``%s::text[]``).

    The driver writes a list element by element in Python, which costs more than the statement: 1.6 us a value against 0.1.
    """
    if not values:
        return "{}"
    joined = '","'.join(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return f'{{"{joined}"}}'


def int_array(values: Iterable[int]) -> str:
    """The values as PostgreSQL writes an int[]; see `text_array`."""
    return f"{{{','.join(map(str, values))}}}"


def _adapt(connection: psycopg.Connection[Any], record: object) -> None:
    # The driver's own for bytes is written in C; what it registers by default for bytea stands before it, in Python, for
    # objects of the DB-API's Binary, which the hub has none of. Four values of a record are bytes.
    connection.adapters.register_dumper(bytes, BytesBinaryDumper)


def explain(exc: DBAPIError | psycopg.Error | UnicodeEncodeError | PoolTimeout) -> HubError:
    """The hub's error for what the driver raised. The driver's own text is kept only where it can hold no row's values."""
    if isinstance(exc, PoolTimeout):
        return StoreUnavailable(
            "no connection to the database came free in time (expected one within 30 s: too many threads of this process hold "
            "one); run the command again, and report it when it comes back",
            code=Code.STORE_UNAVAILABLE,
        )
    cause = exc.orig if isinstance(exc, DBAPIError) else exc
    sqlstate = getattr(cause, "sqlstate", None) or ""
    primary = _primary(cause)
    # Class 54 is a limit that one value passes: a key too long for its index, a row too large.
    if (
        sqlstate[:2] in ("22", "54")
        or isinstance(cause, UnicodeEncodeError)
        or (isinstance(cause, psycopg.DataError) and not sqlstate)
    ):
        return StoreError(
            f"a value cannot be stored as it is ({sqlstate or 'NUL, half a character or out of range'}); the record is set aside with its bytes; "
            "look at it with `hub quarantine show` and mend the channel's mapping",
            code=Code.VALUE_UNSTORABLE,
        )
    if sqlstate in _IN_THE_WAY:
        return StoreUnavailable(
            f"another process was at work on the same rows ({sqlstate}; expected a moment's wait); nothing of this step was kept; "
            "try again shortly",
            code=Code.STREAM_BUSY,
        )
    if sqlstate in _FULL:
        return StoreError(
            f"the database has no room left ({sqlstate}: {primary}); nothing of this step was committed; "
            "free disk space, then run the step again: it takes up where it stopped",
            code=Code.STORE_FULL,
        )
    if sqlstate in _PASSWORD or "password authentication failed" in primary:
        return ConfigError(
            "the database refused the hub's login (password or user); expected the one in HUB_DATABASE_URL or in the "
            "private server's password file; mend the address, then try again",
            code=Code.STORE_PASSWORD,
        )
    # A login that fails has no SQLSTATE in libpq; the server's words tell what it is about.
    if sqlstate == "3D000" or _NO_DATABASE.search(primary):
        return ConfigError(
            "the database named in HUB_DATABASE_URL (or database_url in hub.yaml) does not exist on that server (expected one that "
            "was made for the hub); create it or mend the name, then run `hub migrate`",
            code=Code.CONFIG_INVALID,
        )
    if sqlstate in ("42P01", "42703"):
        return StoreError(
            "the database lacks a table or column that this version of the hub needs; run `hub migrate`",
            code=Code.STORE_SCHEMA,
        )
    if (
        getattr(exc, "connection_invalidated", False)
        or isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError))
        or sqlstate[:2] in ("08", "57")
    ):
        return StoreUnavailable(
            f"the database cannot be reached or went away ({sqlstate or type(cause).__name__}: {primary}); "
            "nothing half-done was kept; see that the database server is up and reachable and has room on its disk (`hub doctor` "
            "looks), then run the command again",
            code=Code.STORE_UNAVAILABLE,
        )
    return StoreError(
        f"the database refused a statement ({sqlstate or type(cause).__name__}: {primary}); the transaction was rolled back; "
        "this is a fault of the hub: report it with this line",
        code=Code.UNEXPECTED,
    )


def _primary(cause: object) -> str:
    # Only the primary message: DETAIL and CONTEXT quote the row's values, which may be personal.
    diagnostic = getattr(cause, "diag", None)
    message = getattr(diagnostic, "message_primary", None) or str(cause)
    return " ".join(str(message).split())[:200]
