"""The clock: wall time, elapsed time and sleep, passed in so that tests can set them."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

COUNTY_ZONE = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """What the hub asks of time."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never runs backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for that many seconds, or less when `SystemClock.wake` is called."""
        ...


class SystemClock:
    """The machine's clock; a sleep ends early when `wake` is called from another thread or a signal."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._woken.wait(seconds)

    def wake(self) -> None:
        """Ends the present sleep and all later ones at once: the process is about to stop."""
        self._woken.set()


class ManualClock:
    """A clock that moves only when told; a sleep moves it and returns at once."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("ManualClock needs an aware time: give it a zone")
        self._now = now.astimezone(UTC)
        self._elapsed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Moves both clocks on by that many seconds."""
        self._now += timedelta(seconds=max(0.0, seconds))
        self._elapsed += max(0.0, seconds)
