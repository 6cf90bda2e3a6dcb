"""How a model's suggestions are told: always as suggestions, with who made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def tell_suggestions(suggested: Sequence[dict[str, Any]]) -> None:
    """A line each; nothing where there are none."""
    from hub.cli import out

    for one in suggested:
        said = "；".join(
            part for part in (one["category"] and f"类别 {one['category']}", one["summary"]) if part
        )
        out.say(
            f"模型建议（仅供参考，未经人工确认）: {said} ({one['classifier']}, model {one['model']}, {out.moment(one['answered_at'])})"
        )
