"""Whole stretches of things beside demands, however far they reach and whatever touched their key; the counterpart of `whole_episodes`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.builtin.rules.windows import Reach, Span, reaching
from hub.model.codes import Watch
from hub.sdk.rules import Seen


@dataclass(frozen=True, slots=True)
class Stretch:
    """Windows that share a thing.

    Attributes:
        things: All that the windows hold, ascending by time; not empty.
        most: What the fullest window counts.
        usual: What was to be expected, where the rule compares with that.
        watches: Those of the fullest window, where the rule counts them.
    """

    things: Sequence[Seen]
    most: int
    usual: float | None = None
    watches: frozenset[Watch] = frozenset()

    @property
    def begins(self) -> datetime:
        return self.things[0].at

    @property
    def ends(self) -> datetime:
        return self.things[-1].at


Read = Callable[[Mapping[str, Span]], Mapping[str, Sequence[Seen]]]
"""For each key its things within the span, ascending by time."""

Judge = Callable[[Sequence[Seen], datetime], Iterable[Stretch]]
"""The stretches of these things whose windows begin at that moment or later; what lies before is there to be compared with."""


def whole_stretches(
    read: Read, scopes: Mapping[str, Span], reach: Reach, judge: Judge
) -> dict[str, list[Stretch]]:
    """For each key every stretch that overlaps its scope, whole; keys without one are absent.

    Reads what lies about the scope, and more only where a stretch goes on beyond what was read.
    """
    margin = 2 * reach.window + reach.before
    spans = {key: (since - margin, until + margin) for key, (since, until) in scopes.items()}
    found: dict[str, list[Stretch]] = {}
    while spans:
        again: dict[str, Span] = {}
        for key, things in read(spans).items():
            since, until = scopes[key]
            told = judge(things, spans[key][0] + reach.before)
            mine = [one for one in told if one.begins < until and since <= one.ends]
            wanted = reaching(mine[0].begins, mine[-1].ends, spans[key], reach) if mine else spans[key]
            if wanted != spans[key]:
                again[key] = wanted
            elif mine:
                found[key] = mine
        spans = again
    return found
