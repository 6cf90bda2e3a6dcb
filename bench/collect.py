"""Collecting, side by side: the hub, dlt and a Singer pair bring the same records into the same PostgreSQL.

Prints rows per CPU second (every process, PostgreSQL included, fsync on), peak memory, the cost of a run with
nothing new, and the hub's ratio to each peer. The peers live in environments of their own under ``bench/.venvs``,
made at the first run. The contenders take turns, so that a busy machine burdens all of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from collect.contenders import CONTENDERS
from collect.measure import BenchError, Sample, measure, source
from collect.postgres import Postgres
from collect.report import as_markdown, summarize

_DOC_BLOCK = re.compile(r"(<!-- collect: begin -->\n).*?(<!-- collect: end -->)", re.DOTALL)


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _leave)
    names: list[str] = options.only
    versions = {name: CONTENDERS[name].version() for name in names}
    folder = Path(tempfile.mkdtemp(prefix="collect-bench-"))
    try:
        server = Postgres(folder, options.postgres)
        try:
            machine = _machine(server.version())
            samples, failures = _samples(options, server, folder)
        finally:
            server.close()
    finally:
        if options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    summary = summarize(samples, versions)
    _write(options, summary, samples, machine)
    return 1 if failures else 0


def _samples(options: argparse.Namespace, server: Postgres, folder: Path) -> tuple[list[Sample], int]:
    samples: list[Sample] = []
    failed: set[str] = set()
    for rows in options.rows:
        with source(rows, options.seed, options.port) as served:
            for turn in range(1, options.repeat + 1):
                for name in (name for name in options.only if name not in failed):
                    try:
                        sample = measure(
                            CONTENDERS[name],
                            rows=rows,
                            turn=turn,
                            served=served,
                            server=server,
                            folder=folder / f"{name}-{rows}-{turn}",
                            limit_s=options.limit,
                        )
                    except BenchError as exc:
                        failed.add(name)
                        print(f"FAILED, left out from here on: {exc}", file=sys.stderr)
                        continue
                    samples.append(sample)
                    print(
                        f"{rows:,} rows, turn {turn}, {name}: {rows / sample.first.cpu_s:,.0f} rows per CPU s "
                        f"(client {sample.first.client_cpu_s:.2f} s, PostgreSQL {sample.first.postgres_cpu_s:.2f} s), "
                        f"{sample.first.peak_mib:.0f} MiB, no-op {sample.again.cpu_s:.2f} s",
                        file=sys.stderr,
                    )
    return samples, len(failed)


def _write(
    options: argparse.Namespace, summary: list[dict[str, Any]], samples: list[Sample], machine: dict[str, str]
) -> None:
    command = f"python bench/collect.py {shlex.join(sys.argv[1:])}".strip()
    if options.json:
        document = {
            "command": command,
            "machine": machine,
            "summary": summary,
            "samples": [asdict(sample) for sample in samples],
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return
    shape = ", ".join(f"{name} {value}" for name, value in machine.items())
    text = f"`{command}`\n\n{shape}; medians of {options.repeat}.\n\n{as_markdown(summary)}"
    print(text)
    if options.docs:
        page = options.docs.read_text()
        if not _DOC_BLOCK.search(page):
            raise SystemExit(
                f"{options.docs} has no block between <!-- collect: begin --> and <!-- collect: end -->"
            )
        options.docs.write_text(_DOC_BLOCK.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", page))


def _machine(postgres: str) -> dict[str, str]:
    return {
        "measured on": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        "PostgreSQL": postgres,
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _options() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := set(chosen) - set(CONTENDERS):
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(CONTENDERS)}"
            )
        return chosen

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows", type=lambda text: [int(n) for n in text.split(",")], default=[20_000, 100_000, 400_000]
    )
    parser.add_argument("--only", type=names, default=list(CONTENDERS), help=f"of {','.join(CONTENDERS)}")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--port", type=int, default=0, help="of the source; 0 takes a free one")
    parser.add_argument(
        "--postgres", type=Path, help="folder of initdb and postgres; by default the first found"
    )
    parser.add_argument("--limit", type=float, default=900.0, help="seconds that one run may take")
    parser.add_argument(
        "--json", action="store_true", help="one JSON document on stdout instead of the table"
    )
    parser.add_argument("--docs", type=Path, help="Markdown page whose marked block the table replaces")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and configurations")
    return parser.parse_args()


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
