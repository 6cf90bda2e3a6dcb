"""A page of a list on a web site: its rows with their links, what it says of total and pages, and where the next page is.

The rule of the reader over HTTP holds here: a page ends in rows, in the site's own word that there are none, or in an error with a code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import quote

from lxml import etree

from hub.sdk.readers.html import HtmlPage, found_by, is_hidden, not_the_page, path_of, words_of
from hub.sdk.readers.html_dates import written_day
from hub.sdk.readers.html_labels import Places, is_path, is_small, own_label
from hub.sdk.readers.html_policy import ListLayout

MOST_ROWS = 2_000
_LONGEST_FIELD = 2_000
_LONGEST_SCRIPT = 2_000
_HEADINGS_LOOKED_AT = 3
_MOST_OF_A_ROW = 100
_SPACE = re.compile(r"[\s\u3000\xa0:：]+")


@dataclass(frozen=True, slots=True)
class ListRow:
    """One row.

    Attributes:
        link: Absolute address of the page of the thing itself; None where the row has none.
        fields: Name -> text, for every field that was found and is not empty.
    """

    link: str | None
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ListedPage:
    """What one page of the list says.

    Attributes:
        total: Rows of all pages, as it declares them; None where it does not.
        pages: Likewise the pages.
        next: Absolute address of the next page by the page's own link; None where there is none, and where it leads to the page itself.
    """

    rows: Sequence[ListRow] = field(repr=False)
    total: int | None
    pages: int | None
    next: str | None


def listed_page(
    page: HtmlPage, layout: ListLayout, fields: Mapping[str, Places], *, first: bool, what: str
) -> ListedPage:
    """What a page of the list says.

    Args:
        page: The page.
        layout: How the site lays its list out.
        fields: Name of a field -> where it stands in a row: the heading of its column, or XPaths from the row on.
        first: Whether it is the first page, which must say so when it has no rows.
        what: What the list is of, for messages: ``the list of letters``.

    Raises:
        SourceUnavailable: See `hub.sdk.readers.html.not_the_page`.
        SourceContractError: It is not the list, or has no rows and does not say why (``page_shape``).
    """
    reading = _Reading(page, layout, fields)
    container = reading.container()
    words = page.words()
    total, pages = _number(layout.total_in, words), _number(layout.pages_in, words)
    # Spelt out on the page: a list that was emptied by an error says nothing of the kind.
    says_none = total == 0 or any(one in words for one in layout.nothing)
    rows = reading.rows(container) if container is not None else []
    if not rows and (container is None or first) and not (says_none and not total):
        not_the_page(page, what)
    return ListedPage(rows, total, pages, reading.next())


class _Reading:
    def __init__(self, page: HtmlPage, layout: ListLayout, fields: Mapping[str, Places]) -> None:
        self._page = page
        self._layout = layout
        self._fields = fields
        self._headings = {
            _bare(one): name for name, places in fields.items() for one in places if not is_path(one)
        }
        self._columns: dict[int, str] = {}
        self._head: etree._Element | None = None
        found = found_by(path_of(layout.next_page), page.root)
        self._onward = [one for one in found if isinstance(one, etree._Element)]

    # --- where the rows are --------------------------------------------------------------------------------------

    def container(self) -> etree._Element | None:
        if self._layout.container is not None:
            found = found_by(path_of(self._layout.container), self._page.root)
            container = next((one for one in found if isinstance(one, etree._Element)), None)
            if container is not None:
                self._find_head(container)
            return container
        for table in self._page.root.iter("table"):
            if self._find_head(table):
                return table
        return (
            max(self._page.root.iter("ul", "ol", "dl"), key=_dated_links, default=None)
            if self._has_list()
            else None
        )

    def _has_list(self) -> bool:
        return any(_dated_links(one) for one in self._page.root.iter("ul", "ol", "dl"))

    def _find_head(self, table: etree._Element) -> bool:
        """Notes which column is which field, by the first rows' own headings; at least two of them, or it is no heading."""
        for row in islice(table.iter("tr"), _HEADINGS_LOOKED_AT):
            columns: dict[int, str] = {}
            at = 0
            for cell in row.iterchildren("td", "th"):
                name = self._headings.get(own_label(cell))
                if name is not None and name not in columns.values():
                    columns[at] = name
                at += _span(cell)
            if len(columns) >= 2:
                self._columns, self._head = columns, row
                return True
        return False

    def rows(self, container: etree._Element) -> list[ListRow]:
        if self._layout.rows is not None:
            elements = [
                one
                for one in found_by(path_of(self._layout.rows), container)
                if isinstance(one, etree._Element)
            ]
        elif container.tag in ("ul", "ol"):
            elements = list(container.iterchildren("li"))
        else:
            elements = [
                one
                for one in container.iter("tr", "li", "dd")
                if one.tag != "tr" or one.find("td") is not None
            ]
        found = (
            self._row(one) for one in elements[:MOST_ROWS] if one is not self._head and not is_hidden(one)
        )
        return [row for row in found if row is not None]

    # --- one row -------------------------------------------------------------------------------------------------

    def _row(self, element: etree._Element) -> ListRow | None:
        """None for what is no row of the list: a line without words, a heading, the line with the pages, the words that there are none."""
        if not is_small(element):
            return None  # a part of the page, not a row of it
        words = words_of(element)
        if not words or any(one in self._onward for one in element.iter("a")):
            return None
        anchor = self._anchor(element)
        link = self._link(anchor) if anchor is not None else None
        fields = self._values(element, anchor)
        if link is None and (len(fields) < 2 or self._is_about_the_list(words)):
            return None
        return ListRow(link, {name: text[:_LONGEST_FIELD] for name, text in fields.items()})

    def _is_about_the_list(self, words: str) -> bool:
        return (
            any(one in words for one in self._layout.nothing)
            or _number(self._layout.pages_in, words) is not None
        )

    def _values(self, element: etree._Element, anchor: etree._Element | None) -> dict[str, str]:
        found: dict[str, str] = {}
        cells: dict[int, etree._Element] = {}
        at = 0
        for cell in element.iterchildren("td", "th"):
            cells[at] = cell
            at += _span(cell)
        for name, places in self._fields.items():
            for place in places:
                if is_path(place) and (text := _first_words(found_by(path_of(place), element))):
                    found[name] = text
                    break
            else:
                column = next((one for one, heading in self._columns.items() if heading == name), None)
                if column in cells and (text := " ".join(words_of(cells[column]).split())):
                    found[name] = text
        if "title" in self._fields and anchor is not None:
            # A list cuts long titles and keeps the whole in the link's title.
            whole = " ".join((anchor.get("title") or "").split())
            # The cell under the heading or the link, whichever says more: the one may be a bullet, the other 查看.
            shown = max(found.get("title", ""), " ".join(words_of(anchor).split()), key=len)
            cut = shown.rstrip(".… ")
            found |= (
                {"title": whole if whole and (not cut or whole.startswith(cut)) else shown}
                if shown or whole
                else {}
            )
        if "time" in self._fields and "time" not in found and (day := _day_in(element, anchor)):
            found["time"] = day
        return found

    def _anchor(self, element: etree._Element) -> etree._Element | None:
        found = [
            one for one in found_by(path_of(self._layout.link), element) if isinstance(one, etree._Element)
        ]
        # A row may link its category, too: the thing's own page has the longest words.
        return max(found, key=lambda one: len(one.get("title") or "".join(one.itertext())), default=None)

    def _link(self, anchor: etree._Element) -> str | None:
        direct = self._page.link(anchor.get("href"))
        if self._layout.link_id is None or self._layout.link_path is None:
            return direct
        for script in (anchor.get("href"), anchor.get("onclick")):
            found = re.search(self._layout.link_id, (script or "")[:_LONGEST_SCRIPT])
            if found is not None and found[1]:
                return self._page.link(self._layout.link_path.replace("{id}", quote(found[1], safe="")))
        return direct

    # --- the pages -----------------------------------------------------------------------------------------------

    def next(self) -> str | None:
        for one in self._onward:
            if "disabled" in (one.get("class") or ""):
                continue
            link = self._page.link(one.get("href"))
            if link is not None and link != self._page.url:
                return link
        return None


