"""The presubmission windows' ledger: every application that was looked through, of which few carry a demand."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from hub.county.render.forms import day, serial
from hub.county.render.sheets import ledger, repeated
from hub.county.world.voices import Voice

COLUMNS = (
    "序号",
    "预审编号",
    "日期",
    "预审窗口",
    "申请人",
    "联系电话",
    "事项名称",
    "预审结果",
    "缺少材料",
    "退回次数",
    "群众意见",
    "意见类型",
    "经办人",
)
_MISSING = ("身份证复印件", "房产证原件", "场地租赁合同", "授权委托书", "近三个月流水", "村委会证明")
_FLAWS: Mapping[str, tuple[int, str]] = {"result": (7, "再议"), "time": (2, "本周"), "type": (11, "吐槽")}
FLAWS = tuple(_FLAWS)
_WINDOW, _ITEM = 3, 6


def sheet(voices: Sequence[Voice], title: str = "材料预审登记表") -> bytes:
    """A file with these voices, each a row that carries a demand, among the rows of the day that carry none."""
    rng = random.Random(voices[0].number if voices else title)
    rows: list[list[str]] = []
    for voice in voices:
        rows.append(_row(rng, voice))
        if rng.random() < 0.5:
            rows.append(_uneventful(rng, voice))
    for number, row in enumerate(rows, 1):
        row[0] = str(number)
    return ledger(title, COLUMNS, repeated(rows, _WINDOW), total=f"{len(rows)}件")


def _row(rng: random.Random, voice: Voice) -> list[str]:
    phone = voice.told_phone
    said = voice.words if voice.returns == 0 or rng.random() < 0.6 else ""
    row = [
        "",
        voice.number,
        serial(voice.at) if "serial" in voice.dirt else day(voice.at),
        f"{rng.randrange(1, 5)}号窗口",
        voice.person.name,
        "" if voice.no_phone else f"{phone}.0" if "float" in voice.dirt else phone,
        voice.subject.name,
        "退回" if voice.returns else "通过",
        rng.choice(_MISSING) if voice.returns else "",
        f"{voice.returns}次" if voice.returns else "",
        said,
        voice.kind if said else "",
        f"{rng.choice('赵钱孙')}*",
    ]
    if voice.flaw is not None:
        # A row that says nothing would be passed over, and not set aside.
        row[10], row[11] = voice.words, voice.kind
        place, text = _FLAWS[voice.flaw]
        row[place] = text
    return row


def _uneventful(rng: random.Random, voice: Voice) -> list[str]:
    """An application that passed, or that was sent back once: the window's daily work."""
    passed = rng.random() < 0.7
    return [
        "",
        f"{voice.number}B",
        day(voice.at),
        f"{rng.randrange(1, 5)}号窗口",
        "王*",
        "",
        voice.subject.name,
        "通过" if passed else "退回",
        "" if passed else rng.choice(_MISSING),
        "" if passed else "1",
        rng.choice(("", "无", "满意", "没有意见")),
        "",
        "孙*",
    ]
