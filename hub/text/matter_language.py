"""What the grouping of matters knows about single words: the lists of ``data/matter.toml`` and the dictionary of rjieba."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple, TypeVar

_HAN = re.compile(r"[\u4e00-\u9fff]+\Z")
_SPOKEN = re.compile(r"[\u4e00-\u9fffA-Za-z0-9]+\Z")
# Count, date or relate: a pair of characters with one of them is no part of a name.
_NEVER_NAMED = frozenset(
    "年月日时元个多么每着了过后前起来去太越这那还将要不为只我你他她它们有无是的在和与及或也都就很更最被把让使向对于从到至给跟同等应可能会所该此其各某另"
)


class Language(NamedTuple):
    """The lists of ``data/matter.toml``, ready for use; ``version`` stands in what is made with them."""

    version: str
    stop: frozenset[str]
    common: frozenset[str]
    terms: re.Pattern[str]
    term_pairs: frozenset[str]
    endings: Mapping[str, tuple[str, ...]]
    no_names: frozenset[str]
    openings: tuple[re.Pattern[str], ...]
    closings: tuple[re.Pattern[str], ...]


SPOKEN, STOP, OPEN, LOOKED_AT, PROPER, PART, REGION = (1 << at for at in range(7))
Kind = tuple[int, tuple[str, ...], tuple[str, ...], str | None]
"""What is known of a word without its text, in this order; a plain tuple, for tens of thousands are kept.

- Marks, added up: it has letters, digits or Chinese characters only (``SPOKEN``); it says nothing of a matter (``STOP``); no dictionary
  has it, or it is a single character: part of a name, perhaps (``OPEN``); it is open, ends a place's name or names a region
  (``LOOKED_AT``), as one word in six does; the dictionary has it as somebody's or something's own name (``PROPER``); it may stand before such an ending (``PART``);
  it names a city, county or district (``REGION``).
- The words that it adds to a text: itself, and shorter ones within it.
- The pairs of characters that it adds to a text's names.
- How a place's name ends with it; None when none does.
"""
_PROPER_TAGS = frozenset(("ns", "nr", "nz", "nt", "nrt"))
_TAGS_OF_PARTS = _PROPER_TAGS | frozenset("n s t j eng zg vg ng ag g b l i m a an k h vn tg q nrfg".split())


@cache
def language() -> Language:
    """The hub's own lists; read once, when the first text is compared."""
    lists = tomllib.loads((files("hub.text") / "data" / "matter.toml").read_text("utf-8"))
    terms = sorted(lists["terms"].split(), key=lambda term: (-len(term), term))
    return Language(
        version=lists["version"],
        stop=frozenset(lists["stop"].split()),
        common=frozenset(lists["common"].split()),
        terms=re.compile(_longest_of(terms)),
        term_pairs=frozenset(pair for term in terms for pair in pairs(term)),
        endings=_by_last(lists["place_endings"]),
        no_names=frozenset(lists["no_names"].split()),
        openings=tuple(re.compile(pattern) for pattern in lists["openings"]),
        closings=tuple(re.compile(pattern) for pattern in lists["closings"]),
    )


def _longest_of(terms: Iterable[str]) -> str:
    """A pattern for the longest of the terms that stands at a place: what they begin with in common is looked at once."""
    by_first: dict[str, list[str]] = {}
    for term in terms:
        if term:
            by_first.setdefault(term[0], []).append(term[1:])
    parts = [re.escape(first) + _rest(rests) for first, rests in by_first.items()]
    return "|".join(parts)


def _rest(rests: list[str]) -> str:
    if rests == [""]:
        return ""
    return f"(?:{_longest_of(rests)}){'?' if '' in rests else ''}"


