"""Dispatch: turns issued warnings into orders (交办单), each with its ledger row and its message in one transaction.

What its own platform or an order of ours has in hand already is cited, never assigned again (R73). Of a 举报 nothing leaves the
handling office (P8).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from hub.clock import COUNTY_ZONE
from hub.errors import Code, HubError, NotFound, StateConflict, StoreError
from hub.model.calendar import Due, working_days_due
from hub.model.codes import LEVEL_TITLES, Level, OrderState, SignalState, Urgency, level_title
from hub.model.demand import DemandFacts, Emitted
from hub.model.ids import new_ulid
from hub.model.report import Problem, Report
from hub.model.telling import Cause
from hub.model.warning import OrderMessage, OrderView, SignalView, WarningMessage, WarningView
from hub.pipeline import observed_shown as observing
from hub.pipeline.deps import PipelineDeps, logged
from hub.pipeline.routing import (
    CONDUCT,
    INTEGRITY,
    INTEGRITY_RULES,
    PROTECTED,
    Directory,
    Matter,
    Route,
    choose,
)
from hub.store import config, observed_work, orders, outbox, routes, signals, telling, warnings
from hub.store.chain import write_audit
from hub.store.engine import Connection
from hub.store.history import facts_of
from hub.store.outbox import NewMessage

ORDER_PREFIX = "J"
DUE_WORKING_DAYS = 1
DUE_BASIS = "R68：单一单位承办，自交办次日起1个工作日内将处理结果反馈至处置办理股室"
REPLY_FIELDS = ("is_true", "is_solved", "handling", "public_reply", "attachments")
RETURN_CODES = ("not_our_duty", "other_region", "legal_channel", "duplicate", "insufficient_facts")
_MOST_SUMMARIES = 5
NO_TEXT = "涉举报或廉政事项，内容仅由处置办理股室在系统内查阅"


def run(deps: PipelineDeps) -> Report:
    """Dispatches every issued warning that waits; safe to run again and beside itself.

    Returns:
        Counts ``orders`` and ``messages``; a problem for each warning that could not be dispatched and waits on (code
        ``config_missing`` without a handling office).

    Raises:
        StoreError: The database failed; what was committed before stands.
    """
    started_at = deps.clock.now()
    counts = {"orders": 0, "messages": 0}
    problems: list[Problem] = []
    skip: set[str] = set()
    while True:
        where = "dispatch"
        try:
            with deps.store.begin() as connection:
                warning = warnings.next_undispatched(connection, skip)
                if warning is None:
                    break
                where = f"warning {warning.warning_no}"
                skip.add(warning.warning_id)
                done = Dispatcher(deps, connection).warning(warning)
                if not done.waits_on:
                    skip.discard(
                        warning.warning_id
                    )  # it waits no more: a long list would cost every later look
        except StoreError:
            raise
        except HubError as exc:
            problems.append(Problem(where=where, code=str(exc.code), message=exc.message))
        else:
            counts["orders"] += done.order is not None
            counts["messages"] += done.messages
            problems += done.problems
    report = Report(step="dispatch", counts=counts, problems=tuple(problems))
    return logged(deps, report, started_at)


def order_for_demand(deps: PipelineDeps, demand_id: str, organisation: str | None, by: str) -> OrderView:
    """An order straight from a demand; asked again it is the order that stands.

    Args:
        organisation: Code of the host; None lets routing choose. A protected demand (举报) and one about somebody's conduct go to the
            handling office whatever is given.
        by: Who hands it in; kept in the audit log.

    Raises:
        NotFound: There is no such demand, or no such organisation.
        StateConflict: Its platform has assigned it already (R73), or an order to another organisation stands.
        ConfigError: No handling office is configured and nobody else is to act.
    """
    with deps.store.begin() as connection:
        return Dispatcher(deps, connection).demand(demand_id, organisation, by)


@dataclass(frozen=True, slots=True)
class _Done:
    """``told``: who was written to, and the id of that message. ``waits_on``: nothing was done, and the next run looks again."""

    order: OrderView | None = None
    messages: int = 0
    problems: tuple[Problem, ...] = ()
    told: tuple[str, str] | None = None
    waits_on: bool = False


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where an order comes from, and what is said of it."""

    kind: str
    origin_id: str
    level: Level
    level_title: str
    rule: str
    why: str
    actor: str
    warning_no: str | None = None
    observed: tuple[dict[str, Any], ...] = ()


