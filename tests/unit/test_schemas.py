"""schemas/: generated, current, and strict about zones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from hub import schemas
from hub.model.codes import DemandType
from hub.model.demand import Demand


def test_the_schemas_on_disk_say_what_the_models_say() -> None:
    assert schemas.stale() == []


def test_a_changed_or_foreign_schema_is_named(tmp_path: Path) -> None:
    schemas.write(tmp_path)
    (tmp_path / "demand.schema.json").write_text("{}")
    (tmp_path / "left-over.schema.json").write_text("{}")
    assert schemas.stale(tmp_path) == ["demand.schema.json", "left-over.schema.json"]
    schemas.write(tmp_path)
    assert schemas.stale(tmp_path) == []


@pytest.mark.parametrize(
    ("submitted_at", "fits"), [("2026-11-23T10:00:00+08:00", True), ("2026-11-23T10:00:00", False)]
)
def test_a_time_without_a_zone_does_not_fit_the_schema(submitted_at: str, fits: bool) -> None:
    demand = Demand(
        source_no="A1",
        submitted_at=datetime(2026, 11, 23, tzinfo=UTC),
        demand_type=DemandType.OTHER,
        content="文字",
    )
    document = json.loads(demand.model_dump_json()) | {"submitted_at": submitted_at}
    schema = schemas.schema_of(Demand, "serialization")
    assert jsonschema.Draft202012Validator(schema).is_valid(document) is fits
