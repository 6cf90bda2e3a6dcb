"""The register of the window for what could not be got done (办不成事)."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from hub.county.render.forms import day, local, serial
from hub.county.render.sheets import ledger
from hub.county.world.voices import Voice

COLUMNS = (
    "登记编号", "反映时间", "反映人", "联系方式", "身份", "事项", "涉及窗口/单位", "办不成原因", "诉求", "诉求类型", "处理方式", "转办单位", "承诺时限", "办理结果", "回访",
    "满意度", "经办人",
)  # fmt: skip
_FLAWS: Mapping[str, Mapping[int, str]] = {
    "time": {1: "上午"},
    "method": {10: "再议"},
    "type": {9: "吐槽"},
    "words": {5: "", 8: ""},
}
FLAWS = tuple(_FLAWS)


def sheet(voices: Sequence[Voice], title: str = "“办不成事”反映窗口登记表") -> bytes:
    """A file with these voices, a row each."""
    return ledger(title, COLUMNS, [_row(random.Random(voice.number), voice) for voice in voices])


def _row(rng: random.Random, voice: Voice) -> list[str]:
    handed_on = voice.state in ("assigned", "in_hand")
    closed = voice.state in ("answered", "closed")
    row = [
        voice.number,
        serial(voice.at) if "serial" in voice.dirt else local(voice.at),
        voice.enterprise.name if voice.enterprise is not None else voice.person.name,
        "" if voice.no_phone else f"{voice.told_phone}.0" if "float" in voice.dirt else voice.told_phone,
        "企业" if voice.enterprise is not None else "个人",
        voice.subject.name,
        voice.subject.department.name,
        rng.choice(("材料不全", "政策限制", "部门推诿", "系统问题", "多部门")),
        voice.words,
        voice.kind,
        "转办" if handed_on else "当场" if closed else "",
        voice.subject.department.name if handed_on else "",
        day(voice.at) if handed_on else "",
        "已解决" if voice.state == "closed" else "已答复" if voice.state == "answered" else "",
        "已回访" if voice.state == "closed" else "",
        "满意" if voice.state == "closed" else "",
        "周*",
    ]
    for place, text in _FLAWS[voice.flaw].items() if voice.flaw is not None else ():
        row[place] = text
    return row
