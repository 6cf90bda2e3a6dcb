"""Fixtures for the DAGs: an Airflow in a process of its own, to read the DAG files with or to run them with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


class AirflowProcess:
    """`tests.dags.airflow_process`, asked one thing at a time.

    Attributes:
        home: Its AIRFLOW_HOME.
        log: Where it and its tasks log.
        said: What they logged during the last command.
    """

    def __init__(self, home: Path, **environ: str) -> None:
        self.home = home
        self.log = home / "log.txt"
        self.said = ""
        (home / "empty").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "HUB_"))}
        settings = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "empty"),
            "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.dags.airflow_process"],
                cwd=ROOT,
                env={**kept, **settings, **environ},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def ask(self, do: str, *, environ: dict[str, str] | None = None, **arguments: Any) -> Any:
        """The answer to one command; ``environ`` stays for the commands after it, ``paths`` (more of sys.path) does not."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        begins = self.log.stat().st_size
        self._process.stdin.write(json.dumps({"do": do, "environ": environ or {}, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        self.said = self.log.read_bytes()[begins:].decode("utf-8", "replace")
        if not answer:
            pytest.fail(f"Airflow's process ended: {self.said[-3000:]}")
        decoded = json.loads(answer)
        if isinstance(decoded, dict) and "error" in decoded:
            pytest.fail(f"{do}: {decoded['error']}\n{self.said[-3000:]}")
        return decoded

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate(timeout=60)


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowProcess]:
    """Reads DAG files; never runs a task, so that what it imported is what reading them imports."""
    process = AirflowProcess(tmp_path_factory.mktemp("airflow-reader"), PYTHONHASHSEED="1")
    yield process
    process.close()


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowProcess]:
    """Runs DAGs with ``dag.test()``; its database is made once."""
    process = AirflowProcess(tmp_path_factory.mktemp("airflow-runner"), PYTHONHASHSEED="2")
    process.ask("migrate")
    yield process
    process.close()


@pytest.fixture
def broken_plugin(tmp_path: Path) -> Path:
    """A folder that holds somebody's installed distribution, whose one plugin raises when it is imported."""
    folder = tmp_path / "site"
    metadata = folder / "weisu_hub_channel_broken-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: weisu-hub-channel-broken\nVersion: 1.0\n", "utf-8"
    )
    (metadata / "entry_points.txt").write_text("[hub.plugins]\nbroken = hub_channel_broken\n", "utf-8")
    (folder / "hub_channel_broken.py").write_text("raise RuntimeError('nothing works here')\n", "utf-8")
    return folder
