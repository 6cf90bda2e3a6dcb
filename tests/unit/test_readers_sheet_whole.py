"""Rows that are lines of one whole: a record for the whole, one for each line that says something, and no line lost."""

import json
from dataclasses import replace
from itertools import permutations

import pytest

from hub.errors import Code, RecordRejected
from hub.sdk import RawRecord
from hub.sdk.readers.sheet import Column, Numbered, SheetPlan, SheetRecords
from hub.sdk.readers.sheet_whole import Gathering, Part, lines_of
from hub.testing.workbooks import text

HEAD = ["轮次", "行号", "问题", "备注"]


def part(cells):
    if cells.text("轮次") is None:
        raise RecordRejected("column '轮次': empty", code=Code.FIELD_MISSING, field="轮次")
    return Part(f"R{cells.text('轮次')}", alone=cells.text("问题") is not None)


GATHERING = Gathering(part, frozenset(("轮次", "备注")))
PLAN = SheetPlan(
    tuple(Column(name, required=name == "轮次") for name in HEAD),
    number=lambda cells: Numbered(cells.text("行号") or "", own=True),
    gathering=GATHERING,
)


def read(*rows, plan=PLAN, normalize=None):
    records = SheetRecords(text([HEAD, *rows]), plan, normalize)
    return list(records), records.tally


def lines_in(record):
    lines = lines_of(record)
    assert lines is not None
    return lines


def test_a_line_that_says_something_is_a_record_and_a_whole_comes_after_the_rows():
    records, tally = read(["1", "a", "坏了", "x"], ["1", "b", "", "y"], ["2", "c", "", ""])

    assert [record.source_no for record in records] == ["a", "R1", "R2"]
    assert (tally.rows, tally.records, tally.wholes, tally.gathered) == (3, 3, 2, 2)


def test_the_whole_keeps_all_of_a_quiet_line_and_of_another_what_the_plan_names():
    records, _ = read(["1", "a", "坏了", "x"], ["1", "b", "", "y"])
    lines = lines_in(records[-1])

    told = {
        (line.alone, line.cells.text("行号"), line.cells.text("问题"), line.cells.text("备注"))
        for line in lines
    }
    assert told == {(True, None, None, "x"), (False, "b", None, "y")}


def test_a_row_that_cannot_be_used_stops_neither_its_whole_nor_any_other():
    records, tally = read(["1", "a", "坏了", ""], ["", "b", "坏了", ""], ["1", "c", "", ""])

    assert [(record.source_no, record.problem and record.problem.code) for record in records] == [
        ("a", None),
        (None, Code.FIELD_MISSING),
        ("R1", None),
    ]
    assert len(lines_in(records[-1])) == 2
    assert (tally.rows + tally.wholes, tally.records + tally.gathered) == (4, 4)


def test_the_same_lines_in_another_order_are_the_same_record():
    rows = [["1", "a", "坏了", "x"], ["1", "b", "", "y"], ["1", "c", "", "z"]]

    assert len({read(*order)[0][-1].body for order in permutations(rows)}) == 1


def test_an_excerpt_is_older_than_the_sheet_from_which_it_was_taken():
    rows = [["1", "a", "坏了", "x"], ["1", "b", "", "y"]]
    whole, excerpt = read(*rows)[0][-1], read(rows[0])[0][-1]

    assert excerpt.source_no == whole.source_no
    assert (excerpt.version or "") < (whole.version or "")


def test_what_is_amended_in_a_line_of_its_own_does_not_change_the_whole():
    before, after = read(["1", "a", "坏了", "x"])[0], read(["1", "a", "已经修好", "x"])[0]

    assert before[0].body != after[0].body
    assert before[1].body == after[1].body


def test_a_whole_under_a_rows_number_is_set_aside_and_hides_nothing():
    records, tally = read(["1", "R1", "坏了", ""])

    assert [record.source_no for record in records] == ["R1", None]
    assert records[1].problem.code is Code.KEY_INVALID
    assert tally.set_aside_count == 1


def test_lines_beyond_the_bound_are_set_aside():
    plan = replace(PLAN, gathering=replace(GATHERING, most_lines=2))
    records, tally = read(*(["1", str(number), "", ""] for number in range(4)), plan=plan)

    assert len(lines_in(records[-1])) == 2
    assert [one.code for one in tally.set_aside] == [Code.RECORD_TOO_LARGE] * 2


def test_a_whole_that_cannot_be_used_is_told_by_its_first_row():
    def refuses(raw):
        if lines_of(raw) is not None:
            raise RecordRejected("no", code=Code.VALUE_UNMAPPED, field="轮次")

    _, tally = read(["1", "a", "坏了", ""], ["1", "b", "", ""], normalize=refuses)

    assert [(one.row, one.column, one.code) for one in tally.set_aside] == [(2, "轮次", "value_unmapped")]


def test_a_record_of_a_row_has_no_lines():
    assert lines_of(RawRecord("a", b'{"_": {"number": "a"}}')) is None
    assert lines_of(RawRecord("a", b"{")) is None


@pytest.mark.parametrize("lines", ["x", [], [1], {"a": 1}, None])
def test_lines_that_are_no_rows_set_the_record_aside(lines):
    with pytest.raises(RecordRejected) as caught:
        lines_of(RawRecord("a", json.dumps({"lines": lines}).encode()))
    assert caught.value.code is Code.RECORD_UNREADABLE
