"""Killed at any point, or shared by two processes: the end state is that of one undisturbed process (P1, P2)."""

from __future__ import annotations

import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from ast import literal_eval
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.clock import SystemClock
from hub.county.portal_server import PortalServer
from hub.county.render import portal as portal_render
from hub.county.simulated import SimulatedCounty
from hub.county.world.batches import Batches
from hub.county.world.voices import Voice
from hub.runtime import open_hub
from hub.store.engine import Store
from hub.store.private import PrivateServer
from tests.db import TEMPLATE
from tests.support.end_state import end_state
from tests.support.worker import STEPS

ROOT = Path(__file__).resolve().parents[2]
SEED = 3
KILLS_PER_STEP = 3
LONGEST_S = {
    "collect": 1.2,
    "normalize": 0.6,
    "evaluate": 0.4,
    "triage": 0.2,
    "dispatch": 0.2,
    "deliver": 0.5,
}


CHANNELS = ("eagle_eye", "hotline", "mailbox", "portal", "presubmission_window", "unresolved_window")


@pytest.fixture
def county(tmp_path: Path) -> Iterator[SimulatedCounty]:
    with SimulatedCounty(tmp_path / "county", SystemClock(), seed=SEED, channels=CHANNELS) as running:
        running.next_batch()
        running.next_batch()
        yield running


def ready_hub(county: SimulatedCounty, server: PrivateServer, tmp_path: Path, name: str) -> tuple[Path, str]:
    """A hub of its own on this county: small pages, one channel that normalizes later; its hub.yaml and database."""
    url = server.create_database(f"e2e_{name}_{secrets.token_hex(4)}", template=TEMPLATE)
    document: dict[str, Any] = yaml.safe_load(county.config_file.read_text(encoding="utf-8"))
    document |= {"home": str(tmp_path / name), "database_url": url}
    document["channels"]["portal"] |= {"deferred": True}
    document["channels"]["portal"]["settings"]["page_size"] = 7
    document["channels"]["mailbox"]["settings"]["source"]["batch"] = 4
    document["channels"]["hotline"]["settings"]["source"]["page_size"] = 15
    document["channels"]["eagle_eye"]["settings"]["source"]["page_size"] = 20
    # Several hubs look at one county: each finds the files where they were dropped.
    for window in ("presubmission_window", "unresolved_window"):
        document["channels"][window]["settings"]["files"] |= {"after_reading": "keep", "batch": 5}
    config = tmp_path / f"{name}.yaml"
    config.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    with open_hub(config=config) as hub:
        hub.apply_config(county.document() | {"rules": _by_the_records_alone()}, "test")
    return config, url


def _by_the_records_alone() -> list[dict[str, Any]]:
    """Leaves out the rules whose answer goes by more than what is stored in the end.

    Which demands are one matter goes by the order in which they came (docs/matters.md), and W20 by the moments at which warnings were
    issued: neither is the same for one process and for two. Of two warnings about one demand the first to be dispatched gets the order.
    """
    other = ("W02a", "W02b", "W02c", "W03", "W04", "W05", "W06", "W07", "W09", "W10", "W20", "R78")
    return [
        {"rule_id": rule_id, "enabled": False, "reason": "goes by the order of arrival"} for rule_id in other
    ]


