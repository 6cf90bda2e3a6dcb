"""From one page to the next where the page itself tells how: by a cursor, or by the next page's address."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NoReturn
from urllib.parse import urldefrag, urljoin

from requests.utils import parse_header_links

from hub.errors import Code, SourceContractError
from hub.sdk.declarative.readers import Paging
from hub.sdk.readers.jsonpage import ABSENT, Records, member_at

LONGEST = 8_000  # characters of a cursor or an address
_UNESCAPED = (("~1", "/"), ("~0", "~"))


@dataclass(frozen=True, slots=True)
class Answered:
    """One page, and what its head says of the next one.

    Attributes:
        records: The page.
        url: Where it was asked for; what a relative address is relative to.
        link: The header ``Link``; empty for none.
    """

    records: Records
    url: str
    link: str = ""


class Follower:
    """Tells what comes behind a page of one window, and that no way leads back.

    Args:
        paging: Of style ``cursor`` or ``next``.
        source: The channel's instance, for messages.
        page_size: Records asked for a page; None where the source takes no such wish.
    """

    def __init__(self, paging: Paging, *, source: str, page_size: int | None) -> None:
        self._paging = paging
        self._source = source
        self._page_size = page_size
        # Of each way that was gone its digest: cursors may be long, and windows too.
        self._gone: dict[bytes, int] = {}
        self._last: bytes | None = None

    def behind(self, answered: Answered, number: int) -> str | None:
        """The cursor, or the absolute address, of the page behind this one; None at the end.

        Raises:
            SourceContractError: It is one that was followed already (``page_repeated``), of no form that it can have, or missing where there must be
                one (``page_shape``).
        """
        told = self._told(answered, number)
        if told is None:
            return None
        if self._paging.style == "next":
            told = self._address(answered.url, told, number)
        digest = sha256(told.encode("utf-8", "surrogatepass")).digest()
        if digest == self._last and not answered.records.raw:
            return None  # nothing more, and the same cursor for whoever asks later: so do sources that are read for ever
        if (before := self._gone.get(digest)) is not None:
            self._fail(
                number,
                f"leads on to where page {before} led already",
                "a way that was not gone yet",
                Code.PAGE_REPEATED,
            )
        self._gone[digest], self._last = number, digest
        return told

    def _told(self, answered: Answered, number: int) -> str | None:
        if self._paging.style == "next" and self._paging.next is None:
            return self._checked(link_to_next(answered.link), number)
        document = answered.records.document
        found = member_at(document, _names(self._paging.next or ""))
        more = member_at(document, _names(self._paging.more)) if self._paging.more is not None else ABSENT
        if more is False:
            return None
        if found is ABSENT and more is not True and self._may_end(answered.records):
            return None
        if found is ABSENT or (more is True and found in (None, "")):
            self._fail(
                number,
                f"has {len(answered.records.raw)} records and nothing at {self._paging.next}",
                "what leads to the next page, or null at the end; a source that leaves it out at the end needs absent_ends: true",
                Code.PAGE_SHAPE,
            )
        return self._checked(found, number)

    def _address(self, here: str, told: str, number: int) -> str:
        try:
            # What stands behind # is the reader's alone: it would hide that the way is the same.
            found = urldefrag(urljoin(here, told)).url
        except ValueError:
            found = ""
        if not found.startswith(("http://", "https://")):
            self._fail(
                number,
                "tells its next page by a text that is no address",
                "one of http or https, whole or relative to the page",
                Code.PAGE_SHAPE,
            )
        return found

    def _may_end(self, records: Records) -> bool:
        is_short = self._page_size is not None and len(records.raw) < self._page_size
        return self._paging.absent_ends or not records.raw or is_short

    def _checked(self, found: Any, number: int) -> str | None:
        if found is None or found == "":
            return None
        if isinstance(found, int) and not isinstance(found, bool) and self._paging.style == "cursor":
            found = str(found)
        if not isinstance(found, str) or len(found) > LONGEST or not found.isprintable():
            what = f"a text of {len(found)} characters" if isinstance(found, str) else type(found).__name__
            self._fail(
                number,
                f"tells its next page by {what}",
                f"a printable text of at most {LONGEST} characters",
                Code.PAGE_SHAPE,
            )
        return found

    def _fail(self, number: int, found: str, expected: str, code: Code) -> NoReturn:
        raise SourceContractError(
            f"{self._source}: page {number} {found} (expected {expected}); what came before is kept and the window is read again: compare the answer "
            "with the source's manual, and paging in the file with both",
            code=code,
        )


def link_to_next(header: str) -> str | None:
    """The target of ``rel="next"`` in a header ``Link`` (RFC 8288), None where there is none."""
    for link in parse_header_links(header) if header else ():
        if "next" in str(link.get("rel", "")).lower().split():
            return str(link["url"])
    return None


def _names(place: str) -> tuple[str, ...]:
    """The names on the way, of a JSON pointer or of a path with full stops."""
    if not place.startswith("/"):
        return tuple(place.split("."))
    names = place[1:].split("/")
    for written, meant in _UNESCAPED:
        names = [name.replace(written, meant) for name in names]
    return tuple(names)
