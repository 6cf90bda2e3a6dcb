"""Real messages through the whole way, judged against a count that shares no code with the hub.

``python bench/real_messages.py SHEET`` serves the sheet (columns 留言编号 留言用户 留言主题 留言时间 留言详情 …) page by page through the
simulated portal, walks every step twice, and compares: every row accounted for; that nothing historical was issued; and the persons
whom 同人多诉 names with a plain loop over the sheet. Which messages are on one matter no loop can tell: all with five or more within a
month must be named, and nobody with fewer than three; asked to count three on any matter, the rule must name exactly those with three.
Prints what each rule saw, and every message whose words W08 would have issued a warning for by itself, to be read. Exit status 0 only
when all of it holds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook
from sqlalchemy import text

from hub.clock import COUNTY_ZONE, SystemClock
from hub.county.demo import one_pass, open_demo
from hub.pipeline import backtest
from hub.pipeline.intake import read_personal
from hub.runtime.hub import Hub

WINDOW = timedelta(days=30)
LEAST, MANY = 3, 5
LONG_AGO = datetime(1990, 1, 1, tzinfo=COUNTY_ZONE)


def counted_by_hand(sheet: Path, least: int) -> tuple[int, set[str]]:
    """Rows of the sheet, and the users with so many messages or more within thirty days, by a plain loop."""
    rows = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_index(0).to_python()
    head = [str(cell) for cell in rows[0]]
    user, when = head.index("留言用户"), head.index("留言时间")
    times: dict[str, list[datetime]] = defaultdict(list)
    for row in rows[1:]:
        times[str(row[user]).strip()].append(_moment(row[when]))
    repeaters = set()
    for name, moments in times.items():
        moments.sort()
        for first in range(len(moments) - least + 1):
            if moments[first + least - 1] - moments[first] < WINDOW:
                repeaters.add(name)
    return len(rows) - 1, repeaters


def _moment(cell: Any) -> datetime:
    if isinstance(cell, datetime):
        return cell
    for form in ("%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M"):
        try:
            return datetime.strptime(str(cell).strip(), form)
        except ValueError:
            continue
    raise SystemExit(f"a cell of 留言时间 is no time: {cell!r}")


def named_by_the_hub(hub: Hub) -> tuple[set[str], int, int]:
    """Accounts in the evidence of W01, W01 signals that are not historical, and warnings issued for W01."""
    with hub.store.begin() as connection:
        evidence = connection.execute(
            text(
                "SELECT DISTINCT d.demand_id, d.sealed FROM signal g JOIN demand d ON d.demand_id = ANY(g.demand_ids) "
                "WHERE g.rule_id = 'W01' AND d.instance = 'portal'"
            )
        ).all()
        fresh = connection.execute(
            text("SELECT count(*) FROM signal WHERE rule_id = 'W01' AND NOT historical")
        ).scalar_one()
        issued = connection.execute(text("SELECT count(*) FROM warning WHERE rule_id = 'W01'")).scalar_one()
    accounts = {
        read_personal(hub.sealer, bytes(row.sealed), row.demand_id)["reporter"]["account"] for row in evidence
    }
    return accounts, fresh, issued


def named_on_any_matter(hub: Hub) -> set[str]:
    """Accounts in what W01 would say if three on any matter were enough."""
    found = backtest.run(
        hub.pipeline_deps, "W01", since=LONG_AGO, until=hub.clock.now(), params={"any_matter": LEAST}
    )
    ids = sorted({demand_id for one in found.shown for demand_id in one.draft.demand_ids})
    with hub.store.begin() as connection:
        rows = connection.execute(
            text("SELECT demand_id, sealed FROM demand WHERE demand_id = ANY(:ids) AND instance = 'portal'"),
            {"ids": ids},
        ).all()
    return {
        read_personal(hub.sealer, bytes(row.sealed), row.demand_id)["reporter"]["account"] for row in rows
    }


def tell_what_fired(hub: Hub) -> None:
    """Signals by rule, and the words of those that W08 would issue by itself."""
    with hub.store.begin() as connection:
        rules = connection.execute(
            text("SELECT rule_id, count(*), sum(auto_issue::int) FROM signal GROUP BY 1 ORDER BY 1")
        ).all()
        told = connection.execute(
            text(
                "SELECT d.title, d.text FROM signal s JOIN demand d ON d.demand_id = s.demand_ids[1] "
                "WHERE s.rule_id = 'W08' AND s.auto_issue ORDER BY d.demand_id"
            )
        ).all()
    for rule_id, count, auto in rules:
        print(f"{rule_id}: {count} signals, {auto} that the rule would issue by itself if they were of today")
    for row in told:
        print(f"W08 by itself: {row.title} | {' '.join(row.text.split())[:300]}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sheet", type=Path)
    options = parser.parse_args()
    rows, repeaters = counted_by_hand(options.sheet, LEAST)
    _, often = counted_by_hand(options.sheet, MANY)
    print(
        f"the sheet: {rows} messages; {len(repeaters)} users with {LEAST} or more within {WINDOW.days} days, {len(often)} with {MANY}"
    )
    faults: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="real-messages-") as folder,
        open_demo(Path(folder) / "county", SystemClock(), sheet=options.sheet) as (hub, county),
    ):
        for number in (1, 2):
            done = one_pass(hub)
            portal = done.channels["portal"]
            print(
                f"pass {number}: portal {portal}; totals {done.totals}; {county.portal.requests} requests served"
            )
            if not portal.reconciles() or done.problems:
                faults.append(f"pass {number} does not reconcile or has problems: {done.problems}")
            if number == 1 and (portal.collected != rows or portal.pending):
                faults.append(f"{portal.collected} of {rows} messages collected, {portal.pending} pending")
            accounts, fresh, issued = named_by_the_hub(hub)
            print(
                f"pass {number}: W01 names {len(accounts)} persons; {fresh} not historical; {issued} issued"
            )
            if not often <= accounts <= repeaters:
                faults.append(
                    f"pass {number}: W01 leaves out {len(often - accounts)} persons with {MANY} and names {len(accounts - repeaters)} "
                    f"with fewer than {LEAST}"
                )
            if fresh or issued:
                faults.append(
                    f"pass {number}: {fresh} fresh signals, {issued} warnings of W01 (expected none)"
                )
        on_any = named_on_any_matter(hub)
        print(f"asked to count {LEAST} on any matter, W01 names {len(on_any)} persons")
        if on_any != repeaters:
            faults.append(f"on any matter, W01 and the count differ in {len(on_any ^ repeaters)} persons")
        tell_what_fired(hub)
    print("\n".join(faults) or "all of it holds")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
