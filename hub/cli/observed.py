"""What a signal rests on beside demands, each thing in one line: every moment and code with its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.cli import words

_NAMES = {
    "applied_at": "申请",
    "accepted_at": "受理",
    "due_at": "期限",
    "finished_at": "办结",
    "rated_at": "评价",
    "planned_on": "计划",
    "began_at": "开始",
    "found_at": "发现",
    "rectify_by": "整改期限",
    "occurred_at": "发生",
    "issued_at": "发出",
    "created_at": "交办",
    "window_no": "窗口",
    "post": "岗位",
    "state": "状态",
    "level": "等级",
}
_CODES: Mapping[str, Mapping[str, Mapping[Any, str]]] = {
    "case": {"state": words.CASE_STATES},
    "rating": {"level": words.RATING_LEVELS},
    "inspection": {"inspection_kind": words.INSPECTION_KINDS, "level": words.CENTRE_LEVELS},
    "finding": {"state": words.FINDING_STATES, "severity": words.SEVERITIES},
    "monitor_event": {"anomaly": words.ANOMALIES},
    "order": {"state": words.ORDER_STATES},
}
_LEFT_OUT = frozenset({"kind", "number", "watch", "case_no", "item_code"})


def line(thing: Mapping[str, Any]) -> str:
    """One thing as `hub.pipeline.observed_shown` tells it: kind, number and what is told of it; codes and lists left out."""
    codes = _CODES.get(thing["kind"], {})
    said = []
    for name, value in thing.items():
        if name in _LEFT_OUT or isinstance(value, list):
            continue
        if name in codes:
            value = words.short(codes[name], value)
        elif name.endswith(("_at", "_by")) and isinstance(value, str):
            value = value[:16].replace("T", " ")
        said.append(f"{_NAMES[name]} {value}" if name in _NAMES else str(value))
    return f"{thing['kind']} {thing['number']}  {'，'.join(said)}"


def rests_on(demands: int, others: int) -> str:
    """How much a signal rests on, of which sort."""
    from hub.cli import out

    counts = ((demands, "demand"), (others, "other record"))
    return " and ".join(out.plural(count, what) for count, what in counts if count)
