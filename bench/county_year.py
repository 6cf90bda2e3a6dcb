"""A year of a county, generated and collected on a virtual clock, and judged against what was planted in it.

``python bench/county_year.py [--seed 7] [--demands 120] [--cases 100] [--days 365]`` makes the year day by day, lets it arrive at the
simulated sources of the channels that are installed, polls them with the hub at every beat of the virtual clock, and evaluates.
It prints wall and CPU seconds (generating, serving and PostgreSQL included), the counts of each channel, whether they
reconcile and whether quarantine holds what was planted as unusable, and how many planted events the rules saw, how late.
Exit status 0 only when counts reconcile and quarantine holds exactly the planted records. Goal: a year of 44,000 demands within five minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import resource
import secrets
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from collect.postgres import Postgres
from sqlalchemy import text

from hub.builtin import plugin as builtin
from hub.clock import COUNTY_ZONE, ManualClock
from hub.county.sites import Ground, Site, build, channel_of, installed, secrets_of
from hub.county.world.events import SHARED_PHONES
from hub.county.world.planted import PlantedEvent
from hub.county.world.voices import Happening, Voice
from hub.county.world.world import Scale, World
from hub.model.report import Counts, Problem, Report
from hub.runtime import logs
from hub.runtime.config import load
from hub.runtime.hub import Hub

SHEETS = ("presubmission_window", "unresolved_window", "inspection", "observer", "leader_visit")
SHEETS_EVERY = 7
AT_ONCE = 3


@dataclass
class Year:
    """What was done, and at what cost."""

    generated: Counter[str] = field(default_factory=Counter)
    speakers: dict[tuple[str, str], int] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    spent_s: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    most_unfinished: int = 0

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent_s[what] += time.monotonic() - began


class Walk:
    """Lets the year arrive and polls it."""

    def __init__(
        self, hub: Hub, sites: dict[str, Site], world: World, clock: ManualClock, poll_days: int
    ) -> None:
        self.year = Year()
        self._hub, self._sites, self._world, self._clock, self._poll_days = (
            hub,
            sites,
            world,
            clock,
            poll_days,
        )
        self._channels = {site.channel for site in sites.values()}
        self._held: dict[str, list[Happening]] = defaultdict(list)
        self._batch = 0
        self._pool = ThreadPoolExecutor(AT_ONCE)

    def run(self) -> Year:
        """All of it."""
        stream = self._generated()
        waiting: Happening | None = next(stream, None)
        for number in range(self._poll_days, self._world.days + self._poll_days, self._poll_days):
            day = self._world.start + timedelta(days=min(number, self._world.days))
            until = datetime(day.year, day.month, day.day, tzinfo=COUNTY_ZONE)
            while waiting is not None and waiting.changed_at < until:
                self._hold(waiting)
                waiting = next(stream, None)
            self.year.most_unfinished = max(self.year.most_unfinished, self._world.unfinished)
            self._clock.advance((until - self._clock.now()).total_seconds())
            self._poll(with_sheets=number % SHEETS_EVERY < self._poll_days or number >= self._world.days)
        return self.year

    def _generated(self) -> Iterator[Happening]:
        stream = self._world.stream()
        while True:
            with self.year.timed("generate"):
                one = next(stream, None)
            if one is None:
                return
            yield one

    def _hold(self, one: Happening) -> None:
        if one.channel in self._channels:
            self._held[one.channel].append(one)
            self.year.generated[one.channel] += 1
            if isinstance(one, Voice):
                self.year.speakers[one.channel, one.number] = one.person.number

    def _poll(self, *, with_sheets: bool) -> None:
        self._batch += 1
        asked = [channel for channel in self._sites if with_sheets or channel not in SHEETS]
        # Two sites may hear one channel; each takes what is said to it.
        held = {
            channel: self._held.pop(channel, []) for channel in {self._sites[one].channel for one in asked}
        }
        for instance in asked:
            site = self._sites[instance]
            with self.year.timed("serve"):
                site.arrive(held[site.channel], number=self._batch, again=False)
        # Side by side, as `hub serve` does: while one waits for PostgreSQL or a source, another works.
        for channel, reports in zip(asked, self._pool.map(self._collect, asked), strict=True):
            self.year.counts[channel] = sum((report.records for report in reports), self.year.counts[channel])
            self.year.problems += [problem for report in reports for problem in report.problems]
        for step in ("normalize", "evaluate"):
            with self.year.timed(step):
                self.year.problems += getattr(self._hub, step)().problems

    def _collect(self, channel: str) -> list[Report]:
        with self.year.timed(f"collect {channel}"):
            return self._hub.collect(channel)


def document(sites: dict[str, Site], home: Path, url: str) -> dict[str, Any]:
    """The hub's configuration for these sites."""
    return {
        "home": str(home / "hub"),
        "secrets_dir": str(home / "secrets"),
        "database_url": url,
        "log_level": "warning",
        "county": {"name": "示例县", "region": "411521", "contact": "0376-0000000"},
        "stop_list": list(SHARED_PHONES),
        "channels": {
            instance: {
                "channel": site.channel,
                "owner": site.owner,
                "every_s": 3_600,
                "settings": dict(site.settings()),
            }
            for instance, site in sites.items()
        },
    }


