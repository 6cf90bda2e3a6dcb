"""Reading a clerk's ledger: CPU seconds for so many rows, from the bytes of the file to raw records, by kind of file.

Every row is numbered by the presubmission windows' channel; the second figure normalizes every row besides, as for the report that goes back with
the file.

Counts this process and those that it starts; the goal is 10,000 rows of .xlsx within 1 CPU s. Run: python bench/sheets.py [--rows N]
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hub.clock import COUNTY_ZONE
from hub.sdk.readers.sheet import SheetRecords
from hub_channel_presubmission_window.mapping import PresubmissionMapping
from hub_channel_presubmission_window.settings import PresubmissionWindowSettings
from tests.support.sheets import text, xls, xlsx

HEAD = [
    "序号",
    "日期",
    "预审窗口",
    "申请人",
    "联系电话",
    "事项名称",
    "预审结果",
    "缺少材料",
    "退回次数",
    "群众意见",
    "经办人",
]


def main() -> int:
    """Prints one line a kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    rows = parser.parse_args().rows
    table = [["材料预审台账"], HEAD, *(_row(number) for number in range(rows))]
    kinds: dict[str, Callable[[], bytes]] = {
        ".xlsx": lambda: xlsx(table),
        ".xls": lambda: xls(table[: min(len(table), 65_000)]),
        ".csv (GBK)": lambda: text(table, encoding="gbk"),
    }
    print(f"{'file':<12} {'rows':>7} {'bytes':>10} {'CPU s':>7} {'with report':>12}")
    for kind, make in kinds.items():
        content = make()
        (read, alone_s), (_, reported_s) = _measured(content, report=False), _measured(content, report=True)
        print(f"{kind:<12} {read:>7} {len(content):>10} {alone_s:>7.2f} {reported_s:>12.2f}")
    return 0


def _row(number: int) -> list[object]:
    day = datetime(2026, 1, 5, 9) + timedelta(minutes=7 * number)
    item, words = f"不动产转移登记{number % 60}", f"第{number}次来，希望一次把材料说清楚，不要来回跑。"
    return [
        number + 1,
        day,
        f"{number % 6 + 1}号窗口",
        "张*",
        13_800_000_000 + number,
        item,
        "退回",
        "房产证原件",
        2,
        words,
        "王",
    ]


def _measured(content: bytes, *, report: bool) -> tuple[int, float]:
    settings = PresubmissionWindowSettings.model_validate(
        {"source": {"kind": "folder", "path": "/nonexistent"}}
    )
    mapping = PresubmissionMapping(settings, COUNTY_ZONE)
    before = _cpu_s()
    read = sum(1 for _ in SheetRecords(content, mapping.plan(), mapping.demand if report else None))
    return read, _cpu_s() - before


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    raise SystemExit(main())
