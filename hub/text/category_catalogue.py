"""The category catalogue: which category a source's own name of one means, and which the words of a text speak for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple

import orjson

from hub.model.category import CategoryEntry, source_key
from hub.text.category import CategoryCatalogue, Prediction

_LEVELS = re.compile(r"[/\\>＞»→|｜:：\-－—·]+")
_MOST_LEVELS = 6


class Meant(NamedTuple):
    """What a source's name of a category means; without ``entry`` it names an area alone."""

    l1: str
    entry: CategoryEntry | None


class Catalogue:
    """A whole catalogue, ready to be asked; build it once and share it between threads.

    Attributes:
        entries: By their codes.
        name: Of this version, as decisions keep it.
    """

    def __init__(self, entries: Sequence[CategoryEntry], label: str) -> None:
        """Takes the catalogue as `hub.model.category.resolved` gives it.

        Args:
            label: Which version it is.
        """
        self.entries = {one.code: one for one in sorted(entries, key=lambda one: one.code)}
        self._by_words = CategoryCatalogue({one.code: one.words for one in self.entries.values()})
        self._by_name: dict[str, CategoryEntry] = {}
        for one in self.entries.values():
            for name in (one.name, one.code, *one.sources):
                self._by_name.setdefault(source_key(name), one)
        self._areas = {source_key(one.l1): one.l1 for one in self.entries.values()}
        self.name = f"catalogue {label} {digest(entries)[:12]}"

    def predict(self, text: str, title: str = "") -> Prediction:
        """The code of the category whose words the text says most of; see `CategoryCatalogue.predict`."""
        return self._by_words.predict(text, title)

    def reasons(self, text: str, code: str) -> tuple[str, ...]:
        """The words of a text that the catalogue lists for a category."""
        return self._by_words.reasons(text, code)

    def meant(self, said: str) -> Meant | None:
        """What a source's name means; None where the catalogue does not know it, which is never guessed.

        A name of several levels (``公共服务/供水服务/水压``) means its deepest level that is known.
        """
        levels = [said, *reversed([level for level in _LEVELS.split(said) if level.strip()][-_MOST_LEVELS:])]
        for level in levels:
            if (found := self._by_name.get(source_key(level))) is not None:
                return Meant(found.l1, found)
        for level in levels:
            if (area := self._areas.get(source_key(level))) is not None:
                return Meant(area, None)
        return None

    def named(self, given: str) -> CategoryEntry | None:
        """The category of that code or name, as a person writes it."""
        return self.entries.get(given) or self._by_name.get(source_key(given))


def digest(entries: Sequence[CategoryEntry]) -> str:
    """SHA-256 of a catalogue, the same for the same entries in any order."""
    plain = [one.model_dump(mode="json") for one in sorted(entries, key=lambda one: one.code)]
    return sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).hexdigest()


def own_entries() -> tuple[CategoryEntry, ...]:
    """The hub's own catalogue, ascending by code."""
    return _own()[1]


def own_catalogue() -> Catalogue:
    """The hub's own catalogue, ready to be asked."""
    label, entries = _own()
    return Catalogue(entries, f"hub {label}")


@cache
def _own() -> tuple[str, tuple[CategoryEntry, ...]]:
    read = tomllib.loads(files("hub.text").joinpath("data", "categories.toml").read_text("utf-8"))
    return str(read["version"]), tuple(CategoryEntry.model_validate(one) for one in read["category"])


def said_words(title: str, text: str) -> str:
    """What a demand's category is told by: its title and text, the title once only where the text begins with it."""
    return text if not title or title in text else f"{title}\n{text}"