def judged(
    hub: Hub, events: Sequence[PlantedEvent], channels: Sequence[str], speakers: Mapping[tuple[str, str], int]
) -> list[dict[str, Any]]:
    """For each rule that there is: how many planted events it saw, what else it signalled, and whether that was one person's.

    Beside the planted persons the county has residents who come again and again by chance: what 同人多诉 says of them is right, too.
    """
    with hub.store.begin() as connection:
        rows = connection.execute(
            text(
                "SELECT g.signal_id, g.rule_id, d.instance, d.source_no FROM signal g JOIN demand d ON d.demand_id = ANY(g.demand_ids) "
                "WHERE g.state <> 'merged'"
            )
        ).all()
    signalled: dict[str, dict[str, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for signal_id, rule, channel, number in rows:
        signalled[rule][signal_id].add((channel, number))
    found = []
    for rule in sorted(hub.plugins.rules):
        signals = signalled[rule]
        seen: set[tuple[str, str]] = set().union(*signals.values()) if signals else set()
        planted = [
            event
            for event in events
            if rule in event.rules and any(name in channels for name, _ in event.numbers)
        ]
        real = [event for event in planted if event.must_fire]
        alike = [event for event in planted if not event.must_fire]
        explained = {number for event in real for number in event.numbers}
        found.append(
            {
                "rule": rule,
                "planted": len(real),
                "seen": sum(not seen.isdisjoint(event.numbers) for event in real),
                "missed": Counter(event.kind for event in real if seen.isdisjoint(event.numbers)),
                "look_alikes": len(alike),
                "look_alikes_signalled": sum(not seen.isdisjoint(event.numbers) for event in alike),
                "signals": len(signals),
                "signals_beside_the_planted": sum(
                    numbers.isdisjoint(explained) for numbers in signals.values()
                ),
                "signals_of_one_person": sum(
                    len({speakers[number] for number in numbers if number in speakers}) == 1
                    for numbers in signals.values()
                ),
            }
        )
    return found


def main() -> int:
    """Runs it and prints what came of it."""
    asked = _arguments()
    logs.configure("warning", "console")
    scale = Scale(asked.demands, asked.cases)
    start = asked.start or (datetime.now(UTC).date() - timedelta(days=asked.days))
    world = World(asked.seed, start, asked.days, scale)
    clock = ManualClock(datetime(start.year, start.month, start.day, tzinfo=COUNTY_ZONE))
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="county-year-")))
        server = Postgres(home)
        stack.callback(server.close)
        server.create("county")
        sites = _started(stack, home, clock, asked.channels or installed())
        loaded = load(overrides=document(sites, home, server.url("county")), environ={})
        hub = stack.enter_context(Hub(loaded, clock=clock, builtin={"builtin": builtin}))
        hub.migrate()
        began, cpu = time.monotonic(), _cpu_s() + server.cpu_s()
        year = Walk(hub, sites, world, clock, asked.poll_days).run()
        wall = time.monotonic() - began
        told = {
            "seed": asked.seed,
            "from": start.isoformat(),
            "days": asked.days,
            "demands": len(year.speakers),
            "records": year.generated.total(),
            "wall_s": round(wall, 1),
            "cpu_s": round(_cpu_s() + server.cpu_s() - cpu, 1),
            "spent_s": {name: round(seconds, 1) for name, seconds in sorted(year.spent_s.items())},
            "most_unfinished": year.most_unfinished,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "channels": {
                name: {
                    **counts.model_dump(),
                    # What was said to its channel: the two sources of the mailbox share it.
                    "sent": year.generated[channel_of(name)],
                    "planted_bad": world.planted.bad.get(name, 0),
                }
                for name, counts in sorted(year.counts.items())
            },
            "reconciles": all(counts.reconciles() for counts in year.counts.values()),
            "quarantine_as_planted": all(
                counts.quarantined == world.planted.bad.get(name, 0) for name, counts in year.counts.items()
            ),
            "rules": judged(hub, world.planted.events, tuple(sites), year.speakers),
            "problems": [f"{one.where} {one.code}: {one.message}" for one in year.problems][:20],
        }
    print(json.dumps(told, ensure_ascii=False, indent=1))
    return 0 if told["reconciles"] and told["quarantine_as_planted"] and not told["problems"] else 1


def _started(stack: ExitStack, home: Path, clock: ManualClock, channels: Sequence[str]) -> dict[str, Site]:
    folder = home / "secrets"
    folder.mkdir(mode=0o700)
    values = {name: secrets.token_urlsafe(18) for name in secrets_of(channels)}
    for name, value in values.items():
        (folder / name).write_text(value, encoding="utf-8")
        (folder / name).chmod(0o600)
    ground = Ground(home, clock, values)
    sites = {channel: build(channel, ground) for channel in sorted(channels)}
    for site in sites.values():
        site.start()
        stack.callback(site.stop)
    return sites


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--demands", type=float, default=120.0, help="a day, on all channels")
    parser.add_argument(
        "--cases",
        type=float,
        default=100.0,
        help="a day, of the eagle-eye; a county of that size has about 1,000",
    )
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument(
        "--start", type=date.fromisoformat, help="first day; so that the year ends today where it is left out"
    )
    parser.add_argument(
        "--poll-days",
        type=int,
        default=1,
        help="days of the virtual clock between two polls; sheets come once a week",
    )
    parser.add_argument("--channels", nargs="*", help="of the installed ones; all where it is left out")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
