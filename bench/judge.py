"""County in a box: do the rules on demands find what was planted, how soon, and what do they say where nothing was?

``python bench/judge.py [--seed 7] [--demands 120] [--days 365] [--hours 3] [--planted 1] [--list FILE]`` lets a year of a county happen on a virtual clock. What
each channel would hand over reaches the hub with the channel's own gaps (no category but the hotline's, masked numbers, no field for
heads), by collecting and normalizing, without HTTP. Every ``--hours`` of the county's time the hub evaluates. Then each rule's signals are
held against what was planted: the generator draws how many, how often and how far apart from what such things are like, and
reads no rule's threshold.

Found: a signal of one of the event's rules names one of its records (of a group: any W02). Delay: from the group's first record to the
hub's first signal, so up to ``--hours`` of it are the beat's. False: a signal none of whose demands belongs to an event that the rule should
see, and which is not one person's own coming again (W01: the county has people who do). At department level: signals of level 2 and
more that would reach a department if triage let every one of them through; issued: those that the rules issue by themselves. ``--list``
writes each signal with the words that it rests on, to be read (`judged_signals`).
Exit status 0 only when 95 % of the planted groups are found, their median delay is at most 12 h, and at most 0.5 false warnings a day are issued.

Two strangers may complain of one trouble at one place though nobody planted it: such a return is false by the figures, and true to who reads
it. So of W04's false signals it is told, too, how many are of one trouble at one place, as the county knows (``true_all_the_same``).
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import judged_signals
import psycopg
from collect.postgres import Postgres
from sqlalchemy import text

from hub.builtin import plugin as builtin
from hub.clock import COUNTY_ZONE, ManualClock
from hub.county.gazetteer import gazetteer
from hub.county.world.events import SHARED_PHONES
from hub.county.world.places import Places
from hub.county.world.planted import PlantedEvent
from hub.county.world.voices import Voice
from hub.county.world.world import Scale, World
from hub.model.codes import Anonymity, DemandStatus, DemandType, Urgency, Watch
from hub.model.demand import Demand, Reporter
from hub.pipeline import collect
from hub.pipeline.collect import Source
from hub.runtime import logs
from hub.runtime.config import load
from hub.runtime.hub import Hub
from hub.sdk.channel import Channel, ChannelSettings, Page, PositionKind, RawRecord, Stream, Window
from hub.sdk.context import ChannelContext
from hub.sdk.gate import LocalGate

GROUPS = ("many_at_once", "many_slowly", "declared_heads")
RULES = ("W01", "W02a", "W02b", "W02c", "W03", "W04", "W08", "W09", "W10")
TYPES = {
    "咨询": DemandType.CONSULTATION,
    "求助": DemandType.HELP,
    "投诉": DemandType.COMPLAINT,
    "举报": DemandType.REPORT,
    "建议": DemandType.SUGGESTION,
    "表扬": DemandType.PRAISE,
    "其他": DemandType.OTHER,
}
STATES = {
    "received": DemandStatus.PENDING,
    "accepted": DemandStatus.ACCEPTED,
    "assigned": DemandStatus.ASSIGNED,
    "in_hand": DemandStatus.IN_HAND,
    "answered": DemandStatus.ANSWERED,
    "closed": DemandStatus.CLOSED,
}


class Told(Channel[ChannelSettings]):
    """Hands over what one channel heard since the last beat."""

    name: ClassVar[str] = "told"
    title: ClassVar[str] = "judge"
    watch: ClassVar[Watch] = Watch.DISCERN
    streams: ClassVar[tuple[Stream, ...]] = (Stream("main", PositionKind.OPAQUE),)
    records: Sequence[RawRecord] = ()

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        yield Page(list(self.records), number=1)

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        return [Demand.model_validate_json(raw.body)]


def demand_of(one: Voice) -> Demand:
    """What the channel would hand over of it: with the channel's own gaps."""
    hotline, item = one.channel == "hotline", one.item
    masked = "masked" in one.dirt
    phone = None if one.no_phone or masked or one.anonymous else one.told_phone
    has_id = one.channel in ("portal", "presubmission_window") and not one.no_id and not masked
    reporter = Reporter(
        name=None if one.anonymous else one.person.name,
        phone=phone,
        id_no=one.person.id_no if has_id else None,
        account=one.person.account
        if one.channel == "portal"
        else one.person.open_id
        if one.channel == "app"
        else None,
        email=one.person.email if one.channel == "mailbox" else None,
    )
    window = one.channel == "unresolved_window"
    return Demand(
        source_no=one.number,
        submitted_at=one.at,
        demand_type=TYPES[one.kind],
        title=one.title if one.channel != "unresolved_window" else "",
        content=one.words,
        reporter=reporter,
        anonymity=Anonymity.ANONYMOUS
        if one.anonymous
        else Anonymity.SECRET
        if one.secret
        else Anonymity.OPEN,
        status=STATES[one.state],
        urgency=Urgency(one.urgent),
        address=one.place.address if hotline else None,
        item_code=item.code if item is not None and one.channel in ("portal", "app") else None,
        item_name=item.name if item is not None else None,
        category=one.subject.name if hotline and item is None else None,
        target_org=one.subject.department.name if window else None,
        chases_open_order=one.chases,
        prev_source_no=one.previous,
    )


