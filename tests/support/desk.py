"""A hub as an operator has it: hub.yaml, a key ring, a database, a portal and a department on loopback; and the command `hub`.

Loaded by conftest.py; a test takes the fixture ``desk``.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from hub.cli.app import main
from hub.clock import COUNTY_ZONE
from hub.county.portal_server import PortalServer
from hub.county.receivers import DepartmentReceiver
from hub.runtime import open_hub
from hub.runtime.hub import Hub
from hub.sdk.signing import generate_secret
from hub.store.engine import Store

ROOT = Path(__file__).resolve().parents[2]
PHONE = "13812340001"
OTHER_PHONE = "15937600002"


@dataclass(frozen=True)
class Answer:
    """What one call of `hub` gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout; fails where there is anything else."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def record(
    number: int,
    *,
    days_ago: float = 3.0,
    phone: str | None = OTHER_PHONE,
    name: str = "李秀英",
    kind: str = "2",
    words: str = "到二楼窗口交材料，一直没有受理。",
) -> dict[str, Any]:
    """A portal record; ``phone`` unmasked, so that the person is known."""
    at = (datetime.now(COUNTY_ZONE) - timedelta(days=days_ago, seconds=number % 86_400)).strftime(
        "%Y-%m-%d %H:%M:%S"
    )
    return {
        "zxbh": f"ZX{number:018d}",
        "lx": kind,
        "bt": "窗口迟迟没有受理",
        "nr": f"第{number}次：{words}",
        "xm": name,
        "sjh": phone,
        "sfgk": "1",
        "tjsj": at,
        "gxsj": at,
        "zt": "1",
    }


class HeldPortal(PortalServer):
    """A portal that answers so many requests and then waits until it is let go.

    Attributes:
        reached: Set when a request waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self._free = threading.Event()
        self._left: int | None = None
        self._instead: tuple[int, bytes] | None = None

    def answer_once(self, status: int, body: bytes) -> None:
        """Gives this answer to the next request."""
        self._instead = (status, body)

    def hold_after(self, requests: int) -> None:
        """Lets so many requests through."""
        self._left = requests

    def let_go(self) -> None:
        """Answers what waits, and everything after it."""
        self._left = None
        self._free.set()

    def answer(self, target: str, authorization: str | None) -> tuple[int, bytes]:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self.reached.set()
                self._free.wait(120)
        if self._instead is not None:
            instead, self._instead = self._instead, None
            return instead
        return super().answer(target, authorization)


class Desk:
    """One hub on a database of its own.

    Attributes:
        config_file: Its hub.yaml.
        portal: What the channel ``portal`` reads.
        department: The webhook of the organisation ``bureau``.
    """

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.database_url = database_url
        self.portal = HeldPortal()
        self.secret = generate_secret()
        self.department = DepartmentReceiver("bureau", self.secret)
        (folder / "secrets").mkdir()
        (folder / "secrets" / "bureau_secret").write_text(self.secret)
        self.settings: dict[str, Any] = {
            "home": str(self.home),
            "database_url": database_url,
            "secrets_dir": str(folder / "secrets"),
            "log_format": "json",
            "channels": {
                "portal": {"channel": "portal", "settings": {"base_url": self.portal.url, "page_size": 50}}
            },
        }
        self.config_file = folder / "hub.yaml"
        self.configure()

    def configure(self, **changes: Any) -> None:
        """Writes hub.yaml, with these top-level settings changed; None takes one out."""
        self.settings = {
            name: value for name, value in {**self.settings, **changes}.items() if value is not None
        }
        self.config_file.write_text(yaml.safe_dump(self.settings, allow_unicode=True))

    def hub(self, *args: str) -> Answer:
        """The command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["--config", str(self.config_file), *args])
        return Answer(code, out.getvalue(), err.getvalue())

    def process(self, *args: str, given: str = "", **environ: str) -> Answer:
        """The command in a process of its own."""
        done = subprocess.run(
            self.command(*args),
            input=given,
            capture_output=True,
            text=True,
            env={**os.environ, **environ},
            cwd=self.folder,
            check=False,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def command(self, *args: str) -> list[str]:
        """The command line of a process."""
        return [sys.executable, "-m", "hub", "--config", str(self.config_file), *args]

    def opened(self) -> Hub:
        """The hub itself, for a look at what the commands did; a context manager."""
        return open_hub(config=self.config_file)

    def rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """What stands in the database; a statement that gives no rows is carried out."""
        store = Store(self.database_url)
        try:
            with store.begin() as connection:
                result = connection.execute(text(statement), values)
                return result.all() if result.returns_rows else []
        finally:
            store.close()

    def value(self, statement: str, **values: Any) -> Any:
        """The one value of a query."""
        ((found,),) = self.rows(statement, **values)
        return found

    def same_person_three_times(self, first: int = 1) -> None:
        """Three complaints of one person within a month: enough for W01."""
        for number in range(first, first + 3):
            self.portal.add(record(number, phone=PHONE, name="张建国"))

    def apply_config(self) -> None:
        """Names the office and a bureau with a webhook; everything about the portal goes to the bureau."""
        document = {
            "organisations": [
                {"code": "office", "name": "处置办理股室", "level": "county", "handling_office": True},
                {"code": "bureau", "name": "县自然资源局", "level": "county"},
            ],
            "endpoints": [
                {
                    "id": "bureau-webhook",
                    "organisation": "bureau",
                    "url": self.department.url,
                    "secrets": ["bureau_secret"],
                }
            ],
            "routing": [{"id": "portal", "matches": {"channel": ["portal"]}, "organisation": "bureau"}],
        }
        file = self.folder / "county.yaml"
        file.write_text(yaml.safe_dump(document, allow_unicode=True))
        done = self.hub("config", "apply", str(file))
        assert done.code == 0, done.err


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """A hub on a fresh, migrated database, with its portal and its department running."""
    made = Desk(tmp_path, database_url)
    with made.portal, made.department:
        yield made


def issued(desk: Desk) -> str:
    """A warning about one person's three complaints, dispatched and delivered; its number."""
    desk.apply_config()
    desk.same_person_three_times()
    desk.hub("run", "once")
    (one,) = desk.hub("signal", "list", "--json").document["signals"]
    decided = desk.hub(
        "signal", "triage", one["signal_id"], "--issue", "--by", "王科长", "--reason", "反复反映", "--json"
    )
    assert decided.code == 0, decided.err
    number: str = decided.document["decision"]["warning_no"]
    assert desk.hub("run", "once", "--step", "dispatch", "--step", "deliver").code == 0
    return number


def said_once(answer: Answer) -> str:
    """The one message on stderr: a single line, no traceback."""
    lines = answer.err.strip().splitlines()
    assert len(lines) == 1, answer.err
    assert "Traceback" not in answer.err
    return lines[0]
