"""When a case's clock stood still: intervals out of suspensions as they came, late, open, overlapping or without their partner. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from hub.model.case import Correction, Suspension
from hub.model.office_time import local_day


class PauseFlaw(StrEnum):
    """What is wrong with how a pause was told; the pause as told is not counted, except an open one."""

    OPEN = "open"  # 没有恢复: still open, which is usual while the case is in hand
    RESUMED_ONLY = "resumed_only"  # 只有恢复、没有暂停: how long it stood still is not known
    ENDED_BEFORE_BEGINNING = "ended_before_beginning"  # 恢复早于暂停
    UNTIMED = "untimed"  # 没有时间


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which the clock stands still.

    Attributes:
        began_at: Aware.
        ended_at: After ``began_at``; None while it is open.
    """

    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pauses:
    """All stretches in which a clock stood still.

    Attributes:
        spans: Ascending; no two overlap or touch; only the last may be open.
        flaws: What was wrong in the telling: number of the suspension or correction, and what.
    """

    spans: tuple[Pause, ...] = ()
    flaws: tuple[tuple[str, PauseFlaw], ...] = ()

    @property
    def open_since(self) -> datetime | None:
        """Since when the clock stands still now; None where it runs."""
        return self.spans[-1].began_at if self.spans and self.spans[-1].ended_at is None else None

    def within(self, since: datetime, until: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """The parts of the stretches that lie in ``[since, until)``; an open one lasts until ``until``."""
        cut = ((max(span.began_at, since), min(span.ended_at or until, until)) for span in self.spans)
        return tuple((begins, ends) for begins, ends in cut if begins < ends)

    def until(self, end: datetime) -> Pauses:
        """As they stood at ``end``: what begins later is left out, what is open or longer ends then."""
        return Pauses(
            tuple(Pause(*cut) for cut in self.within(datetime.min.replace(tzinfo=end.tzinfo), end)),
            self.flaws,
        )

    def standing_still_since(self, moment: datetime) -> Pauses:
        """With one more stretch, which begins then and is open."""
        return Pauses(_merged([*self.spans, Pause(moment, None)]), self.flaws)

    def stops(self, day: date) -> bool:
        """Whether that day does not count: a stretch began before it and lasts into it (as 民法典 201 counts days)."""
        return any(
            local_day(span.began_at) < day and (span.ended_at is None or day <= local_day(span.ended_at))
            for span in self.spans
        )


def pauses_of(suspensions: Sequence[Suspension], corrections: Sequence[Correction] = ()) -> Pauses:
    """The stretches that these suspensions, and corrections where they stop the clock too, make up.

    A beginning and an end that came under two numbers belong together: a resumption ends all that was open when it came, as
    the clock of the source did. The order in which they are given changes nothing.

    Source: domain.md §6.4: pause and resume are messages of their own, late or without partner.
    """
    flaws: list[tuple[str, PauseFlaw]] = []
    whole: list[Pause] = []
    begun: list[tuple[datetime, str]] = []
    ends: list[tuple[datetime, str]] = []
    told = [
        *((one.no, one.began_at, one.ended_at) for one in suspensions),
        *((one.no, one.asked_at, one.brought_at) for one in corrections),
    ]
    for no, began_at, ended_at in told:
        if began_at is not None and ended_at is not None:
            if ended_at < began_at:
                flaws.append((no, PauseFlaw.ENDED_BEFORE_BEGINNING))
            elif began_at < ended_at:
                whole.append(Pause(began_at, ended_at))
        elif began_at is not None:
            begun.append((began_at, no))
        elif ended_at is not None:
            ends.append((ended_at, no))
        else:
            flaws.append((no, PauseFlaw.UNTIMED))
    paired, unpaired = _paired(begun, ends)
    return Pauses(_merged([*whole, *paired]), tuple(sorted([*flaws, *unpaired])))


def _paired(
    begun: Iterable[tuple[datetime, str]], ends: Iterable[tuple[datetime, str]]
) -> tuple[list[Pause], list[tuple[str, PauseFlaw]]]:
    found: list[Pause] = []
    flaws: list[tuple[str, PauseFlaw]] = []
    waiting = sorted(begun)
    for ended_at, no in sorted(ends):
        mine = [one for one in waiting if one[0] <= ended_at]
        if not mine:
            flaws.append((no, PauseFlaw.RESUMED_ONLY))
            continue
        waiting = waiting[len(mine) :]
        found += [Pause(began_at, ended_at) for began_at, _ in mine if began_at < ended_at]
    found += [Pause(began_at, None) for began_at, _ in waiting]
    return found, [*flaws, *((no, PauseFlaw.OPEN) for _, no in waiting)]


def _merged(spans: Iterable[Pause]) -> tuple[Pause, ...]:
    found: list[Pause] = []
    for span in sorted(spans, key=lambda one: one.began_at):
        last = found[-1] if found else None
        if last is None or (last.ended_at is not None and last.ended_at < span.began_at):
            found.append(span)
        elif last.ended_at is not None and (span.ended_at is None or last.ended_at < span.ended_at):
            found[-1] = Pause(last.began_at, span.ended_at)
    return tuple(found)
