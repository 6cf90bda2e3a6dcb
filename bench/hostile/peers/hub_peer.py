"""The hub: the channel ``portal`` with its usual settings, collected and normalized into PostgreSQL as `hub channel run` does it.

Its clock shows the moment that the job names and goes on from there at the pace of the machine's; waits are real.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import forked
from sqlalchemy import text

from hub.builtin import plugin as builtin
from hub.pipeline.intake import read_personal
from hub.runtime import logs
from hub.runtime.config import load
from hub.runtime.hub import Hub
from hub.store import quarantine

# A whole answer may take 120 s by default: too long for the time limit of a case.
HTTP = {"deadline_s": 8.0, "tries": 3}
_STORED = """
    SELECT d.demand_id, d.source_no, s.version, d.sealed
    FROM demand d JOIN source_record s USING (stream_id, source_no) WHERE NOT d.deleted ORDER BY d.source_no
"""


class ShiftedClock:
    """The machine's clock, set to another moment."""

    def __init__(self, now: datetime) -> None:
        self._now, self._began = now, time.monotonic()

    def now(self) -> datetime:
        return self._now + timedelta(seconds=self.monotonic() - self._began)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


def run(job: forked.Job) -> None:
    """One collection; what stands in the store and in quarantine afterwards goes into the file that the job names."""
    logs.configure("warning", "console")
    settings = {"base_url": job["url"], "page_size": job["page_size"], "http": HTTP}
    document = {
        "home": str(Path(job["folder"]) / "hub"),
        "database_url": job["database_url"],
        "log_level": "warning",
        "channels": {"bench": {"channel": "portal", "settings": settings}},
    }
    loaded = load(overrides=document, environ={})
    with Hub(
        loaded, clock=ShiftedClock(datetime.fromisoformat(job["now"])), builtin={"builtin": builtin}
    ) as hub:
        problems = [problem for report in hub.collect("bench") for problem in report.problems]
        problems += hub.normalize().problems
        Path(job["state"]).write_text(json.dumps(_kept(hub)), encoding="utf-8")
    for problem in problems:
        print(f"{problem.where} {problem.code}: {problem.message}", file=sys.stderr)
    if problems:
        raise SystemExit(1)


def _kept(hub: Hub) -> dict[str, Any]:
    with hub.store.begin() as connection:
        rows = connection.execute(text(_STORED)).all()
        aside = quarantine.entries(connection)
    return {
        "rows": [
            [number, version, str(read_personal(hub.sealer, bytes(sealed), demand_id).get("content") or "")]
            for demand_id, number, version, sealed in rows
        ],
        "aside": [str(entry["code"]) for entry in aside],
    }


if __name__ == "__main__":
    forked.serve(run)
