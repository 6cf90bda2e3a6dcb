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
    """The rating's own number; where it has none, the case and which of its visits is rated.

    Raises:
        RecordRejected: Neither is told (``key_missing``).
    """
    case_no, visit = fields.text("internalNo"), fields.text("serviceNumber")
    if fields.text("evaluateId") is None and case_no is not None and visit is not None:
        return sound_key(f"{case_no}-{visit}", "internalNo")
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
    """The device's number; customFields is "device,serial number,region", where the device stands first."""
    number = fields.text("deviceNo")
    if number is not None:
        return number
    custom = fields.text("customFields")
    return (custom.partition(",")[0].strip() or None) if custom is not None else None


def _flags(fields: Fields, values: dict[str, Any]) -> tuple[str, ...]:
    """A rating from before the case was accepted is flagged and not shifted: it may be of the advice that went before."""
    flags = []
    accepted_at = fields.moment("acceptDate")
    if values["case_no"] is None:
        flags.append(NO_CASE)
    if accepted_at is not None and values["rated_at"] < accepted_at:
        flags.append(RATED_BEFORE_ACCEPTANCE)
    return tuple(flags)