class Judged:
    """One county, one hub, one clock."""

    def __init__(self, stack: ExitStack, asked: argparse.Namespace) -> None:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="judge-")))
        self.asked, self.server = asked, Postgres(home)
        stack.callback(self.server.close)
        self.server.create("judge")
        # Judged is what the rules say; a machine that loses its power here loses nothing that anybody wants.
        with psycopg.connect(self.server.url("judge"), autocommit=True) as connection:
            connection.execute("ALTER DATABASE judge SET synchronous_commit = off")
        self.world = World(
            asked.seed,
            asked.start,
            asked.days,
            Scale(asked.demands, 0.0, asked.demands / 120 * asked.planted),
        )
        self.clock = ManualClock(_midnight(asked.start))
        (home / "hub").mkdir()
        document = {
            "home": str(home / "hub"),
            "database_url": self.server.url("judge"),
            "log_level": "warning",
            "county": {"name": "示例县", "region": "411521", "contact": "0376-0000000"},
            "stop_list": list(SHARED_PHONES),
            "channels": {},
        }
        loaded = load(overrides=document, environ={})
        self.hub = stack.enter_context(Hub(loaded, clock=self.clock, builtin={"builtin": builtin}))
        self.hub.migrate()
        office = {"code": "office", "name": "处置办理股室", "level": "county", "handling_office": True}
        self.hub.apply_config({"organisations": [office], **gazetteer(Places(asked.seed))}, author="judge")
        self._channels: dict[str, Told] = {}
        self.spent: Counter[str] = Counter()
        self.problems: list[str] = []
        self.demands = 0
        self.troubles: dict[str, tuple[str, str]] = {}
        self.truths: dict[str, dict[str, Any]] = {}

    def run(self) -> None:
        """All of it, beat by beat."""
        # How far an order in hand has come makes no difference to a rule: only that it is told, and that it ends.
        stream = (
            one
            for one in self.world.stream()
            if isinstance(one, Voice)
            and one.flaw is None
            and (one.changed_at == one.at or one.state in ("received", "answered", "closed"))
        )
        waiting = next(stream, None)
        until, end = (
            _midnight(self.asked.start),
            _midnight(self.asked.start + timedelta(days=self.asked.days)),
        )
        while until < end:
            until += timedelta(hours=self.asked.hours)
            held: dict[str, list[Voice]] = defaultdict(list)
            began = time.monotonic()
            while waiting is not None and waiting.changed_at < until:
                held[waiting.channel].append(waiting)
                waiting = next(stream, None)
            self.spent["generate"] += time.monotonic() - began
            self.clock.advance((until - self.clock.now()).total_seconds())
            if held:
                self._beat(held)

    def _beat(self, held: dict[str, list[Voice]]) -> None:
        began = time.monotonic()
        for name, voices in held.items():
            self._collect(name, voices)
        middle = time.monotonic()
        report = self.hub.evaluate()
        self.spent["collect"] += middle - began
        self.spent["evaluate"] += time.monotonic() - middle
        self.problems += [f"{one.where} {one.code}: {one.message}" for one in report.problems]

    def _collect(self, name: str, voices: Sequence[Voice]) -> None:
        channel = self._channels.get(name)
        if channel is None:
            ctx = ChannelContext(name, lambda secret: "", LocalGate(self.clock), _Quiet(), self.clock)
            channel = type("Told", (Told,), {"name": name})(ChannelSettings(), ctx)
            self._channels[name] = channel
        self.demands += sum(one.changed_at == one.at for one in voices)
        self.troubles.update((f"{name} {one.number}", (one.place.code, one.thing)) for one in voices)
        if self.asked.list is not None:
            self.truths.update((f"{name} {one.number}", judged_signals.truth_of(one)) for one in voices)
        channel.records = [RawRecord(one.number, demand_of(one).model_dump_json().encode()) for one in voices]
        for report in collect.run(self.hub.collect_deps, Source(channel, name, "judge 1")):
            self.problems += [f"{one.where} {one.code}: {one.message}" for one in report.problems]
            if report.records.quarantined:
                self.problems.append(f"{name}: {report.records.quarantined} records were set aside")

    def events(self) -> list[PlantedEvent]:
        """What was planted and is over by now."""
        return [one for one in self.world.planted.events if one.until <= self.clock.now()]

    def write(self, path: Path) -> None:
        """Writes each signal with the words that it rests on."""
        planted: dict[str, set[str]] = defaultdict(set)
        for event in self.world.planted.events:
            for channel, number in event.numbers:
                planted[f"{channel} {number}"].add(event.kind)
        with self.hub.store.begin() as connection:
            judged_signals.write(path, connection, RULES, self.truths, planted)

    def signals(self) -> list[Any]:
        """What the rules said: rule, level, when first, issued by itself, whose records, how many different people."""
        with self.hub.store.begin() as connection:
            return list(
                connection.execute(
                    text(
                        "SELECT g.rule_id, g.level, g.first_seen_at, g.auto_issue, g.state, array_agg(d.instance || ' ' || d.source_no) AS nos, "
                        "count(DISTINCT d.reporter_key) AS people FROM signal g JOIN demand d ON d.demand_id = ANY(g.demand_ids) "
                        "GROUP BY g.signal_id ORDER BY g.first_seen_at"
                    )
                )
            )


