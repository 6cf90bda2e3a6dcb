"""Sheets that misbehave in one named way, on top of a well-behaved one: what offices really drop, and what nobody should.

As in `hub.testing.hostile` a channel's author says how a well-behaved sheet looks (`SheetSource`), and `spoilt` spoils it.
"""

from __future__ import annotations

import io
import json
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, ClassVar

from hub.testing import workbooks
from hub.testing.workbooks import ERROR, Rows, Value

COUNT = 5
MEGABYTE = 1_000_000
DAY = datetime(2026, 6, 23, 10, 20)
"""Time of the first row; the others follow a minute apart, naive as in a sheet."""
PHONE = 13_800_001_230


class SheetMisbehaviour(Enum):
    """What the sheet does wrong; the value says it in words."""

    NONE = "nothing: the well-behaved sheet"
    # around the rows
    TITLE_ROWS = "title rows stand above the header"
    TOTALS_ROW = "a totals row and a footer stand below the rows"
    BLANK_ROWS = "rows of blanks stand between and below the rows"
    HEADER_AGAIN = "the header comes again in the middle, as on each printed page"
    HEADER_IN_OTHER_FORM = "the header's words hold spaces, line breaks, full-width forms and brackets"
    COLUMNS_MOVED = "the columns stand in reverse order"
    COLUMN_UNKNOWN = "a column that nobody knows stands first"
    COLUMN_OPTIONAL_MISSING = "a column that may be left out is missing"
    COLUMN_RENAMED = "a needed column bears another name"
    COLUMN_TWICE = "a known column stands twice"
    SEVERAL_SHEETS = "the rows are divided into two sheets, and a third holds instructions"
    SHEET_RENAMED_COLUMN = "the second of two sheets has a needed column under another name"
    SHEET_HIDDEN = "a hidden sheet holds old rows"
    # within the rows
    MERGED_CELLS = "the times of the first three rows are one merged cell"
    SAME_AS_ABOVE = "the second row says 同上 for its time"
    SAME_AS_ABOVE_OF_NOTHING = "the first row says 同上 for its time"
    SERIAL_DATES = "times are bare numbers of days since 1900"
    SERIAL_DATES_1904 = "times are bare numbers of days since 1904"
    CHINESE_DATES = "times are written 2026年6月23日 10时20分"
    DATE_NOT_A_DATE = "one time is the words 待定"
    DATE_IN_TWO_WAYS = "one time is 6.23"
    PHONES_AS_FLOATS = "telephone numbers are numbers"
    PHONE_IN_SCIENTIFIC = "one telephone number is the text 1.38E+10"
    LONG_NUMBER_AS_FLOAT = "a number of 18 digits was kept as a number, its last digits are lost"
    ERROR_CELL = "one time is the error #N/A"
    EMPTY_AND_NULL_WORDS = "one telephone number is empty, another the word null"
    MASKED_PHONES = "a telephone number is masked"
    HTML_IN_TEXT = "one text is HTML with a script and entities"
    MEGABYTE_CONTENT = "one text has a million characters"
    LINES_IN_TEXT = "one text holds line breaks, delimiters and quotation marks"
    NUMBER_TWICE = "two different rows bear one number"
    # the file
    CSV_GBK = "the file is CSV in GBK"
    CSV_UTF16 = "the file is tab-separated UTF-16 with its mark"
    CSV_BYTE_ORDER_MARK = "the file is CSV with a byte order mark and semicolons"
    CSV_DELIMITER_IN_CELL = "a delimiter stands in a cell of a CSV without quotation marks"
    CSV_QUOTE_OPEN = "a quotation mark of a CSV never closes"
    HTML_AS_XLS = "the file is an HTML table in GBK"
    JSON_FORM = "the file is a form in JSON, as a telephone saves it"
    JSON_CUT_SHORT = "the end of a form in JSON is missing"
    CUT_SHORT = "the file's end is missing"
    EMPTY = "the file has no bytes"
    NO_SHEET = "the file is a PDF"
    DAMAGED = "bytes in the middle of the file are others"
    ZIP_BOMB = "the file inflates to a thousand times its size"
    FAR_CELLS = "two cells stand at opposite ends of the sheet"
    ENTITY_BOMB = "the file's XML holds entities that multiply"


