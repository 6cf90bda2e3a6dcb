"""Sheets as files, written by the fewest means, so that the contract needs no spreadsheet library: .xlsx, CSV, and what is saved as .xls."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from xml.sax.saxutils import escape

Value = str | int | float | datetime | None
Rows = Sequence[Sequence[Value]]
ERROR = "#N/A"

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = """<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"""
_STYLES = f"""<?xml version="1.0"?><styleSheet xmlns="{_MAIN}"><fonts><font/></fonts><fills><fill/></fills><borders><border/></borders>
<cellStyleXfs><xf/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>"""
_DAY_ZERO = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}


def xlsx(
    *sheets: Rows,
    merged: Sequence[str] = (),
    hidden: Sequence[int] = (),
    mac: bool = False,
    junk: bytes = b"",
) -> bytes:
    """A workbook.

    Args:
        sheets: Rows from the top; a time becomes a cell formatted as one, `ERROR` a cell with that error.
        merged: Regions of the first sheet, such as ``A2:A4``.
        hidden: Numbers of hidden sheets, from 1.
        mac: Days are counted from 1904.
        junk: Bytes that the archive holds besides.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        _write(archive, "[Content_Types].xml", _TYPES)
        _write(archive, "_rels/.rels", _links([("rId1", "officeDocument", "xl/workbook.xml")]))
        numbers = range(1, len(sheets) + 1)
        links = [(f"rId{number}", "worksheet", f"worksheets/sheet{number}.xml") for number in numbers]
        _write(archive, "xl/_rels/workbook.xml.rels", _links([*links, ("rId0", "styles", "styles.xml")]))
        _write(archive, "xl/styles.xml", _STYLES)
        listed = "".join(
            f'<sheet name="Sheet{number}" sheetId="{number}" r:id="rId{number}"{" state=" + chr(34) + "hidden" + chr(34) if number in hidden else ""}/>'
            for number in numbers
        )
        _write(
            archive,
            "xl/workbook.xml",
            f'<?xml version="1.0"?><workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}"><workbookPr date1904="{int(mac)}"/><sheets>{listed}</sheets></workbook>',
        )
        for number, rows in enumerate(sheets, start=1):
            _write(
                archive,
                f"xl/worksheets/sheet{number}.xml",
                _sheet(rows, merged if number == 1 else (), mac=mac),
            )
        if junk:
            _write(archive, "docProps/junk.bin", junk)
    return file.getvalue()


def _write(archive: zipfile.ZipFile, name: str, body: str | bytes) -> None:
    """The same bytes at every hour."""
    entry = zipfile.ZipInfo(name, (2026, 6, 23, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, body)


def serial(moment: datetime, *, mac: bool = False) -> float:
    """The number by which a spreadsheet keeps a time."""
    return (moment - _DAY_ZERO[mac]).total_seconds() / 86_400


def text(rows: Rows, *, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Rows as CSV; a time as ``2026-06-23 10:20:00``."""
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\r\n").writerows(
        [["" if value is None else str(value) for value in row] for row in rows]
    )
    return file.getvalue().encode(encoding)


def html(rows: Rows, *, charset: str = "utf-8") -> bytes:
    """Rows as the HTML table that many systems save as .xls."""
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape('' if value is None else str(value))}</td>" for value in row) + "</tr>"
        for row in rows
    )
    return f'<html><head><meta charset="{charset}"></head><body><table>{lines}</table></body></html>'.encode(
        charset
    )


def _sheet(rows: Rows, merged: Sequence[str], *, mac: bool) -> str:
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = "".join(
            _cell(f"{_letters(place)}{number}", value, mac=mac)
            for place, value in enumerate(row)
            if value is not None
        )
        lines.append(f'<row r="{number}">{cells}</row>')
    regions = "".join(f'<mergeCell ref="{region}"/>' for region in merged)
    regions = f'<mergeCells count="{len(merged)}">{regions}</mergeCells>' if merged else ""
    return f'<?xml version="1.0"?><worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData>{regions}</worksheet>'


def _cell(place: str, value: Value, *, mac: bool) -> str:
    if value == ERROR:
        return f'<c r="{place}" t="e"><v>{ERROR}</v></c>'
    if isinstance(value, datetime):
        return f'<c r="{place}" s="1"><v>{serial(value, mac=mac)!r}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{float(value)!r}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


def _letters(place: int) -> str:
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _links(links: Sequence[tuple[str, str, str]]) -> str:
    told = "".join(
        f'<Relationship Id="{one}" Type="{_LINKS}/{kind}" Target="{target}"/>' for one, kind, target in links
    )
    return f'<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{told}</Relationships>'
