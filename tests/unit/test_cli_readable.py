"""What was set aside is shown as a person reads it."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

from hub.cli.readable import readable

MAIL = "message/rfc822"


def letter() -> bytes:
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    mail["From"] = "王女士 <w@example.cn>"
    mail["Subject"] = "窗口不受理"
    mail["Date"] = "Tue, 03 Nov 2026 09:30:00 +0800"
    mail.set_content("材料交了三次。\x1b[2J", charset="gb18030", cte="base64")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="材料.pdf")
    return mail.as_bytes()


def test_a_letter_is_shown_decoded_with_the_names_of_its_attachments() -> None:
    shown = readable(letter(), MAIL)
    assert shown.splitlines()[:3] == [
        "From: 王女士 <w@example.cn>",
        "Date: 2026-11-03 09:30:00+08:00",
        "Subject: 窗口不受理",
    ]
    assert "Attachment: 材料.pdf (application/pdf, 5 bytes)" in shown
    assert "材料交了三次。" in shown
    assert "\x1b" not in shown


def test_bytes_that_are_no_letter_are_shown_as_the_text_that_they_are() -> None:
    assert readable("缺少编号".encode("gb18030"), "application/json") == "缺少编号"
    assert readable(b"\xff\x1b", None).startswith("\\xff")


def test_a_letter_that_cannot_be_taken_apart_is_shown_as_it_came() -> None:
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(400)
    )
    assert "boundary=b399" in readable(nested, MAIL)
