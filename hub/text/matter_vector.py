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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from hub.errors import Code, HubError
from hub.text.matter_language import language
from hub.text.matter_words import LINES, Words, read_words

TITLE_WEIGHT = 3
MOST_FEATURES = 64
MOST_COUNTED = 200_000
_PRIOR_TEXTS = 200
_FIRST_MODEL = 200
_PRIOR_COMMON = 10
_COMMON_TEXTS = 60
_COMMON_SHARE = 0.02
NAME = "#"  # before a pair of characters, so that it is no word
_FORM = 2
_SAID = tuple(1 + math.log(max(1, times)) for times in range(64))
_MOST_WEIGHTS = 20_000
_UNIT = 100_000  # weights are kept to five digits
_MOST_SHARED = 12
_LEAST_WHOLE = 0.1  # pairs that somebody calls one matter begin at 0.16; below, nothing more is compared
_NAMES_ENOUGH = (3, 6)
_WORDS_ENOUGH = (3, 8)
_OF_A_TEXT = 4
_LINE_COUNTS = 3


@dataclass(frozen=True, slots=True)
class WordModel:
    """How many texts say each word, frozen.

    Attributes:
        version: Names the counts; a digest of them when made by `WordCounts.frozen`.
        texts: How many texts were counted.
        counts: Texts a feature; a feature that is missing was in none, or in too few to be kept.
        known_weights: What `weight` has told already, of features that come again and again; for speed alone.
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
        known = self.known_weights.get(feature)
        if known is not None:
            return known
        counted = self.counts.get(feature, 0)
        prior = _PRIOR_COMMON if feature in language().common else 0
        weight = math.log((self.texts + _PRIOR_TEXTS) / (counted + prior + 0.5)) + 0.05
        if counted and len(self.known_weights) < _MOST_WEIGHTS:
            self.known_weights[feature] = (
                weight  # of what is said again and again; what is rare costs no memory
            )
        return weight

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
            raise _unreadable("word model") from exc


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
        counted: How many features are of names by themselves, and how many are words; for speed alone.
    """

    model: str
    weights: Mapping[str, float]
    title: frozenset[str] = frozenset()
    place_words: frozenset[str] = frozenset()
    places: tuple[str, ...] = ()
    title_places: int = 0
    regions: tuple[str, ...] = ()
    counted: tuple[int, int] = field(default=(-1, -1), compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.counted[0] < 0:
            object.__setattr__(self, "counted", _counted(self.weights, frozenset()))

    def heaviest(self, most: int) -> tuple[tuple[str, float], ...]:
        """The features that say most, with their weights."""
        return tuple(self.weights.items())[:most]

    def to_bytes(self) -> bytes:
        """The vector as JSON, the same bytes for the same vector: what is read sixteen times for each text is kept short."""
        at = {feature: place for place, feature in enumerate(self.weights)}
        return orjson.dumps(
            (
                _FORM,
                self.model,
                "\n".join(self.weights),
                [round(weight * _UNIT) for weight in self.weights.values()],
                sorted(at[feature] for feature in self.title),
                sorted(at[feature] for feature in self.place_words),
                self.places,
                self.title_places,
                self.regions,
                self.counted,
            )
        )

    @classmethod
    def from_bytes(cls, kept: bytes) -> Vector:
        """The vector that `to_bytes` wrote.

        Raises:
            HubError: It is no such JSON (code ``value_unstorable``).
        """
        try:
            form, model, names, weights, title, place_words, places, title_places, regions, counted = (
                orjson.loads(kept)
            )
            if form != _FORM:
                raise _unreadable("vector")
            features = names.split("\n") if names else []
            return cls(
                model,
                dict(zip(features, [weight / _UNIT for weight in weights], strict=True)),
                frozenset([features[at] for at in title]),
                frozenset([features[at] for at in place_words]),
                tuple(places),
                title_places,
                tuple(regions),
                tuple(counted),
            )
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as exc:
            raise _unreadable("vector") from exc


class Likeness(NamedTuple):
    """How alike two texts are, each figure between 0 and 1.

    Attributes:
        names: How many features of names they share, of six, or of the shorter text's where it has fewer (four at least).
        words: How many other words they share, of eight, or of the shorter text's where it has fewer (five at least).
        about: How much of what one title speaks of, names apart, the other text speaks of too; the mean of both ways.
        whole: Cosine over all features.
        shared: The features that both have with what each adds to ``whole``, the most first; twelve at most.
    """

    names: float
    words: float
    about: float
    whole: float
    shared: tuple[tuple[str, float], ...]


def score(one: Vector, other: Vector) -> Likeness:
    """How alike two texts are; the order of the two makes no difference.

    Texts with a cosine below 0.1 are not alike at all. Shared features are counted rather than weighed: a real name has many pairs of characters, and a chance agreement one
    or two. The cosine alone puts "the same problem elsewhere" as high as a matter told twice in other words.
    """
    likeness = figures(one, other)
    return likeness if likeness is NOT_ALIKE else likeness._replace(shared=shared(one, other))


def figures(one: Vector, other: Vector) -> Likeness:
    """As `score`, without telling which features are shared: sixteen are compared for one that is told."""
    mine, kept = one.weights, other.weights
    both = mine.keys() & kept.keys()
    whole = min(1.0, math.fsum([mine[feature] * kept[feature] for feature in both]))
    if whole < _LEAST_WHOLE:
        return NOT_ALIKE
    in_names = one.place_words | other.place_words
    names, words = _counted(both, in_names)
    one_names, one_words = _has(one, in_names)
    other_names, other_words = _has(other, in_names)
    return Likeness(
        _share(names, min(one_names, other_names), *_NAMES_ENOUGH),
        _share(words, min(one_words, other_words), *_WORDS_ENOUGH),
        (_about(one, kept, in_names) + _about(other, mine, in_names)) / 2,
        whole,
        (),
    )


def shared(one: Vector, other: Vector) -> tuple[tuple[str, float], ...]:
    """The features that both have, as `Likeness.shared` tells them."""
    mine, kept = one.weights, other.weights
    products = [(feature, mine[feature] * kept[feature]) for feature in mine.keys() & kept.keys()]
    products.sort(key=lambda both: (-both[1], both[0]))
    return tuple((feature, round(product, 5)) for feature, product in products[:_MOST_SHARED])


def _counted(features: Iterable[str], in_names: frozenset[str]) -> tuple[int, int]:
    """How many of the features are of names, and how many other words; the number of a line is a whole name."""
    names = words = 0
    for feature in features:
        if feature[0] == NAME:
            names += _LINE_COUNTS if feature[1].isdigit() and feature.endswith(LINES) else 1
        elif feature in in_names:
            names += 1
        else:
            words += 1
    return names, words


def _has(one: Vector, in_names: frozenset[str]) -> tuple[int, int]:
    """As `_counted` over all features of a vector."""
    named = len(in_names & one.weights.keys())
    return one.counted[0] + named, one.counted[1] - named


def _share(found: int, possible: int, least: int, most: int) -> float:
    """What was found, of what would be enough: a quarter of what the shorter text has to share, within bounds."""
    return min(1.0, found / max(least, min(possible / _OF_A_TEXT, most)))


def _about(one: Vector, others: Mapping[str, float], in_names: frozenset[str]) -> float:
    """How much of what a title speaks of, names apart, stands among the others."""
    weights, said = one.weights, one.title - in_names
    total = math.fsum([weights[feature] for feature in said])
    return math.fsum([weights[feature] for feature in said & others.keys()]) / total if total else 0.0


NOT_ALIKE = Likeness(0.0, 0.0, 0.0, 0.0, ())


def vector(title: str, body: str, model: WordModel) -> Vector:
    """The vector of a text under a model; the same for the same text and model, and bounded for any text."""
    return weigh(read_words(title, body), model)


def weigh(words: Words, model: WordModel, said: Mapping[str, int] | None = None) -> Vector:
    """The vector of a text that has been read; ``said`` is `mentions` of it, where the caller has that already."""
    counts, weight_of, known, common = model.counts, model.weight, model.known_weights, model.common_from
    weighed = [
        (
            -(known.get(feature) or weight_of(feature))
            * (_SAID[times] if times < len(_SAID) else 1 + math.log(times)),
            feature,
        )
        for feature, times in (mentions(words) if said is None else said).items()
        if feature[0] != NAME or counts.get(feature, 0) <= common
    ]
    weighed.sort()
    del weighed[MOST_FEATURES:]
    length = math.sqrt(math.fsum([weight * weight for weight, _ in weighed])) or 1.0
    weights = {feature: round(-weight / length, 5) for weight, feature in weighed}
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
        raise _unreadable(what) from exc
    if not isinstance(read, dict) or read.get("form") != _FORM:
        raise _unreadable(what)
    return read


def _unreadable(what: str) -> HubError:
    return HubError(
        f"matter: a stored {what} cannot be read (expected the JSON of form {_FORM} that this version writes); "
        "it was written by a newer version or changed by hand: make it anew from the text",
        code=Code.VALUE_UNSTORABLE,
    )
