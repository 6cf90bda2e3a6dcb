"""反映强烈 (W03): what one demand says, and what stands around it, in points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

from pydantic import Field, model_validator

from hub.builtin.rules.groups import MATTER, shared_matter_key
from hub.builtin.rules.spoken import INTEGRITY
from hub.builtin.rules.windows import Span, people
from hub.builtin.rules.words import ReadsWords
from hub.model.codes import Level, Urgency
from hub.model.demand import DemandFacts
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, MOMENT, AffectedKey, History, LexiconParams, Outline

_SENSITIVE, _MENTION = frozenset({"safety", "crowd", "extreme"}), frozenset({"opinion", "bypass"})


class IntenseParams(LexiconParams):
    """Parameters of W03; all points are between 0 and 100.

    Attributes:
        sensitive: Points for words of present danger, of a crowd or of extreme acts.
        mention: Points for turning to higher authorities, 信访 or the media.
        dissatisfied: Points for a second follow-up that found the citizen dissatisfied, which a label of the demand tells.
        repeat: Points where the same person had brought the matter before.
        critical: Points for 特急.
        group: Points where a group stands behind the matter.
        window_days: How far back repeats and groups are looked for.
        group_heads: People that are a group.
        threshold: Points from which on there is a signal.
        grave: Points from which on it is grave.
        dissatisfied_labels: Labels that tell of the second dissatisfied follow-up.
    """

    sensitive: int = Field(default=40, ge=0, le=100)
    mention: int = Field(default=20, ge=0, le=100)
    dissatisfied: int = Field(default=30, ge=0, le=100)
    repeat: int = Field(default=15, ge=0, le=100)
    critical: int = Field(default=40, ge=0, le=100)
    group: int = Field(default=20, ge=0, le=100)
    window_days: int = Field(default=30, ge=1, le=366)
    group_heads: int = Field(default=3, ge=2, le=1_000)
    threshold: int = Field(default=60, ge=1, le=600)
    grave: int = Field(default=80, ge=1, le=600)
    dissatisfied_labels: tuple[str, ...] = Field(default=("二次回访不满意",), max_length=20)

    @model_validator(mode="after")
    def _ordered(self) -> IntenseParams:
        if self.grave < self.threshold:
            raise ValueError(f"grave ({self.grave}) must not be below threshold ({self.threshold})")
        if self.threshold <= self.repeat + self.group:
            raise ValueError(
                f"threshold ({self.threshold}) must be above repeat and group together ({self.repeat + self.group}): "
                "they are about the matter, and some words must be intense"
            )
        return self


class Intense(ReadsWords):
    """反映强烈: a demand whose own words and urgency, with what stands about it in its matter, come to sixty points.

    Each part counts once a demand and is named in the summary. What a follow-up found is known from a label; until one has been
    made, that part is nothing. Beside the demands themselves their matters are keys: by a demand that comes late, those after it
    may be a repeat, or have a group behind them.

    Source: domain.md §4.2 W03; R29.
    """

    rule_id: ClassVar[str] = "W03"
    title: ClassVar[str] = "反映强烈"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "demand"
    Params: ClassVar[type[LexiconParams]] = IntenseParams
    params: IntenseParams

    def keys(self, demand: DemandFacts) -> Iterable[str]:
        if demand.chases_open_order:
            return ()
        matter = shared_matter_key(demand)
        own = (demand.demand_id,) if self._may(self._own(demand), demand) else ()
        return own if matter is None else (*own, matter)

    def related(self, keys: Sequence[AffectedKey], history: History) -> Iterable[AffectedKey]:
        scopes = {
            one.key.removeprefix(MATTER): (one.since + MOMENT, one.until + self._window)
            for one in keys
            if one.key.startswith(MATTER)
        }
        for later in history.outlines("matter", scopes).values():
            for one in later:
                yield AffectedKey(one.demand_id, one.submitted_at, one.submitted_at)

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft]:
        asked = {one.key: EVER for one in keys if not one.key.startswith(MATTER)}
        found = [one for several in history.demands(self.subject, asked).values() for one in several]
        own = {one.demand_id: self._own(one) for one in found}
        found = [one for one in found if not one.chases_open_order and self._may(own[one.demand_id], one)]
        # One question for all: what stands about each of them lies in its matter's last days.
        spans: dict[str, Span] = {}
        for one in found:
            if one.matter_id is not None:
                since, until = spans.get(one.matter_id, (one.submitted_at, one.submitted_at))
                spans[one.matter_id] = min(since, one.submitted_at), max(until, one.submitted_at)
        spans = {key: (since - self._window, until + MOMENT) for key, (since, until) in spans.items()}
        about = history.outlines("matter", spans) if spans else {}
        for one in found:
            parts = {**own[one.demand_id], **self._around(one, about.get(one.matter_id or "", ()))}
            if sum(parts.values()) >= self.params.threshold:
                yield self._draft(one, parts)

    @property
    def _window(self) -> timedelta:
        return timedelta(days=self.params.window_days)

    def _own(self, demand: DemandFacts) -> dict[str, int]:
        """What the demand itself says, in points by part."""
        params = self.params
        own: dict[str, int] = {}
        if classes := self.sensitive(demand).classes:
            hit = {word_class.value for word_class in classes}
            if hit & _SENSITIVE:
                own["敏感词"] = params.sensitive
            if hit & _MENTION:
                own["提及上级、信访或媒体"] = params.mention
        if demand.labels and not set(params.dissatisfied_labels).isdisjoint(demand.labels):
            own["二次回访不满意"] = params.dissatisfied
        if demand.urgency is Urgency.CRITICAL:
            own["特急"] = params.critical
        return own

    def _may(self, own: Mapping[str, int], demand: DemandFacts) -> bool:
        """Whether it can come to a signal at all."""
        around = self.params.repeat + self.params.group if demand.matter_id is not None else 0
        return sum(own.values()) + around >= self.params.threshold

    def _around(self, demand: DemandFacts, matter: Sequence[Outline]) -> dict[str, int]:
        """What stands about the demand in its matter: a demand of the same person before it, a group by the time it came."""
        since = demand.submitted_at - self._window
        before = [
            one
            for one in matter
            if since <= one.submitted_at <= demand.submitted_at and not one.chases_open_order
        ]
        again = demand.reporter_key is not None and any(
            one.reporter_key == demand.reporter_key and one.submitted_at < demand.submitted_at
            for one in before
        )
        group = people(before).heads >= self.params.group_heads
        said = {"同一人重复反映": (self.params.repeat, again), "群体反映": (self.params.group, group)}
        return {name: points for name, (points, holds) in said.items() if holds}

    def _draft(self, demand: DemandFacts, parts: Mapping[str, int]) -> SignalDraft:
        points = sum(parts.values())
        named = "、".join(f"{name}{value}" for name, value in parts.items())
        integrity = any(word_class.value == "integrity" for word_class in self.sensitive(demand).classes)
        return SignalDraft(
            key=demand.demand_id,
            level=Level.GRAVE if points >= self.params.grave else Level.SERIOUS,
            window_from=demand.submitted_at,
            window_to=demand.submitted_at + MOMENT,
            metric="反映强烈程度得分",
            value=float(points),
            threshold=float(self.params.threshold),
            demand_ids=(demand.demand_id,),
            reporters=0 if demand.reporter_key is None else 1,
            summary=f"反映强烈程度{points}分（达到{self.params.threshold}分即提示）：{named}。",
            labels=(*parts, *((INTEGRITY,) if integrity else ()), f"词库{self.lexicon.version}"),
        )
