"""Letters that a site shows on its pages: the list from the newest on, and of each letter that is new or has changed its own page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from hub.sdk import (
    ChannelContext,
    Check,
    Code,
    ConfigError,
    Page,
    RawRecord,
    RecordProblem,
    RecordRejected,
    SourceContractError,
    SourceUnavailable,
    Window,
)
from hub.sdk.readers.html import html_page, not_the_page
from hub_channel_mailbox.letters import LetterMapping
from hub_channel_mailbox.seen import Seen
from hub_channel_mailbox.settings import LETTERS, WebPagesSource
from hub_channel_mailbox.web_list import LetterList, Row, read_row
from hub_channel_mailbox.web_names import LETTER_TYPE, PAGE_TYPE

if TYPE_CHECKING:
    from hub.sdk.readers.body import Body
    from hub.sdk.readers.http import HttpReader

# The position tells which letters were read: it may move with every page, whatever their order.
CHECKED_LETTERS = 3


class WebPages:
    """See the module.

    Args:
        source: The settings.
        ctx: The channel's.
        mapping: How letters are read.
    """

    streams = (LETTERS,)

    def __init__(self, source: WebPagesSource, ctx: ChannelContext, mapping: LetterMapping) -> None:
        self._source = source
        self._ctx = ctx
        self._mapping = mapping
        self._opened: HttpReader | None = None

    @property
    def _reader(self) -> HttpReader:
        if self._opened is None:
            from hub.sdk.readers.http import HttpReader

            self._opened = HttpReader(self._source.base_url, self._ctx, self._source.http)
        return self._opened

    def close(self) -> None:
        """Releases the connections."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def pages(self, window: Window) -> Iterator[Page]:
        """Every letter that is new or has changed since the position, from the newest on; see `hub.sdk.Channel.pages`."""
        from hub.sdk.readers.walk import Walk

        letters = LetterList(self._source, self._ctx, self._reader)
        seen = Seen(window.position, letters.today, self._source.reread_days)
        # A page of the length that the site's pages have is never the last by itself.
        walk = Walk(
            letters.page,
            source=self._ctx.instance,
            page_size=max(1, len(letters.first().raw)),
            exact=self._source.total == "exact",
        )
        number = count = 0
        for page in walk.pages():
            number = page.number
            records = self._news(page.records.raw, letters, seen)
            if records:
                yield Page(records, seen.position(), number=number, declared_total=page.records.total)
            count += len(records)
            if window.limit is not None and count >= window.limit:
                return
            if self._is_behind(page.records.raw, letters, seen):
                break
        seen.complete()
        yield Page([], seen.position(), number=number + 1)

    def checks(self) -> list[Check]:
        """Reads the first page of the list and some of its letters; writes nothing."""
        rows: list[Row] = []
        letters = LetterList(self._source, self._ctx, self._reader)
        lines = [self._line("list", lambda: self._look_at_list(letters, rows))]
        if rows:
            lines.append(self._line("letters", lambda: self._look_at_letters(letters, rows)))
        return lines

    # --- the list ------------------------------------------------------------------------------------------------

    def _is_behind(self, raw: list[bytes], letters: LetterList, seen: Seen) -> bool:
        """Whether all that follows was read before and changes no more."""
        return self._source.layout.order == "newest_first" and all(
            seen.is_old(letters.day_of(one)) for one in raw
        )

    def _news(self, raw: list[bytes], letters: LetterList, seen: Seen) -> list[RawRecord]:
        records: list[RawRecord] = []
        failed: SourceContractError | None = None
        asked = sound = 0
        for one in raw:
            row, day = read_row(one), letters.day_of(one)
            if seen.knows(row.identity, one, day):
                continue
            listed = {**row.fields, **({"day": day.isoformat()} if day is not None else {})}
            try:
                record, is_open = self._letter(row, letters, listed)
                sound += row.link is not None
            except SourceContractError as exc:
                failed = exc
                record, is_open = self._set_aside(one, listed, exc), True
            asked += row.link is not None
            records.append(record)
            # A list that shows a letter's state shows also that it changed.
            seen.note(
                row.identity, one, is_open=is_open and (failed is not None or "status" not in row.fields)
            )
        if failed is not None and asked > 1 and not sound:
            raise failed  # not one letter: the site's pages have moved
        return records

    # --- one letter ----------------------------------------------------------------------------------------------

    def _letter(self, row: Row, letters: LetterList, listed: dict[str, str]) -> tuple[RawRecord, bool]:
        """A letter's record, and whether its page may still change.

        Raises:
            SourceUnavailable: The site is away, or asks to come back later.
            SourceContractError: This one page cannot be had.
        """
        url = letters.address_of(row)
        if url is None or row.link is None:
            return self._mapping.landed(listed), False
        told = self._reader.read(
            "GET",
            url,
            lambda body: self._read(body, url),
            headers={"Accept": "text/html,*/*"},
            label="letter",
        )
        fields = {**listed, **told, "link": row.link}
        return self._mapping.landed(fields), self._mapping.is_open(fields)

    def _read(self, body: Body, url: str) -> dict[str, str]:
        page = html_page(body, url, ends=self._source.page_ends)
        told = self._mapping.read(page.root)
        if "content" in told:
            return told
        try:
            not_the_page(page, "the words of a letter")
        except SourceContractError:
            # Some other layout: the whole page is kept, so that it can be read once the settings know it.
            return {**told, "page": body.text()}

    def _set_aside(self, row: bytes, listed: dict[str, str], exc: SourceContractError) -> RawRecord:
        number = self._mapping.landed(listed).source_no
        problem = RecordProblem(exc.code, exc.message)
        return RawRecord(
            number, exc.body or row, media_type=PAGE_TYPE if exc.body else LETTER_TYPE, problem=problem
        )

    # --- looking -------------------------------------------------------------------------------------------------

    def _look_at_list(self, letters: LetterList, rows: list[Row]) -> str:
        found = letters.first()
        rows += [read_row(one) for one in found.raw]
        linked = sum(row.link is not None for row in rows)
        told = "no total" if found.total is None else f"a total of {found.total}"
        return f"{len(rows)} letters, {linked} of them with a page of their own, and {told}"

    def _look_at_letters(self, letters: LetterList, rows: list[Row]) -> str:
        codes: list[str] = []
        looked_at = [row for row in rows if row.link is not None][:CHECKED_LETTERS]
        for row in looked_at:
            record, _ = self._letter(row, letters, dict(row.fields))
            try:
                if record.problem is not None:
                    codes.append(record.problem.code)
                else:
                    self._mapping.demand(record)
            except RecordRejected as exc:
                codes.append(exc.code)
        if codes:
            raise SourceContractError(
                f"{len(codes)} of {len(looked_at)} letters cannot be read ({', '.join(sorted(set(codes)))}; expected none such): compare their pages "
                "with samples/, then mend source.row, source.letter, source.statuses or type_tags in the settings",
                code=Code.PAGE_SHAPE,
            )
        return f"{len(looked_at)} of {len(looked_at)} can be read"

    @staticmethod
    def _line(name: str, look: Callable[[], str]) -> Check:
        try:
            return Check(name, True, look())
        except (SourceUnavailable, SourceContractError, ConfigError) as exc:
            return Check(name, False, exc.message)
