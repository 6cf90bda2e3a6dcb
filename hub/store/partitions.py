"""Monthly partitions of ``raw_record``, made ahead of need."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, text


def month_of(moment: datetime) -> tuple[int, int]:
    """Year and month of the partition that holds ``moment`` (UTC)."""
    utc = moment.astimezone(UTC)
    return utc.year, utc.month


def month_bounds(moment: datetime) -> tuple[datetime, datetime]:
    """First moment of that month (UTC), and of the one after it."""
    year, month = month_of(moment)
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)


def ensure_months(connection: Connection, moment: datetime, *, ahead: int = 0) -> list[str]:
    """Makes the partition of ``moment``'s month and of the ``ahead`` months after it; returns the names of new ones."""
    year, month = month_of(moment)
    made = []
    for _ in range(ahead + 1):
        following = (year + 1, 1) if month == 12 else (year, month + 1)
        name = f"raw_record_{year:04d}_{month:02d}"
        if not connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar_one():
            # Two processes may find it missing at once: the lock makes the second one wait and see.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('raw_record partitions'))"))
            connection.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF raw_record "
                    f"FOR VALUES FROM ('{year:04d}-{month:02d}-01T00:00:00Z') "
                    f"TO ('{following[0]:04d}-{following[1]:02d}-01T00:00:00Z') "
                    # Sealed bytes do not compress: rows of up to a page stand whole, and nothing tries to shrink them.
                    "WITH (toast_tuple_target = 8160)"
                )
            )
            made.append(name)
        year, month = following
    return made
