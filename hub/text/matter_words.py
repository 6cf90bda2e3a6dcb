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
from hub.text.matter_language import Kind, Language, kind_of, language, may_name, pairs

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
    """Goes through the words of a text once and keeps what they say."""

    def __init__(self, text: str, lists: Language) -> None:
        import rjieba

        self.words: list[str] = []
        self.names: list[str] = []
        self.places: list[str] = []
        self.place_words: list[str] = []
        self.regions = [match[1] + match[2] + match[3] for match in _MASKED_REGION.finditer(text)]
        self._lists = lists
        self._run: list[str] = []  # the words before, as far as they may be part of a name
        self._before, self._before_is_open, self._before_is_proper = "", False, False
        text = _MASKED_REGION.sub(",", text)
        for number, what in _NUMBERED.findall(text):
            self.names.append(number + what)
            if what in LINES:
                self.places.append(number + what)
        self.words.extend(term for term in lists.terms.findall(text) if not kind_of(term).is_known)
        for word, tag in rjieba.tag(text):
            self._take(word, tag, kind_of(word))

    def _take(self, word: str, tag: str, kind: Kind) -> None:
        if not kind.is_spoken:
            self._run.clear()
            self._before, self._before_is_open, self._before_is_proper = "", False, False
            return
        self.words += kind.says
        self.names += kind.names
        is_proper = kind.is_known and not kind.is_stop and len(word) > 1 and tag in _PROPER
        if self._before and not kind.is_stop:
            if (kind.is_open or self._before_is_open) and may_name(across := self._before[-1] + word[0]):
                self.names.append(across)
            if is_proper and self._before_is_open:
                self.place_words.append(word)
            elif kind.is_open and self._before_is_proper:
                self.place_words.append(self._before)
        if tag == "ns" and len(word) > 2 and word[-1] in "市县区":
            self.regions.append(word)
        self._take_place(word, tag, kind)
        if kind.is_stop:
            self._before, self._before_is_open, self._before_is_proper = "", False, False
        else:
            self._before, self._before_is_open, self._before_is_proper = word, kind.is_open, is_proper

    def _take_place(self, word: str, tag: str, kind: Kind) -> None:
        ending, run, no_names = kind.ending, self._run, self._lists.no_names
        if ending is not None:
            core = "".join((*run, word[: -len(ending)]))[-_NAME_CHARS:]
            if len(core) > 1 and core not in no_names:
                self.places.append(core)
                self.place_words += run
                if word != ending:
                    self.place_words.append(word)
            if len(core) > 1 or word != ending:
                run.clear()
                return
        if (tag in _PARTS_OF_NAMES or not kind.is_known) and (not kind.is_stop or word in no_names):
            run.append(word)
            del run[:-_NAME_WORDS]
        else:
            run.clear()


def shared_names(some: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """Names of ``some`` that ``others`` have too: the same, or one within the other from three characters on."""
    return tuple(one for one in some if any(_same_name(one, other) for other in others))


def _same_name(one: str, other: str) -> bool:
    if one == other:
        return True
    short, long = (one, other) if len(one) < len(other) else (other, one)
    return len(short) > 2 and short in long


def akin(one: str, other: str) -> bool:
    """Whether two names share a pair of characters, so that they may mean one place."""
    return not set(pairs(one)).isdisjoint(pairs(other))
