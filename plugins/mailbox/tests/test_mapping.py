"""From a mail to a demand."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from hub.model.codes import Anonymity, DemandType, Urgency, Watch
from hub.model.demand import Demand
from hub.sdk import Code, RawRecord, RecordRejected
from hub.sdk.readers.mail import HEADERS_ONLY, MAIL, REFERENCE_ONLY
from hub.sdk.readers.mail_parse import source_no
from hub.testing.factories import channel_context
from hub_channel_mailbox.channel import MailboxChannel
from hub_channel_mailbox.settings import MailboxSettings
from tests.support.mail_corpus import FORWARDED_BY_CLERK, PNG, RECEIVED, SENT, mail, multipart, part, word

ARRIVED = datetime(2026, 11, 20, 2, 21, 40, tzinfo=UTC)
USUAL: dict[str, Any] = {
    "kind": "imap",
    "host": "127.0.0.1",
    "user": "tousu@luoshan.example",
    "password_secret": "mailbox.password",
    "own_domains": ["luoshan.example"],
}


def read(raw: bytes, *, media_type: str = MAIL, **settings: Any) -> Demand:
    channel = MailboxChannel(MailboxSettings.model_validate({"source": USUAL, **settings}), channel_context())
    (demand,) = channel.normalize(RawRecord(source_no(raw), raw, media_type=media_type))
    return demand


def refused(raw: bytes, **settings: Any) -> RecordRejected:
    with pytest.raises(RecordRejected) as caught:
        read(raw, **settings)
    return caught.value


# --- what a demand is made of ----------------------------------------------------------------------------------------


def test_a_complaint_becomes_a_demand() -> None:
    raw = mail("我在不动产窗口等了三个小时。\n\n王小明\n手机：138-0000-1111")

    demand = read(raw, sub_source="书记县长信箱")

    assert demand.source_no == source_no(raw)
    assert (demand.title, demand.demand_type, demand.type_source_text) == (
        "窗口不受理",
        DemandType.COMPLAINT,
        "投诉",
    )
    assert demand.content == "我在不动产窗口等了三个小时。\n\n王小明\n手机：138-0000-1111"
    assert (demand.reporter.name, demand.reporter.email) == ("王小明", "wang@example.com")
    assert demand.reporter.phone == "138-0000-1111"
    assert demand.submitted_at == SENT
    assert (demand.anonymity, demand.sub_source, demand.quality) == (Anonymity.SECRET, "书记县长信箱", ())


def test_the_channel_belongs_to_the_third_watch() -> None:
    assert MailboxChannel.watch is Watch.INSIGHT


@pytest.mark.requirement("R26")
@pytest.mark.parametrize(
    ("subject", "expected", "title"),
    [
        ("【投诉】窗口不受理", DemandType.COMPLAINT, "窗口不受理"),
        ("【举报】窗口不受理", DemandType.REPORT, "窗口不受理"),
        ("【咨询】如何办证", DemandType.CONSULTATION, "如何办证"),
        ("【建议】增设座椅", DemandType.SUGGESTION, "增设座椅"),
        ("【求助】系统登录不上", DemandType.HELP, "系统登录不上"),
        ("【表扬】窗口热情", DemandType.PRAISE, "窗口热情"),
        ("【 投 诉 】：窗口不受理", DemandType.COMPLAINT, "窗口不受理"),
        ("[投诉] 窗口不受理", DemandType.COMPLAINT, "窗口不受理"),
        ("［投诉］窗口不受理", DemandType.COMPLAINT, "窗口不受理"),  # noqa: RUF001
        ("【转办】【举报】窗口不受理", DemandType.REPORT, "窗口不受理"),
        ("Re: 回复：【咨询】如何办证", DemandType.CONSULTATION, "如何办证"),
        ("【罗山论坛】反映问题", DemandType.OTHER, "反映问题"),
        ("窗口不受理", DemandType.HELP, "窗口不受理"),
        ("[SPAM?] 窗口不受理", DemandType.HELP, "[SPAM?] 窗口不受理"),
        ("窗口【一楼】不受理", DemandType.HELP, "窗口【一楼】不受理"),
    ],
)
def test_the_tag_of_the_subject_is_the_type(subject: str, expected: DemandType, title: str) -> None:
    demand = read(mail(subject=subject), default_type="help", type_tags={"罗山论坛": "other"})

    assert (demand.demand_type, demand.title) == (expected, title)


@pytest.mark.requirement("R26")
def test_a_tag_that_no_table_knows_sets_the_mail_aside_and_shows_no_word_of_it() -> None:
    error = refused(mail(subject="【张三丰】窗口不受理"))

    assert error.code is Code.VALUE_UNMAPPED
    assert "张三丰" not in error.message
    assert "type_tags" in error.message


def test_a_tag_of_urgency_is_no_type() -> None:
    demand = read(mail(subject="【加急】窗口停电"))

    assert (demand.urgency, demand.demand_type, demand.title) == (
        Urgency.URGENT,
        DemandType.COMPLAINT,
        "窗口停电",
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [("open", Anonymity.SECRET), ("secret", Anonymity.SECRET), ("anonymous", Anonymity.ANONYMOUS)],
)
def test_a_report_is_never_open(given: str, expected: Anonymity) -> None:
    assert read(mail(subject="【举报】收红包"), anonymity=given).anonymity is expected


def test_a_mail_without_a_subject_takes_its_first_words_as_title() -> None:
    demand = read(mail("窗口不受理。\n" + "说明" * 60, subject=None))

    assert demand.title == ("窗口不受理。 " + "说明" * 60)[:50]


def test_a_mail_whose_words_all_stand_in_the_subject_is_a_demand() -> None:
    demand = read(mail("", subject="【投诉】大厅停电半天没人管"))

    assert (demand.content, demand.quality) == ("大厅停电半天没人管", ("NO_TEXT",))


def test_a_mail_that_is_only_an_attachment_is_a_demand() -> None:
    demand = read(
        multipart(
            part(b"words", b"application/msword", b'Content-Disposition: attachment; filename="a.doc"'),
            subject=None,
        )
    )

    assert [file.name for file in demand.attachments] == ["a.doc"]
    assert demand.quality == ("NO_TEXT",)


@pytest.mark.parametrize("subject", [None, "", "【投诉】", "Re:"])
def test_a_mail_without_words_and_attachments_is_set_aside(subject: str | None) -> None:
    assert refused(mail(" \n\u00a0\n发自我的iPhone", subject=subject)).code is Code.RECORD_EMPTY


def test_attachments_are_named_by_the_hash_of_their_bytes() -> None:
    demand = read(
        multipart(part("见图".encode(), b"text/plain; charset=utf-8"), part(PNG, b'image/png; name="x.png"'))
    )

    (file,) = demand.attachments
    assert (file.name, file.media_type, file.size_bytes) == ("x.png", "image/png", len(PNG))
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()


def test_a_text_of_a_megabyte_is_kept_whole() -> None:
    assert len(read(mail("诉" * 1_000_000)).content) == 1_000_000


def test_a_text_beyond_every_bound_is_cut_and_says_so() -> None:
    demand = read(mail("诉" * 1_200_000))

    assert (len(demand.content), demand.quality) == (1_000_000, ("TEXT_CUT",))


# --- the reporter ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("办不成。\n联系电话：13800001111", "13800001111"),
        ("办不成。\n电话：１３８００００１１１１", "13800001111"),
        ("办不成。\n电话：138****1111", "138****1111"),
        ("办不成。\nTel: 0376-6612345", "0376-6612345"),
        ("办不成。\n王女士 13800001111", "13800001111"),
        ("村主任电话13900002222一直打不通。\n\n\n\n\n\n\n王女士\n联系方式：13800001111", "13800001111"),
        ("请拨打13900002222或13800001111。", None),
        ("身份证号411521199001011234", None),
        ("12345打不通", None),
        ("办不成。", None),
    ],
)
def test_the_phone_is_the_one_that_the_writer_gives_as_their_own(text: str, phone: str | None) -> None:
    assert read(mail(text)).reporter.phone == phone


@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        (word("王女士", "gbk") + b" <w@example.com>", "王女士", "w@example.com"),
        ("王女士 <W@Example.com>".encode("gbk"), "王女士", "w@example.com"),
        (b'"Wang, Xiaoming" <w@example.com>', "Wang, Xiaoming", "w@example.com"),
        (b"w@example.com (" + word("王小明") + b")", "王小明", "w@example.com"),
        (b"w@example.com", None, "w@example.com"),
        (b'"w@example.com" <w@example.com>', None, "w@example.com"),
        (b'"' + word("王小明", "gb2312") + b'" <w@example.com>', "王小明", "w@example.com"),
        (b"<w@example.com>", None, "w@example.com"),
        ("王女士".encode(), "王女士", None),
    ],
)
def test_the_sender_is_taken_as_given(sender: bytes, name: str | None, address: str | None) -> None:
    reporter = read(mail(sender=sender)).reporter

    assert (reporter.name, reporter.email) == (name, address)


def test_a_mail_from_nobody_has_no_reporter_and_says_so() -> None:
    demand = read(mail(sender=None))

    assert demand.reporter.email is None
    assert demand.quality == ("NO_SENDER",)


# --- forwarded by the office -----------------------------------------------------------------------------------------


def test_the_reporter_of_a_letter_that_a_clerk_forwarded_is_its_writer() -> None:
    demand = read(
        mail(
            FORWARDED_BY_CLERK, subject="转发：【举报】窗口人员索要好处", sender="李科员 <li@luoshan.example>"
        )
    )

    assert (demand.reporter.name, demand.reporter.email) == ("赵大海", "zhao@example.net")
    assert demand.reporter.phone == "13800001111"
    assert (demand.title, demand.demand_type, demand.anonymity) == (
        "窗口人员索要好处",
        DemandType.REPORT,
        Anonymity.SECRET,
    )
    assert demand.content.startswith("我在办理不动产登记时")
    assert "李科员" not in demand.content
    assert demand.submitted_at == datetime(2026, 11, 19, 20, 15, tzinfo=timezone(timedelta(hours=8)))
    assert demand.quality == ("FORWARDED",)


def chain(*hops: str, words: str = "我要投诉。") -> str:
    """A mail text in which each hop's header lines follow the other; the last wrote the words."""
    blocks = []
    for hop in hops:
        sender, _, subject = hop.partition("|")
        blocks.append(
            f"-----Original Message-----\nFrom: {sender}\nSent: Thursday, November 19, 2026 8:15 PM\nTo: x@y.cn\nSubject: {subject}\n"
        )
    return "请阅处\n\n" + "\n请阅处\n\n".join(blocks) + f"\n{words}"


