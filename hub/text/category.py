"""Which category a demand belongs to: by a model of the county's own confirmed rows, before that by the catalogue's words.

A model is a weight for each word and category, as a linear support vector machine over TF-IDF learns them
(`hub.text.category_train`). It is kept as plain JSON with a digest, and read without any package of machine learning. What
is decided by too small a margin is left to a person (待人工): a wrong category sends an order to the wrong department.
"""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import mul
from typing import Any, NamedTuple

import ahocorasick
import orjson

from hub.errors import Code, HubError
from hub.text.forms import half_width

MOST_CHARS = 2_000
_FORM = 1
_MOST_REASONS = 6
_AHEAD = 1.5
_HEADED = 3
_SHORT = 80
_ENOUGH_SHORT, _ENOUGH_LONG = 2, 5
_SPEAKS = re.compile(r"[\u4e00-\u9fffA-Za-z][\u4e00-\u9fffA-Za-z0-9]+\Z")
_UNREADABLE = re.compile(r"[\s\ud800-\udfff]+")


class Prediction(NamedTuple):
    """What a text is taken for.

    Attributes:
        category: None where a person is to decide (待人工).
        likeliest: The best category all the same, as a suggestion; None where no word is known.
        margin: By how much it is ahead of the second best; how sure is sure enough stands in the model.
        version: Of the model or catalogue that decided.
    """

    category: str | None
    likeliest: str | None
    margin: float
    version: str


def category_words(text: str) -> list[str]:
    """The words that a category is told by, in their order, repeats kept; numbers are none. At most 2,000 characters are read."""
    return [word for word in _cut(text) if _SPEAKS.match(word)]


def _cut(text: str) -> list[str]:
    import rjieba  # the dictionary takes 45 MB: only who needs it pays for it

    words: list[str] = rjieba.cut(
        _UNREADABLE.sub("", half_width(text[: 2 * MOST_CHARS])).lower()[:MOST_CHARS]
    )
    return words


_MOST_TIMES = 100
_TIMES = (0.0, *(1 + math.log(times) for times in range(1, _MOST_TIMES + 1)))


class CategoryModel:
    """A trained model; build it with `from_bytes` and share it between threads.

    Attributes:
        version: Digest of what was learnt.
        categories: In the order of the weights.
        margin: Least margin to decide without a person.
    """

    def __init__(
        self,
        categories: Sequence[str],
        intercepts: Sequence[float],
        words: Mapping[str, tuple[float, Sequence[float]]],
        *,
        margin: float,
    ) -> None:
        self.categories = tuple(categories)
        self.margin = margin
        self._intercepts = tuple(intercepts)
        self._words = {word: (idf, array("d", weights)) for word, (idf, weights) in words.items()}
        self._known = {
            word: (idf, tuple(idf * weight for weight in weights))
            for word, (idf, weights) in self._words.items()
        }
        self.version = hashlib.sha256(orjson.dumps(self._learnt(), option=orjson.OPT_SORT_KEYS)).hexdigest()

    def predict(self, text: str) -> Prediction:
        """The category of a text; of equals the first in order."""
        known = self._known
        said = [(times, *known[word]) for word, times in Counter(_cut(text)).items() if word in known]
        if not said:
            return Prediction(None, None, 0.0, self.version)
        # By columns, in C: a loop over words and categories costs three times the cutting.
        all_times, idf, shares = zip(*said, strict=True)
        weights = [_TIMES[times] if times < _MOST_TIMES else _TIMES[-1] for times in all_times]
        length = math.hypot(*map(mul, weights, idf))
        scores = [
            sum(map(mul, weights, column)) / length + intercept
            for column, intercept in zip(zip(*shares, strict=True), self._intercepts, strict=True)
        ]
        best = max(scores)
        at = scores.index(best)
        margin = best - max(scores[:at] + scores[at + 1 :])
        likeliest = self.categories[at]
        return Prediction(
            likeliest if margin >= self.margin else None, likeliest, round(margin, 4), self.version
        )

    def reasons(self, text: str, category: str) -> tuple[str, ...]:
        """The words of a text that spoke for a category of the model most, the strongest first; six at most."""
        at = self.categories.index(category)
        said = Counter(word for word in _cut(text) if word in self._known)
        spoke = sorted(
            (-_TIMES[min(times, _MOST_TIMES)] * self._known[word][1][at], word)
            for word, times in said.items()
        )
        return tuple(word for strength, word in spoke[:_MOST_REASONS] if strength < 0)

    def to_bytes(self) -> bytes:
        """The model as JSON, the same bytes for the same model."""
        kept = {"form": _FORM, "version": self.version, **self._learnt()}
        return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)

    @classmethod
    def from_bytes(cls, kept: bytes) -> CategoryModel:
        """The model that `to_bytes` wrote.

        Raises:
            HubError: It is no such JSON, or not what its digest says (code ``value_unstorable``).
        """
        try:
            read: Any = orjson.loads(kept)
            if read["form"] != _FORM:
                raise ValueError(read["form"])
            words = {
                word: (float(idf), [float(one) for one in weights])
                for word, (idf, weights) in read["words"].items()
            }
            model = cls(read["categories"], read["intercepts"], words, margin=float(read["margin"]))
            width = len(model.categories)
            if (
                width < 2
                or len(model._intercepts) != width
                or any(len(learnt) != width for _, learnt in words.values())
            ):
                raise ValueError(width)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise _unreadable(f"JSON of form {_FORM}") from exc
        if model.version != read.get("version"):
            raise _unreadable("the digest that it names")
        return model

    def _learnt(self) -> dict[str, Any]:
        return {
            "categories": self.categories,
            "intercepts": self._intercepts,
            "words": {word: [idf, weights.tolist()] for word, (idf, weights) in self._words.items()},
            "margin": self.margin,
        }


