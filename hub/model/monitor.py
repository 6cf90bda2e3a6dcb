"""The monitor event (监察事件): what the eagle-eye's own rules and cameras report."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime

from hub.model.codes import AnomalyType, Level, MonitorModule
from hub.model.observation import Observation, Person, Text, Words


class MonitorEvent(Observation):
    """One event. ``rule_code`` is the eagle-eye's own; a camera's event counts only once a person ``confirmed`` it.

    Source: domain.md §1.8, §4.2 E17.
    """

    kind: ClassVar[str] = "monitor_event"

    occurred_at: AwareDatetime
    anomaly: AnomalyType
    level: Level
    module: MonitorModule | None = None
    rule_code: Text | None = None
    case_no: Text | None = None
    process_no: Text | None = None
    item_code: Text | None = None
    region_code: Text | None = None
    organisation_code: Text | None = None
    organisation: Text | None = None
    post: Text | None = None
    window_no: Text | None = None
    staff_no: Person = None
    reason: Words = None
    detail: Words = None
    reply_due_at: AwareDatetime | None = None
    replied_at: AwareDatetime | None = None
    replied_by: Person = None
    reply: Words = None
    revoked_at: AwareDatetime | None = None
    revoked_by: Person = None
    revoke_reason: Words = None
    score_effect: float | None = None
    camera_no: Text | None = None
    zone: Text | None = None
    snapshot: Text | None = None
    confirmed: bool | None = None
