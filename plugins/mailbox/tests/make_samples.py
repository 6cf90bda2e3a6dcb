"""Writes samples/*.eml, and beside each what it must give. All persons and matters are invented.

After a change run it from the repository's root, with the root on PYTHONPATH; then read the difference.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from hub.sdk import RawRecord, RecordRejected
from hub.sdk.readers.mail import MAIL
from hub.sdk.readers.mail_parse import source_no
from hub.testing.factories import channel_context
from hub_channel_mailbox.channel import MailboxChannel
from hub_channel_mailbox.settings import ImapSource, MailboxSettings
from tests.support.mail_corpus import FORWARDED_BY_CLERK, PNG, mail, multipart, part, word

SAMPLES = Path(__file__).parents[1] / "samples"
SETTINGS = MailboxSettings(
    source=ImapSource(
        kind="imap",
        host="mail.luoshan.example",
        user="tousu@luoshan.example",
        password_secret="mailbox.password",
        own_domains=("luoshan.example",),
    ),
    sub_source="书记县长信箱",
)


def mails() -> Mapping[str, bytes]:
    """Every sample by its name."""
    return {
        "gbk-complaint": mail(
            "我在县政务服务大厅二楼不动产窗口办理过户，三次被要求补材料。\n\n孙建国\n手机：13800002222".encode(
                "gbk"
            ),
            subject=word("【投诉】不动产窗口反复要求补", "gb2312") + b"\r\n " + word("材料", "gb2312"),
            sender=word("孙建国", "gb2312") + b" <sun@example.com>",
            content_type=b"text/plain; charset=gb2312",
            message_id="<sample-1@example.com>",
        ),
        "attachment": multipart(
            multipart_alternative(),
            part(PNG, b'image/png; name="=?GBK?B?1dXGrC5wbmc=?="', b"Content-Disposition: attachment"),
            subject=word("【建议】大厅增设母婴室", "utf-8"),
            sender=b"li@example.net",
            message_id="<sample-2@example.net>",
        ),
        "forwarded-report": mail(
            FORWARDED_BY_CLERK.encode(),
            subject=word("转发：【举报】窗口人员索要好处"),
            sender=word("李科员") + b" <li@luoshan.example>",
            message_id="<sample-3@luoshan.example>",
        ),
        "answer-with-quote": mail(
            "还是没有解决，我要求书面答复。\n\n------------------ 原始邮件 ------------------\n"
            '发件人: "投诉信箱" <tousu@luoshan.example>;\n发送时间: 2026年11月18日(星期三) 上午9:00\n主题: 回复\n\n您的来信收到。',
            subject=word("回复：回复：【投诉】营业执照变更超时"),
            date="Fri, 20 Nov 2026 10:21:33 -0000",
            message_id="<sample-4@example.com>",
        ),
        "html-only": mail(
            base64.b64encode("<html><body><p>新办社保卡，</p><div>要跑几趟？</div></body></html>".encode()),
            subject=word("新办社保卡要跑几趟"),
            content_type=b"text/html; charset=utf-8",
            encoding=b"base64",
            message_id="<sample-5@example.com>",
        ),
        "automatic-answer": mail(
            "本人出差，回来后答复。",
            headers=[b"Auto-Submitted: auto-replied"],
            message_id="<sample-6@example.com>",
        ),
        "unknown-tag": mail(subject=word("【抽奖】恭喜中奖"), message_id="<sample-7@example.com>"),
        "nothing": mail("", subject=word("【投诉】"), message_id="<sample-8@example.com>"),
        "no-time": mail(date=None, received=[], message_id="<sample-9@example.com>"),
    }


def multipart_alternative() -> bytes:
    """The words in two forms, as most mail programs send them."""
    plain = part("建议大厅增设母婴室。".encode(), b"text/plain; charset=utf-8")
    rich = part("<p>建议大厅增设母婴室。</p>".encode(), b"text/html; charset=utf-8")
    body = b"--in\r\n" + plain + b"\r\n--in\r\n" + rich + b"\r\n--in--"
    return b"Content-Type: multipart/alternative; boundary=in\r\n\r\n" + body


def expected(raw: bytes) -> tuple[str, str]:
    """Ending and content of the file beside a sample."""
    channel = MailboxChannel(SETTINGS, channel_context())
    try:
        demands = channel.normalize(RawRecord(source_no(raw), raw, media_type=MAIL))
    except RecordRejected as exc:
        return "rejected", _json({"code": exc.code.value})
    return "demands", _json(
        [{"reporter": {}, **demand.model_dump(mode="json", exclude_defaults=True)} for demand in demands]
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    """Writes all of them anew."""
    for old in SAMPLES.iterdir():
        old.unlink()
    for name, raw in mails().items():
        (SAMPLES / f"{name}.eml").write_bytes(raw)
        ending, content = expected(raw)
        (SAMPLES / f"{name}.{ending}.json").write_text(content, "utf-8")


if __name__ == "__main__":
    main()
