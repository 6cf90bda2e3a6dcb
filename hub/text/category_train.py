"""Training of the category model on rows that people have confirmed, and how good it is on texts that it has not seen.

Needs scikit-learn (extra ``train``). Texts that were said twice are kept on one side of every fold: a copy among the
training rows would answer for its twin. What is judged is the model as it is stored, not the learner's own answer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hub.errors import Code, ConfigError
from hub.text.category import CategoryModel, category_words

LEAST_ROWS = 10
"""Rows that a category must have to be learnt."""

_LEAST_TEXTS = 3  # a word of fewer texts is noise, and may be somebody's name
_MOST_WORDS = 20_000  # of 73 categories that is 60 MB while the model is in use
_SEED = 0
_DIGITS = 4


def train(rows: Sequence[tuple[str, str]], *, margin: float = 0.1) -> bytes:
    """The model of the rows, as `CategoryModel.from_bytes` reads it; the same bytes for the same rows.

    Args:
        rows: Text and category, confirmed by people; texts with personal data masked.
        margin: Least margin between the best and the second category to decide without a person.

    Raises:
        ConfigError: scikit-learn is not installed (code ``config_missing``); fewer than two categories have ten rows, or no
            word stands in three texts (code ``config_invalid``).
    """
    read = [(category_words(text), category) for text, category in rows]
    return _learnt(read, margin, _known(category for _, category in rows)).to_bytes()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a model does on texts that it has not seen.

    Attributes:
        macro_f1: Mean over folds of the mean F1 of the categories; every text is given its likeliest category.
        by_category: F1 of each category over all folds together.
        left_to_people: Share of the texts below the margin.
        right_where_decided: Share of right answers among the others.
    """

    macro_f1: float
    by_category: dict[str, float]
    left_to_people: float
    right_where_decided: float


def evaluate(rows: Sequence[tuple[str, str]], *, folds: int = 5, margin: float = 0.1) -> Evaluation:
    """Trains on all folds but one and judges on that one, for each; equal texts share a fold.

    Raises:
        ConfigError: As `train`.
    """
    split = _sklearn("sklearn.model_selection").StratifiedGroupKFold(folds, shuffle=True, random_state=_SEED)
    read = [(category_words(text), category) for text, category in rows]
    groups = ["".join(words) for words, _ in read]
    categories = [category for _, category in rows]
    pairs: list[tuple[str, str | None]] = []
    decided: list[bool] = []
    scores = []
    known = _known(categories)
    for learn, judge in split.split(groups, categories, groups):
        # What the whole has enough of is learnt in every fold, though a fold has fewer.
        model = _learnt([read[at] for at in learn], margin, known)
        told = [model.predict(rows[at][0]) for at in judge]
        fold = [(categories[at], one.likeliest) for at, one in zip(judge, told, strict=True)]
        scores.append(_mean(list(_f1(fold).values())))
        pairs += fold
        decided += [one.category is not None for one in told]
    sure = [true == said for (true, said), one in zip(pairs, decided, strict=True) if one]
    return Evaluation(_mean(scores), _f1(pairs), 1 - len(sure) / len(pairs), _mean(sure))


def _known(categories: Iterable[str]) -> set[str]:
    """The categories that can be learnt."""
    return {category for category, number in Counter(categories).items() if number >= LEAST_ROWS}


def _learnt(rows: Sequence[tuple[list[str], str]], margin: float, known: set[str]) -> CategoryModel:
    if len(known) < 2:
        raise ConfigError(
            f"category model: {len(known)} categories have {LEAST_ROWS} confirmed rows (expected two at least, of {len(rows)} "
            "rows given); confirm more demands first",
            code=Code.CONFIG_INVALID,
        )
    rows = [(words, category) for words, category in rows if category in known]
    texts = Counter(word for words, _ in rows for word in set(words))
    vocabulary = {word: at for at, (word, number) in enumerate(_commonest(texts)) if number >= _LEAST_TEXTS}
    if not vocabulary:
        raise ConfigError(
            f"category model: no word stands in {_LEAST_TEXTS} of the {len(rows)} texts given (expected Chinese text); "
            "look at what the rows hold",
            code=Code.CONFIG_INVALID,
        )
    idf = {word: round(math.log((1 + len(rows)) / (1 + texts[word])) + 1, _DIGITS) for word in vocabulary}
    learner = _sklearn("sklearn.svm").LinearSVC(random_state=_SEED)
    learner.fit(_matrix([words for words, _ in rows], vocabulary, idf), [category for _, category in rows])
    weights, intercepts = learner.coef_, learner.intercept_
    if len(learner.classes_) == 2:  # of two the learner keeps the second alone
        weights, intercepts = [-weights[0], weights[0]], [-intercepts[0], intercepts[0]]
    words = {
        word: (idf[word], [round(float(of[at]), _DIGITS) for of in weights])
        for word, at in vocabulary.items()
    }
    rounded = [round(float(one), _DIGITS) for one in intercepts]
    return CategoryModel([str(one) for one in learner.classes_], rounded, words, margin=margin)


def _commonest(texts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(texts.items(), key=lambda one: (-one[1], one[0]))[:_MOST_WORDS]


def _matrix(texts: Sequence[list[str]], vocabulary: dict[str, int], idf: dict[str, float]) -> Any:
    data: list[float] = []
    columns: list[int] = []
    ends = [0]
    for words in texts:
        said = Counter(word for word in words if word in vocabulary)
        weighed = {word: (1 + math.log(times)) * idf[word] for word, times in said.items()}
        length = math.sqrt(math.fsum(weight * weight for weight in weighed.values())) or 1.0
        data += [weight / length for weight in weighed.values()]
        columns += [vocabulary[word] for word in weighed]
        ends.append(len(data))
    return _sklearn("scipy.sparse").csr_matrix((data, columns, ends), shape=(len(texts), len(vocabulary)))


def _f1(pairs: Sequence[tuple[str, str | None]]) -> dict[str, float]:
    right, said, true = Counter[str](), Counter[str](), Counter[str]()
    for is_, taken_for in pairs:
        true[is_] += 1
        if taken_for is not None:
            said[taken_for] += 1
            right[is_] += is_ == taken_for
    return {category: 2 * right[category] / (said[category] + true[category]) for category in sorted(true)}


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / len(figures) if figures else 0.0


def _sklearn(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as exc:
        raise ConfigError(
            f"category model: {module.partition('.')[0]} cannot be imported (expected it for training alone); install the "
            "extra: pip install 'weisu-hub[train]'",
            code=Code.CONFIG_MISSING,
        ) from exc
