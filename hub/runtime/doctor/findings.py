"""What an examination is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from hub.errors import Code, ConfigError, HubError


class State(StrEnum):
    """How one thing stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        name: What was looked at.
        found: What was found, against what is expected where it is not well; no secret, nothing personal.
        do: What to do; empty where it is well.
        configuration: Somebody must change settings, keys or schema, before another try can succeed.
    """

    name: str
    state: State
    found: str
    do: str = ""
    configuration: bool = False


def ok(name: str, found: str) -> Finding:
    """It is well."""
    return Finding(name, State.OK, found)


def warn(name: str, found: str, do: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(name, State.WARN, found, do)


def fail(name: str, found: str, do: str, *, configuration: bool = False) -> Finding:
    """It does not work."""
    return Finding(name, State.FAIL, found, do, configuration)


def failed(name: str, exc: HubError) -> Finding:
    """What an error of the hub says; its message names what to do by itself."""
    configuration = isinstance(exc, ConfigError) or exc.code is Code.STORE_SCHEMA
    return Finding(name, State.FAIL, exc.message, "", configuration)


def checked(name: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a check finds; an error that it raises is a finding too, and the next check goes on."""
    try:
        yield from check()
    except HubError as exc:
        yield failed(name, exc)
    except OSError as exc:
        place = f" at {exc.filename}" if exc.filename else ""
        yield fail(
            name, f"{exc.strerror or type(exc).__name__}{place}", "mend that on this machine, then look again"
        )
