"""Mails to test with, written out byte for byte as mail programs write them; all persons and matters are invented."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

SENT = datetime(2026, 11, 20, 2, 21, 33, tzinfo=UTC)
RECEIVED = "from mx.example.cn by mail.luoshan.example; Fri, 20 Nov 2026 10:21:40 +0800 (CST)"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def word(text: str, charset: str = "utf-8", kind: str = "B") -> bytes:
    """A MIME word."""
    coded = text.encode("gb18030" if charset.lower().startswith("gb") else charset)
    if kind == "B":
        return b"=?%s?B?%s?=" % (charset.encode(), base64.b64encode(coded))
    quoted = b"".join(b"=%02X" % byte for byte in coded)
    return b"=?%s?Q?%s?=" % (charset.encode(), quoted)


def mail(
    body: bytes | str = "窗口一直没有受理我的材料。",
    *,
    subject: bytes | str | None = "【投诉】窗口不受理",
    sender: bytes | str | None = "王小明 <wang@example.com>",
    date: bytes | str | datetime | None = SENT,
    message_id: str | None = "<20261120022133.1@example.com>",
    received: Sequence[str] = (RECEIVED,),
    headers: Sequence[bytes] = (),
    content_type: bytes | None = b"text/plain; charset=utf-8",
    encoding: bytes | None = b"8bit",
) -> bytes:
    """A mail of one part; a text header is written as raw UTF-8, which mail programs do, however wrong."""
    lines = [b"Received: " + hop.encode() for hop in received]
    lines += [
        b"%s: %s" % (name, _raw(value))
        for name, value in ((b"From", sender), (b"Subject", subject))
        if value is not None
    ]
    if date is not None:
        lines.append(
            b"Date: " + (format_datetime(date).encode() if isinstance(date, datetime) else _raw(date))
        )
    if message_id is not None:
        lines.append(b"Message-ID: " + message_id.encode())
    lines += [b"To: tousu@luoshan.example", b"MIME-Version: 1.0", *headers]
    if content_type is not None:
        lines.append(b"Content-Type: " + content_type)
    if encoding is not None:
        lines.append(b"Content-Transfer-Encoding: " + encoding)
    text = body.replace("\n", "\r\n").encode() if isinstance(body, str) else body
    return b"\r\n".join(lines) + b"\r\n\r\n" + text + b"\r\n"


def _raw(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def part(content: bytes, content_type: bytes, *headers: bytes, encoding: bytes = b"base64") -> bytes:
    """One part of a multipart."""
    body = base64.encodebytes(content).replace(b"\n", b"\r\n") if encoding == b"base64" else content
    lines = [b"Content-Type: " + content_type, b"Content-Transfer-Encoding: " + encoding, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def multipart(*parts: bytes, kind: bytes = b"mixed", boundary: bytes = b"==b1==", **more: object) -> bytes:
    """A mail of several parts; ``more`` goes to `mail`."""
    body = b"".join(b"--" + boundary + b"\r\n" + one + b"\r\n" for one in parts) + b"--" + boundary + b"--"
    content_type = b"multipart/" + kind + b'; boundary="' + boundary + b'"'
    return mail(body, content_type=content_type, encoding=None, **more)  # type: ignore[arg-type]


def numbered(number: int, **more: object) -> bytes:
    """One of many mails that differ."""
    return mail(
        f"第{number}次反映：窗口没有人值守。",
        subject=f"【投诉】第{number}件",
        message_id=f"<{number}@example.com>",
        **more,  # type: ignore[arg-type]
    )


FORWARDED_BY_CLERK = """请转办。

李科员
电话：0376-6600001

-------- 转发邮件信息 --------
发件人："赵大海" <zhao@example.net>
发送日期：2026-11-19 20:15:00
收件人："投诉信箱" <tousu@luoshan.example>
主题：【举报】窗口人员索要好处

我在办理不动产登记时，窗口人员暗示要好处。
联系电话：13800001111
"""
