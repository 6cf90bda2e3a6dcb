"""Settings of the mailbox channel, as hub.yaml gives them; secrets are named here, never written."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from hub.model.codes import Anonymity, DemandStatus, DemandType
from hub.sdk import ChannelSettings, Order, PositionKind, Stream
from hub.sdk.readers.html_policy import ListLayout, Pattern, Place, XPathText
from hub.sdk.readers.mail import MailSource, Security
from hub.sdk.readers.mail_connect import is_loopback
from hub.sdk.readers.policy import HttpPolicy
from hub_channel_mailbox.web_names import LETTER, ROW

SecretName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$", description="Name of a secret, not its value.")
]
Domain = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")
]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=12)]

LETTERS = Stream("letters", PositionKind.OPAQUE, Order.ASCENDING)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImapSource(_Strict):
    """One folder of one mail account.

    Attributes:
        host: Name of the IMAP server.
        port: 993 with security tls, 143 otherwise, where it is not given.
        security: ``tls``, ``starttls``, or ``plain``; plain only to this machine unless ``allow_plain``.
        user: Login name, often the whole address.
        password_secret: Name of the secret that holds the password, or the provider's authorisation code.
        folder: As a mail program shows it, also in Chinese.
        batch: Mails a page.
        max_message_bytes: A larger mail is set aside with its headers.
        own_domains: The office's own mail domains, each with all below it: a mail from there is a colleague's, and the
            reporter is whoever wrote what was forwarded.
        allow_plain: A tunnel protects the way to the server.
        ca_file: PEM file of the authority that signed the server's certificate, where no public one did.
        timeout_s: Longest silence of the server.
        rate_per_s: Most questions a second, over all processes; none for no limit.
    """

    kind: Literal["imap"]
    host: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=253)]
    port: int | None = Field(default=None, ge=1, le=65_535)
    security: Security = Security.TLS
    user: Annotated[str, StringConstraints(min_length=1, max_length=320)]
    password_secret: SecretName
    folder: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "INBOX"
    batch: int = Field(default=50, ge=1, le=500)
    max_message_bytes: int = Field(default=25 * 2**20, ge=1_024, le=200 * 2**20)
    own_domains: tuple[Domain, ...] = ()
    allow_plain: bool = False
    ca_file: str | None = None
    timeout_s: float = Field(default=30.0, gt=0, le=300)
    rate_per_s: float | None = Field(default=None, gt=0)

    @field_validator("user", "folder")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        if any(character < " " or character == "\x7f" for character in value):
            raise ValueError("must hold no control characters")
        return value

    @model_validator(mode="after")
    def _is_protected(self) -> Self:
        if self.security is Security.PLAIN and not self.allow_plain and not is_loopback(self.host):
            raise ValueError(
                "security plain sends the password readable to another machine: set security to tls or starttls, "
                "or allow_plain where a tunnel protects the way"
            )
        return self

    def for_reader(self) -> MailSource:
        """What the reader is told."""
        return MailSource(
            host=self.host,
            port=self.port,
            security=self.security,
            user=self.user,
            password_secret=self.password_secret,
            folder=self.folder,
            batch=self.batch,
            max_message_bytes=self.max_message_bytes,
            allow_plain=self.allow_plain,
            ca_file=self.ca_file,
            timeout_s=self.timeout_s,
            rate_per_s=self.rate_per_s,
        )


class WebPagesSource(_Strict):
    """A mailbox that a site shows on its pages, such as 县长信箱: a list of letters, and a page for each.

    Attributes:
        base_url: Scheme and host of the site, and the path below which all its pages lie.
        list_path: Of the first page of the list, below ``base_url``.
        layout: How the list is laid out, and how one gets from page to page.
        row: Name of a field -> where it stands in a row, tried before the usual places: the heading of its column, or an XPath from the row on.
            Fields: number, title, type, time, status.
        letter: Name of a field -> where it stands on the page of a letter, tried before the usual places: the label beside or above it, or an
            XPath. Fields: those of ``row``, writer, phone, email, department, content, reply, reply_department, reply_time.
        letter_at: XPath of the part of a letter's page that holds the letter; null for the whole page.
        number_in_link: Pattern with one group, searched in the address of a letter's page: its number, where the pages print none.
        statuses: What this site calls a state of a letter -> its meaning here; they go before the usual names.
        reread_days: A letter's page is read again when its row in the list changes, and, where the list shows no state, at every run until it is
            answered; for letters of so many days. A letter that the site shows for the first time later than that is not found.
        total: ``exact``: fewer letters than the list declares is an error; ``hint``: for a site that counts more than it lists.
        page_ends: A page without ``</html>`` was cut short; false for a site that never closes its pages.
        http: Times, tries, sizes, rate, TLS; by default two pages a second and 8 MiB a page at most.
    """

    kind: Literal["web_pages"]
    base_url: str
    list_path: str = ""
    layout: ListLayout = ListLayout()
    row: dict[str, tuple[Place, ...]] = Field(default_factory=dict)
    letter: dict[str, tuple[Place, ...]] = Field(default_factory=dict)
    letter_at: XPathText | None = None
    number_in_link: Pattern | None = None
    statuses: dict[str, DemandStatus] = Field(default_factory=dict)
    reread_days: int = Field(default=60, ge=1, le=3_650)
    total: Literal["exact", "hint"] = "exact"
    page_ends: bool = True
    http: HttpPolicy = HttpPolicy(rate_per_s=2.0, burst=5, max_body_bytes=8 * 2**20)

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("base_url must begin with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _fields_are_known(self) -> Self:
        for name, given, known in (("row", self.row, ROW), ("letter", self.letter, LETTER)):
            if unknown := sorted(set(given) - set(known)):
                raise ValueError(f"{name}: no fields of it: {', '.join(unknown)}; known: {', '.join(known)}")
        return self


MailboxSource = Annotated[ImapSource | WebPagesSource, Field(discriminator="kind")]


class MailboxSettings(ChannelSettings):
    """One mailbox. Settings without a ``source`` are those of an IMAP folder, all on one level, as they were written once.

    Attributes:
        source: Where its letters come from: ``imap``, mails in a folder; ``web_pages``, a site that shows them.
        default_type: Of a mail whose subject bears no 【tag】, and of a letter that bears no type.
        type_tags: Tags and types of this county beside the usual ones (投诉, 举报, 咨询, 求助, 建议, 表扬 …); they go before those.
        anonymity: Of a writer, who was never asked; a report (举报) is secret all the same.
        sub_source: Name of the mailbox in reports, such as 书记县长信箱.
    """

    source: MailboxSource
    default_type: DemandType = DemandType.COMPLAINT
    type_tags: dict[Tag, DemandType] = Field(default_factory=dict)
    anonymity: Anonymity = Anonymity.SECRET
    sub_source: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _on_one_level(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "source" in given or "host" not in given:
            return given
        of_mails = set(ImapSource.model_fields) - {"kind"}
        source = {name: value for name, value in given.items() if name in of_mails}
        rest = {name: value for name, value in given.items() if name not in of_mails}
        return {"source": {"kind": "imap", **source}, **rest}
