"""Records of the app's gateway: camelCase, milliseconds, openId, coordinates in GCJ-02, types as words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.county.render.forms import masked_phone, untidy
from hub.county.world.voices import State, Voice

_STATES: Mapping[State, str] = {
    "received": "submitted",
    "accepted": "accepted",
    "assigned": "assigned",
    "in_hand": "processing",
    "answered": "replied",
    "closed": "finished",
}
_FLAWS: Mapping[str, Mapping[str, Any]] = {
    "type": {"type": "吐槽"},
    "words": {"title": "", "content": " "},
    "state": {"status": "archived2"},
    "time": {"createTime": "昨天"},
}
FLAWS = tuple(_FLAWS)


def record(voice: Voice) -> dict[str, Any]:
    """The voice as the gateway lists or pushes it."""
    masked = "masked" in voice.dirt
    phone = voice.told_phone
    found: dict[str, Any] = {
        "appealId": voice.number,
        "type": voice.kind,
        "title": voice.title,
        "content": untidy(voice),
        "openId": voice.person.open_id,
        "userName": voice.person.name if not masked else "",
        "mobile": "" if voice.no_phone else masked_phone(phone) if masked else phone,
        "isPublic": not voice.secret,
        "address": voice.place.address,
        "regionCode": voice.place.code,
        "lng": voice.place.longitude,
        "lat": voice.place.latitude,
        "coordType": "gcj02",
        "status": _STATES[voice.state],
        "createTime": _milliseconds(voice.at),
        "updateTime": _milliseconds(voice.changed_at),
        "pictures": [],
    }
    if not voice.no_id:
        found |= {"idType": "111", "idNo": voice.person.id_no}
    if voice.item is not None:
        found |= {"itemCode": voice.item.code, "itemName": voice.item.name}
    if voice.case_no is not None:
        found["caseNo"] = voice.case_no
    return found | dict(_FLAWS[voice.flaw] if voice.flaw is not None else {})


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000
