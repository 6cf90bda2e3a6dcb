"""Records of the portal's list interface: pinyin initials, codes as texts, naive times, half of the people masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.county.render.forms import local, masked_id, masked_name, masked_phone, untidy
from hub.county.world.voices import State, Voice

_TYPES = {"咨询": "1", "投诉": "2", "建议": "3", "举报": "4", "求助": "5", "表扬": "6", "其他": "9"}
_STATES: Mapping[State, str] = {
    "received": "1",
    "accepted": "2",
    "assigned": "3",
    "in_hand": "3",
    "answered": "4",
    "closed": "5",
}
_FLAWS: Mapping[str, Mapping[str, Any]] = {
    "type": {"lx": "77", "lxmc": "未知类型"},
    "number": {"zxbh": ""},
    "words": {"bt": "", "nr": "&nbsp;"},
    "state": {"zt": "Z9"},
    "time": {"tjsj": "未填"},
}
FLAWS = tuple(_FLAWS)


def record(voice: Voice) -> dict[str, Any]:
    """The voice as the portal lists it."""
    person, masked = voice.person, "masked" in voice.dirt
    phone = voice.told_phone
    found: dict[str, Any] = {
        "zxbh": voice.number,
        "lx": _TYPES[voice.kind],
        "lxmc": voice.kind,
        "bt": voice.title,
        "nr": untidy(voice),
        "xm": masked_name(person) if masked else person.name,
        "sjh": "" if voice.no_phone else masked_phone(phone) if masked else phone,
        "zjlx": "" if voice.no_id else "111",
        "zjhm": "" if voice.no_id else masked_id(person.id_no) if masked else person.id_no,
        "zhid": person.account,
        "wz": voice.place.address,
        "qhdm": voice.place.code,
        "sfgk": "0" if voice.secret else "1",
        "tjsj": local(voice.at),
        "gxsj": local(voice.changed_at),
        "zt": _STATES[voice.state],
        "fj": [],
    }
    if voice.item is not None:
        found |= {"sxbm": voice.item.code, "sxmc": voice.item.name}
    if voice.case_no is not None:
        found["bjbh"] = voice.case_no
    if voice.enterprise is not None:
        found |= {"zjlx": "821", "zjhm": voice.enterprise.uscc, "xm": voice.enterprise.name}
    return found | dict(_FLAWS[voice.flaw] if voice.flaw is not None else {})
