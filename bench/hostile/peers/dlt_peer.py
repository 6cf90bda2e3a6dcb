"""dlt's own rest_api source as its documentation has it: page numbers until an empty page, incremental on ``gxsj``, merged on
``zxbh`` by its default strategy, which drops repeats within a load, too.

The portal's envelope is told by a response action, dlt's own place for it, which is asked of every answer.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dlt
import forked
from dlt.sources.rest_api import rest_api_source


class EnvelopeError(Exception):
    """The portal says no, within HTTP 200."""


def refuse_envelope(response: Any, *args: Any, **kwargs: Any) -> Any:
    """A response action: an answer whose ``code`` is not 200 is no answer."""
    if response.status_code == 200 and response.json().get("code") != 200:
        raise EnvelopeError(f"the portal answers with code {response.json().get('code')}")
    return response


def run(job: forked.Job) -> None:
    """One run of the pipeline; its state lies beside the destination, as dlt keeps it."""
    os.environ.update(
        RUNTIME__DLTHUB_TELEMETRY="false", DLT_DATA_DIR=job["folder"], DLT_PROJECT_DIR=job["folder"]
    )
    endpoint: dict[str, Any] = {
        "path": "api/zx/list",
        "data_selector": "data.list",
        "params": {"pageSize": job["page_size"], "gxsjStart": "{incremental.start_value}"},
        "incremental": {"cursor_path": "gxsj", "initial_value": "2000-01-01 00:00:00"},
    }
    if job["told"]:
        endpoint["response_actions"] = [refuse_envelope]
    source = rest_api_source(
        {
            "client": {
                "base_url": job["url"],
                "paginator": {
                    "type": "page_number",
                    "base_page": 1,
                    "page_param": "pageNum",
                    "total_path": None,
                },
            },
            "resources": [
                {
                    "name": "demands",
                    "primary_key": "zxbh",
                    "write_disposition": "merge",
                    "columns": {"fj": {"data_type": "json"}},
                    "endpoint": endpoint,
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        pipeline_name="portal",
        pipelines_dir=str(Path(job["folder"]) / "pipelines"),
        destination=dlt.destinations.postgres(job["database_url"]),
        dataset_name="portal",
    )
    print(pipeline.run(source))


if __name__ == "__main__":
    forked.serve(run)
