"""What a county adds to the sensitive lexicon, or takes from it, as data (domain.md §6.7)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hub.model.demand import Emitted

MOST_WORDS = 2_000
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=40)]
ListName = Literal[
    "safety_acute",
    "safety_generic",
    "safety_event",
    "crowd",
    "extreme",
    "opinion",
    "bypass",
    "integrity",
    "conduct",
]
"""The lists of words: 人身安全 (of three kinds), 群体, 极端, 舆情, 越级, 廉政, 作风."""


class LexiconSection(Emitted):
    """A county's part of the lexicon; the cues that weigh a hit stay the hub's own.

    Attributes:
        words: List -> words; one that stands in another list of the hub moves to this one.
        whitelist: What holds a sensitive word and means something else (``爆炸式``).
        without: Words of the hub's lists that the county does not want.
    """

    words: dict[ListName, tuple[Word, ...]] = Field(default_factory=dict)
    whitelist: tuple[Word, ...] = Field(default=(), max_length=MOST_WORDS)
    without: tuple[Word, ...] = Field(default=(), max_length=MOST_WORDS)
