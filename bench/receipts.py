"""A real log of case handling through the eagle-eye channel, judged against a count that shares no code with the hub.

``python bench/receipts.py CSV`` drops the file (a process log exported to CSV with the names of XES: one row a step, times with offsets that
change with daylight saving) into a folder, collects it with a hub of its own, and compares: every event accounted for, every case and
step there, and each case's first and last moment, deadline and end as a plain loop over the CSV finds them. Then the eagle-eye's own rules
judge every case: how many are overdue by each of the two definitions, and what else they find. Exit status 0 only when all of it holds.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, text

from hub.builtin.rules import CASE_RULES
from hub.builtin.rules.case_deadline import CaseDeadline, CaseDeadlineParams
from hub.model.case_clock import OverdueBy
from hub.model.report import Counts
from hub.model.warning import SignalDraft
from hub.runtime import open_hub
from hub.runtime.hub import Hub
from hub.sdk.rules import AffectedKey, WarningRule
from hub.store.history import StoreHistory

INSTANCE = "receipts"
# The log's own names for what XES has no name for.
COLUMNS = {
    "申请时间": ["case:startdate"],
    "办结期限": ["case:deadline"],
    "办结时间": ["case:enddate"],
    "申报来源": ["case:channel"],
    "责任单位": ["case:department"],
    "责任人": ["case:responsible"],
}


@dataclass
class ByHand:
    """One case as the CSV tells it."""

    steps: set[str] = field(default_factory=set)
    first: datetime | None = None
    last: datetime | None = None
    due: datetime | None = None
    ended: datetime | None = None


def counted_by_hand(path: Path) -> tuple[int, dict[str, ByHand]]:
    """Events, and cases by their number, by a plain loop."""
    cases: dict[str, ByHand] = defaultdict(ByHand)
    events = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            events += 1
            case = cases[row["case:concept:name"]]
            moment = datetime.fromisoformat(row["time:timestamp"])
            case.steps.add(row["concept:instance"])
            case.first = min(case.first or moment, moment)
            case.last = max(case.last or moment, moment)
            case.due = datetime.fromisoformat(row["case:deadline"])
            case.ended = datetime.fromisoformat(row["case:enddate"]) if row["case:enddate"] else None
    return events, cases


def faults_of(hub: Hub, cases: dict[str, ByHand]) -> tuple[list[str], int, int]:
    """What the store holds otherwise than the CSV; and how many cases and steps it holds."""
    with hub.store.begin() as connection:
        stored = connection.execute(
            text("SELECT case_no, steps, due_at, finished_at FROM service_case WHERE NOT deleted")
        ).all()
    faults, steps = [], 0
    if {row.case_no for row in stored} != set(cases):
        faults.append(f"{len({row.case_no for row in stored} ^ set(cases))} cases stand on one side alone")
    for row in stored:
        case, told = cases[row.case_no], row.steps
        steps += len(told)
        moments = [datetime.fromisoformat(step["ended_at"]) for step in told]
        if {step["no"] for step in told} != case.steps:
            faults.append(f"{row.case_no}: {len(told)} steps, in the CSV {len(case.steps)}")
        elif moments != sorted(moments):
            faults.append(f"{row.case_no}: its steps stand in another order than that of time")
        elif (min(moments), max(moments)) != (case.first, case.last):
            faults.append(f"{row.case_no}: its steps lie otherwise in time")
        elif (row.due_at, row.finished_at) != (case.due, case.ended):
            faults.append(f"{row.case_no}: its deadline or its end is another")
    return faults, len(stored), steps


OVERDUE = {
    OverdueBy.END: "closed cases whose end (办结时间) lies after the deadline",
    OverdueBy.LAST_EVENT: "cases whose last event (最后环节) lies after the deadline",
}


def overdue_by_hand(by: OverdueBy, cases: dict[str, ByHand]) -> tuple[set[str], int]:
    """Cases that are overdue by that definition, and of how many."""
    if by is OverdueBy.END:
        closed = {no: case for no, case in cases.items() if case.ended is not None}
        return {no for no, case in closed.items() if case.due and case.ended and case.ended > case.due}, len(
            closed
        )
    return {no for no, case in cases.items() if case.due and case.last and case.last > case.due}, len(cases)


def judged(hub: Hub, cases: dict[str, ByHand]) -> list[str]:
    """Lets the rules about single cases judge all of them, prints what they find, and says where the two overdue counts differ."""
    faults = []
    deps = hub.pipeline_deps
    with hub.store.begin() as connection:
        numbers: dict[str, str] = {
            row.case_id: row.case_no
            for row in connection.execute(text("SELECT case_id, case_no FROM service_case"))
        }
        open_ = {numbers[one] for one in numbers if cases[numbers[one]].ended is None}
        now = deps.clock.now()
        keys = [AffectedKey(one, now, now) for one in numbers]
        for by, words in OVERDUE.items():
            drafts, spent = _drafts(hub, connection, CaseDeadline(CaseDeadlineParams(overdue_by=by)), keys)
            cards = Counter(one.labels[0] for one in drafts)
            found = {numbers[one.key] for one in drafts}
            # By its end a case in hand is held against the moment of looking; the log is closed since years.
            found -= open_ if by is OverdueBy.END else set()
            wanted, of = overdue_by_hand(by, cases)
            print(
                f"overdue by {by.value}: {len(found)} of {of} {words}: {len(found) / of:.1%} (by hand {len(wanted)}); "
                f"cards {dict(sorted(cards.items()))}; {spent / len(keys) * 1000:.2f} CPU ms a case"
            )
            if found != wanted:
                faults.append(f"overdue by {by.value}: {len(found ^ wanted)} cases stand on one side alone")
        for rule in CASE_RULES:
            if rule.subject == "case" and rule is not CaseDeadline:
                drafts, spent = _drafts(hub, connection, rule(), keys)
                kinds = Counter(label for one in drafts for label in one.labels)
                print(
                    f"{rule.rule_id} {rule.title}: {len(drafts)} cases {dict(sorted(kinds.items())) if kinds else ''}"
                )
    return faults


def _drafts(
    hub: Hub, connection: Connection, rule: WarningRule, keys: list[AffectedKey]
) -> tuple[list[SignalDraft], float]:
    history = StoreHistory(connection, hub.pipeline_deps.clock.now(), hub.calendar)
    began = time.process_time()
    drafts = [one for one in rule.evaluate(keys, history) if isinstance(one, SignalDraft)]
    return drafts, time.process_time() - began


def _config(home: Path, inbox: Path) -> Path:
    source = {
        "kind": "files",
        "folder": {"kind": "folder", "path": str(inbox)},
        "files": {"stable_s": 0},
        "columns": COLUMNS,
        "nothing": ["EMPTY"],
    }
    channel = {"channel": "eagle_eye", "settings": {"source": source}}
    file = home / "hub.yaml"
    file.write_text(
        yaml.safe_dump({"home": str(home / "hub"), "channels": {INSTANCE: channel}}), encoding="utf-8"
    )
    return file


def _pass(hub: Hub, number: int) -> Counts:
    began, cpu = time.perf_counter(), time.process_time()
    reports = [*hub.collect(INSTANCE), hub.normalize()]
    counts = reports[0].records
    print(
        f"pass {number}: {counts.collected} events collected: {counts.stored} stored, {counts.duplicate} duplicate, "
        f"{counts.quarantined} quarantined, {counts.pending} pending; {time.process_time() - cpu:.1f} CPU s of this process, "
        f"{time.perf_counter() - began:.1f} s"
    )
    for problem in (problem for report in reports for problem in report.problems):
        print(f"problem: {problem.where}: {problem.message}")
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("csv", type=Path)
    options = parser.parse_args()
    events, cases = counted_by_hand(options.csv)
    told_steps = sum(len(case.steps) for case in cases.values())
    print(f"the CSV: {events} events of {len(cases)} cases, {told_steps} steps")
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="receipts-") as folder:
        home, inbox = Path(folder), Path(folder) / "inbox"
        inbox.mkdir()
        shutil.copy(options.csv, inbox / "receipt.csv")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        with open_hub(config=_config(home, inbox), environ=kept) as hub:
            hub.migrate()
            for number in (1, 2):
                if number == 2:  # the same rows once more, as after a restored backup
                    shutil.copy(options.csv, inbox / "receipt again.csv")
                    with (inbox / "receipt again.csv").open("a", encoding="utf-8") as file:
                        file.write("\n")  # other bytes, so that the rows themselves must be known again
                counts = _pass(hub, number)
                wanted = {"stored": events} if number == 1 else {"duplicate": events}
                faults += _differences(counts, {"collected": events, **wanted})
                found, stood, steps = faults_of(hub, cases)
                print(f"pass {number}: {stood} cases and {steps} steps in the store")
                faults += found
                if steps != told_steps:
                    faults.append(f"pass {number}: {steps} steps in the store (expected {told_steps})")
            faults += judged(hub, cases)
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")
    print("\n".join(faults[:20]) or "all of it holds")
    return 1 if faults else 0


def _differences(counts: Counts, wanted: dict[str, Any]) -> list[str]:
    found = counts.model_dump()
    return [
        f"{name}: {found[name]} (expected {value})" for name, value in wanted.items() if found[name] != value
    ]


if __name__ == "__main__":
    sys.exit(main())
