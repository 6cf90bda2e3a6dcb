"""A read-only session at a source's database, every value as the text that the database writes, and what its errors mean.

Text, because a driver's own types lose: 18 digits in floating point, a time of the year 9999 or none at all, GBK in a
column that says latin1. The session is read-only on the server's side, its statements end by themselves, and it reads nothing of the
environment.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from hub.errors import Code, ConfigError, HubError, SourceContractError, SourceUnavailable
from hub.sdk.readers.sql_place import Kind, SqlPlace, SqlPolicy

_PG_KINDS: dict[str, Kind] = {
    **dict.fromkeys(
        ("text", "varchar", "bpchar", "name", "uuid", "json", "jsonb", "xml", '"char"', "unknown"), "text"
    ),
    **dict.fromkeys(("int2", "int4", "int8", "oid"), "integer"),
    "numeric": "number",
    **dict.fromkeys(("float4", "float8"), "float"),
    **dict.fromkeys(("timestamp", "timestamptz"), "time"),
    "date": "date",
    "bool": "boolean",
    "bytea": "bytes",
}
_MARIADB_KINDS: dict[int, Kind] = {
    **dict.fromkeys((15, 245, 247, 248, 249, 250, 251, 252, 253, 254), "text"),
    **dict.fromkeys((1, 2, 3, 8, 9, 13), "integer"),
    **dict.fromkeys((0, 246), "number"),
    **dict.fromkeys((4, 5), "float"),
    **dict.fromkeys((7, 12), "time"),
    10: "date",
    16: "bytes",
}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PG_TLS = {"off": "disable", "preferred": "prefer", "required": "require", "verified": "verify-full"}
_PG_LONG = frozenset({"text", "varchar", "bytea"})
_MARIADB_LONG = frozenset({249, 250, 251, 252})


@dataclass(frozen=True, slots=True)
class Found:
    """A column as the database has it.

    Attributes:
        name: In the database.
        kind: See `hub.sdk.readers.sql_place.Column`.
        aware: A time that knows its zone.
        long: Text or bytes without a bound that matters.
    """

    name: str
    kind: Kind
    aware: bool = False
    long: bool = False


class Away(Exception):
    """A statement or connection failed; ``error`` says of what, ``again`` whether another try may help."""

    def __init__(self, error: HubError, *, again: bool) -> None:
        super().__init__(error.message)
        self.error = error
        self.again = again


class _AsBytes(psycopg.adapt.Loader):
    """The bytes that PostgreSQL sent: its own text, in the database's encoding."""

    def load(self, data: Any) -> bytes:
        return bytes(data)


