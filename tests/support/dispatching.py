"""What tests of the dispatch share: warnings issued by a person, and what came of them."""

from __future__ import annotations

import json
from typing import Any

from hub.pipeline import triage
from tests.support.judging import County

PHONE = "13812340001"
LEAK = "幸福小区煤气泄漏，味道很大，请速来处理！"
CROWD = "工人准备明天到县政府门口集体上访"


def bodies(county: County) -> list[dict[str, Any]]:
    return [json.loads(bytes(row.body)) for row in county.messages()]


def issued(county: County, *demands, by: str = "王科长") -> None:
    """Collects, evaluates and issues every open signal by a person's decision."""
    county.judged(*demands)
    for one in county.signals():
        if one.state == "open":
            triage.decide(county.deps, one.signal_id, "issue", by, "属未诉预期")


def order(county: County):
    (one,) = county.rows("SELECT * FROM orders")
    return one
