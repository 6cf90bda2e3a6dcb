"""`hub serve` with its door open: pushed demands go the whole way, and what happens to the process happens to nobody's records."""

from __future__ import annotations

import json
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from hub.store.engine import Store
from tests.support.hubs import Serving, until, write_config
from tests.support.pushing import PERSON, Answer, app_config, appeal, body_of, knock, push, signed


def serving(document: dict[str, Any], folder: Path) -> Serving:
    return Serving(
        ["serve", "--port", "0"], {"HUB_CONFIG": str(write_config(folder, document))}, folder / "log"
    )


def number(store: Store, statement: str) -> Any:
    with store.begin() as connection:
        return connection.exec_driver_sql(statement).scalar_one()


def test_what_is_pushed_is_judged_at_once_and_shows_in_health_and_metrics(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    document = app_config(tmp_path, database_url)
    document["serve"]["pipeline_every_s"] = 3_000.0  # only the push itself wakes the chain
    with serving(document, tmp_path) as served:
        answer = push(served.said["api_url"], *[appeal(index) for index in range(4)])
        until(lambda: number(store, "SELECT count(*) FROM signal") > 0, "the same person's signal")
        parts = json.loads(served.get("/healthz")[1])["parts"]
        page = served.get("/metrics")[1]
        assert served.end() == 0

    assert answer.counts == (4, 4, 0, 0, 0)
    assert (parts["door"]["ok"], parts["door"]["requests"]) == (True, 1)
    assert 'hub_push_requests_total{instance="app",status="202"} 1.0' in page
    assert 'hub_records{instance="app",outcome="stored"} 4.0' in page
    assert 'hub_runs_total{instance="app",state="done",step="receive"} 1.0' in page


def test_a_deferred_channels_pushes_are_normalized_by_the_chain(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    document = app_config(tmp_path, database_url)
    document["channels"]["app"]["deferred"] = True
    with serving(document, tmp_path) as served:
        answer = push(served.said["api_url"], appeal(1), appeal(2, status="nowhere"))
        until(lambda: number(store, "SELECT sum(pending)::int FROM run") == 0, "both are read")
        served.end()

    assert answer.counts == (2, 0, 0, 0, 2)
    assert number(store, "SELECT count(*) FROM demand") == 1
    assert number(store, "SELECT code FROM quarantine") == "value_unmapped"


def test_the_log_of_a_door_names_no_citizen(database_url: str, tmp_path: Path) -> None:
    with serving(app_config(tmp_path, database_url), tmp_path) as served:
        url = served.said["api_url"]
        push(url, appeal(1), appeal(2, status=PERSON["userName"]))
        push(url, appeal(1), path=f"/v1/channels/{PERSON['mobile']}/records")
        body = body_of(appeal(3))
        knock(url, body, {**signed(body), "webhook-id": PERSON["mobile"]})
        knock(url, body[:-3], signed(body[:-3]))
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as wire:
            wire.sendall(f"POST /{PERSON['mobile']} HTTP/1.1\r\n{PERSON['mobile']}\r\n\r\n".encode())
            wire.recv(4_096)
        served.end()
        told = [event for event in served.events() if event["event"].startswith("push")]
        log = served.log.read_text()

    assert {event["status"] for event in told} >= {202, 401, 404, 400}
    assert [word for word in PERSON.values() if word in log] == []


def test_sigterm_lets_a_push_that_is_in_finish(database_url: str, store: Store, tmp_path: Path) -> None:
    answers: list[Answer] = []
    with serving(app_config(tmp_path, database_url), tmp_path) as served:
        url = served.said["api_url"]
        push(url, appeal(0))
        with store.begin() as connection:
            # While the stream's row is held the push waits inside.
            connection.exec_driver_sql("SELECT 1 FROM stream_state FOR UPDATE")
            sender = threading.Thread(target=lambda: answers.append(push(url, appeal(1))))
            sender.start()
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database()"
            )
            until(lambda: connection.exec_driver_sql(waiting).scalar_one() == 1, "the push waits")
            served.process.send_signal(signal.SIGTERM)
            until(
                lambda: any(event["event"] == "stopping" for event in served.events()), "the hub is stopping"
            )
        sender.join()
        assert served.wait() == 0

    assert [answer.status for answer in answers] == [202]
    assert number(store, "SELECT count(*) FROM demand") == 2


def test_a_door_whose_port_is_taken_ends_the_hub_with_a_clear_word(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        document = app_config(tmp_path, database_url, api={"port": taken.getsockname()[1]})
        with serving(document, tmp_path) as served:
            assert served.wait() == 4

    assert "api.port" in json.dumps(served.said)


def test_without_a_port_there_is_no_door(database_url: str, tmp_path: Path) -> None:
    document = app_config(tmp_path, database_url)
    del document["api"]
    with serving(document, tmp_path) as served:
        health = json.loads(served.get("/healthz")[1])
        served.end()

    assert "api_url" not in served.said
    assert "door" not in health["parts"]


def test_two_hubs_on_one_database_take_the_pushes_of_one_source(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    document = app_config(tmp_path, database_url)
    with serving(document, tmp_path / "a") as one, serving(document, tmp_path / "b") as other:
        urls = [one.said["api_url"], other.said["api_url"]]
        answers: list[Answer] = []
        together = threading.Barrier(2)

        def send(url: str) -> None:
            for index in range(15):
                together.wait()
                answers.append(push(url, appeal(index), appeal(100 + index), key=f"msg_{index}"))

        senders = [threading.Thread(target=send, args=(url,)) for url in urls]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        one.end()
        other.end()

    assert [answer.status for answer in answers] == [202] * 30
    assert {answer.counts for answer in answers} == {(2, 2, 0, 0, 0)}
    assert number(store, "SELECT count(*) FROM demand") == 30
    assert number(store, "SELECT count(*) FROM run WHERE step = 'receive'") == 15
    assert number(store, "SELECT sum(collected)::int FROM run") == 30
