"""What one mail says: who wrote it, when, under which subject, in which words, with which attachments.

Pure: the same bytes give the same `Mail` and the same `source_no`, on every machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from hub.errors import Code, RecordRejected
from hub.sdk.channel import RawAttachment
from hub.sdk.readers.mail_dates import header_time
from hub.sdk.readers.mail_mime import Part, head_of, parse
from hub.sdk.readers.mail_text import flowed_text, html_string_text, html_text, tidy
from hub.sdk.readers.mail_words import decode_text, decode_words

MAX_ATTACHMENTS = 200
MAX_NAME = 120
MAX_TEXT = 1_200_000
CLOCK_SKEW = timedelta(minutes=10)
LONGEST_WAY = timedelta(days=30)

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_IN_ANGLES = re.compile(r"<\s*(?:mailto:)?([^<>\s]{1,128}@[^<>\s]{1,200})\s*>")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a mail is from: the display name as given, empty where there is none, and the address in lower case."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, read.

    Attributes:
        subject: On one line; empty where there is none.
        sender: Of From, else of Sender or Return-Path; None where nobody stands there.
        reply_to: Where an answer is wanted; None where that is not said.
        date: Of the Date header; naive where it names no zone, None where it is missing or no time.
        received_at: Of the topmost Received header, aware; None where there is none.
        text: The words, plain, lines ended by LF; those of enclosed mails are not among them.
        enclosed: Mails that stand in this one as ``message/rfc822``.
        attachments: Of this mail and of all enclosed, each content once; the first level's enclosed mails as ``.eml``.
        automatic: The header that says a machine sent it; None for a person's mail.
        is_encrypted: Its words cannot be read without a key.
        text_cut: The words went on beyond what any letter has; the mail's own bytes hold them all.
        attachments_cut: It holds more attachments than are kept apart; the mail's own bytes hold them all.
    """

    subject: str
    sender: Sender | None
    reply_to: Sender | None
    date: datetime | None
    received_at: datetime | None
    text: str = field(repr=False)
    enclosed: tuple[Mail, ...] = ()
    attachments: tuple[RawAttachment, ...] = field(default=(), repr=False)
    automatic: str | None = None
    is_encrypted: bool = False
    text_cut: bool = False
    attachments_cut: bool = False


def read_mail(raw: bytes) -> Mail:
    """The mail that these bytes are (RFC 822 and all that came after).

    Raises:
        RecordRejected: Its structure passes every bound of an honest mail (code ``record_unreadable``).
    """
    root = parse(raw)
    attachments, is_cut = _attachments(root)
    return _mail(root, attachments, is_cut)


def attachments_of(raw: bytes) -> tuple[RawAttachment, ...]:
    """The attachments of a mail; none where its structure cannot be read."""
    try:
        return _attachments(parse(raw))[0]
    except RecordRejected:
        return ()


def source_no(raw: bytes) -> str:
    """The stable number of a mail: the same wherever and under whatever UID it is read again.

    A digest over Message-ID, From, Date, Subject and the body. Message-ID alone would not do: web forms send different
    letters under one, and some mailers send none. The trace headers that each delivery adds do not count, so that
    a mail that arrives by two ways is one record.
    """
    try:
        head = head_of(raw)
    except RecordRejected:  # headers without an end
        return f"mail-{hashlib.sha256(raw).hexdigest()}"
    digest = hashlib.sha256()
    for name in ("message-id", "from", "date", "subject"):
        digest.update(b" ".join((head.header(name) or b"").split()) + b"\n")
    digest.update(raw[head.body_start :].replace(b"\r\n", b"\n").rstrip(b"\n"))
    return f"mail-{digest.hexdigest()}"


def _mail(root: Part, attachments: tuple[RawAttachment, ...] = (), is_cut: bool = False) -> Mail:
    received = (root.header("received") or b"").rpartition(b";")[2]
    received_at = header_time(decode_words(received))
    text = tidy("\n\n".join(text for text in _texts(root) or _texts(root, named_too=True) if text.strip()))
    return Mail(
        subject=root.text_header("subject"),
        sender=_sender_header(root, "from")
        or _sender_header(root, "sender")
        or _sender_header(root, "return-path"),
        reply_to=_sender_header(root, "reply-to"),
        date=header_time(root.text_header("date")),
        received_at=received_at if received_at is not None and received_at.tzinfo is not None else None,
        text=text[:MAX_TEXT],
        text_cut=len(text) > MAX_TEXT,
        enclosed=tuple(_mail(part.parts[0]) for part in _nearest_mails(root)),
        attachments=attachments,
        automatic=_automatic(root),
        is_encrypted=root.content_type == "multipart/encrypted" or root.content_type.endswith("pkcs7-mime"),
        attachments_cut=is_cut,
    )


