"""The program that opens a sheet's bytes, in a process of its own: what hostile bytes cost, they cost here.

A file of five kilobytes with a cell in row 1 and one in row 1,048,576 makes every reader that keeps a rectangle of cells ask for half a
terabyte, and ends its process. So `hub.sdk.readers.sheet_open` starts this file under limits of memory and processor time, without
the hub's environment, hands over the bytes on stdin and reads frames from stdout: a length of four bytes, then msgpack.

    {"format": …}                         once, what the bytes were found to be
    {"sheet": {…}}                        for each sheet: number, name, visible, merged, errors, epoch, rows, columns
    {"rows": [[first row's number], …]}   its rows, some hundreds a frame
    {"end": true}                         or {"problem": [code, what was found]}

It imports no part of the hub: starting it must stay cheap.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import re
import resource
import struct
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import msgspec

ROWS_A_FRAME = 500
_UNREADABLE, _TOO_LARGE = "file_unreadable", "file_too_large"
_CELL = re.compile(rb"<(?:\w+:)?(row|c)\b([^>]*)>")
_PLACE = re.compile(rb'\br="([A-Z]{0,3})(\d+)"')
_IS_ERROR = re.compile(rb'\bt="e"')
_encode = msgspec.msgpack.Encoder().encode


class Problem(Exception):
    """The bytes are no sheet that can be read; ``code`` and words without any of their content."""

    def __init__(self, code: str, found: str) -> None:
        super().__init__(found)
        self.code, self.found = code, found


def main() -> int:
    """Reads stdin, writes frames; exit code 0 also for a file that is refused."""
    kind, *numbers = sys.argv[1:9]
    max_rows, max_columns, max_cells, cell_chars, text_chars, memory_bytes, cpu_s = map(int, numbers)
    _limit(memory_bytes, cpu_s)
    out = sys.stdout.buffer
    content = sys.stdin.buffer.read()
    try:
        short = _Shortener(cell_chars, text_chars)
        for frame in _frames(kind, content, max_rows, max_columns, max_cells, short):
            _put(out, frame)
        _put(out, {"end": True})
    except Problem as exc:
        _put(out, {"problem": [exc.code, exc.found]})
    except MemoryError:
        _put(out, {"problem": [_TOO_LARGE, "more cells than the memory that reading may take"]})
    except ImportError:
        raise  # no fault of the file: its reader is not installed
    except Exception as exc:  # noqa: BLE001 - whatever the bytes provoke, they are what cannot be read
        _put(out, {"problem": [_UNREADABLE, f"a file on which its reader gives up ({type(exc).__name__})"]})
    out.flush()
    return 0


def _limit(memory_bytes: int, cpu_s: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # not every system knows every limit
            resource.setrlimit(what, (most, most))


def _put(out: Any, frame: object) -> None:
    packed = _encode(frame)
    out.write(struct.pack(">I", len(packed)))
    out.write(packed)


def _frames(
    kind: str, content: bytes, max_rows: int, max_columns: int, max_cells: int, short: _Shortener
) -> Iterator[dict[str, Any]]:
    left_rows, left_cells = max_rows, max_cells
    from_bytes = {"workbook": _workbook, "html": _html, "xml": _xml}[kind]
    for number, sheet in enumerate(from_bytes(content), start=1):
        rows = sheet.pop("cells")
        wide = max(map(len, rows), default=0)
        left_rows, left_cells = left_rows - len(rows), left_cells - sum(map(len, rows))
        if left_rows < 0 or left_cells < 0 or wide > max_columns:
            raise Problem(
                _TOO_LARGE,
                f"sheet {number} has {len(rows)} rows and {wide} columns; of all sheets together at most {max_rows} rows and {max_cells} "
                f"cells are read, at most {max_columns} columns each",
            )
        yield {"sheet": {"number": number, **sheet, "rows": len(rows)}}
        for start in range(0, len(rows), ROWS_A_FRAME):
            yield {
                "rows": [[_cell(value, short) for value in row] for row in rows[start : start + ROWS_A_FRAME]]
            }


class _Shortener:
    """Bounds the text that is handed over: a workbook names one long text in a thousand cells, and each would be a copy in the hub.

    Args:
        cell_chars: Of one cell; of a longer one no more goes over than shows that it is longer.
        text_chars: Of all cells together.
    """

    def __init__(self, cell_chars: int, text_chars: int) -> None:
        self._cell_chars, self._text_chars, self._left = cell_chars, text_chars, text_chars

    def __call__(self, text: str) -> str:
        short = text[: self._cell_chars + 1]
        self._left -= len(short)
        if self._left < 0:
            raise Problem(_TOO_LARGE, f"cells with more than {self._text_chars} characters of text in all")
        return short


def _cell(value: object, short: _Shortener) -> object:
    """A cell as msgpack: text within its bounds, number and truth as they are, a time as a list of one ISO text."""
    if isinstance(value, str):
        return short(value)
    if isinstance(value, float | int):
        return value
    if isinstance(
        value, dt.datetime
    ):  # what is kept as a fraction of a day falls a little short of its second
        return [(value + dt.timedelta(milliseconds=500)).replace(microsecond=0).isoformat()]
    if isinstance(value, dt.date | dt.time):
        return [value.isoformat()]
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(int(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    return ""


# --- workbooks: .xlsx, .xlsb, .xls, .ods ---------------------------------------------------------------------------------


def _workbook(content: bytes) -> Iterator[dict[str, Any]]:
    from python_calamine import (
        CalamineError,
        CalamineWorkbook,
        PasswordError,
        SheetTypeEnum,
        SheetVisibleEnum,
    )

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        errors, epoch = _beside_the_cells(content)
        for place, about in enumerate(workbook.sheets_metadata):
            if about.typ is not SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_index(place)
            yield {
                "name": about.name,
                "visible": about.visible is SheetVisibleEnum.Visible,
                "merged": [
                    (top, left, bottom) for (top, left), (bottom, _) in sheet.merged_cell_ranges or ()
                ],
                "errors": errors.get(about.name, ()),
                "epoch": epoch,
                "cells": sheet.to_python(skip_empty_area=False),
            }
    except PasswordError:
        raise Problem(_UNREADABLE, "a workbook under a password") from None
    except CalamineError as exc:
        # The names of the sheets stand in some of its texts: only the kind of error is told.
        raise Problem(_UNREADABLE, f"a workbook that is damaged ({type(exc).__name__})") from None
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":
            raise
        raise Problem(_UNREADABLE, "a workbook on which its reader gives up") from None


def _beside_the_cells(content: bytes) -> tuple[dict[str, list[tuple[int, int]]], int]:
    """What calamine does not tell: cells with an error (it gives them as empty), and the year from which days are counted."""
    if content[:2] != b"PK":
        return _of_xls(content)
    from lxml import etree

    errors: dict[str, list[tuple[int, int]]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if "xl/workbook.xml" not in archive.namelist():
            return errors, 1900
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            book = etree.fromstring(archive.read("xl/workbook.xml"), parser)
            links = etree.fromstring(archive.read("xl/_rels/workbook.xml.rels"), parser)
        except (etree.XMLSyntaxError, KeyError):
            return errors, 1900
        targets = {link.get("Id"): link.get("Target", "") for link in links}
        epoch = (
            1904 if any(one.get("date1904") in ("1", "true") for one in book.iter("{*}workbookPr")) else 1900
        )
        for sheet in book.iter("{*}sheet"):
            link = next((value for name, value in sheet.attrib.items() if str(name).endswith("}id")), "")
            target = targets.get(link, "")
            path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            if path in archive.NameToInfo:
                body = archive.read(path)
                if _IS_ERROR.search(body):
                    errors[str(sheet.get("name"))] = _errors_in(body)
    return errors, epoch


def _errors_in(body: bytes) -> list[tuple[int, int]]:
    """Places of error cells in a worksheet's XML; cells may leave their place out, then they follow one another."""
    found: list[tuple[int, int]] = []
    row = column = -1
    for token in _CELL.finditer(body):
        at = _PLACE.search(token[2])
        if token[1] == b"row":
            row, column = (int(at[2]) - 1 if at else row + 1), -1
            continue
        if at is not None and at[1]:
            row, column = int(at[2]) - 1, _column(at[1])
        else:
            column += 1
        if _IS_ERROR.search(token[2]):
            found.append((row, column))
    return found


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _of_xls(content: bytes) -> tuple[dict[str, list[tuple[int, int]]], int]:
    """The same of an .xls: its records of errors, and whether its days are counted from 1904."""
    stream = _xls_stream(content)
    errors: dict[str, list[tuple[int, int]]] = {}
    names: dict[int, str] = {}
    epoch, at, sheet = 1900, 0, ""
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        body = stream[at + 4 : at + 4 + size]
        if len(body) < size:
            break
        if kind == 0x0809:  # BOF
            sheet = names.get(at, "")
        elif kind == 0x0085 and size >= 8:  # BOUNDSHEET
            count, wide = body[6], body[7] & 1
            raw = body[8 : 8 + count * (2 if wide else 1)]
            names[struct.unpack_from("<I", body)[0]] = raw.decode(
                "utf-16-le" if wide else "latin-1", "replace"
            )
        elif kind == 0x0022 and size >= 2 and body[0] == 1:  # DATEMODE
            epoch = 1904
        elif (
            (kind == 0x0205 and size >= 8 and body[7] == 1)
            or (  # BOOLERR, FORMULA with an error as its result
                kind == 0x0006 and size >= 14 and body[6] == 2 and body[12:14] == b"\xff\xff"
            )
        ):
            errors.setdefault(sheet, []).append(struct.unpack_from("<HH", body))
        at += 4 + size
    return errors, epoch


