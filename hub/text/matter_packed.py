"""Frozen vectors as the bytes that are kept, and how alike many pairs of them are, all of them worked out at once.

A vector holds its features twice: as words, for whoever wants to know what was shared, and as 48 bits of a digest each, which is what
texts are compared by. Weights are whole numbers of hundred thousandths here, so that every sum is exact and no order of adding up
makes a difference: what is worked out for one pair alone is what is worked out for it among thousands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import compress
from struct import Struct, pack, unpack_from
from typing import Any, NamedTuple

import orjson

from hub.errors import Code, HubError
from hub.text.matter_language import Lately
from hub.text.matter_words import LINES

NAME = "#"  # before a pair of characters, so that it is no word
UNIT = 100_000  # weights are kept to five digits
FORM = 3
_HEAD = Struct("<BB")  # form, features
_CODE, _MARK = 6, 4
_TITLE, _PLACE, _NAMED, _LINE = 1, 2, 4, 8
_MARK_BITS = 4
_LEAST_WHOLE = 0.1  # pairs that somebody calls one matter begin at 0.16; below, nothing more is compared
_NAMES_ENOUGH = (3, 6)
_WORDS_ENOUGH = (3, 8)
_OF_A_TEXT = 4
_LINE_COUNTS = 3
_MOST_CODES = 65_536
_AT_ONCE = 100


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


NOT_ALIKE = Likeness(0.0, 0.0, 0.0, 0.0, ())


def _code_of(feature: str) -> tuple[bytes, int]:
    """Digest and marks of a feature."""
    marks = 0
    if feature[0] == NAME:
        marks = _NAMED | _LINE * (feature[1].isdigit() and feature.endswith(LINES))
    return blake2b(feature.encode(), digest_size=_CODE).digest(), marks


_CODES: Lately[tuple[bytes, int]] = Lately(_code_of, _MOST_CODES)


def packed(
    model: str,
    weights: Mapping[str, float],
    title: Collection[str],
    place_words: Collection[str],
    places: Sequence[str],
    title_places: int,
    regions: Sequence[str],
) -> bytes:
    """A vector as it is kept (`hub.text.matter_vector.Vector`): the same bytes for the same vector."""
    codes = [_CODES[feature] for feature in weights]
    marks = [
        int(weight * UNIT + 0.5) << _MARK_BITS | mark
        for weight, (_, mark) in zip(weights.values(), codes, strict=True)
    ]
    at = dict(zip(weights, range(len(marks)), strict=True))
    for feature in title:
        marks[at[feature]] |= _TITLE
    for feature in place_words:
        marks[at[feature]] |= _PLACE
    return b"".join(
        (
            _HEAD.pack(FORM, len(codes)),
            *[code for code, _ in codes],
            pack(f"<{len(marks)}I", *marks),
            orjson.dumps((model, "\n".join(weights), places, title_places, regions)),
        )
    )


class Packed:
    """A kept vector whose words are read only when they are asked for.

    Attributes:
        kept: Its bytes, of the present form.
    """

    __slots__ = ("_told", "kept")

    def __init__(self, kept: bytes) -> None:
        self.kept = kept
        self._told: Any = None

    def _words(self) -> Any:
        """Model, features, places, how many of them are the title's, regions."""
        if self._told is None:
            model, names, places, title_places, regions = orjson.loads(
                self.kept[_HEAD.size + self.kept[1] * (_CODE + _MARK) :]
            )
            self._told = model, names, tuple(places), title_places, tuple(regions)
        return self._told

    def to_bytes(self) -> bytes:
        """The bytes that are kept."""
        return self.kept

    @property
    def model(self) -> str:
        model: str = self._words()[0]
        return model

    @property
    def places(self) -> tuple[str, ...]:
        places: tuple[str, ...] = self._words()[2]
        return places

    @property
    def title_places(self) -> int:
        most: int = self._words()[3]
        return most

    @property
    def regions(self) -> tuple[str, ...]:
        regions: tuple[str, ...] = self._words()[4]
        return regions

    @property
    def weights(self) -> dict[str, float]:
        """Feature to weight, heaviest first."""
        return dict(zip(self._features(), [mark / UNIT for mark in self._marks(_MARK_BITS)], strict=True))

    @property
    def title(self) -> frozenset[str]:
        """Features that are words of the title."""
        return frozenset(compress(self._features(), [mark & _TITLE for mark in self._marks(0)]))

    @property
    def place_words(self) -> frozenset[str]:
        """Features that are words of places' names."""
        return frozenset(compress(self._features(), [mark & _PLACE for mark in self._marks(0)]))

    def heaviest(self, most: int) -> tuple[tuple[str, float], ...]:
        """The features that say most, with their weights."""
        return tuple(self.weights.items())[:most]

    def _features(self) -> list[str]:
        names: str = self._words()[1]
        return names.split("\n") if names else []

    def _marks(self, shift: int) -> list[int]:
        features = self.kept[1]
        return [
            mark >> shift for mark in unpack_from(f"<{features}I", self.kept, _HEAD.size + features * _CODE)
        ]


