"""Sliding windows over the demands of one key, and the episodes that they make up; shared by the rules that count.

A window is ``[t, t + span)`` from a demand on. Windows that hold enough and share a demand are one episode: the count slides on,
whatever was signalled before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from hub.sdk.rules import EVER, AffectedKey, History, Outline

KeyT = TypeVar("KeyT")

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Window:
    """One window that holds enough: places ``[first, behind)`` in the key's demands, and what was counted.

    Attributes:
        form: Which of a rule's forms it fulfils.
    """

    first: int
    behind: int
    value: float
    threshold: float
    baseline: float | None = None
    form: str = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """Windows that share demands.

    Attributes:
        demands: All that the windows hold, ascending by time.
        fullest: The window of the greatest value, the first of equals.
    """

    demands: tuple[Outline, ...]
    fullest: Window

    @property
    def begins(self) -> datetime:
        return self.demands[0].submitted_at

    @property
    def ends(self) -> datetime:
        """When its last demand was submitted."""
        return self.demands[-1].submitted_at


Judge = Callable[[Mapping[str, Sequence[Outline]]], Mapping[str, Iterable[Window]]]
"""For each key the windows among its demands that hold enough; all keys at once, so that what it asks of history is asked once."""


def may_be_many(demands: Sequence[Outline]) -> bool:
    """Whether more than one head can stand behind them: of most keys a batch brings the only demand."""
    return len(demands) > 1 or any(one.declared_group_size for one in demands)


def heads_at_most(demands: Iterable[Outline]) -> int:
    """No window among these has more heads than that."""
    callers, most = set(), 0
    for one in demands:
        callers.add(one.reporter_key)
        most = max(most, one.declared_group_size or 0)
    return len(callers - {None}) + most


def each(judge: Callable[[Sequence[Outline]], Iterable[Window]]) -> Judge:
    """A judge that looks at one key's demands alone."""
    return lambda read: {key: judge(demands) for key, demands in read.items()}


def slide(demands: Sequence[Outline], span: timedelta) -> Iterator[tuple[int, int]]:
    """The place of each demand, and the place behind the last one of the window that begins with it."""
    behind = 0
    for first, demand in enumerate(demands):
        behind = max(behind, first)
        end = demand.submitted_at + span
        while behind < len(demands) and demands[behind].submitted_at < end:
            behind += 1
        yield first, behind


class People:
    """Who stands behind the demands of a sliding window: different reporters, never messages.

    Whoever speaks for others counts for as many as they say. Callers of one group may speak for the same households, so only the
    largest of these numbers counts, and each other caller as one. Of those who left no name nobody knows whether they are two:
    they count as nobody, unless one speaks for others.
    """

    __slots__ = ("_declared", "_demands")

    def __init__(self) -> None:
        self._demands: dict[str, int] = {}
        self._declared: dict[tuple[int, str], int] = {}

    def add(self, one: Outline) -> None:
        if (who := one.reporter_key) is not None:
            self._demands[who] = self._demands.get(who, 0) + 1
        if one.declared_group_size:
            said = one.declared_group_size, who or ""
            self._declared[said] = self._declared.get(said, 0) + 1

    def remove(self, one: Outline) -> None:
        if (who := one.reporter_key) is not None:
            _less(self._demands, who)
        if one.declared_group_size:
            _less(self._declared, (one.declared_group_size, who or ""))

    @property
    def callers(self) -> int:
        return len(self._demands)

    @property
    def heads(self) -> int:
        if not self._declared:
            return len(self._demands)
        most, by = max(self._declared)
        return most + len(self._demands) - (by != "")


def _less(counts: dict[KeyT, int], key: KeyT) -> None:
    if counts[key] == 1:
        del counts[key]
    else:
        counts[key] -= 1


def people(demands: Iterable[Outline]) -> People:
    """Who stands behind these."""
    found = People()
    for one in demands:
        found.add(one)
    return found


