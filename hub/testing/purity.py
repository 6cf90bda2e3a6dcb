"""A stretch of code in which nothing outside may be touched: files, sockets, processes, environment, clock."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

_EVENTS = (
    "open",
    "socket.",
    "subprocess.",
    "os.",
    "shutil.",
    "time.sleep",
    "sqlite3.",
    "urllib.",
    "http.",
    "ftplib.",
)
_NOT_READ = ("os.putenv", "os.unsetenv")
_watching = threading.local()
_installed = threading.Lock()
_hooked = False


class TouchedOutside(AssertionError):
    """Code that must be pure reached outside; the message names what it did."""


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if getattr(_watching, "on", False) and event.startswith(_EVENTS) and event not in _NOT_READ:
        raise TouchedOutside(f"{event} while only computing was allowed")


def _refuse_here(what: str) -> None:
    if getattr(_watching, "on", False):
        raise TouchedOutside(f"{what} while only computing was allowed")


class _WatchedEnvironment(MutableMapping[str, str]):
    """The environment, closed to a thread that must only compute."""

    def __init__(self, real: MutableMapping[str, str]) -> None:
        self._real = real

    def __getitem__(self, name: str) -> str:
        _refuse_here("os.environ")
        return self._real[name]

    def __setitem__(self, name: str, value: str) -> None:
        _refuse_here("os.environ")
        self._real[name] = value

    def __delitem__(self, name: str) -> None:
        _refuse_here("os.environ")
        del self._real[name]

    def __iter__(self) -> Iterator[str]:
        _refuse_here("os.environ")
        return iter(self._real)

    def __len__(self) -> int:
        _refuse_here("os.environ")
        return len(self._real)


def _watched(clock: Callable[[], float]) -> Callable[[], float]:
    def read() -> float:
        _refuse_here("the clock")
        return clock()

    return read


@contextmanager
def only_computing() -> Iterator[None]:
    """Whatever this thread touches outside within the block raises `TouchedOutside`.

    Seen are all file, socket and process calls of Python and C (audit events), ``os.environ``, ``time.time`` and
    ``time.monotonic``; not seen is ``datetime.now``, which a comparison of two results must find.
    """
    global _hooked
    with _installed:
        if not _hooked:
            sys.addaudithook(_audit)
            _hooked = True

    environ, wall, monotonic = os.environ, time.time, time.monotonic
    os.environ = _WatchedEnvironment(environ)  # type: ignore[assignment] # noqa: B003
    time.time, time.monotonic = _watched(wall), _watched(monotonic)
    _watching.on = True
    try:
        yield
    finally:
        _watching.on = False
        os.environ, time.time, time.monotonic = environ, wall, monotonic
