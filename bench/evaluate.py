"""What the rules cost: new demands against stored ones, every default rule, equal to an oracle that looks at everything.

``python bench/evaluate.py [--stored 1000000] [--new 10000] [--seed 7] [--processes 1] [--no-oracle] [--profile FILE]`` fills a private PostgreSQL with a year of
demands of a district, lets ``--new`` more wait, of which some come late, out of order, twice by two routes, or change or end a stored one, and
evaluates them once by every default rule. The first twenty go before the others, with what a process loads
once, and are told apart. It prints CPU seconds of the client and of PostgreSQL, then what each rule signalled, and whether that is what the
oracle says (`rules_oracle`, plain Python over all demands; the rules on weekly counts have theirs elsewhere). Places, categories and matters are given: finding them is counted apart.
Keys (persons, matters, places, items) grow with ``--stored``, as they do where more people live: ten times as many demands are a
larger district, not a longer year. Goal: 10,000 against 1,000,000 in at most 2 CPU seconds, against 10,000,000 in at most 1.3 times that.
With several processes they share the work, each in the rows that it gets hold of.
Exit status 0 only when the signals are the oracle's, and a second evaluation of the same work adds none.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg
from collect.postgres import Postgres
from rules_oracle import RULES, Said, Told, expected

from hub.builtin import plugin as builtin
from hub.clock import ManualClock
from hub.runtime import logs
from hub.runtime.config import load
from hub.runtime.hub import Hub

NOW = datetime(
    2026, 1, 20, 4, 0, tzinfo=UTC
)  # in the weeks before 春节, when two are a group where wages are unpaid
PAGE = 500
FIRST = 20
CATEGORIES = 45
# Sentence -> the class of sensitive words in it; the oracle knows no lexicon, only what was put in.
SENTENCES = (
    ("工人准备明天到县政府门口集体上访", "crowd", 0.004),
    ("不给钱我就跟你们同归于尽", "extreme", 0.002),
    ("再不处理我要在抖音曝光", "opinion", 0.01),
    ("我要到省信访局反映情况", "bypass", 0.01),
    ("窗口人员索要红包才给办", "integrity", 0.003),
    ("小区三号楼着火了，正在冒浓烟，有人没有下来，快来人", "safety", 0.0005),
    ("老板拖欠工资三个月，问了几次都说再等等", "", 0.04),
)
PLAIN = "路灯坏了好几天没有人修，晚上出门看不清路，老人孩子都不方便，请派人到现场看一看，尽快修好，谢谢。"

# r(i, k): an even number in [0, 1) for demand i; the same for the same.
_PREPARE = """
CREATE FUNCTION r(i bigint, k int) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (hashint8extended(i, k + %(seed)s) & 2147483647) / 2147483648.0 $$;
CREATE TABLE sentence (place int, words text, share double precision);
"""
# A quarter of the demands are on a matter that others speak of, too: within days of its beginning, or for months. A matter has a place
# and a category, which one in five of its demands gets wrong.
_FILL = """
INSERT INTO demand (demand_id, demand_no, stream_id, source_no, raw_id, channel, instance, watch, nature, submitted_at, received_at,
    updated_at, demand_type, status, urgency, anonymity, title, text, reporter_key, reporter_basis, reporter_type, category, item_name,
    target_org, business_class, declared_group_size, chases_open_order, deleted, sealed, place_id)
SELECT demand_id, 'N' || i, 1, 'S' || i, i, channel, channel, 6, 'voiced', at, received_at, received_at,
    (ARRAY['consultation','consultation','consultation','consultation','complaint','complaint','complaint','help','help','suggestion',
           'praise','other'])[1 + floor(r(i, 20) * 12)::int],
    CASE WHEN at < %(now)s::timestamptz - interval '9 days' AND r(i, 21) < .93 OR r(i, 21) < .3 THEN 'closed' ELSE 'in_hand' END,
    CASE WHEN r(i, 22) < .015 THEN 3 ELSE 1 END, 'open', '', %(plain)s || i || coalesce(said, ''),
    CASE WHEN r(i, 23) < .06 THEN NULL WHEN r(i, 24) < .2 THEN 'p' || floor(r(i, 25) * %(n)s * .012)::bigint
         ELSE 'q' || floor(r(i, 25) * %(n)s * .6)::bigint END, 'phone', 'person',
    'C' || floor(r(CASE WHEN r(i, 26) < .2 THEN i ELSE topic END, 27) ^ 1.6 * 45)::int,
    CASE WHEN channel = 'unresolved_window' OR r(i, 28) < .25 THEN 'I' || floor(r(i, 29) * (60 + %(n)s * .0014))::bigint END,
    CASE WHEN r(i, 30) < .5 THEN 'O' || floor(r(i, 31) * (40 + %(n)s * .001))::bigint END,
    'business', CASE WHEN r(i, 32) < .01 THEN 2 + floor(r(i, 33) * 38)::int END, r(i, 34) < .03, r(i, 35) < .003, '\\x00',
    CASE WHEN r(i, 36) < .7 THEN 'L' || floor(r(CASE WHEN r(i, 37) < .2 THEN i ELSE topic END, 38) ^ 1.7 * (30 + %(n)s * .003))::bigint END
