"""Categories of demands (诉求领域分类) as the county's data: codes, two levels of names, words, and what sources call them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from hub.model.demand import Emitted

MOST_CATEGORIES = 1_000
CategoryCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=40)]
MOST_WORDS = 500


class CategoryEntry(Emitted):
    """One category.

    Attributes:
        l1: The area that it belongs to, such as 市场监管.
        name: Its own name, the second level, such as 消费维权: what rules, routing and messages see.
        words: What people say when they mean it; they decide before the first training.
        sources: Other names under which a source may send it.
    """

    code: CategoryCode
    l1: Name
    name: Name
    words: tuple[Word, ...] = Field(default=(), max_length=MOST_WORDS)
    sources: tuple[Name, ...] = Field(default=(), max_length=MOST_WORDS)


class CategoriesSection(Emitted):
    """What a county has of its own: an entry replaces the hub's entry of its code, or stands beside the others.

    Attributes:
        own_only: The hub's own catalogue is not used at all.
        without: Codes of the hub's catalogue that the county does not use.
    """

    own_only: bool = False
    without: tuple[CategoryCode, ...] = Field(default=(), max_length=MOST_CATEGORIES)
    entries: tuple[CategoryEntry, ...] = Field(default=(), max_length=MOST_CATEGORIES)


def resolved(section: CategoriesSection, own: Sequence[CategoryEntry]) -> tuple[CategoryEntry, ...]:
    """The whole catalogue that a section makes of the hub's own, ascending by code."""
    entries = {} if section.own_only else {one.code: one for one in own}
    for code in section.without:
        entries.pop(code, None)
    entries.update((one.code, one) for one in section.entries)
    return tuple(entries[code] for code in sorted(entries))


def category_faults(section: CategoriesSection, own: Sequence[CategoryEntry]) -> list[str]:
    """What does not fit together in the catalogue that a section makes, one sentence each; nothing when all does."""
    known = {one.code for one in own}
    found = [
        f"categories: code {code!r} stands {n} times: each must be unique"
        for code, n in Counter(one.code for one in section.entries).items()
        if n > 1
    ]
    found += [
        f"categories: without {code!r}: the hub's own catalogue has no such code: correct or remove it"
        for code in section.without
        if code not in known
    ]
    whole = resolved(section, own)
    if len(whole) < 2:
        found.append("categories: fewer than two are left (expected several to choose from): add entries")
    return [*found, *_ambiguous(whole)]


def _ambiguous(entries: Sequence[CategoryEntry]) -> Iterable[str]:
    """A name of two categories would be decided by their order: that is refused."""
    meant: dict[str, str] = {}
    for one in entries:
        for name in dict.fromkeys((one.name, *one.sources)):
            other = meant.setdefault(source_key(name), one.code)
            if other != one.code:
                yield f"categories: {name!r} is a name of {other} and of {one.code}: leave it to one of them"


def source_key(name: str) -> str:
    """A source's name of a category as it is compared: without spaces and case."""
    return "".join(name.split()).casefold()
