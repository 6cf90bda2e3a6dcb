"""What stands beside a label on a page: 写信人：张**, a cell to the right of 来信内容, the paragraphs under a heading 答复内容."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, zip_longest

from lxml import etree

from hub.sdk.readers.html import found_by, is_hidden, path_of, words_of

Places = Sequence[str]
"""Where a value stands, tried in this order: labels as the page prints them, without their colon, and XPaths (``/``, ``.`` or ``(`` first)."""

_LONGEST_LABEL = 12
_SPACE = re.compile(r"[\s\u3000\xa0:：]+")
_MOST_STEPS_UP = 2
_MOST_TRIED = 20
_SMALL = 200
_AROUND = " \t\r\n\u3000\xa0:：|｜"


def is_path(place: str) -> bool:
    """Whether it is an XPath rather than a label."""
    return place.startswith(("/", ".", "("))


class Labelled:
    """The values of one part of a page by their labels.

    What a citizen wrote is no place for labels: once the element of a field in ``texts`` is known, nothing in it is one.

    Args:
        scope: The part.
        places: Name of a field -> its `Places`.
        texts: Names of the fields that hold many words; all that follows their label, up to the next label of the same kind, is theirs.
    """

    def __init__(
        self, scope: etree._Element, places: Mapping[str, Places], texts: Sequence[str] = ()
    ) -> None:
        self._scope = scope
        self._places = places
        self._texts = texts
        self._field_of = {
            _bare(label): name for name, all_of in places.items() for label in all_of if not is_path(label)
        }
        longest_first = sorted(self._field_of, key=len, reverse=True)
        self._label = re.compile(
            rf"(?:^|(?<=[\s\u3000\xa0|｜,，;；]))({'|'.join(_spaced(one) for one in longest_first)})\s*[:：]"
            if longest_first
            else r"(?!)"
        )
        self._taken: set[etree._Element] = set()
        self._lines: set[etree._Element] = set()

    def values(self) -> dict[str, str]:
        """Name -> text, for every field that was found and is not empty."""
        found: dict[str, str] = {}
        for name in self._texts:
            if (words := self._text(name)) is not None:
                found[name] = words
        for name, places in self._places.items():
            if name in self._texts:
                continue
            for place in places:
                if is_path(place) and (words := self._by_path(place)):
                    found.setdefault(name, words)
                    break
        for name, words in self._short():
            if words and not (name in found or name in self._texts):
                found[name] = words
        return found

    # --- many words ----------------------------------------------------------------------------------------------

    def _text(self, name: str) -> str | None:
        for place in self._places.get(name, ()):
            if is_path(place):
                elements = [
                    one for one in found_by(path_of(place), self._scope) if isinstance(one, etree._Element)
                ]
                if elements and (words := words_of(*_outermost(elements))):
                    self._take(elements)
                    return words
                continue
            for label in islice(self._labels(place), _MOST_TRIED):
                words, theirs = self._beside(label)
                if words:
                    self._take(theirs)
                    return words
        return None

    def _labels(self, place: str) -> Iterator[etree._Element]:
        """Elements that are that label and nothing else, or begin with it."""
        wanted = _bare(place)
        for element in self._scope.iter(etree.Element):
            if element in self._taken or is_hidden(element):
                continue
            if own_label(element) == wanted:
                if not any(own_label(one) == wanted for one in element.iterchildren(etree.Element)):
                    yield element  # not what is around the label
            elif _begins_with(element, wanted):
                yield element

    def _beside(self, label: etree._Element) -> tuple[str, list[etree._Element]]:
        """What belongs to a label, up to the next one, and the elements in which it stands."""
        own = "" if own_label(label) in self._field_of else _behind_colon(label)
        if own:
            return own, [label]
        element = label
        for _ in range(_MOST_STEPS_UP + 1):
            following: list[etree._Element] = []
            for one in element.itersiblings(etree.Element):
                if one.tag == element.tag and self._begins_anew(one):
                    break
                following.append(one)
            words = _with_tails((element.tail or "").strip(_AROUND), following)
            if words:
                # A line of the parent would take labels out of words that stand in it by themselves.
                parent = element.getparent()
                self._lines.update([parent] if parent is not None and _has_tails(element, following) else [])
                return words, following
            if (above := self._above(element)) is None:
                break
            element = above
        return "", []

    def _above(self, element: etree._Element) -> etree._Element | None:
        """What a label fills by itself, such as the cell around it; an empty place beside it is its place all the same."""
        if next(element.itersiblings(etree.Element), None) is not None or element is self._scope:
            return None
        return element.getparent()

    def _begins_anew(self, element: etree._Element) -> bool:
        first = next(element.iterchildren(etree.Element), None)
        return own_label(element) in self._field_of or (
            first is not None and not (element.text or "").strip() and own_label(first) in self._field_of
        )

    def _take(self, elements: Iterable[etree._Element]) -> None:
        for top in elements:
            self._taken.update(top.iter(etree.Element))

    # --- few words -----------------------------------------------------------------------------------------------

    def _by_path(self, place: str) -> str:
        for one in found_by(path_of(place), self._scope):
            if isinstance(one, str):
                words = one
            elif one in self._taken:
                continue
            else:
                words = words_of(one)
            if text := " ".join(words.split()):
                return text
        return ""

    def _short(self) -> Iterator[tuple[str, str]]:
        """Values by labels in the document's order; a label in a cell of its own, or labels and values in one line."""
        for element in self._scope.iter(etree.Element):
            if element in self._taken or is_hidden(element):
                continue
            own = own_label(element)
            if own in self._field_of:
                if any(own_label(one) == own for one in element.iterchildren(etree.Element)):
                    continue  # the label is the element in it
                name = self._field_of[own]
                if name not in self._texts:
                    yield name, self._cell(element)
                continue
            if element in self._lines:
                continue
            if not (element.text or "").strip() and not any(
                (one.tail or "").strip() for one in islice(element, 50)
            ):
                continue
            line = _own_line(element)
            marks = list(islice(self._label.finditer(line), 50))
            for mark, after in zip_longest(marks, marks[1:]):
                name = self._field_of[_bare(mark[1])]
                if name not in self._texts:
                    yield name, line[mark.end() : after.start() if after else None].strip(" |｜,，;；")

    def _cell(self, label: etree._Element) -> str:
        element: etree._Element | None = label
        for _ in range(_MOST_STEPS_UP + 1):
            if element is None:
                break
            if tail := " ".join((element.tail or "").split()).strip(_AROUND):
                return tail
            for one in element.itersiblings(etree.Element):
                if self._begins_anew(one):
                    return ""
                words = "" if is_hidden(one) or not is_small(one) else " ".join(words_of(one).split())
                if words or element.tag in ("td", "th", "dt"):
                    return words
            element = self._above(element)
        return ""


def _bare(text: str) -> str:
    return _SPACE.sub("", text)


def _spaced(label: str) -> str:
    """A label that pages spread out: 标　题."""
    return r"[ \u3000\xa0]*".join(re.escape(one) for one in label)


def is_small(element: etree._Element) -> bool:
    """Whether it is a line or a cell rather than a part of the page: what is read of many elements costs no more than the page."""
    return sum(1 for _ in islice(element.iter(), _SMALL + 1)) <= _SMALL


def own_label(element: etree._Element) -> str:
    """An element's whole text where it is short enough for a label, without spaces and colon; empty otherwise."""
    if len(element) > 3:
        return ""
    text = _bare("".join(islice((piece[:50] for piece in element.itertext()), 8)))
    return text if len(text) <= _LONGEST_LABEL else ""


def _begins_with(element: etree._Element, label: str) -> bool:
    head = (element.text or "")[:40]
    colon = re.search(r"[:：]", head)
    return colon is not None and _bare(head[: colon.start()]) == label


def _behind_colon(element: etree._Element) -> str:
    words = words_of(element)
    colon = re.search(r"[:：]", words[:60])
    return words[colon.end() :].strip() if colon else ""


def _own_line(element: etree._Element) -> str:
    """The text that stands in the element itself and in inline children, not in the blocks below it."""
    parts = [element.text or ""]
    for child in islice(element, 200):
        if child.tag in ("b", "strong", "span", "em", "font", "i", "a", "label", "u") and not is_hidden(
            child
        ):
            parts += [" ", *islice(child.itertext(), 50), " "]
        else:
            parts.append("  ")
        parts.append(child.tail or "")
    return "".join(parts)[:2_000].replace("\xa0", " ").replace("\u3000", " ")


def _outermost(elements: Sequence[etree._Element]) -> list[etree._Element]:
    inside = {below for one in elements for below in one.iterdescendants()}
    return [one for one in elements if one not in inside]


def _with_tails(first: str, elements: Sequence[etree._Element]) -> str:
    """The words before the elements, in them and between them."""
    parts = [first]
    for one in elements:
        parts += [words_of(one), (one.tail or "").strip(_AROUND)]
    return "\n".join(filter(None, parts))


def _has_tails(element: etree._Element, following: Sequence[etree._Element]) -> bool:
    return any((one.tail or "").strip(_AROUND) for one in (element, *following))
