"""Who runs: each contender says how it is set up, what is run, and how its stored rows are counted."""

from __future__ import annotations

import json
import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import psycopg

from collect.venvs import HERE, python_of, version_in

# A record counts when its demand, its identity and its raw copy all stand.
_HUB_ROWS = """
    SELECT count(DISTINCT (d.stream_id, d.source_no))
    FROM demand d
    JOIN source_record s USING (stream_id, source_no)
    JOIN raw_record r ON r.raw_id = s.raw_id AND r.outcome = 'stored'
"""


@dataclass(frozen=True)
class Place:
    """Where one contender works once: an empty folder, an empty database, and the source."""

    folder: Path
    database_url: str
    source_url: str


@dataclass(frozen=True)
class Command:
    """What is measured: a program by its full path, its arguments, and what it needs in the environment."""

    argv: list[str]
    env: Mapping[str, str] = field(default_factory=dict)


class Contender(ABC):
    """One way of bringing the source's records into PostgreSQL, one row for each ``zxbh``."""

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def version(self) -> str:
        """What is measured, with its version; makes the environment if need be."""

    def set_up(self, place: Place) -> list[Command]:
        """What must stand before the first run; files are written now, commands are run unmeasured."""
        return []

    @abstractmethod
    def run(self, place: Place) -> Command:
        """Brings all that the source holds."""

    def run_again(self, place: Place) -> Command:
        """The same once more, with nothing new in the source."""
        return self.run(place)

    @abstractmethod
    def rows_in_store(self, connection: psycopg.Connection[Any]) -> int:
        """How many distinct records stand in the contender's database."""


_OWN_PACKAGES = [str(HERE.parents[1] / name) for name in ("hub", "plugins")]


class Hub(Contender):
    """The hub: raw copy, sealing (AES profile), history, quarantine, identity and upsert."""

    name = "hub"
    title = "weisu-hub"

    def version(self) -> str:
        return version_in(Path(sys.executable), "weisu-hub")

    def set_up(self, place: Place) -> list[Command]:
        config = {
            "channels": {
                "bench": {"channel": "portal", "settings": {"base_url": place.source_url}},
            }
        }
        # YAML is a superset of JSON.
        (place.folder / "hub.yaml").write_text(json.dumps(config, indent=2))
        # The peers' packages are compiled when they are installed; an editable hub is compiled by its first run, unless the
        # environment forbids it.
        compiled = Command([sys.executable, "-m", "compileall", "-q", *_OWN_PACKAGES], {})
        return [compiled, self._hub(place, "migrate")]

    def run(self, place: Place) -> Command:
        return self._hub(place, "channel", "run", "bench", "--json")

    def rows_in_store(self, connection: psycopg.Connection[Any]) -> int:
        return _count(connection, _HUB_ROWS)

    def _hub(self, place: Place, *arguments: str) -> Command:
        env = {
            "HUB_DATABASE_URL": place.database_url,
            "HUB_HOME": str(place.folder),
            "HUB_CONFIG": str(place.folder / "hub.yaml"),
        }
        return Command([sys.executable, "-m", "hub", *arguments], env)


class Dlt(Contender):
    """dlt's rest_api source, incremental, merge with the upsert strategy, all else by default."""

    name = "dlt"
    title = "dlt, default"
    loader = "default"

    def version(self) -> str:
        return version_in(python_of("dlt"), "dlt")

    def run(self, place: Place) -> Command:
        script = HERE / "peers" / "dlt_run.py"
        state = str(place.folder / "pipelines")
        env = {
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DLT_DATA_DIR": state,
            "DLT_PROJECT_DIR": str(place.folder),
        }
        argv = [str(python_of("dlt")), str(script), place.source_url, place.database_url, state, self.loader]
        return Command(argv, env)

    def rows_in_store(self, connection: psycopg.Connection[Any]) -> int:
        return _count(connection, "SELECT count(DISTINCT zxbh) FROM portal.demands")


class DltCsv(Dlt):
    """The same with CSV files, which dlt loads by COPY."""

    name = "dlt-csv"
    title = "dlt, CSV loader"
    loader = "csv"


class Singer(Contender):
    """A tap on the Singer SDK, piped into pipelinewise-target-postgres; the state is kept between runs."""

    name = "singer"
    title = "singer-sdk tap → pipelinewise-target-postgres"

    def version(self) -> str:
        tap = version_in(python_of("singer-tap"), "singer-sdk")
        target = version_in(python_of("singer-target"), "pipelinewise-target-postgres")
        return f"{tap} → {target}"

    def set_up(self, place: Place) -> list[Command]:
        database = urlsplit(place.database_url)
        target = {
            "host": database.hostname,
            "port": database.port,
            "user": database.username,
            "password": database.password,
            "dbname": database.path.lstrip("/"),
            "default_target_schema": "portal",
            "temp_dir": str(place.folder),
        }
        (place.folder / "tap.json").write_text(json.dumps({"api_url": place.source_url}))
        (place.folder / "target.json").write_text(json.dumps(target))
        return []

    def run(self, place: Place) -> Command:
        return self._pipe(place, [])

    def run_again(self, place: Place) -> Command:
        state = place.folder / "state.json"
        last = (place.folder / "states").read_text().splitlines()[-1]
        state.write_text(last)
        return self._pipe(place, ["--state", str(state)])

    def rows_in_store(self, connection: psycopg.Connection[Any]) -> int:
        return _count(connection, "SELECT count(DISTINCT zxbh) FROM portal.demands")

    def _pipe(self, place: Place, tap_options: list[str]) -> Command:
        folder = place.folder
        tap_script = HERE / "singer_tap" / "tap_portal.py"
        tap = [
            str(python_of("singer-tap")),
            str(tap_script),
            "--config",
            str(folder / "tap.json"),
            *tap_options,
        ]
        target_script = python_of("singer-target").parent / "target-postgres"
        target = [str(target_script), "--config", str(folder / "target.json")]
        pipe = f"{shlex.join(tap)} | {shlex.join(target)} > {shlex.quote(str(folder / 'states'))}"
        return Command(["/bin/bash", "-c", f"set -o pipefail; {pipe}"])


class Floor(Contender):
    """A hand-written loop: requests, pydantic, COPY, upsert, and nothing of what a hub promises."""

    name = "floor"
    title = "floor: requests + pydantic + COPY"

    def version(self) -> str:
        return version_in(python_of("floor"), "pydantic")

    def run(self, place: Place) -> Command:
        script = HERE / "peers" / "floor_run.py"
        return Command([str(python_of("floor")), str(script), place.source_url, place.database_url])

    def rows_in_store(self, connection: psycopg.Connection[Any]) -> int:
        return _count(connection, "SELECT count(*) FROM demands")


CONTENDERS: dict[str, Contender] = {one.name: one for one in (Hub(), Dlt(), DltCsv(), Singer(), Floor())}


def _count(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
