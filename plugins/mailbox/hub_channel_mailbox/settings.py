"""Settings of the mailbox channel, as hub.yaml gives them; the password is named here, never written."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from hub.model.codes import Anonymity, DemandType
from hub.sdk import ChannelSettings
from hub.sdk.readers.mail import MailSource, Security
from hub.sdk.readers.mail_connect import is_loopback

SecretName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$", description="Name of a secret, not its value.")
]
Domain = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")
]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=12)]


class MailboxSettings(ChannelSettings):
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
        default_type: Of a mail whose subject bears no 【tag】.
        type_tags: Tags of this county beside the usual ones (投诉, 举报, 咨询, 求助, 建议, 表扬 …); they go before those.
        anonymity: Of a mail, whose writer was never asked; a report (举报) is secret all the same.
        sub_source: Name of the mailbox in reports, such as 书记县长信箱.
        allow_plain: A tunnel protects the way to the server.
        ca_file: PEM file of the authority that signed the server's certificate, where no public one did.
        timeout_s: Longest silence of the server.
        rate_per_s: Most questions a second, over all processes; none for no limit.
    """

    host: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=253)]
    port: int | None = Field(default=None, ge=1, le=65_535)
    security: Security = Security.TLS
    user: Annotated[str, StringConstraints(min_length=1, max_length=320)]
    password_secret: SecretName
    folder: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "INBOX"
    batch: int = Field(default=50, ge=1, le=500)
    max_message_bytes: int = Field(default=25 * 2**20, ge=1_024, le=200 * 2**20)
    own_domains: tuple[Domain, ...] = ()
    default_type: DemandType = DemandType.COMPLAINT
    type_tags: dict[Tag, DemandType] = Field(default_factory=dict)
    anonymity: Anonymity = Anonymity.SECRET
    sub_source: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = None
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

    def source(self) -> MailSource:
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
