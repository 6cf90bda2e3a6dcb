"""Bytes as a person reads them: a letter as a letter, everything else as the text that it is."""

from __future__ import annotations

from hub.errors import RecordRejected

_MAILS = ("message/rfc822", "text/rfc822-headers")


def readable(body: bytes, media_type: str | None = None) -> str:
    """These bytes as text; control characters are replaced, so that none moves the terminal.

    Args:
        body: As a source sent them.
        media_type: As its channel named them; a mail's headers, words and the names of its attachments are decoded.
    """
    from hub.cli import out

    return out.safe(_letter(body) if media_type in _MAILS else _text(body))


def _text(body: bytes) -> str:
    """UTF-8, else GB18030, else escapes."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    return body.decode("utf-8", "backslashreplace")


def _letter(body: bytes) -> str:
    from hub.sdk.readers.mail_parse import read_mail

    try:
        mail = read_mail(body)
    except RecordRejected:
        return _text(body)  # no mail that could be taken apart: as it came
    sender = f"{mail.sender.name} <{mail.sender.address}>".strip() if mail.sender is not None else "-"
    lines = [f"From: {sender}", f"Date: {mail.date or '-'}", f"Subject: {mail.subject or '-'}"]
    lines += [
        f"Attachment: {one.name} ({one.media_type}, {len(one.content)} bytes)" for one in mail.attachments
    ]
    return "\n".join([*lines, "", mail.text])