class _Table:
    """Many vectors as columns: one row a feature."""

    def __init__(self, vectors: Sequence[bytes]) -> None:
        import numpy as np  # who groups nothing need not load it

        sizes = [kept[1] for kept in vectors]
        ends = [_HEAD.size + size * _CODE for size in sizes]
        codes = b"".join([kept[_HEAD.size : end] for kept, end in zip(vectors, ends, strict=True)])
        marks = b"".join(
            [kept[end : end + size * _MARK] for kept, end, size in zip(vectors, ends, sizes, strict=True)]
        )
        halves: Any = np.frombuffer(codes, "<u2").reshape(-1, 3).astype(np.int64)
        self.codes = halves[:, 0] | halves[:, 1] << 16 | halves[:, 2] << 32
        self.marks: Any = np.frombuffer(marks, "<u4").astype(np.int64)
        self.sizes: Any = np.array(sizes, np.int64)
        self.owners: Any = np.repeat(np.arange(len(vectors)), self.sizes)
        self.starts = self.sizes.cumsum() - self.sizes

    def sums(self, values: Any) -> Any:
        """Of each vector the sum over its features."""
        import numpy as np

        return np.bincount(self.owners, weights=values, minlength=len(self.sizes))

    def named(self) -> tuple[Any, Any]:
        """How many features of each vector are of names, and how many are other words; the number of a line is a whole name."""
        named, in_all = _of_names(self.marks)
        return self.sums(in_all), self.sums(~named)

    def titles(self) -> Any:
        """What the words of each title weigh together, names apart."""
        return self.sums((self.marks >> _MARK_BITS) * ((self.marks & (_TITLE | _PLACE)) == _TITLE))


def _of_names(marks: Any) -> tuple[Any, Any]:
    """Whether features are of names, and for how many names each counts."""
    named = (marks & (_NAMED | _PLACE)) > 0
    return named, named + (_LINE_COUNTS - 1) * ((marks & _LINE) > 0)


def likenesses(
    ones: Sequence[bytes], others: Sequence[bytes], pairs: Iterable[tuple[int, Sequence[int]]]
) -> list[list[Likeness]]:
    """How alike vectors are to others; the order of the two makes no difference.

    Texts with a cosine below 0.1 are not alike at all. Shared features are counted rather than weighed: a real name has many pairs of
    characters, and a chance agreement one or two. The cosine alone puts "the same problem elsewhere" as high as a matter told twice in
    other words.

    Args:
        ones: Kept vectors, of the present form.
        others: Kept vectors that they are compared with.
        pairs: For each of ``ones`` to be compared its place there, and the places of those in ``others``.

    Returns:
        For each of ``pairs`` the likeness of each two, without telling which features are shared.
    """
    wanted = list(pairs)
    found: list[list[Likeness]] = []
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        used = sorted({other for _, seconds in part for other in seconds})
        at = {other: place for place, other in enumerate(used)}
        figures = iter(
            _likenesses(
                _Table([ones[one] for one, _ in part]),
                _Table([others[other] for other in used]),
                [place for place, (_, seconds) in enumerate(part) for _ in seconds],
                [at[other] for _, seconds in part for other in seconds],
            )
        )
        found += [[next(figures) for _ in seconds] for _, seconds in part]
    return found


