"""What counting by week costs, and what judging the weeks of many series does.

``python bench/weekly.py`` makes a private database, fills it with ``--demands`` demands of ``--years`` years (towns, categories and items as a
county has them), and prints the CPU seconds, PostgreSQL's included, of counting 10,000 new demands in batches of 500, of counting the same again
(nothing changes), of 10,000 that moved to another category, and of folding. Then it judges one week of ``--series`` series with the hub's own
rule W05, with less and with more than three years of history; and prints how often W05 and W06 alarm in a county in which nothing is the
matter, and what share they find of weeks in which one category of one town has so many demands more. Exit status 0 only when a series-week costs at most 0.3 ms, and counting
10,000 demands at most half a second.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hub.builtin.rules.counts import FrequentProblem
from hub.builtin.rules.regions import BusyRegion
from hub.builtin.rules.season import SeasonalRise
from hub.detect.dense import DenseCounts
from hub.model.series import WEEKLY, SeriesKind
from hub.sdk.rules import AffectedKey, WarningRule
from hub.sdk.weekly import WeekCounts
from hub.store import rollups
from hub.store.engine import Store, driver
from hub.store.history import StoreHistory, facts_of
from hub.store.migrate import migrate
from hub.store.private import PrivateServer

BATCH, NEW = 500, 10_000
GOAL_MS, GOAL_S = 0.3, 0.5
TICKS = os.sysconf("SC_CLK_TCK")

# Demands as narrow as the table lets them be, so that what is measured is the counting.
_FILL = """
INSERT INTO demand (demand_id, demand_no, stream_id, source_no, raw_id, channel, instance, watch, nature, submitted_at, received_at, updated_at,
    demand_type, status, urgency, anonymity, title, text, reporter_type, category, region_code, item_code, business_class, chases_open_order,
    deleted, sealed)
SELECT 'D' || lpad(n::text, 25, '0'), 'N' || n, 1, n::text, n, 'bench', 'bench', 1, 'voiced', at, at, at,
    (ARRAY['consultation', 'complaint', 'help', 'suggestion'])[1 + n %% 4], 'pending', 1, 'open', '', repeat('诉求内容', 60), 'unknown',
    '类别' || floor(73 * power(random(), 2)), '411521' || lpad((1 + floor(20 * power(random(), 2)))::int::text, 3, '0') || '000',
    '11411521MB0T1234' || lpad(floor(400 * power(random(), 2))::int::text, 15, '0'), 'undecided', false, false, '\\x00'
FROM (SELECT n, now() - random() * interval '1 day' * %s AS at FROM generate_series(%s::bigint, %s::bigint) AS n) s
"""


def cpu_of(parent: int) -> float:
    """CPU seconds of this process and of all of PostgreSQL's, those that have ended included."""
    total = time.process_time()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        own = int(stat.parent.name) == parent
        if own or int(fields[1]) == parent:
            total += (int(fields[11]) + int(fields[12])) / TICKS
        if own:
            total += (int(fields[13]) + int(fields[14])) / TICKS
    return total


