"""Signal (苗头信息), warning (预警), order (交办单) and the message a department receives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from hub.model.codes import Level
from hub.model.demand import Emitted


class SignalDraft(Emitted):
    """What a rule has seen about one key: everything needed to say why, and to say it again (P6).

    One draft is one episode: a stretch of event time ``[window_from, window_to)`` in which the rule's condition
    held for the key. Drafts of one rule and key that overlap in time are the same signal.
    """

    key: str = Field(min_length=1)
    level: Level
    window_from: AwareDatetime
    window_to: AwareDatetime
    metric: str
    value: float
    threshold: float
    baseline: float | None = None
    demand_ids: tuple[str, ...] = Field(min_length=1)
    reporters: int = Field(ge=0)
    summary: str = Field(max_length=500)  # shown to clerks and departments: no personal data
    auto_issue: bool = False
    labels: tuple[str, ...] = ()


class SignalView(BaseModel):
    """A signal as the store keeps it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    signal_id: str
    rule_id: str
    rule_version: str
    key: str
    state: str
    level: Level
    historical: bool
    window_from: datetime
    window_to: datetime
    metric: str
    value: float
    threshold: float
    baseline: float | None = None
    demand_ids: tuple[str, ...]
    reporters: int
    summary: str
    auto_issue: bool
    labels: tuple[str, ...] = ()
    first_seen_at: datetime
    last_seen_at: datetime


class OrderMessage(Emitted):
    """The body of the webhook ``order.created``: what a department needs to act, without identity.

    Source: domain.md §7 "Webhook to departments"; names and numbers go only through a logged one-time link.
    """

    type: str = "order.created"
    schema_version: str = "1"
    order_no: str
    revision: int = 1
    role: str = "host"
    level: Level
    organisation: str
    organisation_name: str
    warning_no: str | None
    rule: str
    why: str
    demands: tuple[dict[str, Any], ...]
    due_at: AwareDatetime | None
    due_basis: str | None
    due_provisional: bool = False
    reply_fields: tuple[str, ...] = ()
    return_codes: tuple[str, ...] = ()
    contact: str | None = None
    created_at: AwareDatetime