FROM (
    SELECT i, '0' || lpad(to_hex(i), 25, '0') AS demand_id, least(at, %(now)s::timestamptz - interval '1 second') AS at, topic,
        least(at, %(now)s::timestamptz) + interval '10 minutes' AS received_at,
        CASE WHEN r(i, 1) < .007 THEN 'unresolved_window' WHEN r(i, 1) < .3 THEN 'portal' ELSE 'hotline' END AS channel,
        (SELECT string_agg('；' || s.words, '' ORDER BY s.place) FROM sentence s WHERE r(i, 100 + s.place) < s.share) AS said
    FROM (
        SELECT i, CASE WHEN many THEN -1 - floor(r(i, 3) * %(n)s * .03)::bigint ELSE i END AS topic,
            CASE WHEN many AND {places} THEN %(now)s::timestamptz - interval '365 days' * r(-1 - floor(r(i, 3) * %(n)s * .03)::bigint, 4)
                 + interval '1 day' * CASE WHEN r(i, 5) < .4 THEN r(i, 6) * 1.5 ELSE r(i, 6) * 120 END
                 ELSE {at} END AS at
        FROM (SELECT i, r(i, 2) < .25 AS many FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i) a
    ) b
) c
"""
_MEMBERS = """
INSERT INTO matter_member (demand_id, matter_id, seq, submitted_at, said, joined_at, joined_by)
SELECT demand_id, CASE WHEN r(i, 2) < .25 THEN 'M' || floor(r(i, 3) * %(n)s * .03)::bigint ELSE demand_id END, i, submitted_at, '\\x00',
    received_at, 'bench'
FROM (SELECT demand_id, raw_id AS i, submitted_at, received_at FROM demand WHERE raw_id BETWEEN %(first)s AND %(last)s) d;
"""
_MATTERS = """
INSERT INTO matter (matter_id, master_id, state, protected, members, created_at, updated_at)
SELECT matter_id, min(demand_id), 'open', false, count(*), min(joined_at), min(joined_at) FROM matter_member
WHERE seq BETWEEN %(first)s AND %(last)s GROUP BY matter_id
ON CONFLICT (matter_id) DO UPDATE SET members = matter.members + excluded.members
"""
_OUTLINES = """
INSERT INTO demand_outline (demand_id, submitted_at, received_at, channel, demand_type, status, urgency, reporter_key, declared_group_size,
    chases_open_order, category, place_id, item_name, target_org, matter_id, cell, counts)
SELECT d.demand_id, d.submitted_at, d.received_at, d.channel, d.demand_type, d.status, d.urgency, d.reporter_key, d.declared_group_size,
    d.chases_open_order, d.category, d.place_id, d.item_name, d.target_org, m.matter_id, d.place_id || '|' || d.category,
    NOT d.deleted AND d.status <> 'void'
FROM demand d JOIN matter_member m USING (demand_id) WHERE d.raw_id BETWEEN %(first)s AND %(last)s
"""
_CATEGORIES = """
INSERT INTO demand_category (demand_id, code, l1, l2, decided_by, decided_version, decided_at)
SELECT demand_id, category, 'L', category, 'source', 'bench', received_at FROM demand WHERE raw_id BETWEEN %(first)s AND %(last)s
"""
# What changes of what is stored: taken up again and closed again, closed now, or deleted. Each leaves a state in the history.
_STATES = """
INSERT INTO demand_history (demand_id, replaced_at, replaced_by, was, sealed)
SELECT demand_id, received_at + interval '1 day' * step * (1 + r(raw_id, 40) * 9), 'bench',
    (to_jsonb(d) - 'sealed') || jsonb_build_object('status', CASE WHEN step %% 2 = 1 THEN 'in_hand' ELSE 'closed' END), '\\x00'
