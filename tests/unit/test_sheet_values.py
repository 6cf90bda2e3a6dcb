"""A cell means what a clerk meant by it, or its row says which column cannot be used; no digit is ever guessed."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.sdk.channel import RawRecord
from hub.sdk.readers.sheet_values import Cells


def cells(value, **about):
    return Cells({"x": value, "_": {"number": "1", **about}})


def rejected(read):
    with pytest.raises(RecordRejected) as caught:
        read()
    assert caught.value.field == "x"
    assert caught.value.code is Code.FIELD_INVALID
    return caught.value


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        (13800001234, ("13800001234", True)),
        (13800001234.0, ("13800001234", True)),
        ("13800001234.0", ("13800001234", True)),
        ("'13800001234", ("13800001234", True)),
        ("１３８００００１２３４", ("13800001234", True)),
        ("0376-2123456 转 8", ("0376-2123456 转 8", True)),
        ("138****5678", ("138****5678", True)),
        ("1.3800001234E+10", ("13800001234", True)),
        ("1.38E+10", (None, False)),
        ("1.38e10", (None, False)),
        (4.115211990010113e17, (None, False)),
        (411521199001011234, (None, False)),
        ("411521199001011234", ("411521199001011234", True)),
        ("41152119900101123X", ("41152119900101123X", True)),
        (0.5, (None, False)),
        ("", (None, True)),
        ("null", (None, True)),
        (None, (None, True)),
    ],
)
def test_a_number_of_a_person_keeps_every_digit_or_says_that_digits_are_lost(value, identifier):
    assert tuple(cells(value).identifier("x")) == identifier


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_every_number_that_a_spreadsheet_keeps_exactly_is_read_exactly(number):
    assert cells(float(number)).identifier("x").value == str(number)


@given(st.integers(min_value=10**15, max_value=10**40))
def test_no_number_that_a_spreadsheet_cannot_keep_is_read(number):
    assert cells(float(number)).identifier("x") == (None, False)


DAY = dt.datetime(2026, 6, 23)


@pytest.mark.parametrize(
    ("value", "local"),
    [
        ("2026-06-23 10:20:05", DAY.replace(hour=10, minute=20, second=5)),
        ("2026-06-23T10:20:00", DAY.replace(hour=10, minute=20)),
        ("2026/6/23 10:20", DAY.replace(hour=10, minute=20)),
        ("2026.6.23", DAY),
        ("2026/6/2 10:20:05", dt.datetime(2026, 6, 2, 10, 20, 5)),
        ("2026/6/2  0:20", dt.datetime(2026, 6, 2, 0, 20)),
        ("2026年6月2日 10时", dt.datetime(2026, 6, 2, 10)),
        ("20260602 1020", dt.datetime(2026, 6, 2, 10, 20)),
        ("2026年6月23日", DAY),
        ("2026 年 6 月 23 日 上午 10 时 20 分", DAY.replace(hour=10, minute=20)),
        ("2026年6月23日下午3点", DAY.replace(hour=15)),
        ("2026-6-23 星期二 3:05 PM", DAY.replace(hour=15, minute=5)),
        ("２０２６－０６－２３", DAY),
        ("20260623", DAY),
        (20260623, DAY),
        ("20260623102000", DAY.replace(hour=10, minute=20)),
        ("202606231020", DAY.replace(hour=10, minute=20)),
        (46196, DAY),
        (46196.5, DAY.replace(hour=12)),
        ("46196", DAY),
    ],
)
def test_a_time_is_read_in_every_form_that_clerks_use(value, local):
    assert cells(value).moment("x", COUNTY_ZONE) == local.replace(tzinfo=COUNTY_ZONE)


@given(
    st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2099, 12, 31)).map(
        lambda one: one.replace(microsecond=0)
    ),
    st.sampled_from(
        [
            "{0.year}/{0.month}/{0.day} {0.hour}:{0.minute:02}:{0.second:02}",
            "{0.year}-{0.month}-{0.day} {0.hour}:{0.minute:02}:{0.second:02}",
            "{0.year}.{0.month}.{0.day}  {0.hour}:{0.minute}:{0.second}",
            "{0.year}年{0.month}月{0.day}日{0.hour}时{0.minute}分{0.second}秒",
            "{0.year} 年 {0.month} 月 {0.day} 日 {0.hour}:{0.minute:02}:{0.second:02}",
            "{0.year}{0.month:02}{0.day:02}{0.hour:02}{0.minute:02}{0.second:02}",
        ]
    ),
)
def test_whatever_the_digits_are_a_time_is_read_as_it_was_written(moment, form):
    assert cells(form.format(moment)).moment("x", COUNTY_ZONE) == moment.replace(tzinfo=COUNTY_ZONE)


@pytest.mark.parametrize(
    "value", ["2026-06-23 02:20:05+00:00", "2026-06-23T10:20:05+08:00", "2026-06-23T02:20:05Z"]
)
def test_a_time_that_bears_a_zone_keeps_it(value):
    assert cells(value).moment("x", COUNTY_ZONE) == dt.datetime(2026, 6, 23, 2, 20, 5, tzinfo=dt.UTC)


def test_days_are_counted_from_1904_where_the_workbook_does():
    assert cells(44734, epoch=1904).moment("x", COUNTY_ZONE) == DAY.replace(tzinfo=COUNTY_ZONE)


def test_a_day_without_a_year_takes_the_year_of_the_sheets_title_or_is_set_aside():
    assert cells("6月23日", year=2026).moment("x", COUNTY_ZONE) == DAY.replace(tzinfo=COUNTY_ZONE)
    assert "year" in rejected(lambda: cells("6月23日").moment("x", COUNTY_ZONE)).message


@pytest.mark.parametrize(
    "value",
    ["待定", "6.23", 6.23, 623, "26.6.23", "2026-13-01", "2026-02-30", "2026-06-23 25:00", "6月23日-25日", "2026-06", "1026-06-23", True, 99999999, "2026-06-23 左右", ["2026"]],
)  # fmt: skip
def test_what_may_be_meant_in_two_ways_is_no_time(value):
    told = rejected(lambda: cells(value, year=2026).moment("x", COUNTY_ZONE)).message
    assert "左右" not in told
    assert "待定" not in told


@given(
    st.one_of(
        st.text(max_size=40),
        st.floats(),
        st.integers(),
        st.booleans(),
        st.none(),
        st.lists(st.text(max_size=3), max_size=2),
    )
)
def test_whatever_a_cell_holds_reading_it_gives_a_value_or_sets_the_row_aside(value):
    for read in (
        cells(value).text,
        cells(value).identifier,
        cells(value).count,
        lambda name: cells(value, year=2026).moment(name, COUNTY_ZONE),
    ):
        assert code_of(lambda read=read: read("x")) in (None, Code.FIELD_INVALID)


def code_of(read):
    try:
        read()
    except RecordRejected as exc:
        return exc.code


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (2, 2),
        (2.0, 2),
        ("2", 2),
        ("2次", 2),
        ("第二次", 2),
        ("两次", 2),
        ("３ 次", 3),
        ("十", 10),
        ("十二次", 12),
        ("二十", 20),
        ("0", 0),
        ("", None),
    ],
)
def test_a_count_is_read_in_figures_and_in_words(value, count):
    assert cells(value).count("x") == count


@pytest.mark.parametrize("value", ["多次", "-1", "1.5", "2、3次", "1e3", "很多"])
def test_what_is_no_whole_number_is_no_count(value):
    rejected(lambda: cells(value).count("x"))


def test_an_error_cell_is_never_read_as_empty():
    for read in ("text", "identifier", "count"):
        rejected(lambda read=read: getattr(cells({"error": True}), read)("x"))
    rejected(lambda: cells({"error": True}).moment("x", COUNTY_ZONE))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'"x"'])
def test_bytes_that_are_no_row_are_set_aside(body):
    with pytest.raises(RecordRejected) as caught:
        Cells.of(RawRecord("1", body))
    assert caught.value.code is Code.RECORD_UNREADABLE


@pytest.mark.parametrize("about", [None, [], {}, {"number": ""}, {"number": 1}, {"number": "1" * 200}])
def test_a_row_without_a_number_is_set_aside(about):
    with pytest.raises(RecordRejected) as caught:
        Cells.of(RawRecord("1", json.dumps({"_": about}).encode()))
    assert caught.value.code is Code.KEY_MISSING
