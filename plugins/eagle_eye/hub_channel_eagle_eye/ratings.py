"""What the fields of a rating say, in JSON or XML; the level by the table of the device that sent it.

Source: domain.md §1.7, §6.2, §7.
"""

from __future__ import annotations

from typing import Any

from hub.model.rating import Rating
from hub_channel_eagle_eye.cases import person_of
from hub_channel_eagle_eye.codes import RATING_WAYS, Tables
from hub_channel_eagle_eye.fields import Fields, built, sound_key

RATED_BEFORE_ACCEPTANCE = "RATED_BEFORE_ACCEPTANCE"
NO_CASE = "NO_CASE"


def rating_no(fields: Fields) -> str:
    """The rating's own number; where it has none, the case and which of its visits is rated, or the device and its serial number.

    Raises:
        RecordRejected: None of these is told (``key_missing``).
    """
    if fields.text("evaluateId") is not None:
        return fields.key("evaluateId", "the rating")
    case_no, visit = fields.text("internalNo"), fields.text("serviceNumber")
    if case_no is not None and visit is not None:
        return sound_key(f"{case_no}-{visit}", "internalNo")
    device, serial = _custom(fields)
    if device and serial:
        return sound_key(f"{device}-{serial}", "customFields")
    return fields.key("evaluateId", "the rating")


def rating_of(fields: Fields, tables: Tables, source_no: str) -> Rating:
    """The rating.

    Raises:
        RecordRejected: A field cannot be used; the code of a device that no table knows is ``value_unmapped``.
    """
    code = fields.needed("level", "the code of the level")
    device, way = _device_of(fields), fields.text("pf")
    rated_at = fields.when("evaluateTime")
    values: dict[str, Any] = {
        "source_no": source_no,
        "rated_at": rated_at,
        "level": tables.rating(code, vendor=fields.text("vendor"), device=device, way=way),
        "level_source_text": code,
        "case_no": fields.text("internalNo"),
        "case_state": fields.code("proStatus", tables.rated_states),
        "visit": fields.whole("serviceNumber"),
        "item_code": fields.text("itemId"),
        "item_name": fields.text("transactAffairName"),
        "way": fields.shown("pf", RATING_WAYS),
        "organisation_code": fields.text("orgId"),
        "organisation": fields.text("orgName"),
        "window_no": fields.text("windowNo"),
        "device_no": device,
        "region_code": fields.text("areaCode"),
        "staff_no": fields.text("staffNo"),
        "rater": person_of(fields, "evaluator", tables),
        "is_real_name": fields.flag("isRealName"),
        "tags": fields.texts("tags"),
        "text": fields.words("content"),
        "appends_to": fields.text("appendOf"),
    }
    return built(Rating, {**values, "quality": _flags(fields, values)})


def _device_of(fields: Fields) -> str | None:
    """The device's number, in a field of its own or in customFields."""
    number = fields.text("deviceNo")
    if number is not None:
        return number
    return _custom(fields)[0] or None


def _custom(fields: Fields) -> tuple[str, str]:
    """Device and serial number out of "device,serial number,region"; empty texts where there are none."""
    device, serial, *_ = [part.strip() for part in (fields.text("customFields") or "").split(",")] + ["", ""]
    return device, serial


def _flags(fields: Fields, values: dict[str, Any]) -> tuple[str, ...]:
    """A rating from before the case was accepted is flagged and not shifted: it may be of the advice that went before."""
    flags = []
    accepted_at = fields.moment("acceptDate")
    if values["case_no"] is None:
        flags.append(NO_CASE)
    if accepted_at is not None and values["rated_at"] < accepted_at:
        flags.append(RATED_BEFORE_ACCEPTANCE)
    return tuple(flags)