@pytest.mark.parametrize(
    ("hops", "writer"),
    [
        (["Zhao <zhao@example.net>|投诉"], "zhao@example.net"),
        (["Chen <chen@sub.luoshan.example>|FW: 投诉", "Zhao <zhao@example.net>|投诉"], "zhao@example.net"),
        (
            [
                "Chen <chen@luoshan.example>|FW: 投诉",
                "Sun <sun@luoshan.example>|FW: 投诉",
                "Zhao <zhao@example.net>|投诉",
            ],
            "zhao@example.net",
        ),
        # another authority, which is not among our own, only passes it on
        (["Prov <box@province.example>|转发：投诉", "Zhao <zhao@example.net>|投诉"], "zhao@example.net"),
        # the citizen's second letter quotes the office's answer and their first letter
        (
            [
                "Zhao <zhao@example.net>|Re: 投诉",
                "Box <tousu@luoshan.example>|投诉",
                "Other <other@example.org>|投诉",
            ],
            "zhao@example.net",
        ),
        # a colleague whom the mail program shows by name alone
        (["陈股长|FW: 投诉", "Zhao <zhao@example.net>|投诉"], "zhao@example.net"),
    ],
)
def test_the_writer_is_found_at_the_inner_end_of_a_chain(hops: list[str], writer: str) -> None:
    demand = read(mail(chain(*hops), subject="FW: 投诉", sender="li@luoshan.example"))

    assert demand.reporter.email == writer
    if writer in hops[-1]:
        assert demand.content == "我要投诉。"


