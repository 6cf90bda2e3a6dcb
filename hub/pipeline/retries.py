"""What one attempt's end means for its message: delivered, tried again at which moment, or given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.errors import Code, DeliveryDeferred, DeliveryRefused, HubError
from hub.model.codes import MessageState
from hub.sdk.notify import Receipt
from hub.store.leases import Claimed, Result

STANDARD_DELAYS_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each attempt, counted from the end of the one before: ten attempts over 75.6 hours.

Source: Standard Webhooks 1.0.0, "Deliverability and reliability".
"""

_THROTTLED_S = 60.0
_DETAIL_CHARS = 300
# The endpoint is out of order for every message, not for this one alone.
_ENDPOINTS_FAULT = frozenset({401, 403, 404, 405, 407, 408, 421, 429})


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """When a message is tried again.

    Attributes:
        delays_s: Seconds before the first, second … attempt; the last one serves for all after it.
        max_attempts: After so many failures a message is given up.
        jitter: Largest part of the delay that is added by chance, so that a department that comes back is not met by
            all its messages in one second.
    """

    delays_s: tuple[float, ...] = STANDARD_DELAYS_S
    max_attempts: int = len(STANDARD_DELAYS_S)
    jitter: float = 0.2

    def delay_s(self, attempts: int, chance: float) -> float | None:
        """Seconds from the end of attempt number ``attempts`` to the next; None: there is none.

        Args:
            chance: In [0, 1).
        """
        if attempts >= self.max_attempts:
            return None
        return self.delays_s[min(attempts, len(self.delays_s) - 1)] * (1.0 + self.jitter * chance)


@dataclass(frozen=True, slots=True)
class Ended:
    """One attempt that ended."""

    claimed: Claimed
    started_at: datetime
    ended_at: datetime
    duration_ms: int


def arrived(ended: Ended, receipt: Receipt) -> Result:
    """The result of an attempt that the receiver took."""
    return Result(
        ended.claimed,
        MessageState.DELIVERED,
        "delivered",
        ended.started_at,
        ended.duration_ms,
        status=receipt.status,
        detail=_short(receipt.reference),
        well=True,
    )


def failed(ended: Ended, exc: Exception, schedule: RetrySchedule, chance: Callable[[], float]) -> Result:
    """The result of an attempt that did not arrive.

    410 keeps the message waiting until the endpoint is mended; any other refusal gives it up; everything else is tried
    again, not before the receiver's Retry-After, until the schedule ends.
    """
    code = exc.code if isinstance(exc, HubError) else Code.PLUGIN_FAILED
    status: int | None = getattr(exc, "status", None)
    state, outcome, next_at, hold_s = MessageState.WAITING, "deferred", None, 0.0
    last_code = code
    if isinstance(exc, DeliveryRefused) and code is Code.DELIVERY_GONE:
        outcome = "gone"
    elif isinstance(exc, DeliveryRefused):
        state, outcome = MessageState.FAILED, "refused"
    else:
        asked_s = (exc.retry_after_s if isinstance(exc, DeliveryDeferred) else None) or 0.0
        hold_s = asked_s or (_THROTTLED_S if status == 429 else 0.0)
        delay_s = schedule.delay_s(ended.claimed.attempts + 1, chance())
        if delay_s is None:
            state, outcome, last_code = MessageState.FAILED, "exhausted", Code.DELIVERY_EXHAUSTED
        else:
            next_at = ended.ended_at + timedelta(seconds=max(delay_s, asked_s))
    return Result(
        ended.claimed,
        state,
        outcome,
        ended.started_at,
        ended.duration_ms,
        next_at=next_at,
        status=status,
        code=code.value,
        last_code=last_code.value,
        # Another's exception may quote what it was sent; only its name is kept.
        detail=_short(exc.message if isinstance(exc, HubError) else type(exc).__name__),
        well=None if outcome == "gone" else _says_well(exc, status),
        hold_s=hold_s,
    )


def _says_well(exc: Exception, status: int | None) -> bool:
    """Whether the endpoint is in order all the same: it looked at this message and would not have it."""
    if isinstance(exc, DeliveryRefused):
        return True
    return status is not None and 400 <= status < 500 and status not in _ENDPOINTS_FAULT


def _short(detail: str | None) -> str | None:
    """What the store can keep of it: no NUL, no half characters."""
    if not detail:
        return None
    return detail[:_DETAIL_CHARS].replace("\x00", "").encode("utf-8", "replace").decode()
