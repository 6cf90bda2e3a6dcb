"""A step that is called again and again, in a thread that nothing ends but its scheduler."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from hub.clock import Clock
from hub.errors import Code, HubError
from hub.plugins.calls import place_of

AWAY = (Code.STORE_UNAVAILABLE, Code.STORE_FULL, Code.STORE_SCHEMA, Code.STORE_PASSWORD)
"""Codes that say that the database cannot be used by anybody now."""

_BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
_UNWELL_AFTER = 3  # passes that failed one after the other: one alone may be a server that restarts


class Owner(Protocol):
    """What a loop asks of its scheduler."""

    @property
    def clock(self) -> Clock: ...

    @property
    def stopping(self) -> bool: ...

    def say(self, level: str, event: str, **fields: object) -> None: ...

    def database_failed(self, exc: HubError) -> None: ...


class Loop:
    """A step that is called again and again in a thread of its own; nothing that it raises ends it.

    Args:
        step: Gives the seconds until it is to be called again.
        rest_s: Least time until the next pass after one that failed for another reason than the database.

    Attributes:
        name: For people and metrics.
        passes: How many have ended.
        errors: How many of them with each code.
        ended_at: When the last one did.
        began_at: When the present one began; None between two.
    """

    def __init__(self, name: str, step: Callable[[], float], owner: Owner, *, rest_s: float = 0.0) -> None:
        self.name = name
        self.passes = 0
        self.errors: Counter[str] = Counter()
        self.ended_at: datetime | None = None
        self.began_at: datetime | None = None
        self._step = step
        self._rest_s = rest_s
        self._owner = owner
        self._failures = 0
        self._code: str | None = None
        self._told: str | None = None
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"hub-{name}", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    @property
    def failing(self) -> bool:
        """Whether its last pass ended with an error."""
        return self._failures > 0

    @property
    def trouble(self) -> str | None:
        """The code with which its last pass failed; None after one that went well."""
        return self._code

    @property
    def well(self) -> bool:
        """Whether it lives and gets something done: not several passes failed one after the other."""
        return self.alive and self._failures < _UNWELL_AFTER

    def start(self) -> None:
        """Begins with a first pass at once."""
        self._thread.start()

    def wake(self) -> None:
        """Begins the next pass now, or as soon as the present one has ended."""
        self._woken.set()

    def join(self, timeout_s: float) -> bool:
        """Whether the thread has ended within that time."""
        self._thread.join(max(0.0, timeout_s))
        return not self.alive

    def _run(self) -> None:
        while not self._owner.stopping:
            self._woken.clear()
            wait_s = self._pass()
            if self._owner.stopping:
                return
            self._woken.wait(wait_s)

    def _pass(self) -> float:
        clock = self._owner.clock
        self.began_at = clock.now()
        try:
            wait_s = self._step()
        except HubError as exc:
            wait_s = self._failed(str(exc.code), exc)
        except Exception as exc:  # noqa: BLE001 - a loop outlives every fault; it is counted, and told once
            wait_s = self._failed(str(Code.UNEXPECTED), exc)
        else:
            self._failures = 0
            self._code = self._told = None
        self.passes += 1
        self.ended_at, self.began_at = clock.now(), None
        return wait_s

    def _failed(self, code: str, exc: Exception) -> float:
        self.errors[code] += 1
        wait_s = _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1
        self._code = code
        if isinstance(exc, HubError) and exc.code in AWAY:
            self._owner.database_failed(exc)
            return wait_s
        if isinstance(exc, HubError):
            text = exc.message
        else:
            # Its own text may quote a record; where it was raised is enough to find it.
            text = f"{type(exc).__name__} at {place_of(exc)}; a fault of the hub: report it with this line"
        if text != self._told and not self._owner.stopping:
            self._owner.say("error", "loop_failed", loop=self.name, code=code, message=text)
            self._told = text
        return max(wait_s, self._rest_s)