def test_a_letter_forwarded_as_an_attachment_is_read_from_it() -> None:
    inner = mail(
        "窗口不受理。",
        subject=word("【求助】办证", "gbk"),
        sender=b"zhao@example.net",
        date="Thu, 19 Nov 2026 20:15:00 +0800",
    )
    raw = multipart(
        part("请阅处".encode(), b"text/plain; charset=utf-8"),
        part(inner, b"message/rfc822", encoding=b"8bit"),
        sender="li@luoshan.example",
        subject="转发",
    )

    demand = read(raw)

    assert demand.reporter.email == "zhao@example.net"
    assert (demand.title, demand.content, demand.demand_type) == ("办证", "窗口不受理。", DemandType.HELP)
    assert demand.submitted_at == datetime(2026, 11, 19, 12, 15, tzinfo=UTC)


def test_a_clerks_own_note_makes_no_clerk_the_reporter() -> None:
    demand = read(mail("群众来电反映窗口不受理。\n电话：0376-6600001", sender="李科员 <li@luoshan.example>"))

    assert (demand.reporter.name, demand.reporter.email, demand.reporter.phone) == (None, None, None)
    assert demand.quality == ("OFFICE_SENDER",)


def test_a_web_form_that_sends_in_the_citizens_name_is_the_citizens() -> None:
    raw = mail(sender="noreply@luoshan.example", headers=[b"Reply-To: Zhao <zhao@example.net>"])

    assert read(raw).reporter.email == "zhao@example.net"