class Session:
    """Connections to one place, one at a time; a lost one is opened anew at the next use.

    Args:
        place: See `SqlPlace`.
        policy: See `SqlPolicy`.
        password: The secret's value.
        zone: Of naive times, told to MariaDB for TIMESTAMP columns.
        now: The present moment, for the zone's offset.
        writes: For a reply table alone; otherwise the session cannot write.
    """

    def __init__(
        self,
        place: SqlPlace,
        policy: SqlPolicy,
        password: Callable[[], str],
        *,
        zone: tzinfo,
        now: Callable[[], datetime],
        writes: bool = False,
    ) -> None:
        self._place = place
        self._policy = policy
        self._password = password
        self._zone = zone
        self._now = now
        self._writes = writes
        self._engine: sa.Engine | None = None
        self._connection: sa.Connection | None = None

    def connection(self) -> sa.Connection:
        """The open connection, without a transaction; opened where there is none.

        Raises:
            DBAPIError: It cannot be opened; see `explained`.
            ConfigError: The driver is not installed.
        """
        if self._connection is None:
            if self._engine is None:
                self._engine = self._made()
            connection = self._engine.connect()
            try:
                self._prepare(connection)
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def drop(self) -> None:
        """Forgets the connection: it is gone, or nobody knows what it is in the middle of."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.invalidate()
                connection.close()
            except DBAPIError:
                pass

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            try:
                self._connection.close()
            except DBAPIError:
                pass
            self._connection = None
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _made(self) -> sa.Engine:
        host, port = self._place.address
        driver = "postgresql+psycopg" if self._place.dialect == "postgresql" else "mysql+pymysql"
        url = sa.URL.create(driver, self._place.user, self._password(), host, port, self._place.database)
        arguments = _pg_arguments if self._place.dialect == "postgresql" else _mariadb_arguments
        try:
            engine = sa.create_engine(
                url,
                poolclass=NullPool,
                hide_parameters=True,
                connect_args=arguments(self._place, self._policy),
            )
        except ModuleNotFoundError as exc:
            raise ConfigError(
                f"database of {self._place.dialect}: the driver {exc.name} is not installed (expected it beside the hub); install the "
                "hub with its extra: pip install 'weisu-hub[mysql]'",
                code=Code.CONFIG_MISSING,
            ) from exc
        sa.event.listen(engine, "handle_error", _close_cursor)
        return engine

    def _prepare(self, connection: sa.Connection) -> None:
        """Limits and read-only for whatever comes, and values as they are written."""
        limit_s = self._policy.statement_timeout_s
        as_stored = self._place.charset != "declared"
        driver: Any = connection.connection.dbapi_connection
        if self._place.dialect == "postgresql":
            statements = [
                f"SET statement_timeout = {int(limit_s * 1000)}",
                f"SET lock_timeout = {int(limit_s * 1000)}",
                f"SET idle_in_transaction_session_timeout = {int(limit_s * 10_000)}",
                "SET TimeZone = 'UTC'",
                "SET DateStyle = 'ISO, YMD'",
                "SET bytea_output = 'hex'",
                # Otherwise the server checks that what it knows nothing about is UTF-8.
                *(["SET client_encoding = 'SQL_ASCII'"] if as_stored or _knows_no_encoding(driver) else []),
                *([] if self._writes else ["SET default_transaction_read_only = on"]),
            ]
        else:
            offset = self._now().astimezone(self._zone).strftime("%z")
            is_mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
            statements = [
                f"SET SESSION max_statement_time = {limit_s:g}"
                if is_mariadb
                else f"SET SESSION max_execution_time = {int(limit_s * 1000)}",
                f"SET SESSION innodb_lock_wait_timeout = {max(1, int(limit_s))}",
                f"SET SESSION time_zone = '{offset[:3]}:{offset[3:]}'",
                *(["SET character_set_results = NULL"] if as_stored else []),
                *([] if self._writes else ["SET SESSION TRANSACTION READ ONLY"]),
            ]
        with driver.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        driver.commit()
        if self._place.dialect == "postgresql":
            for one in driver.adapters.types:
                if one.name != "bytea":
                    driver.adapters.register_loader(one.oid, _AsBytes)
            driver.adapters.register_loader(0, _AsBytes)
        else:
            driver.use_unicode = False
            driver.decoders = {}


def _knows_no_encoding(driver: Any) -> bool:
    return bool(driver.info.parameter_status("server_encoding") == "SQL_ASCII")


def _close_cursor(context: Any) -> None:
    """SQLAlchemy leaves the cursor of a lost connection open, and psycopg minds."""
    cursor = getattr(context.execution_context, "cursor", None)
    if context.is_disconnect and cursor is not None:
        try:
            cursor.close()
        except (psycopg.Error, OSError):
            pass


def identifier(name: str) -> sa.sql.quoted_name:
    """A name of a table or column as an operator writes it: its case is the database's own matter unless it stands in double quotes."""
    if len(name) > 2 and name.startswith('"') and name.endswith('"'):
        return sa.sql.quoted_name(name[1:-1], quote=True)
    return sa.sql.quoted_name(name, quote=not _PLAIN.fullmatch(name))


