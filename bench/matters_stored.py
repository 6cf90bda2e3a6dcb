"""What grouping costs where the hub does it: the step itself on a PostgreSQL of its own, both sides' CPU counted together."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from collect.postgres import Postgres
from sqlalchemy import text

from hub.builtin import plugin as builtin
from hub.clock import COUNTY_ZONE, ManualClock
from hub.model.calendar import ChinaCalendar
from hub.model.ids import new_ulid
from hub.pipeline import matter
from hub.pipeline.deps import PipelineDeps
from hub.plugins import load_plugins
from hub.runtime.hub import settle_memory
from hub.seal import ChainSalt, KeyRing, Sealer
from hub.store.engine import Store, driver
from hub.store.migrate import migrate
from hub.store.numbers import Numbers

NOW = datetime(2026, 11, 15, 12, tzinfo=COUNTY_ZONE)  # in the middle of a quarter of the posting lists
SPREAD_DAYS = 90


class Cost(NamedTuple):
    """CPU of one window: ms a text in this process and in PostgreSQL."""

    stored: int
    texts: int
    at_once: int
    client_ms: float
    postgres_ms: float


class Stored:
    """Demands in a database, grouped by the step."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        server.create("matters")
        self.store = Store(server.url("matters"))
        migrate(self.store)
        settle_memory()  # as every process of the hub does
        clock, ring = ManualClock(NOW), KeyRing.generate("aes")
        plugins = load_plugins(builtin={"builtin": builtin}, entry_points=(), call_timeout_s=5.0)
        self.deps = PipelineDeps(
            self.store,
            clock,
            Numbers(self.store, "411521"),
            Sealer(ring),
            ChainSalt(ring),
            plugins,
            ChinaCalendar(),
        )
        self.stored = 0
        self._draw = random.Random(11)

    def add(self, texts: Sequence[tuple[str, str]], *, at_once: int) -> None:
        """Stores demands and the work rows that wait for the step."""
        with self.store.begin() as connection:
            cursor = driver(connection).cursor()
            waiting: list[str] = []
            with cursor.copy(f"COPY demand ({_COLUMNS}) FROM STDIN") as copy:
                for title, body in texts:
                    self.stored += 1
                    at = NOW - timedelta(days=self._draw.random() * SPREAD_DAYS)
                    waiting.append(new_ulid(int(at.timestamp() * 1000)))
                    copy.write_row(_row(waiting[-1], self.stored, at, title, body))
            for start in range(0, len(waiting), at_once):
                connection.execute(
                    text(
                        "INSERT INTO evaluate_work (demand_ids, placed, not_before) VALUES (:ids, true, :now)"
                    ),
                    {"ids": waiting[start : start + at_once], "now": NOW},
                )

    def group(self) -> None:
        """Runs the step until nothing waits, and lets the rules' work rows go."""
        while matter.prepare(self.deps):
            pass
        with self.store.begin() as connection:
            connection.execute(text("DELETE FROM evaluate_work"))

    def measured(self, texts: Sequence[tuple[str, str]], *, at_once: int) -> Cost:
        """Adds these texts and counts the CPU that grouping them takes on both sides."""
        before = self.stored
        self.add(texts, at_once=at_once)
        if len(texts) > 1:
            self.server.tidy("matters")
        client, postgres = time.process_time(), self.server.cpu_s()
        self.group()
        spent = time.process_time() - client, self.server.cpu_s() - postgres
        return Cost(before, len(texts), at_once, *(1e3 * one / len(texts) for one in spent))

    def kept(self) -> str:
        """What the tables hold, in a line."""
        with self.store.begin() as connection:
            row = connection.execute(text(_KEPT)).one()
        return "outcomes {}; {} bytes a text in all tables of matters, {} of the longest posting list".format(
            *row
        )


_KEPT = """
SELECT (SELECT jsonb_object_agg(outcome, n) FROM (SELECT decision ->> 'outcome' AS outcome, count(*) AS n FROM matter_text GROUP BY 1) o),
    (SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'matter%')
        / (SELECT count(*) FROM matter_text),
    (SELECT max(octet_length(entries)) FROM matter_posting)
"""
_COLUMNS = (
    "demand_id, demand_no, stream_id, source_no, raw_id, channel, instance, watch, nature, submitted_at, received_at, updated_at, "
    "demand_type, status, urgency, anonymity, title, text, reporter_key, reporter_type, business_class, chases_open_order, deleted, sealed"
)


def _row(demand_id: str, number: int, at: datetime, title: str, body: str) -> tuple[object, ...]:
    said = ("complaint", "pending", 1, "open", title, body, f"reporter {number}", "person", "undecided")
    where = (demand_id, f"D{number:09d}", 1, f"S{number}", number, "hotline", "hotline", 6, "voiced")
    return (*where, at, NOW, NOW, *said, False, False, b"")


@contextmanager
def stored() -> Iterator[Stored]:
    """A database for one measurement."""
    with tempfile.TemporaryDirectory(prefix="matters-bench-") as folder:
        server = Postgres(Path(folder))
        try:
            one = Stored(server)
            try:
                yield one
            finally:
                one.store.close()
        finally:
            server.close()