def test_a_citizen_who_forwards_is_the_reporter_and_what_they_forward_is_kept() -> None:
    demand = read(mail(FORWARDED_BY_CLERK, subject="Fw: 请看窗口给我的回信", sender="zhao@example.net"))

    assert demand.reporter.email == "zhao@example.net"
    assert "暗示要好处" in demand.content


# --- what was quoted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quoted",
    [
        "\n\n在 2026-11-18 09:00:00，“投诉信箱” <tousu@luoshan.example> 写道：\n> 您的来信收到。",
        "\n\n在 2026-11-18 09:00:00，“投诉信箱” <tousu@luoshan.example> 写道：\n您的来信收到。",
        "\n\nOn Wed, Nov 18, 2026 at 9:00 AM Box <tousu@luoshan.example>\nwrote:\n> 您的来信收到。",
        '\n\n------------------ 原始邮件 ------------------\n发件人: "投诉信箱" <tousu@luoshan.example>;\n发送时间: 2026年11月18日(星期三) 上午9:00\n'
        "主题: 回复\n\n您的来信收到。",
        "\n\n发件人: 投诉信箱\n发送时间: 2026年11月18日 9:00\n收件人: 王小明\n主题: 回复\n\n您的来信收到。",
        "\n\n> 您的来信收到。",
    ],
)
def test_what_an_answer_quotes_is_left_out(quoted: str) -> None:
    demand = read(mail(f"还是没有解决。{quoted}", subject="回复：【投诉】不受理"))

    assert demand.content == "还是没有解决。"
    assert demand.quality == ("QUOTES_CUT",)


def test_a_quote_is_kept_where_there_is_nothing_else() -> None:
    demand = read(mail("\n> 您的来信收到。", subject="回复：【投诉】不受理"))

    assert demand.content == "> 您的来信收到。"


@pytest.mark.parametrize(
    "text",
    [
        "2026年11月18日我在留言板写道：窗口态度差。\n至今无人回复。",
        "时间：2026年11月18日\n地点：政务大厅\n主题：窗口不受理",
        "投诉对象：二楼窗口\n收件人说材料不全",
    ],
)
def test_words_that_only_look_like_a_quote_are_kept(text: str) -> None:
    assert read(mail(text)).content == text


# --- charsets and bodies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "charset", ["gb2312", "GBK", "gb18030", "us-ascii", "iso-8859-1", "utf-8", "x-unknown", "unicode_escape"]
)
def test_a_body_in_gb18030_is_read_right_under_every_label(charset: str) -> None:
    text = "镕基㐀路的不动产窗口不受理：𠮷家桥。"
    raw = mail(text.encode("gb18030"), content_type=f"text/plain; charset={charset}".encode())

    assert read(raw).content == text


