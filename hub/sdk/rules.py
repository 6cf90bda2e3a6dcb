"""What a rule's author subclasses: `WarningRule`, which judges affected keys against the stored history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from hub.model.calendar import WorkCalendar
from hub.model.codes import Level, Stage, Watch
from hub.model.demand import DemandFacts
from hub.model.lexicon import LexiconSection
from hub.model.warning import SignalDraft

if TYPE_CHECKING:
    from hub.sdk.weekly import SeriesVerdict

EVER = (datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))

MOMENT: Final = timedelta(microseconds=1)
"""Makes a half-open window out of the last moment that it must hold."""


@dataclass(frozen=True, slots=True)
class AffectedKey:
    """One key that new, changed or late demands touch.

    Attributes:
        key: What `WarningRule.keys` gave.
        since: Earliest event time among what touches it (of a demand, ``submitted_at``), aware UTC; of a key whose `Recheck` is due,
            the moment that was asked for.
        until: Latest such time; equal to ``since`` for one demand.
    """

    key: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Recheck:
    """A rule wants to judge a key again at a moment, whatever comes in until then: a time limit that runs out, a week that ends.

    Each evaluation of a key replaces what was asked for at the last one; of several for one key the earliest holds.

    Attributes:
        key: One of those that the rule was asked about.
        at: Aware, after the moment of this evaluation (`History.now`).
    """

    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that is no demand, as rules see it: a case, a rating, an inspection, a finding, a monitor event, a warning, an order.

    Attributes:
        kind: ``case``, ``rating``, ``inspection``, ``finding``, ``monitor_event``, ``warning`` or ``order``.
        id: Of the thing in the hub; a case has one for all of its parts.
        instance: The configured channel that brought it; empty for the hub's own.
        at: Its event time, aware UTC; when the hub first had it where its source tells none.
        watch: Through which of the six watches it came (六察); None for the hub's own.
        what: The model of that kind, without anything personal: those fields are None or empty.
    """

    kind: str
    id: str
    instance: str
    at: datetime
    watch: Watch | None
    what: Any

    @property
    def deleted(self) -> bool:
        """Whether its source says that it is gone."""
        return bool(getattr(self.what, "deleted", False))

    @property
    def ref(self) -> str:
        """How `SignalDraft.observed` names it: ``kind:id``."""
        return f"{self.kind}:{self.id}"


class Outline(NamedTuple):
    """A stored demand without its words: what counting and grouping need of it, at a fifth of the cost of its facts.

    Fields are as in `DemandFacts`; codes are their plain values, which equal the members of their enums.
    """

    demand_id: str
    submitted_at: datetime
    received_at: datetime
    channel: str
    demand_type: str
    status: str
    urgency: int
    reporter_key: str | None
    declared_group_size: int | None
    chases_open_order: bool
    category: str | None
    place_id: str | None
    item_code: str | None
    item_name: str | None
    target_org: str | None
    matter_id: str | None


class FormerState(NamedTuple):
    """A state that a demand has left: its status, and when the hub learned of the next one (aware UTC)."""

    status: str
    until: datetime


class History(Protocol):
    """Stored demands, answered for many keys in one query; only what is live (not deleted) and not void."""

    def demands(
        self, subject: str, spans: Mapping[str, tuple[datetime, datetime]]
    ) -> Mapping[str, Sequence[DemandFacts]]:
        """For each key its demands with ``since <= submitted_at < until``, ascending by time then id.

        ``subject`` names what the keys are: ``reporter`` (reporter_key), ``demand`` (demand_id), ``matter`` (matter_id, 同一诉求),
        ``place_category`` (as the function of that name writes it), ``unresolved_item`` or ``unresolved_organisation`` (item and
        organisation as the window for what could not be done names them), ``series`` (`hub.model.series`; then whole days of the
        county, and the latest 500 demands); a key with no demand is absent.
        """
        ...

    def outlines(
        self, subject: str, spans: Mapping[str, tuple[datetime, datetime]]
    ) -> Mapping[str, Sequence[Outline]]:
        """As `demands`, without the words: ask for the words of those alone that turn on them."""
        ...

    def heads(self, subject: str, spans: Mapping[str, tuple[datetime, datetime]]) -> Mapping[str, int]:
        """For each key no fewer people than stand behind its demands in the span, those spoken for included; 0 is left out.

        A bound by which a rule leaves out keys before it reads any demand: it may be greater than what `outlines` shows.
        """
        ...

    def at_most(self, spans: Mapping[str, tuple[datetime, datetime]]) -> Mapping[str, int]:
        """For each reporter_key no fewer than its demands in the span: a bound as `heads` is; 0 is left out."""
        ...

    def former_states(self, demand_ids: Sequence[str]) -> Mapping[str, Sequence[FormerState]]:
        """For each demand the states before the present one, the oldest first; absent when there was none."""
        ...

    def words(self, demand_ids: Sequence[str]) -> Mapping[str, tuple[str, str]]:
        """For each demand its title and text, where nothing else of it is needed; absent when it is not stored."""
        ...

    def counts(self, subject: str, spans: Mapping[str, tuple[datetime, datetime]]) -> Mapping[str, int]:
        """For each key the number of its demands in the span; absent means none."""
        ...

    def distinct_reporters(
        self, subject: str, spans: Mapping[str, tuple[datetime, datetime]]
    ) -> Mapping[str, int]:
        """For each key the number of different reporters in the span; the anonymous count as nobody."""
        ...

    def weekly(
        self, subject: str, spans: Mapping[str, tuple[datetime, datetime]]
    ) -> Mapping[str, Sequence[tuple[datetime, int]]]:
        """For each key the demands per ISO week (county zone; week's Monday 00:00 aware, count), ascending."""
        ...

    def seen(
        self, kind: str, subject: str, spans: Mapping[str, tuple[datetime, datetime]]
    ) -> Mapping[str, Sequence[Seen]]:
        """For each key the things of one kind with ``since <= at < until``, ascending by time then id; the deleted are left out.

        ``subject`` names what the keys are: the kind itself (ids) or ``case_no``, ``item`` (item_code), ``window``, ``post``,
        ``organisation``, ``region``, ``device``, ``level``, where the kind has it.
        """
        ...

    def daily(
        self, kind: str, subject: str, spans: Mapping[str, tuple[datetime, datetime]]
    ) -> Mapping[str, Sequence[tuple[date, int]]]:
        """For each key how many things of one kind fall on each day (county zone; days without any absent), ascending; subjects as `seen`."""
        ...

    def verdicts(self, rule_id: str, series: Sequence[str]) -> Mapping[str, Sequence[SeriesVerdict]]:
        """For each of these series what this weekly rule has found to be too many, ascending by week; absent means never."""
        ...

    def counted(
        self, series: Sequence[str], since: date, until: date
    ) -> Mapping[str, Sequence[tuple[date, int]]]:
        """For each of these series (`hub.model.series`) its cases by week, month or day, as its kind has it.

        Ascending by the first day of each, those that begin in ``[since, until)``; what is not named is nought.
        """
        ...

    @property
    def counted_since(self) -> date | None:
        """The county's day of the first demand that counts; None where there is none."""
        ...

    @property
    def now(self) -> datetime:
        """The moment of this evaluation, aware UTC."""
        ...

    @property
    def calendar(self) -> WorkCalendar:
        """The county's working days."""
        ...