def _nearest_mails(root: Part) -> list[Part]:
    """The parts that are enclosed mails, without those enclosed in them."""
    found: list[Part] = []
    waiting = list(reversed(root.parts))
    while waiting:
        part = waiting.pop()
        if part.content_type.startswith("message/"):
            if part.parts:
                found.append(part)
        else:
            waiting.extend(reversed(part.parts))
    return found


def _sender_header(root: Part, name: str) -> Sender | None:
    value = root.header(name)
    if value is None:
        return None
    return sender_in(value.decode("latin-1"), lambda text: decode_words(text.encode("latin-1")))


def sender_in(text: str, read: Callable[[str], str] = str) -> Sender | None:
    """The first sender that a line names: ``"张三" <a@b.cn>``, ``a@b.cn (张三)``, ``张三``; None for an empty line.

    ``read`` turns a name as it stands in the line into text (a header's MIME words).
    """
    angled = _IN_ANGLES.search(text)
    if angled is not None:
        before = text[: angled.start()].rpartition(">")[2]
        return Sender(_name(read(before), angled.group(1)), angled.group(1).lower())
    plain = _ADDRESS.search(text)
    if plain is not None:
        comment = re.search(r"[(（]([^()（）]{1,200})[)）]", text[plain.end() :])
        name = read(comment.group(1)) if comment else read(text[: plain.start()])
        return Sender(_name(name, plain.group()), plain.group().lower())
    words = read(text)
    # An address may stand within a MIME word, though it must not.
    hidden = _ADDRESS.search(words) if words != text else None
    if hidden is not None:
        return Sender(_name(words[: hidden.start()], hidden.group()), hidden.group().lower())
    name = _name(words, "")
    return Sender(name, "") if name else None


def _name(text: str, address: str) -> str:
    name = " ".join(text.split()).strip(" \"'“”<>[],;；，:：").replace('\\"', '"')
    return "" if name.lower() == address.lower() or name.lower() == "mailto" else name[:200]


_STUB = re.compile(r"html", re.IGNORECASE)
_LOOKS_LIKE_HTML = re.compile(r"\s*<(?:!doctype html|html|body|div|p)\b", re.IGNORECASE)


def _texts(part: Part, *, named_too: bool = False) -> list[str]:
    kind = part.content_type
    if kind.startswith("multipart/") and part.parts:
        if kind == "multipart/alternative":
            return _best_alternative(part, named_too)
        shown = part.parts[:1] if kind == "multipart/report" else part.parts
        return [text for child in shown for text in _texts(child, named_too=named_too)]
    if kind.startswith("message/") or _is_attachment(part, named_too=named_too):
        return []
    if kind == "text/html":
        return [html_text(part.content(), part.type_parameters.get("charset"))]
    return [_plain(part)]


def _plain(part: Part) -> str:
    given = part.type_parameters
    text = decode_text(part.content(), given.get("charset"))
    if _LOOKS_LIKE_HTML.match(text) and "</" in text:
        return html_string_text(text)
    if given.get("format", "").lower() == "flowed":
        return flowed_text(text, del_space=given.get("delsp", "").lower() == "yes")
    return text


def _best_alternative(part: Part, named_too: bool) -> list[str]:
    """The plain version, unless it is empty or only says that the mail is to be read as HTML."""
    versions = [(child.content_type, "\n\n".join(_texts(child, named_too=named_too))) for child in part.parts]
    plain = next((text for kind, text in versions if kind == "text/plain" and text.strip()), "")
    rich = next((text for kind, text in reversed(versions) if kind != "text/plain" and text.strip()), "")
    is_stub = len(plain) < 200 and len(rich) > len(plain) and _STUB.search(plain) is not None
    return [rich if is_stub or not plain else plain]


def _is_attachment(part: Part, *, named_too: bool = False) -> bool:
    kind = part.content_type
    if kind.startswith("multipart/"):
        return False
    if kind not in ("text/plain", "text/html") or part.disposition == "attachment":
        return True
    return bool(part.file_name) and not named_too


