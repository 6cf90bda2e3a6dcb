"""From one work order of the hotline, in whichever shape, to a demand; nothing here asks the outside."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import NoReturn

from pydantic import ValidationError

from hub.model.codes import Anonymity, DemandStatus, DemandType, ReporterType, Urgency
from hub.model.demand import Demand
from hub.sdk import Code, RawRecord, RecordProblem, RecordRejected
from hub.sdk.values import beyond_the_model, mapped, plain_text, time_in, version_of_time
from hub_channel_hotline import codes
from hub_channel_hotline.fields import OrderFields
from hub_channel_hotline.terms import Term, term_end

MAX_KEY = 128
MAX_TITLE = 2_000
_CHASED = re.compile(r"^[【\[（(]?(?:催单|催办|追单)[】\]）)]?[:：]?")
_TITLED = re.compile(r"(先生|女士|小姐)$")
_ANONYMOUS = frozenset({"匿名", "匿名用户", "匿名市民", "匿名群众"})


@dataclass(frozen=True)
class Tables:
    """What one platform calls things, where it is not the usual.

    Attributes:
        types: Names or codes of the type -> its meaning here; they go before the usual ones. The rest likewise.
    """

    types: Mapping[str, DemandType] = field(default_factory=dict)
    statuses: Mapping[str, DemandStatus] = field(default_factory=dict)
    urgencies: Mapping[str, Urgency] = field(default_factory=dict)
    caller_types: Mapping[str, ReporterType] = field(default_factory=dict)
    term_units: Mapping[str, codes.TermUnit] = field(default_factory=dict)
    no_demand: frozenset[str] = frozenset()


class OrderMapping:
    """How the orders of one configured hotline are read.

    Args:
        zone: Of the platform's naive times.
        read: Bytes of a record -> its fields.
        tables: See `Tables`.
        media_type: Of the records.
    """

    def __init__(
        self,
        zone: tzinfo,
        read: Callable[[bytes], OrderFields],
        tables: Tables | None = None,
        *,
        media_type: str = "application/json",
    ) -> None:
        tables = tables or Tables()
        self._zone = zone
        self._read = read
        self._media_type = media_type
        self._types = {**codes.TYPES, **tables.types}
        self._statuses = {**codes.STATUSES, **tables.statuses}
        self._urgencies = {**codes.URGENCIES, **tables.urgencies}
        self._caller_types = {**codes.CALLER_TYPES, **tables.caller_types}
        self._units = {**codes.TERM_UNITS, **tables.term_units}
        self._no_demand = (codes.NO_DEMAND | tables.no_demand) - set(tables.types)

    def landed(self, body: bytes) -> RawRecord:
        """The record with its number, version and position; a problem where number or update time cannot be read."""
        number: str | None = None
        try:
            fields = self._read(body)
            number = _number(fields)
            updated = self._moment(fields, "updated")
            if updated is None:
                _missing(fields, "updated", "the time of the last change")
        except RecordRejected as exc:
            return RawRecord(number, body, media_type=self._media_type, problem=_problem(exc, number))
        return RawRecord(
            number,
            body,
            version_of_time(updated) + _stage_rank(fields),
            updated,
            media_type=self._media_type,
            deleted=_surely_gone(fields),
        )

    def demands(self, body: bytes) -> list[Demand]:
        """What the order says: one demand; none where an order that is gone no longer tells what it was.

        Raises:
            RecordRejected: The order cannot be used; the code says why.
        """
        fields = self._read(body)
        number = _number(fields)
        deleted = self._flag(fields, "removed") or False
        called = self._moment(fields, "called")
        if deleted and called is None:
            return []
        if called is None:
            _missing(fields, "called", "the time of the call")
        kind, chases = self._type(fields)
        title, content = self._words(fields)
        status = self._status(fields)
        dispatched = status in codes.DISPATCHED
        term = self._deadline(fields, called)
        try:
            demand = Demand.model_validate(
                {
                    "source_no": number,
                    "submitted_at": called,
                    "demand_type": kind,
                    "type_source_text": fields.get("type"),
                    "title": title[:MAX_TITLE],
                    "content": content,
                    "reporter": self._reporter(fields),
                    "anonymity": self._anonymity(fields, kind),
                    "status": status,
                    "urgency": self._urgency(fields),
                    "sub_source": fields.get("source"),
                    "address": fields.get("address"),
                    "region_code": fields.get("region"),
                    "category": fields.get("category") or fields.get("category_code"),
                    "target_org": fields.get("target_org"),
                    "expected": fields.get("expected"),
                    "labels": self._labels(fields),
                    "prev_source_no": fields.get("previous"),
                    "chases_open_order": chases
                    or self._flag(fields, "chase")
                    or _CHASED.match(title) is not None,
                    # The platform has handed it to somebody: no second order, its number and term are cited (R73).
                    "assigned_no": number if dispatched else None,
                    "deadline_at": term.at if term is not None else None,
                    "deleted": deleted,
                    "quality": term.quality if term is not None else (),
                }
            )
        except ValidationError as exc:
            raise beyond_the_model(exc) from None  # the cause's text holds the order's values
        return [demand]

    # --- what it is ----------------------------------------------------------------------------------------------

    def _type(self, fields: OrderFields) -> tuple[DemandType, bool]:
        """The type, and whether the call presses for an open order."""
        text = fields.get("type")
        if text is None:
            _missing(fields, "type", "the type of the demand, such as 投诉")
        if text in self._no_demand:
            raise RecordRejected(
                f"field {fields.label('type')!r}: the platform says that this call voices no demand (expected one); it is kept, and needs "
                "nothing: name the type under types in the channel's settings if it is one here",
                code=Code.RECORD_EMPTY,
                field=fields.label("type"),
            )
        if text in codes.CHASES and text not in self._types:
            return DemandType.OTHER, True
        return mapped(self._types, text, field=fields.label("type")), False

    def _status(self, fields: OrderFields) -> DemandStatus:
        text = fields.get("state")
        if text is None:
            # A workflow's stage says it; the state after the step, or the state in which the step began.
            text = fields.get("stage_end") or fields.get("stage_start") or fields.get("stage")
            if text in codes.STAGES and text not in self._statuses:
                text = f"待{text}"
        if text is None:
            # The platforms' push message has no state: an organisation in it says that the order was handed over.
            return DemandStatus.ASSIGNED if fields.get("organisation") else DemandStatus.PENDING
        label = fields.label("state" if fields.get("state") else "stage_end")
        return mapped(self._statuses, text, field=label)

    def _urgency(self, fields: OrderFields) -> Urgency:
        text = fields.get("urgency")
        return (
            Urgency.NORMAL if text is None else mapped(self._urgencies, text, field=fields.label("urgency"))
        )

    def _labels(self, fields: OrderFields) -> tuple[str, ...]:
        text = fields.get("urgency")
        found = [text] if text in codes.LABELLED_URGENCIES else []
        if self._flag(fields, "overseen"):
            found.append("督办")
        return tuple(label for label in found if label)

    def _words(self, fields: OrderFields) -> tuple[str, str]:
        content = plain_text(fields.get("content") or "")
        title = plain_text(fields.get("title") or "")
        if not content and not title:
            _missing(fields, "content", "the citizen's words there or in the title")
        return title, content or title

    def _deadline(self, fields: OrderFields, called: datetime) -> Term | None:
        """The platform's own term: as extended, as it gives it, else reckoned from its length."""
        for name in ("delayed_deadline", "deadline"):
            moment = self._moment(fields, name)
            if moment is not None:
                return Term(moment)
        length = fields.get("term")
        if length is None:
            return None
        if not re.fullmatch(r"\d{1,4}(?:\.0+)?", length):
            _invalid(fields, "term", "a whole number of at most four digits")
        unit = mapped(self._units, fields.get("term_unit"), field=fields.label("term_unit"))
        try:
            return term_end(
                self._moment(fields, "dispatched") or called, int(float(length)), unit, self._zone
            )
        except OverflowError:
            _invalid(fields, "term", "an end within the calendar")

    # --- who it was ----------------------------------------------------------------------------------------------

    def _reporter(self, fields: OrderFields) -> dict[str, object]:
        """Fields of a `hub.model.demand.Reporter`; masked and shared numbers stay as they came: the hub judges them."""
        name = fields.get("caller_name")
        gender = fields.get("gender")
        titled = _TITLED.search(name or "")
        kind = fields.get("caller_type")
        return {
            "name": name,
            "gender": (
                mapped(codes.GENDERS, gender, field=fields.label("gender"))
                if gender is not None
                else codes.GENDER_OF_TITLE[titled[1]]
                if titled is not None
                else None
            ),
            "type": (
                ReporterType.UNKNOWN
                if kind is None
                else mapped(self._caller_types, kind, field=fields.label("caller_type"))
            ),
            # The number to be called back goes before the one that the call came from.
            "phone": fields.get("contact_phone"),
            "caller_phone": fields.get("caller_phone"),
        }

    def _anonymity(self, fields: OrderFields, kind: DemandType) -> Anonymity:
        if self._flag(fields, "anonymous") or fields.get("caller_name") in _ANONYMOUS:
            return Anonymity.ANONYMOUS
        # A report is secret whatever the platform says (检举控告工作规则 47); nothing said: the safe side.
        secret = self._flag(fields, "secret")
        return Anonymity.OPEN if secret is False and kind is not DemandType.REPORT else Anonymity.SECRET

    # --- plain values --------------------------------------------------------------------------------------------

    def _flag(self, fields: OrderFields, name: str) -> bool | None:
        text = fields.get(name)
        return None if text is None else mapped(codes.YES_NO, text, field=fields.label(name))

    def _moment(self, fields: OrderFields, name: str) -> datetime | None:
        text = fields.get(name)
        if text is None:
            return None
        try:
            return time_in(text, self._zone, field=fields.label(name))
        except OverflowError:
            _invalid(fields, name, "a time in a year from 1 to 9999")