def told(
    events: Sequence[PlantedEvent],
    signals: Sequence[Any],
    days: int,
    troubles: Mapping[str, tuple[str, str]],
) -> dict[str, Any]:
    """Each rule's figures, and those of all; ``troubles`` says where each demand was and what was wrong there."""
    by_number: dict[str, set[int]] = defaultdict(set)
    for place, event in enumerate(events):
        for channel, number in event.numbers:
            by_number[f"{channel} {number}"].add(place)
    first: dict[tuple[int, str], datetime] = {}
    rules: dict[str, Counter[str]] = {rule: Counter() for rule in RULES}
    for one in signals:
        if one.rule_id not in rules:
            continue
        touched = set().union(*(by_number.get(number, set()) for number in one.nos))
        for place in touched:
            first.setdefault((place, one.rule_id), one.first_seen_at)
        figures = rules[one.rule_id]
        figures["signals"] += 1
        true = any(_should(events[place], one.rule_id) for place in touched)
        if not true and not (one.rule_id == "W01" and one.people == 1):
            figures["false"] += 1
            figures["true_all_the_same"] += one.rule_id == "W04" and _one_trouble(one.nos, troubles)
            figures["false_at_department_level"] += one.level >= 2
            figures["false_issued"] += one.auto_issue
    return {
        "rules": {rule: _rule(rule, events, first, figures, days) for rule, figures in rules.items()},
        "groups": _groups(events, first),
        "kinds": _kinds(events, first),
        "false_a_day_at_department_level": _a_day(rules, "false_at_department_level", days),
        "false_issued_a_day": _a_day(rules, "false_issued", days),
    }


def _one_trouble(numbers: Sequence[str], troubles: Mapping[str, tuple[str, str]]) -> bool:
    known = Counter(troubles[number] for number in numbers if troubles.get(number, ("", ""))[1])
    return any(count > 1 for count in known.values())


def _should(event: PlantedEvent, rule: str) -> bool:
    if not event.must_fire:
        return False
    group = rule.startswith("W02")
    return rule in event.rules or (group and event.kind in (*GROUPS, "frequent", "hot_area"))


