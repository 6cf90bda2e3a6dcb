"""交办超时 (S02): orders that nobody answered by their deadline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from hub.builtin.rules.observing import draft, just_after, local_time, recheck
from hub.model.codes import Level, OrderState
from hub.model.holding import PROVISIONAL
from hub.model.office_time import shifted
from hub.model.warning import OrderView, SignalDraft
from hub.sdk.rules import EVER, AffectedKey, History, ObservationRule, Recheck, RuleParams, Seen

_WAITED_FOR = frozenset((OrderState.CREATED, OrderState.SIGNED))


class OrderOverdueParams(RuleParams):
    """Parameters of S02.

    Attributes:
        grave_working_days: Working days over its deadline from which on an order is grave.
    """

    grave_working_days: int = Field(default=2, ge=1, le=60)


class OrderOverdue(ObservationRule):
    """交办超时: an order that was not answered by its deadline; grave two working days later.

    It goes to triage and not to the organisation by itself: to oversee (督办) is the handling office's act. An order that was made out of such a
    signal is not judged again, else each would breed the next.

    Source: domain.md §4.2 S02; R68 (one working day for a single unit), R34.
    """

    rule_id: ClassVar[str] = "S02"
    title: ClassVar[str] = "交办超时"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "order"
    observes: ClassVar[tuple[str, ...]] = ("order",)
    Params: ClassVar[type[RuleParams]] = OrderOverdueParams
    params: OrderOverdueParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        return (seen.id,) if seen.what.due_at is not None else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        found = history.seen("order", "order", {affected.key: EVER for affected in keys})
        orders = [one for each in found.values() for one in each]
        origins = {one.what.origin_id: EVER for one in orders if one.what.origin == "warning"}
        warnings = history.seen("warning", "warning", origins) if origins else {}
        own = {key for key, each in warnings.items() if any(one.what.rule_id == self.rule_id for one in each)}
        for one in orders:
            if one.what.origin_id not in own:
                yield from self._judge(one, history)

    def _judge(self, seen: Seen, history: History) -> Iterator[SignalDraft | Recheck]:
        order: OrderView = seen.what
        if order.due_at is None or order.state not in _WAITED_FOR:
            return
        grave_at = shifted(order.due_at, self.params.grave_working_days, history.calendar)
        if history.now > order.due_at:
            grave = history.now > grave_at
            yield draft(
                seen,
                Level.GRAVE if grave else Level.SERIOUS,
                order.due_at,
                until=grave_at if grave else order.due_at,
                metric="超过交办期限的工作日数",
                value=float(self.params.grave_working_days if grave else 0),
                threshold=0.0,
                summary=f"交办单{order.order_no}超过期限（{local_time(order.due_at)}）仍未反馈，请催办、督办。依据：{order.due_basis or '交办期限'}。",
                labels=("交办超时", *((PROVISIONAL,) if order.due_provisional else ())),
            )
        yield from recheck(seen.id, history, just_after(order.due_at), just_after(grave_at))
