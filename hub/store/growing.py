"""Totals over tables that grow for years, read in a time that does not grow with them, by an old process and by a new one.

The older part of a table is counted once and kept in `figure_total`; each reading counts only what is new since. Rows are told
apart by their ids, and ids do not follow the order of commits: only what began a while ago is taken for settled, and the rest is
counted anew each time. The figures are exact, and outlive both the process and the rows that retention removes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Column, Connection, Table, Text, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert

from hub.store.tables import Moment, metadata

figure_total = Table(
    "figure_total",
    metadata,
    Column("name", Text, primary_key=True),
    Column("upto", JSONB, nullable=False),
    Column("totals", JSONB, nullable=False),
    Column("open", JSONB, nullable=False),
    Column("settled_at", Moment),
    comment="counters over tables that grow: all rows up to an id, counted once (P9)",
)

Labels = tuple[str, ...]
Values = list[float]

# No transaction of the hub stays open for as long: after that, no smaller id can appear any more.
SETTLED_AFTER = timedelta(hours=1)
# Often enough that a new process has little to count, seldom enough that the table is hardly written.
KEPT_FOR = timedelta(minutes=10)
# Rows that one transaction takes into the kept totals: far below the statements' time limit.
SLICE = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """What is counted, and along which ids.

    Attributes:
        name: For the results.
        labels: How many of the columns that come back are labels; the others are figures to be added up.
        sql: Counts the rows for which ``{rows}`` holds; groups by its labels.
        table: Where the rows are looked up by their ids.
        id: The column that grows.
        upto: SQL that gives the greatest id older than ``:settled``, None where there is none.
        least: Below every id.
        final: Holds for a row whose figures change no more; a row that is not final is counted anew until it is.
        largest: Positions among the figures of those that are not added up: the largest counts.
    """

    name: str
    labels: int
    sql: str
    table: str
    id: str
    upto: str
    least: int | str
    final: str = "true"
    largest: frozenset[int] = frozenset()

    @property
    def kept_as(self) -> str:
        """The name under which its totals are kept: another one when it counts otherwise, so that two versions of the hub agree."""
        return f"{self.name}:{sha256(f'{self.sql} {self.final}'.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Kept:
    """The totals of a table's older part.

    Attributes:
        upto: The greatest id that they hold.
        totals: By label values.
        open: Ids up to there of rows that are not final, and so not in them.
        settled_at: When nothing older than `SETTLED_AFTER` was missing; None while the first count is under way.
    """

    upto: Any
    totals: Mapping[Labels, Values]
    open: Sequence[Any] = ()
    settled_at: datetime | None = None


class Growing:
    """One question's totals, kept up to date by `advance`; `read` gives them."""

    def __init__(self, question: Question, *, slice_rows: int = SLICE) -> None:
        self.question = question
        self.kept = self._nothing()
        self._slice = slice_rows

    def due(self, now: datetime) -> bool:
        """Whether it is time to take more into the kept totals."""
        at = self.kept.settled_at
        return at is None or not now - KEPT_FOR < at <= now + KEPT_FOR

    def advance(self, connection: Connection, now: datetime, *, keep: bool = True) -> bool:
        """Takes the next slice of what has settled into the kept totals; one transaction of the caller's.

        Args:
            keep: Write them down; False for a process that may not write, which keeps them for itself.

        Returns:
            Whether nothing is missing by now.
        """
        if keep:
            self.kept = self._locked(connection)  # another process may be further
            if not self.due(now):
                return True
        upto = self._upto(connection, now)
        if not keep and upto < self.kept.upto:  # another database, or one that was restored
            self.kept = self._nothing()
        behind = self._slice_end(connection, upto)
        kept = self._settled(connection, max(behind, self.kept.upto))
        done = bool(kept.upto >= upto)
        self.kept = replace(kept, settled_at=now if done else None)
        if keep:
            self._write(connection)
        return done

    def read(self, connection: Connection) -> dict[Labels, Values]:
        """The totals as the caller's transaction sees them, by label values; the transaction must see one snapshot."""
        question, kept = self.question, self.kept
        fresh = f"{question.id} > :upto"
        if kept.open:
            fresh = f"({fresh} OR {question.id} = ANY(:open))"
        return self._merged(kept.totals, self._count(connection, fresh, upto=kept.upto, open=list(kept.open)))

    # ---- what is kept

    def _nothing(self) -> Kept:
        return Kept(self.question.least, {})

    def _locked(self, connection: Connection) -> Kept:
        """What is kept, locked until the transaction ends, so that two processes never count the same rows into it."""
        name = self.question.kept_as
        connection.execute(
            insert(figure_total)
            .values(name=name, upto=self.question.least, totals=[], open=[])
            .on_conflict_do_nothing()
        )
        row = connection.execute(
            select(figure_total).where(figure_total.c.name == name).with_for_update()
        ).one()
        return kept_of(row)

    def _write(self, connection: Connection) -> None:
        kept = self.kept
        connection.execute(
            figure_total.update()
            .where(figure_total.c.name == self.question.kept_as)
            .values(
                upto=kept.upto,
                totals=[[list(labels), values] for labels, values in kept.totals.items()],
                open=list(kept.open),
                settled_at=kept.settled_at,
            )
        )

    # ---- counting

    def _upto(self, connection: Connection, now: datetime) -> Any:
        upto = connection.execute(text(self.question.upto), {"settled": now - SETTLED_AFTER}).scalar_one()
        return self.question.least if upto is None else upto

    def _slice_end(self, connection: Connection, upto: Any) -> Any:
        """The id at which this slice ends: ``upto``, unless more rows than a slice holds lie before it."""
        question = self.question
        found = connection.execute(
            text(
                f"SELECT {question.id} FROM {question.table} WHERE {question.id} > :after AND {question.id} <= :upto "
                f"ORDER BY {question.id} LIMIT 1 OFFSET :rows"
            ),
            {"after": self.kept.upto, "upto": upto, "rows": self._slice - 1},
        ).scalar_one_or_none()
        return upto if found is None else found

    def _settled(self, connection: Connection, upto: Any) -> Kept:
        """The kept totals with the rows up to there, but for those that may change yet."""
        question, kept = self.question, self.kept
        totals, still_open = kept.totals, list(kept.open)
        if still_open:
            done = f"{question.id} = ANY(:open) AND {question.final}"
            totals = self._merged(totals, self._count(connection, done, open=still_open))
            still_open = self._not_final(connection, f"{question.id} = ANY(:open)", open=still_open)
        if upto > kept.upto:
            part = f"{question.id} > :after AND {question.id} <= :upto"
            found = self._count(connection, f"{part} AND {question.final}", after=kept.upto, upto=upto)
            totals = self._merged(totals, found)
            if question.final != "true":
                still_open += self._not_final(connection, part, after=kept.upto, upto=upto)
        return Kept(upto, totals, still_open)

    def _not_final(self, connection: Connection, rows: str, **values: Any) -> list[Any]:
        question = self.question
        statement = f"SELECT {question.id} FROM {question.table} WHERE {rows} AND NOT ({question.final})"
        return list(connection.execute(text(statement), values).scalars())

    def _count(self, connection: Connection, rows: str, **values: Any) -> dict[Labels, Values]:
        statement = text(self.question.sql.replace("{rows}", rows))
        found: dict[Labels, Values] = {}
        for row in connection.execute(statement, values):
            labels = tuple("" if value is None else str(value) for value in row[: self.question.labels])
            found[labels] = [float(value or 0) for value in row[self.question.labels :]]
        return found

    def _merged(
        self, first: Mapping[Labels, Sequence[float]], second: Mapping[Labels, Sequence[float]]
    ) -> dict[Labels, Values]:
        merged = {labels: list(values) for labels, values in first.items()}
        for labels, values in second.items():
            standing = merged.setdefault(labels, [0.0] * len(values))
            for place, value in enumerate(values):
                if place in self.question.largest:
                    standing[place] = max(standing[place], value)
                else:
                    standing[place] += value
        return merged


def kept_of(row: Any) -> Kept:
    """What a row of `figure_total` keeps."""
    totals = {tuple(labels): list(values) for labels, values in row.totals}
    return Kept(row.upto, totals, row.open, row.settled_at)


def kept_rows(connection: Connection) -> dict[str, Kept]:
    """All that is kept, by `Question.kept_as`."""
    return {row.name: kept_of(row) for row in connection.execute(select(figure_total))}


def may_keep(connection: Connection) -> bool:
    """Whether this process may write totals down: a standby, or an account that only reads, keeps them for itself."""
    return bool(
        connection.execute(
            text(
                "SELECT current_setting('transaction_read_only') = 'off' "
                "AND has_table_privilege('figure_total', 'SELECT, INSERT') AND has_table_privilege('figure_total', 'UPDATE')"
            )
        ).scalar_one()
    )