def columns_of(result: sa.CursorResult[Any], place: SqlPlace) -> list[Found]:
    """The columns of a result, as its driver describes them."""
    described: Any = result.cursor.description if result.cursor is not None else ()
    found = []
    for one in described or ():
        name = one[0].decode() if isinstance(one[0], bytes) else str(one[0])
        if place.dialect == "postgresql":
            known = psycopg.adapters.types.get(one[1])
            # A type of the database's own, such as an enum, is written as text.
            kind = _PG_KINDS.get(known.name, "other") if known is not None else "text"
            type_name = known.name if known is not None else ""
            found.append(Found(name, kind, type_name == "timestamptz", type_name in _PG_LONG))
        else:
            found.append(Found(name, _MARIADB_KINDS.get(one[1], "other"), long=one[1] in _MARIADB_LONG))
    return found


def _pg_arguments(place: SqlPlace, policy: SqlPolicy) -> dict[str, Any]:
    # Everything that libpq would otherwise look up in the environment is given, if only as nothing.
    return {
        "connect_timeout": int(policy.connect_timeout_s),
        "sslmode": _PG_TLS[place.tls],
        "sslrootcert": place.ca_bundle or ("system" if place.tls == "verified" else ""),
        "gssencmode": "disable",
        "options": "",
        "passfile": "/dev/null",
        "application_name": "weisu-hub",
        "target_session_attrs": "any",
        "client_encoding": "utf8",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": int(policy.statement_timeout_s * 1000) + 5_000,
        "prepare_threshold": None,  # a pooler in between would not know them
    }


def _mariadb_arguments(place: SqlPlace, policy: SqlPolicy) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "connect_timeout": int(policy.connect_timeout_s),
        "read_timeout": int(policy.statement_timeout_s) + 5,
        "write_timeout": int(policy.statement_timeout_s) + 5,
        "charset": "utf8mb4",
        "program_name": "weisu-hub",
        "local_infile": False,
    }
    if place.tls == "off":
        arguments["ssl_disabled"] = True
    elif place.tls != "preferred":  # which is the driver's own way
        context = ssl.create_default_context(cafile=place.ca_bundle)
        if place.tls == "required":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        arguments["ssl"] = context
    return arguments


# --- what errors mean --------------------------------------------------------------------------------------------

_LOGIN = (
    "the login was refused (expected an account that may read the view)",
    "check user, password and the rights granted to it",
)
_RIGHT = (
    "no right to read it (expected SELECT)",
    "have the source's keeper grant SELECT on the view to the hub's account",
)
_GONE = (
    "the connection is gone in the middle (expected an answer)",
    "look whether the database or something between closes connections",
)
_AWAY = (
    "no connection (expected an open port and a database behind it)",
    "check host, port, name service and firewall, then whether it is up",
)
_SLOW = (
    "no answer within statement_timeout_s",
    "ask the source's keeper for an index on the update time, lower batch, or raise the limit",
)
_WRITES = (
    "it would write (expected a view that only reads)",
    "ask the source's keeper for a view without functions that change something",
)
_MISSING = (
    "there is no such view or column, or the view is broken",
    "compare its name and columns in the settings with the database",
)
_BUSY = (
    "too many connections, or locked (expected room for one)",
    "it is tried again by itself; ask the source's keeper if it stays",
)
_TLS = (
    "no TLS connection as tls asks for it (expected one)",
    "have TLS switched on there, name its authority by ca_bundle, or change tls in the channel's settings",
)
_CHARSET = (
    "text that is not in the encoding which the database declares",
    "set charset in the channel's settings to what is stored",
)
_NO_DATABASE = "no such database", "mend its name in the channel's settings"