class CategoryCatalogue:
    """The catalogue's own words: what decides before the first training. Build it once; it is not changed.

    A word speaks for each category that lists it, longer ones more. The category with most is taken where it is ahead of
    the second by half; else a person decides.
    """

    def __init__(self, words: Mapping[str, Iterable[str]]) -> None:
        """Keeps the words of each category, as the county's catalogue lists them."""
        listed = {category: sorted(set(of)) for category, of in sorted(words.items())}
        self.version = hashlib.sha256(orjson.dumps(listed)).hexdigest()[:12]
        self._of: dict[str, list[str]] = defaultdict(list)
        for category, of in listed.items():
            for word in of:
                if len(word) > 1:
                    self._of[word].append(category)
        # An alternation of a thousand words costs ten times as much: it tries each of them at every character.
        self._any = ahocorasick.Automaton(ahocorasick.STORE_ANY)
        for word in self._of:
            self._any.add_word(word, word)
        self._any.make_automaton()

    def predict(self, text: str, title: str = "") -> Prediction:
        """The category whose words the text says most of; each word counts once, three times where the title has it.

        A letter says many things by the way: one word of two characters in it is a suggestion and decides nothing.
        """
        headed = self._said(title) if title else set()
        points: dict[str, int] = defaultdict(int)
        for word in self._said(text) | headed:
            for category in self._of[word]:
                points[category] += len(word) * (_HEADED if word in headed else 1)
        if not points:
            return Prediction(None, None, 0.0, self.version)
        order = sorted(points, key=lambda category: (-points[category], category))
        most, second = points[order[0]], points[order[1]] if len(order) > 1 else 0
        enough = most >= (_ENOUGH_SHORT if len(text) <= _SHORT else _ENOUGH_LONG)
        decided = order[0] if enough and most >= _AHEAD * second else None
        return Prediction(decided, order[0], round((most - second) / most, 4), self.version)

    def reasons(self, text: str, category: str) -> tuple[str, ...]:
        """The words of a text that the catalogue lists for a category, the longest first; six at most."""
        found = (word for word in self._said(text) if category in self._of[word])
        return tuple(sorted(found, key=lambda word: (-len(word), word))[:_MOST_REASONS])

    def _said(self, text: str) -> set[str]:
        return {word for _, word in self._any.iter_long(half_width(text[:MOST_CHARS]))} if self._of else set()


def _unreadable(expected: str) -> HubError:
    return HubError(
        f"category model: what is stored cannot be read (expected {expected}); it was written by a newer version or changed "
        "by hand: train it anew",
        code=Code.VALUE_UNSTORABLE,
    )
