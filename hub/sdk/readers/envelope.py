"""The code around an answer by which a source tells within HTTP 200 whether it is one; in JSON and in XML alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from hub.errors import Code, SourceContractError, SourceUnavailable

Path = tuple[str, ...]


class Envelope(BaseModel):
    """How a source tells within HTTP 200 whether its answer is one.

    Codes are compared as text: ``200``, ``"200"`` and ``200.0`` are one.

    Attributes:
        code_path: Where the code stands; without it the answer is refused.
        ok: Codes of a good answer.
        again: Codes by which the source says that it cannot now: the call is tried again, then SourceUnavailable.
        denied: Codes of a missing or expired login: treated as HTTP 401.
        message_paths: Where the source's own words may stand; the first 40 characters are shown, digits masked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code_path: Path = ("code",)
    ok: frozenset[str] = frozenset({"0", "200"})
    again: frozenset[str] = frozenset({"429", "500", "502", "503", "504"})
    denied: frozenset[str] = frozenset({"401", "403"})
    message_paths: tuple[Path, ...] = (("message",), ("msg",))

    @field_validator("ok", "again", "denied", mode="before")
    @classmethod
    def _as_text(cls, codes: Any) -> Any:
        return (
            frozenset(code_text(code) for code in codes)
            if isinstance(codes, list | tuple | set | frozenset)
            else codes
        )

    def judge(self, text_at: Callable[[Path], str | None], *, place: str, content: bytes) -> None:
        """Says nothing where the answer is a good one.

        Args:
            text_at: Path -> the text that stands there, None for nothing.
            place: Which answer, for messages.
            content: The answer, to be kept where its code is unknown.

        Raises:
            SourceUnavailable: The code is one of ``again`` (``source_envelope``) or of ``denied`` (``source_auth``).
            SourceContractError: No code (``page_shape``), or an unknown one (``source_envelope``).
        """
        code = text_at(self.code_path)
        where = ".".join(self.code_path)
        if code is None:
            raise SourceContractError(
                f"{place}: no code at {where!r} (expected the envelope's code there); check the address, then the envelope in "
                "the channel's settings",
                code=Code.PAGE_SHAPE,
                body=content,
            )
        code = code_text(code)
        if code in self.ok:
            return
        words = next((text for at in self.message_paths if (text := text_at(at))), "")
        shown = code if len(code) <= 10 else masked(code, 20)
        said = f"envelope says {where} {shown!r}"
        said += f", {masked(words, 40)!r}" if words else ""
        said += f" (expected {', '.join(sorted(self.ok))})"
        if code in self.denied:
            raise EnvelopeDenied(
                f"{place}: {said}: the login is missing or has expired; check the account's secret",
                code=Code.SOURCE_AUTH,
            )
        if code in self.again:
            raise SourceUnavailable(
                f"{place}: {said}: the source cannot now; the window is read again at the next run",
                code=Code.SOURCE_ENVELOPE,
            )
        raise SourceContractError(
            f"{place}: {said}; look the code up in the source's manual, then mend settings or mapping",
            code=Code.SOURCE_ENVELOPE,
            body=content,
        )


USUAL_ENVELOPE = Envelope()


class EnvelopeDenied(SourceUnavailable):
    """The envelope says that the login is missing or expired; the reader renews it once."""


def code_text(code: object) -> str:
    """A code as text: true and 200.0 are written as the sources mean them."""
    if isinstance(code, bool):
        return "true" if code else "false"
    if isinstance(code, float) and code.is_integer():
        return str(int(code))
    return str(code).strip()


def masked(text: str, longest: int) -> str:
    """A source's own words for a message: one line, digits masked, cut at ``longest``."""
    shown = re.sub(r"\d", "*", " ".join(text.split()))
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