class Dispatcher:
    """Dispatches one warning or demand in the caller's transaction."""

    def __init__(self, deps: PipelineDeps, connection: Connection) -> None:
        self.deps, self.connection = deps, connection
        self.now = deps.clock.now()
        self.directory = Directory(config.organisations(connection), config.routing(connection))

    def warning(self, warning: WarningView) -> _Done:
        """Makes what the warning calls for, and notes that it was dispatched."""
        cited_signals = signals.of_warning(self.connection, warning.warning_id)
        standing = [one for one in cited_signals if one.state is not SignalState.MERGED]
        demands = self._demands(sorted({demand_id for one in standing for demand_id in one.demand_ids}))
        observed = self._observed(standing)
        if not (demands or observed):
            into = [one.merged_into for one in cited_signals if one.state is SignalState.MERGED]
            why = "what it rests on is gone" if standing else f"signal merged into {into[0]}"
            return _Done(waits_on=not self._revoke(warning, standing, why))
        by_other_routes = self._by_other_routes(demands)
        # Of a 举报 nothing leaves the office, by whatever route it was one.
        matter = Matter(
            [*demands, *chain.from_iterable(by_other_routes.values())],
            warning.rule_id,
            labels_of(standing),
            acting_on(warning, standing),
        )
        orders.lock_demands(self.connection, [one.demand_id for one in matter.demands])
        cited = self._in_hand(demands, by_other_routes)
        open_ones = [one for one in demands if one.demand_id not in cited]
        route = choose(
            matter
            if matter.kept_in_office or not open_ones
            else Matter(open_ones, matter.rule_id, matter.labels, matter.organisation),
            self.directory,
            self.deps.plugins,
        )
        origin = self._origin(warning, standing, observed)
        # A reminder (提醒) that nobody complained about asks for no order: it is told.
        if open_ones or (not demands and warning.level > Level.NOTICE):
            done = self._order(origin, route, matter, open_ones, cited)
        else:
            done = self._cite(warning, origin, route, cited)
        warnings.dispatched(self.connection, warning.warning_id, self.now)
        if done.told is not None:
            warnings.acted_on_by(self.connection, warning.warning_id, done.told[0])
        # Now it is known who has to act: rules that count by organisation look at it again.
        observed_work.push(self.connection, "warning", [warning.warning_id], self.now)
        if done.told is not None:
            self._log(warning, done.told, Cause.FIRST, evidence_of(standing))
        return done

    def demand(self, demand_id: str, organisation: str | None, by: str) -> OrderView:
        """The order about one demand, made now or standing."""
        demands = self._demands([demand_id])
        if not demands:
            raise NotFound(
                f"demand {demand_id!r}: not found, deleted or void (expected one of `hub demand list`); check the id",
                code=Code.NOT_FOUND,
            )
        one = demands[0]
        matter = Matter([one, *self._by_other_routes(demands)[demand_id]])
        ids = [same.demand_id for same in matter.demands]
        orders.lock_demands(self.connection, ids)
        standing = orders.of_demands(self.connection, ids)
        for same in ids:
            if same in standing:
                return _same_or_refused(standing[same], organisation, one)
        assigned_no = next(
            (same.assigned_no for same in matter.demands if same.assigned_no is not None), None
        )
        if assigned_no is not None:
            raise StateConflict(
                f"demand {one.demand_no}: a platform has assigned it as {assigned_no} (expected one that nobody has in hand, R73); "
                "oversee that order instead",
                code=Code.STATE_CONFLICT,
            )
        route = self._wanted(organisation, by, matter)
        level = {Urgency.NORMAL: Level.NOTICE, Urgency.URGENT: Level.SERIOUS}.get(one.urgency, Level.GRAVE)
        origin = _Origin(
            "demand", demand_id, level, LEVEL_TITLES[level], "人工交办", "由处置办理股室直接交办", by
        )
        done = self._order(origin, route, matter, demands, {})
        if done.order is None:
            raise StateConflict(
                f"demand {one.demand_no}: an order to {route.organisation.code} was returned or withdrawn (expected none); hand it to "
                "another organisation",
                code=Code.STATE_CONFLICT,
            )
        return done.order

    def _wanted(self, organisation: str | None, by: str, matter: Matter) -> Route:
        if organisation is None or matter.kept_in_office:
            return choose(matter, self.directory, self.deps.plugins)
        if organisation not in self.directory.organisations:
            known = ", ".join(sorted(self.directory.organisations)) or "none"
            raise NotFound(
                f"organisation {organisation!r}: not found or no longer in use (expected one of {known}); check the code",
                code=Code.NOT_FOUND,
            )
        return Route(self.directory.organisations[organisation], f"person {by}")

    def _demands(self, demand_ids: Sequence[str]) -> list[DemandFacts]:
        found = facts_of(self.connection, demand_ids)
        # What speaks of bribes is kept from the unit that it speaks of, whatever it was warned of for (P8).
        kept = signals.labelled(self.connection, INTEGRITY_RULES, INTEGRITY, [one.demand_id for one in found])
        found = [
            one.model_copy(update={"labels": (*one.labels, INTEGRITY)}) if one.demand_id in kept else one
            for one in found
        ]
        return sorted(found, key=lambda one: (one.submitted_at, one.demand_id))

    def _by_other_routes(self, demands: Sequence[DemandFacts]) -> dict[str, list[DemandFacts]]:
        """For each of these demands the same record as it came by other routes: what is done about one is done about all."""
        ids = routes.others(self.connection, [one.demand_id for one in demands])
        known = {one.demand_id: one for one in self._demands(list(chain.from_iterable(ids.values())))}
        return {
            demand_id: [known[other] for other in others if other in known]
            for demand_id, others in ids.items()
        }

    def _in_hand(
        self, demands: Sequence[DemandFacts], by_other_routes: Mapping[str, Sequence[DemandFacts]]
    ) -> dict[str, dict[str, str]]:
        """For each demand that is assigned already, by whatever route it came, what a message cites of it (R73)."""
        all_of_it = {one.demand_id: [one, *by_other_routes[one.demand_id]] for one in demands}
        ids = {same.demand_id for routes_of_it in all_of_it.values() for same in routes_of_it}
        standing = orders.of_demands(self.connection, sorted(ids))
        cited: dict[str, dict[str, str]] = {}
        for one in demands:
            found = [_assigned(same, standing) for same in all_of_it[one.demand_id]]
            if any(found):
                cited[one.demand_id] = {"demand_no": one.demand_no, **next(filter(None, found))}
        return cited

    def _observed(self, cited: Sequence[SignalView]) -> tuple[dict[str, Any], ...]:
        refs = dict.fromkeys(ref for one in cited for ref in one.observed)
        return tuple(observing.shown(self.connection, list(refs)))

    def _origin(
        self, warning: WarningView, cited: Sequence[SignalView], observed: tuple[dict[str, Any], ...]
    ) -> _Origin:
        entry = self.deps.plugins.rules.get(warning.rule_id)
        rule = f"{warning.rule_id} {entry.cls.title}" if entry is not None else warning.rule_id
        return _Origin(
            "warning",
            warning.warning_id,
            warning.level,
            level_title(
                warning.level, subject=cited[0].subject if cited else "demand", rule_id=warning.rule_id
            ),
            rule,
            said_by(warning, cited),
            signals.SYSTEM,
            warning.warning_no,
            observed,
        )

    def _order(
        self,
        origin: _Origin,
        route: Route,
        matter: Matter,
        demands: Sequence[DemandFacts],
        cited: Mapping[str, dict[str, str]],
    ) -> _Done:
        """Order, ledger row, message and audit line: all of them or none."""
        due = working_days_due(self.now, DUE_WORKING_DAYS, self.deps.calendar, DUE_BASIS)
        order = OrderView(
            order_id=new_ulid(int(self.now.timestamp() * 1000)),
            order_no=self.deps.numbers.take(ORDER_PREFIX, self.now, 1)[0],
            origin=origin.kind,
            origin_id=origin.origin_id,
            organisation=route.organisation.code,
            role="host",
            level=origin.level,
            state=OrderState.CREATED,
            routed_by=route.by,
            revision=1,
            created_at=self.now,
            due_at=due.at,
            due_basis=due.basis,
            due_provisional=due.provisional,
        )
        if not orders.add(self.connection, order, [one.demand_id for one in demands]):
            return _Done(problems=route.problems)
        observed_work.push(self.connection, "order", [order.order_id], self.now)
        orders.register(
            self.connection,
            self.deps.chain.salted_digest,
            self.now,
            self.now.astimezone(COUNTY_ZONE).year,
            order,
            watch=int(demands[0].watch if demands else origin.observed[0]["watch"]),
            matter_text=_matter_text(origin, matter, demands),
        )
        body = self._order_body(order, origin, route, matter, demands, list(cited.values()), due)
        message_id = self._send(order.organisation, "order.created", body, order.order_id)
        self._audit(
            origin.actor,
            "order.create",
            f"order {order.order_no}",
            {"origin": origin.kind, "organisation": order.organisation, "routed_by": order.routed_by},
        )
        return _Done(order, 1, route.problems, (order.organisation, message_id))

    def _order_body(
        self,
        order: OrderView,
        origin: _Origin,
        route: Route,
        matter: Matter,
        demands: Sequence[DemandFacts],
        cited: Sequence[dict[str, str]],
        due: Due,
    ) -> OrderMessage:
        return OrderMessage(
            order_no=order.order_no,
            revision=order.revision,
            role=order.role,
            level=order.level,
            level_title=origin.level_title,
            organisation=order.organisation,
            organisation_name=route.organisation.name,
            warning_no=origin.warning_no,
            rule=origin.rule,
            why=NO_TEXT if matter.protected else origin.why,
            demands=tuple(shown(one, matter.protected) for one in demands),
            cited=tuple(cited),
            observed=() if matter.protected else origin.observed,
            due_at=due.at,
            due_basis=due.basis,
            due_provisional=due.provisional,
            reply_fields=REPLY_FIELDS,
            return_codes=RETURN_CODES,
            contact=self.deps.contact or None,
            created_at=self.now,
        )

    def _cite(
        self, warning: WarningView, origin: _Origin, route: Route, cited: Mapping[str, dict[str, str]]
    ) -> _Done:
        """A warning about demands that are all in hand: the organisation is told, nobody gets another order."""
        body = WarningMessage(
            warning_no=warning.warning_no,
            level=warning.level,
            level_title=origin.level_title,
            organisation=route.organisation.code,
            organisation_name=route.organisation.name,
            rule=origin.rule,
            why=NO_TEXT if route.by == PROTECTED else origin.why,
            cited=tuple(cited.values()),
            observed=() if route.by == PROTECTED else origin.observed,
            contact=self.deps.contact or None,
            created_at=self.now,
        )
        message_id = self._send(route.organisation.code, "warning.issued", body, None)
        self._audit(
            origin.actor,
            "warning.cite",
            f"warning {warning.warning_no}",
            {"organisation": route.organisation.code, "routed_by": route.by, "cited": len(cited)},
        )
        return _Done(None, 1, route.problems, (route.organisation.code, message_id))

    def _revoke(self, warning: WarningView, standing: Sequence[SignalView], why: str) -> bool:
        """Takes back what is about nothing any more; its signals end as others do, and are issued anew if it comes back."""
        ids = [one.signal_id for one in standing]
        # A warning's row comes after its signals': one that somebody judges now is not waited for, but left to the next dispatch.
        if not signals.taken(self.connection, ids):
            return False
        for signal_id in ids:
            signals.triage(
                self.connection,
                signal_id,
                SignalState.DISMISSED,
                self.now,
                by=signals.SYSTEM,
                verdict="dismiss",
                reason=signals.GONE,
            )
        warnings.revoke(self.connection, warning.warning_id, self.now, by=signals.SYSTEM, why=why)
        observed_work.push(self.connection, "warning", [warning.warning_id], self.now)
        self._audit(signals.SYSTEM, "warning.revoke", f"warning {warning.warning_no}", {"why": why})
        return True

    def _send(self, organisation: str, event_type: str, body: Emitted, order_id: str | None) -> str:
        message_id = f"msg_{new_ulid(int(self.now.timestamp() * 1000))}"
        message = NewMessage(organisation, event_type, canonical_json(body), self.now, order_id, message_id)
        outbox.enqueue(self.connection, [message])
        return message_id

    def _log(
        self,
        warning: WarningView,
        told: tuple[str, str | None],
        cause: Cause,
        evidence: Collection[str],
    ) -> None:
        """Notes what the organisation knows now: telling again is decided against it."""
        organisation, message_id = told
        telling.log(
            self.connection,
            warning.warning_id,
            organisation,
            cause.value,
            int(warning.level),
            evidence,
            self.now,
            message_id,
        )

    def _audit(self, actor: str, action: str, subject: str, detail: dict[str, Any]) -> None:
        # Always the last of a transaction: whoever writes the audit log holds its lock until the commit.
        write_audit(
            self.connection,
            self.deps.chain.salted_digest,
            self.now,
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
        )


