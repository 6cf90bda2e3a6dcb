"""Who is played against: how each is started, and what stands in its destination afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from collect.venvs import python_of, version_in
from psycopg.rows import dict_row

from hostile.judge import Kept, Row

HERE = Path(__file__).parent
PEERS = HERE / "peers"


class Runner:
    """One process that has its contender imported and plays jobs in children of its own, side by side; see ``peers/forked.py``."""

    def __init__(self, python: Path, script: str) -> None:
        self._process = subprocess.Popen(
            [str(python), str(PEERS / script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def play(self, job: dict[str, Any]) -> dict[str, Any]:
        """What became of the job; returns when it has ended."""
        future: Future[dict[str, Any]] = Future()
        assert self._process.stdin is not None
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = future
            self._process.stdin.write(json.dumps({**job, "id": number}) + "\n")
            self._process.stdin.flush()
        return future.result()

    def close(self) -> None:
        """Ends the process; jobs that still run end at their limit at the latest."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            self._waiting.pop(answer["id"]).set_result(answer)
        for future in self._waiting.values():
            future.set_exception(RuntimeError("the contender's process ended before its jobs did"))


class Contender(ABC):
    """One way of bringing the portal's records here, one row for each ``zxbh``."""

    name: ClassVar[str]
    title: ClassVar[str]
    script: ClassVar[str]

    @abstractmethod
    def python(self) -> Path:
        """The interpreter of its environment, which is made now if need be."""

    @abstractmethod
    def version(self) -> str:
        """What is played against."""

    @abstractmethod
    def kept(self, place: Path, database_url: str) -> Kept:
        """What stands in its destination."""

    def before_the_next_run(self, place: Path) -> None:
        """Called between two runs."""

    def runner(self) -> Runner:
        """A process that plays its jobs."""
        return Runner(self.python(), self.script)


class Hub(Contender):
    """The hub itself, out of this environment."""

    name = "hub"
    title = "weisu-hub"
    script = "hub_peer.py"

    def python(self) -> Path:
        return Path(sys.executable)

    def version(self) -> str:
        return version_in(self.python(), "weisu-hub")

    def kept(self, place: Path, database_url: str) -> Kept:
        file = place / "state.json"
        found = json.loads(file.read_text("utf-8")) if file.exists() else {"rows": [], "aside": []}
        return Kept([Row(*row) for row in found["rows"]], found["aside"])


class Dlt(Contender):
    """dlt's rest_api source into PostgreSQL."""

    name = "dlt"
    title = "dlt, rest_api"
    script = "dlt_peer.py"

    def python(self) -> Path:
        return python_of("dlt")

    def version(self) -> str:
        return version_in(self.python(), "dlt")

    def kept(self, place: Path, database_url: str) -> Kept:
        with psycopg.connect(database_url, row_factory=dict_row) as connection:
            if not _has(connection, "demands"):
                return Kept([])
            rows = connection.execute("SELECT * FROM portal.demands").fetchall()
            parts: dict[str, list[str]] = {}
            if _has(connection, "demands__nr"):  # a list is a table of its own, as dlt keeps it
                for part in connection.execute("SELECT * FROM portal.demands__nr").fetchall():
                    parts.setdefault(str(part["_dlt_parent_id"]), []).append(str(part["value"]))
        return Kept([_dlt_row(row, parts) for row in rows])


def _dlt_row(row: dict[str, Any], parts: dict[str, list[str]]) -> Row:
    """The row with values of another type, which dlt keeps in a column of their own, where they belong."""

    def of(name: str) -> Any:
        value = row.get(name)
        return value if value is not None else row.get(f"{name}__v_text")

    changed = of("gxsj")
    text = f"{changed:%Y-%m-%d %H:%M:%S}" if hasattr(changed, "strftime") else changed
    words = of("nr")
    number = of("zxbh")
    return Row(
        None if number is None else str(number),
        text,
        str(words) if words is not None else "".join(parts.get(str(row["_dlt_id"]), [])),
    )


def _has(connection: psycopg.Connection[Any], table: str) -> bool:
    found = connection.execute("SELECT to_regclass(%s) AS found", (f"portal.{table}",)).fetchone()
    return bool(found and found["found"])


class Emitting(Contender):
    """A contender that emits records; they are upserted by their key as its loaders do, the last one counts."""

    def messages(self, place: Path) -> list[dict[str, Any]]:
        """What it emitted in all runs, in order; a line that is no JSON object is the tool's own output."""
        file = place / "out"
        found = []
        for line in file.read_text("utf-8").splitlines() if file.exists() else ():
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                found.append(message)
        return found

    @abstractmethod
    def record(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """The record that a message brings."""

    def kept(self, place: Path, database_url: str) -> Kept:
        rows: dict[Any, Row] = {}
        for message in self.messages(place):
            record = self.record(message)
            if record is not None:
                number = record.get("zxbh")
                words = record.get("nr")
                text = "".join(map(str, words)) if isinstance(words, list) else str(words or "")
                rows[number] = Row(None if number is None else str(number), record.get("gxsj"), text)
        return Kept(list(rows.values()))


class Singer(Emitting):
    """A tap on the Singer SDK."""

    name = "singer"
    title = "Singer SDK tap"
    script = "singer_peer.py"

    def python(self) -> Path:
        return python_of("singer-tap")

    def version(self) -> str:
        return version_in(self.python(), "singer-sdk")

    def record(self, message: dict[str, Any]) -> dict[str, Any] | None:
        return message.get("record") if message.get("type") == "RECORD" else None

    def before_the_next_run(self, place: Path) -> None:
        states = [one["value"] for one in self.messages(place) if one.get("type") == "STATE"]
        if states:
            (place / "state.json").write_text(json.dumps(states[-1]), encoding="utf-8")


class Airbyte(Emitting):
    """A declarative source on the Airbyte CDK."""

    name = "airbyte"
    title = "Airbyte CDK, declarative"
    script = "airbyte_peer.py"

    def python(self) -> Path:
        return python_of("airbyte", HERE)

    def version(self) -> str:
        return version_in(self.python(), "airbyte-cdk")

    def record(self, message: dict[str, Any]) -> dict[str, Any] | None:
        return message["record"]["data"] if message.get("type") == "RECORD" else None

    def before_the_next_run(self, place: Path) -> None:
        states = [one["state"] for one in self.messages(place) if one.get("type") == "STATE"]
        if states:
            (place / "state.json").write_text(json.dumps(states[-1:]), encoding="utf-8")


CONTENDERS: dict[str, Contender] = {one.name: one for one in (Hub(), Dlt(), Singer(), Airbyte())}