class SheetSource(ABC):
    """How a well-behaved sheet of one kind looks: written once by a channel's author.

    Attributes:
        when: Name of the column with the time.
        text: Of the column with the citizen's words.
        phone: Of the column with the telephone number; it may be left out. None where there is none.
        spare: Of another column that may be left out, for a sheet without telephone numbers.
        number: Of the column with the sheet's own number; None where it has none that lasts.
        needed: Of another column without which a row means nothing.
    """

    when: ClassVar[str]
    text: ClassVar[str]
    phone: ClassVar[str | None] = None
    spare: ClassVar[str | None] = None
    number: ClassVar[str | None] = None
    needed: ClassVar[str]

    @abstractmethod
    def row(self, index: int) -> dict[str, Value]:
        """The ``index``-th row, by column, in the order of the columns; its words hold ``mark(index)``, its time is ``moment(index)``, its phone `PHONE` +
        ``index``, and it carries a demand, or whatever else the rows of its channel say.
        """

    def mark(self, index: int) -> str:
        """Words by which a row is known again in its demand's content."""
        return f"第{index:03d}次来问"

    def moment(self, index: int) -> datetime:
        """The time of a row, naive."""
        return DAY + timedelta(minutes=index)

    @property
    def left_out(self) -> str:
        """Name of a column that may be left out."""
        name = self.phone or self.spare
        assert name is not None, "say which column may be left out: bring phone or spare"
        return name

    def header(self) -> list[str]:
        """Names of the columns."""
        return list(self.row(0))


def table(source: SheetSource, rows: Sequence[dict[str, Value]]) -> list[list[Value]]:
    """Header and rows."""
    return [list(source.header()), *(list(row.values()) for row in rows)]


def spoilt(source: SheetSource, misbehaviour: SheetMisbehaviour) -> bytes:
    """A file of `COUNT` rows that misbehaves in that way; the spoilt row, where it is one, stands at index 1."""
    rows = [source.row(index) for index in range(COUNT)]
    named = misbehaviour.name
    if misbehaviour is SheetMisbehaviour.JSON_FORM:
        return json.dumps({"lines": rows}, default=str, ensure_ascii=False).encode()
    if named.startswith("CSV_") or misbehaviour is SheetMisbehaviour.HTML_AS_XLS:
        return _as_text(source, rows, misbehaviour)
    for spoil in (_spoil_rows, _spoil_times, _spoil_numbers):
        spoil(source, rows, misbehaviour)
    if misbehaviour is SheetMisbehaviour.COLUMN_OPTIONAL_MISSING:
        for row in rows:
            del row[source.left_out]
        return workbooks.xlsx([list(rows[0]), *(list(row.values()) for row in rows)])
    return _as_file(source, table(source, rows), misbehaviour)


def _spoil_rows(source: SheetSource, rows: list[dict[str, Value]], misbehaviour: SheetMisbehaviour) -> None:
    row, mark = rows[1], source.mark(1)
    match misbehaviour:
        case SheetMisbehaviour.HTML_IN_TEXT:
            row[source.text] = (
                f"<div><script>alert(1)</script>{mark}<b>没有人</b>&nbsp;&lt;二楼&gt;<br/>请核实</div>"
            )
        case SheetMisbehaviour.MEGABYTE_CONTENT:
            row[source.text] = mark + "排" * MEGABYTE
        case SheetMisbehaviour.LINES_IN_TEXT:
            row[source.text] = f'{mark}，"一次说清"；\n第二行, 还有\t制表符'
        case SheetMisbehaviour.EMPTY_AND_NULL_WORDS:
            rows[1][source.left_out], rows[2][source.left_out] = None, "null"
        case SheetMisbehaviour.MASKED_PHONES if source.phone is not None:
            row[source.phone] = "138****5678"
        case _:
            pass


