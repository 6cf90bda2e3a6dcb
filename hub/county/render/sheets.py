"""Ledgers as clerks keep them, saved as CSV in GB18030: a title, a header, rows with what was typed over and over, a total.

CSV and not .xlsx: what the county writes must need no package beyond the hub's own. The readers' tests write real workbooks.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

CHARSET = "gb18030"
DITTO = "同上"


def ledger(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, total: str = "") -> bytes:
    """The file's bytes: the title in a row of its own, the header, the rows, and a total where one is given."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([title, *[""] * (len(columns) - 1)])
    writer.writerow(columns)
    writer.writerows(rows)
    if total:
        writer.writerow(["合计", total, *[""] * (len(columns) - 2)])
    return text.getvalue().encode(CHARSET, "replace")


def repeated(rows: list[list[str]], place: int) -> list[list[str]]:
    """The rows with 同上 where a cell of that column says what the row above says."""
    found = [list(row) for row in rows]
    for above, row, shown in zip(rows, rows[1:], found[1:], strict=False):
        if row[place] == above[place] and row[place]:
            shown[place] = DITTO
    return found
