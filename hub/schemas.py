"""Generates `schemas/`: what the hub emits (serialization) and what it accepts (validation), as JSON Schema; its doors as OpenAPI.

``python -m hub.schemas`` writes them; ``--check`` compares them with the models and changes nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

FOLDER = Path(__file__).resolve().parent.parent / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# ``date-time`` alone lets a naive time pass; what crosses the hub's border always has a zone.
_ZONED = r"(?:Z|[+-]\d{2}:\d{2})$"


def models() -> dict[str, tuple[type[BaseModel], Literal["serialization", "validation"]]]:
    """File name -> model and the side from which it is described."""
    from hub.model.case import Case
    from hub.model.config import ConfigDocument
    from hub.model.demand import Demand
    from hub.model.inspection import Finding, Inspection
    from hub.model.monitor import MonitorEvent
    from hub.model.rating import Rating
    from hub.model.report import Report
    from hub.model.warning import OrderMessage, RaisedMessage, RevokedMessage, ScoreMessage, WarningMessage
    from hub.sdk.declarative.document import SourceDocument
    from hub.settings import HubSettings

    return {
        "hub-yaml": (HubSettings, "validation"),
        "source": (SourceDocument, "validation"),
        "config-document": (ConfigDocument, "validation"),
        "demand": (Demand, "serialization"),
        "case": (Case, "serialization"),
        "rating": (Rating, "serialization"),
        "inspection": (Inspection, "serialization"),
        "finding": (Finding, "serialization"),
        "monitor-event": (MonitorEvent, "serialization"),
        "report": (Report, "serialization"),
        "webhook.order.created": (OrderMessage, "serialization"),
        "webhook.warning.issued": (WarningMessage, "serialization"),
        "webhook.warning.raised": (RaisedMessage, "serialization"),
        "webhook.warning.revoked": (RevokedMessage, "serialization"),
        "webhook.score.notified": (ScoreMessage, "serialization"),
    }


def schema_of(model: type[BaseModel], mode: Literal["serialization", "validation"]) -> dict[str, Any]:
    """The model's JSON Schema, its times with a zone."""
    schema = model.model_json_schema(mode=mode)
    schema["$schema"] = _DIALECT
    _zone_times(schema)
    return schema


def _zone_times(node: Any) -> None:
    if isinstance(node, dict):
        if node.get("format") == "date-time":
            node.setdefault("pattern", _ZONED)
        for value in node.values():
            _zone_times(value)
    elif isinstance(node, list):
        for value in node:
            _zone_times(value)


def documents() -> dict[str, dict[str, Any]]:
    """File name -> what stands in it."""
    from hub.api import openapi

    return {
        **{f"{name}.schema.json": schema_of(*described) for name, described in models().items()},
        "inbound.openapi.json": openapi.document(),
    }


def stale(folder: Path = FOLDER) -> list[str]:
    """The files that do not say what the models say, compared as parsed JSON; also files that no model stands behind."""
    wanted = documents()
    wrong = [name for name, document in wanted.items() if _read(folder / name) != document]
    return sorted(wrong + [file.name for file in _generated(folder) if file.name not in wanted])


def _generated(folder: Path) -> list[Path]:
    return [*folder.glob("*.schema.json"), *folder.glob("*.openapi.json")]


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write(folder: Path = FOLDER) -> list[str]:
    """Writes every schema anew and removes those of models that are gone; returns the names of the files."""
    folder.mkdir(exist_ok=True)
    wanted = documents()
    for name, document in wanted.items():
        text = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    for file in _generated(folder):
        if file.name not in wanted:
            file.unlink()
    return list(wanted)


def main(argv: list[str]) -> int:
    """The command; 1 when something is stale."""
    if "--check" in argv:
        wrong = stale()
        if wrong:
            print(
                f"schemas/: {', '.join(wrong)} differ from the models (expected: the same); run `make schemas`",
                file=sys.stderr,
            )
        return 1 if wrong else 0
    print("\n".join(write()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
