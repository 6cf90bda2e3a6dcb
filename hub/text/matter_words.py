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
from typing import NamedTuple

from hub.text.forms import half_width
from hub.text.matter_language import KINDS, Language, is_known, language, may_name, pairs

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
_PROPER = frozenset(("ns", "nr", "nz", "nt", "nrt"))
_PARTS_OF_NAMES = _PROPER | frozenset("n s t j eng zg vg ng ag g b l i m a an k h vn tg q nrfg".split())


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

    # One loop with its state in local names: it runs 150 times a text, and is a quarter of what grouping a text costs.
    def _take_all(self, text: str, no_names: frozenset[str]) -> None:
        import rjieba

        kinds, words, pairs_named, place_words = KINDS, self.words, self.names, self.place_words
        run: list[str] = []  # the words before, as far as they may be part of a name
        before, before_is_open, before_is_proper = "", False, False
        for word, tag in rjieba.tag(text):
            is_spoken, is_known, is_stop, is_open, says, names, ending = kinds[word]
            if not is_spoken:
                run.clear()
                before, before_is_open, before_is_proper = "", False, False
                continue
            words += says
            pairs_named += names
            is_proper = is_known and not is_stop and len(word) > 1 and tag in _PROPER
            if before and not is_stop:
                if (is_open or before_is_open) and may_name(across := before[-1] + word[0]):
                    pairs_named.append(across)
                if is_proper and before_is_open:
                    place_words.append(word)
                elif is_open and before_is_proper:
                    place_words.append(before)
            if tag == "ns" and len(word) > 2 and word[-1] in "市县区":
                self.regions.append(word)
            if ending is None or not self._take_place(word, ending, run, no_names):
                if (tag in _PARTS_OF_NAMES or not is_known) and (not is_stop or word in no_names):
                    run.append(word)
                    del run[:-_NAME_WORDS]
                elif run:
                    run.clear()
            if is_stop:
                before, before_is_open, before_is_proper = "", False, False
            else:
                before, before_is_open, before_is_proper = word, is_open, is_proper

    def _take_place(self, word: str, ending: str, run: list[str], no_names: frozenset[str]) -> bool:
        """Takes the name before an ending of places; False where the word goes on like any other."""
        core = "".join((*run, word[: -len(ending)]))[-_NAME_CHARS:]
        if len(core) > 1 and core not in no_names:
            self.places.append(core)
            self.place_words += run
            if word != ending:
                self.place_words.append(word)
        if len(core) > 1 or word != ending:
            run.clear()
            return True
        return False


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
