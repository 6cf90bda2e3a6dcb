"""好差评 (W11, W12, W13): bad ratings, bad ratings that nobody put right, good ones that cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import Field, model_validator

from hub.builtin.rules.observing import (
    MIXED,
    bursts,
    day_of,
    day_span,
    draft,
    just_after,
    local_time,
    number_of,
    recheck,
    window_of,
)
from hub.model.calendar import working_days_due
from hub.model.case import Case
from hub.model.case_clock import usable
from hub.model.codes import Level, RatingLevel, Stage
from hub.model.holding import PROVISIONAL
from hub.model.lexicon import LexiconSection
from hub.model.rating import Rating
from hub.model.warning import SignalDraft
from hub.sdk.rules import (
    EVER,
    AffectedKey,
    History,
    LexiconParams,
    ObservationRule,
    Recheck,
    RuleParams,
    Seen,
)

_NAMED = re.compile(r"[一-鿿]\*")
BEFORE_ACCEPTANCE = "RATED_BEFORE_ACCEPTANCE"
"""The flag by which a channel says that a rating is older than the acceptance that stands in the same record."""


class BadRatingParams(LexiconParams):
    """Parameters of W11.

    Attributes:
        verify_working_days: Within which a bad rating is to be verified.
    """

    verify_working_days: int = Field(default=1, ge=1, le=60)


class BadRating(ObservationRule):
    """差评: each rating of 1 or 2 is an event by itself; a county has too few of them for a rate.

    A reminder until somebody has verified it, which a person does by issuing or dismissing it: a verified one is a yellow card, and an order. So
    is one that nobody has verified within its working day. Where its text names a person, or speaks of somebody's conduct, it is no business
    matter (非业务类) and says so.

    Source: domain.md §4.2 W11, W12 (verified within one working day), §10.13; R39.
    """

    rule_id: ClassVar[str] = "W11"
    title: ClassVar[str] = "差评"
    version: ClassVar[str] = "2"
    subject: ClassVar[str] = "rating"
    observes: ClassVar[tuple[str, ...]] = ("rating",)
    stage: ClassVar[Stage | None] = Stage.AFTER
    verified_level: ClassVar[Level | None] = Level.SERIOUS
    Params: ClassVar[type[RuleParams]] = BadRatingParams
    params: BadRatingParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        return (seen.id,) if is_bad(seen.what) else ()

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        found = history.seen("rating", "rating", {affected.key: EVER for affected in keys})
        for one in (one for ratings in found.values() for one in ratings):
            if is_bad(one.what):
                yield from self._judge(one, history)

    def _judge(self, seen: Seen, history: History) -> Iterator[SignalDraft | Recheck]:
        rating: Rating = seen.what
        conduct = _about_a_person(rating.text, self.params.lexicon)
        since = usable(rating.rated_at)
        due = (
            working_days_due(since, self.params.verify_working_days, history.calendar, "")
            if since is not None
            else None
        )
        late = due is not None and history.now > due.at
        by = f"应于{local_time(due.at)}前核实" if due is not None else "请第一时间核实"
        yield draft(
            seen,
            Level.SERIOUS if late else Level.NOTICE,
            rating.rated_at,
            until=due.at if due is not None and late else None,
            metric="评价等级",
            value=float(rating.level),
            threshold=float(RatingLevel.BAD),
            summary=f"收到差评（{_WORDS[rating.level]}），{by}。{'内容涉及具体人员或工作作风，按非业务类办理。' if conduct else ''}",
            labels=(
                "差评",
                *(("非业务类",) if conduct else ()),
                *((PROVISIONAL,) if due is not None and due.provisional else ()),
            ),
        )
        if due is not None:
            yield from recheck(seen.id, history, just_after(due.at))


class UnrectifiedParams(RuleParams):
    """Parameters of W12.

    Attributes:
        limit_working_days: Within which a bad rating is to be put right.
        longest_working_days: After which its signal is grave.
    """

    limit_working_days: int = Field(default=5, ge=1, le=60)
    longest_working_days: int = Field(default=15, ge=1, le=60)

    @model_validator(mode="after")
    def _ordered(self) -> UnrectifiedParams:
        if self.longest_working_days < self.limit_working_days:
            raise ValueError(
                f"longest_working_days ({self.longest_working_days}) must not be below limit_working_days ({self.limit_working_days})"
            )
        return self


class UnrectifiedRating(ObservationRule):
    """差评未整改: nothing says in time that a bad rating was put right.

    What says it is a later rating of 3 or better: one that is appended to it (追加评价), or, where a case is rated anew, one of the same case.
    Keys are cases with their instance (``case:eye/LS1``), or the rating itself where it names none (``rating:01J…``).

    Source: domain.md §4.2 W12, §3.1 (5 to 15 working days); R39.
    """

    rule_id: ClassVar[str] = "W12"
    title: ClassVar[str] = "差评未整改"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "case_no"
    observes: ClassVar[tuple[str, ...]] = ("rating",)
    stage: ClassVar[Stage | None] = Stage.AFTER
    Params: ClassVar[type[RuleParams]] = UnrectifiedParams
    params: UnrectifiedParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        if seen.what.case_no is not None:
            yield f"case:{seen.instance}/{seen.what.case_no}"
        elif is_bad(seen.what):
            yield f"rating:{seen.id}"

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for key, ratings in _of_cases([one.key for one in keys], "rating", history).items():
            yield from self._judged(key, ratings, history)
        ids = {one.key.removeprefix("rating:"): EVER for one in keys if one.key.startswith("rating:")}
        for number, alone in history.seen("rating", "rating", ids).items():
            yield from self._judged(f"rating:{number}", alone, history)

    def _judged(self, key: str, ratings: Sequence[Seen], history: History) -> Iterator[SignalDraft | Recheck]:
        """The bad ratings of a case that are over their limit: one signal, of its worst."""
        late: list[tuple[Level, Seen, datetime, bool]] = []
        ahead: list[datetime] = []
        for one in (one for one in ratings if is_bad(one.what)):
            if usable(one.what.rated_at) is None:
                continue
            righted = _righted_at(one.what, ratings)
            dues = [
                working_days_due(one.what.rated_at, days, history.calendar, "")
                for days in (self.params.limit_working_days, self.params.longest_working_days)
            ]
            reached = righted if righted is not None else history.now
            over = [due for due in dues if reached > due.at]
            if over:
                level = Level.SERIOUS if len(over) == 1 else Level.GRAVE
                late.append((level, one, over[-1].at, over[-1].provisional))
            if righted is None:
                ahead += [just_after(due.at) for due in dues]
        if late:
            level = max(one[0] for one in late)
            days = (
                self.params.limit_working_days if level is Level.SERIOUS else self.params.longest_working_days
            )
            yield draft(
                [one for _, one, _, _ in late],
                level,
                min(one.what.rated_at for _, one, _, _ in late),
                until=max(at for _, _, at, _ in late),
                key=key,
                metric="差评未整改的工作日数",
                value=float(days),
                threshold=float(self.params.limit_working_days),
                summary=f"差评超过{days}个工作日未见整改记录（追加评价或再次评价达到基本满意）。",
                labels=("差评未整改", *((PROVISIONAL,) if any(one[3] for one in late) else ())),
            )
        yield from recheck(key, history, *ahead)


class OddRatingsParams(RuleParams):
    """Parameters of W13.

    Attributes:
        burst: More than so many ratings of 5 ...
        burst_minutes: ... from one device or window within so many minutes cannot be.
    """

    burst: int = Field(default=60, ge=1, le=100_000)
    burst_minutes: int = Field(default=10, ge=1, le=1_440)


class OddRatings(ObservationRule):
    """好评异常: too many best ratings from one device or window at once.

    Keys are devices, and windows without one, with a day (``device:PJQ-A01/2026-11-20``).

    Source: domain.md §4.2 W13, §10.12; R39, R46.
    """

    rule_id: ClassVar[str] = "W13"
    title: ClassVar[str] = "好评异常"
    version: ClassVar[str] = "2"
    subject: ClassVar[str] = MIXED
    observes: ClassVar[tuple[str, ...]] = ("rating",)
    stage: ClassVar[Stage | None] = Stage.AFTER
    Params: ClassVar[type[RuleParams]] = OddRatingsParams
    params: OddRatingsParams

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        what: Rating = seen.what
        if what.level is RatingLevel.VERY_GOOD:
            if what.device_no is not None:
                yield f"device:{what.device_no}/{day_of(what.rated_at)}"
            elif (window := window_of(seen)) is not None:
                yield f"window:{window}/{day_of(what.rated_at)}"

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        for subject in ("device", "window"):
            # A day's key stands for that day alone: two days of one device are asked for one after the other.
            asked = [one.key for one in keys if one.key.startswith(f"{subject}:")]
            for day in sorted({key.rpartition("/")[2] for key in asked}):
                mine = {
                    key.partition(":")[2].rpartition("/")[0]: key for key in asked if key.endswith(f"/{day}")
                }
                numbers = {one: number_of(one) if subject == "window" else one for one in mine}
                found = history.seen("rating", subject, dict.fromkeys(numbers.values(), day_span(day)))
                for one, key in mine.items():
                    ratings = found.get(numbers[one], ())
                    if subject == "window":
                        ratings = [two for two in ratings if window_of(two) == one]
                    yield from self._at_once(key, subject, ratings)

    def _at_once(self, key: str, subject: str, ratings: Sequence[Seen]) -> Iterator[SignalDraft]:
        best = [
            one
            for one in ratings
            if one.what.level is RatingLevel.VERY_GOOD and (subject == "device" or one.what.device_no is None)
        ]
        span = timedelta(minutes=self.params.burst_minutes)
        for first, behind, most in bursts([one.at for one in best], span, self.params.burst + 1):
            yield draft(
                best[first:behind],
                Level.NOTICE,
                best[first].at,
                until=best[behind - 1].at,
                key=key,
                metric=f"{self.params.burst_minutes}分钟内非常满意评价数",
                value=float(most),
                threshold=float(self.params.burst),
                summary=f"同一评价器或窗口{self.params.burst_minutes}分钟内出现{most}条“非常满意”（超过{self.params.burst}条即提示），起于{local_time(best[first].at)}。",
                labels=("重点研判", "集中好评"),
            )


class RatedTooSoon(ObservationRule):
    """评价早于受理: a rating older than the acceptance of its case. It is flagged, its time never moved.

    Real code shifts such ratings by ten to twenty minutes, and hides what it should show. Keys are cases with their instance (``case:eye/LS1``);
    whichever of rating and case came last, the same key is judged.

    Source: domain.md §4.2 W13, §10.12; R39, R46.
    """

    rule_id: ClassVar[str] = "W13b"
    title: ClassVar[str] = "评价早于受理"
    version: ClassVar[str] = "1"
    subject: ClassVar[str] = "case_no"
    observes: ClassVar[tuple[str, ...]] = ("rating", "case")
    stage: ClassVar[Stage | None] = Stage.AFTER

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        what: Rating | Case = seen.what
        if what.case_no is not None and (isinstance(what, Rating) or what.accepted_at is not None):
            yield f"case:{seen.instance}/{what.case_no}"

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        ratings = _of_cases([one.key for one in keys], "rating", history)
        cases = _of_cases(list(ratings), "case", history)
        for key, rated in ratings.items():
            accepted = [
                moment for one in cases.get(key, ()) if (moment := usable(one.what.accepted_at)) is not None
            ]
            odd = [
                one
                for one in rated
                if any(one.what.rated_at < moment for moment in accepted)
                or (not accepted and BEFORE_ACCEPTANCE in one.what.quality)
            ]
            if odd:
                yield draft(
                    odd,
                    Level.NOTICE,
                    odd[0].at,
                    until=odd[-1].at,
                    key=key,
                    metric="早于受理时间的评价数",
                    value=float(len(odd)),
                    threshold=1.0,
                    summary=f"评价时间早于办件受理时间（{len(odd)}条），请核实；时间按原样保留，未作调整。",
                    labels=("重点研判", "评价早于受理"),
                )


def is_bad(rating: Rating) -> bool:
    """差评: 1 or 2 of five."""
    return rating.level <= RatingLevel.BAD


def _righted_at(rating: Rating, ratings: Sequence[Seen]) -> datetime | None:
    """When a later rating said that this one was put right; None while none has."""
    better = (
        one.what.rated_at
        for one in ratings
        if one.what.rated_at > rating.rated_at
        and not is_bad(one.what)
        and one.what.appends_to in (None, rating.source_no)
    )
    return min(better, default=None)


def _of_cases(keys: Sequence[str], kind: str, history: History) -> dict[str, list[Seen]]:
    """What is known of the cases among these keys, by key: of the same instance, since another one may use the same numbers."""
    wanted = [key for key in keys if key.startswith("case:")]
    found = history.seen(kind, "case_no", {key.partition("/")[2]: EVER for key in wanted})
    mine = {
        key: [
            one
            for one in found.get(key.partition("/")[2], ())
            if one.instance == key.removeprefix("case:").partition("/")[0]
        ]
        for key in wanted
    }
    return {key: things for key, things in mine.items() if things}


def _about_a_person(words: str | None, county: LexiconSection) -> bool:
    if words is None:
        return False
    from hub.text.lexicon import Lexicon, WordClass

    # A name that stood there is masked by now.
    return _NAMED.search(words) is not None or any(
        hit.word_class is WordClass.CONDUCT and not hit.negated
        for hit in Lexicon.of_county(county).hits(words)
    )


_WORDS = {RatingLevel.VERY_BAD: "非常不满意", RatingLevel.BAD: "不满意"}
