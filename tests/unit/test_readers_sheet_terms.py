"""The term that a cell of a sheet sets."""

from datetime import UTC, datetime

import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.sdk.readers.sheet_terms import IN_WORDS, PROVISIONAL, RECKONED, term_in
from hub.sdk.readers.sheet_values import Cells

FRIDAY = datetime(2026, 6, 26, 2, 0, tzinfo=UTC)


def term(cell, since=FRIDAY):
    return term_in(Cells({"整改时限": cell}), "整改时限", since, COUNTY_ZONE)


def local(*parts):
    return datetime(*parts).replace(tzinfo=COUNTY_ZONE).astimezone(UTC)


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        ("3个工作日", local(2026, 7, 1, 17, 30)),
        ("三个工作日内", local(2026, 7, 1, 17, 30)),
        ("5 工作日", local(2026, 7, 3, 17, 30)),
        ("3天", local(2026, 6, 29, 17, 30)),
        ("一周内完成", local(2026, 7, 3, 17, 30)),
        ("十五日", local(2026, 7, 11, 17, 30)),
        ("24小时", local(2026, 6, 27, 10, 0)),
    ],
)
def test_a_length_begins_with_the_day_after_and_working_days_leave_out_the_weekend(cell, at):
    assert term(cell) == (at, False, (RECKONED,))


@pytest.mark.parametrize("cell", ["立行立改", "立即整改", "当场", "当日完成"])
def test_at_once_is_the_same_day_and_says_so(cell):
    assert term(cell) == (local(2026, 6, 26, 17, 30), True, (RECKONED,))


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        ("2026-06-30", local(2026, 6, 30, 23, 59, 59)),
        ("2026年6月30日前", local(2026, 6, 30, 23, 59, 59)),
        ("6月30日前整改到位", local(2026, 6, 30, 23, 59, 59)),
        ("1月15日前", local(2027, 1, 15, 23, 59, 59)),
        ("2026-06-30 12:00", local(2026, 6, 30, 12, 0)),
        (46203, local(2026, 6, 30, 23, 59, 59)),
    ],
)
def test_a_day_ends_with_the_day_and_without_a_year_is_the_next_such_day(cell, at):
    assert term(cell).at == at


def test_words_without_an_end_set_no_term_and_are_flagged():
    assert term("尽快") == (None, False, (IN_WORDS,))
    assert term("") == (None, False, ())


def test_working_days_in_a_year_whose_holidays_nobody_knows_are_provisional():
    assert PROVISIONAL in term("5个工作日", datetime(2026, 12, 31, 2, 0, tzinfo=UTC)).quality


@pytest.mark.parametrize("cell", ["13月45日", "第2阶段", 6.3])
def test_digits_that_are_no_term_set_the_row_aside(cell):
    with pytest.raises(RecordRejected) as caught:
        term(cell)
    assert (caught.value.code, caught.value.field) == (Code.FIELD_INVALID, "整改时限")
