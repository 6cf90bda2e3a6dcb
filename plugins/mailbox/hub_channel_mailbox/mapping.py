"""From one mail to a demand: tags of the subject, the reporter, the time; nothing that asks the outside."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from hub.model.codes import Anonymity, DemandType, Urgency
from hub.model.demand import Attachment, Demand, Reporter
from hub.sdk import Code, RawRecord, RecordRejected
from hub.sdk.readers.mail import HEADERS_ONLY, REFERENCE_ONLY
from hub.sdk.readers.mail_forward import Letter, bare_subject, letter_in
from hub.sdk.readers.mail_parse import Mail, read_mail, sent_at
from hub.sdk.readers.mail_text import signature_phone, tidy
from hub_channel_mailbox.settings import ImapSource, MailboxSettings

TYPE_TAGS: Mapping[str, DemandType] = {
    "咨询": DemandType.CONSULTATION,
    "求助": DemandType.HELP,
    "投诉": DemandType.COMPLAINT,
    "举报": DemandType.REPORT,
    "投诉举报": DemandType.REPORT,  # the stricter of the two: a report is kept secret
    "举报投诉": DemandType.REPORT,
    "建议": DemandType.SUGGESTION,
    "意见": DemandType.SUGGESTION,
    "意见建议": DemandType.SUGGESTION,
    "表扬": DemandType.PRAISE,
    "感谢": DemandType.PRAISE,
    "其他": DemandType.OTHER,
    "其它": DemandType.OTHER,
}
URGENCY_TAGS: Mapping[str, Urgency] = {
    "一般": Urgency.NORMAL,
    "紧急": Urgency.URGENT,
    "加急": Urgency.URGENT,
    "特急": Urgency.CRITICAL,
}
MAX_TITLE = 2_000
MAX_CONTENT = 1_000_000
TITLE_FROM_CONTENT = 50
# 【】, and the full-width square and tortoise-shell brackets that stand in for them; [] is often a mailing list's or a filter's own mark.
_TAG = re.compile(
    r"\s*(?:【([^【】]{1,40})】|\uff3b([^\uff3b\uff3d]{1,40})\uff3d|\u3014([^\u3014\u3015]{1,40})\u3015|\[([^\[\]]{1,40})\])"
)
_ASCII_TAG = 4


class MailboxMapping:
    """Reads the mails of one configured mailbox.

    Args:
        zone: Of times without a zone.
    """

    def __init__(self, settings: MailboxSettings, zone: tzinfo) -> None:
        self._settings = settings
        self._zone = zone
        source = settings.source
        self._own_domains = source.own_domains if isinstance(source, ImapSource) else ()
        self._types = {**TYPE_TAGS, **settings.type_tags}
        self._known = frozenset((*self._types, *URGENCY_TAGS))

    def demand(self, raw: RawRecord) -> Demand:
        """What the mail says.

        Raises:
            RecordRejected: ``mail_automatic`` (a machine wrote it), ``value_unmapped`` (a 【tag】 that no table knows),
                ``record_empty``, ``field_missing`` (no time), ``record_unreadable``, ``record_too_large``.
        """
        if raw.media_type in (HEADERS_ONLY, REFERENCE_ONLY):
            raise _not_fetched(raw)
        mail = read_mail(raw.body)
        letter = letter_in(mail, self._own_domains)
        _refuse_automatic(mail)
        _refuse_automatic(letter.mail)
        if letter.mail.is_encrypted:
            raise RecordRejected(
                "mail: its words are encrypted (expected readable text); ask the sender for it in the clear, "
                "or enter the demand by hand",
                code=Code.RECORD_UNREADABLE,
            )
        title, demand_type, tag, urgency = self._judged(letter, mail)
        content = tidy("\n".join(letter.lines))
        quality = [*_quality(letter, mail, content)]
        submitted_at, assumed = self._submitted_at(letter, mail)
        quality += assumed
        if not content and not title and not mail.attachments:
            raise RecordRejected(
                "mail: neither words nor attachments (expected a demand's words); look at it with `hub quarantine show`",
                code=Code.RECORD_EMPTY,
            )
        return Demand(
            source_no=raw.source_no or "",
            submitted_at=submitted_at,
            demand_type=demand_type,
            type_source_text=tag,
            title=(title or _first_words(content))[:MAX_TITLE],
            content=content[:MAX_CONTENT] or title or "（正文为空，见附件）",
            reporter=_reporter(letter),
            anonymity=self._anonymity(demand_type),
            urgency=urgency,
            sub_source=self._settings.sub_source,
            attachments=_attachments(mail),
            quality=tuple(dict.fromkeys(quality)),
        )

    def _judged(self, letter: Letter, mail: Mail) -> tuple[str, DemandType, str | None, Urgency]:
        """Title without its tags, type, the tag that gave it, urgency. Source: R26: a tag that no table knows is never guessed."""
        title, tags = _tags(letter.subject, self._known)
        outer = bare_subject(mail.subject)[0]
        outer_tags = _tags(outer, self._known)[1] if outer != letter.subject else []
        urgency = max(
            (URGENCY_TAGS[tag] for tag, _ in [*tags, *outer_tags] if tag in URGENCY_TAGS),
            default=Urgency.NORMAL,
        )
        for found in (tags, outer_tags):
            for tag, _ in found:
                if tag in self._types:
                    return title, self._types[tag], tag, urgency
        unknown = [tag for tag, is_sure in [*tags, *outer_tags] if is_sure and tag not in URGENCY_TAGS]
        if unknown:
            raise RecordRejected(
                f"field 'Subject': a tag 【】 of {len(unknown[0])} characters is none of the {len(self._types)} known ones "
                "(expected such as 【投诉】); add it to the setting type_tags and replay the record",
                code=Code.VALUE_UNMAPPED,
                field="Subject",
            )
        return title, self._settings.default_type, None, urgency

    def _submitted_at(self, letter: Letter, mail: Mail) -> tuple[datetime, Sequence[str]]:
        """When the citizen wrote; for a forwarded letter what its header lines say, where that can be."""
        sent, assumed = (
            sent_at(letter.mail, self._zone) if letter.mail is mail else _inner_time(letter, mail, self._zone)
        )
        if letter.sent is None:
            return sent.astimezone(UTC), assumed
        written = letter.sent if letter.sent.tzinfo is not None else letter.sent.replace(tzinfo=self._zone)
        # Header lines without seconds, and clerks' clocks: a forwarded letter was written before it was forwarded.
        if written > sent + timedelta(minutes=10):
            return sent.astimezone(UTC), (*assumed, "FORWARDED_TIME_UNUSABLE")
        return written.astimezone(UTC), assumed

    def _anonymity(self, demand_type: DemandType) -> Anonymity:
        given = self._settings.anonymity
        if demand_type is DemandType.REPORT and given is Anonymity.OPEN:
            return Anonymity.SECRET
        return given


def _inner_time(letter: Letter, mail: Mail, zone: tzinfo) -> tuple[datetime, tuple[str, ...]]:
    """The enclosed mail's own time, or that of the mail that encloses it where it tells none."""
    try:
        return sent_at(letter.mail, zone)
    except RecordRejected:
        sent, assumed = sent_at(mail, zone)
        return sent, (*assumed, "FORWARDED_TIME_UNUSABLE")


