"""For how many people a demand speaks, read from its words."""

from __future__ import annotations

import pytest

from hub.text.heads import declared_heads


@pytest.mark.parametrize(
    ("text", "heads"),
    [
        ("我代表兴隆村32户居民反映：路灯不亮", 32),
        ("本人代表3号楼全体业主48户", 48),
        ("我们小区二十多户业主都停水", 20),
        ("我们村三百二十户用不上水", 320),
        ("村民15人联名反映", 15),
        ("一千零五户联名", 1_005),
        ("联名信共120人", 120),
        ("人大代表5名到场", None),
        ("我代表公司反映3人拖欠工资", None),
        ("我们等了3个人都没来", None),
        ("我们找了3位工作人员", None),
        ("我代表1户", None),
        ("这里停水了", None),
    ],
)
def test_who_speaks_for_others_says_for_how_many(text: str, heads: int | None) -> None:
    assert declared_heads(text) == heads


def test_a_text_made_to_be_slow_is_read_as_far_as_people_speak_for_others() -> None:
    assert declared_heads("代表" * 500_000 + "我代表9户") is None
