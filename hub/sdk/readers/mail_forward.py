"""Whose letter a mail really is: the sender's own, or the citizen's whom a clerk passed on."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from hub.sdk.readers.mail_dates import written_time
from hub.sdk.readers.mail_parse import Mail, Sender, sender_in
from hub.sdk.readers.mail_text import Quoted, own_words, quoted_mails, trimmed

_PREFIX = re.compile(
    r"\s*(?:(?P<forward>转发|轉寄|轉發|Fwd?|FW)|(?P<answer>回复|答复|回覆|答覆|Re|RE|Aw|Sv))\s*(?:\[\d+\]|\(\d+\))?\s*[:：]\s*",
    re.IGNORECASE,
)
_MAX_STEPS = 40


@dataclass(frozen=True, slots=True)
class Letter:
    """The letter that a mail brings.

    Attributes:
        sender: Who wrote it; None where only the office's own addresses are found, or nobody.
        subject: Without the marks of answering and forwarding.
        lines: Its words.
        sent: When it was written, where the quoted header lines say so; naive where they name no zone. None for the mail's own time.
        mail: The mail whose Date counts where ``sent`` is None.
        by_office: The office's own address sent the mail on.
        quotes_cut: Words quoted from an earlier mail were left out.
    """

    sender: Sender | None
    subject: str
    lines: tuple[str, ...] = field(repr=False)
    sent: datetime | None
    mail: Mail = field(repr=False)
    by_office: bool
    quotes_cut: bool


def bare_subject(subject: str) -> tuple[str, bool, bool]:
    """The subject without its marks, whether one said forwarded, and whether the outermost one said answered."""
    is_forward = is_answer = False
    for step in range(_MAX_STEPS):
        found = _PREFIX.match(subject)
        if found is None:
            break
        is_forward = is_forward or found.group("forward") is not None
        is_answer = is_answer or (step == 0 and found.group("answer") is not None)
        subject = subject[found.end() :]
    return subject.strip(), is_forward, is_answer


def is_own(sender: Sender | None, own_domains: Collection[str]) -> bool:
    """Whether the address belongs to the office: its domain is one of these or below one of them."""
    if sender is None or "@" not in sender.address:
        return False
    domain = sender.address.rpartition("@")[2].rstrip(".")
    return any(domain == own or domain.endswith(f".{own}") for own in own_domains)


def letter_in(mail: Mail, own_domains: Collection[str]) -> Letter:
    """The citizen's letter within a mail.

    From a citizen's address it is the mail itself. From the office's own address it is the innermost mail that was forwarded, enclosed or
    quoted under header lines: the way leads inward through the office's own addresses, and through others as long as
    they only forward; an answer's quotes are not followed. Where no citizen is found, nobody is the reporter: a clerk's
    address must not become the county's most frequent complainant.
    """
    outer = mail
    for _ in range(_MAX_STEPS):
        if not is_own(mail.sender, own_domains):
            break
        if mail.reply_to is not None and not is_own(mail.reply_to, own_domains):
            return _whole(
                mail, mail.reply_to, by_office=False
            )  # a web form, which sends in the citizen's name
        if not mail.enclosed:
            break
        mail = mail.enclosed[0]
    by_office = is_own(outer.sender, own_domains)
    if not is_own(mail.sender, own_domains):
        return _whole(mail, mail.sender, by_office=by_office)
    lines = mail.text.split("\n")
    blocks = quoted_mails(lines)
    chosen = _innermost(blocks, lines, own_domains)
    if chosen is None:
        return _whole(mail, None, by_office=by_office)
    return _quoted(mail, lines, blocks, chosen)


def _whole(mail: Mail, sender: Sender | None, *, by_office: bool) -> Letter:
    subject, is_forward, is_answer = bare_subject(mail.subject)
    # Forwarded as an attachment, without a word: the enclosed mail is what is meant to be read.
    text = mail.text or "\n\n".join(enclosed.text for enclosed in mail.enclosed)
    lines = trimmed(text.split("\n"))
    own = own_words(lines, keep_quoted_mails=is_forward and not is_answer)
    kept = own or lines
    is_cut = bool(own) and own != lines
    return Letter(sender, subject, tuple(kept), None, mail, by_office, is_cut)


def _innermost(blocks: list[Quoted], lines: list[str], own_domains: Collection[str]) -> int | None:
    """Index of the block that holds the citizen's letter."""
    senders = [sender_in(block.sender) for block in blocks]
    chosen: int | None = None
    for index, (block, sender) in enumerate(zip(blocks, senders, strict=True)):
        if is_own(sender, own_domains):
            if chosen is not None:
                break  # an earlier answer of the office, quoted by the citizen
            continue
        if sender is None or (
            not sender.address and any("@" in later.sender for later in blocks[index + 1 :])
        ):
            continue  # a colleague, shown by name alone
        chosen = index
        if not _passes_on(block, _text_of(blocks, index, lines)):
            break
    return chosen


def _passes_on(block: Quoted, words: list[str]) -> bool:
    _, is_forward, is_answer = bare_subject(block.subject)
    return not is_answer and (is_forward or not any(line.strip("> \t") for line in words))


def _text_of(blocks: list[Quoted], index: int, lines: list[str]) -> list[str]:
    end = blocks[index + 1].starts if index + 1 < len(blocks) else len(lines)
    return lines[blocks[index].text_starts : end]


def _quoted(mail: Mail, lines: list[str], blocks: list[Quoted], index: int) -> Letter:
    block = blocks[index]
    words = [_unquoted(line) for line in _text_of(blocks, index, lines)]
    if not any(line.strip() for line in words):
        words = [_unquoted(line) for line in lines[block.text_starts :]]
    words = trimmed(words)
    own = own_words(words)
    kept = own or words
    outer_subject, _, _ = bare_subject(mail.subject)
    inner_subject, _, _ = bare_subject(_unquoted(block.subject))
    is_cut = index + 1 < len(blocks) or (bool(own) and own != words)
    return Letter(
        sender_in(block.sender),
        inner_subject or outer_subject,
        tuple(kept),
        written_time(block.sent),
        mail,
        True,
        is_cut,
    )


def _unquoted(line: str) -> str:
    return re.sub(r"\A\s{0,3}(?:>\s?)+", "", line)
