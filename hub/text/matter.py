"""Which demands are about one matter (同一诉求): join, suggest to a person, or begin a new one.

A demand is compared with the stored demands that share its heaviest words, so many of each word and no more: what a
decision costs is set by that cap, not by history. Two figures must both be high enough, how alike the problems are and
how alike the names are, because "the same problem elsewhere" and "another problem at the same place" are the two ways of
being wrong. Place is a gate before that: demands at different places never join, and where the place is not known to be
the same a higher threshold holds. Between the two thresholds a join is suggested, and a person confirms it.

Everything here is a pure function of what is passed in: a decision can be replayed from the stored vectors. Where the
postings are kept is the store's affair (`Postings`); those of `hub.text.matter_memory` are for tests and measurements.

Source: domain.md §4.1 and §4.2 (W02); the figures that the thresholds were chosen by are in docs/matters.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from hub.text.matter_packed import NAME, NOT_ALIKE, Likeness, Packed, likenesses
from hub.text.matter_place import Nearness, Place, near, one_name, one_place, places_apart
from hub.text.matter_vector import Vector, shared

_CROWD = 4
_WHOLE_ENOUGH = 0.5
_NAMED_ALIKE = (
    0.7  # one place by the gazetteer, or one name before an ending of places, however much else differs
)


class Outcome(StrEnum):
    """What is done with a demand."""

    JOIN = "join"
    SUGGEST = "suggest"
    NEW = "new"


class Member(NamedTuple):
    """A stored demand with what it was compared by."""

    demand_id: str
    matter_id: str
    vector: Vector | Packed
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which strength on demands join, and from which a join is suggested.

    Attributes:
        version: Decisions name it.
        join_same: Least strength to join at one place.
        suggest_same: Least strength to suggest at one place.
        join_unknown: Least strength to join where the place is not known to be the same.
        suggest_unknown: Least strength to suggest there.
        problem: Least sum of how much of the titles' subject and half of how many other words are shared, to join.
        names: Least share of names with the nearest member, to join, unless …
        retold: … the texts are so alike as a whole that one tells the other again.
        nearest: How many of a matter's nearest members its strength is the mean of, once four of them are near; before,
            the nearest decides.
        words: How many of a demand's heaviest features are looked up.
        postings: How many of the newest demands are looked at for each.
        candidates: How many demands are compared in full.

    A change of any of them is a new version.
    """

    version: str = "2026.11.2"
    join_same: float = 0.72
    suggest_same: float = 0.52
    join_unknown: float = 0.85
    suggest_unknown: float = 0.60
    problem: float = 0.45
    names: float = 0.5
    retold: float = 0.6
    nearest: int = 2
    words: int = 16
    postings: int = 64
    candidates: int = 10


THRESHOLDS = {one.version: one for one in (Thresholds(),)}
"""Every version that decisions may name, so that each can be made again: one that was released stays."""


class Near(NamedTuple):
    """A stored demand that was compared: its strength is between 0 and 1; ``resolved`` says that the gazetteer found one place in both."""

    demand_id: str
    matter_id: str
    nearness: Nearness
    strength: float
    resolved: bool
    likeness: Likeness


class Decision(NamedTuple):
    """What was decided, and why.

    Attributes:
        outcome: Join, suggest or new.
        matter_id: The matter to join or suggested; None for a new one.
        score: Mean strength of the likeness to the matter's nearest members; 0 when nothing is near.
        nearness: Of the nearest member.
        shared_words: What the demand shares with the nearest member, the weightiest first, names without their mark.
        nearest: The members that the score is the mean of, the nearest first.
        thresholds: Version of the thresholds.
        model: Version of the word model of the demand's vector.
    """

    outcome: Outcome
    matter_id: str | None
    score: float
    nearness: Nearness
    shared_words: tuple[str, ...]
    nearest: tuple[Near, ...]
    thresholds: str
    model: str


class Postings(Protocol):
    """Where stored demands are found by their features."""

    def candidates(self, features: Sequence[tuple[str, float]], *, each: int, most: int) -> Sequence[Member]:
        """The stored demands that share most with the features.

        Args:
            features: Feature and weight, the heaviest first.
            each: For each feature only so many of the newest demands are looked at.
            most: So many demands at most, by the sum over shared features of both weights' product, ties newest first.
        """
        ...


