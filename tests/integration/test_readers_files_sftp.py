"""The same files over a real OpenSSH server, which proves itself before anything is said to it; and a server that is hostile."""

from __future__ import annotations

import json
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from hub.errors import Code, ConfigError, SourceContractError, SourceUnavailable
from hub.sdk.readers.files_policy import SftpFolder
from hub.sdk.readers.files_sftp import SftpStore
from hub.sdk.readers.files_store import Changing
from tests.support.dropped import HEAD, Dropped, rows, tree
from tests.support.sftp_servers import Announcing, Empty, Scripted, new_key, openssh
from tests.support.sheets import text, xlsx
from tests.support.tcp_proxy import SpoilingProxy

debian = pytest.mark.debian("openssh-server")
MONTH = "2026-11"


@pytest.fixture(scope="module")
def running():
    with openssh() as server:
        yield server


@pytest.fixture
def server(running):
    for path in sorted(running.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    return running


@pytest.fixture(scope="module")
def read_only():
    with openssh(read_only=True) as server:
        yield server


def dropped(server, *, files=None, secrets=None, **source):
    return Dropped(server.source(**source), {**server.secrets, **(secrets or {})}, **(files or {}))


def codes(reading):
    return [record.problem.code for record in reading.set_aside if record.problem]


def names(server):
    return sorted(name for name in tree(server.folder) if ".report." not in name)


# --- the life of a file ------------------------------------------------------------------------------------------------------


@debian
def test_files_on_the_server_are_read_moved_and_reported(server):
    server.drop("六月.xlsx", xlsx([HEAD, ["A1", "2026-06-23", "甲"], ["A2", "待定", "乙"]]))
    server.drop("坏.csv", b"%PDF")

    reading = dropped(server).run()

    assert (reading.error, reading.numbers) == (None, {"A1", "A2"})
    assert codes(reading) == [Code.FILE_UNREADABLE]
    assert names(server) == [f"done/{MONTH}/六月.xlsx", "rejected/坏.csv"]
    told = {name: content for name, content in tree(server.folder).items() if ".report." in name}
    assert sorted(name.rpartition(".")[2] for name in told) == ["json", "json", "txt", "txt"]
    assert any(
        "第3行，“日期”列" in content.decode("utf-8-sig")
        for name, content in told.items()
        if name.endswith("txt")
    )


@debian
def test_a_run_that_is_killed_before_the_move_adds_nothing_over_sftp_either(server):
    server.drop("a.csv", rows("A1"))
    hub = dropped(server)
    hub.run(stop_after=1)
    assert names(server) == ["a.csv"]
    hub.again()

    assert hub.run().records == []
    assert names(server) == [f"done/{MONTH}/a.csv"]


@debian
def test_the_same_name_twice_keeps_both_and_a_report_is_written_again_over_itself(server):
    hub = dropped(server, files={"ready": "done_file"})
    for numbers in (("A1",), ("A2",), ("A2",)):
        server.drop("a.csv", rows(*numbers))
        server.drop("a.csv.ok", b"")
        hub.run()

    assert len(names(server)) == 2
    assert not [name for name in names(server) if name.endswith(".ok")]


@debian
def test_a_gbk_name_hides_no_other_file_and_is_read(server):
    server.drop(os.fsdecode("六月.csv".encode("gbk")), rows("G1"))
    server.drop("b.csv", rows("B1"))

    reading = dropped(server).run()

    assert (reading.error, reading.numbers) == (None, {"G1", "B1"})
    assert len(names(server)) == 2


@debian
def test_no_link_on_the_server_is_followed(server):
    (server.folder / "a.csv").symlink_to("/etc/passwd")
    server.drop("b.csv", rows("B1"))

    reading = dropped(server).run()

    assert (codes(reading), reading.numbers) == ([Code.FILE_REFUSED], {"B1"})


@debian
def test_a_link_in_the_place_of_done_is_not_followed_over_sftp(server):
    (server.folder / "done").symlink_to("/tmp")
    server.drop("a.csv", rows("A1"))

    error = dropped(server).run().error

    assert isinstance(error, SourceContractError)
    assert error.code is Code.FILE_REFUSED


@debian
def test_a_file_that_is_replaced_between_look_and_reading_is_left_for_later(server):
    server.drop("a.csv", rows("A1"))
    hub = dropped(server)
    store = SftpStore(hub.settings.source, hub.context, 1_000_000)
    (found,) = store.look()
    server.drop("a.csv", rows("A1", "A2"))

    with pytest.raises(Changing):
        store.fetch(found)
    store.close()


@debian
def test_a_large_file_comes_whole(server):
    given = text([HEAD, *[[f"A{number}", "2026-06-23", "办" * 200] for number in range(3_000)]])
    server.drop("a.csv", given)

    assert len(given) > 1_500_000
    assert len(dropped(server).run().numbers) == 3_000


# --- a server that allows no moving ------------------------------------------------------------------------------------------


@debian
def test_a_server_that_allows_no_writing_is_read_by_position_alone_and_check_says_so(read_only):
    read_only.drop("a.csv", rows("A1"))
    hub = dropped(read_only)

    first, second = hub.run(), hub.run()
    checks = {line.name: line for line in hub.reader.channel.check().checks}

    assert (first.numbers, first.error, second.records, second.error) == ({"A1"}, None, [], None)
    assert "files.cannot_move" in hub.events
    assert names(read_only) == ["a.csv"]
    assert not checks["moving"].ok
    assert "after_reading: keep" in checks["moving"].detail
    kept = {
        line.name: line
        for line in dropped(read_only, files={"after_reading": "keep"}).reader.channel.check().checks
    }
    assert kept["moving"].ok


@debian
def test_a_file_whose_reading_is_not_permitted_stops_no_other_and_becomes_loud(server):
    path = server.drop("a.csv", rows("A1"))
    path.chmod(0)
    server.drop("b.csv", rows("B1"))
    hub = dropped(server, files={"overdue_s": 3_600})

    first = hub.run()
    hub.clock.advance(4_000)

    assert (first.numbers, first.error) == ({"B1"}, None)
    error = hub.run().error
    assert isinstance(error, SourceContractError)
    assert error.code is Code.FILE_WAITING


# --- who the server is -------------------------------------------------------------------------------------------------------


@debian
def test_a_server_with_another_key_is_told_nothing(server):
    _, other = new_key()

    reading = dropped(server, host_keys=[other]).run()

    assert isinstance(reading.error, ConfigError)
    assert reading.error.code is Code.HOST_KEY
    assert "SHA256:" in reading.error.message


@debian
@pytest.mark.parametrize("form", ["line", "with host", "fingerprint", "among others"])
def test_the_servers_key_is_known_in_every_form(server, form):
    import base64
    import hashlib

    server.drop("a.csv", rows("A1"))
    digest = hashlib.sha256(base64.b64decode(server.host_key.split()[1])).digest()
    keys = {
        "line": [server.host_key],
        "with host": [f"[127.0.0.1]:{server.port} {server.host_key} comment"],
        "fingerprint": ["SHA256:" + base64.b64encode(digest).decode().rstrip("=")],
        "among others": [new_key()[1], server.host_key],
    }

    assert dropped(server, host_keys=keys[form]).run().numbers == {"A1"}


@debian
def test_check_says_which_key_the_server_shows_and_where_the_way_ends(server):
    server.drop("a.csv", rows("A1"))
    good = dropped(server).reader.channel.check()
    _, other = new_key()
    wrong_key = dropped(server, host_keys=[other]).reader.channel.check()
    wrong_user = dropped(server, secrets={"sftp_key": new_key()[0]}).reader.channel.check()
    missing = dropped(server, folder="/nowhere").reader.channel.check()

    assert good.ok, good
    assert [line.name for line in good.checks] == ["connect", "login", "folder", "moving", "file"]
    assert names(server) == ["a.csv"]
    assert [(line.name, line.ok) for line in wrong_key.checks] == [("connect", False)]
    assert [(line.name, line.ok) for line in wrong_user.checks] == [("login", False)]
    assert [(line.name, line.ok) for line in missing.checks] == [("folder", False)]


@debian
def test_a_refused_login_is_one_try_and_a_code(server):
    hub = dropped(server, secrets={"sftp_key": new_key()[0]})

    error = hub.run().error

    assert isinstance(error, ConfigError)
    assert error.code is Code.SOURCE_AUTH
    assert "files.reconnect" not in hub.events


@debian
@pytest.mark.parametrize(
    "text", ["", "no key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"]
)
def test_a_secret_that_is_no_key_is_an_error_of_configuration(server, text):
    error = dropped(server, secrets={"sftp_key": text}).run().error

    assert isinstance(error, ConfigError)
    assert error.code is Code.CONFIG_INVALID


@debian
def test_a_locked_private_key_is_opened_by_its_passphrase(server):
    import io

    import paramiko

    server.drop("a.csv", rows("A1"))
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(server.private_key))
    from cryptography.hazmat.primitives import serialization

    locked = serialization.load_ssh_private_key(server.private_key.encode(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.BestAvailableEncryption(b"words"),
    )

    hub = dropped(server, secrets={"sftp_key": locked.decode(), "words": "words"}, passphrase="words")

    assert key.get_name() == "ssh-ed25519"
    assert hub.run().numbers == {"A1"}


# --- a way that breaks -------------------------------------------------------------------------------------------------------


@contextmanager
def proxied(server):
    with SpoilingProxy(server.host, server.port) as proxy:
        yield proxy


@debian
def test_a_connection_that_breaks_in_mid_file_is_made_anew_and_the_file_comes_whole(server):
    given = text([HEAD, *[[f"A{number}", "2026-06-23", "办" * 300] for number in range(2_000)]])
    server.drop("a.csv", given)
    with proxied(server) as proxy:
        proxy.cut_after = [600_000, 900_000]
        hub = dropped(server, port=proxy.port)

        reading = hub.run()

        assert reading.error is None
        assert len(reading.numbers) == 2_000
        assert proxy.connections >= 2
        assert hub.events.count("files.reconnect") >= 1


@debian
def test_a_connection_that_always_breaks_is_loud_and_nothing_of_the_file_is_kept(server):
    server.drop("a.csv", text([HEAD, *[[f"A{number}", "2026-06-23", "办" * 300] for number in range(2_000)]]))
    with proxied(server) as proxy:
        proxy.cut_after = [100_000] * 20
        hub = dropped(server, port=proxy.port)

        reading = hub.run()

        assert isinstance(reading.error, SourceUnavailable)
        assert reading.error.code is Code.SOURCE_CUT_SHORT
        assert reading.records == []
    assert dropped(server).run().error is None


@debian
def test_a_server_that_is_away_is_loud_and_opens_the_circuit(server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        hub = dropped(server, port=taken.getsockname()[1])
        found = [hub.run().error for _ in range(4)]

    assert [error.code for error in found] == [Code.SOURCE_UNREACHABLE] * 3 + [Code.SOURCE_CIRCUIT_OPEN]


def test_what_answers_and_is_no_ssh_server_is_loud():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def answer():
            for _ in range(3):
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                with link:
                    link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        source = {
            "kind": "sftp",
            "host": "127.0.0.1",
            "port": listener.getsockname()[1],
            "user": "x",
            "host_keys": [new_key()[1]],
            "password": "p",
        }
        error = Dropped(source, {"p": "x"}).run().error

    assert isinstance(error, SourceUnavailable)
    thread.join(20)


def test_a_server_that_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        source = {
            "kind": "sftp", "host": "127.0.0.1", "port": listener.getsockname()[1], "user": "x", "host_keys": [new_key()[1]], "password": "p",
            "connect_timeout_s": 0.3, "tries": 2,
        }  # fmt: skip
        error = Dropped(source, {"p": "x"}).run().error

    assert isinstance(error, SourceUnavailable)


# --- a hostile server --------------------------------------------------------------------------------------------------------


def test_names_that_lead_elsewhere_are_told_and_never_asked_for():
    bad = ["../../etc/passwd", "/etc/shadow", "..", "a/../../b.csv", "a\x00b.csv", "a\nb.csv", "a\\..\\b.csv"]
    with Scripted(bad, rows("A1")) as server:
        hub = dropped(server)
        reading = hub.run()

    assert codes(reading) == [Code.FILE_REFUSED] * (len(bad) - 1)  # ".." is no entry at all
    assert server.asked == []
    assert not [
        name for name in bad if name != ".." and name in json.dumps([reading.records[0].problem.detail])
    ]


def test_a_password_logs_in_and_a_wrong_one_is_refused():
    with Scripted([], b"") as server:
        assert dropped(server).run().error is None
        error = dropped(server, secrets={"sftp_password": "wrong"}).run().error

    assert isinstance(error, ConfigError)
    assert error.code is Code.SOURCE_AUTH
    assert "wrong" not in error.message


def test_a_listing_without_end_is_bounded(monkeypatch):
    monkeypatch.setattr("hub.sdk.readers.files_sftp.MOST_FILES", 50)
    with Scripted([f"{number}.csv" for number in range(500)], b"x") as server:
        error = dropped(server).run().error

    assert isinstance(error, SourceContractError)
    assert error.code is Code.FILE_TOO_LARGE


@pytest.mark.parametrize("speaks", [Announcing, Empty])
def test_a_listing_that_announces_what_never_comes_is_bounded(monkeypatch, speaks):
    monkeypatch.setattr("hub.sdk.readers.files_sftp.MOST_FILES", 50)
    with Scripted([], b"", speaks=speaks) as server:
        hub = dropped(server)
        with ThreadPoolExecutor(1) as pool:
            error = pool.submit(hub.run).result(60).error

    assert isinstance(error, SourceUnavailable)
    assert error.code is Code.SOURCE_CUT_SHORT


# --- settings ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"host_keys": []}, "host_keys"),
        ({"host_keys": ["*"]}, "known_hosts"),
        ({"host_keys": ["SHA256:short"]}, "known_hosts"),
        ({"password": None}, "prove who logs in"),
        ({"password": "not a name!"}, "password"),
        ({"port": 0}, "port"),
    ],
)
def test_settings_that_would_trust_anybody_are_refused(wrong, words):
    good = {
        "kind": "sftp",
        "host": "sftp.example",
        "user": "hub",
        "host_keys": [new_key()[1]],
        "password": "sftp_password",
    }
    SftpFolder.model_validate(good)

    with pytest.raises(ValueError, match=words):
        SftpFolder.model_validate({**good, **wrong})