def _xls_stream(content: bytes) -> bytes:
    """The stream Workbook of a compound file, or nothing where it is not laid out as it should be."""
    try:
        sector = 1 << struct.unpack_from("<H", content, 30)[0]
        count, directory = struct.unpack_from("<I", content, 44)[0], struct.unpack_from("<I", content, 48)[0]
        if sector not in (512, 4096) or count > len(content) // sector:
            return b""
        parts = list(struct.unpack_from("<109I", content, 76))
        following, more = struct.unpack_from("<II", content, 68)
        for _ in range(min(more, count)):
            block = struct.unpack_from(f"<{sector // 4}I", content, (following + 1) * sector)
            parts += block[:-1]
            following = block[-1]
        table: list[int] = []
        for part in parts[:count]:
            table += struct.unpack_from(f"<{sector // 4}I", content, (part + 1) * sector)

        def chain(first: int) -> bytes:
            found = []
            for _ in range(len(table)):
                if first >= len(table):
                    break
                found.append(content[(first + 1) * sector : (first + 2) * sector])
                first = table[first]
            return b"".join(found)

        entries = chain(directory)
        for start in range(0, len(entries), 128):
            entry = entries[start : start + 128]
            name = entry[: max(0, struct.unpack_from("<H", entry, 64)[0] - 2)].decode("utf-16-le", "replace")
            if name in ("Workbook", "Book"):
                return chain(struct.unpack_from("<I", entry, 116)[0])[
                    : struct.unpack_from("<I", entry, 120)[0]
                ]
    except struct.error:
        pass
    return b""