def _dated_links(element: etree._Element) -> int:
    """How many items of a list are like rows: with a link and a day."""
    return sum(
        1
        for one in element.iterchildren("li", "dd")
        if one.find(".//a") is not None and written_day(_without_links(one)) is not None
    )


def _without_links(element: etree._Element) -> str:
    looked_at = list(islice(element.iter(etree.Element), _MOST_OF_A_ROW))
    links = {
        below
        for one in looked_at
        if one.tag == "a"
        for below in islice(one.iter(etree.Element), _MOST_OF_A_ROW)
    }
    parts: list[str] = []
    for one in looked_at:
        if one not in links:
            parts.append(one.text or "")
        if one is not element and (one not in links or one.tag == "a"):
            parts.append(one.tail or "")
    return " ".join(parts)[:500]


def _day_in(element: etree._Element, anchor: etree._Element | None) -> str | None:
    """The text of the last part of a row that is a day: behind the title, as lists have it."""
    inside = set(anchor.iter(etree.Element)) if anchor is not None else set()
    found: str | None = None
    for one in islice(element.iter(etree.Element), _MOST_OF_A_ROW):
        for text in ("" if one in inside else one.text, one.tail if one is not element else ""):
            if text and written_day(text) is not None:
                found = " ".join(text.split())
    return found


def _first_words(found: Sequence[Any]) -> str:
    for one in found:
        words = one if isinstance(one, str) else words_of(one)
        if text := " ".join(words.split()):
            return text
    return ""


def _number(pattern: str | None, words: str) -> int | None:
    found = re.search(pattern, words) if pattern is not None else None
    return int(found[1]) if found is not None and found[1] and found[1].isdecimal() else None


def _span(cell: etree._Element) -> int:
    told = cell.get("colspan") or "1"
    return min(int(told), 50) if told.isdecimal() and int(told) else 1


def _bare(text: str) -> str:
    return _SPACE.sub("", text)
