"""Work orders of the hotline 12345, by the names of its SOAP message; its JSON interface and its view say the same by other names."""

from __future__ import annotations

from collections.abc import Mapping

from hub.county.render.forms import local, untidy
from hub.county.world.voices import State, Voice

_STATES: Mapping[State, str] = {
    "received": "待受理",
    "accepted": "已受理",
    "assigned": "已派遣",
    "in_hand": "办理中",
    "answered": "已反馈",
    "closed": "已办结",
}
_HANDED_OVER = ("assigned", "in_hand", "answered", "closed")
_FLAWS: Mapping[str, Mapping[str, str]] = {
    "type": {"诉求类型": "牢骚"},
    "no_demand": {"诉求类型": "骚扰来电"},
    "state": {"工单状态": "待定"},
    "words": {"标题": "", "内容": ""},
    "time": {"来电时间": ""},
}
FLAWS = tuple(_FLAWS)
_URGENCIES = {1: "一般", 2: "紧急", 3: "特急"}
# A centre writes 5 working days on nearly everything, less on what presses.
_DAYS = {1: "5", 2: "2", 3: "1"}


def order(voice: Voice) -> dict[str, str]:
    """The voice as the platform keeps it now; every value a text, absent ones left out."""
    phone = voice.told_phone
    found = {
        "工单编号": voice.number,
        "来电时间": local(voice.at),
        "更新时间": local(voice.changed_at),
        "来源渠道": "电话",
        "诉求人": "匿名"
        if voice.anonymous
        else voice.person.name
        if "signed" in voice.dirt
        else voice.person.called,
        "来电号码": "" if voice.no_phone or voice.anonymous else phone,
        "诉求类型": "催单" if voice.chases else voice.kind,
        "紧急程度": _URGENCIES[voice.urgent],
        "问题分类": f"{voice.subject.above}/{voice.subject.category}",
        "是否保密": "是" if voice.secret else "否",
        "事发地址": voice.place.address,
        "区划代码": voice.place.code,
        "标题": f"【{voice.heads}户联名】{voice.title}" if voice.heads is not None else voice.title,
        "内容": untidy(voice),
        "工单状态": _STATES[voice.state],
        "办理时限": _DAYS[voice.urgent],
        "时限单位": "工作日",
    }
    if voice.state in _HANDED_OVER:
        found |= {"承办单位": voice.subject.department.name, "派单时间": local(voice.at)}
    if found["来电号码"] and "caller_only" not in voice.dirt:
        found["联系电话"] = found["来电号码"]
    if voice.previous is not None:
        found["原工单编号"] = voice.previous
    return found | dict(_FLAWS[voice.flaw] if voice.flaw is not None else {})
