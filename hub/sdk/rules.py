"""What a rule's author subclasses: `WarningRule`, which judges affected keys against the stored history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Protocol

from pydantic import BaseModel, ConfigDict

from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft

EVER = (datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))

MOMENT: Final = timedelta(microseconds=1)
"""Makes a half-open window out of the last moment that it must hold."""


@dataclass(frozen=True, slots=True)
class AffectedKey:
    """One key that new, changed or late demands touch.

    Attributes:
        key: What `WarningRule.keys` gave.
        since: Earliest event time (``submitted_at``) among the demands that touch it, aware UTC.
        until: Latest such time; equal to ``since`` for one demand.
    """

    key: str
    since: datetime
    until: datetime


class History(Protocol):
    """Stored demands, answered for many keys in one query; only what is live (not deleted) and not void."""

    def demands(
        self, subject: str, spans: Mapping[str, tuple[datetime, datetime]]
    ) -> Mapping[str, Sequence[DemandFacts]]:
        """For each key its demands with ``since <= submitted_at < until``, ascending by time then id.

        ``subject`` names what the keys are: ``reporter`` (reporter_key) or ``demand`` (demand_id); a key with no demand is absent.
        """
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

    @property
    def now(self) -> datetime:
        """The moment of this evaluation, aware UTC."""
        ...


class RuleParams(BaseModel):
    """Base of a rule's parameters: data with a version, never constants in code."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WarningRule(ABC):
    """One rule that finds trouble before it becomes a complaint.

    Attributes:
        rule_id: Stable id (``W01``).
        title: Its name in 中文.
        version: Of the logic; changes whenever the same inputs could give another answer.
        subject: What its keys are, as `History.demands` understands it.
        Params: Model of its parameters.
    """

    rule_id: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[str]
    subject: ClassVar[str]
    Params: ClassVar[type[RuleParams]] = RuleParams

    def __init__(self, params: RuleParams | None = None) -> None:
        self.params: Any = params if params is not None else self.Params()

    @abstractmethod
    def keys(self, demand: DemandFacts) -> Iterable[str]:
        """The keys that this demand touches; none when the rule does not care for it.

        Also asked about what a changed demand was before (its text and state excepted), so that the key that it left is
        judged again. A key of subject ``demand`` that has a signal is judged again whatever this answers.
        """

    def scope(self, affected: AffectedKey) -> tuple[datetime, datetime]:
        """The event time ``[since, until)`` that `evaluate` covers for this key: all of it, unless a rule says otherwise.

        Open signals of the key within the scope that no draft names any more are closed by the caller.
        """
        return EVER

    @abstractmethod
    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        """Every episode of these keys within their `scope`.

        Deterministic: the same stored demands give the same drafts, in whatever order they arrived. What no draft
        names any more is no longer a signal: the caller closes open signals whose episode has gone. Drafts of one key
        never overlap in time: what overlaps is one episode. Runs within a time limit; ``history`` answers only as
        long as the call lasts.
        """
