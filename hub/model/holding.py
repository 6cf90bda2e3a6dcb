"""What keeps a signal from being told: silences, mutes by calendar, inhibition, a higher card, a plan that is missing. Pure.

What is held stays a signal: it is listed with the reason, counted, and told when the cause ends if it still stands. Danger to life
is never held, by nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from hub.clock import COUNTY_ZONE
from hub.model.calendar import WorkCalendar
from hub.model.codes import NEEDS_PLAN, Level, Trait
from hub.model.demand import Emitted
from hub.model.place import is_region_code, significant

DANGER = "人身安全"
"""The label by which a rule says that life is in danger now."""

TRIAGE_AT_ONCE = "15分钟内研判"
"""The label by which a rule says that a person has to decide on the signal within `TRIAGE_WITHIN` of its first being seen (W08)."""

TRIAGE_WITHIN = timedelta(minutes=15)

PROVISIONAL = "期限暂定"
"""The label by which a rule says that its time limit was reckoned with a year whose holidays are not known.

A card above a reminder that the rule issued so by itself is taken back when the rule, asked again, no longer sees it.
"""

TRAIT_TITLES: Mapping[Trait, str] = {
    Trait.BAD_INFLUENCE: "影响差",
    Trait.RESISTANCE: "阻力大",
    Trait.HARD_TO_COORDINATE: "协调难",
    Trait.EMERGING: "苗头性",
    Trait.TENDENCY: "倾向性",
    Trait.GROUP_RISK: "群诉隐患",
    Trait.WIDE: "社会影响面宽",
    Trait.SENSITIVE: "热点敏感",
    Trait.KNOTTY: "棘手难点",
    Trait.LATENT: "可能存在隐患",
}

_TRAIT_OF = {word: trait for trait, title in TRAIT_TITLES.items() for word in (trait.value, title)}
_SEARCHED = timedelta(days=60)  # no calendar closes offices for longer
_Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_EntryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


def traits_of(labels: Iterable[str]) -> frozenset[Trait]:
    """The traits that a signal's labels name, by their code or by their 中文 title."""
    return frozenset(_TRAIT_OF[label] for label in labels if label in _TRAIT_OF)


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """What can be asked about a signal before it is told.

    Attributes:
        category: The one that all of its demands have, else None.
        organisation: Who has to act, as the rule names it, else as all of its demands do.
        region: Significant digits of the smallest region that holds all of its demands; None where that is not known.
        evidence: Ids of its demands, and of what else was observed.
    """

    signal_id: str
    rule_id: str
    subject: str
    key: str
    level: Level
    labels: tuple[str, ...] = ()
    auto_issue: bool = False
    category: str | None = None
    organisation: str | None = None
    region: str | None = None
    evidence: frozenset[str] = field(default_factory=frozenset)

    @property
    def danger(self) -> bool:
        """Whether its rule is sure that life is in danger now."""
        return self.auto_issue and DANGER in self.labels