_UNAVAILABLE: dict[str, tuple[tuple[str, str], Code, bool]] = {
    **dict.fromkeys(
        ("28P01", "28000", "1045", "1044", "1698", "1251", "2059"), (_LOGIN, Code.SOURCE_AUTH, False)
    ),
    **dict.fromkeys(("42501", "1142", "1143", "1227", "1370"), (_RIGHT, Code.SOURCE_AUTH, False)),
    **dict.fromkeys(("57014", "1969", "3024", "55P03", "1205"), (_SLOW, Code.SOURCE_TIMEOUT, False)),
    **dict.fromkeys(
        (
            "57P01",
            "57P02",
            "57P05",
            "08000",
            "08003",
            "08006",
            "25P03",
            "2006",
            "2013",
            "2014",
            "2055",
            "1927",
            "1317",
            "1053",
            "0",
        ),
        (_GONE, Code.SOURCE_CUT_SHORT, True),
    ),
    **dict.fromkeys(
        ("57P03", "08001", "08004", "2002", "2003", "2005"), (_AWAY, Code.SOURCE_UNREACHABLE, True)
    ),
    "2026": (_TLS, Code.SOURCE_UNREACHABLE, False),
    **dict.fromkeys(
        ("53300", "53400", "40001", "40P01", "1040", "1203", "1213", "1226"),
        (_BUSY, Code.SOURCE_UNREACHABLE, True),
    ),
}
_CONTRACT: dict[str, tuple[tuple[str, str], Code]] = {
    **dict.fromkeys(
        ("42P01", "42703", "3F000", "1146", "1054", "1356", "1449"), (_MISSING, Code.VIEW_COLUMNS)
    ),
    **dict.fromkeys(("25006", "1792", "1290", "1836"), (_WRITES, Code.VIEW_WRITES)),
    **dict.fromkeys(("22021", "22P05", "1366", "1977"), (_CHARSET, Code.PAGE_ENCODING)),
}
# A refused connection carries its reason in words alone, and a server's own language may be Chinese.
_CONNECT_WORDS = (
    ("password authentication failed", "28P01"),
    ("认证失败", "28P01"),
    ("no password supplied", "28P01"),
    ("pg_hba.conf", "28000"),
    ("FATAL:  role ", "28000"),
    ("FATAL:  database ", "3D000"),
    ("too many", "53300"),
    ("starting up", "57P03"),
    ("terminating connection", "57P01"),
    ("SSL", "2026"),
    ("certificate", "2026"),
)


def explained(exc: DBAPIError, place: str) -> Away:
    """What a driver's error means; its own words are not shown, for they may hold values.

    Args:
        exc: As SQLAlchemy raised it.
        place: Which view of which channel, for the message.
    """
    code = _code(exc)
    if code in ("3D000", "1049"):
        found, todo = _NO_DATABASE
        return Away(ConfigError(f"{place}: {found}; {todo}", code=Code.CONFIG_INVALID), again=False)
    if code in _CONTRACT:
        (found, todo), slug = _CONTRACT[code]
        return Away(SourceContractError(f"{place}: {found} ({code}); {todo}", code=slug), again=False)
    if code in _UNAVAILABLE:
        (found, todo), slug, again = _UNAVAILABLE[code]
        return Away(SourceUnavailable(f"{place}: {found} ({code}); {todo}", code=slug), again=again)
    if exc.connection_invalidated or not code:
        found, todo = _GONE if exc.statement else _AWAY
        slug = Code.SOURCE_CUT_SHORT if exc.statement else Code.SOURCE_UNREACHABLE
        return Away(SourceUnavailable(f"{place}: {found}; {todo}", code=slug), again=True)
    return Away(
        SourceContractError(
            f"{place}: the database answered error {code} (expected rows); look it up in the database's manual and ask the source's "
            "keeper",
            code=Code.SOURCE_STATUS,
        ),
        again=False,
    )


def _code(exc: DBAPIError) -> str:
    """PostgreSQL's SQLSTATE or MariaDB's number; empty where the driver gives none."""
    cause: Any = exc.orig
    if isinstance(cause, psycopg.Error):
        if cause.sqlstate:
            return str(cause.sqlstate)
        words = str(cause)
        return next((code for sign, code in _CONNECT_WORDS if sign in words), "")
    number = cause.args[0] if getattr(cause, "args", None) else ""
    return str(number) if isinstance(number, int) else ""