def find(vector: Vector, postings: Postings, thresholds: Thresholds) -> Sequence[Member]:
    """The stored demands that a demand is to be compared with."""
    heaviest = vector.heaviest(thresholds.words)
    return postings.candidates(heaviest, each=thresholds.postings, most=thresholds.candidates)


def decide(
    vector: Vector,
    place: Place,
    candidates: Iterable[Member],
    thresholds: Thresholds,
    alike: Sequence[Likeness] | None = None,
) -> Decision:
    """What is to be done with a demand, given what is stored.

    The order of the candidates makes no difference. A matter with a member at another place is never joined.

    Args:
        vector: Of the demand.
        place: Of the demand.
        candidates: What it is compared with.
        thresholds: That hold.
        alike: How alike it is to each of them, where `likenesses` has been asked for many demands at once.
    """
    members = list(candidates)
    if alike is None:
        kept = [member.vector.to_bytes() for member in members]
        (alike,) = likenesses([vector.to_bytes()], kept, [(0, range(len(kept)))])
    by_matter: dict[str, list[tuple[Near, Vector | Packed]]] = defaultdict(list)
    elsewhere: set[str] = set()
    for member, likeness in zip(members, alike, strict=True):
        if places_apart(place, member.place):
            elsewhere.add(member.matter_id)
        elif likeness is not NOT_ALIKE:
            resolved, named = one_place(place, member.place), one_name(vector, member.vector)
            nearness = Nearness.SAME if resolved else near(vector, member.vector, likeness, named=named)
            if nearness is not Nearness.DIFFERENT:
                strength = _strength(likeness, nearness, named=resolved or named)
                found = Near(member.demand_id, member.matter_id, nearness, strength, resolved, likeness)
                by_matter[member.matter_id].append((found, member.vector))
    best: _Judged | None = None
    for matter_id in sorted(by_matter.keys() - elsewhere):
        judged = _judge(by_matter[matter_id], thresholds)
        if judged is not None and (best is None or judged[:2] > best[:2]):
            best = judged
    if best is None:
        return Decision(Outcome.NEW, None, 0.0, Nearness.UNKNOWN, (), (), thresholds.version, vector.model)
    return _told(vector, best, thresholds)


def _strength(likeness: Likeness, nearness: Nearness, *, named: bool) -> float:
    """How strongly two texts speak of one matter: by names and problem together, where no name says so by the words alone."""
    names, words, about, whole, _ = likeness
    alike = min(1.0, whole / _WHOLE_ENOUGH)
    if nearness is Nearness.UNKNOWN:
        return 0.25 * words + 0.25 * about + 0.5 * whole
    if named:
        names = max(names, _NAMED_ALIKE)
    return 0.3 * names + 0.1 * words + 0.3 * about + 0.3 * alike


class _Judged(NamedTuple):
    """What may be done with a matter: the greater of two, by the first two fields, is done."""

    joins: bool
    score: float
    chosen: Sequence[tuple[Near, Vector | Packed]]


def _judge(members: list[tuple[Near, Vector | Packed]], thresholds: Thresholds) -> _Judged | None:
    members.sort(key=lambda one: (-one[0].strength, one[0].demand_id))
    chosen = members[: thresholds.nearest if len(members) >= _CROWD else 1]
    nearest = [near for near, _ in chosen]
    mean = sum(one.strength for one in nearest) / len(nearest)
    problem = sum(one.likeness.about + one.likeness.words / 2 for one in nearest) / len(nearest)
    first = nearest[0]
    same = first.nearness is Nearness.SAME
    join = thresholds.join_same if same else thresholds.join_unknown
    suggest = thresholds.suggest_same if same else thresholds.suggest_unknown
    retold = first.likeness.whole >= thresholds.retold
    one_thing = retold or first.likeness.names >= thresholds.names or first.resolved
    joins = mean >= join and problem >= thresholds.problem and one_thing
    return _Judged(joins, round(mean, 5), chosen) if joins or mean >= suggest else None


def _told(vector: Vector, judged: _Judged, thresholds: Thresholds) -> Decision:
    nearest = tuple(
        one._replace(likeness=one.likeness._replace(shared=shared(vector, other)))
        for one, other in judged.chosen
    )
    first = nearest[0]
    return Decision(
        Outcome.JOIN if judged.joins else Outcome.SUGGEST,
        first.matter_id,
        judged.score,
        first.nearness,
        tuple(feature.removeprefix(NAME) for feature, _ in first.likeness.shared),
        nearest,
        thresholds.version,
        vector.model,
    )