@pytest.mark.parametrize("charset", ["gb2312", "gbk", "iso-8859-1", "utf-8", "big5"])
def test_a_body_in_utf8_is_read_right_under_every_label(charset: str) -> None:
    text = "不动产窗口一直不受理我的材料。"

    assert read(mail(text, content_type=f"text/plain; charset={charset}".encode())).content == text


def test_html_is_read_where_there_is_no_plain_text() -> None:
    html = "<html><head><meta charset=gbk><style>p{}</style></head><body><p>窗口&nbsp;不受理</p><div>三次<br>了</div><script>x()</script></body></html>"

    assert read(mail(html.encode("gbk"), content_type=b"text/html")).content == "窗口 不受理\n三次\n了"


def test_plain_text_goes_before_html() -> None:
    raw = multipart(
        part("窗口不受理。".encode("gbk"), b"text/plain; charset=gb2312"),
        part("<p>另一种写法</p>".encode("gbk"), b"text/html; charset=gb2312"),
        kind=b"alternative",
    )

    demand = read(raw)

    assert (demand.content, demand.attachments) == ("窗口不受理。", ())


def test_html_goes_before_a_plain_text_that_only_points_at_it() -> None:
    raw = multipart(
        part("请使用支持HTML的邮件客户端查看".encode(), b"text/plain; charset=utf-8"),
        part("<p>窗口不受理，一直让我回去补材料，跑了三次。</p>".encode(), b"text/html; charset=utf-8"),
        kind=b"alternative",
    )

    assert "跑了三次" in read(raw).content


# --- the time --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "flags"),
    [
        (None, ("DATE_UNREADABLE",)),
        ("rubbish", ("DATE_UNREADABLE",)),
        ("Fri, 32 Nov 2026 10:21:33 +0800", ("DATE_UNREADABLE",)),
        ("Fri, 20 Nov 2026 10:21:33", ("DATE_WITHOUT_ZONE",)),
        ("Fri, 20 Nov 2026 10:21:33 -0000", ("DATE_WITHOUT_ZONE",)),
        ("2026-11-20 10:21:33", ("DATE_WITHOUT_ZONE",)),
        ("Mon, 20 Nov 2028 10:21:33 +0800", ("DATE_IN_FUTURE",)),
        ("Fri, 20 Nov 2026 10:40:00 +0800", ("DATE_IN_FUTURE",)),
        ("Tue, 01 Jan 2008 00:00:00 +0800", ("DATE_TOO_OLD",)),
        ("Thu, 01 Jan 1970 00:00:00 +0000", ("DATE_UNREADABLE",)),
    ],
)
def test_a_date_that_cannot_be_gives_way_to_the_arrival(date: str | None, flags: tuple[str, ...]) -> None:
    demand = read(mail(date=date))

    assert (demand.submitted_at, demand.quality) == (ARRIVED, flags)


@pytest.mark.parametrize(
    "date",
    ["Fri, 20 Nov 2026 10:21:33 CST", "Fri, 20 Nov 2026 10:21:33 GMT+08:00", "Fri, 20 Nov 2026 02:21:33 GMT"],
)
def test_zones_are_those_of_this_county(date: str) -> None:
    assert read(mail(date=date)).submitted_at == SENT


def test_the_topmost_received_counts() -> None:
    received = [RECEIVED, "from [10.0.0.1] by mx.example.cn; Tue, 10 Nov 2026 10:21:33 +0800"]

    assert read(mail(date=None, received=received)).submitted_at == ARRIVED


def test_a_date_without_a_zone_is_the_countys_where_nothing_else_tells() -> None:
    demand = read(mail(date="Fri, 20 Nov 2026 10:21:33", received=[]))

    assert (demand.submitted_at, demand.quality) == (SENT, ("DATE_WITHOUT_ZONE",))


def test_a_mail_without_any_time_is_set_aside() -> None:
    error = refused(mail(date=None, received=[]))

    assert (error.code, error.field) == (Code.FIELD_MISSING, "Date")


