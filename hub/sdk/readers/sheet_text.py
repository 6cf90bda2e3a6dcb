"""CSV and its kin: text whose delimiter is told by what stands in the header, and whose quotes must close.

A quote that is never closed swallows the rest of its file into one cell, and a lenient reader calls that success. So quotes are
read strictly, and the file as a whole is refused where they do not add up.
"""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Iterator, Sequence

from hub.errors import Code
from hub.sdk.readers.sheet_open import Cell, FileProblem, OpenedSheet, SheetLimits, text_of, too_large

DELIMITERS = (",", "\t", ";", "|", "，")
_HEAD_ROWS = 40
# The module's limit on a field is one for the whole process; set while a file is read, and the length is looked at here besides.
_field_limit = threading.Lock()


def open_text(
    content: bytes, matches: Callable[[Sequence[Sequence[Cell]]], int], limits: SheetLimits = SheetLimits()
) -> OpenedSheet:
    """The one sheet of a text.

    Args:
        content: The file's bytes.
        limits: What reading it may cost.
        matches: How many columns are found in these first rows; the delimiter with the most is the one.

    Raises:
        FileProblem: Quotes that do not close (``file_unreadable``), ``page_encoding``, ``file_too_large``.
    """
    if len(content) > limits.file_bytes:
        raise too_large(f"{len(content)} bytes, at most {limits.file_bytes} are read")
    text = text_of(content).lstrip("\ufeff")
    first, _, rest = text.partition("\n")
    told = first.strip().removeprefix("sep=")
    if first.startswith("sep=") and len(told) == 1:  # Excel's own hint stands above the header
        delimiter, text = told, "\n" + rest
    else:
        delimiter = max(DELIMITERS, key=lambda one: matches(_head(text, one)))
    return OpenedSheet(1, "", _rows(text, delimiter, limits), is_text=True)


def _head(text: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) >= _HEAD_ROWS:
                break
    except csv.Error:
        pass  # what was read until there tells enough; the whole is read strictly afterwards
    return rows


def _rows(text: str, delimiter: str, limits: SheetLimits) -> list[list[str]]:
    rows: list[list[str]] = []
    cells = 0
    with _field_limit:
        before = csv.field_size_limit(max(limits.file_bytes, 131_072))
        try:
            for row in _strictly(text, delimiter):
                rows.append(row)
                cells += len(row)
                if len(rows) > limits.rows or len(row) > limits.columns or cells > limits.cells:
                    raise too_large(
                        f"{len(rows)} rows of {len(row)} columns so far, at most {limits.rows} and {limits.columns} are read"
                    )
        except csv.Error:
            raise FileProblem(
                Code.FILE_UNREADABLE,
                f"a quotation mark in or below row {len(rows) + 1} that is not closed, or closed before its cell ends (expected a cell with a "
                "delimiter, a line break or a quotation mark in quotation marks as a whole, and marks within doubled)",
                "open it in a spreadsheet program and save it again as .xlsx",
                may_grow=True,
            ) from None
        finally:
            csv.field_size_limit(before)
    return rows


def _strictly(text: str, delimiter: str) -> Iterator[list[str]]:
    yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
