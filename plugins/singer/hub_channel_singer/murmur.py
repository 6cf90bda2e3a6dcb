"""What a tap says on its standard error, in numbers: its words may hold anybody's name or a secret, and are kept nowhere."""

from __future__ import annotations

import re

_LEVEL = re.compile(rb"\b(DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)\b")
# The name of an exception's class at the beginning of a line, as a traceback ends.
_FAULT = re.compile(
    rb"(?:[A-Za-z_]\w{0,59}\.){0,8}([A-Z][A-Za-z]{0,59}(?:Error|Exception|Exit|Interrupt|Timeout))\b"
)
_LONGEST = 65_536
_SAME = {b"WARN": "warning", b"FATAL": "critical"}


class Murmur:
    """Counts lines by level.

    Attributes:
        levels: Level -> lines; ``other`` for lines without one.
        fault: The last exception's class that was named; None where none was.
    """

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self.fault: str | None = None
        self._tail = b""

    @property
    def told(self) -> str:
        """For a message: the exception's class, in brackets."""
        return f" ({self.fault})" if self.fault else ""

    def hear(self, chunk: bytes) -> None:
        """Takes in bytes as they come."""
        *lines, tail = (self._tail + chunk).split(b"\n")
        for line in lines:
            self._count(line)
        self._tail = tail[:_LONGEST]

    def end(self) -> None:
        """The last line needs no line break."""
        if self._tail:
            self._count(self._tail)
            self._tail = b""

    def _count(self, line: bytes) -> None:
        line = line[:_LONGEST]
        if not line.strip():
            return
        level = _LEVEL.search(line[:500])
        name = "other" if level is None else _SAME.get(level[1], level[1].decode().lower())
        self.levels[name] = self.levels.get(name, 0) + 1
        if fault := _FAULT.match(line):
            self.fault = fault[1].decode()
