"""Identifiers made by the hub: ULIDs, which sort by the time they were made."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]  # ten bits at a time


def new_ulid(now_ms: int | None = None) -> str:
    """A ULID of 26 characters: 48 bits of milliseconds, 80 random bits.

    Source: github.com/ulid/spec.
    """
    stamp = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    return _encode((stamp << 80) | int.from_bytes(os.urandom(10), "big"))


def new_ulids(count: int, now_ms: int | None = None) -> list[str]:
    """``count`` ULIDs of one millisecond, ascending and distinct."""
    if count <= 0:
        return []
    stamp = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    # The top bit of the random part stays clear, so that counting up never carries into the time.
    first = (stamp << 80) | (int.from_bytes(os.urandom(10), "big") >> 1)
    ulids: list[str] = []
    while len(ulids) < count:
        # All but the last four characters are the same for as long as the last 20 bits do not carry.
        low = first & 0xFFFFF
        head = _encode(first)[:-4]
        steps = range(low, min(low + count - len(ulids), 0x100000))
        ulids += [head + _PAIRS[step >> 10] + _PAIRS[step & 1023] for step in steps]
        first += len(steps)
    return ulids


def ascending_ulids(now_ms: int) -> Iterator[str]:
    """ULIDs of one millisecond without end, each greater than the one before it."""
    number = (now_ms << 80) | (int.from_bytes(os.urandom(10), "big") >> 1)
    while True:
        yield _encode(number)
        number += 1


def first_ulid(now_ms: int) -> str:
    """The least ULID of that millisecond: all that were made before it are less, none that is made from then on is."""
    return _encode(now_ms << 80)


def _encode(number: int) -> str:
    pairs = _PAIRS
    return "".join(
        [
            pairs[(number >> 120) & 1023],
            pairs[(number >> 110) & 1023],
            pairs[(number >> 100) & 1023],
            pairs[(number >> 90) & 1023],
            pairs[(number >> 80) & 1023],
            pairs[(number >> 70) & 1023],
            pairs[(number >> 60) & 1023],
            pairs[(number >> 50) & 1023],
            pairs[(number >> 40) & 1023],
            pairs[(number >> 30) & 1023],
            pairs[(number >> 20) & 1023],
            pairs[(number >> 10) & 1023],
            pairs[number & 1023],
        ]
    )