@contextmanager
def database() -> Iterator[tuple[Store, int]]:
    """A migrated database of a private server, and the server's process id."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-weekly-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        server = PrivateServer(Path(folder) / "home")
        try:
            server.ensure()
            store = Store(server.create_database("bench"))
            migrate(store)
            with store.begin() as connection:
                backend = driver(connection).info.backend_pid
            yield store, int(Path(f"/proc/{backend}/stat").read_text().rpartition(") ")[2].split()[1])
            store.close()
        finally:
            server.destroy()


def counting(demands: int, years: int) -> dict[str, Any]:
    with database() as (store, pid):
        with store.begin() as connection:
            cursor = driver(connection).cursor()
            cursor.execute(_FILL, (365 * years, 1, demands))
            cursor.execute("ANALYZE demand")
        with store.begin() as connection:
            rollups.recount(connection)
            driver(connection).cursor().execute("ANALYZE counted, rollup")
        with store.begin() as connection:
            driver(connection).cursor().execute(_FILL, (7, demands + 1, demands + NEW))
        ids = [f"D{number:025d}" for number in range(demands + 1, demands + NEW + 1)]

        def count() -> None:
            for start in range(0, NEW, BATCH):
                with store.begin() as connection:
                    rollups.count_demands(connection, ids[start : start + BATCH])

        def moved() -> None:
            with store.begin() as connection:
                driver(connection).cursor().execute(
                    "UPDATE demand SET category = category || '改' WHERE demand_id = ANY(%s)", (ids,)
                )

        def fold() -> None:
            with store.begin() as connection:
                rollups.fold(connection)

        figures = {"stored": demands, "new_s": measured(pid, count), "again_s": measured(pid, count)}
        moved()
        figures["moved_s"] = measured(pid, count)
        figures["fold_s"] = measured(pid, fold)
        since = date.today() - timedelta(days=365 * years)

        def read() -> None:
            with store.begin() as connection:
                rollups.cells(connection, WEEKLY, since, date.today())

        figures["read_all_weeks_s"] = measured(pid, read)
        figures["reading_demands_s"] = measured(pid, lambda: asked(store, ids, None))
        for cls in (FrequentProblem, BusyRegion, SeasonalRise):
            figures[f"{cls.rule_id}_s"] = measured(pid, partial(asked, store, ids, cls()))
        return figures


def asked(store: Store, ids: Sequence[str], rule: WarningRule | None) -> None:
    """The rule judges what these demands touch, batch by batch, as the evaluation does; no week has been judged yet. None: reads the demands alone."""
    now = datetime.now(UTC)
    for start in range(0, len(ids), BATCH):
        with store.begin() as connection:
            demands = facts_of(connection, ids[start : start + BATCH])
            if rule is None:
                continue
            keys = {
                key: AffectedKey(key, one.submitted_at, one.submitted_at)
                for one in demands
                for key in rule.keys(one)
            }
            list(rule.evaluate(list(keys.values()), StoreHistory(connection, now)))


def measured(pid: int, work: Callable[[], None]) -> float:
    before = cpu_of(pid)
    work()
    return round(cpu_of(pid) - before, 3)


def judging(series: int, weeks: int) -> dict[str, Any]:
    """One week of so many series by W05."""
    random = np.random.default_rng(1)
    level = random.gamma(0.6, 6.0, (series, 1))
    counts = random.poisson(level, (series, weeks)).astype(np.float64)
    monday = date(2026, 11, 16)
    first = monday - timedelta(weeks=weeks - 1)
    empty = DenseCounts((), first, np.zeros((0, weeks)), 0.0, 0.0)
    keys = tuple(f"4115210{number % 20:02d}000|类别{number}" for number in range(series))
    weekly = dict.fromkeys(WEEKLY, empty) | {
        SeriesKind.REGION_CATEGORY: DenseCounts(keys, first, counts, 0.0, 0.0)
    }
    week = WeekCounts(monday, weekly, {}, {}, {}, {}, {})
    rule = FrequentProblem()
    rule.judge(week)  # imports and warms up
    began = time.process_time()
    found = rule.judge(week)
    spent = time.process_time() - began
    return {
        "series": series,
        "weeks": weeks,
        "cpu_s": round(spent, 3),
        "ms_a_series_week": round(1000 * spent / series, 4),
        "beyond": len(found.verdicts),
        "alarms": sum(one.alarm for one in found.verdicts),
    }


TOWNS, CATEGORIES, A_DAY = 20, 73, 120


def county(weeks: int, seed: int) -> np.ndarray[Any, Any]:
    """A county's demands by town, category and week, in which nothing is the matter: pure chance, three towns with 45 % of them."""
    random = np.random.default_rng(seed)
    of_category = 1.0 / np.arange(1, CATEGORIES + 1) ** 0.9
    of_town = np.array([0.2, 0.15, 0.1] + [0.55 / (TOWNS - 3)] * (TOWNS - 3))
    mean = A_DAY * 7 * np.outer(of_town, of_category / of_category.sum())
    return random.poisson(mean[..., None], (TOWNS, CATEGORIES, weeks))


