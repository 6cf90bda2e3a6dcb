"""Forms in JSON are read as the rows of a sheet."""

import json

import pytest

from hub.errors import Code
from hub.sdk.readers.sheet import Column, SheetPlan, SheetRecords
from hub.sdk.readers.sheet_json import is_form, open_form
from hub.sdk.readers.sheet_open import FileProblem, SheetLimits

PLAN = SheetPlan(
    (Column("编号", ("no",), required=True), Column("内容", ("words",)), Column("照片", ("photos",)))
)


def rows(document):
    content = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
    found = []
    for record in SheetRecords(content, PLAN):
        cells = json.loads(record.body)
        del cells["_"]
        found.append(cells)
    return found


def test_what_stands_beside_the_lines_of_a_form_holds_for_each():
    form = {"no": "A1", "检查人": "李*", "lines": [{"words": "甲"}, {"words": "乙", "no": "A2"}]}

    assert rows(form) == [
        {"编号": "A1", "检查人": "李*", "内容": "甲"},
        {"编号": "A2", "检查人": "李*", "内容": "乙"},
    ]


def test_a_form_without_lines_is_one_row_and_a_list_holds_several():
    assert rows({"no": "A1", "words": "甲", "lines": []}) == [{"编号": "A1", "内容": "甲"}]
    assert rows([{"no": "A1"}, {"words": "乙", "no": "A2"}]) == [
        {"编号": "A1"},
        {"编号": "A2", "内容": "乙"},
    ]


def test_attached_files_are_no_lines():
    form = {"no": "A1", "photos": [{"name": "1.jpg", "url": "/f/1.jpg"}, {"name": "2.jpg"}]}

    assert rows(form) == [{"编号": "A1", "照片": "/f/1.jpg；2.jpg"}]


def test_an_entry_that_is_no_form_is_a_row_that_stops_no_other():
    assert [row.get("编号") for row in rows([{"no": "A1"}, "坏", {"no": "A2"}])] == ["A1", None, "A2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_form_is_read_in_whatever_encoding_a_telephone_writes(encoding):
    assert rows(json.dumps({"no": "A1", "words": "大厅没有人"}, ensure_ascii=False).encode(encoding)) == [
        {"编号": "A1", "内容": "大厅没有人"}
    ]


@pytest.mark.parametrize(
    ("content", "code", "may_grow"),
    [
        (b'{"no": "A1", "lines": [{"words"', Code.FILE_CUT_SHORT, True),
        (b'[{"no": "A1"}, {"no"', Code.FILE_CUT_SHORT, True),
        (b'{"no": "A1", "words": nothing}', Code.FILE_UNREADABLE, True),
        (b"[]", Code.FILE_UNREADABLE, True),
        (b"[{}]", Code.FILE_UNREADABLE, True),
        (b'{"no": ' + b'[{"x": ' * 3_000, Code.FILE_CUT_SHORT, True),
    ],
    ids=["cut in a line", "cut in a list", "no JSON", "no form", "empty form", "nested too deeply"],
)
def test_a_form_that_cannot_be_read_is_no_empty_file(content, code, may_grow):
    with pytest.raises(FileProblem) as caught:
        rows(content)

    assert (caught.value.code, caught.value.may_grow) == (code, may_grow)


@pytest.mark.parametrize(("lines", "is_read"), [(10, True), (11, False)])
def test_a_long_text_beside_many_lines_is_bounded_in_all(lines, is_read):
    form = {"words": "长" * 1_000, "lines": [{"no": "1"}] * lines}
    content = json.dumps(form).encode()
    limits = SheetLimits(text_chars=10_010)

    if is_read:
        assert len(open_form(content, limits).rows) == 11
        return
    with pytest.raises(FileProblem) as caught:
        open_form(content, limits)
    assert caught.value.code is Code.FILE_TOO_LARGE


def test_a_form_beyond_the_bounds_is_refused():
    form = json.dumps({"lines": [{"a": 1}] * 11}).encode()

    with pytest.raises(FileProblem) as caught:
        open_form(form, SheetLimits(rows=10))
    assert caught.value.code is Code.FILE_TOO_LARGE
    with pytest.raises(FileProblem) as caught:
        open_form(form, SheetLimits(file_bytes=10))
    assert caught.value.code is Code.FILE_TOO_LARGE


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (b' {"a": 1}', True),
        (b"[ {", True),
        ("[2026]台账,内容".encode(), False),
        (b"a,b\n1,2", False),
        (b"", False),
    ],
)
def test_a_sheet_in_text_is_no_form(content, is_one):
    assert is_form(content) is is_one