def counted(demands: Sequence[Outline], span: timedelta) -> Iterator[tuple[int, int, People]]:
    """`slide`, with who stands behind each window; what is given is valid until the next."""
    inside, reached = People(), 0
    for first, behind in slide(demands, span):
        for one in demands[reached:behind]:
            inside.add(one)
        reached = behind
        yield first, behind, inside
        inside.remove(demands[first])


def episodes(demands: Sequence[Outline], windows: Iterable[Window]) -> list[Episode]:
    """Windows that share a demand, joined; ascending by time."""
    found: list[Episode] = []
    group: list[Window] = []
    for window in sorted(windows, key=lambda one: (one.first, one.behind)):
        if group and window.first >= max(one.behind for one in group):
            found.append(_joined(demands, group))
            group = []
        # Only the window that reaches furthest and the fullest matter: a long episode costs no more than its length.
        group = _kept(group, window)
    return [*found, _joined(demands, group)] if group else found


def _kept(group: list[Window], window: Window) -> list[Window]:
    if not group:
        return [window]
    candidates = [*group, window]
    furthest = max(candidates, key=lambda one: one.behind)
    fullest = max(candidates, key=lambda one: one.value)
    return list(dict.fromkeys((group[0], fullest, furthest)))


def _joined(demands: Sequence[Outline], group: Sequence[Window]) -> Episode:
    behind = max(one.behind for one in group)
    fullest = max(group, key=lambda one: (one.value, -one.first))
    return Episode(tuple(demands[group[0].first : behind]), fullest)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a demand bears on the windows about it.

    Attributes:
        window: The longest window.
        before: How much earlier than its first demand a window's verdict looks (a baseline).
    """

    window: timedelta
    before: timedelta = timedelta(0)

    def scope(self, affected: AffectedKey) -> Span:
        """All windows whose verdict the affected demands may change."""
        return affected.since - self.window, affected.until + self.window + self.before

    def around(self, scopes: Mapping[str, Span]) -> dict[str, Span]:
        """Where the windows of an episode lie that reaches into the scope: too few demands there, and there is none."""
        return {key: (since - self.window, until + self.window) for key, (since, until) in scopes.items()}


def is_new(one: Outline) -> bool:
    """Whether it is a demand of its own: urging an open order (催单) is none."""
    return not one.chases_open_order


def whole_episodes(
    history: History,
    subject: str,
    scopes: Mapping[str, Span],
    reach: Reach,
    judge: Judge,
    *,
    counts: Callable[[Outline], bool] = is_new,
) -> dict[str, list[Episode]]:
    """For each key every episode that overlaps its scope, whole, however far it reaches; keys without one are absent.

    Reads what lies about the scope, and more only where an episode goes on beyond what was read: the cost is set by the
    episodes, not by what is stored.
    """
    margin = 2 * reach.window + reach.before
    spans = {key: (since - margin, until + margin) for key, (since, until) in scopes.items()}
    found: dict[str, list[Episode]] = {}
    while spans:
        read = {
            key: [one for one in demands if counts(one)]
            for key, demands in history.outlines(subject, spans).items()
        }
        again: dict[str, Span] = {}
        for key, windows in judge(read).items():
            mine = [one for one in episodes(read[key], windows) if _overlap(one, scopes[key])]
            wanted = reaching(mine[0].begins, mine[-1].ends, spans[key], reach) if mine else spans[key]
            if wanted != spans[key]:
                again[key] = wanted
            elif mine:
                found[key] = mine
        spans = again
    return found


def _overlap(one: Episode, span: Span) -> bool:
    return one.begins < span[1] and span[0] <= one.ends


def reaching(begins: datetime, ends: datetime, span: Span, reach: Reach) -> Span:
    """What must have been read for episodes from ``begins`` to ``ends`` to be whole: the span itself, or twice as much to that side."""
    since, until = span
    length = until - since
    if since > EVER[0] and begins - reach.window - reach.before < since:
        since = since - length if since - EVER[0] > length else EVER[0]
    if until < EVER[1] and ends + reach.window > until:
        until = until + length if EVER[1] - until > length else EVER[1]
    return since, until
