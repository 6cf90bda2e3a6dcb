"""What a mail's bytes say, and under which number."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Code, RecordRejected
from hub.sdk.readers.mail_forward import letter_in
from hub.sdk.readers.mail_mime import parse
from hub.sdk.readers.mail_parse import attachments_of, read_mail, source_no
from hub.sdk.readers.mail_text import flowed_text, html_string_text
from tests.support.mail_corpus import FORWARDED_BY_CLERK, PNG, RECEIVED, mail, multipart, part

# --- its number ------------------------------------------------------------------------------------------------------


def test_a_mail_that_came_by_another_way_is_the_same_record() -> None:
    by_another = mail(
        received=[RECEIVED, "from a by b; Fri, 20 Nov 2026 10:21:30 +0800"], headers=[b"X-Spam-Score: 0.1"]
    )

    assert source_no(mail()) == source_no(by_another)


@pytest.mark.parametrize("spoilt", [mail().replace(b"\r\n", b"\n"), mail() + b"\r\n\r\n"])
def test_line_ends_do_not_make_another_record(spoilt: bytes) -> None:
    assert source_no(mail()) == source_no(spoilt)


@pytest.mark.parametrize(
    "other",
    [
        mail("别的内容。"),
        mail(message_id=None),
        mail(sender="other@example.com"),
        mail(subject="别的"),
        mail(date=None),
    ],
)
def test_mails_that_differ_are_different_records_whatever_their_message_id(other: bytes) -> None:
    assert source_no(mail()) != source_no(other)


@given(st.binary(max_size=500))
def test_every_number_fits_and_shows_nothing(raw: bytes) -> None:
    number = source_no(raw)

    assert len(number) <= 128
    assert number.isascii()
    assert number == source_no(raw)


# --- its parts -------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6))
def test_parts_are_found_byte_for_byte(contents: list[bytes]) -> None:
    root = parse(multipart(*(part(content, b"application/octet-stream") for content in contents)))

    assert [one.content() for one in root.parts] == contents


FRAGMENTS = [
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"--b\r\n", b"--b--\r\n", b"\r\n", b"\n", b"Content-Type: message/rfc822\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Type: text/html\r\n", "窗口".encode("gbk"), b"\x00", b"=?GBK?B?", b"Subject: x\r\n",
    b"From: a@b.cn\r\n", b"<p>", b"> ", b"-----Original Message-----\r\n", "发件人: 王\r\n主题: 投诉\r\n".encode(),
]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=20)), max_size=40))
def test_whatever_the_bytes_a_mail_is_read_or_refused(fragments: list[bytes]) -> None:
    codes: list[Code] = []
    try:
        letter_in(read_mail(b"".join(fragments)), ["b.cn"])
    except RecordRejected as exc:
        codes.append(exc.code)

    assert set(codes) <= {Code.RECORD_UNREADABLE}


def test_a_boundary_that_never_closes_loses_no_part() -> None:
    raw = multipart(part("正文".encode(), b"text/plain; charset=utf-8"), part(PNG, b"image/png"))

    cut = read_mail(raw[: raw.rindex(b"--==b1==--")])

    assert cut.text == "正文"
    assert [file.content for file in cut.attachments] == [PNG]


def test_a_multipart_without_a_boundary_is_read_as_text() -> None:
    assert read_mail(mail("窗口不受理", content_type=b"multipart/mixed", encoding=None)).text == "窗口不受理"


def test_words_without_any_header_are_a_body() -> None:
    assert read_mail("窗口不受理\r\n\r\n一直不受理".encode()).text == "窗口不受理\n\n一直不受理"


def test_a_header_that_was_folded_without_indentation_is_one_header() -> None:
    raw = mail().replace("【投诉】窗口不受理".encode(), "【投诉】窗口\r\n不受理".encode())

    assert read_mail(raw).subject == "【投诉】窗口 不受理"


def test_equal_attachments_are_kept_once() -> None:
    raw = multipart(part(PNG, b'image/png; name="a.png"'), part(PNG, b'image/png; name="b.png"'))

    assert [file.name for file in attachments_of(raw)] == ["a.png"]


def test_an_enclosed_mail_and_its_attachments_are_attachments() -> None:
    inner = multipart(part(PNG, b'image/png; name="a.png"'), boundary=b"inner", subject=b"inner")
    raw = multipart(part(b"words", b"text/plain"), part(inner, b"message/rfc822", encoding=b"8bit"))

    found = {file.name: file.content for file in attachments_of(raw)}

    assert found == {"inner.eml": inner, "a.png": PNG}


def test_inline_pictures_are_attachments_and_no_text() -> None:
    raw = multipart(
        part(b'<p>x<img src="cid:1"></p>', b"text/html"),
        part(PNG, b"image/png", b"Content-ID: <1>"),
        kind=b"related",
    )

    found = read_mail(raw)

    assert (found.text, [file.name for file in found.attachments]) == ("x", ["attachment-1.png"])


def test_more_attachments_than_are_kept_apart_are_told() -> None:
    raw = multipart(*(part(b"%d" % number, b"application/pdf") for number in range(250)))

    found = read_mail(raw)

    assert (len(found.attachments), found.attachments_cut) == (200, True)


def test_a_mail_of_twenty_megabytes_costs_few_times_its_size() -> None:
    raw = multipart(part(b"x" * 15_000_000, b"application/pdf"))
    tracemalloc.start()

    attachments_of(raw)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(raw)


# --- its words -------------------------------------------------------------------------------------------------------


def test_flowed_lines_are_joined() -> None:
    assert (
        flowed_text("窗口 \n不受理\n> 引用 \n> 文字\n-- \n王", del_space=True)
        == "窗口不受理\n> 引用文字\n-- \n王"
    )
    assert flowed_text("so \nit goes", del_space=False) == "so it goes"


def test_html_quotes_are_marked_so_that_they_can_be_left_out() -> None:
    assert (
        html_string_text("<p>新</p><blockquote>旧<blockquote>更旧</blockquote></blockquote>")
        == "新\n> 旧\n> > 更旧"
    )


@pytest.mark.parametrize("html", ["<html>", "<!-- only -->", "<script>x</script>", "   "])
def test_html_without_words_is_empty(html: str) -> None:
    assert html_string_text(html) == ""


@given(st.text(max_size=300))
def test_any_html_gives_text(html: str) -> None:
    assert isinstance(html_string_text(html.replace("\x00", "")), str)


def test_html_that_no_parser_takes_keeps_every_word_and_shows_no_script() -> None:
    deep = "<div>" * 3_000
    html = f"<p>先</p>{deep}窗口<!-- x > y --><script>if (a < b) x()</script>不受理<style>p{{}}</style><br>三次 &lt;了&gt;"

    assert html_string_text(html) == "先\n窗口\n不受理\n三次 <了>"


@pytest.mark.parametrize("bait", ["<script>", "<!--", "<", "<a ", "&"])
def test_html_that_no_parser_takes_costs_one_walk(bait: str) -> None:
    # One walk takes a blink; the time limit of the test run catches one walk a character.
    assert isinstance(html_string_text("<div>" * 3_000 + bait * 300_000), str)


def test_the_clerks_own_words_are_not_the_letters() -> None:
    found = read_mail(mail(FORWARDED_BY_CLERK, sender="li@luoshan.example"))

    assert "请转办" in found.text
    assert not any("请转办" in line for line in letter_in(found, ["luoshan.example"]).lines)
