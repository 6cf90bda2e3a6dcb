"""Signal (苗头信息), warning (预警), order (交办单) and the message a department receives."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from hub.model.codes import Level, OrderState, SignalState, Trait, TriageManner, WarningStage, WarningState
from hub.model.demand import Emitted


class SignalDraft(Emitted):
    """What a rule has seen about one key: everything needed to say why, and to say it again (P6).

    One draft is one episode: a stretch of event time ``[window_from, window_to)`` in which the rule's condition
    held for the key. Drafts of one rule and key that overlap in time are the same signal.

    Attributes:
        demand_ids: The demands that it rests on; may be empty when ``observed`` is not.
        observed: What else it rests on: ``kind:id``, as `hub.sdk.rules.Seen.ref` gives it.
        organisation: Who has to act, by code or as the source calls it; None where the demands tell.
        baseline: What was to be expected, where the rule compares with that.
    """

    key: str = Field(min_length=1)
    level: Level
    window_from: AwareDatetime
    window_to: AwareDatetime
    metric: str
    value: float
    threshold: float
    baseline: float | None = None
    demand_ids: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    organisation: str | None = None
    reporters: int = Field(ge=0)
    summary: str = Field(max_length=500)  # shown to clerks and departments: no personal data
    auto_issue: bool = False
    labels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _rests_on_something(self) -> SignalDraft:
        if not self.demand_ids and not self.observed:
            raise ValueError("a signal rests on something: name its demands, or what else was observed")
        if any(not kind or not number for kind, _, number in (one.partition(":") for one in self.observed)):
            raise ValueError("what was observed is named as kind:id")
        return self


class Kept(BaseModel):
    """Base of what is read back from the store: frozen, unknown columns ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SignalView(Kept):
    """A signal as the store keeps it: with everything that explains it (P6).

    Attributes:
        lapsed_at: Since when a signal that is warned of under a provisional limit (期限暂定) no longer holds: its warning is to be taken back.
    """

    signal_id: str
    rule_id: str
    rule_version: str
    params: dict[str, Any]
    subject: str
    key: str
    state: SignalState
    level: Level
    historical: bool
    window_from: datetime
    window_to: datetime
    metric: str
    value: float
    threshold: float
    baseline: float | None = None
    demand_ids: tuple[str, ...]
    observed: tuple[str, ...] = ()
    organisation: str | None = None
    reporters: int
    summary: str
    auto_issue: bool
    labels: tuple[str, ...] = ()
    first_seen_at: datetime
    last_seen_at: datetime
    triaged_at: datetime | None = None
    triaged_by: str | None = None
    triage_verdict: str | None = None
    triage_reason: str | None = None
    merged_into: str | None = None
    lapsed_at: datetime | None = None


class WarningView(Kept):
    """A warning as the store keeps it.

    Attributes:
        signal_id: The signal that leads it; grouped (类型化归集) it cites others too, which the store lists.
        traits: What triage, or the signal's labels, found grave about it (R51, R57).
        plan_due_at: Until when a plan is to stand with a warning of danger that was issued without one (R58).
    """

    warning_id: str
    warning_no: str
    signal_id: str
    rule_id: str
    level: Level
    state: WarningState
    issued_at: datetime
    issued_by: str
    reason: str
    dispatched_at: datetime | None = None
    manner: TriageManner = TriageManner.INDIVIDUAL
    traits: tuple[Trait, ...] = ()
    stage: WarningStage = WarningStage.WARNED
    plan_due_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revoked_why: str | None = None