def alarming(counts: np.ndarray[Any, Any], weeks: int) -> dict[str, int]:
    """How many series of that county alarm in its last weeks, each judged as it was over, and which."""
    found = {"category": 0, "region_category": 0, "region": 0}
    towns = [f"4115210{number:02d}000" for number in range(1, TOWNS + 1)]
    names = [f"类别{number:02d}" for number in range(CATEGORIES)]
    people = (counts.sum(axis=(1, 2)) ** 0.9 * 20).astype(int)
    for back in range(weeks):
        upto = counts[:, :, : counts.shape[2] - back].astype(np.float64)
        monday = date(2026, 11, 16) - timedelta(weeks=back)
        first = monday - timedelta(weeks=upto.shape[2] - 1)

        def dense(keys: Sequence[str], table: Any, first: date = first) -> DenseCounts:
            return DenseCounts(tuple(keys), first, table, 0.0, 0.0)

        of_town = upto.sum(axis=1)
        weekly = dict.fromkeys(WEEKLY, dense((), np.zeros((0, upto.shape[2])))) | {
            SeriesKind.CATEGORY: dense(names, upto.sum(axis=0)),
            SeriesKind.REGION_CATEGORY: dense(
                [f"{town}|{name}" for town in towns for name in names], upto.reshape(-1, upto.shape[2])
            ),
            SeriesKind.REGION: dense(towns, of_town),
        }
        days = {
            town: [
                (first + timedelta(days=7 * week + day), int(n) // 7 + (day < int(n) % 7))
                for week, n in enumerate(row)
                for day in range(7)
            ]
            for town, row in zip(towns, of_town, strict=True)
        }
        week = WeekCounts(monday, weekly, days, dict(zip(towns, people.tolist(), strict=True)), {}, {}, {})
        for rule in (FrequentProblem(), BusyRegion()):
            for one in rule.judge(week).verdicts:
                found[one.series.partition(":")[0]] += one.alarm
    return found


def chance(seed: int) -> list[dict[str, Any]]:
    """False alarms by pure chance, and the share found of planted weeks, for short and for long history."""
    rows = []
    for history in (60, 200):
        quiet = alarming(county(history, seed), weeks=40)
        found = {}
        for size in (10, 20, 30, 40):
            hits = 0
            for turn in range(20):
                counts = county(history, seed * 1_000 + turn)
                # An ordinary category of an ordinary town: one or two demands a week.
                counts[3 + turn % 17, 10 + turn, -1] += size
                hits += alarming(counts, weeks=1)["region_category"] > 0
            found[size] = hits / 20
        rows.append({"weeks_of_history": history, "false_alarms_in_40_weeks": quiet, "planted_found": found})
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--demands", type=int, default=100_000)
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the county by pure chance")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    counted = counting(args.demands, args.years)
    judged = [judging(args.series, weeks) for weeks in (100, 290)]
    by_chance = chance(args.seed)
    if args.json:
        print(json.dumps({"counting": counted, "judging": judged, "by_chance": by_chance}, indent=2))
    else:
        print(f"counting, CPU s with PostgreSQL, {NEW:,} demands in batches of {BATCH}: {counted}")
        for one in judged:
            print(f"judging: {one}")
        for one in by_chance:
            print(f"{TOWNS} towns, {CATEGORIES} categories, {A_DAY} demands a day by pure chance: {one}")
    met = counted["new_s"] <= GOAL_S and all(one["ms_a_series_week"] <= GOAL_MS for one in judged)
    print("all goals met" if met else "a goal was missed", file=sys.stderr)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
