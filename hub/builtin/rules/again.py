"""反复出现 (W04): what was closed as done and is heard of again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field, model_validator

from hub.builtin.rules.groups import DEMAND, MATTER, one_trouble, shared_matter_key
from hub.builtin.rules.windows import Span, people
from hub.model.codes import DemandStatus, DemandType, Level
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, MOMENT, AffectedKey, FormerState, History, Outline, RuleParams, WarningRule

_ENDED = frozenset({DemandStatus.ANSWERED, DemandStatus.CLOSED})
# Who asks again or praises again tells of no trouble that has come back.
_NO_TROUBLE = frozenset({DemandType.CONSULTATION, DemandType.PRAISE, DemandType.SUGGESTION})


class ComesBackParams(RuleParams):
    """Parameters of W04.

    Attributes:
        reopened_days: A demand on a matter within so many days after one was closed is a signal.
        cycles: So many times closed and then heard of again are one, however long after …
        cycle_days: … within so many days.
        open_days: What was closed while somebody else's demand on the same trouble was in hand was not over, and nothing comes back.
            After so many days such a demand no longer counts, for some sources never tell an end.
        handled_again: A demand that was closed and taken up again (重办) so many times is a signal by itself.
    """

    reopened_days: int = Field(default=90, ge=1, le=366)
    cycles: int = Field(default=2, ge=2, le=20)
    cycle_days: int = Field(default=365, ge=30, le=730)
    open_days: int = Field(default=15, ge=0, le=366)
    handled_again: int = Field(default=2, ge=1, le=20)

    @model_validator(mode="after")
    def _ordered(self) -> ComesBackParams:
        if self.cycle_days < self.reopened_days:
            raise ValueError(
                f"cycle_days ({self.cycle_days}) must not be below reopened_days ({self.reopened_days})"
            )
        return self


@dataclass(frozen=True, slots=True)
class _Life:
    """One demand of a matter with when it was ended, and how often it was taken up again."""

    demand: Outline
    ended: tuple[datetime, ...]
    handled_again: int


@dataclass(frozen=True, slots=True)
class _Return:
    """One time that a matter came back: its demands from the one that had ended on."""

    lives: tuple[_Life, ...]
    form: str


class ComesBack(WarningRule):
    """反复出现: a trouble that was closed as done and is heard of again, by the same person or from the same place.

    Two forms of a matter: heard of within ninety days after one of its demands was closed; closed and heard of again twice
    within a year. One of a demand by itself: taken up again twice after it was closed (重办). A demand was closed when the hub learned of it; one that came in closed, when it
    was received. Consultations, suggestions and praise tell of no trouble that has come back. Of a matter's demands only those are held against each other that tell
    of one trouble: the same person, or the same place and no other category, and no other service item. What was closed
    while neighbours still waited for an answer was not over, and one more of them is no return.

    Source: domain.md §4.2 W04 (19 % of repeats at one address, half of them 假性整改); R30.
    """

    rule_id: ClassVar[str] = "W04"
    title: ClassVar[str] = "反复出现"
    version: ClassVar[str] = "2"
    subject: ClassVar[str] = "group"
    Params: ClassVar[type[RuleParams]] = ComesBackParams
    params: ComesBackParams

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        if demand.chases_open_order or demand.demand_type in _NO_TROUBLE:
            return ()
        matter, own = shared_matter_key(demand), f"{DEMAND}{demand.demand_id}"
        return (own,) if matter is None else (own, matter)

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        yield from self._returned(
            [one.key.removeprefix(MATTER) for one in keys if one.key.startswith(MATTER)], history
        )
        yield from self._handled_again(
            [one.key.removeprefix(DEMAND) for one in keys if one.key.startswith(DEMAND)], history
        )

    def _handled_again(self, demand_ids: Sequence[str], history: History) -> Iterator[SignalDraft]:
        least = self.params.handled_again
        # Most demands have one state, and leave none behind.
        states = {
            demand_id: former
            for demand_id, former in history.former_states(demand_ids).items()
            if len(former) >= 2 * least
        }
        for demands in history.outlines("demand", dict.fromkeys(states, EVER)).values():
            for life in [_life(one, states[one.demand_id]) for one in demands if _is_trouble(one)]:
                if life.handled_again >= least:
                    yield self._handled(life)

    def _returned(self, matters: Sequence[str], history: History) -> Iterator[SignalDraft]:
        # A matter is read whole, for what was closed long ago may have closed late: it has few demands, whatever is stored.
        read = history.outlines("matter", dict.fromkeys(matters, EVER))
        troubles = {
            matter: counted
            for matter, demands in read.items()
            if len(counted := [one for one in demands if _is_trouble(one)]) > 1
        }
        ids = [one.demand_id for demands in troubles.values() for one in demands]
        states = history.former_states(ids) if ids else {}
        for matter, demands in troubles.items():
            lives = [_life(one, states.get(one.demand_id, ())) for one in demands]
            for returns in _joined(list(self._returns(lives))):
                yield self._draft(MATTER + matter, returns)

    def _returns(self, lives: Sequence[_Life]) -> Iterator[_Return]:
        reopened, year = timedelta(days=self.params.reopened_days), timedelta(days=self.params.cycle_days)
        cycles: list[tuple[_Life, _Life]] = []
        for life, kin in _with_kin(lives):
            said = life.demand.submitted_at
            latest = self._latest_end(life, kin)
            if latest is None:
                continue
            end, closed = latest
            if said < end + reopened:
                yield _Return((closed, life), _REOPENED)
            # Two that are heard of after one closing are one cycle.
            if all(one.demand.submitted_at < end for one in kin.before(life)):
                cycles.append((closed, life))
                recent = [
                    one
                    for one in cycles
                    if one[1].demand.submitted_at > said - year and one_trouble(one[1].demand, life.demand)
                ]
                if len(recent) >= self.params.cycles:
                    yield _Return(tuple(one for pair in recent for one in pair), _CYCLES)

    def _latest_end(self, life: _Life, kin: _Kin) -> tuple[datetime, _Life] | None:
        """When another had been closed before this was said, the latest, and which: only where that ended the trouble, or told this very person so."""
        said = life.demand.submitted_at
        # Who still waits for an answer about the same; the person who now comes back does not count among them.
        waiting = [
            one.demand.submitted_at
            for one in kin.between(said - timedelta(days=self.params.open_days), said)
            if not any(end <= said for end in one.ended) and not _one_person(one, life)
        ]
        if not waiting:
            return kin.latest_end(said, but=life)
        found = [kin.latest_end(min(waiting), but=life), kin.told(said, life)]
        return max(
            (one for one in found if one is not None), key=lambda one: (one[0], _order(one[1])), default=None
        )

    def _draft(self, key: str, returns: Sequence[_Return]) -> SignalDraft:
        lives = {life.demand.demand_id: life for one in returns for life in one.lives}
        named = sorted((life.demand for life in lives.values()), key=lambda d: (d.submitted_at, d.demand_id))
        forms = {one.form for one in returns}
        times = len({one.lives[-1].demand.demand_id for one in returns})
        said = {
            _REOPENED: f"办结后{self.params.reopened_days}日内再次反映",
            _CYCLES: f"{self.params.cycle_days}日内{self.params.cycles}次以上办结后复发",
        }
        told = "；".join(text for form, text in said.items() if form in forms)
        return SignalDraft(
            key=key,
            level=Level.SERIOUS,
            window_from=named[0].submitted_at,
            window_to=named[-1].submitted_at + MOMENT,
            metric="办结后再次反映次数",
            value=float(times),
            threshold=1.0,
            demand_ids=tuple(one.demand_id for one in named),
            reporters=people(named).callers,
            summary=f"同一诉求反复出现：{told}，共涉及诉求{len(named)}件。",
            labels=("办结后复发",),
        )

    def _handled(self, life: _Life) -> SignalDraft:
        one, times = life.demand, life.handled_again
        return SignalDraft(
            key=f"{DEMAND}{one.demand_id}",
            level=Level.SERIOUS,
            window_from=one.submitted_at,
            window_to=one.submitted_at + MOMENT,
            metric="重办次数",
            value=float(times),
            threshold=float(self.params.handled_again),
            demand_ids=(one.demand_id,),
            reporters=0 if one.reporter_key is None else 1,
            summary=f"同一诉求反复出现：办结后重办{times}次（达到{self.params.handled_again}次即提示）。",
            labels=("重办",),
        )


_REOPENED, _CYCLES = "reopened", "cycles"


def _is_trouble(one: Outline) -> bool:
    return not one.chases_open_order and one.demand_type not in _NO_TROUBLE


def _life(one: Outline, former: Sequence[FormerState]) -> _Life:
    """When the demand went from in hand to ended, each time, and how often it went back."""
    ended, again = [], 0
    was_ended, since = False, one.received_at
    for status, until in (*former, FormerState(one.status, one.received_at)):
        is_ended = status in _ENDED
        if is_ended and not was_ended:
            ended.append(since)
        again += was_ended and not is_ended
        was_ended, since = is_ended, until
    return _Life(one, tuple(ended), again)


class _Kin:
    """Those that tell of one trouble with some demand, itself among them, in their order."""

    def __init__(self, lives: Sequence[_Life]) -> None:
        self._lives = lives
        self._said = [one.demand.submitted_at for one in lives]
        self._ends = sorted((end, place) for place, one in enumerate(lives) for end in one.ended)
        self._by_person: dict[str, list[_Life]] = {}
        for one in lives:
            if one.demand.reporter_key is not None:
                self._by_person.setdefault(one.demand.reporter_key, []).append(one)

    def before(self, life: _Life) -> Sequence[_Life]:
        """The latest that comes before this one, if any does."""
        behind = bisect_left(self._said, life.demand.submitted_at)
        while behind < len(self._lives) and _order(self._lives[behind]) < _order(life):
            behind += 1
        return self._lives[max(0, behind - 1) : behind]

    def between(self, since: datetime, until: datetime) -> Sequence[_Life]:
        """Those that were said after the one and before the other moment."""
        return self._lives[bisect_right(self._said, since) : bisect_left(self._said, until)]

    def latest_end(self, until: datetime, *, but: _Life) -> tuple[datetime, _Life] | None:
        """The latest end up to that moment, and whose it is; not of the life that is left out."""
        for at in range(bisect_right(self._ends, (until, len(self._lives))) - 1, -1, -1):
            end, place = self._ends[at]
            if self._lives[place] is not but:
                return end, self._lives[place]
        return None

    def told(self, until: datetime, life: _Life) -> tuple[datetime, _Life] | None:
        """The latest end up to that moment of another demand of the same person."""
        who = life.demand.reporter_key
        mine = self._by_person.get(who, ()) if who is not None else ()
        ends = [
            (end, _order(one), one) for one in mine if one is not life for end in one.ended if end <= until
        ]
        return max(
            ((end, one) for end, _, one in ends), key=lambda one: (one[0], _order(one[1])), default=None
        )


def _with_kin(lives: Sequence[_Life]) -> Iterator[tuple[_Life, _Kin]]:
    """Each with those that tell of one trouble with it.

    Neighbours who say the same of item and category have the same kin, but for what one of them said elsewhere: so it is put together
    once for all of them, and a matter of thousands costs what its sorts of demands do. Who says neither who nor where he is has none.
    """
    alike: dict[tuple[str, str], list[int]] = {}
    for place, life in enumerate(lives):
        for token in _tokens(life.demand):
            alike.setdefault(token, []).append(place)
    neighbours: dict[tuple[str | None, ...], tuple[frozenset[int], _Kin]] = {}
    persons: dict[tuple[str | None, ...], _Kin] = {}
    for life in lives:
        one = life.demand
        sort = one.place_id, one.item_code or one.item_name, one.category
        if sort not in neighbours:
            stranger = one._replace(reporter_key=None)  # who is alike by the place alone
            at_place = alike.get(("at", one.place_id or ""), ())
            near = [other for other in at_place if one_trouble(lives[other].demand, stranger)]
            neighbours[sort] = frozenset(near), _Kin([lives[other] for other in near])
        near_by, kin = neighbours[sort]
        if one.reporter_key is None:
            yield life, kin
            continue
        person = (*sort, one.reporter_key)
        if person not in persons:
            own = alike[("by", one.reporter_key)]
            more = {other for other in own if one_trouble(lives[other].demand, one)}
            every = sorted(near_by | more)
            persons[person] = kin if more <= near_by else _Kin([lives[other] for other in every])
        yield life, persons[person]


def _one_person(one: _Life, other: _Life) -> bool:
    return one.demand.reporter_key is not None and one.demand.reporter_key == other.demand.reporter_key


def _order(one: _Life) -> tuple[datetime, str]:
    return one.demand.submitted_at, one.demand.demand_id


def _tokens(one: Outline) -> list[tuple[str, str]]:
    return [
        (what, value) for what, value in (("at", one.place_id), ("by", one.reporter_key)) if value is not None
    ]


def _joined(returns: Sequence[_Return]) -> Iterator[list[_Return]]:
    """Returns that overlap in time, together."""
    group: list[_Return] = []
    ends: datetime | None = None
    for one in sorted(returns, key=lambda one: _span(one)):
        begins, end = _span(one)
        if ends is not None and begins > ends:
            yield group
            group, ends = [], None
        group.append(one)
        ends = end if ends is None else max(ends, end)
    if group:
        yield group


def _span(one: _Return) -> Span:
    moments = [life.demand.submitted_at for life in one.lives]
    return min(moments), max(moments)
