"""Texts as frozen vectors: what each word weighs is settled when the text arrives, and never again.

A word weighs by how often the text says it (title three times the body) and by how few other texts say it. How many do
is counted in a `WordModel`, frozen under a version: a vector names the version that it was made under, so what was
decided with it can be decided again, whatever has been counted since. Before a county has counted anything, the words
that most complaints share (``data/matter.toml``) are taken to stand in one text of twenty, all others in none.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import error as StructError
from typing import Any, Protocol

import orjson

from hub.text.matter_language import language
from hub.text.matter_packed import (
    FORM,
    NAME,
    NOT_ALIKE,
    UNIT,
    Likeness,
    Packed,
    likenesses,
    packed,
    unreadable,
)
from hub.text.matter_words import Words, read_words

TITLE_WEIGHT = 3
MOST_FEATURES = 64
MOST_COUNTED = 200_000
_PRIOR_TEXTS = 200
_FIRST_MODEL = 200
_PRIOR_COMMON = 10
_COMMON_TEXTS = 60
_COMMON_SHARE = 0.02
_FORM = 2
_SAID = tuple(1 + math.log(max(1, times)) for times in range(64))
_MOST_WEIGHTS = 20_000
_MOST_SHARED = 12


@dataclass(frozen=True, slots=True)
class WordModel:
    """How many texts say each word, frozen.

    Attributes:
        version: Names the counts; a digest of them when made by `WordCounts.frozen`.
        texts: How many texts were counted.
        counts: Texts a feature; a feature that is missing was in none, or in too few to be kept.
        known_weights: What `told_by` has told already, of features that come again and again; for speed alone.
    """

    version: str
    texts: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    known_weights: dict[str, float] = field(default_factory=dict, compare=False, repr=False)

    @property
    def common_from(self) -> float:
        """More texts than this say what names nothing: a town of the county, a phrase that no dictionary has."""
        return max(_COMMON_TEXTS, _COMMON_SHARE * self.texts)

    def is_common(self, feature: str) -> bool:
        """Whether so many texts say it that it names nothing."""
        return self.counts.get(feature, 0) > self.common_from

    def weight(self, feature: str) -> float:
        """How much one mention weighs: above 8 for a word that nobody else says, 2 for one in every fourth text."""
        return self._weight_of(feature, self.counts.get(feature, 0))

    def told_by(self, feature: str) -> float:
        """As `weight`, but 0 for a pair of characters that so many texts say that it names nothing."""
        counted = self.counts.get(feature)
        if counted is None:
            return self._weight_of(
                feature, 0
            )  # what is rare costs no memory, what comes again and again is kept
        is_common = feature[0] == NAME and counted > self.common_from
        weight = 0.0 if is_common else self._weight_of(feature, counted)
        if len(self.known_weights) < _MOST_WEIGHTS:
            self.known_weights[feature] = weight
        return weight

    def _weight_of(self, feature: str, counted: int) -> float:
        prior = _PRIOR_COMMON if feature in language().common else 0
        return math.log((self.texts + _PRIOR_TEXTS) / (counted + prior + 0.5)) + 0.05

    def to_bytes(self) -> bytes:
        """The model as JSON, the same bytes for the same counts."""
        return orjson.dumps(
            {"form": _FORM, "version": self.version, "texts": self.texts, "counts": dict(self.counts)},
            option=orjson.OPT_SORT_KEYS,
        )

    @classmethod
    def from_bytes(cls, kept: bytes) -> WordModel:
        """The model that `to_bytes` wrote.

        Raises:
            HubError: It is no such JSON (code ``value_unstorable``).
        """
        read = _read(kept, "word model")
        try:
            counts = {str(word): int(texts) for word, texts in read["counts"].items()}
            return cls(str(read["version"]), int(read["texts"]), counts)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise unreadable("word model") from exc


def due_at(model: WordModel) -> int:
    """How many texts must have been counted for the next version of a model: half as many again."""
    return max(_FIRST_MODEL, math.ceil(model.texts * 1.5))


class WordCounts:
    """Counts in how many texts each feature stands, in bounded memory; `frozen` gives the model for the next version.

    Past 200,000 features those that stand in one text only are let go: what is missing weighs as what is rare.
    """

    def __init__(self, model: WordModel | None = None) -> None:
        self.texts = model.texts if model else 0
        self._counts: Counter[str] = Counter(model.counts if model else {})

    def add(self, words: Words) -> None:
        """Counts one text."""
        self.texts += 1
        self._counts.update(mentions(words).keys())
        if len(self._counts) > MOST_COUNTED:
            self._prune()

    def add_counts(self, texts: int, counts: Mapping[str, int]) -> None:
        """Counts texts that were counted apart: feature -> in how many of them."""
        self.texts += texts
        self._counts.update(counts)
        if len(self._counts) > MOST_COUNTED:
            self._prune()

    def is_due(self, model: WordModel) -> bool:
        """Whether so much has been counted since the model that a new version is worth making: half as much again."""
        return self.texts >= due_at(model)

    def said_once(self) -> dict[str, int]:
        """The features that one text has, which `frozen` leaves out."""
        return {feature: texts for feature, texts in self._counts.items() if texts == 1}

    def frozen(self) -> WordModel:
        """What has been counted so far, under a version that is a digest of it; features of one text are left out."""
        counts = dict(sorted((word, texts) for word, texts in self._counts.items() if texts > 1))
        digest = hashlib.sha256(orjson.dumps([language().version, self.texts, counts])).hexdigest()
        return WordModel(f"{self.texts}-{digest[:12]}", self.texts, counts)

    def _prune(self) -> None:
        least = 1
        while len(self._counts) > MOST_COUNTED // 2:
            self._counts = Counter({word: n for word, n in self._counts.items() if n > least})
            least += 1


@dataclass(frozen=True, slots=True)
class Vector:
    """A text as it is compared.

    Attributes:
        model: Version of the word model that weighed it.
        weights: Feature to weight, heaviest first, of unit length together, at most 64. A feature is a word, or ``#`` and
            a pair of characters of a name.
        title: Words of the title, names apart.
        place_words: Words that are part of the name of a place in this text.
        places: Names before the endings of places, the title's first.
        title_places: How many of them are the title's.
        regions: Names of regions.
        kept: What `to_bytes` has told already; for speed alone.
    """

    model: str
    weights: Mapping[str, float]
    title: frozenset[str] = frozenset()
    place_words: frozenset[str] = frozenset()
    places: tuple[str, ...] = ()
    title_places: int = 0
    regions: tuple[str, ...] = ()
    kept: bytes = field(default=b"", compare=False, repr=False)

    def heaviest(self, most: int) -> tuple[tuple[str, float], ...]:
        """The features that say most, with their weights."""
        return tuple(self.weights.items())[:most]

    def to_bytes(self) -> bytes:
        """The vector as it is kept, the same bytes for the same vector."""
        if not self.kept:
            kept = packed(
                self.model,
                self.weights,
                self.title,
                self.place_words,
                self.places,
                self.title_places,
                self.regions,
            )
            object.__setattr__(self, "kept", kept)
        return self.kept

    @classmethod
    def from_bytes(cls, kept: bytes) -> Vector:
        """The vector that `to_bytes` wrote, in this version or an earlier one.

        Raises:
            HubError: It is no such vector (code ``value_unstorable``).
        """
        try:
            if kept[0] != FORM:
                return cls(*_of_json(kept))
            one = Packed(kept)
            return cls(
                one.model, one.weights, one.title, one.place_words, one.places, one.title_places, one.regions
            )
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, StructError) as exc:
            raise unreadable("vector") from exc


def _of_json(kept: bytes) -> tuple[Any, ...]:
    """What a vector of form 2 holds: a list of JSON, in which title and names were places among the features."""
    form, model, names, weights, title, place_words, places, title_places, regions, _ = orjson.loads(kept)
    if form != _FORM:
        raise ValueError(form)
    features = names.split("\n") if names else []
    return (
        model,
        dict(zip(features, [weight / UNIT for weight in weights], strict=True)),
        frozenset([features[at] for at in title]),
        frozenset([features[at] for at in place_words]),
        tuple(places),
        title_places,
        tuple(regions),
    )


def as_kept(kept: bytes) -> bytes:
    """A kept vector of any form in the present one, in which vectors are compared."""
    return kept if kept[:1] == _NOW else Vector.from_bytes(kept).to_bytes()


_NOW = bytes((FORM,))


class Weighed(Protocol):
    """What a likeness is told by: `Vector`, or a `hub.text.matter_packed.Packed`."""

    @property
    def weights(self) -> Mapping[str, float]: ...


def score(one: Vector, other: Vector) -> Likeness:
    """How alike two texts are, as `likenesses`, and which features they share."""
    ((likeness,),) = likenesses([one.to_bytes()], [other.to_bytes()], [(0, [0])])
    return likeness if likeness is NOT_ALIKE else likeness._replace(shared=shared(one, other))


def shared(one: Weighed, other: Weighed) -> tuple[tuple[str, float], ...]:
    """The features that both have, as `Likeness.shared` tells them."""
    mine, kept = one.weights, other.weights
    products = [(feature, mine[feature] * kept[feature]) for feature in mine.keys() & kept.keys()]
    products.sort(key=lambda both: (-both[1], both[0]))
    return tuple((feature, round(product, 5)) for feature, product in products[:_MOST_SHARED])


def vector(title: str, body: str, model: WordModel) -> Vector:
    """The vector of a text under a model; the same for the same text and model, and bounded for any text."""
    return weigh(read_words(title, body), model)


def weigh(words: Words, model: WordModel, said: Mapping[str, int] | None = None) -> Vector:
    """The vector of a text that has been read; ``said`` is `mentions` of it, where the caller has that already."""
    known, told_by = model.known_weights.get, model.told_by
    weighed: list[tuple[float, str]] = []
    for feature, times in (mentions(words) if said is None else said).items():
        weight = known(feature)
        if weight is None:
            weight = told_by(feature)
        if weight:
            often = _SAID[times] if times < len(_SAID) else 1 + math.log(times)
            weighed.append((-weight * often, feature))
    weighed.sort()
    del weighed[MOST_FEATURES:]
    length = math.sqrt(math.fsum([weight * weight for weight, _ in weighed])) or 1.0
    # To five digits, as `round` has it, which takes three times as long.
    weights = {feature: int(-weight / length * UNIT + 0.5) / UNIT for weight, feature in weighed}
    in_names = frozenset(
        [word for word in words.place_words if word in weights and not model.is_common(word)]
    )
    title = frozenset(words.title) & weights.keys()
    return Vector(model.version, weights, title, in_names, words.places, words.title_places, words.regions)


def mentions(words: Words) -> dict[str, int]:
    """The features that a text has with how often it says them, a title's words three times as often."""
    said: Counter[str] = Counter(words.body)
    for word in words.title:
        said[word] += TITLE_WEIGHT
    for at, pair in enumerate(words.names):
        said[NAME + pair] += TITLE_WEIGHT if at < words.title_names else 1
    stop = language().stop
    return {feature: times for feature, times in said.items() if feature not in stop}


def _read(kept: bytes, what: str) -> dict[str, Any]:
    try:
        read = orjson.loads(kept)
    except ValueError as exc:
        raise unreadable(what) from exc
    if not isinstance(read, dict) or read.get("form") != _FORM:
        raise unreadable(what)
    return read
