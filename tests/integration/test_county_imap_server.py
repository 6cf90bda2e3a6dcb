"""The simulated county's IMAP server: a mail client of others' making finds what it expects, and no process stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from imap_tools import MailBoxUnencrypted, MailMessageFlags

from hub.county.imap_server import ImapServer
from hub.errors import ConfigError
from tests.support.mail_corpus import mail, numbered

USER, PASSWORD = "tousu@luoshan.example", "county-password"


@pytest.fixture(scope="module")
def running() -> Iterator[ImapServer]:
    with ImapServer({USER: PASSWORD, "other@luoshan.example": PASSWORD}) as server:
        yield server


@pytest.fixture
def client(running: ImapServer, request: pytest.FixtureRequest) -> Iterator[MailBoxUnencrypted]:
    folder = request.node.name[:60]
    running.create_folder(USER, folder)
    with MailBoxUnencrypted(running.host, running.port, timeout=30) as box:
        box.login(USER, PASSWORD, initial_folder=folder)
        yield box


def folder_of(client: MailBoxUnencrypted) -> str:
    name = client.folder.get()
    assert name is not None
    return name


def test_mails_are_served_with_their_uid_size_and_arrival(
    running: ImapServer, client: MailBoxUnencrypted
) -> None:
    folder, when = folder_of(client), datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    uids = [running.append(USER, numbered(number), when, folder=folder) for number in range(7)]
    client.client.noop()

    found = list(client.fetch(mark_seen=False))

    assert [int(message.uid or 0) for message in found] == uids
    assert [message.subject for message in found] == [f"【投诉】第{number}件" for number in range(7)]
    assert [message.size_rfc822 for message in found] == [len(numbered(number)) for number in range(7)]
    assert client.uids("UID 6:*") == ["6", "7"]


def test_a_fetch_marks_as_seen_only_where_it_does_not_peek(
    running: ImapServer, client: MailBoxUnencrypted
) -> None:
    folder = folder_of(client)
    uid = running.append(USER, numbered(1), folder=folder)
    client.client.noop()

    list(client.fetch(mark_seen=False))
    assert running.flags(USER, uid, folder=folder) == ()
    list(client.fetch(mark_seen=True))
    assert running.flags(USER, uid, folder=folder) == ("\\Seen",)


def test_an_expunged_mail_is_told_at_the_next_noop(running: ImapServer, client: MailBoxUnencrypted) -> None:
    folder = folder_of(client)
    uids = [running.append(USER, numbered(number), folder=folder) for number in range(3)]
    client.client.noop()
    running.expunge(USER, uids[1], folder=folder)

    assert client.client.uid("FETCH", str(uids[1]), "(BODY.PEEK[])")[1] == [None]
    client.client.noop()
    assert client.client.response("EXPUNGE")[1] == [b"2"]


def test_another_client_may_delete_mails_too(running: ImapServer, client: MailBoxUnencrypted) -> None:
    folder = folder_of(client)
    uid = running.append(USER, numbered(1), folder=folder)
    client.client.noop()

    client.delete(str(uid))

    with pytest.raises(ConfigError, match="no mail with UID"):
        running.flags(USER, uid, folder=folder)


def test_a_folder_numbered_anew_keeps_its_mails(running: ImapServer, client: MailBoxUnencrypted) -> None:
    folder = folder_of(client)
    first = running.append(USER, numbered(1), folder=folder)
    running.expunge(USER, first, folder=folder)
    running.append(USER, numbered(2), folder=folder)
    before = client.folder.status(folder)["UIDVALIDITY"]

    after = running.bump_uidvalidity(USER, folder=folder)

    client.folder.set(folder, readonly=True)
    assert after > before
    assert [message.uid for message in client.fetch(mark_seen=False)] == ["1"]


def test_a_client_appends_flags_and_searches(client: MailBoxUnencrypted) -> None:
    client.append(mail(), folder_of(client), dt=datetime(2026, 11, 1, tzinfo=UTC))
    client.client.noop()
    client.flag("1", MailMessageFlags.FLAGGED, True)

    assert client.uids("FLAGGED") == ["1"]
    assert client.uids("UNSEEN") == ["1"]


@pytest.mark.parametrize("bad", [{"user": "nobody"}, {"folder": "nowhere"}])
def test_a_mistaken_request_is_told_and_the_server_goes_on(running: ImapServer, bad: dict[str, str]) -> None:
    given = {"user": USER, "folder": "INBOX", **bad}

    with pytest.raises(ConfigError, match="no such user|no folder"):
        running.append(given["user"], numbered(1), folder=given["folder"])
    assert running.append("other@luoshan.example", numbered(1)) >= 1


def test_a_port_that_is_taken_is_a_clear_error(running: ImapServer) -> None:
    with pytest.raises(ConfigError, match=r"'listen' failed"):
        ImapServer({USER: PASSWORD}, port=running.port).start()


def test_a_server_that_is_not_running_says_so() -> None:
    with pytest.raises(ConfigError, match="not running"):
        ImapServer({USER: PASSWORD}).append(USER, numbered(1))


def test_stopping_ends_the_process_and_may_be_repeated() -> None:
    server = ImapServer({USER: PASSWORD})
    server.start()
    pid = server.pid
    assert pid is not None
    server.stop()
    server.stop()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_ctrl_c_is_the_parents_to_deal_with() -> None:
    with ImapServer({USER: PASSWORD}) as server:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGINT)

        assert server.append(USER, numbered(1)) == 1


def test_the_server_dies_with_a_parent_that_was_killed() -> None:
    program = (
        "import os, signal\n"
        "from hub.county.imap_server import ImapServer\n"
        "server = ImapServer({'u': 'p'})\n"
        "server.start()\n"
        "print(server.port, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    port = int(parent.stdout)

    assert parent.returncode == -signal.SIGKILL
    # The server inherited stderr: that run() returned means that the server ended too. Its port is free again.
    with ImapServer({"u": "p"}, port=port) as again:
        assert again.port == port


def test_the_server_starts_without_a_single_warning() -> None:
    program = "from hub.county.imap_server import ImapServer\nwith ImapServer({'u': 'p'}) as s: s.append('u', b'Subject: x\\r\\n\\r\\nx')\n"
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )

    assert (told.returncode, told.stderr) == (0, b"")