def evidence_of(cited: Iterable[SignalView]) -> frozenset[str]:
    """The ids of all that the signals of a warning rest on: demands, and what else was observed as ``kind:id``."""
    return frozenset(one_id for one in cited for one_id in (*one.demand_ids, *one.observed))


def acting_on(warning: WarningView, cited: Iterable[SignalView]) -> str | None:
    """Who has to act, as the leading signal calls it, else as the first that names anybody."""
    named = {one.signal_id: one.organisation for one in cited if one.organisation is not None}
    return named.get(warning.signal_id) or next(iter(named.values()), None)


def labels_of(cited: Iterable[SignalView]) -> tuple[str, ...]:
    """The labels of all signals that a warning cites, each once."""
    return tuple(dict.fromkeys(label for one in cited for label in one.labels))


def said_by(warning: WarningView, cited: Sequence[SignalView]) -> str:
    """What the signals of a warning say, the leading one first; of many the first few and how many there are."""
    ordered = sorted(cited, key=lambda one: (one.signal_id != warning.signal_id, one.signal_id))
    said = "".join(dict.fromkeys(one.summary for one in ordered[:_MOST_SUMMARIES]))
    return f"{said}（共{len(ordered)}条苗头信息，类型化归集）" if len(ordered) > 1 else said


def canonical_json(body: Emitted) -> bytes:
    """The body as UTF-8 JSON with sorted names: the same message has the same bytes on every machine."""
    plain = body.model_dump(mode="json")
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _assigned(one: DemandFacts, standing: Mapping[str, OrderView]) -> dict[str, str]:
    """Who has it in hand: its own platform, or an order of ours; empty where nobody has."""
    if one.assigned_no is not None:
        found = {"assigned_no": one.assigned_no}
        if one.deadline_at is not None:
            found["deadline_at"] = one.deadline_at.astimezone(COUNTY_ZONE).isoformat()
        return found
    return {"order_no": standing[one.demand_id].order_no} if one.demand_id in standing else {}


