"""The sensitive lexicon: which words of a text call for attention, and whether it tells of an emergency now.

A word list alone is no alarm: most messages that say 火灾 or 爆炸 complain of a danger, remember an accident or use a
figure of speech. For the class 人身安全 each hit is therefore weighed by the clauses around it, in plain points:

- what happens now: cues of urgency and of victims (快来人, 出不来, 火势 …) two points each kind, weak cues (正在, 有人 …) one;
- an acute word (着火) counts one, a generic one (火灾) none, and none an everyday word for what may befall somebody
  (``卡住``, ``倒在``): a victim's cue must stand beside it; a scene of the list (``闻到…煤气味``) counts two;
- a text of at most 80 characters, as callers write, one, each 300 of a letter minus one; a bare ``着火了`` at the end of a clause two;
- what is over (去年, 曾), habitual (经常) or has another purpose (赔偿, 感谢) takes two or more;
- a condition, a fear, a negation or a topic (``万一着火``, ``燃气泄漏报警器``) settles it: no emergency.

Three points and more are a present emergency. The lists are data (`data/lexicon.toml`), versioned; what the points
give on real messages and on sentences written beforehand is measured in the tests.

Source: domain.md §4.2 W08, §6.7.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from hub.errors import Code, ConfigError
from hub.model.lexicon import LexiconSection


class WordClass(StrEnum):
    """The seven classes of sensitive words."""

    SAFETY = "safety"  # 人身安全
    CROWD = "crowd"  # 群体
    EXTREME = "extreme"  # 极端
    OPINION = "opinion"  # 舆情
    BYPASS = "bypass"  # 越级
    INTEGRITY = "integrity"  # 廉政
    CONDUCT = "conduct"  # 作风


class Hit(NamedTuple):
    """One sensitive word in a text.

    Attributes:
        word_class: Its class.
        word: As the lexicon has it; of a scene its anchor. Never the citizen's own words, so it may be shown and logged.
        start: Place of its first character.
        end: Place behind its last.
        present: For the class 人身安全: it happens now. False for the others.
        negated: It is denied, feared, supposed or a mere topic.
    """

    word_class: WordClass
    word: str
    start: int
    end: int
    present: bool
    negated: bool


_NOTHING = LexiconSection()
_ENOUGH = 3
_SHORT = 80
_LONG = 300
_SCENE = 30
_NEAR = 45
_MOST = 500
_MOST_LOOKS = 2_000
_CLAUSE = 60  # a clause ends here at the latest, so that a text without stops costs no more than its length
_PART = re.compile(r"(?<![?P])<(\w+)>")
_CLAUSE_END = re.compile(r"[，,。！!？?；;：:\s…]")
_SECTIONS = (
    "unreal_before",
    "unreal_after",
    "negation",
    "past",
    "aftermath",
    "figurative",
    "now_strong",
    "now_weak",
)


class Lexicon:
    """The compiled lists; build it once with `load` and share it between threads.

    Attributes:
        version: Of the lists; signals name it.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.version = str(document["version"])
        words = document["words"]
        self._acute = frozenset(words["safety_acute"])
        self._events = frozenset(words.get("safety_event", ()))
        self._classes: dict[str, WordClass | None] = dict.fromkeys(document["whitelist"]["words"])
        for word_class in WordClass:
            safety = word_class is WordClass.SAFETY
            names = ("safety_event", "safety_acute", "safety_generic") if safety else (word_class.value,)
            self._classes.update(
                {
                    word: word_class
                    for name in names
                    for word in (self._events if name == "safety_event" else words[name])
                }
            )
        self._reads_as: dict[str, str] = dict(document["reads_as"])
        self._classes.update({longer: self._classes[word] for longer, word in self._reads_as.items()})
        parts: dict[str, str] = dict(document.get("parts", {}))
        self._scenes = [
            (tuple(scene["anchors"]), re.compile(_with_parts(scene["pattern"], parts)))
            for scene in document["scenes"]
        ]
        if short := [word for word in self._classes if len(word) < 2]:
            raise ValueError(
                f"word {short[0]!r} has one character, and a single character is no sensitive word"
            )
        self._lookup, self._pairs = _index(self._classes, self._scenes)
        cues = {name: _any(document["cues"][name]) for name in _SECTIONS}
        self._unreal_before, self._unreal_after = cues["unreal_before"], cues["unreal_after"]
        self._negation = re.compile(rf"(?:{cues['negation'].pattern})[^，,。！!？?；;\s]{{0,3}}\Z")
        self._past, self._aftermath, self._figurative = cues["past"], cues["aftermath"], cues["figurative"]
        self._now_strong, self._now_weak = cues["now_strong"], cues["now_weak"]

    @classmethod
    def load(cls, path: Path | str | None = None) -> Lexicon:
        """The lexicon of that TOML file, or the hub's own.

        Raises:
            ConfigError: The file is missing, no TOML, lacks a list, or a cue is no regular expression (code
                ``config_invalid``).
        """
        return _own() if path is None else _read(Path(path))

    @classmethod
    def of_county(cls, section: LexiconSection) -> Lexicon:
        """The hub's own lexicon with what a county adds and takes away; kept, so that asking again costs nothing.

        Raises:
            ConfigError: A word is listed twice, or one is to be taken away that the hub does not have (code ``config_invalid``).
        """
        return _own() if section == _NOTHING else _extended(section.model_dump_json())

    @property
    def size(self) -> int:
        """How many words the seven classes have together; everyday words for events are none of them."""
        return sum(len(self.words(word_class)) for word_class in WordClass)

    def words(self, word_class: WordClass) -> tuple[str, ...]:
        """The words of one class, in the order of the file."""
        return tuple(
            word
            for word, of in self._classes.items()
            if of is word_class and word not in self._reads_as and word not in self._events
        )

    def hits(self, text: str) -> tuple[Hit, ...]:
        """Every sensitive word of the text in its order, scenes included; words of the whitelist are none.

        At most 500 are given, and scenes are looked for at 2,000 places: a text made of nothing else costs no more than that.
        """
        found: list[Hit] = []
        behind, looks = 0, 0
        for pair in self._pairs.finditer(text):
            place = pair.start()
            words, scenes = self._lookup.get(text[place : place + 2], _NO_ENTRY)
            for anchor, pattern in scenes:
                if looks < _MOST_LOOKS and text.startswith(anchor, place):
                    looks += 1
                    found.extend(self._scene(text, place, place + len(anchor), pattern))
            if len(found) >= _MOST:
                break
            if place < behind:
                continue
            for word in words:
                if text.startswith(word, place):
                    behind = place + len(word)
                    if (word_class := self._classes[word]) is not None:
                        found.append(self._hit(text, word, word_class, place, behind))
                    break
        return tuple(sorted(found, key=lambda hit: hit.start)) if found else ()

    def is_present_emergency(self, text: str) -> Hit | None:
        """The first hit of class 人身安全 that happens now and is not negated; None when there is none."""
        return next((hit for hit in self.hits(text) if hit.present and not hit.negated), None)

    def _hit(self, text: str, written: str, word_class: WordClass, start: int, end: int) -> Hit:
        word = self._reads_as.get(written, written)
        if word_class is WordClass.SAFETY:
            bare = word not in self._events
            return self._weighed(text, word, start, end, 1 if word in self._acute else 0, bare=bare)
        negated = self._negation.search(text, max(0, start - 8), start) is not None
        return Hit(word_class, word, start, end, False, negated)

    def _scene(self, text: str, start: int, end: int, pattern: re.Pattern[str]) -> Iterator[Hit]:
        for match in pattern.finditer(text, max(0, start - _SCENE), end + _SCENE):
            if match.start() <= start and end <= match.end():
                yield self._weighed(text, text[start:end], match.start(), match.end(), _ENOUGH - 1)

    def _weighed(self, text: str, word: str, start: int, end: int, points: int, *, bare: bool = True) -> Hit:
        before, clause_end = _clause_start(text, start), _clause_end(text, end)
        negated = (
            self._negation.search(text, max(before, start - 8), start) is not None
            # A scene may be long enough to hold the fear itself: 广告牌松动，怕掉下来砸到人.
            or self._unreal_before.search(text, before, end) is not None
            or self._unreal_after.search(text, end, clause_end) is not None
        )
        if negated:
            return Hit(WordClass.SAFETY, word, start, end, False, True)
        points += self._context(text, start, end, bare=bare)
        return Hit(WordClass.SAFETY, word, start, end, points >= _ENOUGH, False)

    def _context(self, text: str, start: int, end: int, *, bare: bool) -> int:
        """The points of what stands around a hit: positive for now, negative for past, habit, another purpose."""
        earlier = text[max(0, start - _NEAR) : start]
        near = f"{earlier}\0{text[end : end + _NEAR]}"  # a word is no cue for itself
        points = 1 if len(text) <= _SHORT else -(len(text) // _LONG)
        if (
            bare
            and text[end : end + 1] == "了"
            and (end + 1 == len(text) or _CLAUSE_END.match(text, end + 1))
        ):
            points += 2
        points += 2 * min(2, len(set(self._now_strong.findall(near))))
        points += min(1, len(self._now_weak.findall(near)))
        if self._past.search(earlier) or self._past.search(text, end, _clause_end(text, end)):
            points -= 3
        if self._aftermath.search(near):
            points -= 2
        if self._figurative.search(near):
            points -= 2
        return points


def _clause_start(text: str, start: int) -> int:
    stops = [stop.end() for stop in _CLAUSE_END.finditer(text, max(0, start - _CLAUSE), start)]
    return stops[-1] if stops else max(0, start - _CLAUSE)


def _clause_end(text: str, end: int) -> int:
    found = _CLAUSE_END.search(text, end, end + _CLAUSE)
    return found.start() if found else min(len(text), end + _CLAUSE)


def _with_parts(pattern: str, parts: Mapping[str, str]) -> str:
    """The pattern with the named pieces in their places; a name that is none is a fault of the file."""
    for name in _PART.findall(pattern):
        if name not in parts:
            raise ValueError(f"a scene names the part <{name}>, and [parts] has none of that name")
    # A part may be made of other parts, one deep.
    whole = _PART.sub(lambda match: parts[match[1]], pattern)
    return _PART.sub(lambda match: parts[match[1]], whole)


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


Entry = tuple[tuple[str, ...], tuple[tuple[str, re.Pattern[str]], ...]]
_NO_ENTRY: Entry = ((), ())


def _index(
    classes: Iterable[str], scenes: Iterable[tuple[tuple[str, ...], re.Pattern[str]]]
) -> tuple[dict[str, Entry], re.Pattern[str]]:
    """Words and scenes by their first two characters, and the expression that finds where such a pair may stand.

    An alternation of all words costs six times as much: it tries each of them at every common character.
    """
    words: dict[str, list[str]] = {}
    anchors: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for word in classes:
        words.setdefault(word[:2], []).append(word)
    for names, pattern in scenes:
        for name in names:
            anchors.setdefault(name[:2], []).append((name, pattern))
    pairs = words.keys() | anchors.keys()
    lookup = {
        pair: (tuple(sorted(words.get(pair, ()), key=len, reverse=True)), tuple(anchors.get(pair, ())))
        for pair in pairs
    }
    firsts = re.escape("".join(sorted({pair[0] for pair in pairs})))
    seconds = re.escape("".join(sorted({pair[1] for pair in pairs})))
    return lookup, re.compile(f"[{firsts}](?=[{seconds}])")


@cache
def _own() -> Lexicon:
    return _built(_own_text(), "the hub's own lexicon")


def _own_text() -> str:
    return files("hub.text").joinpath("data", "lexicon.toml").read_text("utf-8")


@lru_cache(maxsize=8)
def _extended(section_json: str) -> Lexicon:
    section = LexiconSection.model_validate_json(section_json)
    document = tomllib.loads(_own_text())
    lists: dict[str, list[str]] = document["words"]
    added = [word for words in section.words.values() for word in words]
    faults = [
        f"{word!r} stands twice" for word, n in Counter(added + list(section.whitelist)).items() if n > 1
    ]
    known = {word for words in lists.values() for word in words}
    faults += [
        f"without {word!r}: the hub's lists have no such word"
        for word in section.without
        if word not in known
    ]
    if faults:
        raise ConfigError(
            f"lexicon: {'; '.join(faults[:10])} (expected each word once, and only words of the hub taken away); correct it under "
            "`lexicon:` and run `hub config apply`",
            code=Code.CONFIG_INVALID,
        )
    gone = {*added, *section.without, *section.whitelist}
    for name, words in lists.items():
        lists[name] = [*(word for word in words if word not in gone), *section.words.get(name, ())]  # type: ignore[call-overload]
    document["whitelist"]["words"] += section.whitelist
    reads_as: dict[str, str] = document["reads_as"]
    document["reads_as"] = {longer: word for longer, word in reads_as.items() if word not in section.without}
    document["version"] = f"{document['version']}+{sha256(section_json.encode()).hexdigest()[:8]}"
    return Lexicon(document)


def _read(path: Path) -> Lexicon:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(
            f"lexicon {path}: cannot be read ({type(exc).__name__}; expected a TOML file in UTF-8); name an existing file",
            code=Code.CONFIG_INVALID,
        ) from exc
    return _built(text, f"lexicon {path}")


def _built(text: str, where: str) -> Lexicon:
    try:
        return Lexicon(tomllib.loads(text))
    except KeyError as exc:
        raise ConfigError(
            f"{where}: {exc.args[0]!r} is missing (expected the tables words, whitelist, reads_as, cues and scenes, as in the "
            "hub's own file); add it",
            code=Code.CONFIG_INVALID,
        ) from exc
    except (tomllib.TOMLDecodeError, re.error, TypeError, ValueError, IndexError) as exc:
        raise ConfigError(
            f"{where}: {exc} (expected TOML whose cues are regular expressions); mend that line",
            code=Code.CONFIG_INVALID,
        ) from exc
