"""Replies to the platform: 签收, 退回, 延期申请, 办结; what each must hold, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, cast

from hub.sdk import Code, DeliveryRefused, Reply
from hub_channel_hotline.settings import ReplyKind

TITLES: Mapping[ReplyKind, str] = {"sign": "签收", "return": "退回", "extend": "延期申请", "answer": "办结"}
MIN_REASON = 2
MAX_TEXT = 8_000
_YES_NO = {"true": "是", "false": "否", "yes": "是", "no": "否", "1": "是", "0": "否", "是": "是", "否": "否"}


@dataclass(frozen=True, slots=True)
class CheckedReply:
    """A reply that can be sent.

    Attributes:
        key: The same for every repeat.
        number: The platform's own number of the order.
        kind: See `TITLES`.
        reason: Of a return or an extension.
        until: Asked-for end of an extension, ``yyyy-MM-dd HH:mm:ss``.
        public_reply: What the citizen may read; of an answer.
        handling: What was done, for the platform alone; of an answer.
        is_true: 是 or 否: whether what the citizen said is true; of an answer.
        is_solved: 是 or 否; of an answer.
    """

    key: str
    number: str
    kind: ReplyKind
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


def checked_reply(reply: Reply) -> CheckedReply:
    """The reply, with what its kind needs.

    ``text`` is the reason of ``return`` and ``extend`` and the public answer of ``answer``; ``fields`` may hold ``until`` (extend),
    ``handling``, ``is_true`` and ``is_solved`` (answer).

    Raises:
        DeliveryRefused: An unknown kind, or something is missing or too long (code ``field_missing``, ``field_invalid``): nothing was
            sent, and sending it again does not help.
    """
    if reply.kind not in TITLES:
        _refuse(reply, Code.FIELD_INVALID, f"kind {reply.kind[:20]!r}", f"one of {', '.join(TITLES)}")
    kind = cast(ReplyKind, reply.kind)
    if not reply.idempotency_key.strip() or not reply.source_no.strip():
        _refuse(reply, Code.FIELD_MISSING, "no key or no number", "both")
    text = reply.text.strip()
    if kind != "sign" and len(text) < MIN_REASON:
        what = "a public answer" if kind == "answer" else "a reason"
        _refuse(reply, Code.FIELD_MISSING, f"a text of {len(text)} characters", what)
    if len(text) > MAX_TEXT or len(reply.fields.get("handling", "")) > MAX_TEXT:
        _refuse(reply, Code.FIELD_INVALID, "a text that is too long", f"at most {MAX_TEXT} characters")
    until = reply.fields.get("until", "").strip()
    if kind == "extend" and not until:
        _refuse(reply, Code.FIELD_MISSING, "no field until", "the end that is asked for, yyyy-MM-dd HH:mm:ss")
    return CheckedReply(
        key=reply.idempotency_key,
        number=reply.source_no,
        kind=kind,
        reason=text or None if kind in ("return", "extend") else None,
        until=until if kind == "extend" else None,
        public_reply=text if kind == "answer" else None,
        handling=reply.fields.get("handling") or None if kind == "answer" else None,
        is_true=_flag(reply, "is_true") if kind == "answer" else None,
        is_solved=_flag(reply, "is_solved") if kind == "answer" else None,
    )


def _flag(reply: Reply, name: str) -> str | None:
    text = reply.fields.get(name, "").strip().lower()
    if text and text not in _YES_NO:
        _refuse(reply, Code.FIELD_INVALID, f"field {name}", "yes or no")
    return _YES_NO.get(text)


def _refuse(reply: Reply, code: Code, found: str, expected: str) -> NoReturn:
    raise DeliveryRefused(
        f"reply to an order of the hotline: {found} (expected {expected}); nothing was sent: mend the reply and give it again",
        code=code,
    )
