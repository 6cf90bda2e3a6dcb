"""Hubs for tests: over scripted channels in this process, or over a simulated county; `hub serve` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from hub.builtin import plugin as builtin
from hub.clock import Clock, SystemClock
from hub.county.simulated import SimulatedCounty
from hub.runtime.config import load
from hub.runtime.hub import Hub
from hub.sdk.hookspecs import hookimpl
from tests.support.scripted import Script, ScriptedChannel


class ScriptedPlugin:
    """Brings one channel a script, named ``scripted_<instance>``."""

    SDK_VERSION = ">=1.0,<2"

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self.channels = [
            type(
                f"Scripted_{name}",
                (ScriptedChannel,),
                {"name": f"scripted_{name}", "script": staticmethod(script)},
            )
            for name, script in scripts.items()
        ]

    @hookimpl
    def register_channels(self):
        return self.channels


def scripted_hub(
    database_url: str,
    home: Path,
    scripts: Mapping[str, Script],
    *,
    clock: Clock | None = None,
    every_s: int = 3_600,
    **settings: object,
) -> Hub:
    """A hub on this database whose configured channels play these scripts; ``settings`` by dotted name, dots as ``__``."""
    overrides: dict[str, Any] = {
        "home": str(home),
        "database_url": database_url,
        "serve.pipeline_every_s": 0.2,
        "log_format": "json",
    }
    for instance in scripts:
        overrides[f"channels.{instance}.channel"] = f"scripted_{instance}"
        overrides[f"channels.{instance}.every_s"] = every_s
    overrides |= {name.replace("__", "."): value for name, value in settings.items()}
    loaded = load(overrides=overrides, environ={})
    return Hub(loaded, clock=clock, builtin={"builtin": builtin, "scripted": ScriptedPlugin(scripts)})


@contextmanager
def county_hub(database_url: str, home: Path, *, batches: int = 1) -> Iterator[tuple[Hub, SimulatedCounty]]:
    """A hub over a simulated county in which so many batches have arrived; organisations and endpoints are in place."""
    clock = SystemClock()
    with SimulatedCounty(home, clock, seed=7) as county:
        for _ in range(batches):
            county.next_batch()
        loaded = load(config=county.config_file, overrides={"database_url": database_url}, environ={})
        with Hub(loaded) as hub:
            hub.apply_config(county.document(), "test", "the county's document")
            yield hub, county


class Serving:
    """`hub serve` or `hub exporter` in a process of its own, after it has said where it listens."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.log = log
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hub", *arguments, "--json"],
                env=kept | {"HUB_LOG_FORMAT": "json"} | dict(environ),
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self.said: dict[str, Any] = self._read_document()

    def _read_document(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        text = ""
        for line in self.process.stdout:
            text += line
            if line.rstrip("\n") == "}":
                document: dict[str, Any] = json.loads(text)
                return document
        self.process.wait()
        return {"error": {"code": "?", "message": text + self.log.read_text()}}

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page."""
        try:
            with urllib.request.urlopen(self.said["url"] + path, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.read().decode()

    def events(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and gives the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        return self.process.wait(timeout=60)

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def until(condition: Callable[[], bool], what: str, *, limit_s: float = 60.0) -> None:
    """Returns once the condition holds; another process brings it about, and tells nobody."""
    import time

    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"{what}: not so after {limit_s:g} s"
        time.sleep(0.05)


def write_config(folder: Path, document: Mapping[str, Any]) -> Path:
    """A hub.yaml in that folder."""
    file = folder / "hub.yaml"
    file.write_text(yaml.safe_dump(dict(document), allow_unicode=True), encoding="utf-8")
    return file
