"""Letters to the complaints mailbox: tags in the subject, GB18030 or UTF-8, a signature with a telephone number."""

from __future__ import annotations

import random
from collections.abc import Mapping
from email.header import Header
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr

from hub.clock import COUNTY_ZONE
from hub.county.world.voices import Voice

TO = "tousu@county.example"
_FLAWS: Mapping[str, str] = {"type": "【天书】没有这个类别", "automatic": "自动回复：已收到您的来信"}
FLAWS = tuple(_FLAWS)


def mail(voice: Voice) -> bytes:
    """The voice as a mail."""
    rng = random.Random(voice.number)
    charset = rng.choice(("gb18030", "utf-8"))
    person = voice.person
    phone = "" if voice.no_phone else f"\n电话：{voice.told_phone}"
    words = f"您好：\n{voice.words}\n\n此致\n{person.name}{phone}\n"
    if "html" in voice.dirt:
        body = words.replace("\n", "<br/>")
        message = MIMEText(f"<html><body><p>{body}</p></body></html>", "html", charset)
    else:
        message = MIMEText(words, "plain", charset)
    message["From"] = formataddr((Header(person.name, charset).encode(), person.email))
    message["To"] = TO
    message["Date"] = format_datetime(voice.at.astimezone(COUNTY_ZONE))
    message["Message-ID"] = f"<{voice.number}@mail.example>"
    subject = _FLAWS[voice.flaw] if voice.flaw is not None else f"【{voice.kind}】{voice.title}"
    message["Subject"] = Header(subject, charset).encode()
    if voice.flaw == "automatic":
        message["Auto-Submitted"] = "auto-replied"
    return message.as_bytes()
