"""Which walk-through a row is a line of, what number it bears, and whether it says something by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import Literal

from hub.sdk import Code, RecordRejected
from hub.sdk.inspecting import missing, plain, told
from hub.sdk.readers.sheet import Numbered
from hub.sdk.readers.sheet_numbers import made_number, own_number
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.readers.sheet_whole import Part
from hub_channel_observer.tables import (
    DAY,
    EFFECTIVE,
    GRADE,
    ITEM,
    LAWFUL,
    NUMBER,
    OBSERVER,
    PROBLEM,
    PROBLEM_NO,
    PROPOSAL,
    STEP,
    STEP_COLUMNS,
    TYPE,
)

ReportType = Literal["walkthrough", "suggestion"]
_OF_A_WALK = (STEP, GRADE, *STEP_COLUMNS, LAWFUL, EFFECTIVE, PROBLEM)


class ReportNumbers:
    """Numbers of the rows of one county's reports.

    Args:
        zone: Of the sheet's times.
        types: Words under 类型.
    """

    def __init__(self, zone: tzinfo, types: Mapping[str, ReportType]) -> None:
        self._zone = zone
        self._types = types

    def part(self, cells: Cells) -> Part | None:
        """See `hub.sdk.readers.sheet_whole`; a suggestion is no line of a walk-through.

        Raises:
            RecordRejected: No day or no observer, or none that can be read.
        """
        walk = self.walk(cells)
        kind = self.type(cells)
        if kind == "suggestion" or (kind is None and cells.text(TYPE) is None):
            return None
        # What no table knows yet is a record as well, which waits for the table.
        return Part(
            walk, kind is None or told(cells, PROBLEM) is not None or told(cells, PROPOSAL) is not None
        )

    def type(self, cells: Cells) -> ReportType | None:
        """What kind of report a row belongs to: what it says, else what it tells; None for a word that no table knows, and for nothing at all."""
        said = cells.text(TYPE)
        if said is not None:
            return self._types.get(plain(said))
        if any(cells.text(name) is not None for name in _OF_A_WALK):
            return "walkthrough"
        return "suggestion" if told(cells, PROPOSAL) is not None else None

    def row(self, cells: Cells) -> Numbered:
        """A suggestion's own number; a problem's own; else one of the walk-through, its step, its window, and the words where there is no step."""
        day, walk = self._day(cells), self.walk(cells)
        if self.type(cells) == "suggestion":
            own = own_number(cells, NUMBER, day)
            if own is not None:
                return own
            return made_number("JY", (walk, cells.text(PROPOSAL)))
        own = own_number(cells, PROBLEM_NO, day)
        if own is not None:
            return own if own.text != walk else Numbered(f"{own.text}/1", own=True)
        step = cells.text(STEP)
        words = None if step is not None else cells.text(PROBLEM) or cells.text(PROPOSAL)
        return made_number("TY", (walk, cells.text("窗口"), step, words))

    def walk(self, cells: Cells) -> str:
        """The report's own number, else one of day, observer, centre and service item."""
        day = self._day(cells)
        observer = self.observer(cells)
        own = own_number(cells, NUMBER, day)
        if own is not None:
            return own.text
        return made_number("ZL", (f"{day:%Y%m%d}", observer, cells.text("中心"), cells.text(ITEM))).text

    def observer(self, cells: Cells) -> str:
        """The observer's number in the register; every report is tied to one (R17).

        Raises:
            RecordRejected: None (``field_missing``), or one that lost digits (``field_invalid``).
        """
        found = cells.identifier(OBSERVER)
        if not found.exact:
            raise RecordRejected(
                f"column {OBSERVER!r}: a number whose last digits the spreadsheet has lost (expected text); format the column as text and enter it again",
                code=Code.FIELD_INVALID,
                field=OBSERVER,
            )
        if found.value is None:
            raise missing(OBSERVER, "the observer's number in the register")
        return plain(found.value)[:60]

    def reported_at(self, cells: Cells) -> datetime:
        """When it was.

        Raises:
            RecordRejected: No day (``field_missing``), or none that can be read (``field_invalid``).
        """
        moment = cells.moment(DAY, self._zone)
        if moment is None:
            raise missing(DAY, "a day")
        return moment

    def _day(self, cells: Cells) -> date:
        return self.reported_at(cells).astimezone(self._zone).date()
