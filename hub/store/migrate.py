"""Brings a database to the schema of this version of the hub."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from hub.errors import Code, StoreError
from hub.store.engine import Store
from hub.store.partitions import ensure_months

HEAD = "0022"
_LOCK = 0x77656973  # "weis": one migration at a time over all processes


def migrate(store: Store) -> tuple[str | None, str]:
    """Runs every revision that is missing, in one transaction, under a lock; safe to call from many processes.

    Returns:
        The revision that stood before (None for an empty database) and the one that stands now.

    Raises:
        StoreUnavailable, StoreError: As `Store.begin`; nothing was changed then.
    """
    from alembic import command
    from alembic.config import Config

    with store.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = current(connection)
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        if before != HEAD:
            command.upgrade(config, "head")
        ensure_months(connection, datetime.now(UTC), ahead=2)
        return before, HEAD


def current(connection: Connection) -> str | None:
    """The revision that stands in the database, None where there is none."""
    exists = connection.execute(text("SELECT to_regclass('alembic_version') IS NOT NULL")).scalar_one()
    if not exists:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def require_schema(store: Store) -> None:
    """Passes only when the database has the schema of this version.

    Raises:
        StoreError: It has another (code ``store_schema``): what stands, what is expected, what to do.
    """
    with store.connect() as connection:
        try:
            found = current(connection)
        except DBAPIError:
            found = None
    if found != HEAD:
        raise StoreError(
            f"the database stands at schema {found or 'none'}, this version of the hub needs {HEAD}; run `hub migrate`",
            code=Code.STORE_SCHEMA,
        )


def holds_sealed_rows(store: Store) -> bool:
    """Whether anything in the database was sealed by a key ring: then no new ring may be made beside it."""
    with store.connect() as connection:
        if not connection.execute(text("SELECT to_regclass('raw_record') IS NOT NULL")).scalar_one():
            return False
        found = connection.execute(
            text("SELECT EXISTS (SELECT 1 FROM raw_record) OR EXISTS (SELECT 1 FROM endpoint)")
        )
        return bool(found.scalar_one())
