"""Reading page after page until the source has no more, with a guard against pages that never end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

from hub.errors import Code, SourceContractError
from hub.sdk.context import Log
from hub.sdk.readers.jsonpage import Records

MOST_PAGES = 100_000
StopOn = Literal["empty", "short", "total"]


class PageGuard:
    """Stops a run in which the source serves a page for the second time, or never ends.

    Compared is the content of the records, not the page around them: a new timestamp in the envelope hides nothing.
    An empty page may come again. A source that shifts rows between pages repeats records, not pages; only with
    one record a page the two cannot be told apart.
    """

    def __init__(self, source: str, *, most_pages: int = MOST_PAGES) -> None:
        self._source = source
        self._most_pages = most_pages
        self._seen: dict[int, int] = {}
        self._pages = 0

    def repeats(self, records: Records) -> int | None:
        """The number of the page that had these very records, or None."""
        return self._seen.get(records.fingerprint) if records.raw else None

    def admit(self, number: int, records: Records) -> None:
        """Takes note of a page.

        Raises:
            SourceContractError: Its records were all served before (``page_repeated``), or there are more pages
                than any window holds (``page_count``).
        """
        if (first := self.repeats(records)) is not None:
            raise SourceContractError(
                f"{self._source}: page {number} holds the same {len(records.raw)} records as page {first} "
                f"({records.place}; expected other records); what came before is kept: check which paging parameters "
                "the source reads",
                code=Code.PAGE_REPEATED,
            )
        self._pages += 1
        if self._pages > self._most_pages:
            self._endless(number)
        if records.raw:
            self._seen[records.fingerprint] = number

    def _endless(self, number: int) -> NoReturn:
        raise SourceContractError(
            f"{self._source}: page {number} passes the bound of {self._most_pages} pages in one run (expected an end "
            "before); what came before is kept: check the paging parameters, or raise most_pages",
            code=Code.PAGE_COUNT,
        )


@dataclass(frozen=True, slots=True)
class NumberedPage:
    """A page with its number as the source counts."""

    number: int
    records: Records


def paged(
    fetch_page: Callable[[int], Records],
    *,
    source: str,
    log: Log,
    page_size: int | None = None,
    first: int = 1,
    stop_on: StopOn = "empty",
    limit: int | None = None,
    guard: PageGuard | None = None,
) -> Iterator[NumberedPage]:
    """Pages ``first``, ``first + 1``, ... until the end; the empty page that tells the end is not yielded.

    When the end has come:

    - ``empty`` (the safe way): at the first page without records. A short page is not the end (it may be cut or
      filtered by rights), and neither is the declared total (it may lie). Many sources answer a page behind the
      last one with the last one again: that is the end if, and only if, the declared total was read by then.
    - ``short``: also at a page with fewer than ``page_size`` records; for a source that refuses a page behind
      the last one.
    - ``total``: also when as many records were read as the source declares; without a total as ``empty``.

    Where the declared total and the number read differ at the end, ``source_total_differs`` is logged as a warning
    with both; nothing is decided by it.

    Args:
        fetch_page: Page number -> its records.
        source: Name for messages: the channel's instance.
        log: The context's log.
        page_size: What was asked for; needed by ``short``.
        first: Number of the first page.
        stop_on: See above.
        limit: Stops after the page with which at least so many records were read.
        guard: One for the run; by default a new one.

    Raises:
        SourceContractError: See `PageGuard.admit`; and whatever ``fetch_page`` raises.
        ValueError: ``short`` without a ``page_size``.
    """
    if stop_on == "short" and not page_size:
        raise ValueError("stop_on='short' needs page_size")
    guard = guard or PageGuard(source)
    seen, total, number = 0, None, first
    while True:
        records = fetch_page(number)
        total = records.total if records.total is not None else total
        if not records.raw or _clamped(guard, records, number, seen, total):
            break
        guard.admit(number, records)
        seen += len(records.raw)
        yield NumberedPage(number, records)
        if limit is not None and seen >= limit:
            return
        if stop_on == "short" and page_size and len(records.raw) < page_size:
            break
        if stop_on == "total" and total is not None and seen >= total:
            break
        number += 1
    if total is not None and total != seen:
        log.warning(
            "source_total_differs", source=source, declared=total, seen=seen, pages=number - first + 1
        )


def _clamped(guard: PageGuard, records: Records, number: int, seen: int, total: int | None) -> bool:
    """The source answers a page behind the last one with the last one."""
    return guard.repeats(records) == number - 1 and total is not None and seen >= total
