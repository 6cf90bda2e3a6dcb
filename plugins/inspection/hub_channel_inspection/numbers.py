"""Which inspection a row is a line of, what number it bears, and whether it says something by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import Literal

from hub.sdk.inspecting import missing, parts_of, plain, told
from hub.sdk.readers.sheet import Numbered
from hub.sdk.readers.sheet_numbers import made_number, of_name, own_number
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.readers.sheet_whole import Part
from hub_channel_inspection.tables import (
    AREA,
    CENTRE,
    CHECK,
    DAY,
    DOMAIN,
    EXPECTED,
    KIND,
    NUMBER,
    PLANNED,
    PROBLEM,
    PROBLEM_NO,
    VERDICT,
)

Verdict = Literal["passed", "failed", "not_applicable"]
_PLAN, _DONE, _FINDING = "JH", "XC", "WT"


class RowNumbers:
    """Numbers of the rows of one configured round of inspections.

    Args:
        zone: Of the sheet's times.
        verdicts: Words under 是否符合.
    """

    def __init__(self, zone: tzinfo, verdicts: Mapping[str, Verdict]) -> None:
        self._zone = zone
        self._verdicts = verdicts

    def part(self, cells: Cells) -> Part:
        """See `hub.sdk.readers.sheet_whole`; what is only planned adds nothing to the version.

        Raises:
            RecordRejected: No day, or none that can be read; a number that lost digits.
        """
        is_done = cells.moment(DAY, self._zone) is not None
        return Part(self.inspection(cells), self.says_something(cells), 1 if is_done else 0)

    def finding(self, cells: Cells) -> Numbered:
        """The problem's own number, else one of its inspection and of its line in the checklist.

        Where the sheet names no point of a checklist, the words of the problem take its place: two problems of one window must not change
        places in tomorrow's sheet, and an amended description is then another finding.
        """
        inspection = self.inspection(cells)
        own = own_number(cells, PROBLEM_NO, self._day(cells))
        if own is not None:
            return own if own.text != inspection else Numbered(f"{own.text}/1", own=True)
        places = [cells.text(name) for name in (AREA, "区域", "窗口")]
        point = [cells.text(name) for name in (DOMAIN, CHECK, EXPECTED)]
        what = point if point[2] is not None else [*point[:2], cells.text(PROBLEM)]
        return made_number(_FINDING, (inspection, *places, *what))

    def inspection(self, cells: Cells) -> str:
        """The inspection's own number, else one of day, kind, centre and as much of the inspectors as masked names show."""
        day = self._day(cells)
        own = own_number(cells, NUMBER, day)
        if own is not None:
            return own.text
        who = sorted(of_name(name) for name in parts_of(cells.text("巡查人")))
        kind = _PLAN if cells.text(PLANNED) is not None else _DONE
        where = (cells.text(KIND), cells.text("中心级别"), cells.text(CENTRE))
        return made_number(kind, (f"{day:%Y%m%d}", *where, *who)).text

    def says_something(self, cells: Cells) -> bool:
        """Whether a row is a record by itself: something is wrong, or it cannot be told whether something is."""
        said, problem = cells.text(VERDICT), told(cells, PROBLEM)
        if problem is not None:
            return True
        if said is not None:
            return self._verdicts.get(plain(said).lower()) in (None, "failed")
        nothing_found = cells.text(PROBLEM) is not None  # such as 无, 未发现问题
        is_point = cells.text(CHECK) is not None or cells.text(EXPECTED) is not None
        return is_point and not nothing_found and cells.moment(DAY, self._zone) is not None

    def _day(self, cells: Cells) -> date:
        """Of the plan where there is one: a round that was made a day late keeps its number."""
        moment: datetime | None = cells.moment(PLANNED, self._zone) or cells.moment(DAY, self._zone)
        if moment is None:
            raise missing(DAY, "a day, or 计划日期 for what is only planned")
        return moment.astimezone(self._zone).date()