def _not_fetched(raw: RawRecord) -> RecordRejected:
    if raw.media_type == HEADERS_ONLY:
        return RecordRejected(
            "mail: larger than max_message_bytes, only its headers are kept (expected the whole mail); raise the setting and copy "
            "the mail into the folder again, or enter the demand by hand",
            code=Code.RECORD_TOO_LARGE,
        )
    return RecordRejected(
        "mail: the server did not hand it over (expected its bytes, found a reference to it); open it in a mail program "
        "and copy it into the folder again",
        code=Code.RECORD_UNREADABLE,
    )


def _refuse_automatic(mail: Mail) -> None:
    if mail.automatic is not None:
        raise RecordRejected(
            f"mail: header {mail.automatic!r} says that a machine sent it (expected a person's mail: no answer by rule, no "
            "undeliverable mail, no mailing list); nothing to do, unless a person did write it: then enter it by hand",
            code=Code.MAIL_AUTOMATIC,
            field=mail.automatic,
        )


def _tags(subject: str, known: Collection[str]) -> tuple[str, list[tuple[str, bool]]]:
    """The subject without its leading tags, and these; True for brackets that are meant as a tag for sure, such as 【】."""
    tags: list[tuple[str, bool]] = []
    kept, rest = "", subject
    while (found := _TAG.match(rest)) is not None:
        tag = "".join(next(group for group in found.groups() if group is not None).split())
        is_sure = found.lastindex != _ASCII_TAG
        tags.append((tag, is_sure))
        kept += "" if is_sure or tag in known else found.group()
        rest = rest[found.end() :]
    return f"{kept}{rest}".strip(" :：-—\u3000"), tags


def _first_words(content: str) -> str:
    """The title of a mail without a subject: its first 50 characters. Source: domain.md §1.1, title."""
    return " ".join(content.split())[:TITLE_FROM_CONTENT].strip()


def _reporter(letter: Letter) -> Reporter:
    """Names and numbers as they were given; a clerk's own signature is nobody's telephone."""
    if letter.sender is None:
        return Reporter(phone=None if letter.by_office else signature_phone(list(letter.lines)))
    return Reporter(
        name=letter.sender.name or None,
        email=letter.sender.address or None,
        phone=signature_phone(list(letter.lines)),
    )


def _attachments(mail: Mail) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(
            name=file.name,
            media_type=file.media_type,
            sha256=hashlib.sha256(file.content).hexdigest(),
            size_bytes=len(file.content),
        )
        for file in mail.attachments
    )


def _quality(letter: Letter, mail: Mail, content: str) -> list[str]:
    found = {
        "FORWARDED": letter.by_office and letter.sender is not None,
        "OFFICE_SENDER": letter.by_office and letter.sender is None,
        "NO_SENDER": not letter.by_office and letter.sender is None,
        "QUOTES_CUT": letter.quotes_cut,
        "NO_TEXT": not content,
        "TEXT_CUT": letter.mail.text_cut or len(content) > MAX_CONTENT,
        "BROKEN_CHARACTERS": "\ufffd" in content or "\ufffd" in letter.subject,
        "ATTACHMENTS_CUT": mail.attachments_cut,
    }
    return [flag for flag, holds in found.items() if holds]
