"""Collects public data with nothing but files in YAML and says what became of every row: stored + duplicate + quarantined = rows.

    python bench/no_code_sources.py DATA [--json]

DATA is a folder with ``open311/`` (answers of GeoReport servers), ``sf311/311_service_requests.csv`` and ``teddycup2020c/附件4.xlsx``; what is
not there is left out and said. Nothing of it is copied into the project. Answers are served over HTTP on loopback, page by page, as their
servers would; sheets are read where a clerk would drop them. Everything goes through a hub of its own, in a folder that is removed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hub.cli.app import main as hub
from hub.county.loopback import LoopbackServer, QuietHandler

# Open311 requests as a city's dashboard keeps them, wrapped once more; rows of other kinds stand among them.
WRAPPED = """\
hub_source: 1
name: wrapped311
title: Open311 存档
reader: {kind: http_json, path: requests.json, records: "", paging: {page_size: 1000}}
record:
  number: {path: fields.service_request_id}
  version: {path: [fields.updated_datetime, fields.requested_datetime], as: time}
fields:
  submitted_at: {path: fields.requested_datetime}
  demand_type: {const: complaint}
  type_source_text: {path: fields.service_name}
  title: {path: fields.service_name}
  content: {path: [fields.description, fields.service_name]}
  status: {path: fields.status, map: {Open: in_hand, Closed: closed}}
  address: {path: fields.address}
  latitude: {path: fields.lat, least: -90, most: 90}
  longitude: {path: fields.long, least: -180, most: 180}
"""


@dataclass(frozen=True)
class Case:
    """One file: how many rows it holds, and the channel that reads it."""

    name: str
    rows: int
    channel: str
    settings: dict[str, Any]


class Answers:
    """Serves each file as the first page of a list, and an empty list behind it."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self._server = LoopbackServer(self._handler())

    def __enter__(self) -> Answers:
        self._server.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.stop()

    def add(self, name: str, body: bytes) -> str:
        """Where the body is served."""
        self.bodies[name] = body
        return f"{self._server.url}/{name}"

    def _handler(self) -> type[QuietHandler]:
        bodies = self.bodies

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                first = parse_qs(url.query).get("page", ["1"])[0] == "1"
                is_xml = url.path.endswith(".xml")
                body = bodies[url.path.split("/")[1]]
                if not first or "start_date" in url.query:
                    body = b"<service_requests/>" if is_xml else b"[]"
                self.send_response(200)
                self.send_header("Content-Type", "text/xml" if is_xml else "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler


def cases(data: Path, scratch: Path, answers: Answers) -> Iterator[Case]:
    """Every file with service requests or messages that is there."""
    open311 = data / "open311"
    for path in sorted(open311.rglob("*.json")):
        listed = _json(path)
        if isinstance(listed, list) and any("service_request_id" in str(one) for one in listed):
            wrapped = any(isinstance(one, dict) and "fields" in one for one in listed)
            url = answers.add(f"json{len(answers.bodies)}", path.read_bytes())
            yield Case(
                str(path.relative_to(data)),
                len(listed),
                "wrapped311" if wrapped else "open311",
                {"base_url": url},
            )
    for path in sorted(open311.rglob("*.xml")):
        body = path.read_bytes()
        if b"<service_requests" in body:
            url = answers.add(f"xml{len(answers.bodies)}", body)
            yield Case(
                str(path.relative_to(data)), body.count(b"<request>"), "open311_xml", {"base_url": url}
            )
    for name, channel, rows in (
        ("sf311/311_service_requests.csv", "sf311", _rows_of_csv),
        ("teddycup2020c/附件4.xlsx", "message_board", _rows_of_xlsx),
    ):
        path = data / name
        if path.is_file():
            folder = scratch / channel
            folder.mkdir()
            shutil.copy(path, folder)
            settings = {
                "source": {"kind": "folder", "path": str(folder)},
                "files": {"stable_s": 0, "after_reading": "keep"},
            }
            yield Case(name, rows(path), channel, settings)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


def _rows_of_csv(path: Path) -> int:
    import csv

    with path.open(encoding="utf-8-sig", newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


def _rows_of_xlsx(path: Path) -> int:
    from python_calamine import CalamineWorkbook

    rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    return sum(1 for row in rows[1:] if any(str(cell).strip() for cell in row))


def said(*arguments: str) -> dict[str, Any]:
    """What one command of the hub answers."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        hub([*arguments, "--json"])
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def run(data: Path) -> list[dict[str, Any]]:
    """One line a file: what it holds and what became of it, in a first and in a second run."""
    with tempfile.TemporaryDirectory(prefix="hub-no-code-") as name, Answers() as answers:
        scratch = Path(name)
        # A private server that is started as root gives its folder to another user, which must be able to reach it.
        scratch.chmod(0o755)
        found = list(cases(data, scratch, answers))
        (scratch / "wrapped311.yaml").write_text(WRAPPED, "utf-8")
        channels = {
            f"source{place}": {"channel": case.channel, "source_timezone": "UTC", "settings": case.settings}
            for place, case in enumerate(found)
        }
        config = {"home": str(scratch / "home"), "sources": ["wrapped311.yaml"], "channels": channels}
        (scratch / "hub.yaml").write_text(json.dumps(config), "utf-8")
        os.environ["HUB_CONFIG"] = str(scratch / "hub.yaml")
        said("migrate")
        try:
            return [_one(case, f"source{place}") for place, case in enumerate(found)]
        finally:
            if "HUB_DATABASE_URL" not in os.environ:
                said("db", "stop")


def _one(case: Case, instance: str) -> dict[str, Any]:
    cpu = time.process_time() + _children_cpu()
    first = said("channel", "run", instance)
    cpu = time.process_time() + _children_cpu() - cpu
    again = said("channel", "run", instance)
    entries = said("quarantine", "list", "--limit", "100000")["entries"]
    reasons = Counter(entry["code"] for entry in entries if entry["instance"] == instance)
    records, second = first["records"], again["records"]
    accounted = records["stored"] + records["duplicate"] + records["quarantined"]
    return {
        "file": case.name,
        "channel": case.channel,
        "rows": case.rows,
        **{name: records[name] for name in ("stored", "duplicate", "quarantined", "pending")},
        "reasons": dict(reasons),
        "stored_by_a_second_run": second["stored"],
        "cpu_s": round(cpu, 2),
        "reconciles": accounted == case.rows and sum(reasons.values()) == records["quarantined"],
    }


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Prints the table; 1 when some row is not accounted for, or nothing was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with open311/, sf311/ and teddycup2020c/")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    lines = run(arguments.data)
    if arguments.json:
        print(json.dumps(lines, ensure_ascii=False, indent=2))
    else:
        print(f"{'file':<44}{'rows':>7}{'stored':>8}{'dupl.':>7}{'set aside':>11}{'CPU s':>7}  reasons")
        for one in lines:
            told = ", ".join(f"{code} {count}" for code, count in sorted(one["reasons"].items())) or "–"
            print(
                f"{one['file'][-43:]:<44}{one['rows']:>7}{one['stored']:>8}{one['duplicate']:>7}{one['quarantined']:>11}"
                f"{one['cpu_s']:>7}  {told}{'' if one['reconciles'] else '   DOES NOT RECONCILE'}"
            )
    return 0 if lines and all(one["reconciles"] for one in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
