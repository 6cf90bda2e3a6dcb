"""From one record of the app's gateway to a demand, the same whichever way it came; nothing here asks the outside."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from hub.model.codes import Anonymity, DemandStatus, DemandType, ReporterType
from hub.model.demand import Demand, Reporter
from hub.sdk import Code, RawAttachment, RawRecord, RecordProblem, RecordRejected
from hub.sdk.values import beyond_the_model, mapped, plain_text, version_of_time
from hub_channel_app.fields import Fields, moment_of, number_of, read_fields, refuse, text_of
from hub_channel_app.pictures import attachments, pictures_of, raw_attachments

TYPES: Mapping[str, DemandType] = {
    "咨询": DemandType.CONSULTATION,
    "求助": DemandType.HELP,
    "投诉": DemandType.COMPLAINT,
    "举报": DemandType.REPORT,
    "建议": DemandType.SUGGESTION,
    "意见建议": DemandType.SUGGESTION,
    "意见": DemandType.SUGGESTION,
    "表扬": DemandType.PRAISE,
    "感谢": DemandType.PRAISE,
    "其他": DemandType.OTHER,
    "其它": DemandType.OTHER,
}
STATUSES: Mapping[str, DemandStatus] = {
    "submitted": DemandStatus.PENDING,
    "supplement": DemandStatus.SUPPLEMENT,
    "accepted": DemandStatus.ACCEPTED,
    "assigned": DemandStatus.ASSIGNED,
    "processing": DemandStatus.IN_HAND,
    "replied": DemandStatus.ANSWERED,
    "finished": DemandStatus.CLOSED,
    "rejected": DemandStatus.REFUSED,
    "merged": DemandStatus.MERGED,
    "cancelled": DemandStatus.VOID,
}
DATUMS: Mapping[str, str] = {
    "gcj02": "GCJ-02",
    "cgcs2000": "CGCS2000",
    "wgs84": "WGS-84",
    "bd09": "BD-09",
}
_YES_OR_NO: Mapping[str, bool] = {"1": True, "true": True, "0": False, "false": False}
# GA/T 2000.156, as far as a certificate tells a person from a body.
_REPORTER_TYPES: Mapping[str, ReporterType] = {
    "111": ReporterType.PERSON,
    "114": ReporterType.PERSON,
    "414": ReporterType.PERSON,
    "511": ReporterType.PERSON,
    "516": ReporterType.PERSON,
    "821": ReporterType.ENTERPRISE,
}
_LICENCE = "821"
MAX_TITLE = 2_000
NO_PLACE = "BAD_COORDINATES"


class AppMapping:
    """How the records of one configured gateway are read.

    Args:
        types: Words of ``type`` beside the usual ones, or with another meaning.
        statuses: Likewise for ``status``.
        datum: Of coordinates whose record names none.
    """

    def __init__(
        self,
        types: Mapping[str, DemandType] | None = None,
        statuses: Mapping[str, DemandStatus] | None = None,
        datum: str = "GCJ-02",
    ) -> None:
        self._types = {**TYPES, **(types or {})}
        self._statuses = {**STATUSES, **(statuses or {})}
        self._datum = datum

    def landed(self, body: bytes) -> RawRecord:
        """The record under its number, with version and position; a problem where one of them cannot be read."""
        number: str | None = None
        try:
            fields = read_fields(body)
            number = number_of(fields)
            moment = moment_of(fields, "updateTime")
        except RecordRejected as exc:
            code = Code.POSITION_UNREADABLE if exc.field == "updateTime" else exc.code
            return RawRecord(number, body, problem=RecordProblem(Code(code), exc.message))
        return RawRecord(
            number,
            body,
            version_of_time(moment),
            moment,
            deleted=_surely_gone(fields),
            attachments=_bytes_that_came(fields),
        )

    def demands(self, body: bytes) -> list[Demand]:
        """What the record says: one demand; none where a record that is gone no longer tells what it was.

        Raises:
            RecordRejected: The record cannot be used; the code says why.
        """
        fields = read_fields(body)
        number = number_of(fields)
        deleted = _yes(fields, "deleted") or False
        if deleted and text_of(fields, "createTime") is None:
            return []
        title, content = _words(fields)
        longitude, latitude, quality = _place(fields)
        status = text_of(fields, "status")
        try:
            demand = Demand(
                source_no=number,
                submitted_at=moment_of(fields, "createTime"),
                demand_type=mapped(self._types, text_of(fields, "type"), field="type"),
                type_source_text=text_of(fields, "type"),
                title=title,
                content=content,
                reporter=_reporter(fields),
                # Nothing said about publication: the safe side is not to show who it was.
                anonymity=Anonymity.OPEN if _yes(fields, "isPublic") else Anonymity.SECRET,
                status=mapped(self._statuses, status, field="status"),
                address=text_of(fields, "address"),
                region_code=text_of(fields, "regionCode"),
                longitude=longitude,
                latitude=latitude,
                datum=self._datum_of(fields) if longitude is not None else None,
                item_code=text_of(fields, "itemCode"),
                item_name=text_of(fields, "itemName"),
                case_no=text_of(fields, "caseNo"),
                target_org=text_of(fields, "targetOrg"),
                assigned_no=text_of(fields, "orderNo"),
                deleted=deleted,
                attachments=attachments(pictures_of(fields)),
                quality=quality,
            )
        except ValidationError as exc:
            raise beyond_the_model(exc) from None  # the cause's text holds the record's values
        return [demand]

    def _datum_of(self, fields: Fields) -> str:
        named = text_of(fields, "coordType")
        if named is None:
            return self._datum
        return mapped(DATUMS, named.lower().replace("-", ""), field="coordType")


def _words(fields: Fields) -> tuple[str, str]:
    content, title = (plain_text(text_of(fields, name) or "") for name in ("content", "title"))
    if not content and not title:
        refuse(
            "content", "empty like the title (expected a demand's words in one of them)", Code.FIELD_MISSING
        )
    return title[:MAX_TITLE], content or title


def _reporter(fields: Fields) -> Reporter:
    """Masked values are given as they came: the hub sees that they are masked, and knows the person by openId instead."""
    id_type, number = text_of(fields, "idType"), text_of(fields, "idNo")
    return Reporter(
        name=text_of(fields, "userName"),
        type=_REPORTER_TYPES.get(id_type or "", ReporterType.UNKNOWN),
        id_type=id_type,
        id_no=None if id_type == _LICENCE else number,
        uscc=number if id_type == _LICENCE else None,
        phone=text_of(fields, "mobile"),
        account=text_of(fields, "openId"),
    )


def _place(fields: Fields) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Longitude and latitude as they came, in degrees; a pair that is nowhere is left out and flagged, the demand stays."""
    lng, lat = text_of(fields, "lng"), text_of(fields, "lat")
    if lng is None and lat is None:
        return None, None, ()
    try:
        longitude, latitude = float(lng or ""), float(lat or "")
    except ValueError:
        return None, None, (NO_PLACE,)
    if not (abs(longitude) <= 180 and abs(latitude) <= 90):
        return None, None, (NO_PLACE,)
    if longitude == 0 and latitude == 0:
        return None, None, ()  # what a phone sends that was not allowed to tell where it is
    return longitude, latitude, ()


def _yes(fields: Fields, name: str) -> bool | None:
    value = text_of(fields, name)
    return None if value is None else mapped(_YES_OR_NO, value.lower(), field=name)


def _surely_gone(fields: Fields) -> bool:
    """A mark that nobody knows is left to `AppMapping.demands`, which sets the record aside under its number."""
    try:
        return _yes(fields, "deleted") or False
    except RecordRejected:
        return False


def _bytes_that_came(fields: Fields) -> tuple[RawAttachment, ...]:
    try:
        return raw_attachments(pictures_of(fields))
    except RecordRejected:
        return ()  # told when the record is read
