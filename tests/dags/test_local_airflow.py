"""`make airflow` says what it lacks before it starts anything."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from tests.dags.conftest import ROOT


def start(**environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "HUB_"))}
    return subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "airflow")],
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_the_configuration_that_was_named_it_tells_the_two_ways_to_one(tmp_path):
    ended = start(HUB_CONFIG=str(tmp_path / "nowhere.yaml"))
    assert ended.returncode == 1
    assert "nowhere.yaml, named by HUB_CONFIG, does not exist" in ended.stderr
    assert "set HUB_CONFIG" in ended.stderr
    assert "make run" in ended.stderr


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path):
    config = tmp_path / "hub.yaml"
    config.write_text("county: {}\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = start(HUB_CONFIG=str(config), AIRFLOW_PORT=str(port))
    assert ended.returncode == 1
    assert f"port {port} is taken" in ended.stderr
    assert "AIRFLOW_PORT" in ended.stderr
