"""Whatever program saved a sheet, the same rows come of it; what cannot be read ends with a code, within bounds of time and memory."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import resource
import struct
import subprocess
import time
import zipfile
import zlib
from typing import Any

import openpyxl
import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import Code
from hub.sdk.readers.sheet import ABOUT, Column, SheetPlan, SheetRecords
from hub.sdk.readers.sheet_open import FileProblem, SheetLimits, kind_of, open_sheets
from hub.sdk.readers.sheet_values import Cells
from tests.support.sheets import saved, text, xls, xlsx

HEAD = ["日期", "申请人", "联系电话", "事项名称"]
ROWS = [
    HEAD,
    ["2026-06-23", "张*", "0376-2123456", "不动产，登记"],
    ["2026-06-24", "李*", "138****5678", "第一行\n第二行"],
]
PLAN = SheetPlan(
    (Column("日期", (), True), Column("申请人"), Column("联系电话"), Column("事项名称", (), True))
)
HTML = """<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head><meta charset="{charset}"><style>td{{mso-number-format:"\\@"}}</style></head>
<body><table border=1><tr><td colspan=4>台账</td></tr><tr><th>日期</th><th>申请人</th><th>联系电话</th><th>事项名称</th></tr>
<tr><td rowspan=2>2026-06-23</td><td>张*</td><td>0376-2123456</td><td>不动产，登记</td></tr>
<tr><td>李*</td><td>138****5678</td><td>第一行<br/>第二行</td></tr></table></body></html>"""
XML = """<?xml version="1.0" encoding="UTF-8"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">{more}
<Worksheet ss:Name="6月"><Table><Row ss:Index="2"><Cell><Data ss:Type="String">日期</Data></Cell><Cell><Data ss:Type="String">申请人</Data></Cell>
<Cell><Data ss:Type="String">联系电话</Data></Cell><Cell><Data ss:Type="String">事项名称</Data></Cell></Row>
<Row><Cell ss:MergeDown="1"><Data ss:Type="DateTime">2026-06-23T00:00:00.000</Data></Cell><Cell ss:Index="3"><Data ss:Type="Number">13800001234</Data></Cell>
<Cell><Data ss:Type="String">甲</Data></Cell></Row>
<Row><Cell ss:Index="2"><Data ss:Type="Error">#N/A</Data></Cell><Cell ss:Index="4"><Data ss:Type="String">乙</Data></Cell></Row></Table></Worksheet></Workbook>"""


def rows(content, plan=PLAN):
    found = []
    for record in SheetRecords(content, plan):
        cells = json.loads(record.body)
        del cells[ABOUT]
        found.append(cells)
    return found


def refused(content, plan=PLAN):
    with pytest.raises(FileProblem) as caught:
        list(SheetRecords(content, plan))
    return caught.value


def outcome(content, plan=PLAN):
    """The rows, or the code with which the file is refused."""
    try:
        return rows(content, plan)
    except FileProblem as exc:
        return exc.code


EXPECTED = [dict(zip(HEAD, row, strict=True)) for row in ROWS[1:]]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: xlsx(ROWS), id="xlsx"),
        pytest.param(lambda: xls(ROWS), id="xls"),
        *(
            pytest.param(
                lambda d=delimiter, e=encoding: text(ROWS, delimiter=d, encoding=e),
                id=f"{encoding} {delimiter!r}",
            )
            for delimiter in (",", "\t", ";", "|")
            for encoding in ("utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16")
        ),
    ],
)
def test_the_same_rows_come_of_every_kind_of_file(content):
    assert rows(content()) == EXPECTED


def test_the_same_rows_come_of_a_workbook_that_calls_itself_csv_and_a_csv_that_calls_itself_xls():
    assert {kind_of(xlsx(ROWS)), kind_of(xls(ROWS)), kind_of(text(ROWS))} == {"zip", "compound", "text"}


