"""Fetches a folder of mails; see `hub.sdk.declarative.readers.Mail`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hub.errors import Code, RecordRejected
from hub.sdk.channel import CheckReport, Order, Page, PositionKind, RawRecord, Stream, Window
from hub.sdk.declarative.contents import Content
from hub.sdk.declarative.document import SourceDocument
from hub.sdk.declarative.fetch import DeclaredSettings, Fetcher, Land
from hub.sdk.readers.mail import MAIL, MailReader, MailSource, Security
from hub.sdk.readers.mail_forward import letter_in
from hub.sdk.readers.mail_parse import read_mail, sent_at
from hub.sdk.readers.mail_text import signature_phone, tidy

COLUMNS = ("subject", "tag", "content", "sent_at", "name", "address", "phone", "number")
_TAG = re.compile(r"\s*【([^【】]{1,40})】\s*")
SecretName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$", description="Name of a secret, not its value.")
]


class MailSettings(DeclaredSettings):
    """One mail account.

    Attributes:
        host: Name of the IMAP server.
        user: Login name, often the whole address.
        password_secret: Name of the secret that holds the password.
        security: ``tls``, ``starttls``, or ``plain`` (only to this machine).
        port: 993 with security tls, 143 otherwise, where it is not given.
        folder: In place of the file's.
        ca_file: PEM file of the authority that signed the server's certificate, where no public one did.
    """

    host: str = Field(min_length=1, max_length=253)
    user: str = Field(min_length=1, max_length=320, pattern=r"^[^\x00-\x1f\x7f]+$")
    password_secret: SecretName
    security: Security = Security.TLS
    port: int | None = Field(default=None, ge=1, le=65_535)
    folder: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    ca_file: str | None = None


class MailContent(Content):
    """A mail by its columns.

    Raises:
        RecordRejected: A machine wrote it (``mail_automatic``), it is encrypted or no mail (``record_unreadable``).
    """

    def __init__(self, raw: RawRecord) -> None:
        if raw.media_type != MAIL:
            raise RecordRejected(
                "mail: it was not fetched whole (expected its bytes); open it in a mail program and enter the demand by hand",
                code=Code.RECORD_UNREADABLE,
            )
        mail = read_mail(raw.body)
        letter = letter_in(mail, ())
        for one in (mail, letter.mail):
            if one.automatic is not None:
                raise RecordRejected(
                    f"mail: header {one.automatic!r} says that a machine sent it (expected a person's mail); nothing to do",
                    code=Code.MAIL_AUTOMATIC,
                )
        if letter.mail.is_encrypted:
            raise RecordRejected(
                "mail: its words are encrypted (expected readable text); ask the sender for it in the clear",
                code=Code.RECORD_UNREADABLE,
            )
        self._mail = letter.mail
        tag = _TAG.match(letter.subject)
        sender = letter.sender
        lines = list(letter.lines)
        self._texts: dict[str, str | None] = {
            "subject": letter.subject[tag.end() :] if tag else letter.subject,
            "tag": tag[1] if tag else None,
            "content": tidy("\n".join(lines)),
            "name": sender.name if sender else None,
            "address": sender.address if sender else None,
            "phone": signature_phone(lines),
            "number": raw.source_no,
            "sent_at": "sent",  # see moment()
        }

    def text(self, place: str, *, literal: bool) -> str | None:
        """See `Content.text`."""
        return self._texts.get(place)

    def moment(self, place: str, zone: tzinfo, *, literal: bool) -> datetime | None:
        """When the mail was sent; see `hub.sdk.readers.mail_parse.sent_at`."""
        if place != "sent_at":
            return super().moment(place, zone, literal=literal)
        return sent_at(self._mail, zone)[0]


class MailFetcher(Fetcher):
    """See `hub.sdk.declarative.readers.Mail`."""

    Settings: ClassVar[type[DeclaredSettings]] = MailSettings

    def __init__(self, document: SourceDocument, settings: Any, ctx: Any) -> None:
        super().__init__(document, settings, ctx)
        rule: Any = document.reader
        self._reader = MailReader(
            MailSource(
                host=settings.host,
                port=settings.port,
                security=settings.security,
                user=settings.user,
                password_secret=settings.password_secret,
                folder=settings.folder or rule.folder,
                max_message_bytes=rule.max_message_bytes,
                ca_file=settings.ca_file,
            ),
            ctx,
        )

    @staticmethod
    def stream(document: SourceDocument) -> Stream:
        """By UID, ascending."""
        return Stream(document.stream.name, PositionKind.MAIL, Order.ASCENDING)

    @staticmethod
    def open_record(raw: RawRecord) -> Content:
        """See `Fetcher.open_record`."""
        return MailContent(raw)

    def pages(self, stream: Stream, window: Window, land: Land) -> Iterator[Page]:
        """Every mail that arrived after the position; the reader has numbered them already."""
        return self._reader.pages(window)

    def check(self, land: Land, normalize: Callable[[RawRecord], object]) -> CheckReport:
        """Connection, login, folder and one page; the folder is opened read-only."""
        return self._reader.check()

    def close(self) -> None:
        """Ends the connection."""
        self._reader.close()