# --- what other programs save under the name .xls ------------------------------------------------------------------------


def _html(content: bytes) -> Iterator[dict[str, Any]]:
    """Tables of an HTML page; a cell over several rows counts as merged."""
    from lxml import etree, html

    try:
        page = html.document_fromstring(content.decode("utf-8"))
    except (etree.LxmlError, ValueError):
        raise Problem(_UNREADABLE, "an HTML page that cannot be read") from None
    tables = [table for table in page.iter("table") if next(table.iter("tr"), None) is not None]
    for table in (one for one in tables if not any(inner is not one for inner in one.iter("table"))):
        yield {"name": "", "visible": True, "errors": (), "epoch": 1900, **_laid_out(_html_rows(table))}
    if not tables:
        raise Problem(_UNREADABLE, "an HTML page without a table")


def _html_rows(table: Any) -> Iterator[tuple[int | None, Iterator[tuple[int | None, str, int, int]]]]:
    for row in table.iter("tr"):
        yield (
            None,
            (
                (None, _words(cell), _span(cell.get("rowspan")), _span(cell.get("colspan")))
                for cell in row
                if cell.tag in ("td", "th")
            ),
        )


def _words(cell: Any) -> str:
    for line in cell.iter("br"):
        line.tail = "\n" + (line.tail or "")
    return "\n".join(" ".join(line.split()) for line in str(cell.text_content()).split("\n")).strip()


