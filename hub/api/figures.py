"""What the door has seen, in figures: for `hub.metrics` and `/healthz`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

DURATION_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
NOBODY = ""  # the instance of a request that names none that is configured


class DoorFigures:
    """Counts of this process; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._bytes: Counter[str] = Counter()
        self._took: dict[str, list[float]] = {}

    @property
    def requests(self) -> int:
        """How many have been answered."""
        with self._lock:
            return self._requests.total()

    def count(self, instance: str, status: int, duration_s: float, size_bytes: int) -> None:
        """One request that was answered."""
        with self._lock:
            self._requests[instance, str(status)] += 1
            self._bytes[instance] += size_bytes
            took = self._took.setdefault(instance, [0.0] * (len(DURATION_BUCKETS_S) + 2))
            took[0] += 1
            took[1] += duration_s
            for place, bound in enumerate(DURATION_BUCKETS_S, start=2):
                took[place] += duration_s <= bound

    def metrics(self) -> Mapping[str, Sequence[tuple[tuple[str, ...], Any]]]:
        """The series of `hub.metrics.catalog` that this process has to tell."""
        with self._lock:
            return {
                "hub_push_requests_total": [
                    (labels, float(count)) for labels, count in sorted(self._requests.items())
                ],
                "hub_push_bytes_total": [
                    ((instance,), float(size)) for instance, size in sorted(self._bytes.items())
                ],
                "hub_push_duration_seconds": [
                    ((instance,), _histogram(took)) for instance, took in sorted(self._took.items())
                ],
            }


def _histogram(took: Sequence[float]) -> tuple[list[tuple[str, float]], float]:
    count, total, *below = took
    buckets = [(str(bound), value) for bound, value in zip(DURATION_BUCKETS_S, below, strict=True)]
    return [*buckets, ("+Inf", count)], total
