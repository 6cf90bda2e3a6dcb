"""A source that pushes and repeats loses nothing and doubles nothing, whatever happens to the hub between commit and answer (P1, P2)."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.county.app_server import AppGateway, Sent
from hub.store.engine import Store
from hub.store.migrate import migrate
from hub.store.private import PrivateServer
from tests.support.hubs import Serving, until, write_config
from tests.support.pushing import RECORDS, SECRET, app_config, appeal, push

ROOT = Path(__file__).resolve().parents[2]
SEED = 11
KILLS = 5


def value(store: Store, statement: str) -> Any:
    with store.begin() as connection:
        return connection.exec_driver_sql(statement).scalar_one()


def reconciles(store: Store, records: int, *, bad: int = 0) -> None:
    """Every record stands once, and the runs count each arrival as exactly one of the four."""
    assert value(store, "SELECT count(*) FROM source_record") == records
    assert value(store, "SELECT count(*) FROM raw_record") == records
    assert value(store, "SELECT count(*) FROM demand") == records - bad
    assert value(store, "SELECT count(DISTINCT source_no) FROM demand") == records - bad
    assert value(store, "SELECT count(*) FROM quarantine") == bad
    assert value(store, "SELECT count(*) FROM run WHERE state <> 'done'") == 0
    assert value(store, "SELECT sum(collected)::int FROM run WHERE step = 'receive'") == records
    assert (
        value(store, "SELECT sum(stored + duplicate + quarantined + pending - collected)::int FROM run") == 0
    )


def killing_itself(config: Path, at_push: int) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.door_worker", str(config), str(at_push)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize("deferred", [False, True])
def test_a_push_whose_answer_was_lost_with_its_process_is_answered_as_if_it_had_not_been(
    database_url: str, store: Store, tmp_path: Path, deferred: bool
) -> None:
    document = app_config(tmp_path, database_url)
    document["channels"]["app"]["deferred"] = deferred
    config = write_config(tmp_path, document)
    lost: list[Sent | None] = []
    with AppGateway(appeal(index) for index in range(4)) as gateway:
        for _ in range(2):
            process, url = killing_itself(config, 1)
            lost.append(gateway.push(url + RECORDS, SECRET, at_once=2))
            process.communicate()
            assert process.returncode == -signal.SIGKILL
            # The same push again, to a process that dies in answering the next one: this one is answered.
            process, url = killing_itself(config, 2)
            answered = gateway.push(url + RECORDS, SECRET, at_once=2)
            process.kill()
            process.communicate()
            assert answered is not None
            assert (answered.status, answered.answer["collected"]) == (202, 2)
            assert answered.answer["pending" if deferred else "stored"] == 2

    assert [sent.status if sent else 0 for sent in lost] == [None] * 2
    assert gateway.unsent == 0
    assert value(store, "SELECT count(*) FROM source_record") == 4
    assert value(store, "SELECT sum(collected)::int FROM run") == 4
    assert value(store, "SELECT count(*) FROM demand") == (0 if deferred else 4)
    assert value(store, "SELECT coalesce(sum(cardinality(raw_ids)), 0)::int FROM normalize_work") == (
        4 if deferred else 0
    )


def test_a_hub_killed_again_and_again_while_a_source_pushes_has_every_record_once(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    config = write_config(tmp_path, app_config(tmp_path, database_url))
    chance = random.Random(SEED)
    with AppGateway() as gateway:
        address = ["http://127.0.0.1:9"]
        enough, done = threading.Event(), threading.Event()
        pushes = 0

        def sending() -> None:
            nonlocal pushes
            while not enough.is_set():
                gateway.add(appeal(2 * pushes))
                gateway.add(appeal(2 * pushes + 1, type="吐槽" if pushes % 10 == 0 else "投诉"))
                pushes += 1
                while (sent := gateway.push(address[0] + RECORDS, SECRET, at_once=2)) and not sent.accepted:
                    assert sent.status in (None, 503)
                    time.sleep(0.02)
            done.set()

        sender = threading.Thread(target=sending)
        sender.start()
        heard = 0
        for kill in range(KILLS + 1):
            with Serving(["serve", "--port", "0"], {"HUB_CONFIG": str(config)}, tmp_path / "log") as serving:
                address[0] = serving.said["api_url"]
                before = pushes
                until(lambda n=before: pushes > n, "the source is heard")  # type: ignore[misc]
                if kill < KILLS:
                    time.sleep(chance.uniform(0.0, 0.3))
                    heard += pushes - before
                    serving.process.send_signal(signal.SIGKILL)
                else:
                    enough.set()
                    assert done.wait(120)
                    serving.end()
        sender.join()

    assert heard >= KILLS
    reconciles(store, 2 * pushes, bad=-(-pushes // 10))


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the unprivileged account of a private server can reach."""
    with tempfile.TemporaryDirectory(prefix="hub-push-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "home").mkdir(mode=0o755)
        yield folder


def test_a_database_that_goes_away_is_503_until_it_is_back_and_nothing_is_half_kept(
    place: Path, tmp_path: Path
) -> None:
    server = PrivateServer(place / "home")
    try:
        server.ensure()
        url = server.create_database("pushed")
        store = Store(url)
        migrate(store)
        config = write_config(tmp_path, app_config(tmp_path, url))
        with Serving(["serve", "--port", "0"], {"HUB_CONFIG": str(config)}, tmp_path / "log") as serving:
            door = serving.said["api_url"]
            first = push(door, appeal(1), key="msg_1")
            server.stop()
            away = [push(door, appeal(2), appeal(3), key="msg_2") for _ in range(2)]
            server.ensure()
            until(lambda: push(door, appeal(2), appeal(3), key="msg_2").status == 202, "the database is back")
            again = push(door, appeal(1), key="msg_1")
            serving.end()
        reconciles(store, 3)
        store.close()
    finally:
        server.destroy()

    assert (first.status, again.status) == (202, 202)
    assert first.body == again.body
    assert {answer.status for answer in away} == {503}
    assert {answer.document["code"] for answer in away} == {"store_unavailable"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in away)


def test_records_change_while_they_are_pushed_and_asked_for_at_once_and_the_newest_stands(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    document = app_config(tmp_path, database_url)
    document["channels"]["app"]["every_s"] = 1
    statuses = ("accepted", "assigned", "processing", "replied", "finished")
    with AppGateway(appeal(index) for index in range(20)) as gateway:
        document["channels"]["app"]["settings"]["base_url"] = gateway.url
        config = write_config(tmp_path, document)
        with Serving(["serve", "--port", "0"], {"HUB_CONFIG": str(config)}, tmp_path / "log") as serving:
            address = serving.said["api_url"] + RECORDS
            for status in statuses:
                for index in range(20):
                    now = int(datetime.now(UTC).timestamp() * 1000)
                    gateway.update(f"AP{index:012d}", update_time=now, status=status)
                answers = gateway.push_all(address, SECRET, at_once=7)
                assert {answer.status for answer in answers} == {202}
                time.sleep(0.3)
            serving.end()

    assert value(store, "SELECT count(*) FROM demand") == 20
    assert value(store, "SELECT count(*) FROM demand WHERE status = 'closed'") == 20
    assert value(store, "SELECT count(*) FROM source_record WHERE rewritten") == 0
