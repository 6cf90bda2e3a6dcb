"""What a notifier's author subclasses: `Notifier`, the way by which a message reaches an organisation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an organisation receives messages.

    Attributes:
        secrets: Signing secrets, the active one first; the older one is still valid during a rotation.
    """

    endpoint_id: str
    organisation: str
    kind: str
    url: str
    secrets: tuple[str, ...] = field(repr=False, default=())
    timeout_s: float = 15.0


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message: ``message_id`` is the same over all attempts, so that its effect happens once."""

    message_id: str
    event_type: str
    body: bytes
    attempt: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the receiver answered to an attempt that arrived."""

    status: int | None
    duration_ms: int
    reference: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Notifier(ABC):
    """One way of delivering.

    `deliver` may be called again with the same message after any failure: the receiver sees the same id.
    """

    kind: ClassVar[str]

    @abstractmethod
    async def deliver(self, endpoint: Endpoint, message: OutgoingMessage) -> Receipt:
        """Hands one message over.

        Raises:
            DeliveryDeferred: It did not arrive; try again later.
            DeliveryRefused: The receiver will never take it.
        """

    async def aclose(self) -> None:
        """Releases connections."""