def _same_or_refused(standing: OrderView, organisation: str | None, one: DemandFacts) -> OrderView:
    if organisation in (None, standing.organisation) or standing.routed_by in (PROTECTED, CONDUCT):
        return standing
    raise StateConflict(
        f"demand {one.demand_no}: order {standing.order_no} to {standing.organisation} stands (expected none, R73); let that one be "
        "returned or withdrawn first",
        code=Code.STATE_CONFLICT,
    )


def shown(one: DemandFacts, protected: bool) -> dict[str, Any]:
    """What a department sees of a demand: masked, without anything that finds the person again."""
    if protected:
        return {"demand_no": one.demand_no}
    shown = {
        "demand_no": one.demand_no,
        "source_no": one.source_no,
        "channel": one.channel,
        "submitted_at": _local(one.submitted_at),
        "demand_type": one.demand_type.value,
        "title": one.title,
        "text": one.text,
        "category": one.category,
        "region_code": one.region_code,
        "item_code": one.item_code,
        "item_name": one.item_name,
        "case_no": one.case_no,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _local(moment: datetime) -> str:
    return moment.astimezone(COUNTY_ZONE).isoformat()


def _matter_text(origin: _Origin, matter: Matter, demands: Sequence[DemandFacts]) -> str:
    """涉及事项, as the ledger keeps it for ever: masked, and of a protected matter nothing."""
    if matter.protected:
        return NO_TEXT
    if demands:
        one, count = demands[0], len(demands)
        about = one.item_name or "：".join(filter(None, (one.category, one.title)))
    else:
        first = origin.observed[0]
        about, count = first.get("item_name") or first.get("case_no") or first["number"], len(origin.observed)
    more = f"等{count}件" if count > 1 else ""
    return f"{origin.rule}：{about[:200]}{more}"
