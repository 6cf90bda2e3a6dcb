"""What the rules on demands must say, by looking at everything: no windows that slide, no index, no part of the hub.

Written from the rules' table (domain.md §4.2) and from what an episode is (docs/decisions/0004): every window is the plain list of
what lies in it, and windows that share a demand are joined until none is left to join. `expected` answers for the default parameters.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean, stdev
from typing import NamedTuple
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
FESTIVALS = [date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6)]
ENDED = ("answered", "closed")
OPEN = ("pending", "supplement", "accepted", "assigned", "in_hand")


@dataclass(frozen=True)
class Told:
    """One demand as the oracle sees it; ``words`` are the classes of sensitive words that its text holds."""

    id: str
    at: datetime
    received: datetime
    channel: str
    kind: str
    status: str
    urgency: int
    who: str | None
    heads: int | None
    chases: bool
    category: str | None
    place: str | None
    item: str | None
    organisation: str | None
    matter: str | None
    text: str
    words: frozenset[str] = frozenset()
    labels: tuple[str, ...] = ()
    former: tuple[tuple[str, datetime], ...] = ()


class Said(NamedTuple):
    """One signal that must stand."""

    rule: str
    key: str
    level: int
    value: float
    demands: frozenset[str]


Window = tuple[frozenset[str], float, float, str]
"""Demands in it, value, threshold, form."""


def expected(demands: Iterable[Told], keys: Mapping[str, set[str]] | None = None) -> set[Said]:
    """Every signal that these demands make up; only of these keys where any are given (rule -> keys)."""
    every = sorted(demands, key=lambda one: (one.at, one.id))
    counted = [one for one in every if not one.chases]
    found: set[Said] = set()
    for rule, of in RULES.items():
        wanted = None if keys is None else keys.get(rule, set())
        # Who presses for an order may tell of danger, too.
        found |= {Said(rule, *said) for said in of(every if rule in ("W08", "W09") else counted, wanted)}
    return found


def _by(
    counted: Sequence[Told], key: Callable[[Told], str | None], wanted: set[str] | None
) -> dict[str, list[Told]]:
    groups: dict[str, list[Told]] = defaultdict(list)
    for one in counted:
        name = key(one)
        if name is not None and (wanted is None or name in wanted):
            groups[name].append(one)
    return groups


def _matter(one: Told) -> str | None:
    return f"matter:{one.matter}" if one.matter else None


def _cell(one: Told) -> str | None:
    return f"cell:{one.place}|{one.category}" if one.place and one.category else None


def _windows(group: Sequence[Told], span: timedelta) -> Iterable[list[Told]]:
    for begin in group:
        # Of demands of one moment the window begins with any: all later in order, none before.
        place = group.index(begin)
        yield [one for one in group[place:] if one.at < begin.at + span]


def _heads(group: Iterable[Told]) -> int:
    group = list(group)
    callers = {one.who for one in group if one.who}
    declared = [(one.heads, one.who or "") for one in group if one.heads]
    if not declared:
        return len(callers)
    most, who = max(declared)
    return most + len(callers - {who})


def _callers(group: Iterable[Told]) -> int:
    return len({one.who for one in group if one.who})


def _joined(windows: Sequence[Window]) -> list[tuple[frozenset[str], Window]]:
    """Windows that share a demand are one; with the fullest of them, the first of equals."""
    episodes: list[tuple[set[str], list[Window]]] = []
    for window in windows:
        near = [one for one in episodes if one[0] & window[0]]
        members = set(window[0]).union(*(one[0] for one in near))
        parts = [part for one in near for part in one[1]] + [window]
        episodes = [one for one in episodes if one not in near] + [(members, parts)]
    return [(frozenset(members), max(parts, key=lambda one: one[1])) for members, parts in episodes]


def _filled(members: frozenset[str], group: Sequence[Told]) -> frozenset[str]:
    """All of the group between the first and the last of these."""
    places = [place for place, one in enumerate(group) if one.id in members]
    return frozenset(one.id for one in group[min(places) : max(places) + 1])


# ---- the rules


def _w01(
    counted: Sequence[Told], wanted: set[str] | None
) -> Iterable[tuple[str, int, float, frozenset[str]]]:
    for who, group in _by(counted, lambda one: one.who, wanted).items():
        if len(group) < 3:
            continue
        windows: list[Window] = []
        enough: dict[str, set[str]] = {}
        for window in _windows(group, 30 * DAY):
            ids = frozenset(one.id for one in window)
            tokens: dict[str, set[str]] = defaultdict(set)
            for one in window:
                for token in _tokens(one):
                    tokens[token].add(one.id)
            most = max((len(of) for of in tokens.values()), default=0)
            if most >= 3:
                windows.append((ids, float(most), 3.0, "one"))
            if len(window) >= 5:
                windows.append((ids, float(len(window)), 5.0, "any"))
            for token, of in tokens.items():
                if len(of) >= 3:
                    enough.setdefault(token, set()).update(of)
        for members, fullest in _joined(windows):
            named = members
            if fullest[3] == "one":
                mine = {t for t, of in enough.items() if of & members}
                named = frozenset(one.id for one in group if one.id in members and mine & set(_tokens(one)))
            yield who, 3 if fullest[1] >= 6 else 2, fullest[1], named


def _tokens(one: Told) -> list[str]:
    return [token for token in (_matter(one), _cell(one), one.item and f"item:{one.item}") if token]


def _group_rule(
    windows_of: Callable[[Sequence[Told]], list[Window]], level: Callable[[float], int]
) -> Callable[[Sequence[Told], set[str] | None], Iterable[tuple[str, int, float, frozenset[str]]]]:
    def rule(
        counted: Sequence[Told], wanted: set[str] | None
    ) -> Iterable[tuple[str, int, float, frozenset[str]]]:
        counted = [one for one in counted if one.kind != "praise"]
        by_id = {one.id: one for one in counted}
        matters = _by(counted, _matter, None)
        spoken: dict[str, list[tuple[datetime, datetime]]] = {}

        def told(key: str) -> list[tuple[datetime, datetime]]:
            if key not in spoken:
                spans = []
                for members, _ in _joined(windows_of(matters[key])):
                    times = [by_id[one].at for one in members]
                    spans.append((min(times), max(times)))
                spoken[key] = spans
            return spoken[key]

        for key, group in matters.items():
            if wanted is None or key in wanted:
                for members, fullest in _joined(windows_of(group)):
                    yield key, level(fullest[1]), fullest[1], _filled(members, group)
        for key, group in _by(counted, _cell, wanted).items():
            for members, fullest in _joined(windows_of(group)):
                whole = _filled(members, group)
                times = [by_id[one].at for one in whole]
                names = {_matter(by_id[one]) for one in whole} - {None}
                silenced = any(
                    begin <= max(times) and min(times) <= end
                    for name in names
                    for begin, end in told(str(name))
                )
                if not silenced:
                    yield key, level(fullest[1]), fullest[1], whole

    return rule


def _by_strand(
    windows_of: Callable[[Sequence[Told]], list[Window]],
) -> Callable[[Sequence[Told]], list[Window]]:
    """Whoever names another place or another item than others has another trouble; who names none may have any."""

    def windows(group: Sequence[Told]) -> list[Window]:
        found = []
        for place in {None, *(one.place or None for one in group)}:
            for item in {None, *(one.item or None for one in group)}:
                strand = [
                    one for one in group if one.place in (None, "", place) and one.item in (None, "", item)
                ]
                at_place = {one.id for one in strand if one.place}
                of_item = {one.id for one in strand if one.item}
                found += [
                    (_filled(window[0], group), *window[1:])
                    for window in windows_of(strand)
                    if (place is None or window[0] & at_place) and (item is None or window[0] & of_item)
                ]
        return found

    return windows


def _burst(group: Sequence[Told]) -> list[Window]:
    if len(group) < 2 and not any(one.heads for one in group):
        return []
    windows: list[Window] = []
    for window in _windows(group, DAY):
        heads, callers = _heads(window), _callers(window)
        if callers < 2 and heads >= 5:
            continue
        ids = frozenset(one.id for one in window)
        if heads >= 3:
            windows.append((ids, float(heads), 3.0, ""))
        elif heads >= 2 and _before_festival(window[0].at):
            of_wages = _heads(one for one in window if _wages(one))
            if of_wages >= 2:
                windows.append((ids, float(of_wages), 2.0, "wages"))
    return windows


def _before_festival(at: datetime) -> bool:
    day = at.astimezone(ZONE).date()
    return any(1 <= (festival - day).days <= 60 for festival in FESTIVALS)


def _wages(one: Told) -> bool:
    return bool(re.search("拖欠工资|欠薪|工资没有发|讨薪", one.text))


def _lasting(group: Sequence[Told]) -> list[Window]:
    if len(group) < 5 and not any(one.heads for one in group):
        return []
    windows: list[Window] = []
    for window in _windows(group, 7 * DAY):
        heads = _heads(window)
        if heads >= 5 and _callers(window) > 1:
            begin = window[0].at
            weeks = [
                _heads(
                    one for one in group if begin - (week + 1) * 7 * DAY <= one.at < begin - week * 7 * DAY
                )
                for week in range(8)
            ]
            if heads >= fmean(weeks) + 3 * stdev(weeks) and heads > fmean(weeks):
                windows.append((frozenset(one.id for one in window), float(heads), 5.0, ""))
    waiting = [one for one in group if one.status in OPEN]
    for window in _windows(waiting, 30 * DAY):
        if _heads(window) >= 5 and _callers(window) > 1:
            whole = _filled(frozenset(one.id for one in window), group)
            windows.append((whole, float(_heads(window)), 5.0, "waiting"))
    return windows


def _w02c(
    counted: Sequence[Told], wanted: set[str] | None
) -> Iterable[tuple[str, int, float, frozenset[str]]]:
    many = [one for one in counted if (one.heads or 0) >= 5]
    for key, group in _by(many, lambda one: _matter(one) or f"demand:{one.id}", wanted).items():
        windows: list[Window] = [
            (frozenset(one.id for one in window), float(max(one.heads or 0 for one in window)), 5.0, "")
            for window in _windows(group, 30 * DAY)
        ]
        for members, fullest in _joined(windows):
            yield key, 3 if fullest[1] >= 20 else 2, fullest[1], members


def _w03(
    counted: Sequence[Told], wanted: set[str] | None
) -> Iterable[tuple[str, int, float, frozenset[str]]]:
    matters = _by(counted, _matter, None)
    for one in counted:
        if wanted is not None and one.id not in wanted:
            continue
        points = 40 * bool(one.words & {"safety", "crowd", "extreme"})
        points += 20 * bool(one.words & {"opinion", "bypass"})
        points += 30 * ("二次回访不满意" in one.labels) + 40 * (one.urgency == 3)
        if not points:
            continue
        about = [
            other for other in matters.get(_matter(one) or "", ()) if one.at - 30 * DAY <= other.at <= one.at
        ]
        points += 15 * any(other.who == one.who and other.at < one.at for other in about if one.who)
        points += 20 * (_heads(about) >= 3)
        if points >= 60:
            yield one.id, 3 if points >= 80 else 2, float(points), frozenset({one.id})


def _w04(
    counted: Sequence[Told], wanted: set[str] | None
) -> Iterable[tuple[str, int, float, frozenset[str]]]:
    troubles = [one for one in counted if one.kind not in ("consultation", "praise", "suggestion")]
    by_id = {one.id: one for one in troubles}
    for key, group in _by(troubles, _matter, wanted).items():
        returns: list[tuple[frozenset[str], str, str]] = []
        cycles: list[tuple[str, str, datetime]] = []
        for number, one in enumerate(group):
            others = [other for other in group if other is not one and _one_trouble(other, one)]
            strangers = [other for other in others if other.who is None or other.who != one.who]
            waiting = [
                other.at
                for other in strangers
                if one.at - 15 * DAY < other.at < one.at
                and not any(end <= one.at for end in _course(other)[0])
            ]
            ends = [
                (end, other.at, other.id)
                for other in others
                for end in _course(other)[0]
                if end <= one.at and (other not in strangers or not waiting or end <= min(waiting))
            ]
            if not ends:
                continue
            end, _, closed = max(ends)
            if one.at - end < 90 * DAY:
                returns.append((frozenset({closed, one.id}), "reopened", one.id))
            if all(other.at < end for other in others if other in group[:number]):
                cycles.append((closed, one.id, one.at))
                recent = [
                    cycle
                    for cycle in cycles
                    if cycle[2] > one.at - 365 * DAY
                    and (cycle[1] == one.id or _one_trouble(by_id[cycle[1]], one))
                ]
                if len(recent) >= 2:
                    members = frozenset(part for cycle in recent for part in cycle[:2])
                    returns.append((members, "cycles", one.id))
        for members, parts in _overlapping(returns, by_id):
            yield key, 2, float(len({part[2] for part in parts})), members
    for one in troubles:
        again = _course(one)[1]
        if again >= 2 and (wanted is None or f"demand:{one.id}" in wanted):
            yield f"demand:{one.id}", 2, float(again), frozenset({one.id})


def _one_trouble(one: Told, other: Told) -> bool:
    for mine, theirs in ((one.item, other.item), (one.place, other.place)):
        if mine and theirs and mine != theirs:
            return False
    if one.who and one.who == other.who:
        return True
    categories = {one.category, other.category} - {None}
    return bool(one.place) and one.place == other.place and len(categories) < 2


def _course(one: Told) -> tuple[list[datetime], int]:
    ends, again, before, since = [], 0, False, one.received
    for status, until in (*one.former, (one.status, one.received)):
        if status in ENDED and not before:
            ends.append(since)
        again += before and status not in ENDED
        before, since = status in ENDED, until
    return ends, again


def _overlapping(
    returns: Sequence[tuple[frozenset[str], str, str]], by_id: Mapping[str, Told]
) -> list[tuple[frozenset[str], list[tuple[frozenset[str], str, str]]]]:
    def span(members: Iterable[str]) -> tuple[datetime, datetime]:
        times = [by_id[member].at for member in members]
        return min(times), max(times)

    episodes: list[tuple[set[str], list[tuple[frozenset[str], str, str]]]] = []
    for one in returns:
        mine, parts = set(one[0]), [one]
        while True:
            begin, end = span(mine)
            near = [other for other in episodes if span(other[0])[0] <= end and begin <= span(other[0])[1]]
            if not near:
                break
            for other in near:
                mine |= other[0]
                parts += other[1]
                episodes.remove(other)
        episodes.append((mine, parts))
    return [(frozenset(mine), parts) for mine, parts in episodes]


def _w08(
    counted: Sequence[Told], wanted: set[str] | None
) -> Iterable[tuple[str, int, float, frozenset[str]]]:
    for one in counted:
        hit = one.words & {"safety", "crowd", "extreme"}
        if hit and (wanted is None or one.id in wanted):
            yield one.id, 3 if "safety" in hit else 2, float(len(hit)), frozenset({one.id})


def _w09(
    counted: Sequence[Told], wanted: set[str] | None
) -> Iterable[tuple[str, int, float, frozenset[str]]]:
    for one in counted:
        hit = one.words & {"opinion", "integrity"}
        if hit and (wanted is None or one.id in wanted):
            yield one.id, 2, float(len(hit)), frozenset({one.id})


def _w10(
    counted: Sequence[Told], wanted: set[str] | None
) -> Iterable[tuple[str, int, float, frozenset[str]]]:
    window = [one for one in counted if one.channel == "unresolved_window"]

    def people(group: Iterable[Told]) -> int:
        group = list(group)
        return len({one.who for one in group if one.who}) + any(not one.who for one in group)

    def of_item(group: Sequence[Told]) -> list[Window]:
        found = [list(one) for one in _windows(group, 30 * DAY)]
        return [
            (frozenset(d.id for d in one), float(people(one)), 2.0, "") for one in found if people(one) >= 2
        ]

    for key, group in _by(window, lambda one: f"item:{one.item}" if one.item else None, wanted).items():
        for members, fullest in _joined(of_item(group)):
            yield key, 2, fullest[1], members
    named = _by(window, lambda one: f"organisation:{one.organisation}" if one.organisation else None, wanted)
    for key, group in named.items():
        by_id = {one.id: one for one in group}
        windows = []
        for part in of_item(group):
            items = _by([by_id[one] for one in part[0]], lambda one: one.item, None)
            if all(people(of) < 2 for of in items.values()):
                windows.append(part)
        for members, fullest in _joined(windows):
            yield key, 2, fullest[1], _filled(members, group)


RULES: Mapping[
    str, Callable[[Sequence[Told], set[str] | None], Iterable[tuple[str, int, float, frozenset[str]]]]
] = {
    "W01": _w01,
    "W02a": _group_rule(_by_strand(_burst), lambda value: 2),
    "W02b": _group_rule(_by_strand(_lasting), lambda value: 3 if value >= 10 else 2),
    "W02c": _w02c,
    "W03": _w03,
    "W04": _w04,
    "W08": _w08,
    "W09": _w09,
    "W10": _w10,
}
