"""Replies to a demand's own platform: 签收, 退回, 延期申请, 办结; what each must hold, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from hub.model.codes import ReplyKind
from hub.sdk.channel import Reply

TITLES: Mapping[ReplyKind, str] = {
    ReplyKind.SIGN: "签收",
    ReplyKind.RETURN: "退回",
    ReplyKind.EXTEND: "延期申请",
    ReplyKind.CLOSE: "办结",
}
TIME_FORM = "%Y-%m-%d %H:%M:%S"
MIN_TEXT = 2
MAX_TEXT = 8_000
_YES_NO = {"true": "是", "false": "否", "yes": "是", "no": "否", "1": "是", "0": "否", "是": "是", "否": "否"}


class Unsendable(Exception):
    """A reply lacks what its kind needs: nothing is sent, and sending it again does not help. The text says what is wrong, nothing personal."""


@dataclass(frozen=True, slots=True)
class CheckedReply:
    """A reply that can be sent.

    Attributes:
        key: The same for every repeat.
        number: The platform's own number of the order.
        kind: What is told.
        at: When it was made, ``yyyy-MM-dd HH:mm:ss`` in the platform's zone; the same for every repeat.
        reason: Of a return or an extension.
        until: Asked-for end of an extension, as it was given.
        public_reply: What the citizen may read; of a closing.
        handling: What was done, for the platform alone; of a closing.
        is_true: 是 or 否: whether what the citizen said is true; of a closing.
        is_solved: 是 or 否; of a closing.
    """

    key: str
    number: str
    kind: ReplyKind
    at: str
    reason: str | None = None
    until: str | None = None
    public_reply: str | None = None
    handling: str | None = None
    is_true: str | None = None
    is_solved: str | None = None

    @property
    def title(self) -> str:
        """The kind in the platform's words."""
        return TITLES[self.kind]


def checked_reply(reply: Reply, zone: tzinfo) -> CheckedReply:
    """The reply, with what its kind needs.

    ``text`` is the reason of ``return`` and ``extend`` and the public answer of ``close``; ``fields`` may hold ``until`` (extend),
    ``handling``, ``is_true`` and ``is_solved`` (close).

    Raises:
        Unsendable: Something is missing or too long.
    """
    text = reply.text.strip()
    closes = reply.kind is ReplyKind.CLOSE
    if reply.kind is not ReplyKind.SIGN and len(text) < MIN_TEXT:
        what = "a public answer" if closes else "a reason"
        raise Unsendable(f"a text of {len(text)} characters (expected {what})")
    if len(text) > MAX_TEXT or len(reply.fields.get("handling", "")) > MAX_TEXT:
        raise Unsendable(f"a text that is too long (expected at most {MAX_TEXT} characters)")
    extends = reply.kind is ReplyKind.EXTEND
    until = reply.fields.get("until", "").strip()
    if extends and not until:
        raise Unsendable("no field until (expected the end that is asked for, yyyy-MM-dd HH:mm:ss)")
    return CheckedReply(
        key=reply.idempotency_key,
        number=reply.source_no,
        kind=reply.kind,
        at=reply.made_at.astimezone(zone).strftime(TIME_FORM),
        reason=text if extends or reply.kind is ReplyKind.RETURN else None,
        until=until if extends else None,
        public_reply=text if closes else None,
        handling=(reply.fields.get("handling") or None) if closes else None,
        is_true=_flag(reply, "is_true") if closes else None,
        is_solved=_flag(reply, "is_solved") if closes else None,
    )


def _flag(reply: Reply, name: str) -> str | None:
    text = reply.fields.get(name, "").strip().lower()
    if text and text not in _YES_NO:
        raise Unsendable(f"field {name} holds something else than yes or no (expected one of them)")
    return _YES_NO.get(text)
