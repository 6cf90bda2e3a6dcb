"""What a run with nothing new imports: what its own channel needs, whatever else is installed beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hub.county.portal_server import PortalServer

# What a reader of another kind takes, by the module that is dear to import; each is for its first use.
HEAVY = {
    "aiohttp": "webhooks of the deliver step",
    "alembic": "migrating",
    "chinese_calendar": "terms in working days",
    "hub.county": "the simulated county",
    "lxml": "XML and markup",
    "paramiko": "files over SFTP",
    "pymysql": "views on MariaDB",
    "python_calamine": "sheets",
    "rich": "tables on a terminal",
    "sqlalchemy.dialects.mssql": "views on SQL Server",
    "sqlalchemy.dialects.mysql": "views on MariaDB",
    "sqlalchemy.dialects.oracle": "views on Oracle",
    "sqlalchemy.dialects.sqlite": "views on SQLite",
}
RUN = """
import json, sys
sys.argv = ["hub", "channel", "run", "quiet", "--json"]
from hub.__main__ import main
code = main()
loaded = [name for name in json.loads(sys.stdin.read()) if name in sys.modules]
channels = sorted(name for name in sys.modules if name.startswith("hub_channel_") and name.endswith(".channel"))
print(json.dumps({"code": code, "heavy": loaded, "channels": channels}))
"""


@pytest.fixture
def told(tmp_path: Path, database_url: str) -> dict[str, Any]:
    """What a process said of itself that collected from a portal without records."""
    with PortalServer() as portal:
        settings = {"channels": {"quiet": {"channel": "portal", "settings": {"base_url": portal.url}}}}
        (tmp_path / "hub.yaml").write_text(json.dumps(settings))
        own = {
            "HUB_DATABASE_URL": database_url,
            "HUB_HOME": str(tmp_path),
            "HUB_CONFIG": str(tmp_path / "hub.yaml"),
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        done = subprocess.run(
            [sys.executable, "-c", RUN],
            input=json.dumps(sorted(HEAVY)),
            env=kept | own,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_installed_channels_bring_no_heavy_reader_into_a_run_of_another_channel(
    told: dict[str, Any],
) -> None:
    assert told["code"] == 0
    assert "hub_channel_mailbox.channel" in told["channels"]  # the others were asked what they bring
    assert {name: HEAVY[name] for name in told["heavy"]} == {}


def test_what_a_run_must_not_import_is_there_to_be_imported() -> None:
    assert [name for name in HEAVY if find_spec(name) is None] == []
