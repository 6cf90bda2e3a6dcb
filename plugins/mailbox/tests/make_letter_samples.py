"""Writes samples/letters/: letters of our own making and, beside each, the demands that it gives or the code with which it is set aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hub.sdk import RawRecord, RecordRejected
from hub.testing.factories import channel_context
from hub_channel_mailbox.channel import MailboxChannel
from hub_channel_mailbox.settings import MailboxSettings

SAMPLES = Path(__file__).parents[1] / "samples" / "letters"
SETTINGS = MailboxSettings.model_validate(
    {
        "source": {"kind": "web_pages", "base_url": "https://www.county.example"},
        "sub_source": "县长信箱",
    }
)
USUAL = {
    "number": "XJ2026000012",
    "link": "/xjxd/letter?id=12",
    "title": "不动产窗口多次要求补材料",
    "type": "投诉",
    "time": "2026-11-03 09:12",
    "status": "受理中",
    "writer": "张**",
    "phone": "138****5678",
    "content": "我在二楼窗口办理过户，三次被要求补材料，每次说的都不一样。",
}
LETTERS: dict[str, dict[str, Any]] = {
    "received": USUAL,
    "answered": {
        **USUAL,
        "status": "已答复",
        "reply": "您好，已责成窗口一次性告知所需材料，并向您致歉。",
        "reply_department": "县自然资源局",
        "reply_time": "2026年11月6日 15:30",
    },
    "answered_whatever_the_state_says": {**USUAL, "reply": "已经办结。", "reply_time": "11-05"},
    "day_without_year": {**USUAL, "time": "11-03", "day": "2025-11-03"},
    "report": {**USUAL, "type": "【举报】", "writer": "匿名"},
    "row_only": {"number": "XJ2026000013", "title": "反映某单位收费不开票", "time": "2026年11月4日", "status": "办理中"},
    "whole_page": {
        "number": "XJ2026000014",
        "title": "咨询社保转移",
        "time": "2026-11-02",
        "status": "已办结",
        "page": "<html><body><h1>咨询社保转移</h1><div>来信内容：</div><div>请问社保怎么转移？</div></body></html>",
    },
    "unknown_type": {**USUAL, "type": "吐槽"},
    "unknown_state": {**USUAL, "status": "流转"},
    "no_content": {"number": "XJ2026000015", "title": "某某", "time": "2026-11-02", "page": "<html><body><p>改版</p></body></html>"},
    "no_year": {**USUAL, "time": "11-03"},
}  # fmt: skip


def written() -> dict[str, str]:
    """File name -> content."""
    channel = MailboxChannel(SETTINGS, channel_context())
    files: dict[str, str] = {}
    for name, fields in LETTERS.items():
        body = json.dumps(fields, ensure_ascii=False, sort_keys=True)
        files[f"{name}.json"] = body
        try:
            demands = channel.normalize(RawRecord(fields["number"], body.encode()))
        except RecordRejected as exc:
            files[f"{name}.rejected.json"] = _json({"code": exc.code.value})
        else:
            files[f"{name}.demands.json"] = _json(
                [{"reporter": {}, **one.model_dump(mode="json", exclude_defaults=True)} for one in demands]
            )
    channel.close()
    return files


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    for name, content in written().items():
        (SAMPLES / name).write_text(content, encoding="utf-8")