def start(config: Path, *steps: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.worker", str(config), *steps],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(worker: subprocess.Popen[str]) -> None:
    out, err = worker.communicate(timeout=120)
    assert worker.returncode == 0, err
    assert out.endswith("done\n")


def state_of(url: str) -> dict[str, list[Any]]:
    store = Store(url)
    try:
        return end_state(store)
    finally:
        store.close()


@pytest.fixture
def undisturbed(county: SimulatedCounty, wheel_server: PrivateServer, tmp_path: Path) -> dict[str, list[Any]]:
    config, url = ready_hub(county, wheel_server, tmp_path, "undisturbed")
    finish(start(config))
    state = state_of(url)
    assert state["orders"]
    assert state["quarantine"]
    assert {message[2] for message in state["messages"]} == {"delivered"}
    for receiver in county.receivers.values():
        receiver.effects.clear()
    return state


def test_a_process_killed_again_and_again_loses_nothing_and_doubles_nothing(
    county: SimulatedCounty, wheel_server: PrivateServer, tmp_path: Path, undisturbed: dict[str, list[Any]]
) -> None:
    before = {code: set(receiver.effects) for code, receiver in county.receivers.items()}
    config, url = ready_hub(county, wheel_server, tmp_path, "killed")
    chance = random.Random(SEED)
    killed = 0
    for step in STEPS:
        for _ in range(KILLS_PER_STEP):
            worker = start(config, step)
            assert worker.stdout is not None
            assert worker.stdout.readline() == f"{step}\n"  # from here on the step may be anywhere
            time.sleep(chance.uniform(0.0, LONGEST_S[step]))
            worker.send_signal(signal.SIGKILL)
            worker.communicate()
            killed += worker.returncode == -signal.SIGKILL
        release_leases(url)
        finish(start(config, step))
    assert killed > len(STEPS)  # most died in the middle of something; the rest were done before their time
    assert state_of(url) == undisturbed
    happened = [
        count
        for code, receiver in county.receivers.items()
        for message, count in receiver.effects.items()
        if message not in before[code]
    ]
    assert happened == [1] * len(undisturbed["messages"])


def release_leases(url: str) -> None:
    """As if the time of a dead process's leases had passed."""
    store = Store(url)
    with store.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE outbox SET lease_until = now() - interval '1 s' WHERE state = 'waiting'"
        )
    store.close()


def test_two_processes_in_every_step_at_once_end_like_one(
    county: SimulatedCounty, wheel_server: PrivateServer, tmp_path: Path, undisturbed: dict[str, list[Any]]
) -> None:
    config, url = ready_hub(county, wheel_server, tmp_path, "shared")
    for step in STEPS:
        for worker in [start(config, step) for _ in range(2)]:
            finish(worker)
    assert state_of(url) == undisturbed


def test_two_processes_that_do_not_wait_for_each_other_hand_over_what_was_known_by_then(
    county: SimulatedCounty, wheel_server: PrivateServer, tmp_path: Path, undisturbed: dict[str, list[Any]]
) -> None:
    """One may hand over an order while the other still brings in demands: all else is as if one had done it."""
    config, url = ready_hub(county, wheel_server, tmp_path, "racing")
    for worker in [start(config) for _ in range(2)]:
        finish(worker)
    finish(start(config))
    raced = state_of(url)
    told, expected = raced.pop("orders"), undisturbed.pop("orders")
    assert raced == undisturbed
    assert [order[:3] for order in told] == [order[:3] for order in expected]
    # An order about a case or a finding is about no demand.
    wholes = [set(literal_eval(order[3]) or ()) for order in expected]
    for order in told:
        members = set(literal_eval(order[3]) or ())
        assert any(members <= whole for whole in wholes), order
    assert sum(bool(literal_eval(order[3])) for order in told) == sum(map(bool, wholes)) > 0


class HeldAtPageTwo(PortalServer):
    """A newest-first portal that keeps the first question for its second page waiting."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        super().__init__(records, order="descending")
        self.asked = threading.Event()
        self.released = threading.Event()

    def answer(self, target: str, authorization: str | None) -> tuple[int, bytes]:
        if "pageNum=2" in target and not self.released.is_set():
            self.asked.set()
            self.released.wait(60)
        return super().answer(target, authorization)


def test_a_newest_first_source_killed_after_its_first_page_ends_with_every_record(
    wheel_server: PrivateServer, tmp_path: Path
) -> None:
    began = datetime(2026, 11, 20, tzinfo=UTC)
    voices = Batches(SEED).batch(0, began).of("portal")
    latest = {voice.number: portal_render.record(voice) for voice in voices if isinstance(voice, Voice)}
    records = list(latest.values())
    readable = [record for record in records if record["zxbh"]]
    url = wheel_server.create_database(f"e2e_newest_{secrets.token_hex(4)}", template=TEMPLATE)
    with HeldAtPageTwo(records) as portal:
        document = {
            "home": str(tmp_path / "newest"),
            "database_url": url,
            "channels": {
                "portal": {"channel": "portal", "settings": {"base_url": portal.url, "page_size": 10}}
            },
        }
        config = tmp_path / "newest.yaml"
        config.write_text(yaml.safe_dump(document), encoding="utf-8")
        worker = start(config, "collect")
        assert portal.asked.wait(60)
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        portal.released.set()
        landed = {row[1] for row in state_of(url)["identities"]}
        assert 0 < len(landed) < len(readable)  # its first page, the newest records
        finish(start(config, "collect"))
    assert {row[1] for row in state_of(url)["identities"]} >= {record["zxbh"] for record in readable}
