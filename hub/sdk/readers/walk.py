"""Page after page of one window, without a gap when records leave the window while it is read.

A record that is sent again takes a new update time and leaves the window; everything behind it moves up by one, and
what stood first on the next page slips onto the page that was read already. The declared total shows it: where it
shrank, the page before is read once more. The record that left comes back in the next window.

A record that arrives at the end of the list while its end is read is counted by the last answer and listed by none: the end is then
looked at once more before records are called missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hub.errors import Code, SourceContractError
from hub.sdk.readers.jsonpage import Records
from hub.sdk.readers.pages import NumberedPage, PageGuard


class Walk:
    """One pass over one window.

    Args:
        fetch: Number of a page, from 1 -> its records.
        source: The channel's instance, for messages.
        page_size: Records asked for a page.
        exact: Whether fewer records than declared is an error.
    """

    def __init__(self, fetch: Callable[[int], Records], *, source: str, page_size: int, exact: bool) -> None:
        self._fetch = fetch
        self._source = source
        self._page_size = page_size
        self._exact = exact
        self._guard = PageGuard(source)
        self._seen = 0
        self._total: int | None = None
        self._before: Records | None = None
        self._last: NumberedPage | None = None

    def pages(self, limit: int | None = None) -> Iterator[NumberedPage]:
        """Every page with records; a page that was read once more comes with its new records alone, under its number.

        Raises:
            SourceContractError: A page came twice (``page_repeated``), there is no end (``page_count``), or the source
                gave fewer records than it declares (``page_count``): records would be lost if the position moved.
        """
        number = 1
        while True:
            found = self._fetch(number)
            if self._is_last_again(number, found):
                return
            shrank = self._believe(found)
            if found.raw:
                self._guard.admit(number, found)
                self._seen += len(found.raw)
                self._last = NumberedPage(number, found)
                yield self._last
            if shrank and self._before is not None:
                yield from self._slipped(number - 1, self._before)
            if not found.raw or self._is_end(found):
                break
            if limit is not None and self._seen >= limit:
                return
            self._before = found
            number += 1
        if self._lacks_some():
            yield from self._late(number)
        self._check_total(number)

    def _is_last_again(self, number: int, found: Records) -> bool:
        """Many sources answer a page behind the last one with the last one again."""
        return (
            self._total is not None and self._seen >= self._total and self._guard.repeats(found) == number - 1
        )

    def _is_end(self, found: Records) -> bool:
        """A full page is never the end: a total that is too small must not cut the window short."""
        return len(found.raw) < self._page_size and self._total is not None and self._seen >= self._total

    def _believe(self, found: Records) -> bool:
        """Takes the declared total as far as it can be true; whether records left the window since the page before.

        Not believed: less than was read by position, and a fall by more than a page between two requests (sources that
        count on the first page only declare 0 on the others).
        """
        declared, read = found.total, self._seen + len(found.raw)
        if self._total is not None and self._total < read:
            self._total = None  # refuted: more was read than it said
        if declared is None:
            return False
        if self._total is None:
            self._total = declared if declared >= read else None
            return False
        fell = self._total - declared
        if fell <= 0:
            self._total = declared
            return False
        before = len(self._before.raw) if self._before is not None else 0
        if fell > before or (found.raw and declared < read):
            return False
        # What an empty page declares may lie below what was read: those who left had been read.
        unread = self._total > self._seen
        self._total = declared
        return unread

    def _lacks_some(self) -> bool:
        return self._exact and self._total is not None and self._seen < self._total

    def _late(self, end: int) -> Iterator[NumberedPage]:
        """What arrived at the end since it was read: on the last page where that one has room, else on the one behind it."""
        last = self._last
        if last is not None and len(last.records.raw) < self._page_size:
            pages = self._slipped(last.number, last.records)
        else:
            pages = self._slipped(end, Records([], None))
        for page in pages:
            self._seen += len(page.records.raw)
            yield page

    def _slipped(self, number: int, known: Records) -> Iterator[NumberedPage]:
        again = self._fetch(number)
        old = set(known.raw)
        fresh = [index for index, body in enumerate(again.raw) if body not in old]
        if fresh:
            problems = {
                place: again.unreadable[index]
                for place, index in enumerate(fresh)
                if index in again.unreadable
            }
            raw = [again.raw[index] for index in fresh]
            yield NumberedPage(number, Records(raw, again.total, problems, again.document, again.place))

    def _check_total(self, number: int) -> None:
        if not self._lacks_some():
            return
        raise SourceContractError(
            f"{self._source}: the source ended on page {number} after {self._seen} records (expected {self._total}, as it declares); "
            "what came is kept and the window is read again at the next run: ask the source's keeper, or set total: hint "
            "in the channel's settings if its total counts more than it lists",
            code=Code.PAGE_COUNT,
        )
