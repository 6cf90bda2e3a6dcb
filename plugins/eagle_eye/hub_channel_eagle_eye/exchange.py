"""Rows of the province's front database: each a message about a case, its type and operation in columns, what it says as XML in one more.

A thing that is told of (a case, a step of it, a pause, a rating …) bears one number through all its messages, so that a later message about it
replaces the earlier one and a deletion finds what it deletes. What a message says of the case stands as of the moment that it tells of, not of
when it was written: a pause that is reported late does not suspend a case that has ended. Pause and resumption are messages of their own; either
may be missing.

Source: domain.md §6.4, §7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from hub.model.case import Case
from hub.model.codes import CaseResult, CaseState
from hub.model.observation import Observation
from hub.sdk import Code, RawRecord, RecordRejected
from hub_channel_eagle_eye.cases import case_of, correction_of, result_of, step_of, suspension_of
from hub_channel_eagle_eye.codes import OPERATIONS, Tables
from hub_channel_eagle_eye.fields import (
    Fields,
    Values,
    built,
    document_of,
    read_json,
    read_xml,
    sound_key,
    unwrapped,
)
from hub_channel_eagle_eye.ratings import rating_no, rating_of

APPLICATION, STEP, PAUSE, CORRECTION, RESUMPTION = "10", "20", "21", "22", "23"
FEE_NOTICE, PAYMENT, RESULT, RESULT_FILE, RATING, FEEDBACK = "24", "25", "30", "31", "36", "99"
TYPES: Mapping[str, str] = {
    APPLICATION: "办件",
    STEP: "过程",
    PAUSE: "计时暂停",
    CORRECTION: "补件",
    RESUMPTION: "计时恢复",
    FEE_NOTICE: "通知缴费",
    PAYMENT: "缴费",
    RESULT: "结果",
    RESULT_FILE: "结果附件",
    RATING: "评价",
    FEEDBACK: "反馈",
}
REFUSED = "EXCHANGE_REFUSED"
# Which field names the thing within its case, and in which the moment stands of which the message tells; the first that is told counts.
_THINGS: Mapping[str, tuple[str, ...]] = {
    STEP: ("id", "processID"),
    PAUSE: ("id", "processID"),
    CORRECTION: ("id", "processID"),
    RESUMPTION: ("id", "processID"),
    FEE_NOTICE: ("id",),
    PAYMENT: ("id",),
    RESULT_FILE: ("id",),
    FEEDBACK: ("id",),
}
_MOMENTS: Mapping[str, tuple[str, ...]] = {
    APPLICATION: ("updateDate", "applyDate"),
    STEP: ("processDate", "beginDate"),
    PAUSE: ("beginDate",),
    CORRECTION: ("bringDate", "askDate"),
    RESUMPTION: ("endDate",),
    FEE_NOTICE: ("noticeDate",),
    PAYMENT: ("payDate",),
    RESULT: ("finishTime",),
}
# Beginning and end of a thing, which may come in messages of their own.
_HALVES: Mapping[str, tuple[str, str]] = {
    STEP: ("beginDate", "processDate"),
    CORRECTION: ("askDate", "bringDate"),
}


class Message:
    """One row, read.

    Attributes:
        type: One of `TYPES`.
        deleted: It takes back what was told of the thing.
        fields: What it says.
        written_at: Of the row.
        number: Of the thing that it tells of.

    Raises:
        RecordRejected: It cannot be read, or does not name its case.
    """

    def __init__(self, row: Values, zone: tzinfo, names: Mapping[str, str]) -> None:
        columns = Fields(row, zone)
        self.type = columns.needed("TYPE", "a type of message such as 20")
        if self.type not in TYPES:
            raise RecordRejected(
                f"column 'TYPE': a type of {len(self.type)} characters is none of {len(TYPES)} that this channel reads ({', '.join(TYPES)}); look at "
                "the record with `hub quarantine show`, and name the type in passes_over if it is no matter of cases",
                code=Code.VALUE_UNMAPPED,
                field="TYPE",
            )
        self.deleted = bool(columns.code("ACTION", OPERATIONS))
        self.written_at = columns.moment("CREATETIME")
        self.fields = Fields(unwrapped(read_xml(document_of(row, "CONTENT"))), zone, names)
        self.number = self._number()

    @property
    def as_of(self) -> datetime | None:
        """The moment of which it tells; when it was written, where it tells none."""
        told = (self.fields.moment(name) for name in _MOMENTS.get(self.type, ()))
        return next((moment for moment in told if moment is not None), self.written_at)

    @property
    def thing(self) -> str:
        """The number of the thing within its case; where it has none, its own moment, so that nothing is taken for something else."""
        for name in _THINGS.get(self.type, ()):
            if (found := self.fields.text(name)) is not None:
                return found
        if self.type == STEP:  # one kind of step may come several times: its beginning tells them apart
            told = [self.fields.text(name) for name in ("nodeId", "tacheName", "beginDate")]
            return "@".join(text for text in (told[0] or told[1], told[2]) if text is not None)
        moments = (self.fields.text(name) for name in _MOMENTS.get(self.type, ()))
        return next((text for text in moments if text is not None), "")

    def _number(self) -> str:
        if self.type == RATING:
            return sound_key(f"{RATING}-{rating_no(self.fields)}", "evaluateId")
        case_no = self.fields.key("internalNo", "the case")
        thing = "" if self.type in (APPLICATION, RESULT) else self.thing
        return sound_key(
            "-".join(part for part in (self.type, case_no, thing) if part) + self._half(), "internalNo"
        )

    def _half(self) -> str:
        """A message that tells the end alone stands beside the one that told the beginning, and does not replace it."""
        begins, ends = _HALVES.get(self.type, ("", ""))
        return "/end" if ends and ends in self.fields and begins not in self.fields else ""


def said_by(message: Message, tables: Tables) -> Sequence[Observation]:
    """What a message says: a part of its case, or a rating; nothing where it takes something back.

    Raises:
        RecordRejected: A field cannot be used.
    """
    if message.deleted:
        return ()
    if message.type == RATING:
        return (rating_of(message.fields, tables, message.number),)
    if message.type == APPLICATION:
        return (case_of(message.fields, tables, message.number, message.as_of),)
    values = {
        "source_no": message.number,
        "case_no": message.fields.key("internalNo", "the case"),
        "as_of": message.as_of,
        **_told(message, tables),
    }
    return (built(Case, values),)


def _told(message: Message, tables: Tables) -> dict[str, Any]:
    fields, thing = message.fields, message.thing
    match message.type:
        case "20":
            return {"steps": ({**step_of(fields, tables, thing), "no": thing},)}
        case "21":
            pause = {**suspension_of(fields, thing), "no": thing, "ended_at": None}
            return {"suspensions": (pause,), "state": CaseState.SUSPENDED}
        case "23":
            end = {**suspension_of(fields, thing), "no": thing, "began_at": None}
            return {"suspensions": (end,), "state": CaseState.HANDLING}
        case "22":
            correction = {**correction_of(fields, thing), "no": thing}
            state = CaseState.CORRECTING if correction["brought_at"] is None else CaseState.CORRECTED
            return {"corrections": (correction,), "state": state}
        case "24":
            return {"fee_due": fields.money("receivable")}
        case "25":
            return {"fee_paid": fields.money("paid")}
        case "30":
            return _result(fields, tables)
        case "31":
            return {"result_doc_no": fields.text("resultDocNo")}
        case _:
            refused = fields.flag("success") is False
            return {"quality": (REFUSED,) if refused else ()}


def _result(fields: Fields, tables: Tables) -> dict[str, Any]:
    told = result_of(fields, tables, "status")
    not_accepted = told["result"] is CaseResult.NOT_ACCEPTED
    return {
        **told,
        "state": CaseState.REFUSED if not_accepted else CaseState.FINISHED,
        "fee_due": fields.money("receivable"),
        "fee_paid": fields.money("paid"),
        "delivered_at": fields.moment("deliverDate"),
    }


def message_of(raw: RawRecord, zone: tzinfo, names: Mapping[str, str]) -> Message:
    """The message in a record's bytes; raises as `Message`."""
    return Message(read_json(raw.body), zone, names)
