"""What a text says, word by word, and the names in it: the ground on which texts are compared for one matter.

A demand's text is cut by rjieba (a dictionary, and a Markov chain for what no dictionary has). Names are what such a cut
serves worst: 五一桥 falls apart in one sentence and not in the next. So where the cut meets a word that no dictionary
has, the pairs of characters there count as well, and two texts that share a name share its pairs, however it was cut.

Bounds: 200 characters of a title and 600 of a body are read, 160 pairs of names and 40 places are kept.

Source: domain.md §4.1 (grouping by category and township gives 7–17 false warnings a day, by matter and place under one).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from hub.text.forms import half_width
from hub.text.matter_language import (
    KINDS,
    LOOKED_AT,
    OPEN,
    PART,
    PROPER,
    REGION,
    SPOKEN,
    STOP,
    Language,
    is_known,
    kind_in,
    language,
    may_name,
    pairs,
)

TITLE_CHARS = 200
BODY_CHARS = 600
LINES = ("路", "号线", "国道", "省道")
"""What the number of a line of buses, railways or roads is followed by."""

_UNREAD = 4_000  # what a body's opening and padding may take before its first word
_MOST_PAIRS = 160
_MOST_PLACES = 40
_NAME_CHARS = 10
_NAME_WORDS = 4
# Region names as published messages mask them: A市, A3区, K9县; some double the last character.
_MASKED_REGION = re.compile(r"([A-Z])(\d{0,2})(市|区|县)县?")
_NUMBERED = re.compile(
    r"(?<![\d.])(\d{1,4})\s*(路(?!段)|号线|号楼|栋|幢|号(?![召码楼线])|区|期|组|弄|国道|省道)"
)
# With the spaces what the cut cannot take: half of a character that needs two.
_SPACE = re.compile(r"[\s\ud800-\udfff]+")


class Words(NamedTuple):
    """One text as the grouping sees it.

    Attributes:
        title: Words of the title in their order, repeats kept.
        body: Words of the body in their order, repeats kept.
        names: Pairs of characters that no dictionary has, and numbered names (``204路``), repeats kept; the title's first.
        title_names: How many of ``names`` are the title's.
        places: Names before an ending that places, schools and firms have, and numbers of lines; the title's first, no
            repeats.
        title_places: How many of ``places`` are the title's.
        place_words: Words of a dictionary that are part of a name.
        regions: Names of regions (``A3区``, ``罗山县``): the title's, or the first of the body where the title has none.
    """

    title: tuple[str, ...]
    body: tuple[str, ...]
    names: tuple[str, ...]
    title_names: int
    places: tuple[str, ...]
    title_places: int
    place_words: frozenset[str]
    regions: tuple[str, ...]


def read_words(title: str, body: str) -> Words:
    """The words and names of a text; the same for the same text, and bounded for any."""
    lists = language()
    head = _clean(title[: 2 * TITLE_CHARS], lists)[:TITLE_CHARS]
    tail = _without_title(_clean(body[:_UNREAD], lists), head)[:BODY_CHARS]
    first, second = _Reading(head, lists), _Reading(tail, lists)
    title_places = list(dict.fromkeys(first.places))[:_MOST_PLACES]
    title_names = first.names[:_MOST_PAIRS]
    return Words(
        tuple(first.words),
        tuple(second.words),
        tuple((*title_names, *second.names)[:_MOST_PAIRS]),
        len(title_names),
        tuple(dict.fromkeys((*title_places, *second.places)))[:_MOST_PLACES],
        len(title_places),
        frozenset((*first.place_words, *second.place_words)),
        tuple(dict.fromkeys(first.regions or second.regions[:1])),
    )


def _without_title(body: str, title: str) -> str:
    """The body from where it stops saying the title again, which half of all letters begin with."""
    return body[len(title) :] if title and body.startswith(title) else body


def _clean(text: str, lists: Language) -> str:
    text = half_width(text).strip()
    for _ in range(2):
        for pattern in lists.openings:
            text = pattern.sub("", text, count=1)
        for pattern in lists.closings:
            text = pattern.sub("", text)
    return _SPACE.sub("", text)


class _Reading:
    """What the words of a text say, gone through once."""

    def __init__(self, text: str, lists: Language) -> None:
        self.words: list[str] = []
        self.names: list[str] = []
        self.places: list[str] = []
        self.place_words: list[str] = []
        self.regions = [match[1] + match[2] + match[3] for match in _MASKED_REGION.finditer(text)]
        text = _MASKED_REGION.sub(",", text)
        for number, what in _NUMBERED.findall(text):
            self.names.append(number + what)
            if what in LINES:
                self.places.append(number + what)
        self.words.extend(term for term in lists.terms.findall(text) if not is_known(term))
        self._take_all(text, lists.no_names)

    def _take_all(self, text: str, no_names: frozenset[str]) -> None:
        """Takes the words, and looks closer only at those that may be part of a name: this is a quarter of what grouping a text costs."""
        import rjieba

        try:
            cut = rjieba.cut(text)
            kinds = [KINDS[word] for word in cut]
        except KeyError:
            tagged = rjieba.tag(text)
            cut, kinds = [word for word, _ in tagged], [kind_in(*one) for one in tagged]
        self.cut, self.kinds = cut, kinds
        self.words += chain.from_iterable([says for _, says, _, _ in kinds])
        taken = -1
        for at in [at for at, (marks, _, _, _) in enumerate(kinds) if marks & LOOKED_AT]:
            marks, _, names, ending = kinds[at]
            if marks & OPEN:
                self.names += names
            if marks & REGION:
                self.regions.append(cut[at])
            if at and not marks & STOP:
                self._take_pair(at - 1, at)
            if ending is not None and self._take_place(at, ending, taken, no_names):
                taken = at
            if marks & OPEN and at + 1 < len(cut) and not kinds[at + 1][0] & (LOOKED_AT | STOP):
                self._take_pair(at, at + 1)

    def _take_pair(self, first: int, second: int) -> None:
        """Takes what two words side by side, of which the second says something, tell of a name."""
        marks, next_marks = self.kinds[first][0], self.kinds[second][0]
        if marks & (SPOKEN | STOP) != SPOKEN or not next_marks & SPOKEN or not (marks | next_marks) & OPEN:
            return
        word, next_word = self.cut[first], self.cut[second]
        if may_name(across := word[-1] + next_word[0]):
            self.names.append(across)
        if marks & OPEN and next_marks & PROPER:
            self.place_words.append(next_word)
        elif next_marks & OPEN and marks & PROPER:
            self.place_words.append(word)

    def _take_place(self, at: int, ending: str, taken: int, no_names: frozenset[str]) -> bool:
        """Takes the name before an ending of places; False where the word goes on like any other.

        Args:
            at: Where the word is.
            ending: What it ends with.
            taken: Where the last such name was taken: no other begins before that.
            no_names: What is no name of a place.
        """
        word, first = self.cut[at], at
        while first - 1 > taken and at - first < _NAME_WORDS and self.kinds[first - 1][0] & PART:
            first -= 1
        run = self.cut[first:at]
        core = "".join((*run, word[: -len(ending)]))[-_NAME_CHARS:]
        if len(core) > 1 and core not in no_names:
            self.places.append(core)
            self.place_words += run
            if word != ending:
                self.place_words.append(word)
        return len(core) > 1 or word != ending


def share_a_name(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether a name of ``some`` is one of ``others``, or one of the two stands within the other from three characters on."""
    if not some or not others:
        return False
    if not set(some).isdisjoint(others):
        return True
    long = [other for other in others if len(other) > 2]
    return any(one in other or other in one for one in some if len(one) > 2 for other in long)


def akin(one: str, other: str) -> bool:
    """Whether two names share a pair of characters, so that they may mean one place."""
    return not set(pairs(one)).isdisjoint(pairs(other))
