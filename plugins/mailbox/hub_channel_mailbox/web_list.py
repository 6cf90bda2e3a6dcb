"""The list of a web mailbox, page by page: how one gets from page to page, which rows stand there, and on which day each was written."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import msgspec

from hub.sdk import ChannelContext, Code, SourceContractError
from hub.sdk.readers.html import html_page
from hub.sdk.readers.html_dates import ListYears, written_day
from hub.sdk.readers.html_list import ListedPage, listed_page
from hub.sdk.readers.jsonpage import Records
from hub_channel_mailbox.settings import WebPagesSource
from hub_channel_mailbox.web_names import ROW

if TYPE_CHECKING:
    from hub.sdk.readers.body import Body
    from hub.sdk.readers.http import HttpReader

_MOST_KEPT = 1_000  # pages whose address and last day are remembered; only the one before is asked for again


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the list, as its bytes in `Records.raw` say it.

    Attributes:
        link: Address of the letter's page: from the host on where it lies on the site itself, so that a site which moves to another host or to
            https shows the same letters.
    """

    link: str | None = None
    fields: dict[str, str] = {}

    @property
    def identity(self) -> str:
        """What the letter is known by: its page's address, else its number, else its words."""
        return self.link or self.fields.get("number") or "\n".join(self.fields.values())


encode = msgspec.json.Encoder(order="sorted").encode
read_row = msgspec.json.Decoder(Row).decode


class LetterList:
    """One pass over the list.

    Args:
        source: The settings.
        ctx: The channel's.
        reader: Of the site.
    """

    def __init__(self, source: WebPagesSource, ctx: ChannelContext, reader: HttpReader) -> None:
        self._source = source
        self._ctx = ctx
        self._reader = reader
        self._places = {name: (*source.row.get(name, ()), *usual) for name, usual in ROW.items()}
        self.today = ctx.clock.now().astimezone(ctx.zone).date()
        # Number of a page -> its address, and the last day on the page before it.
        self._ways: dict[int, tuple[str | None, date | None]] = {1: (reader.url(source.list_path), None)}
        self._days: dict[bytes, date | None] = {}
        self._first: Records | None = None

    def first(self) -> Records:
        """The first page; `page` gives it once more without asking."""
        self._first = self._asked(1)
        return self._first

    def page(self, number: int) -> Records:
        """The rows of a page, each as the bytes of a `Row`; none where no way leads to it."""
        if number == 1 and self._first is not None:
            found, self._first = self._first, None
            return found
        return self._asked(number)

    def day_of(self, row: bytes) -> date | None:
        """The day that a row names, its year from the order of the list where it names none; None where nobody can tell."""
        return self._days.get(row)

    def _asked(self, number: int) -> Records:
        url, before = self._ways.get(number, (None, None))
        if url is None:
            return Records([], None, place=f"{self._ctx.instance}: page {number}")
        listed, place = self._reader.read(
            "GET",
            url,
            lambda body: self._read(body, url, number),
            headers={"Accept": "text/html,*/*"},
            label=f"page {number}",
        )
        self._ways.pop(number - _MOST_KEPT, None)
        raw = [encode(Row(link=self._on_site(row.link), fields=dict(row.fields))) for row in listed.rows]
        last = self._date(raw, listed, before, place)
        self._ways[number + 1] = (self._next(number, listed), last)
        return Records(raw, listed.total, place=place)

    def address_of(self, row: Row) -> str | None:
        """The absolute address of a row's letter.

        Raises:
            SourceContractError: It lies on another host (code ``page_shape``).
        """
        return self._reader.url(urljoin(self._reader.base_url, row.link)) if row.link is not None else None

    def _on_site(self, link: str | None) -> str | None:
        if link is None:
            return None
        here, there = urlsplit(self._reader.base_url), urlsplit(link)
        same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
        return there._replace(scheme="", netloc="").geturl() or "/" if same else link

    def _read(self, body: Body, url: str, number: int) -> tuple[ListedPage, str]:
        page = html_page(body, url, ends=self._source.page_ends)
        first, what = number == 1, "the list of letters"
        return listed_page(page, self._source.layout, self._places, first=first, what=what), body.place

    def _next(self, number: int, listed: ListedPage) -> str | None:
        layout = self._source.layout
        if listed.next is not None:
            return self._reader.url(listed.next)
        if (
            layout.page_path is None
            or not listed.rows
            or (listed.pages is not None and number >= listed.pages)
        ):
            return None
        called = layout.second_page + number - 1
        return self._reader.url(layout.page_path.replace("{page}", str(called)))

    def _date(self, raw: list[bytes], listed: ListedPage, before: date | None, place: str) -> date | None:
        """Notes the day of every row; gives the last one.

        Raises:
            SourceContractError: The oldest comes first, in a list that is said to begin with the newest: new letters would never be found.
        """
        newest_first = self._source.layout.order == "newest_first"
        years = ListYears(self.today, before)
        days: list[date] = []
        for row, read in zip(raw, listed.rows, strict=True):
            written = written_day(read.fields.get("time"))
            day = years.day(written) if newest_first or (written is not None and written.year) else None
            self._days[row] = day
            if day is not None:
                days.append(day)
        if newest_first and len(set(days)) >= 3 and days == sorted(days):
            raise SourceContractError(
                f"{place}: the oldest letters come first (expected the newest, as layout.order says); set layout.order: any in the channel's "
                "settings, and every page is read each time",
                code=Code.PAGE_SHAPE,
            )
        return years.before
