"""Measures one contender at one size: CPU of its process tree and of PostgreSQL, memory, time, rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from collect.contenders import Command, Contender, Place
from collect.postgres import Postgres, process_cpu_s

_MEASURED = Path(__file__).with_name("measured.py")
_BENCH = Path(__file__).parent.parent


class BenchError(Exception):
    """A contender did not do its work, so that its figures would mean nothing."""


@dataclass(frozen=True)
class Cost:
    """What one command cost.

    Attributes:
        client_cpu_s: User and system time of every process that the command started.
        postgres_cpu_s: The same of PostgreSQL, its background processes and one checkpoint at the end included.
        peak_mib: The largest process of the command; PostgreSQL is not in it.
        source_cpu_s: What the source itself spent meanwhile; in no other figure.
    """

    client_cpu_s: float
    postgres_cpu_s: float
    peak_mib: float
    wall_s: float
    source_cpu_s: float

    @property
    def cpu_s(self) -> float:
        return self.client_cpu_s + self.postgres_cpu_s


@dataclass(frozen=True)
class Sample:
    """One contender's first run and its run with nothing new, at one size, once."""

    contender: str
    rows: int
    turn: int
    first: Cost
    again: Cost


class Source:
    """The source process with ``rows`` records; ends with this object."""

    def __init__(self, rows: int, seed: int, port: int) -> None:
        command = [sys.executable, "-m", "collect.source", "--rows", str(rows), "--seed", str(seed)]
        self._process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=_BENCH,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            raise BenchError(
                f"the source did not start on port {port}: see above; choose another with --port"
            )
        self.url = f"http://127.0.0.1:{json.loads(said)['port']}"

    def cpu_s(self) -> float:
        return process_cpu_s(self._process.pid)

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


@contextmanager
def source(rows: int, seed: int, port: int) -> Iterator[Source]:
    running = Source(rows, seed, port)
    try:
        yield running
    finally:
        running.close()


def measure(
    contender: Contender,
    *,
    rows: int,
    turn: int,
    served: Source,
    server: Postgres,
    folder: Path,
    limit_s: float,
) -> Sample:
    """The costs of both runs, after the destination was found to hold exactly ``rows`` records after each.

    Raises:
        BenchError: A command failed, ran out of time, left processes behind, or stored another number of rows.
    """
    database = f"bench_{contender.name.replace('-', '_')}"
    server.create(database)
    folder.mkdir()
    place = Place(folder, server.url(database), served.url)
    try:
        for number, command in enumerate(contender.set_up(place)):
            _execute(command, folder / f"set_up_{number}", limit_s, contender.name)
        first = _cost(contender.run(place), folder / "first", served, server, limit_s, contender.name)
        _expect(contender, place, rows)
        server.tidy(database)
        again = _cost(contender.run_again(place), folder / "again", served, server, limit_s, contender.name)
        _expect(contender, place, rows)
    finally:
        server.drop(database)
    return Sample(contender.name, rows, turn, first, again)


def _cost(command: Command, stem: Path, served: Source, server: Postgres, limit_s: float, who: str) -> Cost:
    server.settle()
    postgres_before, source_before = server.cpu_s(), served.cpu_s()
    used = _execute(command, stem, limit_s, who)
    server.settle()
    return Cost(
        client_cpu_s=used["cpu_s"],
        postgres_cpu_s=server.cpu_s() - postgres_before,
        peak_mib=used["peak_mib"],
        wall_s=used["wall_s"],
        source_cpu_s=served.cpu_s() - source_before,
    )


def _execute(command: Command, stem: Path, limit_s: float, who: str) -> dict[str, float]:
    log, result = stem.with_suffix(".log"), stem.with_suffix(".json")
    wrapper = [sys.executable, "-I", "-S", str(_MEASURED), str(result), str(limit_s), *command.argv]
    with log.open("wb") as out:
        process = subprocess.Popen(
            wrapper,
            env=_environment() | dict(command.env),
            cwd=stem.parent,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        process.wait(limit_s + 60)
    except BaseException:
        process.send_signal(signal.SIGTERM)  # it kills what it started before it ends
        process.wait(30)
        raise
    used: dict[str, float] = json.loads(result.read_text())
    if used["returncode"] != 0 or used["left_behind"]:
        raise BenchError(
            f"{who}: {' '.join(command.argv[:4])} … ended with code {used['returncode']} (expected 0; None: it took "
            f"more than {limit_s:.0f} s) and left {used['left_behind']} processes behind (expected 0); it said:\n"
            + log.read_text(errors="replace")[-3000:]
        )
    return used


def _environment() -> dict[str, str]:
    """Ours without what would lead a contender astray: its own settings, a proxy before the loopback, our modules."""
    dropped = ("HUB_", "PYTHON", "PG", "DLT", "AIRFLOW")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "TZ": "Asia/Shanghai"}


def _expect(contender: Contender, place: Place, rows: int) -> None:
    with psycopg.connect(place.database_url) as connection:
        stored = contender.rows_in_store(connection)
    if stored != rows:
        raise BenchError(
            f"{contender.name}: its database holds {stored} distinct records (expected {rows}); its figures would "
            "mean nothing: read its log with --keep, mend it, and run again"
        )