# --- mails that are no demand ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"headers": [b"Auto-Submitted: auto-replied"]},
        {"headers": [b"Precedence: bulk"]},
        {"headers": [b"List-Id: <news.example.com>"]},
        {"headers": [b"X-Autoreply: yes"]},
        {"headers": [b"Return-Path: <>"]},
        {"sender": "Mail Delivery System <MAILER-DAEMON@mx.example.cn>"},
        {"sender": "postmaster@example.cn"},
        {"subject": "自动回复：您的来信"},
        {"content_type": b"multipart/report; boundary=x; report-type=delivery-status"},
    ],
)
def test_a_mail_that_a_machine_wrote_is_set_aside_under_its_own_code(more: dict[str, Any]) -> None:
    assert refused(mail(**more)).code is Code.MAIL_AUTOMATIC


@pytest.mark.parametrize(
    "header", [b"Auto-Submitted: no", b"Auto-Submitted: auto-forwarded", b"Precedence: normal"]
)
def test_a_mail_that_a_person_wrote_is_read_however_it_came(header: bytes) -> None:
    assert read(mail(headers=[header])).content


def test_a_mail_that_cannot_be_read_without_a_key_is_set_aside() -> None:
    raw = mail(
        b"MIAGCSqGSIb3", content_type=b"application/pkcs7-mime; smime-type=enveloped-data", encoding=b"base64"
    )

    assert refused(raw).code is Code.RECORD_UNREADABLE


@pytest.mark.parametrize(
    ("media_type", "code"), [(HEADERS_ONLY, Code.RECORD_TOO_LARGE), (REFERENCE_ONLY, Code.RECORD_UNREADABLE)]
)
def test_what_stands_in_for_a_mail_that_was_not_fetched_never_becomes_a_demand(
    media_type: str, code: Code
) -> None:
    with pytest.raises(RecordRejected) as caught:
        read(mail(), media_type=media_type)

    assert caught.value.code is code


# --- attacks ---------------------------------------------------------------------------------------------------------


def test_ten_thousand_nested_parts_are_set_aside() -> None:
    body = b"".join(
        b'--b%d\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n' % (level, level + 1)
        for level in range(10_000)
    )

    assert (
        refused(mail(body, content_type=b'multipart/mixed; boundary="b0"', encoding=None)).code
        is Code.RECORD_UNREADABLE
    )


def test_ten_thousand_mails_within_mails_are_set_aside() -> None:
    body = b"Content-Type: message/rfc822\r\n\r\n" * 10_000

    assert refused(mail(body, content_type=b"message/rfc822", encoding=None)).code is Code.RECORD_UNREADABLE


def test_a_hundred_thousand_parts_are_set_aside() -> None:
    body = b"--b\r\n\r\nx\r\n" * 100_000

    assert (
        refused(mail(body, content_type=b"multipart/mixed; boundary=b", encoding=None)).code
        is Code.RECORD_UNREADABLE
    )


def test_headers_without_an_end_are_set_aside() -> None:
    assert refused(b"X: " + b"y" * 2_000_000).code is Code.RECORD_UNREADABLE


def test_html_nested_beyond_every_bound_loses_no_word() -> None:
    html = "<div>" * 20_000 + "窗口不受理" + "</div>" * 20_000

    assert read(mail(html, content_type=b"text/html; charset=utf-8")).content == "窗口不受理"


@pytest.mark.parametrize(
    "given",
    [
        b"../../etc/passwd",
        b"C:\\\\windows\\\\a.doc",
        b"..",
        b"/",
        b"a\x00b.doc",
        b"\xe2\x80\xaecod.exe",
        b"CON.txt",
        b"." * 300,
        b"x" * 5_000 + b".doc",
    ],
)
def test_the_name_of_an_attachment_leads_nowhere(given: bytes) -> None:
    raw = multipart(
        part(b"x", b"application/octet-stream", b'Content-Disposition: attachment; filename="' + given + b'"')
    )

    (file,) = read(raw).attachments

    assert file.name
    assert len(file.name) <= 120
    assert not set(file.name) & set("/\\\x00\u202e")
    assert not file.name.startswith(".")
    assert file.name.partition(".")[0].upper() != "CON"
