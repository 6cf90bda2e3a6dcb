"""From one raw record to what it says: by its shape, and by tables; nothing here asks the outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from hub.model.observation import Observation
from hub.sdk import Code, RawRecord, RecordProblem, RecordRejected
from hub.sdk.readers.xml_check import BodyCheck
from hub.sdk.values import version_of_time
from hub_channel_eagle_eye import exchange, supervision
from hub_channel_eagle_eye.cases import case_of
from hub_channel_eagle_eye.codes import OPERATIONS, Tables
from hub_channel_eagle_eye.events import event_no, event_of
from hub_channel_eagle_eye.fields import Fields, read_json
from hub_channel_eagle_eye.ratings import rating_no, rating_of
from hub_channel_eagle_eye.shapes import Shape, shape_of

Reading = Callable[[RawRecord], Sequence[Observation]]

# The first that is told is when the record was written.
_WRITTEN: Mapping[Shape, tuple[str, ...]] = {
    Shape.CASE: ("updateDate",),
    Shape.RATING: ("updateTime", "evaluateTime"),
    Shape.EVENT: ("updateTime", "occurTime"),
}

MEND = "compare them with samples/, then mend devices, codes and names in the settings"
"""What `hub channel check` says of records that cannot be read."""


class EagleEyeMapping:
    """How the records of one configured eagle-eye are read.

    Args:
        zone: Of its naive times.
        tables: Of its codes.
        names: This channel's name of a field -> the source's, where that is another.
        steps: Reads the rows of sheets.
        check: What messages of the supervision table must bear; None for nothing.
    """

    def __init__(
        self,
        zone: tzinfo,
        tables: Tables,
        names: Mapping[str, str],
        steps: Reading,
        check: BodyCheck | None = None,
    ) -> None:
        self._zone = zone
        self._tables = tables
        self._names = names
        self._check = check
        self._readers: Mapping[Shape, Reading] = {
            Shape.CASE: self._case,
            Shape.RATING: self._rating,
            Shape.EVENT: self._event,
            Shape.STEP: steps,
            Shape.EXCHANGE: self._exchange,
            Shape.SUPERVISION: self._supervision,
        }

    def said(self, raw: RawRecord) -> Sequence[Observation]:
        """What the record says; nothing where the source says that it is gone.

        Raises:
            RecordRejected: The record cannot be used; the code says why.
        """
        return self._readers[shape_of(raw.media_type)](raw)

    def landed(self, shape: Shape, body: bytes) -> RawRecord:
        """A JSON record with number, version, position and mark of deletion; a problem where number or position cannot be read."""
        number: str | None = None
        try:
            fields = self._fields(body)
            number = _number(shape, fields)
            written = self._written(shape, fields)
        except RecordRejected as exc:
            return RawRecord(
                number, body, media_type=shape.media_type, problem=RecordProblem(exc.code, exc.message)
            )
        return RawRecord(
            number,
            body,
            version_of_time(written),
            written,
            media_type=shape.media_type,
            deleted=_surely_gone(fields),
        )

    def landed_row(self, shape: Shape, record: RawRecord) -> RawRecord:
        """A row as the reader of tables gave it, under the number of the thing that it tells of; a problem where that cannot be read."""
        record = replace(record, media_type=shape.media_type)
        if record.problem is not None:
            return record
        if shape is Shape.SUPERVISION:
            return self._landed_event(record)
        try:
            message = exchange.message_of(record, self._zone, self._names)
        except RecordRejected as exc:
            return replace(record, source_no=None, problem=RecordProblem(exc.code, exc.message))
        return replace(record, source_no=message.number, deleted=message.deleted)

    def _landed_event(self, record: RawRecord) -> RawRecord:
        """Two passes read the table, each by a time of its own; the record's version does not depend on which."""
        columns = Fields(read_json(record.body), self._zone)
        try:
            told = [columns.moment(name) for name in ("CREATE_DATE", "REPLY_TIME")]
        except RecordRejected as exc:
            return replace(record, problem=RecordProblem(Code.POSITION_UNREADABLE, exc.message))
        written = max((moment for moment in told if moment is not None), default=record.position_at)
        return record if written is None else replace(record, version=version_of_time(written))

    def type_of(self, record: RawRecord) -> str | None:
        """The type of a message in the exchange table."""
        if record.problem is not None:
            return None
        return Fields(read_json(record.body), self._zone).text("TYPE")

    def _fields(self, body: bytes) -> Fields:
        return Fields(read_json(body), self._zone, self._names)

    def _written(self, shape: Shape, fields: Fields) -> datetime:
        name = next((name for name in _WRITTEN[shape] if name in fields), _WRITTEN[shape][0])
        try:
            return fields.when(name)
        except RecordRejected as exc:
            raise RecordRejected(exc.message, code=Code.POSITION_UNREADABLE, field=exc.field) from None

    def _case(self, raw: RawRecord) -> Sequence[Observation]:
        fields = self._fields(raw.body)
        number = _number(Shape.CASE, fields)
        if _is_gone(fields):
            return ()
        return (case_of(fields, self._tables, number, fields.moment("updateDate")),)

    def _rating(self, raw: RawRecord) -> Sequence[Observation]:
        fields = self._fields(raw.body)
        number = _number(Shape.RATING, fields)
        return () if _is_gone(fields) else (rating_of(fields, self._tables, number),)

    def _event(self, raw: RawRecord) -> Sequence[Observation]:
        fields = self._fields(raw.body)
        number = _number(Shape.EVENT, fields)
        return () if _is_gone(fields) else event_of(fields, self._tables, number)

    def _exchange(self, raw: RawRecord) -> Sequence[Observation]:
        return exchange.said_by(exchange.message_of(raw, self._zone, self._names), self._tables)

    def _supervision(self, raw: RawRecord) -> Sequence[Observation]:
        return supervision.said_by(raw, self._tables, self._zone, self._names, self._check)


def _number(shape: Shape, fields: Fields) -> str:
    if shape is Shape.CASE:
        return fields.key("internalNo", "the case")
    return rating_no(fields) if shape is Shape.RATING else event_no(fields)


def _is_gone(fields: Fields) -> bool:
    return bool(fields.code("op", OPERATIONS))


def _surely_gone(fields: Fields) -> bool:
    """As `_is_gone`; a mark that nobody knows is left to `EagleEyeMapping.said`, which sets the record aside under its number."""
    try:
        return _is_gone(fields)
    except RecordRejected:
        return False
