"""Reading a clerk's sheet: CPU seconds for so many rows, from the bytes of the file to raw records, by kind of file.

Counts this process and those that it starts; the goal is 10,000 rows of .xlsx within 1 CPU s. Run: python bench/sheets.py [--rows N]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hub.clock import COUNTY_ZONE
from hub.sdk.channel import RawRecord
from hub.sdk.readers.sheet import Column, SheetPlan, SheetRecords
from hub.sdk.readers.sheet_values import Cells
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
PLAN = SheetPlan(
    (Column("日期", (), True), Column("联系电话"), Column("事项名称", (), True), Column("群众意见"))
)


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
    print(f"{'file':<12} {'rows':>7} {'bytes':>10} {'CPU s':>7} {'wall s':>7}")
    for kind, make in kinds.items():
        content = make()
        read, cpu_s, wall_s = _measured(content)
        print(f"{kind:<12} {read:>7} {len(content):>10} {cpu_s:>7.2f} {wall_s:>7.2f}")
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


def _measured(content: bytes) -> tuple[int, float, float]:
    before, started = _cpu_s(), time.monotonic()
    read = sum(1 for _ in SheetRecords(content, PLAN, _normalize))
    return read, _cpu_s() - before, time.monotonic() - started


def _normalize(raw: RawRecord) -> None:
    """What a mapping does with a row, in short."""
    cells = Cells.of(raw)
    cells.moment("日期", COUNTY_ZONE)
    cells.identifier("联系电话")
    cells.text("事项名称")
    cells.text("群众意见")


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    raise SystemExit(main())
