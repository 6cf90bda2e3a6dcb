"""Reads a database view that a source keeps for the hub: page by page, by update time and number, and never writes.

Each page is one short statement of its own: `update time >= the last one` with the rows of the border dropped again, so that equal
times at a border, a collation in which two numbers are one, and a row that changes in between lose nothing. Rows that no window would
ever show (without a time or a number, dated ahead) come last and are set aside where they can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa
import tenacity
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from hub.errors import Code, RecordRejected, SourceContractError
from hub.sdk.channel import Page, RawRecord, RecordProblem, Window
from hub.sdk.context import ChannelContext
from hub.sdk.readers.sql_connect import Away, Found, Session, columns_of, explained, identifier
from hub.sdk.readers.sql_place import Column, SqlPlace, SqlPolicy, SqlView
from hub.sdk.readers.sql_rows import Row, RowWriter
from hub.sdk.values import time_in, version_of_time

__all__ = ["Column", "SqlPlace", "SqlPolicy", "SqlView", "SqlViewReader"]

WorkT = TypeVar("WorkT")

MAX_KEY = 128
MOST_ODD_ROWS = 1_000
_LIVE = timedelta(minutes=10)
_MOST_GROWTH = 64
_EARLIEST = "1900-01-01 00:00:00"
_SIZE = "hub_size"


@dataclass(frozen=True, slots=True)
class _Border:
    """The last row that was read: where the next page begins."""

    position: str
    key: str


class SqlViewReader:
    """One view. For one thread; `close` it with its channel.

    Args:
        place: See `SqlPlace`.
        view: See `SqlView`.
        ctx: The channel's context; statements are counted by the gate under its instance.
        policy: See `SqlPolicy`.
    """

    def __init__(
        self, place: SqlPlace, view: SqlView, ctx: ChannelContext, policy: SqlPolicy | None = None
    ) -> None:
        self.ctx = ctx
        self.policy = policy or SqlPolicy()
        self._place = place
        self._view = view
        self._where = f"{ctx.instance}: view {view.name}"
        self._session = Session(
            place, self.policy, lambda: ctx.secret(place.password), zone=ctx.zone, now=ctx.clock.now
        )
        self._runner = Runner(ctx, self.policy, self._session, self._where)
        self._writer = RowWriter(place, self._where)
        schema, name = view.parts
        self._table = sa.table(identifier(name), schema=identifier(schema) if schema else None)

    def close(self) -> None:
        """Ends the connection."""
        self._session.close()

    def columns(self) -> dict[str, Found]:
        """The view's columns under the names that the channel expects; fetches no row.

        Raises:
            SourceContractError: One is missing, renamed or of another type (code ``view_columns``), each named.
            SourceUnavailable: The database is away, or refuses the account.
            ConfigError: There is no such database, no driver, or no secret.
        """
        query = sa.select(sa.text("*")).select_from(self._table).where(sa.text("1 = 0"))

        def described(connection: sa.Connection) -> list[Found]:
            with connection.execute(query) as result:
                return columns_of(result, self._place)

        return self._expected(self._runner.run(described, "columns"))

    def pages(self, window: Window, *, max_skew_s: float = 0.0) -> Iterator[Page]:
        """Every row of the window, both ends included, ascending by update time and number; then what no window shows.

        Args:
            window: Of a TIME stream.
            max_skew_s: By which the source's clock may run ahead; rows beyond are among the last, where the window ends now.

        Raises:
            SourceContractError: As `columns`; text in another encoding than the settings say (``page_encoding``); more rows of one
                update time and number than a page can hold (``page_repeated``).
            SourceUnavailable: The database is away; what was yielded stays, the window is read again.
        """
        columns = self.columns()
        query = _Query(self._table, self._view, columns, self.policy.cell_bytes)
        since = self._bound(window.since, columns) if window.since is not None else None
        until = self._bound(window.until, columns)
        number = seen = 0
        for rows in self._keyset(query, since, until):
            number, seen = number + 1, seen + len(rows)
            yield Page(self._landed(rows), number=number)
            if window.limit is not None and seen >= window.limit:
                return
        if window.limit is None and self.ctx.clock.now() - window.until < _LIVE:
            odd = self._odd(query, self._bound(window.until + timedelta(seconds=max_skew_s), columns))
            if odd:
                yield Page(self._landed(odd), number=number + 1)

    def sample(self, count: int) -> list[RawRecord]:
        """Some rows of the last day, or of whenever the latest are; for `Channel.check`."""
        columns = self.columns()
        query = _Query(self._table, self._view, columns, self.policy.cell_bytes)
        statement = query.select().order_by(query.position.desc(), query.key.desc()).limit(count)
        return self._landed(self._rows(statement.where(query.key.is_not(None)), query, "sample"))

    # --- pages ---------------------------------------------------------------------------------------------------

    def _keyset(self, query: _Query, since: str | None, until: str) -> Iterator[list[Row]]:
        border: _Border | None = None
        before: set[bytes] = set()
        limit = self.policy.batch
        while True:
            asked = limit if border is None else limit + 1  # the border's own row comes again
            statement = query.page(since, until, border, asked)
            rows = self._rows(statement, query, "page", stop_at=self.policy.page_bytes)
            ended_early = len(rows) < asked and rows.more
            fresh = [row for row in rows if row.body not in before]
            if fresh:
                yield fresh
            if len(rows) < asked and not ended_early:
                return
            last = rows[-1]
            assert last.position is not None
            assert last.key is not None
            reached = _Border(last.position, last.key)
            # Rows that share time and number (in the view's collation) fill the page: a larger one gets past them.
            stuck = border is not None and not fresh
            limit = min(limit * 2, self.policy.batch * _MOST_GROWTH) if stuck else self.policy.batch
            if stuck and len(rows) >= self.policy.batch * _MOST_GROWTH:
                raise SourceContractError(
                    f"{self._where}: more than {len(rows)} rows share one update time and number (expected a number that names one "
                    "row); what came before is kept: ask the source's keeper whether the view joins what it should not",
                    code=Code.PAGE_REPEATED,
                )
            at_border = {row.body for row in rows if row.position == reached.position}
            before = (before | at_border) if stuck else at_border
            border = reached

    def _odd(self, query: _Query, after: str) -> list[Row]:
        """Rows without time or number, and rows dated ahead."""
        rows = self._rows(query.odd(after, MOST_ODD_ROWS + 1), query, "rows that no window shows")
        if len(rows) > MOST_ODD_ROWS:
            self.ctx.log.warning("view_odd_rows", source=self.ctx.instance, most=MOST_ODD_ROWS)
        return rows[:MOST_ODD_ROWS]

    def _rows(
        self, statement: sa.Select[Any], query: _Query, label: str, *, stop_at: int | None = None
    ) -> _Rows:
        def read(connection: sa.Connection) -> _Rows:
            rows, size = _Rows(), 0
            streamed = statement.execution_options(stream_results=True, max_row_buffer=50)
            with connection.execute(streamed) as result:
                for values in result:
                    row = self._writer.row(values, query.names, self._view)
                    rows.append(row)
                    size += len(row.body)
                    if stop_at is not None and size >= stop_at:
                        rows.more = True
                        break
            return rows

        rows = self._runner.run(read, label)
        self._writer.check_charset(rows)
        return rows

    def _landed(self, rows: Sequence[Row]) -> list[RawRecord]:
        return [self._record(row) for row in rows]

    def _record(self, row: Row) -> RawRecord:
        if row.problem is not None:
            return RawRecord(None, row.body, problem=row.problem)
        key = (row.key or "").strip()
        if not key or len(key) > MAX_KEY or not key.isprintable():
            code = Code.KEY_INVALID if key else Code.KEY_MISSING
            return RawRecord(
                None,
                row.body,
                problem=self._problem(self._view.key, code, "a number of at most 128 characters"),
            )
        try:
            moment = time_in(row.position or "", self.ctx.zone, field=self._view.position)
        except (RecordRejected, OverflowError):
            problem = self._problem(self._view.position, Code.POSITION_UNREADABLE, "a time")
            return RawRecord(key, row.body, problem=problem)
        return RawRecord(key, row.body, version_of_time(moment), moment)

    def _problem(self, column: str, code: Code, expected: str) -> RecordProblem:
        return RecordProblem(
            code,
            f"{self._where}: column {column} of a row holds nothing usable (expected {expected}); the row is kept: ask the source's "
            "keeper for it",
        )

    # --- columns -------------------------------------------------------------------------------------------------

    def _expected(self, found: Sequence[Found]) -> dict[str, Found]:
        """Expected name -> column; every fault is named in one error."""
        by_name: dict[str, list[Found]] = {}
        for one in found:
            by_name.setdefault(one.name.casefold(), []).append(one)
        columns, faults, asked = {}, [], set()
        for column in self._view.columns:
            name = self._view.names.get(column.name, column.name)
            asked.add(name.casefold())
            same = by_name.get(name.casefold(), [])
            exact = [one for one in same if one.name == name] or same
            if len(exact) > 1:
                faults.append(f"{name} stands {len(exact)} times, in upper and lower case")
            elif not exact and column.required:
                faults.append(f"{name} is missing")
            elif exact and exact[0].kind not in column.kinds:
                faults.append(f"{name} is {exact[0].kind} (expected {' or '.join(sorted(column.kinds))})")
            elif exact:
                columns[column.name] = exact[0]
        if faults:
            unknown = sorted(one.name for one in found if one.name.casefold() not in asked)
            raise SourceContractError(
                f"{self._where}: {'; '.join(faults)}; columns there that nobody asked for: {', '.join(unknown)[:400] or 'none'}; no row was "
                "read: ask the source's keeper what changed, or name the columns in the channel's settings",
                code=Code.VIEW_COLUMNS,
            )
        return columns

    def _bound(self, moment: datetime, columns: dict[str, Found]) -> str:
        """A moment as the position column writes it."""
        position = columns[self._view.position]
        if position.aware:
            return moment.astimezone(UTC).isoformat(" ")
        local = moment.astimezone(self.ctx.zone)
        # Text has no fractions: what stands in the bound's own second belongs to the window.
        return local.strftime("%Y-%m-%d %H:%M:%S" if position.kind == "text" else "%Y-%m-%d %H:%M:%S.%f")


class _Rows(list[Row]):
    """Rows of one statement; ``more``: it was ended before its end."""

    more: bool = False


class _Query:
    """The statements over one view, in SQLAlchemy's own words; values go as parameters, untyped, as the database reads them."""

    def __init__(self, table: Any, view: SqlView, columns: dict[str, Found], cell_bytes: int) -> None:
        self.names = list(columns)
        self._table = table
        self._key, self._position = columns[view.key], columns[view.position]
        self.key, self.position = _column(self._key), _column(self._position)
        long = [_column(one) for one in columns.values() if one.long]
        size = sum((sa.func.coalesce(sa.func.octet_length(one), 0) for one in long[1:]), start=_length(long))
        most: sa.ColumnElement[int] = sa.literal_column(str(cell_bytes))
        self._selected = [
            (
                sa.case((sa.func.octet_length(_column(one)) <= most, _column(one)))
                if one.long
                else _column(one)
            ).label(f"c{index}")
            for index, one in enumerate(columns.values())
        ]
        too_long = (
            sa.or_(*(sa.func.octet_length(one) > most for one in long))
            if long
            else sa.literal_column("1 = 0")
        )
        self._selected.append(sa.case((too_long, size), else_=sa.literal_column("0")).label(_SIZE))

    def select(self) -> sa.Select[Any]:
        """All that is read of a row, and the size of a row that is too long to be read."""
        return sa.select(*self._selected).select_from(self._table)

    def page(self, since: str | None, until: str, border: _Border | None, limit: int) -> sa.Select[Any]:
        """Rows of the window from the border on, the border's own rows included."""
        statement = self.select().where(self.position <= _value("until", until), self.key.is_not(None))
        if border is not None:
            position, key = (
                _value("border", border.position),
                _value("border_key", self._key_value(border.key)),
            )
            statement = statement.where(
                self.position >= position, sa.or_(self.position > position, self.key >= key)
            )
        else:
            statement = statement.where(*self._dated(since))
        return statement.order_by(self.position, self.key).limit(sa.literal_column(str(limit)))

    def _dated(self, since: str | None) -> list[sa.ColumnElement[bool]]:
        if since is not None:
            return [self.position >= _value("since", since)]
        # Without a bound below, what is no time at all must not open the window: it is among the odd rows.
        return [self.position >= _value("since", _EARLIEST)]

    def odd(self, after: str, limit: int) -> sa.Select[Any]:
        """Rows that no window up to now shows."""
        unusual = [self.position.is_(None), self.key.is_(None), self.position > _value("after", after)]
        unusual.append(self.position < _value("earliest", _EARLIEST))
        if self._position.kind == "text":
            unusual.append(self.position.not_like(_value("form", "____-__-__ __:__:__%")))
        return self.select().where(sa.or_(*unusual)).limit(sa.literal_column(str(limit)))

    def _key_value(self, key: str) -> object:
        # MariaDB compares a whole number with a text as floating point, in which 18 digits are not exact.
        if self._key.kind == "integer":
            return int(key)
        return Decimal(key) if self._key.kind == "number" else key