def _number(fields: OrderFields) -> str:
    """The order's number.

    Raises:
        RecordRejected: Missing (``key_missing``), too long or with control characters (``key_invalid``).
    """
    text, label = fields.get("number"), fields.label("number")
    if text is None:
        raise RecordRejected(
            f"field {label!r}: missing or empty (expected the order's own number); the record is kept: ask the platform's keeper for it",
            code=Code.KEY_MISSING,
            field=label,
        )
    if len(text) > MAX_KEY or not text.isprintable():
        raise RecordRejected(
            f"field {label!r}: {len(text)} characters, or characters that cannot be printed (expected a number of at most {MAX_KEY}); "
            "look at the record with `hub quarantine show`",
            code=Code.KEY_INVALID,
            field=label,
        )
    return text


def _stage_rank(fields: OrderFields) -> str:
    """What goes behind a version's time: steps of a workflow that share a second stand in the workflow's order."""
    try:
        stage, end = fields.get("stage"), fields.get("stage_end") or ""
    except RecordRejected:
        return ""  # `OrderMapping.demands` sets the record aside under its number
    if stage is None:
        return ""
    rank = codes.STAGES.index(stage) + 1 if stage in codes.STAGES else 0
    return f"#{rank}{'1' if end.startswith('已') else '0'}"