def _spoil_times(source: SheetSource, rows: list[dict[str, Value]], misbehaviour: SheetMisbehaviour) -> None:
    match misbehaviour:
        case SheetMisbehaviour.SAME_AS_ABOVE:
            rows[1][source.when] = "同上"
        case SheetMisbehaviour.SAME_AS_ABOVE_OF_NOTHING:
            rows[0][source.when] = "同上"
        case SheetMisbehaviour.SERIAL_DATES | SheetMisbehaviour.SERIAL_DATES_1904:
            for index, row in enumerate(rows):
                mac = misbehaviour is SheetMisbehaviour.SERIAL_DATES_1904
                row[source.when] = workbooks.serial(source.moment(index), mac=mac)
        case SheetMisbehaviour.CHINESE_DATES:
            for index, row in enumerate(rows):
                at = source.moment(index)
                row[source.when] = f"{at.year}年{at.month}月{at.day}日 {at.hour}时{at.minute}分"
        case SheetMisbehaviour.DATE_NOT_A_DATE:
            rows[1][source.when] = "待定"
        case SheetMisbehaviour.DATE_IN_TWO_WAYS:
            rows[1][source.when] = 6.23
        case SheetMisbehaviour.ERROR_CELL:
            rows[1][source.when] = ERROR
        case SheetMisbehaviour.MERGED_CELLS:
            rows[1][source.when] = rows[2][source.when] = None
        case _:
            pass


def _spoil_numbers(
    source: SheetSource, rows: list[dict[str, Value]], misbehaviour: SheetMisbehaviour
) -> None:
    match misbehaviour:
        case SheetMisbehaviour.PHONES_AS_FLOATS if source.phone is not None:
            for index, row in enumerate(rows):
                row[source.phone] = float(PHONE + index)
        case SheetMisbehaviour.PHONE_IN_SCIENTIFIC if source.phone is not None:
            rows[1][source.phone] = "1.38E+10"
        case SheetMisbehaviour.LONG_NUMBER_AS_FLOAT:
            rows[1][source.number or source.left_out] = 411_521_202_606_230_017
        case SheetMisbehaviour.NUMBER_TWICE if source.number is not None:
            rows[1][source.number] = rows[0][source.number]
        case _:
            pass


def _as_text(source: SheetSource, rows: list[dict[str, Value]], misbehaviour: SheetMisbehaviour) -> bytes:
    given = table(source, rows)
    match misbehaviour:
        case SheetMisbehaviour.CSV_GBK:
            return workbooks.text(given, encoding="gbk")
        case SheetMisbehaviour.CSV_UTF16:
            return workbooks.text(given, delimiter="\t", encoding="utf-16")
        case SheetMisbehaviour.CSV_BYTE_ORDER_MARK:
            return workbooks.text(given, delimiter=";", encoding="utf-8-sig")
        case SheetMisbehaviour.HTML_AS_XLS:
            return workbooks.html(given, charset="gbk")
    content = workbooks.text(given).decode()
    mark = source.mark(1)
    spoiled = f"{mark},还有" if misbehaviour is SheetMisbehaviour.CSV_DELIMITER_IN_CELL else f'"{mark}'
    before, _, after = content.partition(mark)
    if misbehaviour is SheetMisbehaviour.CSV_QUOTE_OPEN:
        before = before[: before.rindex(",") + 1] if "," in before else before
    return f"{before}{spoiled}{after}".encode()


