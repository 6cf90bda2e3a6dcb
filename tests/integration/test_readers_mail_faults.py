"""Mail servers that drop, refuse, lie or are not there: a right result, or one loud error with a code."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import Code, ConfigError, HubError, SourceContractError, SourceUnavailable
from hub.sdk.channel import Page
from hub.sdk.gate import BreakerPolicy, LocalGate
from hub.sdk.readers.mail import MailReader, Security
from hub.testing.factories import NOW, RecordingLog
from tests.integration.mail_ground import Mailbox, bodies, box, county, dovecot, records, servers, window
from tests.support.mail_corpus import mail, numbered
from tests.support.scripted_imap import ScriptedImap, fetch_row, usual, wanted
from tests.support.tcp_proxy import SpoilingProxy

__all__ = ["box", "county", "dovecot", "servers"]


def read_until_error(reader: MailReader, position: Any = None) -> tuple[list[Page], HubError | None]:
    pages: list[Page] = []
    try:
        for page in reader.pages(window(position)):
            pages.append(page)
    except HubError as exc:
        return pages, exc
    return pages, None


# --- the connection drops --------------------------------------------------------------------------------------------


def test_a_connection_dropped_in_mid_run_is_made_anew_and_nothing_is_lost_or_doubled(box: Mailbox) -> None:
    box.append(*(numbered(number) for number in range(6)))
    with SpoilingProxy(box.server.host, box.server.port) as proxy:
        proxy.before(b"UID FETCH 3", proxy.cut)

        pages = box.read(port=proxy.port, batch=2)

        assert proxy.connections == 2
    assert bodies(pages) == [numbered(number) for number in range(6)]


@pytest.mark.parametrize("cut_after", [0, 10, 60, 200, 400, 700, 1_100, 1_500, 1_900])
def test_a_connection_cut_anywhere_gives_every_mail_or_a_loud_error(box: Mailbox, cut_after: int) -> None:
    box.append(*(numbered(number) for number in range(4)))
    with SpoilingProxy(box.server.host, box.server.port) as proxy:
        proxy.cut_after = [cut_after]

        pages, error = read_until_error(box.reader(port=proxy.port, batch=2))

        if error is not None:  # cut before the folder was open
            assert isinstance(error, SourceUnavailable)
            pages += box.read(pages[-1].position if pages else None, port=proxy.port, batch=2)
    assert bodies(pages) == [numbered(number) for number in range(4)]


def test_a_server_that_goes_down_in_mid_run_is_loud_and_what_was_read_stays(box: Mailbox) -> None:
    box.append(*(numbered(number) for number in range(6)))
    with SpoilingProxy(box.server.host, box.server.port) as proxy:
        proxy.before(b"UID FETCH 3", proxy.down)

        pages, error = read_until_error(box.reader(port=proxy.port, batch=2))

    assert isinstance(error, SourceUnavailable)
    assert error.code is Code.SOURCE_UNREACHABLE
    assert bodies(pages) == [numbered(0), numbered(1)]
    assert bodies(box.read(pages[-1].position)) == [numbered(number) for number in range(2, 6)]


def test_a_connection_that_drops_at_every_fetch_is_loud_and_sets_no_mail_aside(box: Mailbox) -> None:
    box.append(*(numbered(number) for number in range(3)))
    with SpoilingProxy(box.server.host, box.server.port) as proxy:
        proxy.before(b"BODY.PEEK[]", proxy.cut, times=100)

        pages, error = read_until_error(box.reader(port=proxy.port))

    assert isinstance(error, SourceUnavailable)
    assert error.code is Code.SOURCE_CUT_SHORT
    assert pages == []


def test_one_mail_at_which_the_connection_always_drops_is_set_aside_and_stops_no_other(box: Mailbox) -> None:
    poison = mail("POISON", message_id="<poison@example.com>")
    box.append(numbered(0), poison, numbered(2))
    with SpoilingProxy(box.server.host, box.server.port) as proxy:
        proxy.cut_at = b"POISON"

        first, aside, last = records(box.read(port=proxy.port))

    assert [first.body, last.body] == [numbered(0), numbered(2)]
    assert aside.problem is not None
    assert aside.problem.code is Code.RECORD_UNREADABLE
    assert "UID 2" in aside.problem.detail


def test_a_folder_numbered_anew_while_it_reads_is_read_from_its_beginning(box: Mailbox) -> None:
    box.append(*(numbered(number) for number in range(4)))
    validities: list[int] = []
    with SpoilingProxy(box.server.host, box.server.port) as proxy:

        def renumber() -> None:
            validities.append(box.server.bump_uidvalidity(box.user))
            proxy.cut()

        proxy.before(b"UID FETCH 3", renumber)
        pages = box.read(port=proxy.port, batch=2)

    assert set(bodies(pages)) == {numbered(number) for number in range(4)}
    assert pages[-1].position == {"uidvalidity": validities[0], "uid": 4}
    assert box.warnings() == ["mail.uidvalidity_changed"]


# --- settings that are wrong -----------------------------------------------------------------------------------------


def test_a_wrong_password_is_one_clear_message_without_the_password(box: Mailbox) -> None:
    box.append(numbered(1))

    with pytest.raises(ConfigError) as caught:
        box.read(secret="a-wrong-one")

    assert caught.value.code is Code.SOURCE_AUTH
    assert "'mail.password'" in caught.value.message
    assert "a-wrong-one" not in caught.value.message
    assert box.user not in caught.value.message


def test_a_wrong_folder_is_refused_and_the_folders_there_are_named(box: Mailbox) -> None:
    box.server.create_folder(box.user, "投诉")

    with pytest.raises(ConfigError, match=r"'Nowhere' cannot be opened .*'INBOX'.*'投诉'") as caught:
        box.read(folder="Nowhere")

    assert caught.value.code is Code.CONFIG_INVALID


def test_a_secret_that_is_missing_is_named(county: Mailbox) -> None:
    with pytest.raises(ConfigError, match="another") as caught:
        county.read(password_secret="another")

    assert caught.value.code is Code.SECRET_MISSING


def test_a_port_where_nobody_listens_is_loud(county: Mailbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]

    with pytest.raises(SourceUnavailable, match=f"127.0.0.1:{port}: no connection") as caught:
        county.read(port=port)

    assert caught.value.code is Code.SOURCE_UNREACHABLE


def test_a_name_that_does_not_resolve_is_loud(county: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    # Tests look no names up outside; what the resolver answers is the one thing that cannot be had for real.
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(SourceUnavailable, match="cannot be resolved") as caught:
        county.read(host="mail.nowhere.example", security=Security.TLS)

    assert caught.value.code is Code.SOURCE_UNREACHABLE


def test_plain_to_another_machine_is_refused_before_anything_is_sent(county: Mailbox) -> None:
    with pytest.raises(ConfigError, match="password would travel readable") as caught:
        county.read(host="mail.example.cn")

    assert caught.value.code is Code.CONFIG_INVALID


def test_starttls_where_there_is_none_is_refused_before_the_password_is_sent(county: Mailbox) -> None:
    with ScriptedImap() as server:
        with pytest.raises(ConfigError, match="offers no STARTTLS"):
            county.read(port=server.port, security=Security.STARTTLS)

        assert not any("LOGIN" in command or "AUTH" in command for command in server.commands)


def test_tls_on_a_port_without_it_is_a_clear_message(county: Mailbox) -> None:
    with pytest.raises(ConfigError, match="speaks no TLS that fits"):
        county.read(security=Security.TLS)


def test_an_authority_file_that_is_none_is_a_clear_message(county: Mailbox, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")

    for path in (tmp_path / "empty.pem", tmp_path / "missing.pem"):
        with pytest.raises(ConfigError, match="ca_file"):
            county.read(security=Security.TLS, ca_file=str(path))


@pytest.mark.parametrize(
    "position", ["5", {"uid": 5}, {"uidvalidity": "7", "uid": 5}, {"uidvalidity": 7, "uid": -1}, [7, 5]]
)
def test_a_position_that_is_none_is_refused(county: Mailbox, position: object) -> None:
    with pytest.raises(ConfigError) as caught:
        county.read(position)

    assert caught.value.code is Code.POSITION_INVALID


@pytest.mark.parametrize(
    ("settings", "secret", "failed"),
    [({"folder": "Nowhere"}, None, "settings"), ({}, "wrong", "login"), ({"port": 9}, None, "connect")],
)
def test_check_reports_what_is_wrong_as_a_line_and_does_not_raise(
    county: Mailbox, settings: dict[str, Any], secret: str | None, failed: str
) -> None:
    reader = county.reader(**settings) if secret is None else county.reader(secret=secret, **settings)
    report = reader.check()

    assert not report.ok
    assert [check.name for check in report.checks if not check.ok] == [failed]


# --- servers that answer strangely -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("greeting", "family", "code"),
    [
        (b"220 smtp ready\r\n", SourceContractError, Code.MAIL_UNREADABLE),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", SourceContractError, Code.MAIL_UNREADABLE),
        (b"* BYE too many connections\r\n", SourceUnavailable, Code.SOURCE_STATUS),
        (b"\xff" * 100 + b"\r\n", SourceContractError, Code.MAIL_UNREADABLE),
    ],
)
def test_a_greeting_that_is_none_is_loud(
    county: Mailbox, greeting: bytes, family: type[HubError], code: Code
) -> None:
    with ScriptedImap(greeting=greeting) as server, pytest.raises(family) as caught:
        county.read(port=server.port)

    assert caught.value.code is code


def test_a_server_that_says_nothing_is_given_up_in_time(county: Mailbox) -> None:
    with (
        ScriptedImap(greeting=b"") as server,
        pytest.raises(SourceUnavailable, match="no greeting") as caught,
    ):
        county.read(port=server.port, timeout_s=0.2)

    assert caught.value.code is Code.SOURCE_TIMEOUT


def test_a_server_that_falls_silent_in_mid_run_is_given_up_in_time(county: Mailbox) -> None:
    with ScriptedImap({"UID FETCH": b""}) as server, pytest.raises(SourceUnavailable) as caught:
        county.read(port=server.port, timeout_s=0.2)

    assert caught.value.code is Code.SOURCE_TIMEOUT


class DrippingClock(ManualClock):
    """A clock on which every look costs a minute: the time limit passes without the test waiting for it."""

    def monotonic(self) -> float:
        self.advance(60)
        return super().monotonic()


def test_an_answer_that_never_ends_is_cut_off(county: Mailbox) -> None:
    stop = threading.Event()

    def endless(tag: str, command: str) -> bytes:
        stop.wait(0.05)
        return b"* 1 FETCH (UID 1 FLAGS ())\r\n" * 50

    with ScriptedImap({"UID SEARCH": endless}) as server:
        with pytest.raises(SourceUnavailable) as caught:
            county.read(port=server.port, timeout_s=1.0, clock=DrippingClock(NOW))
        stop.set()

    assert caught.value.code is Code.SOURCE_TIMEOUT


def test_a_literal_larger_than_announced_is_set_aside_and_not_read(county: Mailbox) -> None:
    def bomb(tag: str, command: str) -> bytes | None:
        if "BODY.PEEK[]" in command and 2 in wanted(command):
            return b"* 2 FETCH (UID 2 BODY[] {99999999999}\r\nx"
        return usual(tag, command)

    with ScriptedImap({"UID FETCH": bomb}) as server:
        first, aside, last = records(county.read(port=server.port, max_message_bytes=10_000))

    assert [first.body, last.body] == [numbered(1), numbered(3)]
    assert aside.problem is not None
    assert aside.problem.code is Code.RECORD_TOO_LARGE


def test_a_mail_that_the_server_refuses_is_set_aside_and_stops_no_other(county: Mailbox) -> None:
    def refusing(tag: str, command: str) -> bytes | None:
        if "BODY.PEEK[]" in command and 2 in wanted(command):
            return b"TAG NO [SERVERBUG] Internal error\r\n"
        return usual(tag, command)

    with ScriptedImap({"UID FETCH": refusing}) as server:
        found = records(county.read(port=server.port))

    assert [record.problem and record.problem.code for record in found] == [
        None,
        Code.RECORD_UNREADABLE,
        None,
    ]
    assert found[1].problem is not None
    assert "SERVERBUG" in found[1].problem.detail


def test_a_mail_that_the_server_keeps_back_in_silence_is_set_aside(county: Mailbox) -> None:
    def silent(tag: str, command: str) -> bytes | None:
        if "BODY.PEEK[]" in command:
            return (
                b"".join(fetch_row(uid, numbered(uid)) for uid in wanted(command) if uid != 2)
                + b"TAG OK done\r\n"
            )
        return usual(tag, command)

    with ScriptedImap({"UID FETCH": silent}) as server:
        found = records(county.read(port=server.port))

    assert [record.problem and record.problem.code for record in found] == [
        None,
        Code.RECORD_UNREADABLE,
        None,
    ]


def test_a_server_that_refuses_every_mail_is_loud_and_sets_none_aside(county: Mailbox) -> None:
    def refusing(tag: str, command: str) -> bytes | None:
        return b"TAG NO down\r\n" if "BODY.PEEK[]" in command else usual(tag, command)

    with ScriptedImap({"UID FETCH": refusing}) as server:
        pages, error = read_until_error(county.reader(port=server.port))

    assert isinstance(error, SourceUnavailable)
    assert error.code is Code.SOURCE_STATUS
    assert pages == []


def test_a_refusal_for_expunged_mails_keeps_those_that_were_sent(county: Mailbox) -> None:
    def expunged(tag: str, command: str) -> bytes | None:
        if "BODY.PEEK[]" in command:
            return fetch_row(1, numbered(1)) + fetch_row(3, numbered(3)) + b"TAG NO [EXPUNGEISSUED] gone\r\n"
        if command.startswith("UID SEARCH UID 2"):
            return b"* SEARCH\r\nTAG OK done\r\n"
        return usual(tag, command)

    with ScriptedImap({"UID FETCH": expunged, "UID SEARCH UID 2": expunged}) as server:
        assert bodies(county.read(port=server.port)) == [numbered(1), numbered(3)]


def test_bodies_come_as_quoted_strings_and_with_the_uid_behind(county: Mailbox) -> None:
    def odd(tag: str, command: str) -> bytes | None:
        if "BODY.PEEK[]" not in command:
            return usual(tag, command)
        third = numbered(3)
        return (
            b'* 1 FETCH (BODY[] "a \\"UID 9\\" \\\\ b" UID 1)\r\n'
            b"* 2 FETCH (FLAGS (\\Seen))\r\n"
            b'* 2 FETCH (UID 2 BODY[] "")\r\n'
            b"* 3 FETCH (BODY[] {%d}\r\n%s UID 3)\r\nTAG OK done\r\n" % (len(third), third)
        )

    with ScriptedImap({"UID FETCH": odd}) as server:
        assert bodies(county.read(port=server.port)) == [b'a "UID 9" \\ b', b"", numbered(3)]


def test_a_server_that_always_gives_the_last_mail_gives_it_once(county: Mailbox) -> None:
    with ScriptedImap({"UID SEARCH": b"* SEARCH 3\r\nTAG OK done\r\n"}) as server:
        assert county.read({"uidvalidity": 7, "uid": 3}, port=server.port) == []


def test_a_folder_without_uidvalidity_is_loud(county: Mailbox) -> None:
    with (
        ScriptedImap({"EXAMINE": b"* 3 EXISTS\r\nTAG OK done\r\n"}) as server,
        pytest.raises(SourceContractError, match="UIDVALIDITY") as caught,
    ):
        county.read(port=server.port)

    assert caught.value.code is Code.MAIL_UNREADABLE


def test_a_folder_numbered_anew_at_every_connection_is_loud(county: Mailbox) -> None:
    count = iter(range(1, 100))

    def examined(tag: str, command: str) -> bytes:
        return b"* 3 EXISTS\r\n* OK [UIDVALIDITY %d] valid\r\nTAG OK done\r\n" % next(count)

    with (
        ScriptedImap({"EXAMINE": examined, "UID FETCH": lambda tag, command: None}) as server,
        pytest.raises(SourceContractError) as caught,
    ):
        county.read(port=server.port)

    assert caught.value.code is Code.UIDVALIDITY_CHANGED


@pytest.mark.parametrize("told", ["UNAVAILABLE", "INUSE", "LIMIT"])
def test_a_login_that_is_refused_for_now_is_tried_again_later(county: Mailbox, told: str) -> None:
    with (
        ScriptedImap({"LOGIN": f"TAG NO [{told}] later\r\n".encode()}) as server,
        pytest.raises(SourceUnavailable) as caught,
    ):
        county.read(port=server.port)

    assert caught.value.code is Code.SOURCE_AUTH


def test_a_client_names_itself_where_the_provider_wants_it_before_it_opens_a_folder(county: Mailbox) -> None:
    capability = b"* CAPABILITY IMAP4rev1 ID\r\nTAG OK done\r\n"
    with ScriptedImap({"CAPABILITY": capability}) as server:
        county.read(port=server.port)

        said = [command.split()[0] for command in server.commands]
    assert said.index("LOGIN") < said.index("ID") < said.index("EXAMINE")


def test_a_password_beyond_ascii_is_sent_where_the_server_can_take_it() -> None:
    from hub.county.imap_server import ImapServer
    from hub.sdk.readers.mail import MailSource
    from hub.testing.factories import channel_context

    with ImapServer({"信箱@luoshan.example": "口令·一二三"}) as server:
        server.append("信箱@luoshan.example", numbered(1))
        source = MailSource(server.host, "信箱@luoshan.example", "pw", server.port, Security.PLAIN)
        reader = MailReader(source, channel_context(secrets={"pw": "口令·一二三"}))

        assert bodies(list(reader.pages(window()))) == [numbered(1)]


def test_only_reading_commands_are_ever_sent(county: Mailbox) -> None:
    with ScriptedImap() as server:
        county.read(port=server.port)
        county.reader(port=server.port).check()

        said = {
            " ".join(command.split()[:2]) if command.startswith("UID") else command.split()[0]
            for command in server.commands
        }
        asked = [command for command in server.commands if "BODY" in command]
    assert said == {"CAPABILITY", "LOGIN", "EXAMINE", "UID SEARCH", "UID FETCH", "LOGOUT"}
    assert asked
    assert all(re.search(r"\bBODY\.PEEK\[\]", command) for command in asked)


# --- the gate --------------------------------------------------------------------------------------------------------


def test_a_server_that_is_away_again_and_again_is_left_alone_for_a_while(county: Mailbox) -> None:
    county.gate = LocalGate(ManualClock(NOW), BreakerPolicy(failures=2))

    codes = []
    for _ in range(3):
        with pytest.raises(SourceUnavailable) as caught:
            county.read(port=9)
        codes.append(caught.value.code)

    assert codes == [Code.SOURCE_UNREACHABLE, Code.SOURCE_UNREACHABLE, Code.SOURCE_CIRCUIT_OPEN]


def test_no_message_or_log_holds_anything_of_a_mail_or_an_account(county: Mailbox) -> None:
    log = county.log = RecordingLog()
    secret = b"13800001111"
    answers: list[Callable[[str, str], bytes | None] | bytes] = [
        b"* 1 FETCH (UID 1 BODY[] {5}\r\n" + secret + b"\r\n",
        b"garbage " + secret + b"\r\n",
        b"TAG BAD " + secret + b"\r\n",
        b"* BYE " + secret + b"\r\n",
    ]
    for answer in answers:
        with ScriptedImap({"UID FETCH": answer}) as server:
            _, error = read_until_error(county.reader(port=server.port, timeout_s=0.2))
        assert error is not None
        shown = f"{error} {error.__cause__} {log.events}"
        assert secret.decode() not in shown
        assert county.user not in shown