def _by_last(endings: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The endings by their last character, longer ones first."""
    by_last: dict[str, tuple[str, ...]] = {}
    for ending in sorted(endings, key=lambda one: (-len(one), one)):
        by_last[ending[-1]] = (*by_last.get(ending[-1], ()), ending)
    return by_last


_MOST_KINDS = 65_536
_Known = TypeVar("_Known")


class Lately(dict[str, _Known]):
    """What is known of words met lately, worked out when it is missing; texts bring ever new ones, and those not met again go.

    Two generations: when the younger one is full it becomes the older, which then goes; what is met again comes back from it.
    No `lru_cache`: its links, and named tuples, are each looked at by every full garbage collection, which then costs a tenth of the
    whole grouping.
    """

    def __init__(self, known: Callable[[str], _Known], most: int) -> None:
        self._of, self._most = known, most // 2
        self._before: dict[str, _Known] = {}

    def __missing__(self, word: str) -> _Known:
        kept = self._before.get(word)
        return self.keep(word, self._of(word) if kept is None else kept)

    def keep(self, word: str, known: _Known) -> _Known:
        """Keeps what is known of a word, and gives it back."""
        if len(self) >= self._most:
            self._before = dict(self)
            self.clear()
        self[word] = known
        return known


def _told_alone(word: str) -> Kind:
    import rjieba

    ((_, tag), *more) = rjieba.tag(word)
    if more:
        raise KeyError(word)
    return _kind_of(word, tag)


KINDS: Lately[Kind] = Lately(_told_alone, _MOST_KINDS)
"""What is known of each word; KeyError for one that falls apart where it stands alone: what it is only its text tells (`kind_in`)."""


def kind_in(word: str, tag: str) -> Kind:
    """The kind of a word by its part of speech in a text, which is the same in every text."""
    try:
        return KINDS[word]
    except KeyError:
        return KINDS.keep(word, _kind_of(word, tag))


def _kind_of(word: str, tag: str) -> Kind:
    lists = language()
    if not _SPOKEN.match(word):
        return 0, (), (), None
    known, stopped, han = is_known(word), word in lists.stop, _HAN.match(word) is not None
    is_open = han and not stopped and (not known or len(word) == 1)
    says: tuple[str, ...] = ()
    if not stopped and len(word) > 1 and (known or not han) and not word.isdigit():
        says = (word.lower(), *_within(word, lists)) if known and len(word) > 2 else (word.lower(),)
    names = tuple([pair for pair in pairs(word) if may_name(pair)]) if is_open else ()
    ending = next((one for one in lists.endings.get(word[-1], ()) if word.endswith(one)), None)
    is_region = tag == "ns" and len(word) > 2 and word[-1] in "市县区"
    marks = {
        SPOKEN: True,
        STOP: stopped,
        OPEN: is_open,
        LOOKED_AT: is_open or ending is not None or is_region,
        PROPER: known and not stopped and len(word) > 1 and tag in _PROPER_TAGS,
        PART: (tag in _TAGS_OF_PARTS or not known) and (not stopped or word in lists.no_names),
        REGION: is_region,
    }
    return sum(mark for mark, holds in marks.items() if holds), says, names, ending


def is_known(word: str) -> bool:
    """Whether the dictionary has the word."""
    import rjieba  # the dictionary takes 45 MB: only who compares texts pays for it

    return bool(rjieba.has_word(word))


def _within(word: str, lists: Language) -> tuple[str, ...]:
    """Shorter words within a longer one: 垃圾 in 垃圾站, so that both speak of the same."""
    halves = (word[at : at + 2] for at in range(0, len(word) - 1, 2))
    return tuple(half for half in halves if half not in lists.stop and is_known(half))


def pairs(word: str) -> Iterator[str]:
    """Each two characters that stand beside each other."""
    return (word[at : at + 2] for at in range(len(word) - 1))


@lru_cache(maxsize=8_192)
def may_name(pair: str) -> bool:
    """Whether a pair of characters may be part of a name: none that counts, dates or relates, and of no term."""
    if pair[0] in _NEVER_NAMED or pair[-1] in _NEVER_NAMED or pair in language().term_pairs:
        return False
    return _HAN.match(pair) is not None
