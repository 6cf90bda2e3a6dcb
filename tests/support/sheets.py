"""Real files of sheets for tests: .xlsx by openpyxl, .xls by xlwt, and text as an office saves it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import openpyxl
import xlwt
from openpyxl.utils.datetime import CALENDAR_MAC_1904


def xlsx(
    *sheets: Sequence[Sequence[Any]], merged: Sequence[str] = (), mac: bool = False, names: Sequence[str] = ()
) -> bytes:
    """A workbook; merged regions are of its first sheet."""
    workbook = openpyxl.Workbook()
    if mac:
        workbook.epoch = CALENDAR_MAC_1904
    for number, rows in enumerate(sheets):
        sheet: Any = workbook.active if number == 0 else workbook.create_sheet()
        if number < len(names):
            sheet.title = names[number]
        for row, cells in enumerate(rows, start=1):
            for column, value in enumerate(cells, start=1):
                if value is not None:
                    cell = sheet.cell(row, column)
                    cell.value = value
                    if isinstance(value, str) and value.startswith("#"):
                        cell.data_type = "e"
    for region in merged:
        workbook.worksheets[0].merge_cells(region)
    return saved(workbook)


def saved(workbook: Any) -> bytes:
    """The bytes that a workbook is saved as."""
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def xls(
    rows: Sequence[Sequence[Any]], *, merged: Sequence[tuple[int, int, int, int]] = (), mac: bool = False
) -> bytes:
    """A workbook as Excel 97 and WPS save it; ``merged``: (first row, last row, first column, last column), from 0."""
    workbook = xlwt.Workbook(encoding="utf-8")
    workbook.dates_1904 = mac
    sheet = workbook.add_sheet("台账")
    dated = xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm")
    regions = {(top, left): (bottom, right) for top, bottom, left, right in merged}
    for row, cells in enumerate(rows):
        for column, value in enumerate(cells):
            if value is None:
                continue
            style = dated if hasattr(value, "year") else xlwt.Style.default_style
            if (row, column) in regions:
                bottom, right = regions[row, column]
                sheet.write_merge(row, bottom, column, right, value, style)
            elif isinstance(value, str) and value.startswith("#"):
                sheet.row(row).set_cell_error(column, value)
            else:
                sheet.write(row, column, value, style)
    return saved(workbook)


def text(rows: Sequence[Sequence[Any]], *, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Rows as CSV."""
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return file.getvalue().encode(encoding)
