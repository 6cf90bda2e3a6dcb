"""Rate limit and circuit breaker of a source: the pure state machine, and a gate for one process.

A gate keeps one `GateState` for each source. Every operation of `hub.sdk.context.SourceGate` reads the state,
applies one of the functions below, and writes the result back under one lock: a `threading.Lock` here, a row lock
in the store's gate. A function that changes nothing returns the very state it was given, so that a gate need not
write it. ``now`` is seconds on whichever clock all users of a state share: wall time for the store's gate.

Semantics, the same for every gate:

- **Rate.** `admit` reserves the next free place and tells how long to wait for it; places are spaced by
  ``1 / rate_per_s``, and ``burst`` of them may be taken at once after a pause. Reservations are in the order of
  asking, so that processes share the rate fairly. A place whose taker died is lost, no more. Without a rate the
  wait is only that of a hold.
- **Hold.** No place lies before the end of a hold. A shorter hold never cuts a longer one. A caller that was
  already told its wait does not learn of a later hold; the next call does.
- **Breaker, closed.** ``failures`` calls in a row that failed for good open it; a success sets the count to 0.
- **Breaker, open.** `admit` refuses for ``open_s``, doubled with every opening in a row up to ``longest_open_s``.
- **Breaker, half open.** After that time one call is let through as the probe; others are refused. Its success
  closes the circuit, its failure opens it again for longer. When the probe's process died, the next caller
  after ``probe_s`` becomes the probe.
- A late success of a call that began before the opening closes the circuit; a late failure while it is open
  changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from hub.clock import Clock, SystemClock
from hub.errors import Code, SourceUnavailable

LONGEST_HOLD_S = 86_400.0


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When the circuit of a source opens, and for how long.

    Attributes:
        failures: Calls in a row, each with all its tries, that must fail.
        open_s: Length of the first opening.
        longest_open_s: Bound of the doubled length.
        probe_s: Time after which an unanswered probe is taken for dead; longer than any call lasts.
    """

    failures: int = 3
    open_s: float = 30.0
    longest_open_s: float = 600.0
    probe_s: float = 300.0


@dataclass(frozen=True, slots=True)
class GateState:
    """What a gate remembers of one source; the default is a source never asked.

    Attributes:
        next_at: Theoretical time of the next place; may lie ahead of now by the places already taken.
        hold_until: End of the latest hold.
        failures: Calls that failed in a row.
        opened: Openings in a row; 0: closed.
        open_until: End of the present opening, while ``opened``.
        probe_until: The time until which a probe is under way; 0: none.
    """

    next_at: float = 0.0
    hold_until: float = 0.0
    failures: int = 0
    opened: int = 0
    open_until: float = 0.0
    probe_until: float = 0.0

    def as_json(self) -> dict[str, float]:
        """A JSON object that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, float]) -> GateState:
        """The state that was stored; names that this version does not know are passed over."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Admission:
    """What `admit` decided: wait ``wait_s`` and call, or leave the source alone for ``refused_s`` (then not None)."""

    state: GateState
    wait_s: float = 0.0
    refused_s: float | None = None


def admit(
    state: GateState, now: float, *, rate_per_s: float | None, burst: int, breaker: BreakerPolicy
) -> Admission:
    """Takes one place, or refuses while the circuit is open."""
    if state.opened:
        until = max(state.open_until, state.probe_until)
        if now < until:
            # A clock that was set back must not lock the source for ever.
            longest = max(breaker.longest_open_s, breaker.probe_s) + LONGEST_HOLD_S
            return Admission(state, refused_s=min(until - now, longest))
    taken, wait_s = _place(state, now, rate_per_s, burst)
    if taken.opened:
        taken = replace(taken, probe_until=now + wait_s + breaker.probe_s)
    return Admission(taken, wait_s=wait_s)


def _place(state: GateState, now: float, rate_per_s: float | None, burst: int) -> tuple[GateState, float]:
    first = max(now, min(state.hold_until, now + LONGEST_HOLD_S))
    if rate_per_s is None:
        return state, first - now
    spacing = 1.0 / rate_per_s
    next_at = max(first, min(state.next_at, now + LONGEST_HOLD_S))
    at = max(first, next_at - (burst - 1) * spacing)
    return replace(state, next_at=next_at + spacing), at - now


def take_now(state: GateState, now: float, *, rate_per_s: float, burst: int) -> Admission:
    """Takes a place that is free now, or none: whoever comes to us is told when to come again, and nothing is kept for them."""
    taken, wait_s = _place(state, now, rate_per_s, burst)
    return Admission(taken) if wait_s <= 0 else Admission(state, wait_s=wait_s)


def hold(state: GateState, now: float, seconds: float) -> GateState:
    """Nobody calls for that many seconds, at most a day."""
    until = now + min(max(seconds, 0.0), LONGEST_HOLD_S)
    return state if until <= state.hold_until else replace(state, hold_until=until)


def succeeded(state: GateState) -> GateState:
    """Failures are forgotten, the circuit closes."""
    if not (state.failures or state.opened):
        return state
    return replace(state, failures=0, opened=0, open_until=0.0, probe_until=0.0)


def failed(state: GateState, now: float, breaker: BreakerPolicy) -> GateState:
    """One more call failed for good."""
    if state.opened and now < state.open_until:
        return state
    failures = state.failures + 1
    if not state.opened and failures < breaker.failures:
        return replace(state, failures=failures)
    length = min(breaker.open_s * 2.0 ** min(state.opened, 30), breaker.longest_open_s)
    return replace(
        state, failures=failures, opened=state.opened + 1, open_until=now + length, probe_until=0.0
    )


def circuit_open(source: str, refused_s: float) -> SourceUnavailable:
    """The error by which every gate refuses."""
    return SourceUnavailable(
        f"source {source}: not called, its circuit is open after repeated failures (expected: an answer to the "
        f"last calls); the next call may go in {refused_s:.0f} s by itself, look for the cause in the errors before this one",
        code=Code.SOURCE_CIRCUIT_OPEN,
        retry_after_s=refused_s,
    )


class LocalGate:
    """A gate for the threads of one process: for tests and small tools; the hub's own is kept in tables."""

    def __init__(self, clock: Clock | None = None, breaker: BreakerPolicy | None = None) -> None:
        self._clock = clock or SystemClock()
        self._breaker = breaker or BreakerPolicy()
        self._states: dict[str, GateState] = {}
        self._lock = threading.Lock()

    def admit(self, source: str, *, rate_per_s: float | None, burst: int) -> float:
        """See `hub.sdk.context.SourceGate.admit`."""
        with self._lock:
            decided = admit(
                self.state(source),
                self._clock.monotonic(),
                rate_per_s=rate_per_s,
                burst=burst,
                breaker=self._breaker,
            )
            self._states[source] = decided.state
        if decided.refused_s is not None:
            raise circuit_open(source, decided.refused_s)
        return decided.wait_s

    def hold(self, source: str, seconds: float) -> None:
        """See `hub.sdk.context.SourceGate.hold`."""
        with self._lock:
            self._states[source] = hold(self.state(source), self._clock.monotonic(), seconds)

    def succeeded(self, source: str) -> None:
        """See `hub.sdk.context.SourceGate.succeeded`."""
        with self._lock:
            self._states[source] = succeeded(self.state(source))

    def failed(self, source: str) -> None:
        """See `hub.sdk.context.SourceGate.failed`."""
        with self._lock:
            self._states[source] = failed(self.state(source), self._clock.monotonic(), self._breaker)

    def state(self, source: str) -> GateState:
        """What is remembered of the source now."""
        return self._states.get(source, GateState())
