"""A source without code on the Airbyte CDK: the manifest beside this file, run as the platform runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import forked
from airbyte_cdk.entrypoint import launch
from airbyte_cdk.sources.declarative.yaml_declarative_source import YamlDeclarativeSource

MANIFEST = Path(__file__).with_name("airbyte.yaml")


def run(job: forked.Job) -> None:
    """One synchronisation, incremental with removal of repeats, with the last state that an earlier one told."""
    folder = Path(job["folder"])
    text = MANIFEST.read_text(encoding="utf-8")
    manifest = _written(folder / "manifest.yaml", text if job["told"] else _without_envelope(text))
    config = {"base_url": job["url"], "page_size": job["page_size"], "until": job["until"]}
    config_file = _written(folder / "config.json", json.dumps(config))
    catalog_file = _written(folder / "catalog.json", json.dumps(_catalog()))
    arguments = ["read", "--config", config_file, "--catalog", catalog_file]
    state: list[Any] = []
    if Path(job["state"]).exists():
        arguments += ["--state", job["state"]]
        state = YamlDeclarativeSource.read_state(job["state"])
    source = YamlDeclarativeSource(
        path_to_yaml=manifest,
        config=config,
        catalog=YamlDeclarativeSource.read_catalog(catalog_file),
        state=state,
    )
    launch(source, arguments)


def _without_envelope(text: str) -> str:
    """The manifest without the lines between the marks."""
    before, _, rest = text.partition("# envelope: begin\n")
    return before.rstrip(" ") + rest.partition("# envelope: end\n")[2]


def _catalog() -> dict[str, Any]:
    stream = {
        "name": "demands",
        "json_schema": {},
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": ["gxsj"],
        "source_defined_primary_key": [["zxbh"]],
    }
    configured = {
        "stream": stream,
        "sync_mode": "incremental",
        "destination_sync_mode": "append_dedup",
        "cursor_field": ["gxsj"],
        "primary_key": [["zxbh"]],
    }
    return {"streams": [configured]}


def _written(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    return str(file)


if __name__ == "__main__":
    forked.serve(run)
