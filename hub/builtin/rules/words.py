"""Which classes of sensitive words a demand's own words hit, weighed once for all rules that ask."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from hub.model.demand import DemandFacts
from hub.sdk.rules import LexiconParams, WarningRule

if TYPE_CHECKING:
    from hub.text.lexicon import Lexicon, WordClass

_MOST = 20_000  # remembered demands: a large batch; some hundred bytes each


class Sensitive(NamedTuple):
    """Classes that were hit and not negated -> their words as the lexicon has them; danger only where it is present."""

    classes: Mapping[WordClass, tuple[str, ...]]


class _Seen:
    """What was weighed lately; a batch asks about each demand once for every rule that reads words."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int, str], Sensitive] = {}
        self._lock = Lock()

    def of(self, demand: DemandFacts, lexicon: Lexicon) -> Sensitive:
        key = (demand.demand_id, hash(demand.title), hash(demand.text), lexicon.version)
        found = self._found.get(key)
        if found is None:
            found = _weighed(demand, lexicon)
            with self._lock:
                if len(self._found) >= _MOST:
                    self._found.clear()
                self._found[key] = found
        return found


_SEEN = _Seen()


class ReadsWords(WarningRule):
    """Base of the rules that go by the sensitive lexicon, with the county's own part of it."""

    Params: ClassVar[type[LexiconParams]] = LexiconParams

    def sensitive(self, demand: DemandFacts) -> Sensitive:
        """What the demand's words hit."""
        return _SEEN.of(demand, self.lexicon)

    @cached_property
    def lexicon(self) -> Lexicon:
        """Read at the first demand, not at import; it is kept for the process."""
        from hub.text.lexicon import Lexicon

        return Lexicon.of_county(self.params.lexicon)


def _weighed(demand: DemandFacts, lexicon: Lexicon) -> Sensitive:
    safety = _safety()
    classes: dict[WordClass, dict[str, None]] = {}
    # A source without titles lends its text's first words to the title: they are not weighed twice.
    for words in (demand.text,) if demand.title in demand.text else (demand.title, demand.text):
        for hit in lexicon.hits(words):
            if not hit.negated and (hit.present or hit.word_class is not safety):
                classes.setdefault(hit.word_class, {})[hit.word] = None
    return (
        Sensitive({word_class: tuple(words) for word_class, words in classes.items()})
        if classes
        else _NOTHING
    )


_NOTHING = Sensitive({})


@cache
def _safety() -> WordClass:
    from hub.text.lexicon import WordClass

    return WordClass.SAFETY
