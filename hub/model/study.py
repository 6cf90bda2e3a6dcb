"""Lists of study (研判清单): what was made, of which period, and what stands in it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import AwareDatetime, Field

from hub.model.demand import Emitted


class StudyKind(StrEnum):
    """The lists that are made on their own clocks (R11–R13)."""

    TOP = "top"
    """咨询建议高频事项, weekly."""
    SEASON = "season"
    """民情月历, monthly."""
    RISK = "risk"
    """可能引发投诉事项, daily."""


STUDY_TITLES: Final = {
    StudyKind.TOP: "咨询建议高频事项",
    StudyKind.SEASON: "民情月历",
    StudyKind.RISK: "可能引发投诉事项",
}


class Study(Emitted):
    """One list as it was made; kept whole, an empty one as well (R56).

    Attributes:
        study_id: Its record's number.
        period: A week (``2026-W47``), a month (``2026-12``) or a day (``2026-11-23``).
        made_at: Aware.
        made_by: A person, or the job.
        entries: First what matters most; each with ``observed``, ``expected`` and ``upper`` as far as its list has them.
        notes: What could not be told, and why.
    """

    study_id: int
    kind: StudyKind
    title: str
    period: str
    made_at: AwareDatetime
    made_by: str = Field(min_length=1)
    entries: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()
