"""schemas/: generated, current, and strict about zones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from hub import schemas
from hub.api import answers, openapi
from hub.errors import (
    Code,
    ConfigError,
    PluginError,
    SourceContractError,
    SourceUnavailable,
    StateConflict,
    StoreError,
)
from hub.model.codes import DemandType
from hub.model.demand import Demand
from hub.sdk.signing import SignatureInvalid


def test_the_schemas_on_disk_say_what_the_models_say() -> None:
    assert schemas.stale() == []


def test_a_changed_or_foreign_schema_is_named(tmp_path: Path) -> None:
    schemas.write(tmp_path)
    (tmp_path / "demand.schema.json").write_text("{}")
    (tmp_path / "left-over.schema.json").write_text("{}")
    assert schemas.stale(tmp_path) == ["demand.schema.json", "left-over.schema.json"]
    schemas.write(tmp_path)
    assert schemas.stale(tmp_path) == []


def test_the_doors_document_names_every_answer_that_the_door_can_give() -> None:
    document = openapi.document()
    described = document["paths"]["/v1/channels/{instance}/records"]["post"]["responses"]
    fixed = [one for one in vars(answers).values() if isinstance(one, answers.Refusal)]
    raised = [
        answers.refusal_of(family("words", code=code))
        for family in (
            SourceContractError,
            SourceUnavailable,
            StateConflict,
            StoreError,
            PluginError,
            ConfigError,
        )
        for code in Code
    ]
    given = [
        *fixed,
        *raised,
        answers.too_large(9),
        answers.refusal_of(SignatureInvalid("", code="signature_invalid")),
    ]

    assert {str(one.status) for one in given} | {"202", "405"} == set(described)
    for one in given:
        assert ("headers" in described[str(one.status)]) == (one.retry_after_s is not None), one
    schemas_ = document["components"]["schemas"]
    assert jsonschema.Draft202012Validator(schemas_["PushRefused"]).is_valid({"code": "a", "message": "b"})
    assert not jsonschema.Draft202012Validator(schemas_["PushAccepted"]).is_valid({"stored": 1})


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