def _as_file(source: SheetSource, given: list[list[Value]], misbehaviour: SheetMisbehaviour) -> bytes:
    width, when = len(given[0]), source.header().index(source.when)
    blank: list[Value] = [None] * width
    match misbehaviour:
        case SheetMisbehaviour.TITLE_ROWS:
            return workbooks.xlsx(
                [["2026年6月台账"], blank, ["填报单位：县政务服务中心"], *given], merged=["A1:C1"]
            )
        case SheetMisbehaviour.TOTALS_ROW:
            return workbooks.xlsx([*given, ["合计", *blank[1:-1], COUNT], ["填表人：", None, "审核人："]])
        case SheetMisbehaviour.BLANK_ROWS:
            return workbooks.xlsx([*given[:3], blank, [" "] * width, *given[3:], blank, ["　"] * width])
        case SheetMisbehaviour.HEADER_AGAIN:
            return workbooks.xlsx([*given[:3], given[0], *given[3:]])
        case SheetMisbehaviour.SEVERAL_SHEETS:
            return workbooks.xlsx(given[:3], [["填表说明"], ["请勿改动表头"]], [given[0], *given[3:]])
        case SheetMisbehaviour.SHEET_RENAMED_COLUMN:
            return workbooks.xlsx(given[:3], [_renamed(source, given[0]), *given[3:]])
        case SheetMisbehaviour.SHEET_HIDDEN:
            return workbooks.xlsx(given, [given[0], list(source.row(COUNT + 1).values())], hidden=[2])
        case SheetMisbehaviour.MERGED_CELLS:
            letter = chr(65 + when)
            return workbooks.xlsx(given, merged=[f"{letter}2:{letter}4"])
        case SheetMisbehaviour.SERIAL_DATES_1904:
            return workbooks.xlsx(given, mac=True)
        case _:
            return _spoilt_bytes(misbehaviour, workbooks.xlsx(_spoilt_header(source, given, misbehaviour)))


def _spoilt_header(source: SheetSource, given: list[list[Value]], misbehaviour: SheetMisbehaviour) -> Rows:
    head = given[0]
    match misbehaviour:
        case SheetMisbehaviour.HEADER_IN_OTHER_FORM:
            forms = [" {} ", "{}（必填）", "＊{}：", "{}\n"]
            changed = [forms[place % 4].format(" ".join(str(name))) for place, name in enumerate(head)]
            return [changed, *given[1:]]
        case SheetMisbehaviour.COLUMNS_MOVED:
            return [row[::-1] for row in given]
        case SheetMisbehaviour.COLUMN_UNKNOWN:
            return [["值班长", *head], *(["甲", *row] for row in given[1:])]
        case SheetMisbehaviour.COLUMN_RENAMED:
            return [_renamed(source, head), *given[1:]]
        case SheetMisbehaviour.COLUMN_TWICE:
            return [[*head, source.text], *([*row, "再写一遍"] for row in given[1:])]
        case _:
            return given


def _renamed(source: SheetSource, head: list[Value]) -> list[Value]:
    return ["甲乙丙" if name == source.needed else name for name in head]


def _spoilt_bytes(misbehaviour: SheetMisbehaviour, content: bytes) -> bytes:
    match misbehaviour:
        case SheetMisbehaviour.CUT_SHORT:
            return content[:-60]
        case SheetMisbehaviour.EMPTY:
            return b""
        case SheetMisbehaviour.JSON_CUT_SHORT:
            return b'[{"a": 1}, {"b'
        case SheetMisbehaviour.NO_SHEET:
            return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
        case SheetMisbehaviour.DAMAGED:
            middle = content.index(b"sheet1.xml") + 40
            return (
                content[:middle]
                + bytes(byte ^ 0x5A for byte in content[middle : middle + 64])
                + content[middle + 64 :]
            )
        case SheetMisbehaviour.ZIP_BOMB:
            return workbooks.xlsx([["x"]], junk=b"\x00" * (60 * MEGABYTE))
        case SheetMisbehaviour.FAR_CELLS:
            return _with_part(content, "xl/worksheets/sheet1.xml", _FAR)
        case SheetMisbehaviour.ENTITY_BOMB:
            return _with_part(content, "xl/worksheets/sheet1.xml", _ENTITIES)
        case _:
            return content


_FAR = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
    b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
)
_ENTITIES = (
    b"<!DOCTYPE x ["
    + b"".join(
        b"<!ENTITY %c '%s'>" % (98 + level, b"&%c;" % (97 + level) * 20 if level else b"0123456789")
        for level in range(9)
    )
    + b']><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&j;</t></is>'
    b"</c></row></sheetData></worksheet>"
)


def _with_part(content: bytes, name: str, body: bytes) -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as before,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for entry in before.infolist():
            after.writestr(entry, body if entry.filename == name else before.read(entry))
    return file.getvalue()


def settings_of(folder: str, **more: Any) -> dict[str, Any]:
    """Settings under which a channel reads a folder at once."""
    return {"source": {"kind": "folder", "path": folder}, "files": {"stable_s": 0, **more}}
