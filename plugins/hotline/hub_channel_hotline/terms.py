"""The end of a platform's term: minutes and hours by the clock, days by the calendar, working days by the county's office hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from hub.model.calendar import ChinaCalendar, working_days_due
from hub_channel_hotline.codes import TermUnit

RECKONED = "DEADLINE_RECKONED"
PROVISIONAL = "DEADLINE_PROVISIONAL"


@dataclass(frozen=True, slots=True)
class Term:
    """A deadline and what there is to say of it.

    Attributes:
        at: UTC.
        quality: Marks of the demand: the channel reckoned it, and that its year's holidays are not known yet.
    """

    at: datetime
    quality: tuple[str, ...] = ()


def term_end(handed_over_at: datetime, length: int, unit: TermUnit, zone: tzinfo) -> Term:
    """The end of a term that the platform gives as a length.

    Args:
        handed_over_at: Aware.
        length: 0 for the day of the hand-over itself.
        unit: Minutes and hours run day and night; days and working days end with the office's last hour, and the day of the hand-over
            is not counted.
        zone: In which a day is one.

    Source: domain.md §3.1 (two clocks must not be mixed), §6.5; 民法典 articles 201 and 203.
    """
    if unit in ("minutes", "hours"):
        return Term(handed_over_at + timedelta(**{unit: length}), (RECKONED,))
    calendar = ChinaCalendar()
    if unit == "working_days" and length:
        due = working_days_due(handed_over_at, length, calendar, "")
        return Term(due.at.astimezone(UTC), (RECKONED, PROVISIONAL) if due.provisional else (RECKONED,))
    day = handed_over_at.astimezone(zone).date() + timedelta(days=length)
    return Term(datetime.combine(day, calendar.closes_at, zone).astimezone(UTC), (RECKONED,))