FROM demand d CROSS JOIN generate_series(1, CASE WHEN r(raw_id, 41) < .01 THEN 5 ELSE 1 END) AS step
WHERE raw_id BETWEEN %(first)s AND %(last)s AND status = 'closed' AND r(raw_id, 42) < .5
ORDER BY demand_id, step
"""
_CHANGES = """
WITH chosen AS (SELECT demand_id, r(raw_id, 50) AS kind FROM demand WHERE raw_id BETWEEN %(stored)s - 100000 AND %(stored)s
    AND NOT deleted AND r(raw_id, 51) < 500.0 / 100000),
kept AS (INSERT INTO demand_history (demand_id, replaced_at, replaced_by, was, sealed)
    SELECT demand_id, %(now)s, 'bench', to_jsonb(d) - 'sealed', '\\x00' FROM demand d JOIN chosen USING (demand_id) RETURNING demand_id)
UPDATE demand d SET deleted = kind < .2, status = CASE WHEN kind < .6 THEN 'closed' ELSE 'in_hand' END, updated_at = %(now)s
FROM chosen c WHERE c.demand_id = d.demand_id AND EXISTS (SELECT 1 FROM kept k WHERE k.demand_id = d.demand_id) RETURNING d.demand_id
"""
# The same words of the same person by another channel, an hour later: one demand by two routes.
_TWICE = """
UPDATE demand d SET text = e.text, reporter_key = e.reporter_key, instance = e.instance || ' 2', submitted_at = e.submitted_at + interval '1 hour'
FROM demand e WHERE e.raw_id = d.raw_id - 1 AND d.raw_id BETWEEN %(first)s AND %(last)s AND r(d.raw_id, 60) < .02
    AND e.reporter_key IS NOT NULL AND r(e.raw_id, 60) >= .02
"""
_ALL = """
SELECT d.demand_id, d.submitted_at, d.received_at, d.channel, d.demand_type, d.status, d.urgency, d.reporter_key, d.declared_group_size,
    d.chases_open_order, d.category, d.place_id, d.item_name, d.target_org, m.matter_id, d.text, d.labels
