"""The inbound door over real HTTP: what it lets in, what it says to the rest, and what it never does."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from hub.api import receiving
from hub.api.door import InboundDoor, _Connections
from hub.county.app_server import AppGateway
from hub.errors import Code, ConfigError, StoreUnavailable
from hub.runtime import hub as runtime
from hub.runtime.hub import Hub
from hub.sdk.signing import generate_secret
from hub.store.engine import Store
from tests.support.pushing import (
    PERSON,
    RECORDS,
    SECRET,
    app_config,
    app_hub,
    appeal,
    body_of,
    knock,
    open_door,
    push,
    signed,
)

Ask = Any


@pytest.fixture
def hub(database_url: str, tmp_path: Path) -> Iterator[Hub]:
    with app_hub(app_config(tmp_path, database_url)) as hub:
        yield hub


@pytest.fixture
def door(hub: Hub) -> Iterator[InboundDoor]:
    with open_door(hub) as door:
        yield door


def small_door(database_url: str, tmp_path: Path, **changed: Any) -> Hub:
    return app_hub(app_config(tmp_path, database_url), **changed)


def number(store: Store, statement: str) -> Any:
    with store.begin() as connection:
        return connection.exec_driver_sql(statement).scalar_one()


def demands(store: Store) -> int:
    return int(number(store, "SELECT count(*) FROM demand"))


# --- let in --------------------------------------------------------------------------------------------------------


def test_a_push_is_answered_202_with_its_counts_once_its_records_are_durable(
    door: InboundDoor, store: Store
) -> None:
    answer = push(door.url, appeal(1), appeal(2), appeal(3, type="吐槽"))

    assert answer.status == 202
    assert answer.counts == (3, 2, 0, 1, 0)
    assert answer.document["codes"] == {"value_unmapped": 1}
    assert demands(store) == 2
    assert number(store, "SELECT count(*) FROM raw_record") == 3


def test_a_record_that_is_asked_for_after_it_was_pushed_is_stored_once(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    document = app_config(tmp_path, database_url)
    with AppGateway(appeal(index) for index in range(5)) as gateway:
        document["channels"]["app"]["settings"]["base_url"] = gateway.url
        with app_hub(document) as hub, open_door(hub) as door:
            (sent,) = gateway.push_all(door.url + RECORDS, SECRET)
            (report,) = hub.collect("app")
            gateway.update("AP000000000001", update_time=int(time.time() * 1000), status="replied")
            (changed,) = hub.collect("app")
            (again,) = gateway.push_all(door.url + RECORDS, SECRET)

    assert (sent.status, sent.answer["stored"]) == (202, 5)
    assert (report.records.stored, report.records.duplicate) == (0, 5)
    assert (changed.records.stored, again.answer["duplicate"]) == (1, 1)
    assert demands(store) == 5
    assert number(store, "SELECT count(*) FROM demand WHERE status = 'answered'") == 1


def test_the_same_push_again_gets_the_same_answer_and_doubles_nothing(
    door: InboundDoor, store: Store
) -> None:
    first = push(door.url, appeal(1), key="msg_1")
    again = push(door.url, appeal(1), key="msg_1")
    other = push(door.url, appeal(2), key="msg_1")

    assert (first.status, again.status, other.status) == (202, 202, 409)
    assert first.body == again.body
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert other.document["code"] == "push_key_reused"
    assert demands(store) == 1


def test_a_push_with_sm3_is_let_in_where_the_settings_say_so(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    from hub.sdk.signing import sign

    document = app_config(tmp_path, database_url)
    document["channels"]["app"]["settings"]["push"]["labels"] = ["v1sm3"]
    body = body_of(appeal(1))
    with app_hub(document) as hub, open_door(hub) as door:
        by_sha = knock(door.url, body, signed(body))
        headers = sign(SECRET, "msg_1", datetime.now(UTC), body, labels=("v1sm3",))
        by_sm3 = knock(door.url, body, {"Content-Type": "application/json", **headers})

    assert (by_sha.status, by_sm3.status) == (401, 202)


def test_during_a_change_of_secrets_both_are_let_in(database_url: str, tmp_path: Path) -> None:
    document = app_config(tmp_path, database_url)
    newer = generate_secret()
    (tmp_path / "secrets" / "app_newer").write_text(newer)
    document["channels"]["app"]["settings"]["push"]["secrets"] = ["app_newer", "app_signing"]
    with app_hub(document) as hub, open_door(hub) as door:
        bodies = [body_of(appeal(index)) for index in range(3)]
        statuses = [
            knock(door.url, body, signed(body, secret=secret)).status
            for body, secret in zip(bodies, (SECRET, newer, generate_secret()), strict=True)
        ]

    assert statuses == [202, 202, 401]


def test_whoever_is_told_of_a_push_is_told_once(hub: Hub) -> None:
    told: list[Any] = []
    with open_door(hub, told.append) as door:
        push(door.url, appeal(1), key="a")
        push(door.url, appeal(1), key="a")

    assert [one.report.records.stored for one in told] == [1]


# --- not let in ----------------------------------------------------------------------------------------------------


def refused(ask: Any, status: int, code: str, store: Store) -> Any:
    assert (ask.status, ask.document["code"]) == (status, code)
    assert set(ask.document) == {"code", "message"}
    assert ask.headers["content-type"].startswith("application/json")
    assert demands(store) == 0
    assert number(store, "SELECT count(*) FROM push_receipt") == 0
    return ask


@pytest.mark.parametrize("away_s", [-4_000, -301, 301, 4_000])
def test_a_push_outside_its_time_is_refused_and_one_within_is_not(
    door: InboundDoor, store: Store, away_s: int
) -> None:
    body = body_of(appeal(1))
    near = datetime.now(UTC) + timedelta(seconds=away_s / abs(away_s) * 200)

    refused(
        knock(door.url, body, signed(body, at=datetime.now(UTC) + timedelta(seconds=away_s))),
        401,
        "signature_invalid",
        store,
    )
    assert knock(door.url, body, signed(body, at=near)).status == 202


def test_a_refused_signature_is_answered_alike_whatever_was_wrong(door: InboundDoor, store: Store) -> None:
    body = body_of(appeal(1))
    good = signed(body, key="msg_1")
    tampered = {**good, "webhook-id": "msg_2"}
    unsigned = {"Content-Type": "application/json"}
    twice = {**good, "Webhook-Signature ": ""}
    del twice["Webhook-Signature "]
    answers = [
        knock(door.url, body, signed(body, secret=generate_secret())),
        knock(door.url, body, tampered),
        knock(door.url, body, unsigned),
        knock(door.url, body + b" ", good),
        knock(door.url, body, {**good, "webhook-timestamp": "soon"}),
    ]

    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    refused(answers[0], 401, "signature_invalid", store)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_a_header_that_comes_twice_proves_nothing(door: InboundDoor, name: str) -> None:
    body = body_of(appeal(1))
    lines = [f"{name}: {value}" for name, value in signed(body).items()]
    lines += [line for line in lines if line.startswith(name)]
    head = "\r\n".join([f"POST {RECORDS} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *lines])

    assert spoken(door, head.encode() + b"\r\n\r\n" + body).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "path",
    ["/v1/channels/nobody/records", "/v1/channels//records", "/", "/v1/channels/app/records/", "/v2", "/%00"],
)
def test_an_address_that_is_nobodys_is_404(door: InboundDoor, store: Store, path: str) -> None:
    refused(push(door.url, appeal(1), path=path), 404, "not_found", store)


def test_a_channel_that_takes_no_pushes_or_is_disabled_is_nobody(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    document = app_config(tmp_path, database_url)
    document["channels"]["box"] = {"channel": "portal", "settings": {"base_url": "http://127.0.0.1:9"}}
    document["channels"]["app"]["enabled"] = False
    document["channels"]["asked"] = {"channel": "app", "settings": {"base_url": "http://127.0.0.1:9"}}
    with app_hub(document) as hub, open_door(hub) as door:
        for instance in ("box", "app", "asked"):
            refused(
                push(door.url, appeal(1), path=f"/v1/channels/{instance}/records"), 404, "not_found", store
            )


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_405_and_says_which(door: InboundDoor, method: str) -> None:
    answer = knock(door.url, b"", {}, method=method)

    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.document["message"] == "records are sent by POST"


@pytest.mark.parametrize("content_type", ["text/html", "application/xml", ""])
def test_another_content_type_is_415(door: InboundDoor, store: Store, content_type: str) -> None:
    body = body_of(appeal(1))

    refused(
        knock(door.url, body, {**signed(body), "Content-Type": content_type}), 415, "push_media_type", store
    )


def test_a_compressed_body_is_415_and_never_unpacked(door: InboundDoor, store: Store) -> None:
    bomb = gzip.compress(b" " * 50_000_000)

    refused(knock(door.url, bomb, {**signed(bomb), "Content-Encoding": "gzip"}), 415, "page_encoding", store)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "page_not_json"),
        (b'{"records":[', 400, "page_not_json"),
        (b"<html></html>", 400, "page_html"),
        (b"[" * 100_000, 422, "page_shape"),
        (b"{}", 422, "page_shape"),
        (b'{"records":null}', 422, "page_shape"),
    ],
    ids=lambda part: repr(part)[:14],
)
def test_a_proven_body_that_is_no_push_says_why(
    door: InboundDoor, store: Store, body: bytes, status: int, code: str
) -> None:
    refused(knock(door.url, body, signed(body)), status, code, store)


@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_body_beyond_the_bound_is_413_whether_it_says_so_or_not(
    database_url: str, store: Store, tmp_path: Path, in_chunks: bool
) -> None:
    body = body_of(appeal(1, content="x" * 200_000))
    with small_door(database_url, tmp_path, api__max_body_bytes=100_000) as hub, open_door(hub) as door:
        sent = [body[start : start + 8_192] for start in range(0, len(body), 8_192)] if in_chunks else body
        refused(knock(door.url, sent, signed(body)), 413, "page_too_large", store)
        small = body_of(appeal(1))
        assert knock(door.url, [small], signed(small)).status == 202


def test_an_announced_body_beyond_the_bound_is_refused_before_it_is_read(
    door: InboundDoor, store: Store
) -> None:
    head = f"POST {RECORDS} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n".encode()

    assert spoken(door, head).startswith(b"HTTP/1.1 413 ")


def test_more_records_than_the_setting_lets_in_are_413(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    with small_door(database_url, tmp_path, api__max_records=2) as hub, open_door(hub) as door:
        refused(push(door.url, *[appeal(index) for index in range(3)]), 413, "page_too_large", store)
        assert push(door.url, appeal(1), appeal(2)).status == 202


def test_a_body_that_drips_is_cut_off(database_url: str, tmp_path: Path) -> None:
    with small_door(database_url, tmp_path, api__body_timeout_s=0.3) as hub, open_door(hub) as door:
        head = f"POST {RECORDS} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{{".encode()

        said = spoken(door, head)

    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"push_timeout"' in said


def test_a_body_whose_chunks_are_none_is_refused(door: InboundDoor, store: Store) -> None:
    head = f"POST {RECORDS} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{{}}\r\n".encode()

    assert spoken(door, head)[8:].startswith(b" 400 ")
    assert push(door.url, appeal(1)).status == 202


def test_a_sender_that_hangs_up_in_mid_body_harms_nobody(door: InboundDoor, store: Store) -> None:
    place = urlsplit(door.url)
    for _ in range(5):
        with socket.create_connection((place.hostname, place.port)) as wire:
            wire.sendall(f"POST {RECORDS} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{{".encode())

    assert push(door.url, appeal(1)).status == 202
    assert demands(store) == 1


@pytest.mark.parametrize("key", ["x" * 256, "a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(door: InboundDoor, store: Store, key: str) -> None:
    from hub.sdk.signing import HEADER_ID

    body = body_of(appeal(1))

    refused(knock(door.url, body, {**signed(body), HEADER_ID: key}), 400, "key_invalid", store)


def test_more_than_the_rate_lets_in_is_429_with_the_time_to_come_again(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    with (
        small_door(database_url, tmp_path, api__rate_per_s=0.05, api__burst=2) as hub,
        open_door(hub) as door,
    ):
        answers = [push(door.url, appeal(index)) for index in range(6)]
        forged = [knock(door.url, b"{}", signed(b"{}", secret=generate_secret())) for _ in range(3)]

    assert [answer.status for answer in answers] == [202, 202, 429, 429, 429, 429]
    assert answers[2].document["code"] == "source_rate_limited"
    # Whoever comes too often makes nobody's wait longer.
    assert all(0 < int(answer.headers["retry-after"]) <= 20 for answer in answers[2:])
    assert {answer.status for answer in forged} == {401}
    assert demands(store) == 2


def test_when_too_many_bodies_are_under_way_the_door_is_busy(
    door: InboundDoor, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "BUFFERED_BYTES", 100)

    answer = refused(push(door.url, appeal(1)), 503, "stream_busy", store)
    assert int(answer.headers["retry-after"]) >= 1
    monkeypatch.undo()
    assert push(door.url, appeal(1)).status == 202


# --- our own faults ------------------------------------------------------------------------------------------------


def test_a_database_that_is_away_is_503_and_the_push_comes_in_when_it_is_back(
    door: InboundDoor, hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the database cannot be reached", code=Code.STORE_UNAVAILABLE)

    monkeypatch.setattr(hub.store, "begin", away)
    answer = refused(push(door.url, appeal(1), key="msg_1"), 503, "store_unavailable", store)
    monkeypatch.undo()

    assert int(answer.headers["retry-after"]) >= 1
    assert push(door.url, appeal(1), key="msg_1").status == 202


def test_a_missing_secret_is_our_fault_and_is_told_to_our_own_people_alone(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    document = app_config(tmp_path, database_url)
    (tmp_path / "secrets" / "app_signing").unlink()
    with app_hub(document) as hub, open_door(hub) as door:
        answer = refused(push(door.url, appeal(1)), 503, "config_invalid", store)

    assert "retry-after" in answer.headers
    assert b"app_signing" not in answer.body


def test_a_fault_in_our_own_code_is_500_and_shows_nothing(
    door: InboundDoor, hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("13812345678")

    monkeypatch.setattr(runtime.Hub, "receive", broken)
    answer = refused(push(door.url, appeal(1)), 500, "unexpected", store)

    assert b"13812345678" not in answer.body


def test_a_port_that_is_taken_is_said_clearly(door: InboundDoor, database_url: str, tmp_path: Path) -> None:
    taken = rf"{door.port} cannot be bound .* api\.port"
    with (
        small_door(database_url, tmp_path, api__port=door.port) as hub,
        pytest.raises(ConfigError, match=taken),
    ):
        InboundDoor(hub)


# --- what it tells -------------------------------------------------------------------------------------------------


def test_log_metrics_and_answers_hold_nothing_of_a_person(
    door: InboundDoor, hub: Hub, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    from hub.metrics.collector import HubCollector

    caplog.set_level(0)
    answers = [
        push(door.url, appeal(1), appeal(2, type="张三丰 13812345678")),
        push(door.url, {"appealId": None, **PERSON}),
        knock(door.url, body_of(appeal(3)), signed(body_of(appeal(4)))),
        push(door.url, appeal(5), path="/v1/channels/13812345678/records"),
        push(door.url, appeal(5), path=f"/v1/channels/{quote('张三丰')}/records?mobile=13812345678"),
        knock(door.url, b'{"records": "13812345678', signed(b'{"records": "13812345678')),
    ]
    page = HubCollector(hub, door.figures.metrics).page({}).body.decode()
    written = capsys.readouterr()
    told = "".join(
        [page, written.out, written.err, caplog.text, *(answer.body.decode() for answer in answers)]
    )

    assert 'hub_push_requests_total{instance="app",status="202"} 2.0' in page
    assert [word for word in PERSON.values() if word in told] == []


def test_requests_are_counted_by_status_with_their_time_and_size(door: InboundDoor, hub: Hub) -> None:
    from hub.metrics.collector import HubCollector

    body = body_of(appeal(1))
    knock(door.url, body, signed(body))
    knock(door.url, body, {})
    push(door.url, appeal(2), path="/v1/channels/nobody/records")
    knock(door.url, b"", {}, path="/v1/health", method="GET")
    page = HubCollector(hub, door.figures.metrics).page({}).body.decode()

    assert 'hub_push_requests_total{instance="app",status="202"} 1.0' in page
    assert 'hub_push_requests_total{instance="app",status="415"} 1.0' in page
    assert 'hub_push_requests_total{instance="",status="404"} 1.0' in page
    assert f'hub_push_bytes_total{{instance="app"}} {float(2 * len(body))}' in page
    assert 'hub_push_duration_seconds_count{instance="app"} 2.0' in page
    assert 'hub_push_duration_seconds_bucket{instance="app",le="30.0"} 2.0' in page


def test_a_probe_sees_that_the_door_is_open(door: InboundDoor) -> None:
    answer = knock(door.url, b"", {}, path="/v1/health", method="GET")

    assert (answer.status, answer.document) == (200, {"status": "ok"})
    assert door.part()["door"]["ok"] is True


# --- connections ---------------------------------------------------------------------------------------------------


def spoken(door: InboundDoor, words: bytes) -> bytes:
    """The first bytes of the answer to these very bytes."""
    place = urlsplit(door.url)
    with socket.create_connection((place.hostname, place.port), timeout=30) as wire:
        wire.sendall(words)
        return wire.recv(4_096)


def test_a_connection_stays_open_for_the_next_push(door: InboundDoor) -> None:
    import http.client

    place = urlsplit(door.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    statuses = []
    for index in range(3):
        body = body_of(appeal(index))
        connection.request("POST", RECORDS, body, signed(body))
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()

    assert statuses == [202, 202, 202]


def test_connections_on_which_nobody_asks_are_closed_after_a_while_and_the_busy_ones_stay() -> None:
    class Wire:
        def __init__(self) -> None:
            self.aborted = False
            self.transport = self

        def abort(self) -> None:
            self.aborted = True

    watch = _Connections()
    idle, busy, young = Wire(), Wire(), Wire()
    watch._asking.add(id(busy))
    watch.look([idle, busy], 0.0)
    watch.look([idle, busy, young], 60.0)
    watch.look([idle, busy, young], 80.0)

    assert (idle.aborted, busy.aborted, young.aborted) == (True, False, False)
    crowd = [Wire() for _ in range(515)]
    watch.look(crowd[:1], 100.0)
    watch.look(crowd, 101.0)
    assert sum(one.aborted for one in crowd) == 3
    assert crowd[0].aborted


def test_stopping_lets_those_who_are_in_finish_and_nobody_else_in(
    hub: Hub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go_on = threading.Event(), threading.Event()
    whole = Hub.receive

    def slow(self: Hub, *arguments: Any) -> Any:
        inside.set()
        go_on.wait(30)
        return whole(self, *arguments)

    monkeypatch.setattr(Hub, "receive", slow)
    answers: list[Any] = []
    with open_door(hub) as door:
        sender = threading.Thread(target=lambda: answers.append(push(door.url, appeal(1))))
        sender.start()
        assert inside.wait(30)
        stopping = threading.Thread(target=door.stop)
        stopping.start()
        while door.alive:
            time.sleep(0.01)
        with pytest.raises(OSError):
            push(door.url, appeal(2))
        go_on.set()
        stopping.join()
        sender.join()

    assert [answer.status for answer in answers] == [202]
    assert demands(store) == 1


def test_a_channel_whose_records_are_held_up_keeps_no_other_waiting(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    document = app_config(tmp_path, database_url)
    document["channels"]["second"] = document["channels"]["app"]
    answers: list[Any] = []
    with app_hub(document) as hub, open_door(hub) as door:
        push(door.url, appeal(0))
        senders = [
            threading.Thread(target=lambda n=index: answers.append(push(door.url, appeal(n))))
            for index in range(1, 7)
        ]
        with store.begin() as connection:
            connection.exec_driver_sql("SELECT 1 FROM stream_state FOR UPDATE")
            for sender in senders:
                sender.start()
            other = push(door.url, appeal(9), path="/v1/channels/second/records")
            assert answers == []
        for sender in senders:
            sender.join()

    assert other.status == 202
    assert [answer.status for answer in answers] == [202] * 6


def test_many_sources_at_once_are_all_let_in(door: InboundDoor, store: Store) -> None:
    statuses: list[int] = []

    def send(source: int) -> None:
        statuses.extend(push(door.url, appeal(100 * source + index)).status for index in range(10))

    senders = [threading.Thread(target=send, args=(source,)) for source in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert statuses == [202] * 80
    assert demands(store) == 80
    assert json.loads(json.dumps(number(store, "SELECT count(DISTINCT demand_no) FROM demand"))) == 80
