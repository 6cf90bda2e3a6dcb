"""What a clerk's sheet says is read row by row, whatever stands around and between the rows."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import Code
from hub.sdk.readers.sheet import ABOUT, Column, Numbered, SheetPlan, SheetRecords, place_in
from hub.sdk.readers.sheet_open import FileProblem, SheetLimits
from hub.sdk.readers.sheet_values import Cells
from tests.support.sheets import text, xls, xlsx

COLUMNS = (
    Column("日期", ("时间",), required=True),
    Column("申请人"),
    Column("联系电话", ("电话", "手机号")),
    Column("事项名称", ("事项",), required=True),
)
PLAN = SheetPlan(COLUMNS)
HEAD = ["日期", "申请人", "联系电话", "事项名称"]


def read(content, plan=PLAN, **more):
    records = SheetRecords(content, plan, **more)
    return list(records), records.tally


def cells(record):
    found = json.loads(record.body)
    del found[ABOUT]
    return found


def rows(content, plan=PLAN):
    return [cells(record) for record in read(content, plan)[0]]


def codes(tally):
    return [(one.sheet, one.row, one.column, one.code) for one in tally.set_aside]


# --- the header --------------------------------------------------------------------------------------------------------------


def test_title_rows_stand_above_the_header():
    content = xlsx(
        [["罗山县材料预审台账"], [], ["2026年6月"], HEAD, ["6月23日", "张*", 13800001234, "不动产登记"]]
    )

    (record,), tally = read(content)

    assert cells(record) == {
        "日期": "6月23日",
        "申请人": "张*",
        "联系电话": 13800001234,
        "事项名称": "不动产登记",
    }
    assert Cells.of(record).moment("日期", COUNTY_ZONE) == dt.datetime(2026, 6, 22, 16, tzinfo=dt.UTC)
    assert (tally.rows, tally.records) == (1, 1)


@pytest.mark.parametrize(
    "named", ["联系电话", " 联 系 电\n话 ", "联系电话（手机）", "＊联系电话：", "手机号", "电话(必填)"]
)
def test_a_column_is_found_under_its_name_and_its_aliases_however_they_are_written(named):
    (row,) = rows(xlsx([["日期", named, "事项名称"], ["2026-06-23", "0376-2123456", "甲"]]))

    assert row["联系电话"] == "0376-2123456"


def test_columns_may_stand_in_any_order_and_unknown_ones_are_kept_under_their_own_names():
    (row,) = rows(xlsx([["事项", "备注", "时间"], ["甲", "加急", "2026-06-23"]]))

    assert row == {"事项名称": "甲", "备注": "加急", "日期": "2026-06-23"}


def test_a_header_of_two_rows_is_one_header():
    content = xlsx(
        [
            ["日期", "申请人信息", None, "事项名称"],
            [None, "申请人", "联系电话", None],
            ["2026-06-23", "张*", "1", "甲"],
        ],
        merged=["B1:C1", "A1:A2", "D1:D2"],
    )

    assert rows(content) == [{"日期": "2026-06-23", "申请人": "张*", "联系电话": "1", "事项名称": "甲"}]


def test_a_header_that_comes_again_on_each_printed_page_is_no_row():
    again = ["时间", None, "手机号", "事项"]

    found, tally = read(
        xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"], again, ["2026-06-24", "李*", "2", "乙"]])
    )

    assert len(found) == 2
    assert tally.passed_over == {"header_again": 1}
    assert tally.rows == tally.records + tally.passed_over.total()


def test_a_sheet_without_a_needed_column_is_refused_and_the_column_is_named():
    with pytest.raises(FileProblem) as caught:
        read(xlsx([["日期", "申请人", "联系电话", "业务"], ["2026-06-23", "张三丰", "1", "甲"]]))

    assert caught.value.code is Code.SHEET_HEADER
    assert "事项名称" in caught.value.found
    assert "张三丰" not in caught.value.found + caught.value.remedy


def test_a_column_that_stands_twice_is_refused():
    with pytest.raises(FileProblem, match="联系电话 stands twice") as caught:
        read(xlsx([["日期", "电话", "手机号", "事项名称"], ["2026-06-23", "1", "2", "甲"]]))

    assert caught.value.code is Code.SHEET_HEADER


def test_a_columns_own_name_goes_before_an_alias_beside_it():
    (row,) = rows(xlsx([["日期", "电话", "联系电话", "事项名称"], ["2026-06-23", "1", "2", "甲"]]))

    assert (row["联系电话"], row["电话"]) == ("2", "1")


# --- several sheets ----------------------------------------------------------------------------------------------------------


def test_every_sheet_with_the_header_is_read_and_the_others_are_counted():
    june, july = [HEAD, ["2026-06-23", "张*", "1", "甲"]], [HEAD, ["2026-07-01", "李*", "2", "乙"]]

    found, tally = read(xlsx(june, [["填表说明"], ["请勿改动表头"]], july))

    assert [cells(record)["事项名称"] for record in found] == ["甲", "乙"]
    assert tally.sheets_passed_over == {"no_header": 1}


def test_a_sheet_of_ours_with_a_column_renamed_is_set_aside_and_stops_no_other():
    ours, renamed = (
        [HEAD, ["2026-06-23", "张*", "1", "甲"]],
        [["日期", "申请人", "联系电话", "业务"], ["2026-07-01", "李*", "2", "乙"]],
    )

    found, tally = read(xlsx(ours, renamed))

    assert [record.problem.code for record in found if record.problem] == [Code.SHEET_HEADER]
    assert codes(tally) == [(2, 0, None, "sheet_header")]
    assert [cells(record)["事项名称"] for record in found if not record.problem] == ["甲"]


def test_only_sheets_of_the_name_that_the_settings_want_are_read():
    plan = SheetPlan(COLUMNS, sheets="2026*")
    content = xlsx(
        [HEAD, ["2025-06-23", "张*", "1", "甲"]],
        [HEAD, ["2026-06-23", "李*", "2", "乙"]],
        names=["2025年", "2026年"],
    )

    found, tally = read(content, plan)

    assert [cells(record)["事项名称"] for record in found] == ["乙"]
    assert tally.sheets_passed_over == {"other_name": 1}
    with pytest.raises(FileProblem) as caught:
        read(content, SheetPlan(COLUMNS, sheets="2027*"))
    assert caught.value.code is Code.SHEET_HEADER


def test_a_hidden_sheet_is_not_read_and_is_counted_and_a_hidden_row_is_read():
    import io

    import openpyxl

    from tests.support.sheets import saved

    workbook = openpyxl.load_workbook(
        io.BytesIO(xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"]], [HEAD, ["2026-06-24", "李*", "2", "乙"]]))
    )
    workbook.worksheets[1].sheet_state = "hidden"
    workbook.worksheets[0].row_dimensions[2].hidden = True

    found, tally = read(saved(workbook))

    assert [cells(record)["事项名称"] for record in found] == ["甲"]
    assert tally.sheets_passed_over == {"hidden": 1}


# --- between the rows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["xlsx", "xls"])
def test_a_merged_cell_holds_for_every_row_under_it_and_makes_no_row_of_its_own(kind):
    given: list[list[object]] = [
        [*HEAD],
        ["2026-06-23", "张*", "1", "甲"],
        [None, "李*", "2", "乙"],
        [None, None, None, None],
        ["2026-06-24", "王*", "3", "丙"],
    ]
    content = xlsx(given, merged=["A2:A4"]) if kind == "xlsx" else xls(given, merged=[(1, 3, 0, 0)])

    assert [row["日期"] for row in rows(content)] == ["2026-06-23", "2026-06-23", "2026-06-24"]


def test_a_cell_merged_over_two_columns_fills_no_other_column():
    (row,) = rows(xlsx([HEAD, ["2026-06-23", "张*", None, "甲"]], merged=["B2:C2"]))

    assert "联系电话" not in row


@pytest.mark.parametrize("mark", ["同上", " 同 上 ", "″", "〃", '"', "”", "同前"])
def test_as_above_is_what_stands_above(mark):
    found = rows(
        xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"], [mark, "李*", "2", mark], [mark, "王*", "3", "乙"]])
    )

    assert [row["日期"] for row in found] == ["2026-06-23"] * 3
    assert [row["事项名称"] for row in found] == ["甲", "甲", "乙"]


def test_as_above_looks_past_totals_and_empty_rows():
    found = rows(
        xlsx(
            [HEAD, ["2026-06-23", "张*", "1", "甲"], [], ["小计", None, 1, None], ["同上", "李*", "2", "乙"]]
        )
    )

    assert [row["日期"] for row in found] == ["2026-06-23", "2026-06-23"]


def test_as_above_without_anything_above_sets_the_row_aside_and_names_row_and_column():
    found, tally = read(
        xlsx(
            [
                HEAD,
                ["2026-06-23", "同上", "1", "甲"],
                ["2026-06-23", "同上", "2", "乙"],
                ["2026-06-24", "王*", "3", "丙"],
            ]
        )
    )

    assert codes(tally) == [(1, 2, "申请人", "field_invalid"), (1, 3, "申请人", "field_invalid")]
    assert "sheet 1, row 2, column '申请人'" in found[0].problem.detail
    assert found[2].problem is None


@pytest.mark.parametrize("word", ["合计", "总 计", "小计：", "本页合计", "本月小计", "累计", "合计12件"])
def test_a_totals_row_is_no_row(word):
    found, tally = read(xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"], [word, None, 12, None]]))

    assert (len(found), tally.passed_over) == (1, {"totals": 1})


def test_a_row_that_is_complete_is_a_row_whatever_its_words():
    found, tally = read(xlsx([HEAD, ["2026-06-23", "合计", "1", "小计"]]))

    assert (len(found), tally.passed_over) == (1, {})


@pytest.mark.parametrize(
    "words",
    [
        "填表人：张三丰",
        "审核人签字: ",
        "备注：本表一式两份",
        "说明:1.逐日登记",
        "单位负责人（签字）：",
        "填报日期：2026年6月30日",
    ],
)
def test_a_footer_is_no_row(words):
    found, tally = read(xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"], [words, None, None, "审核人："]]))

    assert (len(found), tally.passed_over) == (1, {"note": 1})


def test_a_row_that_is_neither_complete_nor_anything_known_is_kept_for_the_mapping_to_judge():
    found, _ = read(xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"], ["以下为补录", None, None, None]]))

    assert len(found) == 2


def test_trailing_rows_of_blanks_are_none():
    found, tally = read(xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"], [" ", "", "\n", None], [" "]]))

    assert (len(found), tally.rows) == (1, 1)


def test_an_error_cell_is_no_empty_cell():
    for content in (
        xlsx([HEAD, ["2026-06-23", "张*", "#N/A", "甲"]]),
        xls([HEAD, ["2026-06-23", "张*", "#DIV/0!", "甲"]]),
    ):
        (row,) = rows(content)
        assert row["联系电话"] == {"error": True}


def test_an_error_cell_is_found_where_the_file_leaves_the_places_of_cells_out():
    import io
    import re
    import zipfile

    content = xlsx([HEAD, ["2026-06-23", "张*", "#REF!", "甲"]])
    bare = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(bare, "w") as after:
        for entry in before.infolist():
            body = before.read(entry)
            if entry.filename.startswith("xl/worksheets/"):
                body = re.sub(rb'(<c\b[^>]*) r="[A-Z]+\d+"|(<row\b[^>]*) r="\d+"', rb"\1\2", body)
            after.writestr(entry.filename, body)

    (row,) = rows(bare.getvalue())

    assert row["联系电话"] == {"error": True}


# --- numbers of rows ---------------------------------------------------------------------------------------------------------


def test_without_a_number_a_row_is_named_by_its_file_sheet_and_place():
    content = xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"], ["2026-06-23", "张*", "1", "甲"]])

    first, second = read(content)[0]

    assert first.source_no != second.source_no
    assert [record.source_no for record in read(content)[0]] == [first.source_no, second.source_no]


def test_the_sheets_own_number_under_two_rows_of_one_file_sets_the_second_aside():
    plan = SheetPlan(COLUMNS, number=lambda row: Numbered(row.text("联系电话") or "", own=True))
    given = [
        HEAD,
        ["2026-06-23", "张*", "A1", "甲"],
        ["2026-06-24", "李*", "A1", "乙"],
        ["2026-06-23", "张*", "A1", "甲"],
    ]

    found, tally = read(xlsx(given), plan)

    assert [record.source_no for record in found] == ["A1", None, "A1"]
    assert codes(tally) == [(1, 3, None, "key_invalid")]
    assert "row 2" in found[1].problem.detail


def test_rows_of_a_kind_are_counted_so_that_none_hides_another():
    plan = SheetPlan(COLUMNS, number=lambda row: Numbered(row.text("事项名称") or "", own=False))

    found, _ = read(xlsx([HEAD, *[["2026-06-23", "张*", "1", "甲"]] * 3]), plan)

    assert [record.source_no for record in found] == ["甲", "甲-2", "甲-3"]


def test_a_row_is_the_same_record_in_tomorrows_longer_file_and_in_another_order_of_columns():
    plan = SheetPlan(COLUMNS, number=lambda row: Numbered(row.text("事项名称") or "", own=False))
    today = xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"]])
    tomorrow = xlsx(
        [["六月"], HEAD[::-1], ["乙", "2", "李*", "2026-06-24"], ["甲", "1", "张*", "2026-06-23"]]
    )

    (before,), (_, after) = read(today, plan)[0], read(tomorrow, plan)[0]

    assert (before.source_no, before.body) == (after.source_no, after.body)
    assert place_in(after.media_type) == f"sheet 1, row 4 of file {SheetRecords(tomorrow, plan).digest[:8]}"


def test_rows_that_the_plan_passes_over_are_counted_by_reason():
    plan = SheetPlan(COLUMNS, passes_over=lambda row: "passed" if row.text("事项名称") == "乙" else None)

    found, tally = read(
        xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"], ["2026-06-23", "李*", "2", "乙"]]), plan
    )

    assert (len(found), tally.passed_over) == (1, {"passed": 1})
    assert tally.rows == tally.records + tally.passed_over.total()


def test_a_row_with_a_cell_beyond_the_bound_is_set_aside_and_no_other():
    plan = SheetPlan(COLUMNS, limits=SheetLimits(cell_chars=100))

    found, tally = read(
        text([HEAD, ["2026-06-23", "张*", "1", "长" * 101], ["2026-06-23", "李*", "2", "乙"]]), plan
    )

    assert [record.problem.code if record.problem else None for record in found] == [
        Code.RECORD_TOO_LARGE,
        None,
    ]
    assert codes(tally) == [(1, 2, "事项名称", "record_too_large")]


@pytest.mark.parametrize("way", ["merged", "同上"])
def test_what_is_repeated_in_many_rows_is_bounded_in_all_and_told_by_row(way):
    plan = SheetPlan(COLUMNS, limits=SheetLimits(cell_chars=1_000, text_chars=3_000))
    below = None if way == "merged" else "同上"
    rows: list[list[Any]] = [["2026-06-23", "张*", "1", "长" * 1_000]]
    rows += [["2026-06-23", "李*", "2", below] for _ in range(5)]

    found, tally = read(xlsx([HEAD, *rows], merged=("D2:D7",) if way == "merged" else ()), plan)

    assert [record.problem is None for record in found] == [True] * 4 + [False] * 2
    assert codes(tally)[0] == (1, 6, "事项名称", "record_too_large")
    assert sum(len(record.body.decode()) for record in found) < 6_000


def test_what_the_mapping_rejects_is_told_by_row_and_handed_over_all_the_same():
    def normalize(raw):
        Cells.of(raw).moment("日期", COUNTY_ZONE)

    found, tally = read(
        xlsx([HEAD, ["待定", "张*", "1", "甲"], ["2026-06-23", "李*", "2", "乙"]]), normalize=normalize
    )

    assert [record.problem for record in found] == [None, None]
    assert codes(tally) == [(1, 2, "日期", "field_invalid")]


def test_a_fault_of_the_mapping_is_told_by_its_kind_alone():
    def normalize(raw):
        raise KeyError("张三丰")

    _, tally = read(xlsx([HEAD, ["2026-06-23", "张*", "1", "甲"]]), normalize=normalize)

    assert codes(tally) == [(1, 2, None, "normalize_failed")]
    assert "张三丰" not in str(tally.set_aside)


def test_many_rows_set_aside_are_all_counted_and_the_first_thousand_told():
    _, tally = read(text([HEAD, *[["同上", "张*", str(number), "甲"] for number in range(1_500)]]))

    assert (tally.set_aside_count, len(tally.set_aside)) == (1_500, 1_000)
