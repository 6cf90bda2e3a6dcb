"""Puts a reply into a table that a source keeps for replies: one row for one key, however often it is asked for."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import NullType

from hub.sdk.context import ChannelContext
from hub.sdk.readers.sql_connect import Session, identifier
from hub.sdk.readers.sql_place import SqlPlace, SqlPolicy
from hub.sdk.readers.sql_view import Runner


class SqlReplyTable:
    """One table for replies. For one thread; `close` it with its channel.

    Args:
        place: The source's database, with an account that may insert into the table and read its key.
        table: ``table`` or ``schema.table``.
        key: Column of the key; a unique index on it holds two processes to one row.
        ctx: The channel's context.
        policy: See `SqlPolicy`.
    """

    def __init__(
        self, place: SqlPlace, table: str, key: str, ctx: ChannelContext, policy: SqlPolicy | None = None
    ) -> None:
        policy = policy or SqlPolicy()
        self._session = Session(
            place, policy, lambda: ctx.secret(place.password), zone=ctx.zone, now=ctx.clock.now, writes=True
        )
        self._runner = Runner(ctx, policy, self._session, f"{ctx.instance}: table {table}")
        schema, _, name = table.rpartition(".")
        self._name, self._schema, self._key = name, schema or None, key

    def close(self) -> None:
        """Ends the connection."""
        self._session.close()

    def put_once(self, row: Mapping[str, str | None]) -> bool:
        """Whether the row was put in now; False where one with its key stood there before. May be repeated.

        Args:
            row: Column -> text, as the database reads it; None for null. Holds the key.

        Raises:
            SourceUnavailable: The database is away, or the account may not insert.
            SourceContractError: There is no such table or column (``view_columns``), or it refuses a value.
        """
        columns = {name: _column(name) for name in row}
        table = sa.table(
            identifier(self._name),
            *columns.values(),
            schema=identifier(self._schema) if self._schema else None,
        )
        there: sa.Select[tuple[object]] = (
            sa.select(sa.literal_column("1"))
            .select_from(table)
            .where(_column(self._key) == _value("key", row[self._key]))
        )
        put = table.insert().values(
            {column: _value(f"v{index}", row[name]) for index, (name, column) in enumerate(columns.items())}
        )

        def work(connection: sa.Connection) -> bool:
            if connection.execute(there).first() is not None:
                return False
            try:
                connection.execute(put)
            except IntegrityError:
                connection.rollback()
                # Another process may have been faster; a rule of the table that is broken in another way is an error.
                if connection.execute(there).first() is None:
                    raise
                return False
            connection.commit()
            return True

        return self._runner.run(work, "reply")


def _column(name: str) -> sa.ColumnClause[object]:
    return sa.column(identifier(name), NullType())


def _value(name: str, value: str | None) -> sa.BindParameter[object]:
    return sa.bindparam(name, value, type_=NullType())
