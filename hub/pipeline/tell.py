"""Telling again: what a department hears of a warning that has grown or risen since its last message.

Whether it hears anything is `hub.model.telling.tell_again`; this step carries the answer out, once. What joined the matter and
nobody has in hand joins the order (并单), and each of its reporters is answered with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from hub.errors import HubError, StoreError
from hub.model.codes import Level, OrderState, SignalState, WarningState
from hub.model.demand import DemandFacts
from hub.model.holding import Hold, kept_quiet
from hub.model.report import Problem, Report
from hub.model.telling import Cause, Later, Seen, Tell, Told, tell_again
from hub.model.warning import OrderView, RaisedMessage, SignalView, WarningView
from hub.pipeline import holding
from hub.pipeline.deps import PipelineDeps, logged
from hub.pipeline.dispatch import NO_TEXT, Dispatcher, acting_on, evidence_of, labels_of, shown
from hub.pipeline.routing import Matter, choose
from hub.store import observed_work, orders, signals, silences, telling, warnings

LOOK_AGAIN = timedelta(minutes=15)
"""How long at most a person who ends a silence waits for what it held back."""

_TAKES_MORE = (OrderState.CREATED, OrderState.SIGNED)


def run(deps: PipelineDeps) -> Report:
    """Tells what there is to tell of warnings that were dispatched before; safe to run again and beside itself.

    Returns:
        Counts ``messages`` and ``orders`` (made where nobody had the new demands in hand); a problem for each warning that could not
        be told of, which is looked at again.

    Raises:
        StoreError: The database failed; what was committed before stands.
    """
    started_at = deps.clock.now()
    counts = {"orders": 0, "messages": 0}
    problems: list[Problem] = []
    skip: set[str] = set()
    while True:
        warning_id = None
        try:
            with deps.store.begin() as connection:
                warning_id = telling.claim(connection, deps.clock.now(), skip)
                if warning_id is None:
                    break
                skip.add(warning_id)
                done = Teller(deps, connection).look(warning_id)
                skip.discard(warning_id)  # what is due of it again is due later
        except StoreError:
            raise
        except HubError as exc:
            problems.append(Problem(where=f"warning {warning_id}", code=str(exc.code), message=exc.message))
        else:
            counts["orders"] += done.orders
            counts["messages"] += done.messages
            problems += done.problems
    return logged(deps, Report(step="dispatch", counts=counts, problems=tuple(problems)), started_at)


@dataclass(frozen=True, slots=True)
class _Said:
    messages: int = 0
    orders: int = 0
    problems: tuple[Problem, ...] = ()

    def and_also(self, other: _Said) -> _Said:
        return _Said(
            self.messages + other.messages, self.orders + other.orders, (*self.problems, *other.problems)
        )


@dataclass(frozen=True, slots=True)
class _News:
    """What there is to tell: ``seen`` of ``cited``, to whoever knows what was ``told``."""

    warning: WarningView
    cited: Sequence[SignalView]
    told: Told
    seen: Seen
    cause: Cause


@dataclass(frozen=True, slots=True)
class _Split:
    """A warning's demands by who has them in hand: the order that carries it, somebody else, nobody."""

    cited: Mapping[str, dict[str, str]]
    free: Sequence[DemandFacts]


