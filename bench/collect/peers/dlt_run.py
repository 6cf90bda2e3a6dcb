"""dlt's own rest_api source, incremental on ``gxsj``, merged into PostgreSQL by upsert on ``zxbh``.

Usage: ``dlt_run.py SOURCE_URL DATABASE_URL PIPELINES_DIR LOADER`` where LOADER is ``default`` (what dlt takes by
itself: INSERT statements) or ``csv`` (dlt's CSV files, loaded by COPY).

``fj`` is kept as one JSON column, as every other contender keeps it; left alone, dlt makes a second table of it,
which costs it more.
"""

from __future__ import annotations

import sys
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source


def main(source_url: str, database_url: str, pipelines_dir: str, loader: str) -> None:
    source = rest_api_source(
        {
            "client": {
                "base_url": source_url,
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
                    "write_disposition": {"disposition": "merge", "strategy": "upsert"},
                    "columns": {"fj": {"data_type": "json"}},
                    "endpoint": {
                        "path": "api/zx/list",
                        "data_selector": "data.list",
                        "params": {"pageSize": 500, "gxsjStart": "{incremental.start_value}"},
                        "incremental": {"cursor_path": "gxsj", "initial_value": "2000-01-01 00:00:00"},
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        pipeline_name="portal",
        pipelines_dir=pipelines_dir,
        destination=dlt.destinations.postgres(database_url),
        dataset_name="portal",
    )
    options: dict[str, Any] = {} if loader == "default" else {"loader_file_format": loader}
    print(pipeline.run(source, **options))


if __name__ == "__main__":
    main(*sys.argv[1:])
