"""Totals over tables that grow for years, read in a time that does not grow with them.

The older part of a table is counted once and kept in this process; each reading counts only what is new since. Rows are told
apart by their ids, and ids do not follow the order of commits: only what began a while ago is taken for settled, and the rest is
counted anew each time. The figures are exact, restart with the process, and cost a look at the new rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

Labels = tuple[str, ...]
Values = list[float]

# No transaction of the hub stays open for as long: after that, no smaller id can appear any more.
SETTLED_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Question:
    """What is counted, and along which ids.

    Attributes:
        name: For the results.
        labels: How many of the columns that come back are labels; the others are figures to be added up.
        sql: Counts the rows for which ``{rows}`` holds; groups by its labels.
        id: The column that grows.
        upto: SQL that gives the greatest id older than ``:settled``, None where there is none.
        least: Below every id.
        final: Holds for a row whose figures change no more; a row that is not final is counted anew until it is.
        table: Where rows that are not final are looked up; they may be wherever ``final`` is not ``true``.
        largest: Positions among the figures of those that are not added up: the largest counts.
    """

    name: str
    labels: int
    sql: str
    id: str
    upto: str
    least: int | str
    final: str = "true"
    table: str = ""
    largest: frozenset[int] = frozenset()


class Growing:
    """One question's totals, kept up to date by `read`."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._settled: dict[Labels, Values] = {}
        self._upto: Any = question.least
        self._open: list[Any] = []

    def read(self, connection: Connection, now: datetime) -> dict[Labels, Values]:
        """The totals as the caller's transaction sees them, by label values; the transaction must see one snapshot."""
        question = self._question
        upto = connection.execute(text(question.upto), {"settled": now - SETTLED_AFTER}).scalar_one()
        upto = question.least if upto is None else upto
        if upto < self._upto:  # another database, or one that was restored
            self._settled, self._open, self._upto = {}, [], question.least
        self._settle(connection, upto)
        fresh = (
            f"({question.id} > :upto OR {question.id} = ANY(:open))"
            if self._open
            else f"{question.id} > :upto"
        )
        return self._merged(self._settled, self._count(connection, fresh, upto=upto, open=self._open))

    def _settle(self, connection: Connection, upto: Any) -> None:
        """Takes the older part into the totals that are kept, but for rows that may change yet."""
        question = self._question
        settled, still_open = self._settled, self._open
        if still_open:
            done = f"{question.id} = ANY(:open) AND {question.final}"
            settled = self._merged(settled, self._count(connection, done, open=still_open))
            still_open = self._not_final(connection, f"{question.id} = ANY(:open)", open=still_open)
        if upto > self._upto:
            part = f"{question.id} > :after AND {question.id} <= :upto"
            found = self._count(connection, f"{part} AND {question.final}", after=self._upto, upto=upto)
            settled = self._merged(settled, found)
            if question.final != "true":
                still_open = still_open + self._not_final(connection, part, after=self._upto, upto=upto)
        self._settled, self._open, self._upto = settled, still_open, upto

    def _not_final(self, connection: Connection, rows: str, **values: Any) -> list[Any]:
        question = self._question
        statement = f"SELECT {question.id} FROM {question.table} WHERE {rows} AND NOT ({question.final})"
        return list(connection.execute(text(statement), values).scalars())

    def _count(self, connection: Connection, rows: str, **values: Any) -> dict[Labels, Values]:
        statement = text(self._question.sql.replace("{rows}", rows))
        found: dict[Labels, Values] = {}
        for row in connection.execute(statement, values):
            labels = tuple("" if value is None else str(value) for value in row[: self._question.labels])
            found[labels] = [float(value or 0) for value in row[self._question.labels :]]
        return found

    def _merged(
        self, first: Mapping[Labels, Sequence[float]], second: Mapping[Labels, Sequence[float]]
    ) -> dict[Labels, Values]:
        merged = {labels: list(values) for labels, values in first.items()}
        for labels, values in second.items():
            standing = merged.setdefault(labels, [0.0] * len(values))
            for place, value in enumerate(values):
                if place in self._question.largest:
                    standing[place] = max(standing[place], value)
                else:
                    standing[place] += value
        return merged