class Teller(Dispatcher):
    """Looks at one warning in the caller's transaction."""

    def look(self, warning_id: str) -> _Said:
        """Tells every organisation that knows of the warning what there is to tell, or notes when to look again."""
        warning = warnings.get(self.connection, warning_id, lock=True)
        if warning is None or warning.state is not WarningState.ISSUED or warning.dispatched_at is None:
            return _Said()  # what is not dispatched yet is told whole when it is; what has ended is not told
        standing = [
            one
            for one in signals.of_warning(self.connection, warning_id)
            if one.state is not SignalState.MERGED
        ]
        holds = self._holds(standing)
        spoken = [one for one in standing if one.signal_id not in holds]
        if holds:
            ends = [hold.until for hold in holds.values() if hold.until is not None]
            telling.look_at(self.connection, warning_id, min([*ends, self.now + LOOK_AGAIN]))
        if not spoken:
            return _Said()
        evidence = evidence_of(spoken)
        done = _Said()
        for organisation, told in sorted(telling.last_told(self.connection, warning_id).items()):
            # What is held now is neither new nor gone, and its rise is no news yet, whatever else there is to tell.
            seen = Seen(int(warning.level), evidence)
            if holds:
                level = max(told.level, *(one.level for one in spoken))
                seen = Seen(level, evidence | told.standing)
            answer = tell_again(told, seen, self.now)
            if isinstance(answer, Later):
                telling.look_at(self.connection, warning_id, answer.at)
            elif isinstance(answer, Tell):
                shown_as = warning.model_copy(update={"level": Level(seen.level)})
                done = done.and_also(
                    self._tell(_News(shown_as, spoken, told, seen, answer.cause), organisation)
                )
        return done

    def _holds(self, standing: Sequence[SignalView]) -> dict[str, Hold]:
        """The signals of the warning that a silence or a mute covers now. A person's issue was told all the same; news of it waits."""
        known = silences.facts(self.connection, [one.signal_id for one in standing])
        causes = holding.gather(self.deps.calendar, self.connection, (), self.now)
        found = {facts.signal_id: kept_quiet(facts, causes, self.now) for facts in known.values()}
        return {signal_id: hold for signal_id, hold in found.items() if hold is not None}

    def _tell(self, news: _News, organisation: str) -> _Said:
        """Carries the news to whoever may hear of it now: by an order where nobody has the new demands in hand, else by a message."""
        demands = self._demands(sorted({demand_id for one in news.cited for demand_id in one.demand_ids}))
        by_other_routes = self._by_other_routes(demands)
        matter = Matter(
            [*demands, *chain.from_iterable(by_other_routes.values())],
            news.warning.rule_id,
            labels_of(news.cited),
            acting_on(news.warning, news.cited),
        )
        orders.lock_demands(self.connection, [one.demand_id for one in matter.demands])
        to = organisation
        if matter.kept_in_office:
            # It may have become so by what joined it: then the department that was warned hears no more of it (P8).
            to = choose(matter, self.directory, self.deps.plugins).organisation.code
            if to != organisation:
                self._known(news, organisation, None)
        mine = self._order_of(news.warning, to)
        split = self._split(mine, demands, by_other_routes)
        if mine is None and split.free:
            made = self._new_order(news, matter, split, to)
            if made is not None:
                return made
        return self._message(news, matter, split, mine, to)

    def _new_order(self, news: _News, matter: Matter, split: _Split, to: str) -> _Said | None:
        """An order about what nobody has in hand, whose message tells the news; None where its organisation had one that ended."""
        about = (
            matter
            if matter.kept_in_office
            else Matter(split.free, matter.rule_id, matter.labels, matter.organisation)
        )
        route = choose(about, self.directory, self.deps.plugins)
        origin = self._origin(news.warning, news.cited, self._observed(news.cited))
        made = self._order(origin, route, matter, split.free, split.cited)
        if made.told is None:
            return None
        host, message_id = made.told
        warnings.acted_on_by(self.connection, news.warning.warning_id, host)
        observed_work.push(self.connection, "warning", [news.warning.warning_id], self.now)
        self._known(news, host, message_id)
        if host != to:
            self._known(news, to, None)
        return _Said(made.messages, 1, made.problems)

    def _message(self, news: _News, matter: Matter, split: _Split, mine: OrderView | None, to: str) -> _Said:
        joined: Sequence[DemandFacts] = ()
        if mine is not None and split.free and mine.state in _TAKES_MORE:
            joined = split.free
            revision = orders.attach(self.connection, mine.order_id, [one.demand_id for one in joined])
            mine = mine.model_copy(update={"revision": revision})
        origin = self._origin(news.warning, news.cited, self._observed(news.cited))
        known = self.directory.organisations.get(to)
        body = RaisedMessage(
            warning_no=news.warning.warning_no,
            cause=news.cause.value,
            level=news.warning.level,
            level_title=origin.level_title,
            level_before=Level(news.told.level),
            organisation=to,
            organisation_name=known.name if known is not None else to,
            order_no=mine.order_no if mine else None,
            revision=mine.revision if mine else None,
            rule=origin.rule,
            why=NO_TEXT if matter.protected else origin.why,
            demands=tuple(shown(one, matter.protected) for one in joined),
            cited=tuple(split.cited.values()),
            observed=() if matter.protected else origin.observed,
            contact=self.deps.contact or None,
            created_at=self.now,
        )
        message_id = self._send(to, body.type, body, mine.order_id if mine else None)
        self._known(news, to, message_id)
        self._audit(
            signals.SYSTEM,
            "warning.tell",
            f"warning {news.warning.warning_no}",
            {
                "organisation": to,
                "cause": news.cause.value,
                "level": int(news.warning.level),
                "joined": len(joined),
            },
        )
        return _Said(1)

    def _known(self, news: _News, organisation: str, message_id: str | None) -> None:
        """Notes that there is no more of this for that organisation to hear, be it told or not to be told."""
        self._log(news.warning, (organisation, message_id), news.cause, news.seen.standing)

    def _order_of(self, warning: WarningView, organisation: str) -> OrderView | None:
        found = orders.of_origin(self.connection, "warning", warning.warning_id)
        return next((one for one in found if one.organisation == organisation), None)

    def _split(
        self,
        mine: OrderView | None,
        demands: Sequence[DemandFacts],
        by_other_routes: Mapping[str, Sequence[DemandFacts]],
    ) -> _Split:
        in_hand = self._in_hand(demands, by_other_routes)
        own = mine.order_no if mine is not None else None
        cited = {
            demand_id: found
            for demand_id, found in in_hand.items()
            if own is None or found.get("order_no") != own
        }
        return _Split(cited, [one for one in demands if one.demand_id not in in_hand])
