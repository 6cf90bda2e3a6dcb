"""What rules about cases and other things beside demands share: keys, drafts, bursts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from hub.clock import COUNTY_ZONE
from hub.model.case import Case
from hub.model.codes import Level
from hub.model.warning import SignalDraft
from hub.sdk.rules import EVER, MOMENT, AffectedKey, History, ObservationRule, Recheck, RuleParams, Seen

MIXED = "mixed"
"""Subject of a rule whose keys say themselves what they are: ``item:411521…``, ``window:A01/2026-11-20``."""


class CaseParams(RuleParams):
    """Parameters of every rule that reckons with a case's clock.

    Attributes:
        corrections_pause: Whether the clock also stands still while material is asked for; by 行政许可法 45 it does not.
    """

    corrections_pause: bool = False


class CaseRule(ObservationRule):
    """A rule that judges each case by itself: its key is the case, its signal rests on the case alone."""

    observes: ClassVar[tuple[str, ...]] = ("case",)
    subject: ClassVar[str] = "case"

    def observed_keys(self, seen: Seen) -> Iterable[str]:
        return (seen.id,)

    def evaluate(self, keys: Sequence[AffectedKey], history: History) -> Iterable[SignalDraft | Recheck]:
        found = history.seen("case", "case", {affected.key: EVER for affected in keys})
        for cases in found.values():
            for one in cases:
                yield from self.judge(one, one.what, history)

    @abstractmethod
    def judge(self, seen: Seen, case: Case, history: History) -> Iterable[SignalDraft | Recheck]:
        """At most one draft of this case, and when it is to be judged again."""


def draft(
    seen: Seen | Sequence[Seen],
    level: Level,
    at: datetime,
    *,
    key: str | None = None,
    until: datetime | None = None,
    metric: str,
    value: float,
    threshold: float,
    summary: str,
    baseline: float | None = None,
    auto_issue: bool = False,
    labels: Iterable[str] = (),
) -> SignalDraft:
    """A draft that rests on these things; ``at`` is when its condition came true, ``until`` the last such moment."""
    things = [seen] if isinstance(seen, Seen) else list(seen)
    return SignalDraft(
        key=key if key is not None else things[0].id,
        level=level,
        window_from=at,
        window_to=max(until if until is not None else at, at) + MOMENT,
        metric=metric,
        value=value,
        threshold=threshold,
        baseline=baseline,
        observed=tuple(dict.fromkeys(one.ref for one in things)),
        organisation=organisation_of(things[-1].what),
        reporters=0,
        summary=summary if len(summary) <= 500 else f"{summary[:499]}…",
        auto_issue=auto_issue,
        labels=tuple(labels),
    )


def organisation_of(what: Any) -> str | None:
    """Who has to act on a thing: its code, else its name; None where it tells neither."""
    return getattr(what, "organisation_code", None) or getattr(what, "organisation", None)


def window_of(seen: Seen) -> str | None:
    """A window as keys bear it, ``organisation|number``: the first window of one organisation is not that of another. None where it tells none."""
    number = getattr(seen.what, "window_no", None)
    if number is None:
        return None
    organisation = organisation_of(seen.what)
    return str(number) if organisation is None else f"{organisation}{_AT}{number}"


def number_of(window: str) -> str:
    """The window's own number, by which history knows it."""
    organisation, bar, number = window.partition(_AT)
    return number if bar else organisation


_AT = "|"


def recheck(key: str, history: History, *moments: datetime | None) -> Iterator[Recheck]:
    """The earliest of these moments that is still to come."""
    ahead = [moment for moment in moments if moment is not None and moment > history.now]
    if ahead:
        yield Recheck(key, min(ahead))


def until_known(key: str, history: History, due: datetime) -> Iterator[Recheck]:
    """The next day's beginning, for what was reckoned with a year whose holidays are not known; not for ever.

    A year is published or entered without anything coming in that would touch the key.
    """
    if history.now - due < _LONGEST_UNKNOWN:
        _, tomorrow = day_span(day_of(history.now))
        yield Recheck(key, tomorrow)


_LONGEST_UNKNOWN = timedelta(days=92)


def just_after(moment: datetime) -> datetime:
    """The first moment at which a limit that ends then is over."""
    return moment + MOMENT


def local_time(moment: datetime) -> str:
    """As a summary says it: the county's date and time, to the minute."""
    return f"{moment.astimezone(COUNTY_ZONE):%Y-%m-%d %H:%M}"


def day_of(moment: datetime) -> str:
    """The county's day of a moment, as keys bear it."""
    return moment.astimezone(COUNTY_ZONE).date().isoformat()


def day_span(day: str) -> tuple[datetime, datetime]:
    """That day's beginning and end; `ValueError` where the text is no day."""
    begins = datetime.combine(date.fromisoformat(day), datetime.min.time(), COUNTY_ZONE)
    return begins, begins + timedelta(days=1)


def bursts(times: Sequence[datetime], span: timedelta, threshold: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of ascending times in which a window of that length holds enough of them.

    A window is half-open and begins with one of the times; windows that are full and share one are one stretch.

    Yields:
        First place, place behind the last, and how many the fullest window holds.
    """
    first, behind, most, reach = 0, 0, 0, 0
    for start, moment in enumerate(times):
        reach = max(reach, start)
        while reach < len(times) and times[reach] < moment + span:
            reach += 1
        if reach - start < threshold:
            continue
        if most and start >= behind:
            yield first, behind, most
            most = 0
        if not most:
            first = start
        behind, most = max(behind, reach), max(most, reach - start)
    if most:
        yield first, behind, most
