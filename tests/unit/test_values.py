"""Times as sources write them: read as they were written, or told as none; never taken for another."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.errors import Code, RecordRejected
from hub.sdk.values import time_in, version_of_time


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2023-06-29 10:21:33", datetime(2023, 6, 29, 2, 21, 33, tzinfo=UTC)),
        ("20230629102133", datetime(2023, 6, 29, 2, 21, 33, tzinfo=UTC)),
        ("202306291021", datetime(2023, 6, 29, 2, 21, tzinfo=UTC)),
        ("20230629", datetime(2023, 6, 28, 16, 0, tzinfo=UTC)),
        ("2023/6/29 1:02", datetime(2023, 6, 28, 17, 2, tzinfo=UTC)),
        ("20230629T102133", datetime(2023, 6, 29, 2, 21, 33, tzinfo=UTC)),
        ("2023-06-29T02:21:33Z", datetime(2023, 6, 29, 2, 21, 33, tzinfo=UTC)),
        # The county's clocks were an hour ahead in the summers of 1986 to 1991.
        ("1988-07-01 09:00:00", datetime(1988, 7, 1, 0, 0, tzinfo=UTC)),
        ("2024-02-29 00:00:00", datetime(2024, 2, 28, 16, 0, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_it_was_written_in_the_countys_zone(text: str, at: datetime) -> None:
    assert time_in(text, field="tjsj") == at


@pytest.mark.parametrize(
    "text",
    ["1711010101000", "13801231101", "1687947693", "2023062910", "2023-02-29 00:00:00", "２０２３０６２９"],
    ids=["milliseconds", "telephone", "seconds", "half a time", "no such day", "full-width"],
)
def test_digits_that_are_no_time_are_never_taken_for_one(text: str) -> None:
    with pytest.raises(RecordRejected) as caught:
        time_in(text, field="tjsj")
    assert (caught.value.code, caught.value.field) == (Code.FIELD_INVALID, "tjsj")
    assert text not in caught.value.message


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_beyond_the_calendar_in_the_worlds_zone_is_told_by_its_field(text: str) -> None:
    with pytest.raises(RecordRejected) as caught:
        time_in(text, field="gxsj")
    assert caught.value.field == "gxsj"


def test_versions_compare_as_text_the_way_their_moments_do() -> None:
    moments = [
        datetime(9, 1, 2, tzinfo=UTC),
        datetime(999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2023, 6, 29, 2, 21, 33, tzinfo=UTC),
        datetime(2023, 6, 29, 2, 21, 33, 1, tzinfo=UTC),
    ]
    versions = [version_of_time(moment) for moment in moments]
    assert versions == sorted(versions)
    assert versions[2] == "2023-06-29T02:21:33.000000"
