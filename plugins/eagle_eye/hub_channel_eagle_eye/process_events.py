"""Sheets of process events: each row one step of one case, as a process log or an office's own export tells it.

Columns are known by the words that offices use and by the names of XES (IEEE 1849), the standard of such logs; a county's own names
are added in the settings. Times may have offsets of their own, and each row may have another.

Source: domain.md §1.6.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from enum import Enum
from hashlib import sha256
from typing import Any

from hub.model.case import Case
from hub.model.codes import CaseState
from hub.model.observation import Observation
from hub.sdk import Code, RawRecord, RecordRejected
from hub.sdk.readers.sheet import Column, Numbered, SheetPlan, SheetRecords
from hub.sdk.readers.sheet_open import SheetLimits
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.values import mapped, time_in
from hub_channel_eagle_eye.cases import STEP_BEFORE_APPLICATION
from hub_channel_eagle_eye.codes import APPLY_WAYS, Tables
from hub_channel_eagle_eye.columns import ALIASES, CASE_NO, EVENT_NO, MOMENT, NEEDED, STEP
from hub_channel_eagle_eye.fields import built, sound_key

PHONE_IMPRECISE = "PHONE_IMPRECISE"
ITEM_CODE_IMPRECISE = "ITEM_CODE_IMPRECISE"
_LONGEST_TIME = 64
_ZONED = re.compile(r"\d\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)$")


class _Transition(Enum):
    """What an event's kind says about its step."""

    BEGINS = "begins"
    ENDS = "ends"
    PAUSES = "pauses"
    RESUMES = "resumes"
    ELSE = "neither begins nor ends it"


TRANSITIONS: Mapping[str, _Transition] = {
    "start": _Transition.BEGINS,
    "开始": _Transition.BEGINS,
    "complete": _Transition.ENDS,
    "完成": _Transition.ENDS,
    "已办": _Transition.ENDS,
    "办结": _Transition.ENDS,
    "withdraw": _Transition.ENDS,
    "pi_abort": _Transition.ENDS,
    "ate_abort": _Transition.ENDS,
    "autoskip": _Transition.ENDS,
    "manualskip": _Transition.ENDS,
    "suspend": _Transition.PAUSES,
    "暂停": _Transition.PAUSES,
    "挂起": _Transition.PAUSES,
    "resume": _Transition.RESUMES,
    "恢复": _Transition.RESUMES,
    "schedule": _Transition.ELSE,
    "assign": _Transition.ELSE,
    "reassign": _Transition.ELSE,
    "unknown": _Transition.ELSE,
}