def _attachments(root: Part) -> tuple[tuple[RawAttachment, ...], bool]:
    found: dict[bytes, RawAttachment] = {}
    outermost = {id(part) for part in _nearest_mails(root)}
    for part in root.walk():
        is_mail = part.content_type.startswith("message/") and bool(part.parts)
        if is_mail and id(part) not in outermost:
            continue
        if not is_mail and (part.parts or not _is_attachment(part)):
            continue
        content = part.content()
        if not content:
            continue
        if len(found) >= MAX_ATTACHMENTS:
            return tuple(found.values()), True
        media_type = (
            part.content_type
            if re.fullmatch(r"[\w.+-]+/[\w.+-]+", part.content_type)
            else "application/octet-stream"
        )
        given = part.file_name or (f"{part.parts[0].text_header('subject')[:60]}.eml" if is_mail else "")
        name = safe_name(given, media_type, len(found) + 1)
        found.setdefault(hashlib.sha256(content).digest(), RawAttachment(name, media_type, content))
    return tuple(found.values()), False


_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff<>:\"|?*]")
# Our own table: the one of the standard library depends on the machine's files.
_ENDINGS = {
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "audio/amr": "amr",
    "audio/mpeg": "mp3",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "message/rfc822": "eml",
    "text/html": "html",
    "text/plain": "txt",
    "video/mp4": "mp4",
}
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)", re.IGNORECASE)


def safe_name(given: str, media_type: str, number: int) -> str:
    """A file's name that leads nowhere: no folders, no control or direction marks, no leading dots, at most 120 characters."""
    name = _UNSAFE.sub("", re.split(r"[/\\]", given)[-1]).strip(" .\t")
    if not name:
        return f"attachment-{number}.{_ENDINGS.get(media_type, 'bin')}"
    if _RESERVED.match(name):
        name = f"_{name}"
    if len(name) > MAX_NAME:
        stem, dot, ending = name.rpartition(".")
        name = (
            f"{stem[: MAX_NAME - 1 - len(ending)]}.{ending}" if dot and len(ending) <= 10 else name[:MAX_NAME]
        )
    return name


_MACHINES = re.compile(r"(?:mailer-daemon|postmaster|double-bounce)(?:@|\Z)", re.IGNORECASE)
_ANSWERS = re.compile(
    r"\s*(?:自动回复|自动答复|自動回覆|系统退信|退信通知|Automatic reply|Auto(?:matic)?[- ]?reply|Out of office|Undeliver|Delivery Status)",
    re.IGNORECASE,
)
_LIST_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "x-autoreply",
    "x-autorespond",
    "x-failed-recipients",
)


def _automatic(root: Part) -> str | None:
    submitted = root.text_header("auto-submitted").partition(";")[0].strip().lower()
    # A mail that a person's rule passes on (auto-forwarded) was still written by a person.
    if submitted and submitted not in ("no", "auto-forwarded"):
        return "Auto-Submitted"
    if root.text_header("precedence").lower() in ("bulk", "junk", "list", "auto_reply"):
        return "Precedence"
    listed = next((name for name in _LIST_HEADERS if root.header(name) is not None), None)
    if listed is not None:
        return listed.title()
    if root.content_type == "multipart/report":
        return "Content-Type"
    sender = _sender_header(root, "from")
    if sender is not None and _MACHINES.match(sender.address or sender.name):
        return "From"
    if (root.header("return-path") or b"").strip() == b"<>":
        return "Return-Path"
    return "Subject" if _ANSWERS.match(root.text_header("subject")) else None


def sent_at(mail: Mail, zone: tzinfo) -> tuple[datetime, tuple[str, ...]]:
    """When the mail was sent, aware, and what had to be assumed for that.

    The Date header counts unless it is missing, no time, without a zone, or cannot be: later than the mail's arrival, or more than
    30 days before it. Then the arrival counts, which our own server wrote into the topmost Received header. A Date without a zone and without
    any Received is taken in ``zone``.

    Raises:
        RecordRejected: Neither header names a time (code ``field_missing``).
    """
    date, arrived = mail.date, mail.received_at
    if date is not None and date.tzinfo is not None:
        if arrived is None:
            return date, ()
        if date > arrived + CLOCK_SKEW:
            return arrived, ("DATE_IN_FUTURE",)
        if date < arrived - LONGEST_WAY:
            return arrived, ("DATE_TOO_OLD",)
        return date, ()
    flag = "DATE_UNREADABLE" if date is None else "DATE_WITHOUT_ZONE"
    if arrived is not None:
        return arrived, (flag,)
    if date is not None:
        return date.replace(tzinfo=zone), (flag,)
    raise RecordRejected(
        "mail: neither header Date nor any Received names a time (expected at least one of them); "
        "ask how this mail came into the folder, or enter the demand by hand",
        code=Code.FIELD_MISSING,
        field="Date",
    )