def test_excels_own_hint_of_the_delimiter_is_followed_and_is_no_row():
    assert rows(b"sep=;\r\n" + text(ROWS, delimiter=";")) == EXPECTED


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_an_html_table_that_was_saved_as_xls_is_read(charset):
    found = rows(HTML.format(charset=charset).encode(charset))

    assert [row["日期"] for row in found] == ["2026-06-23", "2026-06-23"]
    assert [row["事项名称"] for row in found] == ["不动产，登记", "第一行\n第二行"]


def test_an_xml_spreadsheet_2003_is_read_with_its_gaps_merged_cells_times_and_errors():
    first, second = rows(XML.format(more="").encode())

    assert first == {"日期": "2026-06-23", "联系电话": 13800001234, "事项名称": "甲"}
    assert second == {"日期": "2026-06-23", "申请人": {"error": True}, "事项名称": "乙"}


def test_an_ods_is_read():
    body = "".join(
        "<table:table-row>"
        + "".join(
            f"<table:table-cell office:value-type='string'><text:p>{cell}</text:p></table:table-cell>"
            for cell in row
        )
        + "</table:table-row>"
        for row in ([*HEAD], ["2026-06-23", "张*", "1", "甲"])
    )
    names = "".join(
        f" xmlns:{one}='urn:oasis:names:tc:opendocument:xmlns:{one}:1.0'"
        for one in ("office", "table", "text")
    )
    document = f"<office:document-content{names}><office:body><office:spreadsheet><table:table table:name='6月'>{body}</table:table></office:spreadsheet></office:body></office:document-content>"
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = "<m:manifest xmlns:m='urn:oasis:names:tc:opendocument:xmlns:manifest:1.0'/>"
    content = packed(
        {
            "mimetype": kind.encode(),
            "content.xml": document.encode(),
            "META-INF/manifest.xml": manifest.encode(),
        }
    )

    assert rows(content) == [{"日期": "2026-06-23", "申请人": "张*", "联系电话": "1", "事项名称": "甲"}]


def packed(entries, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, body in entries.items():
            archive.writestr(name, body)
    return file.getvalue()


# --- times -------------------------------------------------------------------------------------------------------------------

DATED = dt.datetime(2026, 6, 23, 10, 20)
SERIAL = {1900: 46196 + (10 * 60 + 20) / 1440, 1904: 44734 + (10 * 60 + 20) / 1440}


@pytest.mark.parametrize("make", [xlsx, xls], ids=["xlsx", "xls"])
@pytest.mark.parametrize("mac", [False, True], ids=["1900", "1904"])
def test_a_date_cell_and_a_bare_serial_number_are_the_same_moment_in_both_systems_of_days(make, mac):
    content = make([HEAD, [DATED, "a", 1, "甲"], [SERIAL[1904 if mac else 1900], "b", 2, "乙"]], mac=mac)

    moments = [Cells.of(record).moment("日期", COUNTY_ZONE) for record in SheetRecords(content, PLAN)]

    assert moments == [dt.datetime(2026, 6, 23, 2, 20, tzinfo=dt.UTC)] * 2


# --- refused whole -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", Code.FILE_UNREADABLE),
        (b"\x00" * 100, Code.FILE_UNREADABLE),
        (b"%PDF-1.7 ...", Code.FILE_UNREADABLE),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, Code.FILE_UNREADABLE),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related", Code.FILE_UNREADABLE),
        (b"<html><body>no table</body></html>", Code.FILE_UNREADABLE),
        (b"\x01\x02\x00\x03" * 50, Code.FILE_UNREADABLE),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 2_000, Code.FILE_UNREADABLE),
        (packed({"word/document.xml": b"<x/>"}), Code.FILE_UNREADABLE),
        (packed({"xl/workbook.xml": b"<x/>"}), Code.FILE_UNREADABLE),
        ("系统繁忙".encode(), Code.SHEET_HEADER),
        ("日期,事项名称\n".encode() + b"2026-06-23,\xff\xff\xff\xff\xff\xff\n", Code.PAGE_ENCODING),
    ],
    # Not by its bytes: an archive bears the time at which it was made.
    ids=[
        "nothing",
        "zeros",
        "pdf",
        "png",
        "mhtml",
        "html without a table",
        "binary",
        "empty ole",
        "docx",
        "half a workbook",
        "an apology",
        "cut characters",
    ],
)
def test_what_is_no_sheet_is_refused_with_a_code(content, code):
    problem = refused(content)

    assert problem.code is code
    assert problem.remedy


