"""What the door says to whoever knocks: a status, a code for programs, a sentence for people, and nothing of what was sent."""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import (
    Code,
    ConfigError,
    HubError,
    PluginError,
    SourceContractError,
    SourceUnavailable,
    StateConflict,
    StoreError,
    StoreUnavailable,
)
from hub.sdk.signing import SignatureInvalid
from hub.text.redact import without_numbers

SOON_S, LATER_S, MUCH_LATER_S = 5.0, 60.0, 300.0

# What a push may have that no repeating mends; everything else about its shape is 422.
_STATUS = {
    Code.PAGE_TOO_LARGE: 413,
    Code.RECORD_TOO_LARGE: 413,
    Code.PUSH_MEDIA_TYPE: 415,
    Code.PAGE_ENCODING: 415,
    Code.PAGE_NOT_JSON: 400,
    Code.PAGE_HTML: 400,
    Code.KEY_INVALID: 400,
}
_OURS = "the hub cannot take this push now (nothing of it was kept); send it again later, under the same key"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer by which nothing was kept.

    Attributes:
        retry_after_s: When the same push may come again; None where it must not come as it is.
    """

    status: int
    code: Code
    message: str
    retry_after_s: float | None = None


class Refused(Exception):
    """Ends the handling of a request with this answer.

    Attributes:
        why: For our own log; says more than the answer, and nothing personal either.
    """

    def __init__(self, refusal: Refusal, why: str = "") -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.why = why or refusal.message


NOT_HERE = Refusal(
    404, Code.NOT_FOUND, "there is nothing at this address (expected /v1/channels/NAME/records)"
)
NOT_PROVEN = Refusal(401, Code.SIGNATURE_INVALID, "this push is not accepted")
BUSY = Refusal(503, Code.STREAM_BUSY, _OURS, SOON_S)
CLOSING = Refusal(503, Code.STREAM_BUSY, "the hub is being stopped; send it again in a moment", SOON_S)
BAD_KEY = Refusal(
    400,
    Code.KEY_INVALID,
    "the push's idempotency key has more than 255 characters, or some that cannot be printed; nothing of it was kept",
)
SLOW = Refusal(
    408, Code.PUSH_TIMEOUT, "the body took too long to arrive; nothing of it was kept: send it again", SOON_S
)
CUT = Refusal(400, Code.PAGE_SHAPE, "the body ended before its end; nothing of it was kept: send it again")
FAULT = Refusal(500, Code.UNEXPECTED, _OURS, LATER_S)


def too_large(limit: int) -> Refusal:
    """The body is larger than the door lets in."""
    return Refusal(
        413,
        Code.PAGE_TOO_LARGE,
        f"the body is larger than {limit} bytes; nothing of it was kept: send fewer records at once",
    )


def refusal_of(exc: HubError) -> Refusal:
    """What an error says to the sender: of its own mistakes their reason, of ours only when to come again."""
    if isinstance(exc, SignatureInvalid):
        return NOT_PROVEN  # which part was wrong is nobody's business but the log's
    if isinstance(exc, SourceContractError):
        return Refusal(_STATUS.get(exc.code, 422), exc.code, without_numbers(exc.message))
    if isinstance(exc, StateConflict):
        return Refusal(409, exc.code, exc.message)
    if isinstance(exc, SourceUnavailable) and exc.code is Code.SOURCE_RATE_LIMITED:
        return Refusal(429, exc.code, exc.message, exc.retry_after_s or SOON_S)
    if isinstance(exc, PluginError) and exc.code is Code.PLUGIN_FAILED:
        return Refusal(500, exc.code, _OURS, LATER_S)
    if isinstance(exc, StoreUnavailable):
        return Refusal(503, exc.code, _OURS, SOON_S)
    if isinstance(exc, StoreError):
        return Refusal(503, exc.code, _OURS, LATER_S)
    if isinstance(exc, ConfigError):
        # Which secret or setting is missing is told to our own people, not to whoever asks.
        return Refusal(503, Code.CONFIG_INVALID, _OURS, MUCH_LATER_S)
    return Refusal(503, exc.code, _OURS, LATER_S)
