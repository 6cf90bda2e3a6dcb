"""Reading a mail folder: the same tests against Dovecot and against the simulated county's server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.errors import Code
from hub.sdk.channel import Window
from hub.sdk.readers.mail import HEADERS_ONLY, MAIL, Security
from hub.testing.factories import NOW
from tests.integration.mail_ground import Mailbox, bodies, box, county, dovecot, records, servers, window
from tests.support.mail_corpus import PNG, mail, multipart, numbered, part, word
from tests.support.tcp_proxy import SpoilingProxy

__all__ = ["box", "county", "dovecot", "servers"]


def test_every_mail_is_read_byte_for_byte(box: Mailbox) -> None:
    mails = [
        mail(
            "办件超过承诺时限。".encode("gbk"),
            subject=word("【投诉】超时", "gbk"),
            content_type=b"text/plain; charset=gb2312",
        ),
        multipart(part(b"x" * 3_000, b"application/msword"), part(PNG, b'image/png; name="a.png"')),
        mail('A line with "quotes", {12} and \\ backslashes\n)\n* 1 FETCH (UID 99)', message_id=None),
    ]
    box.append(*mails)

    pages = box.read()

    assert bodies(pages) == mails
    assert {record.media_type for record in records(pages)} == {MAIL}


def test_a_second_run_brings_only_what_is_new(box: Mailbox) -> None:
    box.append(numbered(1), numbered(2))
    first = box.read()
    box.append(numbered(3))

    second = box.read(first[-1].position)

    assert bodies(second) == [numbered(3)]
    assert box.read(second[-1].position) == []


def test_an_empty_folder_gives_nothing_and_no_error(box: Mailbox) -> None:
    assert box.read() == []


def test_no_mail_is_marked_as_seen(box: Mailbox) -> None:
    (uid,) = box.append(numbered(1))

    assert len(records(box.read())) == 1
    assert box.server.flags(box.user, uid) == ()


def test_each_page_holds_a_batch_and_the_position_after_it(box: Mailbox) -> None:
    uids = box.append(*(numbered(number) for number in range(7)))

    pages = box.read(batch=3)

    assert [len(page.records) for page in pages] == [3, 3, 1]
    assert [page.position["uid"] for page in pages if page.position] == [uids[2], uids[5], uids[6]]
    assert [page.number for page in pages] == [1, 2, 3]
    assert bodies(box.read(pages[0].position)) == bodies(pages)[3:]


def test_a_page_ends_early_where_its_mails_grow_too_large(box: Mailbox) -> None:
    box.append(*(mail("诉" * 20_000, message_id=f"<{number}@example.com>") for number in range(3)))

    assert [len(page.records) for page in box.read(max_page_bytes=130_000)] == [2, 1]


def test_a_limit_stops_after_that_many_mails(box: Mailbox) -> None:
    box.append(*(numbered(number) for number in range(5)))

    pages = list(box.reader(batch=2).pages(window(limit=3)))

    assert bodies(pages) == [numbered(0), numbered(1), numbered(2)]


def test_mails_that_arrived_after_an_operators_end_are_left_for_later(box: Mailbox) -> None:
    old = datetime(2024, 5, 1, tzinfo=UTC)
    box.server.append(box.user, numbered(1), old)
    box.server.append(box.user, numbered(2), datetime(2024, 5, 3, tzinfo=UTC))

    pages = list(box.reader().pages(Window(None, None, old.replace(day=2))))

    assert bodies(pages) == [numbered(1)]


def test_a_folder_numbered_anew_is_read_again_loudly_and_gives_the_same_records(box: Mailbox) -> None:
    box.append(*(numbered(number) for number in range(3)))
    first = box.read()
    validity = box.server.bump_uidvalidity(box.user)
    box.append(numbered(3))

    second = box.read(first[-1].position)

    numbers = [record.source_no for record in records(second)]
    assert numbers[:3] == [record.source_no for record in records(first)]
    assert len(set(numbers)) == 4
    assert second[-1].position == {"uidvalidity": validity, "uid": 4}
    assert box.warnings() == ["mail.uidvalidity_changed"]


def test_an_emptied_folder_numbered_anew_moves_the_position(box: Mailbox) -> None:
    (uid,) = box.append(numbered(1))
    first = box.read()
    box.expunge(uid)
    validity = box.server.bump_uidvalidity(box.user)

    (page,) = box.read(first[-1].position)

    assert (page.records, page.position) == ((), {"uidvalidity": validity, "uid": 0})


def test_a_mail_that_is_too_large_is_set_aside_with_its_headers_and_stops_no_other(box: Mailbox) -> None:
    large = mail("诉" * 30_000, subject=b"large", message_id="<large@example.com>")
    box.append(numbered(1), large, numbered(2))

    first, aside, last = records(box.read(max_message_bytes=20_000))

    assert [first.body, last.body] == [numbered(1), numbered(2)]
    assert aside.problem is not None
    assert aside.problem.code is Code.RECORD_TOO_LARGE
    assert "20000" in aside.problem.detail
    assert aside.media_type == HEADERS_ONLY
    assert b"Subject: large" in aside.body
    assert aside.source_no is not None
    assert "诉".encode() not in aside.body


def test_a_mail_of_a_megabyte_is_read_whole(box: Mailbox) -> None:
    large = mail("窗口不受理。" * 60_000, message_id="<1mb@example.com>")
    box.append(large)

    assert bodies(box.read()) == [large]


def test_attachments_come_beside_their_mail(box: Mailbox) -> None:
    raw = multipart(
        part("见附件".encode(), b"text/plain; charset=utf-8"),
        part(PNG, b'image/png; name="=?GBK?B?1dXGrC5wbmc=?="', b"Content-Disposition: attachment"),
    )
    box.append(raw)

    (record,) = records(box.read())

    assert [(file.name, file.media_type, file.content) for file in record.attachments] == [
        ("照片.png", "image/png", PNG)
    ]


def test_a_folder_with_a_chinese_name_is_opened(box: Mailbox) -> None:
    box.server.create_folder(box.user, "投诉 & 建议")
    box.server.append(box.user, numbered(1), folder="投诉 & 建议")

    assert bodies(box.read(folder="投诉 & 建议")) == [numbered(1)]


def test_mails_that_arrive_while_it_reads_are_the_next_runs(box: Mailbox) -> None:
    box.append(*(numbered(number) for number in range(4)))
    reading = box.reader(batch=2).pages(window())
    pages = [next(reading)]
    box.append(numbered(4))
    pages += list(reading)

    assert bodies(pages) == [numbered(number) for number in range(4)]
    assert bodies(box.read(pages[-1].position)) == [numbered(4)]


def test_a_mail_expunged_between_search_and_fetch_is_no_error(box: Mailbox) -> None:
    uids = box.append(*(numbered(number) for number in range(4)))
    with SpoilingProxy(box.server.host, box.server.port) as proxy:
        proxy.before(b"RFC822.SIZE", lambda: box.expunge(uids[1]))
        proxy.before(b"BODY.PEEK[]", lambda: box.expunge(uids[2]))

        pages = box.read(port=proxy.port)

    assert {numbered(0), numbered(3)} <= set(bodies(pages)) <= {numbered(0), numbered(2), numbered(3)}
    assert [record.problem for record in records(pages)] == [None] * len(records(pages))
    assert pages[-1].position is not None
    assert pages[-1].position["uid"] == uids[3]


def test_the_last_mail_is_not_read_again_for_the_servers_habit_of_giving_it(box: Mailbox) -> None:
    # "UID n:*" gives the last mail even where its UID is below n.
    box.append(numbered(1))
    first = box.read()

    assert box.read(first[-1].position) == []


def test_check_says_what_it_looked_at_and_marks_nothing(box: Mailbox) -> None:
    (uid,) = box.append(numbered(1))

    report = box.reader().check()

    assert report.ok
    assert [check.name for check in report.checks] == ["connect", "login", "folder", "page"]
    assert box.server.flags(box.user, uid) == ()


def test_the_wait_that_the_gate_asks_for_is_kept(county: Mailbox) -> None:
    from hub.clock import ManualClock
    from hub.sdk.gate import LocalGate

    clock = ManualClock(NOW)
    county.gate = LocalGate(clock)
    county.append(numbered(1), numbered(2))

    list(county.reader(clock=clock, rate_per_s=0.1, batch=1).pages(window()))

    assert clock.slept == [10.0, 10.0]


@pytest.mark.debian("dovecot-imapd")
def test_bytes_that_imap_forbids_are_read(dovecot: Mailbox) -> None:
    dovecot.dovecot.drop_file(dovecot.user, mail(b"a\x00b\x80\xff c"))

    (record,) = records(dovecot.read())

    assert record.body.startswith(b"Received:")
    assert record.body.rstrip().endswith(b"\xff c")


def test_a_literal_with_zero_bytes_is_read(county: Mailbox) -> None:
    raw = mail(b"a\x00b\x80\xff c")
    county.append(raw)

    assert bodies(county.read()) == [raw]


@pytest.mark.debian("dovecot-imapd")
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_server_whose_authority_is_named_is_read_over_tls(dovecot: Mailbox, security: Security) -> None:
    dovecot.append(numbered(1))
    server = dovecot.dovecot
    port = server.tls_port if security is Security.TLS else server.port

    assert bodies(
        dovecot.read(security=security, port=port, ca_file=str(server.ca_file), host="localhost")
    ) == [numbered(1)]


@pytest.mark.debian("dovecot-imapd")
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_that_nobody_signed_is_refused_before_the_password_is_sent(
    dovecot: Mailbox, security: Security, tmp_path: Path
) -> None:
    from hub.errors import ConfigError

    server = dovecot.dovecot
    port = server.tls_port if security is Security.TLS else server.port
    with pytest.raises(ConfigError, match="certificate is not trusted") as caught:
        dovecot.read(security=security, port=port)

    assert caught.value.code is Code.CONFIG_INVALID