class Runner:
    """Runs one piece of work over a session: through the gate, again where that may help, and over a new connection.

    Args:
        ctx: Clock, gate and log.
        policy: See `SqlPolicy`.
        session: Whose connection is used.
        where: For messages.
    """

    def __init__(self, ctx: ChannelContext, policy: SqlPolicy, session: Session, where: str) -> None:
        self._ctx = ctx
        self._policy = policy
        self._session = session
        self._where = where

    def run(self, work: Callable[[sa.Connection], WorkT], label: str, *, repeatable: bool = True) -> WorkT:
        """What the work gives, in a transaction of its own that is rolled back, or committed by the work itself.

        Raises:
            SourceUnavailable: After all tries.
            SourceContractError: See `hub.sdk.readers.sql_connect.explained`.
            ConfigError: Likewise.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._policy.tries),
            wait=tenacity.wait_exponential(self._policy.backoff_first_s, self._policy.backoff_longest_s)
            + tenacity.wait_random(0, 1),
            retry=tenacity.retry_if_exception(lambda exc: isinstance(exc, Away) and exc.again and repeatable),
            before_sleep=self._note,
            sleep=self._ctx.clock.sleep,
            reraise=True,
        )
        gate, source = self._ctx.gate, self._ctx.instance
        try:
            result: WorkT = retrying(self._once, work, label)
        except Away as exc:
            if isinstance(exc.error, SourceContractError):
                gate.succeeded(source)
            else:
                gate.failed(source)
            raise exc.error from exc.__cause__
        gate.succeeded(source)
        return result

    def _once(self, work: Callable[[sa.Connection], WorkT], label: str) -> WorkT:
        wait_s = self._ctx.gate.admit(
            self._ctx.instance, rate_per_s=self._policy.rate_per_s, burst=self._policy.burst
        )
        if wait_s > 0:
            self._ctx.clock.sleep(wait_s)
        try:
            connection = self._session.connection()
            try:
                return work(connection)
            finally:
                if not connection.invalidated:
                    connection.rollback()
        except DBAPIError as exc:
            self._session.drop()
            raise explained(exc, f"{self._where}, {label}") from exc.orig
        except UnicodeDecodeError:
            self._session.drop()
            raise

    def _note(self, state: tenacity.RetryCallState) -> None:
        exc = state.outcome.exception() if state.outcome else None
        code = exc.error.code.value if isinstance(exc, Away) else Code.UNEXPECTED.value
        self._ctx.log.warning(
            "source_tried_again",
            source=self._ctx.instance,
            code=code,
            attempt=state.attempt_number,
            wait_s=round(state.upcoming_sleep, 3),
        )


def _column(found: Found) -> sa.ColumnClause[Any]:
    return sa.column(sa.quoted_name(found.name, quote=True), NullType())


def _length(long: Sequence[sa.ColumnClause[Any]]) -> Any:
    return sa.func.coalesce(sa.func.octet_length(long[0]), 0) if long else sa.literal_column("0")


def _value(name: str, value: object) -> sa.BindParameter[Any]:
    """A parameter without a type: the database reads it as what it is compared with."""
    return sa.bindparam(name, value, type_=NullType())