class Plan(Emitted):
    """处置预案 (R58): what is to be done, who answers for it, from when to when."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
    owner: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    starts_on: date
    due_on: date

    @model_validator(mode="after")
    def _ordered(self) -> Plan:
        if self.due_on < self.starts_on:
            raise ValueError(f"a plan ends ({self.due_on}) no earlier than it begins ({self.starts_on})")
        return self


class WarningFacts(Kept):
    """What rules see of an issued warning (W20): whom and what it is about.

    Attributes:
        organisation: Code of the one that has its order, or was told of it; None before it was dispatched.
        item_code: Of the case or demand that it rested on first when it was issued; so are ``window_no`` and ``post``.
    """

    warning_id: str
    warning_no: str
    rule_id: str
    level: Level
    state: WarningState
    issued_at: datetime
    subject: str
    key: str
    organisation: str | None = None
    item_code: str | None = None
    window_no: str | None = None
    post: str | None = None


class OrderView(Kept):
    """An order as the store keeps it.

    Attributes:
        routed_by: What chose the organisation: ``plugin``, ``table <routing id>``, ``target_org``, ``handling_office``,
            ``protected`` (举报, 廉政: the handling office, or the discipline organ) or ``person <who>``.
    """

    order_id: str
    order_no: str
    origin: str
    origin_id: str
    organisation: str
    role: str
    level: Level
    state: OrderState
    routed_by: str
    revision: int
    created_at: datetime
    due_at: datetime | None = None
    due_basis: str | None = None
    due_provisional: bool = False


class Decision(Emitted):
    """What triage made of a signal, or of several together.

    Attributes:
        signal_id: The one that was named first.
        signal_ids: All of them, ascending.
    """

    signal_id: str
    state: SignalState
    warning_no: str | None = None
    signal_ids: tuple[str, ...] = ()


class Revoked(Emitted):
    """What taking a warning back did.

    Attributes:
        orders: Numbers of the orders that were withdrawn with it.
    """

    warning_no: str
    state: WarningState
    orders: tuple[str, ...] = ()


class OrderMessage(Emitted):
    """The body of the webhook ``order.created``: what a department needs to act, without identity.

    Attributes:
        demands: Those that this order is about; of a protected one (举报, 廉政) its number alone.
        cited: Demands of the same matter that are in hand already, ``demand_no`` with ``assigned_no`` or ``order_no`` (R73).
        observed: What else it is about: cases, ratings, findings and the like, each with its ``kind``.

    Source: domain.md §7 "Webhook to departments"; names and numbers go only through a logged one-time link.
    """

    type: str = "order.created"
    schema_version: str = "1"
    order_no: str
    revision: int = 1
    role: str = "host"
    level: Level
    level_title: str
    organisation: str
    organisation_name: str
    warning_no: str | None
    rule: str
    why: str
    demands: tuple[dict[str, Any], ...]
    cited: tuple[dict[str, str], ...] = ()
    observed: tuple[dict[str, Any], ...] = ()
    due_at: AwareDatetime | None
    due_basis: str | None
    due_provisional: bool = False
    reply_fields: tuple[str, ...] = ()
    return_codes: tuple[str, ...] = ()
    contact: str | None = None
    created_at: AwareDatetime


class WarningMessage(Emitted):
    """The body of the webhook ``warning.issued``: a warning that makes no order.

    Either its demands are all in hand already, and the platform's own order number is cited with its deadline (R73); or it is a
    reminder (提醒) about a case, a rating or the like, told in ``observed``.
    """

    type: str = "warning.issued"
    schema_version: str = "1"
    warning_no: str
    level: Level
    level_title: str
    organisation: str
    organisation_name: str
    rule: str
    why: str
    cited: tuple[dict[str, str], ...] = ()
    observed: tuple[dict[str, Any], ...] = ()
    contact: str | None = None
    created_at: AwareDatetime


class RaisedMessage(Emitted):
    """The body of the webhook ``warning.raised``: what was warned of has become graver, or larger.

    Attributes:
        cause: ``raised`` (its level rose), ``grown`` (more of the same) or ``back`` (it had ended, and stands again).
        order_no: The order that carries it, with its new ``revision``; None where the demands are in hand elsewhere.
        demands: Those that have joined the order, as `OrderMessage.demands` shows them; the order's time limit stays.
        cited: Those in hand elsewhere, as in `OrderMessage.cited`.
        observed: All that it rests on beside demands, as in `OrderMessage.observed`.
    """

    type: str = "warning.raised"
    schema_version: str = "1"
    warning_no: str
    cause: str
    level: Level
    level_title: str
    level_before: Level
    organisation: str
    organisation_name: str
    order_no: str | None
    revision: int | None
    rule: str
    why: str
    demands: tuple[dict[str, Any], ...]
    cited: tuple[dict[str, str], ...]
    observed: tuple[dict[str, Any], ...] = ()
    contact: str | None = None
    created_at: AwareDatetime


class RevokedMessage(Emitted):
    """The body of the webhook ``warning.revoked``: a warning was taken back (摘牌), and its order with it.

    Attributes:
        order_no: The order that is withdrawn, with its new ``revision``; None where there was none, or it goes on.
        replaced_by: The warning of a higher level that stands in its place, or None.
    """

    type: str = "warning.revoked"
    schema_version: str = "1"
    warning_no: str
    organisation: str
    organisation_name: str
    order_no: str | None
    revision: int | None
    replaced_by: str | None
    reason: str
    contact: str | None = None
    created_at: AwareDatetime


class ScoreMessage(Emitted):
    """The body of the webhook ``score.notified``: what a month's scores deduct, and until when one may appeal (R40).

    Attributes:
        month: ``YYYY-MM``.
        lines: ``warning_no``, ``rule``, ``level``, ``occurred_at``, ``case_nos``, ``points`` (of the table) and ``deducted`` (per volume, within the cap).
        appeal_provisional: The time crosses a year whose holidays are not published.
    """

    type: str = "score.notified"
    schema_version: str = "1"
    month: str
    organisation: str
    organisation_name: str
    lines: tuple[dict[str, Any], ...]
    appeal_by: AwareDatetime
    appeal_basis: str
    appeal_provisional: bool = False
    contact: str | None = None
    created_at: AwareDatetime
