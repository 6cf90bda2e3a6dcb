"""Everything works with the network cable to the outside pulled (P10)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.offline import REFUSED

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = [sys.executable, "-m", "tests.support.offline"]


@pytest.mark.requirement("R24")
def test_the_whole_way_is_walked_by_a_machine_that_has_no_network_but_its_own(tmp_path: Path) -> None:
    reach = "import socket; socket.create_connection(('192.0.2.1', 9), 5)"
    alone = subprocess.run(
        [*OFFLINE, sys.executable, "-c", reach], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if alone.returncode == REFUSED:
        pytest.skip("this kernel lets the account make no network namespace")
    assert "Network is unreachable" in alone.stderr
    walked = subprocess.run(
        [*OFFLINE, sys.executable, "-m", "hub", "demo", "--once", "--json"],
        cwd=ROOT,
        env={**os.environ, "HUB_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert walked.returncode == 0, walked.stderr
    document = json.loads(walked.stdout)
    assert document["reconciles"]
    assert all(document["totals"][name] for name in ("signals", "warnings", "orders", "delivered"))
