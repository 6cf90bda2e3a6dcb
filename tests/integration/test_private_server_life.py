"""The private server starts, is shared, and survives the death of any process, with any programs and under any account."""

import os
import random
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from hub.errors import ConfigError, NotFound, StateConflict
from hub.store.private import PrivateServer, postmaster
from tests.support.hubs import until
from tests.support.private_ground import ACCOUNTS, DEBIAN_15, Ground, ground, kill, processes_in
from tests.support.private_peer import Refused

PROGRAMS = [
    pytest.param(None, id="wheel"),
    pytest.param(DEBIAN_15, id="debian15", marks=pytest.mark.debian("postgresql-15")),
]


@pytest.fixture(params=PROGRAMS)
def bin_dir(request):
    return request.param


@pytest.fixture(params=ACCOUNTS)
def laid(request, bin_dir):
    with ground(request.param, bin_dir) as laid:
        yield laid


@pytest.fixture
def place():
    with ground() as laid:
        yield laid


def test_first_start_answers_with_utf8_checksums_and_no_tcp(laid):
    peer = laid.peer()
    peer.ask("ensure")
    names = (
        "server_encoding",
        "data_checksums",
        "fsync",
        "listen_addresses",
        "password_encryption",
        "TimeZone",
    )
    found = [peer.ask("sql", statement=f"show {name}")[0][0] for name in names]
    assert found == ["UTF8", "on", "on", "", "scram-sha-256", "UTC"]
    assert peer.ask("status")["running"] is True


def test_second_process_attaches_to_the_same_server(laid):
    first, second = laid.peer(), laid.peer()
    assert first.ask("ensure") == second.ask("ensure")


def test_two_processes_starting_at_once_share_one_server(laid):
    peers = [laid.peer() for _ in range(3)]
    for peer in peers:
        peer.tell("ensure")
    assert len({peer.answer() for peer in peers}) == 1


def test_server_and_rows_outlive_a_starter_that_is_killed(laid):
    first = laid.peer()
    started = first.ask("ensure")
    first.ask("sql", statement="create table kept as select 7 as n")
    first.kill()
    second = laid.peer()
    assert second.ask("ensure") == started
    assert second.ask("sql", statement="select n from kept") == [[7]]


def test_committed_rows_are_there_after_the_postmaster_alone_is_killed(laid):
    peer = laid.peer()
    started = peer.ask("ensure")
    peer.ask("sql", statement="create table kept as select 7 as n")
    kill([peer.ask("status")["pid"]])
    again = laid.peer()
    assert again.ask("ensure") != started
    assert again.ask("sql", statement="select n from kept") == [[7]]


def test_committed_rows_are_there_after_every_process_is_killed(laid):
    peer = laid.peer()
    peer.ask("ensure")
    peer.ask("sql", statement="create table kept as select 7 as n")
    data = Path(peer.ask("status")["data_folder"])
    peer.kill()
    kill(processes_in(data))
    again = laid.peer()
    again.ask("ensure")
    assert again.ask("sql", statement="select n from kept") == [[7]]


def test_last_release_stops_the_server_and_no_earlier_one(laid):
    first, second = laid.peer(), laid.peer()
    first.ask("ensure")
    second.ask("ensure")
    data = Path(first.ask("status")["data_folder"])
    first.ask("release")
    assert second.ask("sql", statement="select 1") == [[1]]
    second.ask("release")
    assert processes_in(data) == []
    assert second.ask("status")["state"] == "stopped"


def test_killed_user_no_longer_counts(place):
    killed, last = place.peer(), place.peer()
    killed.ask("ensure")
    last.ask("ensure")
    killed.kill()
    last.ask("release")
    assert last.ask("status")["running"] is False


def test_kept_server_outlives_its_last_user_until_it_is_stopped(place):
    peer = place.peer()
    peer.ask("ensure", lifetime="keep")
    peer.ask("release")
    assert peer.ask("status")["lifetime"] == "keep"
    assert peer.ask("stop") is True
    assert peer.ask("status")["running"] is False
    assert peer.ask("stop") is False


def test_running_server_becomes_kept_when_one_user_asks_for_it(place):
    first, second = place.peer(), place.peer()
    started = first.ask("ensure")
    assert second.ask("ensure", lifetime="keep") == started
    second.ask("release")
    first.ask("release")
    assert first.ask("status")["running"] is True


def test_kept_server_is_kept_again_after_a_kill(place):
    peer = place.peer()
    peer.ask("ensure", lifetime="keep")
    data = Path(peer.ask("status")["data_folder"])
    kill(processes_in(data))
    peer.ask("ensure")
    peer.ask("release")
    assert peer.ask("status")["running"] is True


def test_ctrl_c_at_the_starters_terminal_does_not_reach_the_server(place):
    first = place.peer()
    started = first.ask("ensure")
    first.send(signal.SIGINT)
    first.close()
    assert place.peer().ask("ensure") == started


