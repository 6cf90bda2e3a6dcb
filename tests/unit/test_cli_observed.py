"""What a card rests on is told so that a clerk can read it: no bare code, no moment without its name."""

from __future__ import annotations

import pytest

from hub.cli.observed import line, rests_on


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        (
            {
                "kind": "case",
                "number": "4115",
                "watch": 4,
                "case_no": "4115",
                "item_code": "I1",
                "item_name": "不动产转移登记",
                "organisation": "县自然资源局",
                "window_no": "N01",
                "applied_at": "2026-10-31T11:14:00+08:00",
                "due_at": "2026-11-10T15:29:00+08:00",
                "state": "finished",
            },
            "case 4115  不动产转移登记，县自然资源局，窗口 N01，申请 2026-10-31 11:14，期限 2026-11-10 15:29，状态 结束",
        ),
        (
            {
                "kind": "finding",
                "number": "WT-1",
                "watch": 1,
                "found_at": "2026-11-21T00:00:00+08:00",
                "severity": "by_date",
                "rectify_by": "2026-11-22T23:59:59+08:00",
                "state": "open",
                "traits": ["wide"],
            },
            "finding WT-1  发现 2026-11-21 00:00，限期整改，整改期限 2026-11-22 23:59，状态 待整改",
        ),
        (
            {
                "kind": "rating",
                "number": "5",
                "watch": 4,
                "rated_at": "2026-11-11T09:54:00+08:00",
                "level": 2,
            },
            "rating 5  评价 2026-11-11 09:54，等级 不满意",
        ),
        ({"kind": "series", "number": "s|1", "watch": 3}, "series s|1  "),
    ],
)
def test_each_moment_and_code_stands_under_its_name(thing, told) -> None:
    assert line(thing) == told


def test_a_card_of_a_case_is_not_said_to_rest_on_no_demands() -> None:
    assert rests_on(0, 1) == "1 other record"
    assert rests_on(8, 0) == "8 demands"
    assert rests_on(2, 3) == "2 demands and 3 other records"
