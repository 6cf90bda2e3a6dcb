"""The readers that a file in YAML may name, and what it says to each. Light: what fetches is imported when it fetches."""

from __future__ import annotations

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


class Paging(Strict):
    """How one page after another is asked for.

    Attributes:
        style: ``page``: by number. ``offset``: by the number of records before it. ``none``: the answer is all there is.
        number: Parameter of the page's number, or of the offset.
        size: Parameter of the number of records asked for.
        page_size: That number.
        first: Number of the first page.
    """

    style: Literal["page", "offset", "none"] = "page"
    number: Param = "page"
    size: Param = "page_size"
    page_size: int = Field(default=100, ge=1, le=10_000)
    first: int = Field(default=1, ge=0, le=1)


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
    """

    path: str = Field(default="", max_length=300)
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    paging: Paging = Paging()
    since: TimeParam | None = None
    until: TimeParam | None = None
    total_is: Literal["exact", "hint"] = "exact"

    has_paths: ClassVar[bool] = True

    @model_validator(mode="after")
    def _until_needs_since(self) -> Self:
        if self.until is not None and self.since is None:
            raise ValueError(
                "until is given without since: a source that cannot be asked for what is new needs neither"
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
