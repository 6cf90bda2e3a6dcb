"""Real messages through the whole way, judged against a count that shares no code with the hub.

``python bench/real_messages.py SHEET`` serves the sheet (columns 留言编号 留言用户 留言主题 留言时间 留言详情 …) page by page through the
simulated portal, walks every step twice, and compares: every row accounted for, the persons whom 同人多诉 names with those whom
a plain loop over the sheet names, and that nothing historical was issued. Exit status 0 only when all of it holds.
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

from hub.clock import SystemClock
from hub.county.demo import one_pass, open_demo
from hub.pipeline.intake import read_personal
from hub.runtime.hub import Hub

WINDOW = timedelta(days=30)
TIMES = 3


def counted_by_hand(sheet: Path) -> tuple[int, set[str]]:
    """Rows of the sheet, and the users with three messages or more within thirty days, by a plain loop."""
    rows = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_index(0).to_python()
    head = [str(cell) for cell in rows[0]]
    user, when = head.index("留言用户"), head.index("留言时间")
    times: dict[str, list[datetime]] = defaultdict(list)
    for row in rows[1:]:
        times[str(row[user]).strip()].append(_moment(row[when]))
    repeaters = set()
    for name, moments in times.items():
        moments.sort()
        for first in range(len(moments) - TIMES + 1):
            if moments[first + TIMES - 1] - moments[first] < WINDOW:
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


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sheet", type=Path)
    options = parser.parse_args()
    rows, repeaters = counted_by_hand(options.sheet)
    print(
        f"the sheet: {rows} messages; {len(repeaters)} users with {TIMES} or more within {WINDOW.days} days"
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
            if accounts != repeaters:
                faults.append(
                    f"pass {number}: W01 and the count differ in {len(accounts ^ repeaters)} persons"
                )
            if fresh or issued:
                faults.append(
                    f"pass {number}: {fresh} fresh signals, {issued} warnings of W01 (expected none)"
                )
    print("\n".join(faults) or "all of it holds")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
