"""What rules ask of the stored demands: many keys in one query (design decision 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from threading import Lock
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from hub.clock import COUNTY_ZONE
from hub.errors import Code, HubError, PluginError
from hub.model.calendar import ChinaCalendar, WorkCalendar
from hub.model.demand import DemandFacts
from hub.sdk.rules import FormerState, Outline, Seen
from hub.sdk.weekly import SERIES, SeriesVerdict
from hub.store import categories, rollups, seen, series_history, weeks
from hub.store.engine import driver, explain, text_array
from hub.store.outlines import SUBJECTS as OUTLINED
from hub.store.outlines import Outlines
from hub.store.spans import Spans, asked

AnswerT = TypeVar("AnswerT")

_UNRESOLVED = "d.channel = 'unresolved_window'"

# Where the demands of a key stand, each by an index.
_SUBJECTS = {
    "reporter": 'demand d WHERE d.reporter_key = s.key COLLATE "C"',
    "demand": 'demand d WHERE d.demand_id = s.key COLLATE "C"',
    "matter": "matter_member m CROSS JOIN LATERAL (SELECT * FROM demand WHERE demand_id = m.demand_id OFFSET 0) d "
    'WHERE m.matter_id = s.key COLLATE "C" AND m.submitted_at >= s.since AND m.submitted_at < s.until',
    "place_category": "demand_outline g CROSS JOIN LATERAL (SELECT * FROM demand WHERE demand_id = g.demand_id OFFSET 0) d "
    'WHERE g.cell = s.key COLLATE "C" AND g.counts AND g.submitted_at >= s.since AND g.submitted_at < s.until',
    "unresolved_item": f"demand d WHERE coalesce(d.item_code, d.item_name) = s.key AND {_UNRESOLVED}",
    "unresolved_organisation": f"demand d WHERE d.target_org = s.key AND {_UNRESOLVED}",
}

FACT_COLUMNS = tuple(name for name in DemandFacts.model_fields)
# A question for each row rather than a join: one look into the index, whatever the planner thinks of the number of rows.
_OF_MATTER = (
    "LEFT JOIN LATERAL (SELECT m.matter_id, (SELECT t.members FROM matter t WHERE t.matter_id = m.matter_id) AS members "
    "FROM matter_member m WHERE m.demand_id = d.demand_id OFFSET 0) mm ON true"
)
_MATTER = "(SELECT m.matter_id FROM matter_member m WHERE m.demand_id = d.demand_id)"
_SEEN = {"category": categories.SEEN, "matter_id": "mm.matter_id", "matter_members": "mm.members"}
_FACTS = ", ".join(_SEEN.get(name, f"d.{name}") for name in FACT_COLUMNS)
_OUTLINE = ", ".join((_SEEN | {"matter_id": _MATTER}).get(name, f"d.{name}") for name in Outline._fields)
_LIVE = "NOT d.deleted AND d.status <> 'void'"
# What came by another route as well is counted where it is the same as.
_COUNTED = "NOT EXISTS (SELECT 1 FROM demand_link l WHERE l.demand_id = d.demand_id)"

# What a rule's keys may depend on; title and text are left out, for they are large and their keys are the demand's own.
_FORMER = (
    "nature",
    "submitted_at",
    "demand_type",
    "urgency",
    "reporter_key",
    "reporter_type",
    "category",
    "region_code",
    "place_id",
    "item_code",
    "item_name",
    "case_no",
    "target_org",
    "business_class",
    "declared_group_size",
    "chases_open_order",
    "assigned_no",
    "labels",
)


class StoreHistory:
    """`hub.sdk.rules.History` over the demands that this connection sees; each call sees what is committed by then.

    A rule runs in a thread of its own and may outlive its time limit: after `close` it is answered no more.

    Args:
        connection: Of the evaluation's transaction.
        now: The moment of the evaluation, aware UTC.
        calendar: The county's working days.
        tried: Answers `verdicts` instead of what is kept: weeks that were judged with other settings, to see what would come of them.
        outlines: What the other rules of the batch have read of matters, places and reporters.

    Attributes:
        failed: The error of a question that the database refused: nothing more can be asked in this savepoint, whatever the
            rule made of it.
    """

    def __init__(
        self,
        connection: Connection,
        now: datetime,
        calendar: WorkCalendar | None = None,
        *,
        tried: Mapping[str, Sequence[SeriesVerdict]] | None = None,
        outlines: Outlines | None = None,
    ) -> None:
        self._connection = connection
        self._outlines = outlines or Outlines(connection)
        self._tried = tried
        self._now = now
        self._calendar: WorkCalendar = calendar if calendar is not None else ChinaCalendar()
        self._open = True
        self._one_at_a_time = Lock()
        self.failed: HubError | None = None

    def close(self) -> None:
        """Answers no further call; waits for the one under way."""
        self._open = False
        with self._one_at_a_time:
            pass

    @property
    def now(self) -> datetime:
        return self._now

    @property
    def calendar(self) -> WorkCalendar:
        return self._calendar

    def seen(self, kind: str, subject: str, spans: Spans) -> dict[str, list[Seen]]:
        if not spans:
            return {}
        source, values = asked(spans)
        found: dict[str, list[Seen]] = {}
        for key, *row in self._answer(seen.query(kind, subject, source), values):
            found.setdefault(key, []).append(seen.seen(kind, row))
        return found

    def daily(self, kind: str, subject: str, spans: Spans) -> dict[str, list[tuple[date, int]]]:
        if not spans:
            return {}
        source, values = asked(spans)
        found: dict[str, list[tuple[date, int]]] = {}
        for key, day, count in self._answer(seen.daily_query(kind, subject, source), values):
            found.setdefault(key, []).append((day, count))
        return found

    def demands(self, subject: str, spans: Spans) -> dict[str, list[DemandFacts]]:
        if subject == SERIES:
            return self._of_series(spans)
        found: dict[str, list[DemandFacts]] = {}
        for row in self._rows(
            subject, spans, f"s.key, {_FACTS}", f"{_OF_MATTER} ORDER BY s.key, d.submitted_at, d.demand_id"
        ):
            found.setdefault(row[0], []).append(facts(row[1:]))
        return found

    def outlines(self, subject: str, spans: Spans) -> dict[str, list[Outline]]:
        if subject in OUTLINED:
            return self._ask(lambda: self._outlines.read(subject, spans))
        found: dict[str, list[Outline]] = {}
        for row in self._rows(
            subject, spans, f"s.key, {_OUTLINE}", "ORDER BY s.key, d.submitted_at, d.demand_id"
        ):
            found.setdefault(row[0], []).append(Outline._make(row[1:]))
        return found

    def heads(self, subject: str, spans: Spans) -> dict[str, int]:
        if subject in OUTLINED:
            return self._ask(lambda: self._outlines.heads(subject, spans))
        what = "s.key, count(DISTINCT d.reporter_key) + coalesce(max(d.declared_group_size), 0)"
        return {row[0]: row[1] for row in self._rows(subject, spans, what, "GROUP BY s.key") if row[1]}

    def at_most(self, spans: Spans) -> dict[str, int]:
        return self._ask(lambda: self._outlines.count("reporter", spans))

    def former_states(self, demand_ids: Sequence[str]) -> dict[str, list[FormerState]]:
        found: dict[str, list[FormerState]] = {}
        for demand_id, status, until in self._answer(_FORMER_STATES, (text_array(demand_ids),)):
            found.setdefault(demand_id, []).append(FormerState(status, until))
        return found

    def words(self, demand_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        rows = self._answer(_WORDS, (text_array(demand_ids),)) if demand_ids else []
        return {demand_id: (title, said) for demand_id, title, said in rows}

    def counts(self, subject: str, spans: Spans) -> dict[str, int]:
        return {row[0]: row[1] for row in self._rows(subject, spans, "s.key, count(*)", "GROUP BY s.key")}

    def distinct_reporters(self, subject: str, spans: Spans) -> dict[str, int]:
        rows = self._rows(subject, spans, "s.key, count(DISTINCT d.reporter_key)", "GROUP BY s.key")
        return {row[0]: row[1] for row in rows}

    def weekly(self, subject: str, spans: Spans) -> dict[str, list[tuple[datetime, int]]]:
        if subject == SERIES:
            return self._ask(lambda: series_history.weekly(self._connection, spans))
        week = "date_trunc('week', d.submitted_at AT TIME ZONE 'Asia/Shanghai')"
        found: dict[str, list[tuple[datetime, int]]] = {}
        for key, monday, count in self._rows(
            subject, spans, f"s.key, {week}, count(*)", "GROUP BY 1, 2 ORDER BY 1, 2"
        ):
            found.setdefault(key, []).append((monday.replace(tzinfo=COUNTY_ZONE), count))
        return found

    def verdicts(self, rule_id: str, series: Sequence[str]) -> Mapping[str, Sequence[SeriesVerdict]]:
        if self._tried is not None:
            return {name: self._tried[name] for name in series if name in self._tried}
        return self._ask(lambda: weeks.verdicts(self._connection, rule_id, series))

    def counted(self, series: Sequence[str], since: date, until: date) -> dict[str, list[tuple[date, int]]]:
        return self._ask(lambda: rollups.cells_of_series(self._connection, series, since, until))

    @property
    def counted_since(self) -> date | None:
        return self._ask(lambda: rollups.first_day(self._connection))

    def _of_series(self, spans: Spans) -> dict[str, list[DemandFacts]]:
        named = self._ask(lambda: series_history.demand_ids(self._connection, spans))
        ids = sorted({demand_id for demand_ids in named.values() for demand_id in demand_ids})
        known = {one.demand_id: one for one in self._ask(lambda: facts_of(self._connection, ids))}
        found = {}
        for name, demand_ids in named.items():
            if mine := [known[demand_id] for demand_id in demand_ids if demand_id in known]:
                found[name] = sorted(mine, key=lambda one: (one.submitted_at, one.demand_id))
        return found

    def _rows(self, subject: str, spans: Spans, what: str, tail: str) -> list[tuple[Any, ...]]:
        return self._answer(*_question(subject, spans, what, tail)) if spans else []

    def _answer(self, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._ask(lambda: _fetched(self._connection, query, values))

    def _ask(self, question: Callable[[], AnswerT]) -> AnswerT:
        with self._one_at_a_time:
            if not self._open:
                raise PluginError(
                    "history was asked after its evaluation had ended (expected within the rule's time limit); "
                    "let the rule end in time",
                    code=Code.PLUGIN_TIMEOUT,
                )
            try:
                with _told():
                    return question()
            except HubError as exc:
                self.failed = exc
                raise


def _question(subject: str, spans: Spans, what: str, tail: str) -> tuple[str, tuple[Any, ...]]:
    """The statement, and its values."""
    if subject not in _SUBJECTS:
        raise ValueError(f"history knows the subjects {sorted(_SUBJECTS)}, not {subject!r}: correct the rule")
    source, values = asked(spans)
    # OFFSET 0 keeps the planner at one look into the index a key, however many keys and demands there are (P9).
    query = (
        f"SELECT {what} FROM {source} "
        f"CROSS JOIN LATERAL (SELECT d.* FROM {_SUBJECTS[subject]} "
        f"AND d.submitted_at >= s.since AND d.submitted_at < s.until AND {_LIVE} AND {_COUNTED} OFFSET 0) d {tail}"
    )
    return query, values


_WORDS = (
    "SELECT d.* FROM unnest(%s::text[]) AS s (id) CROSS JOIN LATERAL "
    '(SELECT demand_id, title, text FROM demand WHERE demand_id = s.id COLLATE "C" OFFSET 0) d'
)
_FORMER_STATES = (
    "SELECT s.id, h.status, h.replaced_at FROM unnest(%s::text[]) AS s (id) CROSS JOIN LATERAL "
    "(SELECT history_id, was->>'status' AS status, replaced_at FROM demand_history h WHERE h.demand_id = s.id COLLATE \"C\" OFFSET 0) h "
    "ORDER BY s.id, h.history_id"
)


def limit_statements(connection: Connection, seconds: float | None) -> None:
    """Cuts off statements that take longer, until the savepoint or transaction ends; None takes the limit away again."""
    connection.execute(
        text(
            f"SET LOCAL statement_timeout = {'DEFAULT' if seconds is None else max(1, round(seconds * 1000))}"
        )
    )


def _fetched(connection: Connection, query: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with _told():
        cursor = driver(connection).cursor()
        cursor.execute(query, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@contextmanager
def _told() -> Iterator[None]:
    """What the database refuses, said as one of our errors."""
    try:
        yield
    except (psycopg.Error, DBAPIError) as exc:
        if isinstance(getattr(exc, "orig", exc), psycopg.errors.QueryCanceled):
            raise PluginError(
                "history: a rule's question took longer than a rule may take (expected seconds); narrow its keys or spans",
                code=Code.PLUGIN_TIMEOUT,
            ) from exc
        raise explain(exc) from exc


def facts(row: Sequence[Any]) -> DemandFacts:
    """The facts in a row of `FACT_COLUMNS`."""
    return DemandFacts.model_validate(dict(zip(FACT_COLUMNS, row, strict=True)))


def facts_of(
    connection: Connection, demand_ids: Sequence[str], *, live_only: bool = True
) -> list[DemandFacts]:
    """The facts of these demands, ascending by id; the deleted and void are left out unless asked for."""
    where = f" AND {_LIVE}" if live_only else ""
    rows = _fetched(
        connection,
        f"SELECT {_FACTS} FROM unnest(%s::text[]) AS s (id) CROSS JOIN LATERAL "
        f'(SELECT * FROM demand d WHERE d.demand_id = s.id COLLATE "C"{where} OFFSET 0) d {_OF_MATTER} ORDER BY d.demand_id',
        (text_array(sorted(set(demand_ids))),),
    )
    return [facts(row) for row in rows]


def former_facts(connection: Connection, now: Sequence[DemandFacts]) -> list[DemandFacts]:
    """What these demands were before, each different state once: present title, text and status, former everything else.

    A changed reporter, category or time moves a demand from one key of a rule to another, and both must be judged again. So
    does a matter that it has left.
    """
    by_id = {one.demand_id: one for one in now}
    was = ", ".join(f"'{name}', h.was->'{name}'" for name in _FORMER)
    rows = _fetched(
        connection,
        f"SELECT DISTINCT s.id, jsonb_build_object({was}) FROM unnest(%s::text[]) AS s (id) CROSS JOIN LATERAL "
        '(SELECT was FROM demand_history h WHERE h.demand_id = s.id COLLATE "C" OFFSET 0) h ORDER BY 1, 2',
        (text_array(sorted(by_id)),),
    )
    decided = categories.formers(connection, sorted(by_id))
    found: dict[DemandFacts, None] = {}
    for demand_id, was_then in [*rows, *((demand_id, {}) for demand_id in decided)]:
        now_is = by_id[demand_id]
        known = {name: value for name, value in was_then.items() if value is not None}
        cleared = {name: None for name, value in was_then.items() if value is None and name in _NULLABLE}
        # The history keeps the source's own word alone; with which category rules saw that state is not known: with each.
        said = [known.pop("category")] if "category" in known else []
        for category in dict.fromkeys([now_is.category, *said, *decided.get(demand_id, ())]):
            former = DemandFacts.model_validate({**dict(now_is), **known, **cleared, "category": category})
            if former != now_is:
                found[former] = None
    left = _fetched(
        connection,
        "SELECT DISTINCT demand_id, matter_id FROM matter_left WHERE demand_id = ANY(%s::text[]) ORDER BY 1, 2",
        (text_array(sorted(by_id)),),
    )
    for demand_id, matter_id in left:
        if matter_id != by_id[demand_id].matter_id:
            found[by_id[demand_id].model_copy(update={"matter_id": matter_id, "matter_members": None})] = None
    return list(found)


# The category is the hub's own finding where the source says none: nothing that a former state could clear.
_NULLABLE = frozenset(name for name in _FORMER if DemandFacts.model_fields[name].default is None) - {
    "category"
}