def place_category(place_id: str, category: str) -> str:
    """A key of the subject ``place_category``: one kind of trouble at one place."""
    return f"{place_id}|{category}"


class RuleParams(BaseModel):
    """Base of a rule's parameters: data with a version, never constants in code."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LexiconParams(RuleParams):
    """Base of the parameters of a rule that reads the sensitive lexicon (`hub.text.lexicon`).

    Attributes:
        lexicon: The county's part of it. `hub config apply` fills it from the document's section ``lexicon``, once for all rules,
            where the rule's own entry names none.
    """

    lexicon: LexiconSection = LexiconSection()


class WarningRule(ABC):
    """One rule that finds trouble before it becomes a complaint.

    Attributes:
        rule_id: Stable id (``W01``).
        title: Its name in 中文.
        version: Of the logic; changes whenever the same inputs could give another answer.
        subject: What its keys are, as `History` understands it.
        observes: Kinds of things beside demands that it cares for (see `Seen`); each that is new or changed is shown to `observed_keys`.
        stage: Of a rule about cases: whether it looks before, during or after the handling (R36); None for the others.
        verified_level: Level that a warning has at least when a person makes it of a signal of this rule, because that is to have verified it;
            None: the signal's own.
        Params: Model of its parameters.
    """

    rule_id: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[str]
    subject: ClassVar[str]
    observes: ClassVar[tuple[str, ...]] = ()
    stage: ClassVar[Stage | None] = None
    verified_level: ClassVar[Level | None] = None
    Params: ClassVar[type[RuleParams]] = RuleParams

    def __init__(self, params: RuleParams | None = None) -> None:
        self.params: Any = params if params is not None else self.Params()

    @abstractmethod
    def keys(self, demand: DemandFacts) -> Iterable[str]:
        """The keys that this demand touches; none when the rule does not care for it.

        Also asked about what a changed demand was before (its text and state excepted), so that the key that it left is
        judged again. A key of subject ``demand`` that has a signal is judged again whatever this answers.
        """

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        """The keys that this thing touches; as `keys`, for the kinds in ``observes``."""
        return ()

    def related(self, keys: Sequence[AffectedKey], history: History) -> Iterable[AffectedKey]:
        """Further keys whose judgement turns on the demands that touched these; none, unless a rule says otherwise.

        For a rule that tells one thing under one of several keys: what is told under one may end under another. They are
        judged together with ``keys``.
        """
        return ()

    def scope(self, affected: AffectedKey) -> tuple[datetime, datetime]:
        """The event time ``[since, until)`` that `evaluate` covers for this key: all of it, unless a rule says otherwise.

        Open signals of the key within the scope that no draft names any more are closed by the caller.
        """
        return EVER

    @abstractmethod
    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        """Every episode of these keys within their `scope`, and when a key is to be judged again though nothing comes in.

        Deterministic: the same stored demands give the same drafts, in whatever order they arrived. What no draft
        names any more is no longer a signal: the caller closes open signals whose episode has gone. Drafts of one key
        never overlap in time: what overlaps is one episode. Runs within a time limit; ``history`` answers only as
        long as the call lasts.
        """


class ObservationRule(WarningRule):
    """A rule that cares for no demand: only for what its ``observes`` names."""

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        """None."""
        return ()

    @abstractmethod
    def observed_keys(self, seen: Seen) -> Iterable[str]:
        """The keys that this thing touches; none when the rule does not care for it."""