def _rule(
    rule: str,
    events: Sequence[PlantedEvent],
    first: dict[tuple[int, str], datetime],
    figures: Counter[str],
    days: int,
) -> dict[str, Any]:
    mine = [(place, event) for place, event in enumerate(events) if rule in event.rules]
    real = [(place, event) for place, event in mine if event.must_fire]
    alike = [place for place, event in mine if not event.must_fire]
    delays = [_hours(event, first[place, rule]) for place, event in real if (place, rule) in first]
    return {
        "planted": len(real),
        **_delayed(delays),
        "look_alikes": len(alike),
        "look_alikes_signalled": sum((place, rule) in first for place in alike),
        "signals": figures["signals"],
        "false": figures["false"],
        "false_a_day": round(figures["false"] / days, 3),
        "true_all_the_same": figures["true_all_the_same"],
        "false_issued": figures["false_issued"],
    }


def _groups(events: Sequence[PlantedEvent], first: dict[tuple[int, str], datetime]) -> dict[str, Any]:
    planted = [(place, event) for place, event in enumerate(events) if event.kind in GROUPS]
    delays = []
    for place, event in planted:
        seen = [first[place, rule] for rule in ("W02a", "W02b", "W02c") if (place, rule) in first]
        if seen:
            delays.append(_hours(event, min(seen)))
    return {
        "planted": len(planted),
        "share": round(len(delays) / max(1, len(planted)), 3),
        **_delayed(delays),
    }


def _delayed(delays: Sequence[float]) -> dict[str, Any]:
    """How many were found, and how late; what joined a signal that stood before it is found, and says nothing of how late."""
    after = [hours for hours in delays if hours >= 0]
    return {
        "found": len(delays),
        "of_these_stood_before": len(delays) - len(after),
        "median_delay_h": round(median(after), 1) if after else None,
    }


def _kinds(events: Sequence[PlantedEvent], first: dict[tuple[int, str], datetime]) -> dict[str, Any]:
    planted: Counter[str] = Counter()
    delays: dict[str, list[float]] = defaultdict(list)
    for place, event in enumerate(events):
        wanted = [rule for rule in event.rules if rule in RULES]
        if not wanted or not event.must_fire:
            continue
        rules = ("W02a", "W02b", "W02c") if event.kind in GROUPS else wanted
        seen = [first[place, rule] for rule in rules if (place, rule) in first]
        planted[event.kind] += 1
        if seen:
            delays[event.kind].append(_hours(event, min(seen)))
    return {kind: {"planted": count, **_delayed(delays[kind])} for kind, count in sorted(planted.items())}


def _hours(event: PlantedEvent, moment: datetime) -> float:
    return (moment - event.since).total_seconds() / 3_600


def _a_day(rules: dict[str, Counter[str]], name: str, days: int) -> float:
    return round(sum(figures[name] for figures in rules.values()) / days, 3)


class _Quiet:
    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=COUNTY_ZONE)


def main() -> int:
    """Runs it and prints what came of it."""
    asked = _arguments()
    logs.configure("warning", "console")
    with ExitStack() as stack:
        judged = Judged(stack, asked)
        began = time.monotonic()
        with suppress(KeyboardInterrupt):  # what was judged until then is told all the same
            judged.run()
        lived = max(1, round((judged.clock.now() - _midnight(asked.start)) / timedelta(days=1)))
        figures = told(judged.events(), judged.signals(), lived, judged.troubles)
        if asked.list is not None:
            judged.write(asked.list)
        figures = {
            "seed": asked.seed,
            "from": asked.start.isoformat(),
            "days": lived,
            "demands": judged.demands,
            "wall_s": round(time.monotonic() - began, 1),
            "cpu_s": round(_cpu_s() + judged.server.cpu_s(), 1),
            "spent_s": {name: round(seconds, 1) for name, seconds in judged.spent.items()},
            **figures,
            "problems": judged.problems[:20],
        }
    print(json.dumps(figures, ensure_ascii=False, indent=1))
    groups = figures["groups"]
    good = (
        groups["share"] >= 0.95
        and (groups["median_delay_h"] or 99) <= 12
        and figures["false_issued_a_day"] <= 0.5
    )
    return 0 if good and not judged.problems else 1


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--demands", type=float, default=120.0, help="a day, on all channels")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument(
        "--hours", type=float, default=6.0, help="of the county's time between two evaluations"
    )
    parser.add_argument("--planted", type=float, default=1.0, help="times the usual number of planted events")
    parser.add_argument("--list", type=Path, help="a file for the signals and their words")
    parser.add_argument("--start", type=date.fromisoformat, default=date(2025, 11, 24))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
