"""What a channel is given by the hub: clock, log, secrets, HTTP, and the gate that all processes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING, Protocol

from hub.clock import COUNTY_ZONE, Clock, SystemClock

if TYPE_CHECKING:
    from hub.sdk.readers.auth import Auth
    from hub.sdk.readers.http import HttpReader
    from hub.sdk.readers.policy import HttpPolicy


class SourceGate(Protocol):
    """Rate limit and circuit breaker of one source, shared between all processes of the hub.

    ``source`` is the name under which calls are counted together: the channel's instance by default.
    """

    def admit(self, source: str, *, rate_per_s: float | None, burst: int) -> float:
        """Takes one call's place and tells how many seconds to wait before making it (0.0: at once).

        Raises:
            SourceUnavailable: The circuit is open (code ``source_circuit_open``; ``retry_after_s`` tells for how long).
        """
        ...

    def hold(self, source: str, seconds: float) -> None:
        """Nobody calls the source for that many seconds: it answered with Retry-After."""
        ...

    def succeeded(self, source: str) -> None:
        """A call went through: failures are forgotten, the circuit closes."""
        ...

    def failed(self, source: str) -> None:
        """A call failed for good: after enough of them in a row the circuit opens."""
        ...


class Log(Protocol):
    """Structured log: an event's name and fields, none of them personal."""

    def info(self, event: str, **fields: object) -> object:
        """Something worth knowing."""
        ...

    def warning(self, event: str, **fields: object) -> object:
        """Something that a person should look at."""
        ...

    def error(self, event: str, **fields: object) -> object:
        """Something that failed."""
        ...

    def debug(self, event: str, **fields: object) -> object:
        """Detail for an integrator."""
        ...


@dataclass(frozen=True)
class ChannelContext:
    """All that a channel may use of the outside.

    Attributes:
        instance: The configured name of this channel; part of every record's identity.
        secret: Name -> value; raises ConfigError (code ``secret_missing``) where there is none.
        gate: See `SourceGate`.
        zone: The zone of the source's naive times.
        log: Structured; never given personal data.
    """

    instance: str
    secret: Callable[[str], str]
    gate: SourceGate
    log: Log
    clock: Clock = field(default_factory=SystemClock)
    zone: tzinfo = COUNTY_ZONE

    def http(self, base_url: str, policy: HttpPolicy | None = None, auth: Auth | None = None) -> HttpReader:
        """A reader for a JSON or HTML source at ``base_url`` that honours the gate and the retry policy."""
        from hub.sdk.readers.http import HttpReader

        return HttpReader(base_url, self, policy, auth)