FROM demand d JOIN matter_member m USING (demand_id)
WHERE NOT d.deleted AND d.status <> 'void' AND d.demand_id NOT IN (SELECT demand_id FROM demand_link)
"""


_TOUCHED = """
SELECT d.reporter_key, m.matter_id, d.item_name, d.target_org FROM demand d JOIN matter_member m USING (demand_id)
WHERE d.demand_id = ANY(%s)
"""


class Ground:
    """The filled database, and the hub on it."""

    def __init__(self, stack: ExitStack, asked: argparse.Namespace) -> None:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-evaluate-")))
        self.asked, self.server = asked, Postgres(home)
        stack.callback(self.server.close)
        self.server.create("evaluate")
        self.url = self.server.url("evaluate")
        document = {
            "home": str(home / "hub"),
            "database_url": self.url,
            "log_level": "warning",
            "county": {"name": "示例区", "region": "411521", "contact": "0376-0000000"},
            "channels": {},
        }
        (home / "hub").mkdir()
        self.document = document
        self.hub = stack.enter_context(opened(document))
        self.hub.migrate()
        self.hub.evaluate()  # loads the plugins, as a process that serves has
        self.connection = stack.enter_context(psycopg.connect(self.url, autocommit=True))

    @property
    def days(self) -> float:
        """How long so many new ones take to come."""
        return 365.0 * self.asked.new / self.asked.stored

    def fill(self) -> None:
        """A year of stored demands, never judged."""
        self._run(_PREPARE % {"seed": self.asked.seed * 1_000}, {})
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO sentence VALUES (%s, %s, %s)",
                [(place, words, share) for place, (words, _, share) in enumerate(SENTENCES)],
            )
        self._demands(
            1,
            self.asked.stored,
            at=f"%(now)s::timestamptz - interval '1 day' * ({self.days} + 365 * r(i, 7))",
            places="true",
        )
        self.server.tidy("evaluate")

    def let_wait(self) -> list[str]:
        """The new ones: most of today, some late by days, a few by months, in no order; and what changes of the stored."""
        first, last = self.asked.stored + 1, self.asked.stored + self.asked.new
        late = (
            "CASE WHEN r(i, 8) < .8 THEN r(i, 9) WHEN r(i, 8) < .95 THEN r(i, 9) * 20 ELSE r(i, 9) * 300 END"
        )
        self._demands(
            first,
            last,
            at=f"%(now)s::timestamptz - interval '1 day' * {late}",
            places="false",
            more=(_TWICE,),
        )
        values = {"first": first, "last": last, "stored": self.asked.stored, "now": NOW}
        changed = [row[0] for row in self.connection.execute(_CHANGES, values)]
        new = [
            row[0]
            for row in self.connection.execute("SELECT demand_id FROM demand WHERE raw_id >= %s", (first,))
        ]
        ids = sorted([*new, *changed], key=lambda one: hash_of(one))  # no order that means anything
        self.connection.execute("ANALYZE")
        return ids

    def wait_for(self, ids: list[str]) -> None:
        for place in range(0, len(ids), PAGE):
            self.connection.execute(
                "INSERT INTO evaluate_work (demand_ids, placed, grouped, not_before) VALUES (%s, true, true, %s)",
                (ids[place : place + PAGE], NOW),
            )

    def _demands(self, first: int, last: int, *, at: str, places: str, more: tuple[str, ...] = ()) -> None:
        values = {"first": first, "last": last, "n": self.asked.stored, "now": NOW, "plain": PLAIN}
        self._run(_FILL.format(at=at, places=places), values)
        for statement in (*more, _MEMBERS, _MATTERS, _CATEGORIES, _STATES, *(() if more else (_OUTLINES,))):
            self._run(statement, values)

    def _run(self, statement: str, values: dict[str, Any]) -> None:
        self.connection.execute(statement, values or None)

    def evaluated(self, profile_to: str | None = None) -> dict[str, float]:
        """Evaluates what waits; wall and CPU seconds of the client and of PostgreSQL."""
        self.server.settle(within_s=0.2)
        began, client, server = time.monotonic(), client_s(), self.server.cpu_s()
        if self.asked.processes > 1:
            self._shared()
        profile = cProfile.Profile() if profile_to else None
        report = profile.runcall(self.hub.evaluate) if profile else self.hub.evaluate()
        spent = {
            "wall_s": time.monotonic() - began,
            "client_s": client_s() - client,
            "postgres_s": self.server.cpu_s() - server,
        }
        if profile and profile_to:
            profile.dump_stats(profile_to)
        if not report.ok:
            raise SystemExit(f"evaluate: {report.problems}")
        print(json.dumps(report.counts, ensure_ascii=False))
        return spent

    def _shared(self) -> None:
        """Several processes evaluate until nothing waits; what one of them said is told when it failed."""
        spawn = get_context("spawn")
        with ProcessPoolExecutor(self.asked.processes, mp_context=spawn) as pool:
            reports = list(pool.map(evaluated_apart, [self.document] * self.asked.processes))
        for counts, problems in reports:
            if problems:
                raise SystemExit(f"evaluate: {problems}")
            print(json.dumps(counts, ensure_ascii=False))

    def signals(self) -> set[Said]:
        """What stands."""
        rows = self.connection.execute(
            "SELECT rule_id, key, level, value, demand_ids FROM signal WHERE state IN ('open', 'warned') AND rule_id = ANY(%s)",
            (list(RULES),),
        )
        return {Said(rule, key, level, value, frozenset(ids)) for rule, key, level, value, ids in rows}

    def cells(self, ids: set[str]) -> set[str]:
        """Place and category of these, the deleted included."""
        rows = self.connection.execute(
            "SELECT DISTINCT place_id, category FROM demand WHERE demand_id = ANY(%s)", (sorted(ids),)
        )
        return {f"cell:{place}|{category}" for place, category in rows}

    def told(self) -> Iterator[Told]:
        """Every demand that counts."""
        former: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
        for demand_id, status, until in self.connection.execute(
            "SELECT demand_id, was->>'status', replaced_at FROM demand_history ORDER BY history_id"
        ):
            former[demand_id].append((status, until))
        classes = {words: word_class for words, word_class, _ in SENTENCES if word_class}
        with psycopg.connect(self.url) as reading, reading.cursor(name="told") as cursor:
            cursor.itersize = 20_000
            for row in cursor.execute(_ALL):
                hit = frozenset(classes[part] for part in row[15].split("；")[1:] if part in classes)
                text = row[15].removeprefix(PLAIN)
                yield Told(*row[:15], text, hit, tuple(row[16]), tuple(former.get(row[0], ())))


def opened(document: dict[str, Any]) -> Hub:
    """The hub on this ground."""
    loaded = load(overrides=document, environ={})
    return Hub(loaded, clock=ManualClock(NOW), builtin={"builtin": builtin})


def evaluated_apart(document: dict[str, Any]) -> tuple[dict[str, int], list[str]]:
    """One of several processes; what it counted, and its problems."""
    logs.configure("warning", "console")
    with opened(document) as hub:
        report = hub.evaluate()
    return dict(report.counts), [problem.message for problem in report.problems]


def client_s() -> float:
    """CPU seconds of this process and of those it started that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def hash_of(name: str) -> int:
    """A number without an order, the same in every process."""
    return int.from_bytes(name.encode(), "big") * 2_654_435_761 % 4_294_967_296


