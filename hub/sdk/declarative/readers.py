"""The readers that a file in YAML may name, and what it says to each. Light: what fetches is imported when it fetches."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from hub.sdk.declarative.rules import Places, Short, Strict

Path = Annotated[str, StringConstraints(max_length=200, pattern=r"^$|^[^.\s]+(\.[^.\s]+)*$")]
Param = Annotated[str, StringConstraints(pattern=r"^[^\s&=?#]{1,60}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,60}$")]


class EnvelopeRule(Strict):
    """How the source tells within HTTP 200 whether its answer is one.

    Attributes:
        code: Where the code stands.
        ok: Codes of a good answer.
        again: Codes by which the source says that it cannot now.
        denied: Codes of a missing or expired login.
        messages: Where the source's own words stand.
    """

    code: Path = "code"
    ok: tuple[str | int, ...] = (0, 200)
    again: tuple[str | int, ...] = (429, 500, 502, 503, 504)
    denied: tuple[str | int, ...] = (401, 403)
    messages: Places = ("message", "msg")


class TimeParam(Strict):
    """A parameter by which the source is asked for what lies on one side of a moment, that moment included.

    Attributes:
        name: Of the parameter.
        form: ``iso`` with the zone, ``iso_z`` in UTC with Z, ``epoch_s``, ``epoch_ms``, or a form of strftime in the source's zone.
    """

    name: Param
    form: Short = "%Y-%m-%d %H:%M:%S"


Followed = Annotated[
    str, StringConstraints(max_length=200, pattern=r"^(/[^/\s]+)+$|^[^./\s][^.\s]*(\.[^.\s]+)*$")
]
"""Where something stands in an answer: names with full stops between them, or a JSON pointer of names."""


class Paging(Strict):
    """How one page after another is asked for.

    Attributes:
        style: ``page``: by number. ``offset``: by the number of records before it. ``cursor``: by what the page before gave for it. ``next``: at the
            address that the page before gave for it. ``none``: the answer is all there is.
        number: Parameter of the page's number, of the offset, or of the cursor.
        size: Parameter of the number of records asked for; null where the source takes none.
        page_size: That number.
        first: Number of the first page.
        next: Where an answer holds the cursor or the address of the page behind it; without it, with ``next``, the header ``Link`` with
            ``rel="next"`` (RFC 8288). Null and an empty text are the end.
        more: Where an answer says whether there is more, beside ``next``.
        absent_ends: Leaving ``next`` out is the end, also behind a full page; otherwise that is an error, for the source may call it otherwise now.
        most_pages: More in one window are an error.
    """

    style: Literal["page", "offset", "cursor", "next", "none"] = "page"
    number: Param = "page"
    size: Param | None = "page_size"
    page_size: int = Field(default=100, ge=1, le=10_000)
    first: int = Field(default=1, ge=0, le=1)
    next: Followed | None = None
    more: Followed | None = None
    absent_ends: bool = False
    most_pages: int = Field(default=10_000, ge=1, le=100_000)

    @property
    def is_followed(self) -> bool:
        """Whether a page tells how the next one is asked for."""
        return self.style in ("cursor", "next")

    @model_validator(mode="after")
    def _fits_its_style(self) -> Self:
        if self.style == "cursor" and self.next is None:
            raise ValueError("a cursor stands somewhere in the answer: say where, in next")
        if not self.is_followed and (self.next is not None or self.more is not None or self.absent_ends):
            raise ValueError(
                f"next, more and absent_ends belong to the styles cursor and next, not to {self.style}"
            )
        if self.size is None and self.style in ("page", "offset"):
            raise ValueError(f"pages by {self.style} need the parameter of their size: say it in size")
        return self


class DayWalk(Strict):
    """Reads a long time in pieces, each with its pages, and remembers the pieces that are done.

    For a source that refuses long spans, or whose whole list takes longer than one run: a run that is cut off goes on with the piece that it was
    at. Each run begins ``stream.overlap_s`` before the end of what was read.

    Attributes:
        days: Length of a piece.
        start: The first day, in the source's zone; hub.yaml may say another (``walk_start``).
    """

    days: int = Field(default=7, ge=1, le=366)
    start: date


class _Http(Strict):
    """What every reader over HTTP is told.

    Attributes:
        path: Below the ``base_url`` that hub.yaml gives.
        query: Further parameters of every request; what says "sorted by number" belongs here.
        headers: Further headers of every request; never a secret.
        paging: See `Paging`.
        since: How the source is asked for what is new; without it every run reads everything.
        until: How the source is asked for no more than stands there now. With it a record that is sent again may leave the window while it is
            read, which is seen by the total; without it the source must sort by a number that does not change.
        total_is: ``exact``: fewer records than the source declares is an error; ``hint``: for a total that counts more than is listed.
        walk: See `DayWalk`; needs ``since`` and ``until``.
    """

    path: str = Field(default="", max_length=300)
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    paging: Paging = Paging()
    since: TimeParam | None = None
    until: TimeParam | None = None
    total_is: Literal["exact", "hint"] = "exact"
    walk: DayWalk | None = None

    has_paths: ClassVar[bool] = True

    @model_validator(mode="after")
    def _until_needs_since(self) -> Self:
        if self.until is not None and self.since is None:
            raise ValueError(
                "until is given without since: a source that cannot be asked for what is new needs neither"
            )
        if self.walk is not None and self.until is None:
            raise ValueError(
                "walk is given without until: a source that is read in pieces is asked for both of their ends"
            )
        return self


class HttpJson(_Http):
    """A list of records over HTTP and JSON.

    Attributes:
        records: Where the list stands; empty where the answer itself is the list.
        total: Where the declared total stands, if anywhere.
        envelope: How the answer is judged; none where there is no envelope.
    """

    kind: Literal["http_json"]
    records: Path = "data.list"
    total: Path | None = None
    envelope: EnvelopeRule | None = None


class Mail(Strict):
    """A folder of a mail account over IMAP.

    Its columns are ``subject``, ``tag`` (what stands in 【】 before the subject), ``content``, ``sent_at``, ``name``, ``address``, ``phone`` (of the
    signature) and ``number``.

    Attributes:
        folder: As a mail program shows it.
        max_message_bytes: A larger mail is set aside with its headers.
    """

    kind: Literal["mail"]
    folder: Short = "INBOX"
    max_message_bytes: int = Field(default=25 * 2**20, ge=1_024, le=200 * 2**20)

    has_paths: ClassVar[bool] = False


class HttpXml(_Http):
    """A list of records over HTTP and XML. Names are local ones, whatever their prefix.

    Attributes:
        records: From the root to the records, both named: ``service_requests.request``; ``*`` for an element of any name, ``<>`` for XML that stands
            as text within XML.
        total: Likewise to the declared total.
        envelope: How the answer is judged, by paths of the same form; none where there is no envelope.
    """

    kind: Literal["xml"]
    records: Path = Field(min_length=1)
    total: Path | None = None
    envelope: EnvelopeRule | None = None

    @model_validator(mode="after")
    def _is_not_followed(self) -> Self:
        if self.paging.is_followed:
            raise ValueError(
                f"paging by {self.paging.style} is read from JSON alone: write page, offset or none"
            )
        return self


class Sheet(Strict):
    """Sheets that are dropped into a folder: .xlsx, .xls, .csv, title rows and merged cells and 同上 and totals and all.

    Columns are named by their headers. The column ``_number`` is the number that a row is given where the sheet has none: made of the file's
    content, the sheet and the row.

    Attributes:
        aliases: Column -> what sheets call it besides.
        sheets: Pattern of the names of the sheets to read; none for every visible sheet that has the header.
    """

    kind: Literal["sheet"]
    aliases: dict[str, tuple[Short, ...]] = Field(default_factory=dict)
    sheets: Short | None = None

    has_paths: ClassVar[bool] = False


class View(Strict):
    """A database view, read page by page by its update time and number; columns that no rule names are not fetched.

    Attributes:
        view: Its name, ``schema.view`` or ``view``.
    """

    kind: Literal["sql_view"]
    view: Annotated[str, StringConstraints(min_length=1, max_length=200)]

    has_paths: ClassVar[bool] = False


ROW_NUMBER = "_number"
Reader = Annotated[HttpJson | HttpXml | Sheet | Mail | View, Field(discriminator="kind")]