class ProcessEvents:
    """How the sheets of one configured eagle-eye are read.

    Args:
        zone: Of times without an offset.
        tables: Of its codes.
        nothing: Words by which its sheets say that there is nothing, such as ``EMPTY``.
        columns: Further names of columns, by this channel's name.
        sheets: See `hub.sdk.readers.sheet.SheetPlan`.
        limits: What reading a file may cost.
    """

    def __init__(
        self,
        zone: tzinfo,
        tables: Tables,
        nothing: Collection[str] = (),
        columns: Mapping[str, Sequence[str]] | None = None,
        sheets: str | None = None,
        limits: SheetLimits = SheetLimits(),
    ) -> None:
        self._zone = zone
        self._tables = tables
        self._nothing = frozenset(nothing)
        more = columns or {}
        # A name that the county gives to one column is no longer the usual name of another.
        claimed = {alias for aliases in more.values() for alias in aliases}
        self._plan = SheetPlan(
            tuple(
                Column(
                    name,
                    (*(one for one in aliases if one not in claimed), *more.get(name, ())),
                    name in NEEDED,
                )
                for name, aliases in ALIASES.items()
            ),
            number=lambda cells: self._number(cells),
            sheets=sheets,
            limits=limits,
        )

    def records(self, content: bytes, name: str) -> SheetRecords:
        """The rows of one file."""
        return SheetRecords(content, self._plan, self.said, (name,))

    def said(self, raw: RawRecord) -> Sequence[Observation]:
        """The part of a case that one row tells: one step, or one end of a suspension, and what the row repeats of the case.

        Raises:
            RecordRejected: A cell cannot be used.
        """
        cells = Cells.of(raw)
        moment = self._moment(cells, MOMENT)
        if moment is None:
            raise _missing(MOMENT)
        applied_at, finished_at = self._moment(cells, "申请时间"), self._moment(cells, "办结时间")
        values: dict[str, Any] = {
            "source_no": cells.number,
            "case_no": self._case_no(cells),
            "as_of": moment,
            "way": self._shown(cells, "申报来源"),
            "item_code": cells.identifier("事项编码").value,
            "item_name": self._text(cells, "事项名称"),
            "applied_at": applied_at,
            "accepted_at": self._moment(cells, "受理时间"),
            "due_at": self._moment(cells, "办结期限"),
            "finished_at": finished_at,
            # That it ended is told by the time of its end; how the steps stand says nothing of the case.
            "state": CaseState.FINISHED if finished_at is not None else None,
            "organisation": self._text(cells, "责任单位"),
            "post": self._text(cells, "岗位"),
            "staff_no": self._text(cells, "责任人"),
            "applicant": self._applicant(cells),
            "quality": _flags(cells, moment, applied_at),
            **self._told(cells, moment),
        }
        result = self._text(cells, "办理结果")
        if result is not None:
            values["result"] = mapped(self._tables.case_results, result, field="办理结果")
        return (built(Case, values),)

    def _told(self, cells: Cells, moment: datetime) -> dict[str, Any]:
        kind = self._text(cells, "事件类型")
        transition = _transition_of(kind)
        no = self._step_no(cells)
        if transition in (_Transition.PAUSES, _Transition.RESUMES):
            end = "began_at" if transition is _Transition.PAUSES else "ended_at"
            return {"suspensions": ({"no": no, end: moment, "reason": self._text(cells, "办理意见")},)}
        step = {
            "no": no,
            "node": None,
            "name": self._text(cells, STEP),
            "organisation": self._text(cells, "办理部门"),
            "handler": self._text(cells, "办理人"),
            "began_at": moment if transition is _Transition.BEGINS else self._moment(cells, "开始时间"),
            "ended_at": moment if transition is _Transition.ENDS else None,
            "state": kind,
            "opinion": self._text(cells, "办理意见"),
        }
        return {"steps": (step,)}

    def _number(self, cells: Cells) -> Numbered | None:
        """A row's number: case and event; one event may have a row for its beginning and another for its end."""
        kind = _transition_of(self._text(cells, "事件类型"))
        suffix = "" if kind is _Transition.ENDS else f"/{kind.name.lower()}"
        number = sound_key(f"{self._case_no(cells)}/{self._step_no(cells)}{suffix}", CASE_NO)
        return Numbered(number, self._identifier(cells, EVENT_NO) is not None)

    def _case_no(self, cells: Cells) -> str:
        found = self._identifier(cells, CASE_NO)
        if found is None:
            raise RecordRejected(
                f"column {CASE_NO!r}: empty (expected the number of the case); fill it in and put the file there again",
                code=Code.KEY_MISSING,
                field=CASE_NO,
            )
        return found

    def _step_no(self, cells: Cells) -> str:
        """The event's own number; without one, a mark of its step and time, which do not change when the row is amended."""
        own = self._identifier(cells, EVENT_NO)
        if own is not None:
            return own
        step = self._text(cells, STEP)
        if step is None:
            raise _missing(STEP)
        return sha256(f"{step}\n{cells.text(MOMENT)}".encode()).hexdigest()[:16]

    def _identifier(self, cells: Cells, column: str) -> str | None:
        """A number by which something is known; one whose digits were lost in the sheet is never completed by guessing."""
        found = cells.identifier(column)
        if not found.exact:
            raise RecordRejected(
                f"column {column!r}: a number that has lost digits in the sheet (expected all of them); format the column as text and fill it in "
                "again",
                code=Code.KEY_INVALID,
                field=column,
            )
        return None if found.value is None or found.value in self._nothing else sound_key(found.value, column)

    def _text(self, cells: Cells, column: str) -> str | None:
        text = cells.text(column)
        return None if text is None or text in self._nothing else text

    def _shown(self, cells: Cells, column: str) -> str | None:
        text = self._text(cells, column)
        return None if text is None else APPLY_WAYS.get(text, text)

    def _moment(self, cells: Cells, column: str) -> datetime | None:
        text = self._text(cells, column)
        if text is None:
            return None
        if len(text) <= _LONGEST_TIME and _ZONED.search(text):
            try:
                return time_in(text, self._zone, field=column)
            except OverflowError:
                pass
        return cells.moment(column, self._zone)

    def _applicant(self, cells: Cells) -> dict[str, Any] | None:
        name, phone = self._text(cells, "申请人"), cells.identifier("联系电话").value
        return {"name": name, "phone": phone} if name is not None or phone is not None else None


def _flags(cells: Cells, moment: datetime, applied_at: datetime | None) -> tuple[str, ...]:
    inexact = ((PHONE_IMPRECISE, "联系电话"), (ITEM_CODE_IMPRECISE, "事项编码"))
    flags = [flag for flag, column in inexact if not cells.identifier(column).exact]
    if applied_at is not None and moment < applied_at:
        flags.append(STEP_BEFORE_APPLICATION)
    return tuple(flags)


def _transition_of(kind: str | None) -> _Transition:
    # A log without kinds tells of steps that are done.
    return _Transition.ENDS if kind is None else mapped(TRANSITIONS, kind.lower(), field="事件类型")


def _missing(column: str) -> RecordRejected:
    return RecordRejected(
        f"column {column!r}: empty (expected a value in every row); fill it in and put the file there again",
        code=Code.FIELD_MISSING,
        field=column,
    )
