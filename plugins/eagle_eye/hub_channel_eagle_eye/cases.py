"""What the fields of a case say, in JSON or XML: the case itself, its steps, suspensions, corrections and fees.

Times are taken as they were told; where they contradict each other the case bears a flag, and nothing is shifted.

Source: domain.md §1.6, §6.4, §7.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.model.case import Case
from hub.model.codes import CaseState
from hub_channel_eagle_eye.codes import APPLY_WAYS, ITEM_TYPES, Tables
from hub_channel_eagle_eye.fields import Fields, built, sound_key

ACCEPTED_BEFORE_APPLICATION = "ACCEPTED_BEFORE_APPLICATION"
FINISHED_BEFORE_ACCEPTANCE = "FINISHED_BEFORE_ACCEPTANCE"
STEP_BEFORE_APPLICATION = "STEP_BEFORE_APPLICATION"
ENDED_BEFORE_BEGINNING = "ENDED_BEFORE_BEGINNING"

_LICENCE = "821"


def case_of(fields: Fields, tables: Tables, source_no: str, as_of: datetime | None) -> Case:
    """The case with all that the record tells.

    Raises:
        RecordRejected: A field cannot be used.
    """
    case_no = fields.key("internalNo", "the case")
    values: dict[str, Any] = {
        "source_no": source_no,
        "case_no": case_no,
        "as_of": as_of,
        "query_code": fields.text("queryCode"),
        "item_code": fields.text("itemId"),
        "item_name": fields.text("transactAffairName"),
        "item_type": fields.shown("itemType", ITEM_TYPES),
        "case_kind": fields.code("caseKind", tables.case_kinds),
        "way": fields.shown("applyWay", APPLY_WAYS),
        "region_code": fields.text("areaCode"),
        "organisation_code": fields.text("orgId"),
        "organisation": fields.text("orgName"),
        "window_no": fields.text("windowNo"),
        "post": fields.text("post"),
        "staff_no": fields.text("staffNo"),
        "applicant": person_of(fields, "applicant", tables),
        "applied_at": fields.moment("applyDate"),
        "preaccepted_at": fields.moment("preAcceptDate"),
        "accepted_at": fields.moment("acceptDate"),
        "accept_doc_no": fields.text("acceptDocNo"),
        "promised": term_of(fields, "promise", "promiseType", tables),
        "legal": term_of(fields, "anticipateDay", "anticipateType", tables),
        "clock_started_at": fields.moment("promiseStartDate"),
        "due_at": fields.moment("deadline"),
        "state": fields.code("status", tables.case_states),
        "steps": tuple(
            step_of(one, tables, place) for place, one in _numbered(fields, "processes", "nodeId")
        ),
        "suspensions": tuple(suspension_of(one, place) for place, one in _numbered(fields, "suspensions")),
        "corrections": tuple(correction_of(one, place) for place, one in _numbered(fields, "corrections")),
        "fee_due": fields.money("receivable"),
        "fee_paid": fields.money("paid"),
        "delivered_at": fields.moment("deliverDate"),
        **result_of(fields, tables, "resultStatus"),
    }
    return built(Case, {**values, "quality": flags_of(values)})


def result_of(fields: Fields, tables: Tables, status: str) -> dict[str, Any]:
    """How the case ended; ``status`` names the field of the result's code."""
    finished_at = fields.moment("finishTime")
    found: dict[str, Any] = {
        "result": fields.code(status, tables.case_results),
        "result_doc_no": fields.text("resultDocNo"),
        "result_reason": fields.words("note"),
        "finished_at": finished_at,
    }
    return found


def person_of(fields: Fields, prefix: str, tables: Tables) -> dict[str, Any] | None:
    """Fields of a `hub.model.demand.Reporter`; None where nobody is named. Masked values are given as they came."""
    number, id_type = fields.text(f"{prefix}PaperCode"), fields.text(f"{prefix}PaperType")
    is_licence = id_type == _LICENCE
    found = {
        "name": fields.text(f"{prefix}Name"),
        "type": fields.code(f"{prefix}Type", tables.applicant_types),
        "id_type": id_type,
        "id_no": None if is_licence else number,
        "uscc": number if is_licence else None,
        "phone": fields.text(f"{prefix}Mobile") or fields.text(f"{prefix}Phone"),
        "account": fields.text(f"{prefix}Account"),
        "address": fields.text(f"{prefix}Address"),
    }
    told = {name: value for name, value in found.items() if value is not None}
    return told or None


def term_of(fields: Fields, value: str, unit: str, tables: Tables) -> dict[str, Any] | None:
    """A term; None where no number is told. A number without a unit is none that could be reckoned with."""
    count = fields.whole(value)
    if count is None:
        return None
    fields.needed(unit, "the unit of the term, such as 1 for working days")
    return {"value": count, "unit": fields.code(unit, tables.term_units)}


def step_of(fields: Fields, tables: Tables, place: str) -> dict[str, Any]:
    """One step; ``place`` names it where the source does not."""
    return {
        "no": _no(fields, "id", place),
        "node": fields.text("nodeId"),
        "name": fields.text("tacheName"),
        "organisation": fields.text("deptName"),
        "handler": fields.text("userName"),
        "began_at": fields.moment("beginDate"),
        "ended_at": fields.moment("processDate"),
        "promised": term_of(fields, "promise", "promiseType", tables),
        "state": fields.text("status"),
        "opinion": fields.words("note"),
    }


def suspension_of(fields: Fields, place: str) -> dict[str, Any]:
    """One suspension, or one end of it."""
    return {
        "no": _no(fields, "id", place),
        "procedure": fields.text("procedure"),
        "began_at": fields.moment("beginDate"),
        "ended_at": fields.moment("endDate"),
        "basis": fields.text("basis"),
        "approver": fields.text("approver"),
        "reason": fields.words("note"),
    }


def correction_of(fields: Fields, place: str) -> dict[str, Any]:
    """One correction: what was asked for, and when it was brought."""
    return {
        "no": _no(fields, "id", place),
        "asked_at": fields.moment("askDate"),
        "brought_at": fields.moment("bringDate"),
        "told_all_at_once": fields.flag("allAtOnce"),
        "wanted": fields.words("wanted"),
    }


def flags_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Which of the case's times contradict each other, in alphabetical order."""
    applied, accepted, finished = values["applied_at"], values["accepted_at"], values["finished_at"]
    flags = set()
    if _is_before(accepted, applied):
        flags.add(ACCEPTED_BEFORE_APPLICATION)
    if _is_before(finished, accepted) and values.get("state") is not CaseState.REFUSED:
        flags.add(FINISHED_BEFORE_ACCEPTANCE)
    for one in (*values["steps"], *values["suspensions"]):
        if _is_before(one["ended_at"], one["began_at"]):
            flags.add(ENDED_BEFORE_BEGINNING)
    for step in values["steps"]:
        if _is_before(step["began_at"] or step["ended_at"], applied):
            flags.add(STEP_BEFORE_APPLICATION)
    return tuple(sorted(flags))


def _is_before(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other


def _no(fields: Fields, name: str, place: str) -> str:
    return sound_key(fields.text(name) or place, name)


def _numbered(fields: Fields, name: str, kind: str | None = None) -> list[tuple[str, Fields]]:
    """The things of a list, each with a name for its place: its kind and how often that came before it."""
    seen: dict[str, int] = {}
    found = []
    for one in fields.parts(name):
        named = (kind and one.text(kind)) or ""
        seen[named] = seen.get(named, 0) + 1
        found.append((f"{named}#{seen[named]}", one))
    return found