def test_stale_pid_file_naming_a_live_process_of_the_same_account_is_no_obstacle(place):
    peer = place.peer()
    peer.ask("ensure")
    status = peer.ask("status")
    data = Path(status["data_folder"])
    kill(processes_in(data))
    owner = data.stat().st_uid
    user = owner if owner != os.geteuid() else None
    with subprocess.Popen(["sleep", "600"], cwd="/", user=user) as bystander:
        for note in (data / "postmaster.pid", Path(status["socket_folder"]) / ".s.PGSQL.5432.lock"):
            lines = note.read_text().splitlines()
            note.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
        peer.ask("ensure")
        assert peer.ask("status")["pid"] != bystander.pid
        assert bystander.poll() is None
        bystander.kill()


def test_orphan_busy_with_a_query_is_ended_before_the_next_start(place, monkeypatch):
    monkeypatch.setattr(postmaster, "_ORPHANS_LEAVE_S", 0.3)
    peer, busy = place.peer(), place.peer()
    peer.ask("ensure")
    busy.ask("ensure")
    busy.tell("sql", statement="select count(*) from generate_series(1, 1000000000000) where random() < 0")
    status = peer.ask("status")
    with_query = "select count(*) from pg_stat_activity where query like '%generate_series(1, 10%' and pid <> pg_backend_pid()"
    while peer.ask("sql", statement=with_query) != [[1]]:
        time.sleep(0.02)
    kill([status["pid"]])
    busy.kill()
    server = _here(place)
    try:
        server.ensure()
        assert server.status().pid != status["pid"]
    finally:
        server.release()


def test_hung_server_is_named_and_stopped_on_request(place):
    peer, other = place.peer(), place.peer(start_timeout_s=0.5)
    peer.ask("ensure")
    pid = peer.ask("status")["pid"]
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(Refused) as refused:
        other.ask("ensure")
    assert refused.value.code == "store_unavailable"
    assert f"process {pid}" in refused.value.message
    assert "hub db stop" in refused.value.message
    assert other.ask("stop") is True
    other.ask("ensure")


def test_a_server_that_recovers_from_a_crash_is_ended_without_waiting_for_it(place):
    peer = place.peer()
    peer.ask("ensure")
    status = peer.ask("status")
    log = Path(status["log_file"])
    data = Path(status["data_folder"])
    child = next(pid for pid in processes_in(data) if pid != status["pid"])
    os.kill(child, signal.SIGKILL)
    until(lambda: "reinitializing" in log.read_text(), "the server begins anew")
    assert peer.ask("stop") is True
    assert processes_in(data) == []
    # Told to end in the ordinary way before it was ready, PostgreSQL 18 would wait for itself until it is killed.
    words = log.read_text().rpartition("reinitializing")[2]
    assert "received fast shutdown request" not in words.partition("ready to accept connections")[0]
    peer.ask("ensure")


def test_starter_killed_at_any_moment_of_the_first_start_leaves_a_home_that_starts(place):
    chance = random.Random(20261123)
    for _ in range(6):
        peer = place.peer()
        peer.tell("ensure")
        time.sleep(chance.uniform(0.1, 1.2))
        peer.kill()
    peer = place.peer()
    peer.ask("ensure")
    assert peer.ask("sql", statement="select 1") == [[1]]
    assert not [name for name in _names(place) if name.startswith(("data.", "initdb"))]


def test_databases_are_cloned_from_a_template_and_dropped_with_their_sessions(place):
    server = _here(place)
    server.ensure()
    try:
        template = server.create_database("template_a")
        with closing(psycopg.connect(_plain(template), autocommit=True)) as connection:
            connection.execute("create table kept as select 7 as n")
        clone = server.create_database("clone_1", template="template_a")
        with closing(psycopg.connect(_plain(clone))) as connection:
            assert connection.execute("select n from kept").fetchall() == [(7,)]
            server.drop_database("clone_1")
        server.drop_database("clone_1")
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(_plain(clone))
    finally:
        server.release()


def test_database_names_that_are_not_plain_are_refused_before_they_are_used(place):
    with _here(place) as server:
        for name in ("", "Upper", "has space", "1st", "a" * 64, 'quo"te', "postgres", "template1"):
            with pytest.raises(ConfigError, match="refuses the database name"):
                server.create_database(name)
            with pytest.raises(ConfigError, match="refuses the database name"):
                server.drop_database(name)


def test_database_that_exists_or_whose_template_is_missing_or_in_use_is_said_so(place):
    server = _here(place)
    server.ensure()
    try:
        url = server.create_database("first")
        with pytest.raises(StateConflict, match="exists already"):
            server.create_database("first")
        with pytest.raises(NotFound, match="no template nowhere"):
            server.create_database("second", template="nowhere")
        with closing(psycopg.connect(_plain(url))), pytest.raises(StateConflict, match="open connections"):
            server.create_database("second", template="first")
    finally:
        server.release()


def test_sqlalchemy_connects_by_the_url(place):
    server = _here(place)
    engine = create_engine(server.ensure())
    try:
        with engine.connect() as connection:
            assert connection.execute(text("select current_user")).scalar_one() == "hub"
    finally:
        engine.dispose()
        server.release()


def _here(place: Ground) -> PrivateServer:
    """A private server of this very process, which is root wherever the account is not its own."""
    return PrivateServer(place.home, bin_dir=place.bin_dir)


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")


def _names(place: Ground) -> list[str]:
    return [entry.name for entry in place.server_folder().iterdir()]