def test_an_upload_that_is_cut_anywhere_is_refused_or_read_right_and_never_read_in_part():
    for whole in (xlsx(ROWS), xls(ROWS)):
        for end in range(8, len(whole), max(1, len(whole) // 25)):
            assert outcome(whole[:end]) in (
                EXPECTED,
                Code.FILE_CUT_SHORT,
                Code.FILE_UNREADABLE,
                Code.SHEET_HEADER,
            ), end


def test_an_archive_without_its_end_may_still_be_on_its_way():
    problem = refused(xlsx(ROWS)[:-100])

    assert (problem.code, problem.may_grow) == (Code.FILE_CUT_SHORT, True)


@pytest.mark.parametrize("cell", ['"不动产', '"不动产"登记'])
def test_a_quotation_mark_that_does_not_close_refuses_the_file_instead_of_swallowing_rows(cell):
    content = f"日期,申请人,联系电话,事项名称\n2026-06-23,张*,1,{cell}\n2026-06-24,李*,2,乙\n".encode()

    problem = refused(content)

    assert problem.code is Code.FILE_UNREADABLE
    assert "row 2" in problem.found


def test_a_delimiter_within_a_cell_sets_its_row_aside_and_no_other():
    content = "日期,申请人,联系电话,事项名称\n2026-06-23,张*,1,不动产,登记\n2026-06-24,李*,2,乙\n".encode()

    problems = [record.problem.code if record.problem else None for record in SheetRecords(content, PLAN)]

    assert problems == [Code.FIELD_INVALID, None]


# --- bombs -------------------------------------------------------------------------------------------------------------------

SMALL = SheetLimits(expanded_bytes=20 * 2**20, memory_bytes=1024 * 2**20, cpu_s=10, wall_s=30.0)
BOUNDED = SheetPlan(PLAN.columns, limits=SMALL)


def bounded(content):
    """The code with which it is refused; within 10 seconds and 200 MiB of this process."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    problem = refused(content, BOUNDED)
    assert time.monotonic() - started < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
    return problem.code


def spoilt(entry, body):
    """A workbook with one of its parts replaced."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(xlsx(ROWS))) as before,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for one in before.infolist():
            after.writestr(one.filename, body if one.filename == entry else before.read(one))
    return file.getvalue()


def test_a_zip_that_inflates_beyond_the_bound_is_refused():
    assert bounded(spoilt("docProps/app.xml", b"\x00" * (50 * 2**20))) is Code.FILE_TOO_LARGE


def test_a_zip_that_lies_about_its_sizes_is_refused():
    content = bytearray(spoilt("docProps/app.xml", b"\x00" * (50 * 2**20)))
    for signature, at in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        start = 0
        while (start := content.find(signature, start)) >= 0:
            if struct.unpack_from("<I", content, start + at)[0] > 2**20:
                struct.pack_into("<I", content, start + at, 100)
            start += 4

    assert bounded(bytes(content)) in (Code.FILE_TOO_LARGE, Code.FILE_UNREADABLE)


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_packed_in_a_way_that_cannot_be_opened_piece_by_piece_is_refused_unopened(packing):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive, archive.open("xl/workbook.xml", "w") as entry:
        for _ in range(16):
            entry.write(b"\x00" * 2**20)

    assert bounded(file.getvalue()) is Code.FILE_UNREADABLE
    assert "packed in another way" in refused(file.getvalue()).found


def naming_one_text(text, times):
    """A workbook that keeps a text once and names it in so many rows, as every program does."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    named = [[1, 2, 3, 4], *([[0] * 4] * times)]
    cells = ["".join(f'<c t="s"><v>{place}</v></c>' for place in row) for row in named]
    lines = "".join(f"<row>{row}</row>" for row in cells)
    texts = "".join(f"<si><t>{one}</t></si>" for one in [text, *HEAD])
    link = (
        f'<Relationship Id="rIdS" Type="{links}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    )
    with zipfile.ZipFile(io.BytesIO(xlsx(ROWS))) as before:
        entries = {one.filename: before.read(one) for one in before.infolist()}
    entries["xl/worksheets/sheet1.xml"] = (
        f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>'.encode()
    )
    entries["xl/sharedStrings.xml"] = f'<sst xmlns="{main}">{texts}</sst>'.encode()
    known = entries["xl/_rels/workbook.xml.rels"]
    entries["xl/_rels/workbook.xml.rels"] = known.replace(b"</Relationships>", link.encode())
    return packed(entries)


@pytest.mark.parametrize(("times", "read"), [(8, True), (9, False)])
def test_the_text_of_all_cells_together_is_bounded_however_small_the_file(times, read):
    plan = SheetPlan(PLAN.columns, limits=SheetLimits(text_chars=4 * 8 * 1_000 + 20, cell_chars=1_000))
    content = naming_one_text("长" * 1_000, times)

    assert outcome(content, plan) == (
        [dict.fromkeys(HEAD, "长" * 1_000)] * 8 if read else Code.FILE_TOO_LARGE
    )


def test_a_cell_beyond_the_bound_is_set_aside_and_costs_no_more_than_the_bound():
    plan = SheetPlan(PLAN.columns, limits=SheetLimits(text_chars=10_000, cell_chars=1_000))
    content = naming_one_text("长" * 900_000, 2)

    problems = [record.problem.code if record.problem else None for record in SheetRecords(content, plan)]

    assert problems == [Code.RECORD_TOO_LARGE] * 2


def test_a_zip_of_very_many_entries_is_refused():
    content = packed({"xl/workbook.xml": b"<x/>", **{f"{number}": b"" for number in range(6_000)}})

    assert bounded(content) is Code.FILE_TOO_LARGE


def test_two_cells_at_opposite_ends_of_a_sheet_are_refused():
    workbook = openpyxl.Workbook()
    for place in ("A1", "XFD1048576"):
        workbook.worksheets[0][place] = "x"

    assert bounded(saved(workbook)) is Code.FILE_TOO_LARGE


def test_repeated_rows_of_an_ods_are_refused():
    names = "".join(
        f" xmlns:{one}='urn:oasis:names:tc:opendocument:xmlns:{one}:1.0'"
        for one in ("office", "table", "text")
    )
    cell = "<table:table-cell table:number-columns-repeated='16000' office:value-type='string'><text:p>x</text:p></table:table-cell>"
    row = f"<table:table-row table:number-rows-repeated='1000000'>{cell}</table:table-row>"
    document = f"<office:document-content{names}><office:body><office:spreadsheet><table:table table:name='x'>{row}</table:table></office:spreadsheet></office:body></office:document-content>"

    manifest = b"<m:manifest xmlns:m='urn:oasis:names:tc:opendocument:xmlns:manifest:1.0'/>"
    kind = b"application/vnd.oasis.opendocument.spreadsheet"
    content = packed({"mimetype": kind, "content.xml": document.encode(), "META-INF/manifest.xml": manifest})

    assert bounded(content) in (Code.FILE_TOO_LARGE, Code.FILE_UNREADABLE)


ENTITIES = b"<!DOCTYPE x [<!ENTITY a '0123456789'>" + b"".join(
    b"<!ENTITY %c '%s'>" % (ord("b") + level, b"&%c;" % (ord("a") + level) * 20) for level in range(8)
)


def test_entities_in_a_workbook_are_never_expanded():
    bomb = (
        b"<?xml version='1.0'?>"
        + ENTITIES
        + b"]><sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>&h;</t></si></sst>"
    )
    book = b"<?xml version='1.0'?>" + ENTITIES + b"]><workbook>&h;</workbook>"
    for content in (
        spoilt("xl/sharedStrings.xml", bomb),
        spoilt("xl/workbook.xml", book),
        spoilt("xl/worksheets/sheet1.xml", bomb),
    ):
        started = time.monotonic()
        assert outcome(content) in (EXPECTED, Code.FILE_UNREADABLE, Code.SHEET_HEADER, Code.FILE_TOO_LARGE)
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_doctype_in_an_xml_spreadsheet_is_refused(encoding):
    page = XML.format(more="<x>&h;</x>").replace("<?mso", ENTITIES.decode() + "]><?mso", 1)
    content = page.replace('encoding="UTF-8"', "").encode(encoding)

    assert bounded(content) is Code.FILE_UNREADABLE
    assert "DOCTYPE" in refused(content, BOUNDED).found


def test_an_external_entity_reads_no_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("openly told", "utf-8")
    content = spoilt(
        "xl/workbook.xml",
        f"<!DOCTYPE x [<!ENTITY e SYSTEM 'file://{secret}'>]><workbook>&e;</workbook>".encode(),
    )

    assert "openly told" not in refused(content).found


def test_html_nested_beyond_every_bound_is_refused_or_read_right():
    deep = "<div>" * 50_000
    content = HTML.format(charset="utf-8").replace("<body>", f"<body>{deep}").encode()

    found = outcome(content, BOUNDED)

    assert found in (Code.FILE_UNREADABLE, Code.FILE_TOO_LARGE, Code.SHEET_HEADER) or len(found) == 2


def test_spans_beyond_every_sheet_are_refused():
    wide = HTML.format(charset="utf-8").replace("rowspan=2", "rowspan=99999 colspan=99999")
    far = XML.format(more="").replace('ss:Index="2"', 'ss:Index="1999999"')

    for content in (wide, far):
        assert bounded(content.encode()) in (Code.FILE_TOO_LARGE, Code.SHEET_HEADER)


def test_a_file_of_more_rows_columns_or_cells_than_the_bound_is_refused():
    for limits, content in (
        (SheetLimits(rows=100), xlsx([HEAD, *[["2026-06-23", "张*", "1", "甲"]] * 101])),
        (SheetLimits(rows=100), text([HEAD, *[["2026-06-23", "张*", "1", "甲"]] * 101])),
        (SheetLimits(columns=3), xlsx(ROWS)),
        (SheetLimits(columns=3), text(ROWS)),
        (SheetLimits(cells=5), xlsx(ROWS)),
        (SheetLimits(cells=5), text(ROWS)),
        (SheetLimits(file_bytes=20), xlsx(ROWS)),
        (SheetLimits(file_bytes=20), text(ROWS)),
    ):
        assert refused(content, SheetPlan(PLAN.columns, limits=limits)).code is Code.FILE_TOO_LARGE


def test_a_file_that_takes_too_long_is_refused():
    limits = SheetLimits(wall_s=0.001)

    assert refused(
        xlsx([HEAD, *[["2026-06-23", "张*", str(number), "甲"] for number in range(3_000)]]),
        SheetPlan(PLAN.columns, limits=limits),
    ).code is (Code.FILE_TOO_LARGE)


UNREADABLE = (Code.FILE_UNREADABLE, Code.FILE_TOO_LARGE, Code.SHEET_HEADER, Code.PAGE_ENCODING)


def test_random_damage_in_a_workbook_is_refused_or_read_and_never_hurts_this_process():
    whole = xls(ROWS)
    for number in range(40):
        spoiled = bytearray(whole)
        seed = zlib.crc32(number.to_bytes(2, "big"))
        for step in range(8):
            spoiled[(seed * (step + 1)) % len(whole)] ^= 1 + seed % 255
        found = outcome(bytes(spoiled))
        assert isinstance(found, list) or found in UNREADABLE, number


def test_the_process_that_opens_a_file_sees_nothing_of_the_hubs_environment(monkeypatch):
    monkeypatch.setenv("HUB_SECRET_X", "must not be seen")
    seen: list[dict[str, str]] = []
    real: Any = subprocess.Popen

    def watched(*args, env, **more):
        seen.append(env)
        return real(*args, env=env, **more)

    monkeypatch.setattr(subprocess, "Popen", watched)

    list(open_sheets(xlsx(ROWS)))

    assert "HUB_SECRET_X" in os.environ
    assert [set(env) <= {"PATH", "LD_LIBRARY_PATH", "TMPDIR"} for env in seen] == [True]