class SignalMatch(Emitted):
    """Which signals are meant: every field that is given must fit by one of its values; regions fit by what lies in them."""

    rule_id: tuple[_Word, ...] = ()
    category: tuple[_Word, ...] = ()
    organisation: tuple[_Word, ...] = ()
    region_code: tuple[_Word, ...] = ()
    label: tuple[_Word, ...] = ()

    @field_validator("region_code")
    @classmethod
    def _regions(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [code for code in codes if not is_region_code(code)]:
            raise ValueError(f"{', '.join(wrong)}: no region code (expected 2, 4, 6, 9 or 12 digits)")
        return codes

    @property
    def narrows(self) -> bool:
        """Whether it says anything at all."""
        return any((self.rule_id, self.category, self.organisation, self.region_code, self.label))

    def fits(self, facts: SignalFacts) -> bool:
        """Whether that signal is meant; what is not known of it fits no value."""
        return (
            (not self.rule_id or facts.rule_id in self.rule_id)
            and (not self.category or facts.category in self.category)
            and (not self.organisation or facts.organisation in self.organisation)
            and (not self.label or not set(self.label).isdisjoint(facts.labels))
            and (not self.region_code or any(_lies_in(facts.region, code) for code in self.region_code))
        )


class MuteEntry(Emitted):
    """Signals that are told at certain times only (R38: time limits run in office hours, and so do their reminders).

    Attributes:
        days: ``working``: told on working days only, as the county's calendar has them.
        hours: Told within these hours only, such as ``09:00-12:00``, county time; none: at any hour.
        max_level: What is above that level is told at any time.
    """

    id: _EntryId
    matches: SignalMatch
    days: Literal["working", "all"] = "working"
    hours: tuple[Annotated[str, StringConstraints(pattern=r"^[0-2]\d:[0-5]\d-[0-2]\d:[0-5]\d$")], ...] = ()
    max_level: Level = Level.SERIOUS
    reason: _Word

    @model_validator(mode="after")
    def _says_something(self) -> MuteEntry:
        if not self.matches.narrows:
            raise ValueError(
                "matches: name a rule, category, organisation, region or label: this would mute everything"
            )
        if self.days == "all" and not self.hours:
            raise ValueError("neither days nor hours are restricted: this mutes nothing")
        for span in self.hours:
            try:
                start, end = _hours(span)
            except ValueError:
                raise ValueError(
                    f"hours: {span}: no time of the day (expected such as 09:00-12:00)"
                ) from None
            if start >= end:
                raise ValueError(f"hours: {span} ends before it begins (expected such as 09:00-12:00)")
        return self


class InhibitEntry(Emitted):
    """A warning that stands makes signals of another kind redundant: county-wide mutes its towns', a matter its place's.

    Attributes:
        source: Warnings that inhibit; they stand, and their evidence changed within ``days``.
        target: Signals that are inhibited, unless their level is higher.
        equal: What both must have, and have alike.
        within: ``region``: the target lies in the source's region, or is it; ``demands``: all of the target's demands are the source's.
    """

    id: _EntryId
    source: SignalMatch
    target: SignalMatch
    equal: tuple[Literal["category", "organisation", "key"], ...] = ()
    within: Literal["region", "demands"] | None = None
    days: int = Field(default=7, ge=1, le=92)
    reason: _Word

    @model_validator(mode="after")
    def _says_something(self) -> InhibitEntry:
        if not self.source.rule_id or not self.target.rule_id:
            raise ValueError("source and target each name the rules that they mean under rule_id")
        if not self.equal and self.within is None:
            raise ValueError("say what binds the two: equal, within, or both")
        return self


# Rules that tell of one and the same trouble of a thing at several levels: another trouble of it is another fact (R40).
# Source: domain.md §4.2 "a higher card revokes the lower one on the same case".
CardGroup = Annotated[tuple[_Word, ...], Field(min_length=2)]


@dataclass(frozen=True, slots=True)
class Silence:
    """What a person wants to hear nothing of for a while.

    Attributes:
        match: Which signals.
        like: Rule and key of the one signal that is meant, or None.
        max_level: What is above that level is told all the same.
    """

    silence_id: str
    match: SignalMatch
    max_level: Level
    author: str
    reason: str
    ends_at: datetime
    like: tuple[str, str] | None = None

    def fits(self, facts: SignalFacts, now: datetime) -> bool:
        """Whether it covers that signal now."""
        return (
            now < self.ends_at
            and facts.level <= self.max_level
            and (self.like is None or self.like == (facts.rule_id, facts.key))
            and self.match.fits(facts)
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """A warning that stands, as one of its signals makes it known."""

    warning_no: str
    level: Level
    facts: SignalFacts
    changed_at: datetime


class Cause(StrEnum):
    """Why a signal is held."""

    UNPLANNED = "unplanned"  # a trait of R57 without a plan: its rule may not issue it
    OUTRANKED = "outranked"  # a higher card stands on the same
    INHIBITED = "inhibited"
    SILENCED = "silenced"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a signal is not told now.

    Attributes:
        by: What holds it: a warning's number, a silence's or an entry's id.
        until: When that ends by itself; None: when something happens.
    """

    cause: Cause
    by: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Causes:
    """All that may hold a signal now."""

    calendar: WorkCalendar
    silences: Sequence[Silence] = ()
    mutes: Sequence[MuteEntry] = ()
    inhibits: Sequence[InhibitEntry] = ()
    cards: Sequence[Sequence[str]] = ()
    standing: Sequence[Standing] = ()


def held(facts: SignalFacts, causes: Causes, now: datetime) -> Hold | None:
    """What keeps this signal from being told at ``now``, the most lasting cause first; None: nothing does."""
    if facts.danger:
        return None
    if facts.auto_issue and traits_of(facts.labels) & NEEDS_PLAN:
        return Hold(Cause.UNPLANNED, "R58", "带有须先有预案的特征，由人研判并附预案后发出")
    if higher := higher_card(facts, causes):
        return Hold(Cause.OUTRANKED, higher.warning_no, f"同一对象已有更高等级预警 {higher.warning_no}")
    return _inhibited(facts, causes, now) or kept_quiet(facts, causes, now)


def kept_quiet(facts: SignalFacts, causes: Causes, now: datetime) -> Hold | None:
    """The silence or mute that covers this signal now, the one that ends last; what was warned already asks for these alone."""
    if facts.danger:
        return None
    silences = [one for one in causes.silences if one.fits(facts, now)]
    if silences:
        last = max(silences, key=lambda one: (one.ends_at, one.silence_id))
        return Hold(Cause.SILENCED, last.silence_id, f"{last.author}：{last.reason}", last.ends_at)
    for entry in causes.mutes:
        if facts.level <= entry.max_level and entry.matches.fits(facts):
            opens = next_opening(entry, now, causes.calendar)
            if opens > now:
                return Hold(Cause.MUTED, entry.id, entry.reason, opens)
    return None


def higher_card(facts: SignalFacts, causes: Causes) -> Standing | None:
    """The warning of a higher level about the same trouble of the same thing, or None."""
    higher = [
        one
        for one in causes.standing
        if one.level > facts.level and same_card(facts, one.facts, causes.cards)
    ]
    return max(higher, key=lambda one: (one.level, one.warning_no)) if higher else None


def same_card(one: SignalFacts, other: SignalFacts, cards: Iterable[Sequence[str]]) -> bool:
    """Whether the two are cards about one trouble of one thing, shown by two rules."""
    return (
        (one.subject, one.key) == (other.subject, other.key)
        and one.rule_id != other.rule_id
        and any(one.rule_id in group and other.rule_id in group for group in cards)
    )


def _inhibited(facts: SignalFacts, causes: Causes, now: datetime) -> Hold | None:
    for entry in causes.inhibits:
        if not entry.target.fits(facts):
            continue
        for one in causes.standing:
            if (
                one.level >= facts.level
                and one.facts.signal_id != facts.signal_id
                and now - one.changed_at < timedelta(days=entry.days)
                and entry.source.fits(one.facts)
                and _bound(entry, one.facts, facts)
            ):
                return Hold(Cause.INHIBITED, one.warning_no, entry.reason)
    return None


def _bound(entry: InhibitEntry, source: SignalFacts, target: SignalFacts) -> bool:
    for name in entry.equal:
        value = getattr(source, name)
        if value is None or value != getattr(target, name):
            return False
    if entry.within == "region":
        return source.region is not None and _lies_in(target.region, source.region)
    if entry.within == "demands":
        return bool(target.evidence) and target.evidence <= source.evidence
    return True


def next_opening(entry: MuteEntry, now: datetime, calendar: WorkCalendar) -> datetime:
    """The first moment from ``now`` on at which the entry lets its signals be told, aware, county zone."""
    local = now.astimezone(COUNTY_ZONE)
    spans = sorted(map(_hours, entry.hours)) or [(time.min, time.max)]
    for ahead in range(_SEARCHED.days):
        day = local.date() + timedelta(days=ahead)
        if entry.days == "working" and not calendar.is_working_day(day):
            continue
        for start, end in spans:
            opens, closes = (datetime.combine(day, at, COUNTY_ZONE) for at in (start, end))
            if local < closes:
                return max(local, opens)
    return local  # a calendar without a working day in two months is none: rather told than lost


def covering(codes: Collection[str | None]) -> str | None:
    """Significant digits of the smallest region that holds all of these; None where one is unknown, or nothing holds them all."""
    if not codes or any(code is None or not is_region_code(code) for code in codes):
        return None
    known = [significant(code) for code in codes if code is not None]
    for end in (12, 9, 6, 4, 2):
        heads = {digits[:end] for digits in known}
        if len(heads) == 1 and len(head := heads.pop()) == end:
            return head
    return None


def _lies_in(region: str | None, code: str) -> bool:
    return region is not None and region.startswith(significant(code))


def _hours(span: str) -> tuple[time, time]:
    start, _, end = span.partition("-")
    return time.fromisoformat(start), time.fromisoformat(end)
