"""What the fields of a monitor event say, and of the finding that a confirmed camera's event leaves to be put right.

An event is a fact that the eagle-eye reports, once, whatever becomes of it: also a camera's (domain.md §1.8). Only where a person has
confirmed what the camera saw **and** the record says how it is to be put right, a finding stands beside the event: a finding has the term, what
was done and what looking again found, an event has no place for them (1 小时响应、24 小时整改、每月回头看).

Source: domain.md §1.8, §7; R45.
"""

from __future__ import annotations

from typing import Any

from hub.model.codes import AnomalyType, FindingState, InspectionKind, Severity
from hub.model.inspection import Finding
from hub.model.monitor import MonitorEvent
from hub.model.observation import Observation
from hub.sdk import Code, RecordRejected
from hub_channel_eagle_eye.codes import Tables
from hub_channel_eagle_eye.fields import Fields, built, sound_key

REPLIED_BEFORE_EVENT = "REPLIED_BEFORE_EVENT"
DUE_BEFORE_EVENT = "DUE_BEFORE_EVENT"


def event_no(fields: Fields) -> str:
    """The event's own number, else its message's; where it has neither, what it is about: case or camera, step, rule and time.

    Raises:
        RecordRejected: None of these is told (``key_missing``).
    """
    for name in ("eventID", "transactionID"):
        if (own := fields.text(name)) is not None:
            return sound_key(own, name)
    subject = fields.text("businessID") or fields.text("cameraNo")
    rule = fields.text("ruleCode") or fields.text("warnType")
    occurred = fields.text("occurTime")
    if subject is not None and rule is not None and occurred is not None:
        return sound_key("/".join((subject, fields.text("processID") or "", rule, occurred)), "eventID")
    return fields.key("eventID", "the event")


def event_of(
    fields: Fields, tables: Tables, source_no: str, *, more: dict[str, Any] | None = None
) -> list[Observation]:
    """The event, and the finding beside it where there is one.

    Args:
        fields: Of the event.
        tables: Of this eagle-eye.
        source_no: The record's number.
        more: What stands around the event and not in it; it goes before the event's own fields.

    Raises:
        RecordRejected: A field cannot be used.
    """
    values = {
        **_event(fields, tables),
        **{name: value for name, value in (more or {}).items() if value is not None},
    }
    event = built(MonitorEvent, {**values, "source_no": source_no, "quality": _flags(values)})
    return [event, *_finding(fields, tables, event)]


def _event(fields: Fields, tables: Tables) -> dict[str, Any]:
    anomaly = fields.code("warnType", tables.anomalies)
    if anomaly is None and "cameraNo" in fields:
        anomaly = AnomalyType.WINDOW
    level = fields.code("warnLevel", tables.levels)
    return {
        "occurred_at": fields.when("occurTime"),
        "anomaly": anomaly if anomaly is not None else _missing("warnType", "a code of the kind of anomaly"),
        "level": level if level is not None else _missing("warnLevel", "a code of the level"),
        "module": fields.code("module", tables.modules),
        "rule_code": fields.text("ruleCode"),
        "case_no": fields.text("businessID"),
        "process_no": fields.text("processID"),
        "item_code": fields.text("itemId"),
        "region_code": fields.text("areaCode"),
        "organisation_code": fields.text("orgId"),
        "organisation": fields.text("org"),
        "post": fields.text("post"),
        "window_no": fields.text("windowNo"),
        "staff_no": fields.text("staffNo"),
        "reason": fields.words("warnReason"),
        "detail": fields.words("warnInfo"),
        "reply_due_at": fields.moment("replyTime"),
        "replied_at": fields.moment("repliedTime"),
        "replied_by": fields.text("replyUser"),
        "reply": fields.words("replyInfo"),
        "revoked_at": fields.moment("revokeTime"),
        "revoked_by": fields.text("revokePerson"),
        "revoke_reason": fields.words("revokeReason"),
        "score_effect": fields.share("score"),
        "camera_no": fields.text("cameraNo"),
        "zone": fields.text("zone"),
        "snapshot": fields.text("snapshot"),
        "confirmed": fields.flag("confirmed"),
    }


def _finding(fields: Fields, tables: Tables, event: MonitorEvent) -> list[Observation]:
    state = fields.code("rectifyStatus", tables.rectifications)
    due = fields.moment("rectifyDeadline")
    if event.camera_no is None or not event.confirmed or (state is None and due is None):
        return []
    values = {
        "source_no": event.source_no,
        "inspection_kind": InspectionKind.ROUTINE,
        "found_at": event.occurred_at,
        "area": event.zone,
        "window_no": event.window_no,
        "region_code": event.region_code,
        "checklist_item": event.rule_code,
        "severity": Severity.BY_DATE if due is not None else Severity.AT_ONCE,
        "text": event.reason or event.detail or _missing("warnReason", "what the camera saw"),
        "organisation": event.organisation,
        "person": event.staff_no,
        "photos": ({"name": "snapshot", "uri": event.snapshot},) if event.snapshot is not None else (),
        "state": state if state is not None else FindingState.OPEN,
        "rectify_by": due,
        "rectified_at": fields.moment("rectifyTime"),
        "rectification": fields.words("rectifyInfo"),
        "rechecked_at": fields.moment("recheckTime"),
        "recheck": fields.words("recheckInfo"),
    }
    return [built(Finding, values)]


def _flags(values: dict[str, Any]) -> tuple[str, ...]:
    occurred = values["occurred_at"]
    told = ((REPLIED_BEFORE_EVENT, values["replied_at"]), (DUE_BEFORE_EVENT, values["reply_due_at"]))
    return tuple(sorted(flag for flag, moment in told if moment is not None and moment < occurred))


def _missing(name: str, expected: str) -> Any:
    raise RecordRejected(
        f"field {name!r}: missing or empty (expected {expected}); look at the record with `hub quarantine show` and ask the source's keeper",
        code=Code.FIELD_MISSING,
        field=name,
    )
