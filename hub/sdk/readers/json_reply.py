"""A reply posted as JSON to a platform's interface, and what the platform says to it: taken, taken before, or no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from hub.errors import Code, SourceContractError
from hub.sdk.channel import ReplyReceipt
from hub.sdk.readers.body import Body
from hub.sdk.readers.envelope import Envelope, Path, code_text
from hub.sdk.readers.jsonpage import json_document
from hub.sdk.replies import CheckedReply

if TYPE_CHECKING:
    from hub.sdk.readers.http import HttpReader

_SHOWN = 20


def posted_reply(
    reader: HttpReader,
    path: str,
    members: Mapping[str, str | None],
    reply: CheckedReply,
    *,
    envelope: Envelope,
    repeated: frozenset[str] = frozenset(),
) -> ReplyReceipt:
    """Posts a reply as a JSON object; its key goes as the header Idempotency-Key, too, and the call is made again like a question.

    Args:
        reader: Of the platform.
        path: Below the reader's base URL.
        members: What the object holds, by the platform's names; None is left out.
        reply: What is told.
        envelope: How the answer is judged.
        repeated: Codes by which the platform says that it had taken a reply before.

    Returns:
        Accepted; or not, where the platform says no for good by a code in its envelope, in HTTP 200 or with a status 4xx.

    Raises:
        SourceUnavailable: The platform is away, busy or wants a login (401, 403, 429, 5xx, or codes that say so).
        SourceContractError: It answers what nobody expects, such as a 4xx without its envelope: the address may be wrong.
        ConfigError: A secret or certificate file is missing.
    """
    body = msgspec.json.encode({name: value for name, value in members.items() if value is not None})
    known = envelope.model_copy(update={"ok": envelope.ok | repeated})
    try:
        return reader.read(
            "POST",
            path,
            lambda answer: _receipt(answer, reply.key, known, repeated),
            body=body,
            headers={"Content-Type": "application/json;charset=UTF-8", "Idempotency-Key": reply.key},
            label=f"reply {reply.kind}",
            repeatable=True,  # the key is the same
        )
    except SourceContractError as exc:
        if exc.code is not Code.SOURCE_STATUS or exc.body is None:
            raise
        # By HTTP's own manners a no is a 4xx; only with the platform's envelope in it is it the platform that says so.
        code = _code_of(exc.body, envelope.code_path)
        if code is None or code in envelope.again | envelope.denied | envelope.ok:
            raise
        if code in repeated:
            return ReplyReceipt(True, reference=reply.key, detail="taken before")
        return _refused(code)


def _receipt(answer: Body, key: str, known: Envelope, repeated: frozenset[str]) -> ReplyReceipt:
    document = json_document(answer)
    code = _code_of(document, known.code_path) or ""
    try:
        json_document(answer, envelope=known)
    except SourceContractError as exc:
        if exc.code is not Code.SOURCE_ENVELOPE:
            raise
        return _refused(code)
    return ReplyReceipt(True, reference=key, detail="taken before" if code in repeated else "")


def _refused(code: str) -> ReplyReceipt:
    return ReplyReceipt(False, detail=f"refused with code {code[:_SHOWN]}")


def _code_of(document: bytes, path: Path) -> str | None:
    """The envelope's code; None where there is none."""
    try:
        found = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return code_text(found) if isinstance(found, str | int | float) else None