def _likenesses(mine: _Table, kept: _Table, firsts: list[int], seconds: list[int]) -> list[Likeness]:
    import numpy as np

    if not len(mine.codes) or not len(kept.codes):
        return [NOT_ALIKE] * len(firsts)
    first, second = np.array(firsts, np.int64), np.array(seconds, np.int64)
    pair, marks, other_marks = _shared(mine, kept, first, second)

    def summed(values: Any) -> Any:
        return np.bincount(pair, weights=values, minlength=len(firsts))

    weights, other_weights = marks >> _MARK_BITS, other_marks >> _MARK_BITS
    whole = np.minimum(1.0, summed(weights * other_weights) / UNIT**2)
    named, as_names = _of_names(marks | other_marks)
    # What one text calls part of a name is a name in both.
    place, other_place = (marks & _PLACE) > 0, (other_marks & _PLACE) > 0
    taken, other_taken = other_place & ~place, place & ~other_place
    more, other_more = summed(taken), summed(other_taken)
    in_names, in_words = mine.named()
    other_names, other_words = kept.named()
    names = _share(
        summed(as_names), np.minimum(in_names[first] + more, other_names[second] + other_more), *_NAMES_ENOUGH
    )
    words = _share(
        summed(~named), np.minimum(in_words[first] - more, other_words[second] - other_more), *_WORDS_ENOUGH
    )
    spoken = ~(place | other_place)
    title, other_title = weights * (marks & _TITLE), other_weights * (other_marks & _TITLE)
    about = _part_of(summed(title * spoken), mine.titles()[first] - summed(title * taken))
    other_about = _part_of(
        summed(other_title * spoken), kept.titles()[second] - summed(other_title * other_taken)
    )
    rows = zip(
        names.tolist(), words.tolist(), ((about + other_about) / 2).tolist(), whole.tolist(), strict=True
    )
    return [Likeness(*row, ()) if row[3] >= _LEAST_WHOLE else NOT_ALIKE for row in rows]


def _shared(mine: _Table, kept: _Table, first: Any, second: Any) -> tuple[Any, Any, Any]:
    """The features that two vectors both have: which pair, and the marks in the one and in the other; one row each."""
    import numpy as np

    known, at = np.unique(mine.codes, return_inverse=True)
    # Which of its features a vector has, one more than its place among them; 0 where it has none such.
    places = np.zeros((len(mine.sizes), len(known)), np.uint8)
    places[mine.owners, at] = np.arange(len(at)) - mine.starts[mine.owners] + 1
    # Three in four features of the others are of none here: a look at 16 bits of each spares most of them the search.
    perhaps = np.zeros(1 << 16, np.bool_)
    perhaps[known & 0xFFFF] = True
    anywhere = np.flatnonzero(perhaps[kept.codes & 0xFFFF])
    found = np.minimum(np.searchsorted(known, kept.codes[anywhere]), len(known) - 1)
    sure = known[found] == kept.codes[anywhere]
    found, anywhere = found[sure], anywhere[sure]
    marks = kept.marks[anywhere]
    sizes = np.bincount(kept.owners[anywhere], minlength=len(kept.sizes))
    starts = sizes.cumsum() - sizes
    many = sizes[second]
    pair = np.repeat(np.arange(len(first)), many)
    row = np.arange(len(pair)) + np.repeat(starts[second] - (many.cumsum() - many), many)
    place = places[first[pair], found[row]]
    both = place > 0
    pair = pair[both]
    return pair, mine.marks[mine.starts[first[pair]] + place[both] - 1], marks[row[both]]


def _share(found: Any, possible: Any, least: int, most: int) -> Any:
    """What was found, of what would be enough: a quarter of what the shorter text has to share, within bounds."""
    import numpy as np

    return np.minimum(1.0, found / np.maximum(least, np.minimum(possible / _OF_A_TEXT, most)))


def _part_of(some: Any, whole: Any) -> Any:
    import numpy as np

    return np.divide(some, whole, out=np.zeros(len(some)), where=whole > 0)


def unreadable(what: str) -> HubError:
    """The error for stored bytes that are none of ours."""
    return HubError(
        f"matter: a stored {what} cannot be read (expected the bytes of form {FORM}, or of an earlier one, that this version writes); "
        "it was written by a newer version or changed by hand: make it anew from the text",
        code=Code.VALUE_UNSTORABLE,
    )