def compared(ground: Ground, ids: list[str]) -> dict[str, Any]:
    """The signals beside the oracle's: those of keys that the new demands touch, and of these the episodes that hold one or lie about one."""
    every = list(ground.told())
    touched = set(ids)
    for pair in ground.connection.execute("SELECT demand_id, same_as FROM demand_link"):
        touched.update(pair)
    keys: dict[str, set[str]] = defaultdict(set)
    matters: set[str] = set()
    # Of the deleted, too: their keys are judged without them.
    for who, matter, item, organisation in ground.connection.execute(_TOUCHED, (sorted(touched),)):
        matters.add(matter)
        keys["W01"].add(who)
        keys["W10"] |= {f"item:{item}", f"organisation:{organisation}"}
    cells = {
        f"cell:{one.place}|{one.category}" for one in every if one.id in touched or one.matter in matters
    }
    keys["W02c"] = {f"matter:{one}" for one in matters}
    keys["W04"] = keys["W02c"] | {f"demand:{one}" for one in touched}
    keys["W02a"] = keys["W02b"] = keys["W02c"] | cells | ground.cells(touched)
    keys["W03"] = keys["W08"] = keys["W09"] = touched
    must = expected(every, keys)
    stands = ground.signals()
    # A key is judged where its new demands bear on it; what lies farther off was never judged here, and is none of this batch's.
    wrong = {one for one in stands - must if one.rule != "W03" or one.key in touched}
    missing = {one for one in must - stands if one.demands & touched}
    rules = sorted({one.rule for one in must | stands})
    return {
        "signals": dict(sorted(Counter(one.rule for one in stands).items())),
        "equal": not wrong and not missing,
        "not_the_oracles": {rule: sum(one.rule == rule for one in wrong) for rule in rules},
        "missing": {rule: sum(one.rule == rule for one in missing) for rule in rules},
        "examples": [str(one)[:300] for one in [*sorted(wrong)[:3], *sorted(missing)[:3]]],
    }


def main() -> int:
    """Fills, evaluates, compares and prints."""
    asked = _arguments()
    logs.configure("warning", "console")
    with ExitStack() as stack:
        ground = Ground(stack, asked)
        began = time.monotonic()
        ground.fill()
        ids = ground.let_wait()
        print(
            f"{asked.stored} stored, {len(ids)} waiting, filled in {time.monotonic() - began:.0f} s",
            flush=True,
        )
        # What a process loads once (scipy, the lexicon), and the first look at a year's weeks, are told apart.
        ground.wait_for(ids[:FIRST])
        first = ground.evaluated()
        ground.wait_for(ids[FIRST:])
        spent = ground.evaluated(asked.profile)
        told: dict[str, Any] = {
            "stored": asked.stored,
            f"first_{FIRST}": {name: round(value, 2) for name, value in first.items()},
            "waiting": len(ids) - FIRST,
            **{name: round(value, 2) for name, value in spent.items()},
            "cpu_s": round(spent["client_s"] + spent["postgres_s"], 2),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        before = ground.signals()
        ground.wait_for(ids)
        ground.evaluated()
        told["again_changes_nothing"] = ground.signals() == before
        if not asked.no_oracle:
            told.update(compared(ground, ids))
    print(json.dumps(told, ensure_ascii=False, indent=1))
    return 0 if told["again_changes_nothing"] and told.get("equal", True) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stored", type=int, default=1_000_000)
    parser.add_argument("--new", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--processes", type=int, default=1, help="that evaluate at once")
    parser.add_argument("--no-oracle", action="store_true")
    parser.add_argument(
        "--profile", help="write a profile of the client here; its CPU seconds are then no measure"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