def _span(text: str | None) -> int:
    return min(int(text), 100_000) if text and text.strip().isdigit() else 1


def _xml(content: bytes) -> Iterator[dict[str, Any]]:
    """Worksheets of an "XML spreadsheet 2003"."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        book = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        raise Problem(_UNREADABLE, "an XML spreadsheet that is no sound XML") from None
    epoch = 1904 if next(book.iter("{*}Date1904"), None) is not None else 1900
    for sheet in book.iter("{*}Worksheet"):
        shown = next(sheet.iter("{*}Visible"), None)
        laid = _laid_out(_xml_rows(sheet))
        errors = [
            (row, column)
            for row, cells in enumerate(laid["cells"])
            for column, cell in enumerate(cells)
            if cell is _ERROR
        ]
        yield {
            "name": _named(sheet, "Name") or "",
            "visible": shown is None,
            "errors": errors,
            "epoch": epoch,
            **laid,
        }


_ERROR = object()


def _xml_rows(sheet: Any) -> Iterator[tuple[int | None, Iterator[tuple[int | None, Any, int, int]]]]:
    for row in sheet.iter("{*}Row"):
        yield (
            _index(row),
            (
                (
                    _index(cell),
                    _xml_value(next(cell.iter("{*}Data"), None)),
                    _span(_named(cell, "MergeDown") or "0") + 1,
                    _span(_named(cell, "MergeAcross") or "0") + 1,
                )
                for cell in row.iter("{*}Cell")
            ),
        )


def _index(element: Any) -> int | None:
    text = _named(element, "Index")
    return int(text) - 1 if text and text.isdigit() and 0 < int(text) <= 2_000_000 else None


def _named(element: Any, name: str) -> str | None:
    return next((value for key, value in element.attrib.items() if str(key).endswith("}" + name)), None)


def _xml_value(given: Any) -> Any:
    if given is None:
        return ""
    text, kind = "".join(given.itertext()), _named(given, "Type")
    if kind == "Error":
        return _ERROR
    try:
        if kind == "Number":
            return float(text)
        if kind == "DateTime":
            return dt.datetime.fromisoformat(text)
    except ValueError:
        pass
    return text


def _laid_out(
    rows: Iterator[tuple[int | None, Iterator[tuple[int | None, Any, int, int]]]],
) -> dict[str, Any]:
    """Cells in a rectangle, by the places and spans that they tell."""
    laid: list[list[Any]] = []
    merged: list[tuple[int, int, int]] = []
    taken: dict[int, int] = {}  # column -> the row up to which a cell from above reaches
    at, cells_in_all = -1, 0
    for told_row, cells in rows:
        at = told_row if told_row is not None and told_row > at else at + 1
        line: list[Any] = []
        for told, value, down, across in cells:
            column = told if told is not None else len(line)
            while taken.get(column, -1) >= at:
                column += 1
            cells_in_all += max(0, column - len(line)) + min(across, 1_000)
            if cells_in_all > 20_000_000 or at > 2_000_000:
                raise Problem(_TOO_LARGE, "places of cells beyond every sheet")
            line.extend([""] * (column - len(line)))
            line[column:column] = [value, *[""] * (min(across, 1_000) - 1)]
            if down > 1:
                merged.append((at, column, at + down - 1))
                for under in range(column, column + min(across, 1_000)):
                    taken[under] = at + down - 1
        while len(laid) < at:
            laid.append([])
        laid.append(line)
    return {"cells": laid, "merged": merged}


if __name__ == "__main__":
    sys.exit(main())
