"""Running numbers of demands, warnings and orders, taken in blocks outside the work's own transaction."""

from __future__ import annotations

import threading
from datetime import datetime

from sqlalchemy import BigInteger, Column, Table, Text, text

from hub.clock import COUNTY_ZONE
from hub.store.engine import Store
from hub.store.tables import metadata

number_series = Table(
    "number_series",
    metadata,
    Column("series", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
    comment="running numbers of demands, warnings and orders; blocks are taken outside the work's transaction",
)


_LARGEST_BLOCK = 5_000


class Numbers:
    """Numbers of the form prefix + region (6 digits) + yyyymmdd + running number (6 digits or more).

    A block is taken in a short transaction of its own, so that nobody waits for another's long one; a process
    that dies leaves a gap, never a number twice. A block is as large as all that this object has used of its series so far,
    so that much takes few transactions and little leaves a small gap. Only the ledger counts without gaps. One object serves
    any number of threads.
    """

    def __init__(self, store: Store, region: str, *, block: int = 200) -> None:
        self._store = store
        self._region = region
        self._block = block
        self._left: dict[str, tuple[int, int]] = {}
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, prefix: str, moment: datetime, count: int) -> list[str]:
        """``count`` numbers for the county's day of ``moment``, ascending."""
        day = moment.astimezone(COUNTY_ZONE).strftime("%Y%m%d")
        series = f"{prefix}{self._region}{day}"
        with self._lock:
            return self._take(series, count)

    def _take(self, series: str, count: int) -> list[str]:
        numbers: list[str] = []
        if len(self._left) > 32:  # days gone by
            self._left.clear()
            self._used.clear()
        while len(numbers) < count:
            following, end = self._left.get(series, (1, 0))
            if following > end:
                grown = min(self._used.get(series, 0), _LARGEST_BLOCK)
                following, end = self._reserve(series, max(self._block, count - len(numbers), grown))
            taken = min(end - following + 1, count - len(numbers))
            numbers += [f"{series}{number:06d}" for number in range(following, following + taken)]
            self._left[series] = (following + taken, end)
            self._used[series] = self._used.get(series, 0) + taken
        return numbers

    def _reserve(self, series: str, size: int) -> tuple[int, int]:
        with self._store.begin() as connection:
            last: int = connection.execute(
                text(
                    "INSERT INTO number_series (series, last) VALUES (:series, :size) "
                    "ON CONFLICT (series) DO UPDATE SET last = number_series.last + :size RETURNING last"
                ),
                {"series": series, "size": size},
            ).scalar_one()
        return last - size + 1, last
