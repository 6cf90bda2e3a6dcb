"""Identifiers made by the hub: ULIDs, which sort by the time they were made."""

from __future__ import annotations

import os
import time

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
    return [_encode(first + step) for step in range(count)]


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