def _surely_gone(fields: OrderFields) -> bool:
    """A mark of deletion that nobody knows is left to `OrderMapping.demands`, which sets the order aside under its number."""
    try:
        return codes.YES_NO.get(fields.get("removed") or "", False)
    except RecordRejected:
        return False


def _missing(fields: OrderFields, name: str, expected: str) -> NoReturn:
    label = fields.label(name)
    raise RecordRejected(
        f"field {label!r}: missing or empty (expected {expected}); look at the record with `hub quarantine show` and ask the platform's keeper",
        code=Code.FIELD_MISSING,
        field=label,
    )


def _invalid(fields: OrderFields, name: str, expected: str) -> NoReturn:
    label = fields.label(name)
    raise RecordRejected(
        f"field {label!r}: a text that cannot be used (expected {expected}); look at the record with `hub quarantine show` and mend the mapping",
        code=Code.FIELD_INVALID,
        field=label,
    )


def _problem(exc: RecordRejected, number: str | None) -> RecordProblem:
    """Why an order cannot be landed under its number; a position that cannot be read has a code of its own."""
    of_number = exc.code in (Code.KEY_MISSING, Code.KEY_INVALID, Code.RECORD_UNREADABLE) or number is None
    return RecordProblem(exc.code if of_number else Code.POSITION_UNREADABLE, exc.message)
