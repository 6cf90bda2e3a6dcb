"""From one record of the portal's list interface to a demand: code tables and rules, and nothing that asks the outside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec
from pydantic import ValidationError

from hub.model.codes import Anonymity, DemandStatus, DemandType, ReporterType
from hub.model.demand import Demand
from hub.sdk import Code, RawRecord, RecordProblem, RecordRejected
from hub.sdk.values import beyond_the_model, blank_to_none, mapped, plain_text, time_in
from hub_channel_portal.fields import Fields, Key, read_fields, read_files, read_key, read_key_exactly

TYPE_NAMES: Mapping[str, DemandType] = {
    "咨询": DemandType.CONSULTATION,
    "求助": DemandType.HELP,
    "投诉": DemandType.COMPLAINT,
    "举报": DemandType.REPORT,
    "建议": DemandType.SUGGESTION,
    "意见建议": DemandType.SUGGESTION,
    "表扬": DemandType.PRAISE,
    "感谢": DemandType.PRAISE,
    "其他": DemandType.OTHER,
    "其它": DemandType.OTHER,
}
TYPE_CODES: Mapping[str, DemandType] = {
    "1": DemandType.CONSULTATION,
    "2": DemandType.COMPLAINT,
    "3": DemandType.SUGGESTION,
    "4": DemandType.REPORT,
    "5": DemandType.HELP,
    "6": DemandType.PRAISE,
    "9": DemandType.OTHER,
}
# The portals' own codes have one digit; those of the county's list two (domain.md §6.4). Some portals send the word itself.
STATUS_CODES: Mapping[str, DemandStatus] = {
    **dict.fromkeys(("0", "1", "10", "待受理"), DemandStatus.PENDING),  # 0: between draft and acceptance
    **dict.fromkeys(("7", "15", "待补充"), DemandStatus.SUPPLEMENT),
    **dict.fromkeys(("2", "20", "已受理", "25", "待派遣"), DemandStatus.ACCEPTED),
    **dict.fromkeys(("30", "已派遣", "待签收"), DemandStatus.ASSIGNED),
    **dict.fromkeys(("3", "35", "办理中", "40", "申请退回", "45", "申请延期"), DemandStatus.IN_HAND),
    **dict.fromkeys(("75", "重办", "80", "督办中"), DemandStatus.IN_HAND),
    **dict.fromkeys(("4", "已答复", "50", "已反馈待审核", "已反馈", "60", "待回访"), DemandStatus.ANSWERED),
    **dict.fromkeys(("5", "70", "已办结"), DemandStatus.CLOSED),
    **dict.fromkeys(("6", "90", "不予受理"), DemandStatus.REFUSED),
    **dict.fromkeys(("8", "95", "并单"), DemandStatus.MERGED),
    **dict.fromkeys(("9", "99", "作废"), DemandStatus.VOID),
}
_ANONYMITY: Mapping[str, Anonymity] = {"0": Anonymity.SECRET, "1": Anonymity.OPEN}
_GONE: Mapping[str, bool] = {"0": False, "1": True, "false": False, "true": True}
_GONE_BY_OPERATION: Mapping[str, bool] = {"I": False, "U": False, "D": True}
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
_NO_FILES = (b"", b"[]", b"null")
_NOTHING = frozenset(("null", "NULL", "None", "undefined"))
MAX_KEY = 128
MAX_TITLE = 2_000
_MOST_DAYS = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG = "%Y-%m-%d %H:%M:%S"


class PortalMapping:
    """How the records of one configured portal are read; holds its tables, its zone, and what it looked up of the zone.

    Args:
        zone: Of the portal's naive times.
        types: Codes of ``lx`` that this portal gives another meaning, or more of them; they go before everything else.
        statuses: The same for ``zt``.
    """

    def __init__(
        self,
        zone: tzinfo,
        types: Mapping[str, DemandType] | None = None,
        statuses: Mapping[str, DemandStatus] | None = None,
    ) -> None:
        self._zone = zone
        self._own_types = dict(types or {})
        self._types = {**TYPE_CODES, **self._own_types}
        self._epochs: dict[str, datetime] = {}
        self._statuses = {**STATUS_CODES, **(statuses or {})}

    def landed(self, body: bytes) -> RawRecord:
        """The record with its key, version, position and deletion mark; a problem where key or position cannot be read."""
        number: str | None = None
        try:
            key = _key(body)
            number = source_no(key.zxbh)
            text = key.gxsj or ""
            position = self._moment(text, "gxsj")
        except RecordRejected as exc:
            return RawRecord(number, body, problem=_problem(exc))
        # The portal's own form compares as text the way the moments do; another form is brought into it.
        version = text if len(text) == 19 and text[4] == "-" and text[10] == " " else self._version(position)
        return RawRecord(number, body, version, position, deleted=_surely_gone(key))

    def _version(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).strftime(_LONG)

    def demands(self, body: bytes) -> list[Demand]:
        """What the record says: one demand; none where a record that is gone no longer tells what it was.

        Raises:
            RecordRejected: The record cannot be used; the code says why.
        """
        fields = read_fields(body)
        number = source_no(fields.zxbh)
        deleted = is_gone(fields)
        if deleted and blank_to_none(fields.tjsj) is None:
            return []
        title, content = self._words(fields)
        # One dict for demand and reporter together: a quarter cheaper than building the two one after the other.
        said: dict[str, object] = {
            "source_no": number,
            "submitted_at": self._moment(fields.tjsj or "", "tjsj"),
            "demand_type": self._type(fields),
            "type_source_text": _clean(fields.lxmc),
            "title": title,
            "content": content,
            "reporter": _reporter(fields),
            "anonymity": _anonymity(fields.sfgk),
            "status": self._status(fields.zt),
            "item_code": _clean(fields.sxbm),
            "item_name": _clean(fields.sxmc),
            "case_no": _clean(fields.bjbh),
        }
        # What few portals send is named only where it was sent.
        if fields.wz:
            said["address"] = _clean(fields.wz)
        if fields.qhdm:
            said["region_code"] = _clean(fields.qhdm)
        if fields.dwmc:
            said["target_org"] = _clean(fields.dwmc)
        if fields.ygpbh:
            said["assigned_no"] = _clean(fields.ygpbh)
        if deleted:
            said["deleted"] = True
        if attachments := _attachments(fields):
            said["attachments"] = attachments
        try:
            demand = Demand.model_validate(said)
        except ValidationError as exc:
            raise beyond_the_model(exc) from None  # the cause's text holds the record's values
        return [demand]

    def _words(self, fields: Fields) -> tuple[str, str]:
        content = plain_text(fields.nr) if fields.nr else ""
        title = plain_text(fields.bt) if fields.bt else ""
        if not content and not title:
            raise RecordRejected(
                "fields 'bt' and 'nr': both are empty (expected a demand's words in one of them at least); "
                "look at the record with `hub quarantine show` and ask the portal's keeper",
                code=Code.FIELD_MISSING,
                field="nr",
            )
        return title[:MAX_TITLE], content or title

    def _type(self, fields: Fields) -> DemandType:
        """The portal's own name of the type goes before its code: the names are alike everywhere, the codes are not."""
        code, name = _clean(fields.lx), _clean(fields.lxmc)
        own = self._own_types.get(code or "")
        known = own if own is not None else TYPE_NAMES.get(name or "")
        if known is not None:
            return known
        if code is None:
            return mapped(TYPE_NAMES, name, field="lxmc") if name else _missing("lx", "a code of the type")
        return mapped(self._types, code, field="lx")

    def _status(self, code: str | None) -> DemandStatus:
        known = self._statuses.get(code or "")
        return known if known is not None else mapped(self._statuses, blank_to_none(code), field="zt")

    def _epoch(self, day: str) -> datetime:
        """What the zone's clocks showed at the epoch if they were as far ahead of UTC as on that day.

        Raises:
            ValueError: ``day`` is none, or the offset changes on it.
        """
        midnight = datetime.fromisoformat(day).replace(tzinfo=self._zone)
        offset, next_offset = midnight.utcoffset(), (midnight + timedelta(days=1)).utcoffset()
        if offset is None or offset != next_offset:
            raise ValueError("the offset changes on this day")
        if len(self._epochs) > _MOST_DAYS:
            self._epochs.clear()
        self._epochs[day] = epoch = _EPOCH.replace(tzinfo=None) + offset
        return epoch

    def _moment(self, text: str, field: str) -> datetime:
        if len(text) == 19:  # the promised form; whatever else is read by the slower way that knows many
            try:
                local = datetime.fromisoformat(text)
                if local.tzinfo is None:
                    # By subtraction: replacing or converting the zone costs 0.3 to 0.7 us more, twice a record.
                    return _EPOCH + (local - (self._epochs.get(text[:10]) or self._epoch(text[:10])))
            except (ValueError, OverflowError):
                pass
        if blank_to_none(text) is None:
            _missing(field, "a time such as 2023-06-29 10:21:33")
        try:
            return time_in(text, self._zone, field=field)
        except OverflowError as exc:
            raise RecordRejected(
                f"field {field!r}: a time outside the calendar (expected a year from 1 to 9999 in any zone); "
                "look at the record with `hub quarantine show` and ask the portal's keeper",
                code=Code.FIELD_INVALID,
                field=field,
            ) from exc


def _key(body: bytes) -> Key:
    try:
        return read_key(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return read_key_exactly(body)


def source_no(value: str | None) -> str:
    """The record's number, without surrounding space.

    Raises:
        RecordRejected: Missing (``key_missing``), too long or with control characters (``key_invalid``).
    """
    text = _clean(value)
    if text is None:
        raise RecordRejected(
            "field 'zxbh': missing or empty (expected the record's own number); the record is kept: "
            "ask the portal's keeper for it",
            code=Code.KEY_MISSING,
            field="zxbh",
        )
    if len(text) > MAX_KEY or not text.isprintable():
        raise RecordRejected(
            f"field 'zxbh': {len(text)} characters, or characters that cannot be printed (expected a number of at most "
            f"{MAX_KEY}); look at the record with `hub quarantine show`",
            code=Code.KEY_INVALID,
            field="zxbh",
        )
    return text


def is_gone(fields: Fields | Key) -> bool:
    """Whether the portal says that the record was deleted."""
    if fields.sc is None and fields.op is None:
        return False
    mark, operation = _clean(fields.sc), _clean(fields.op)
    by_mark = mark is not None and mapped(_GONE, mark.lower(), field="sc")
    return by_mark or (operation is not None and mapped(_GONE_BY_OPERATION, operation.upper(), field="op"))


def _surely_gone(key: Key) -> bool:
    """As `is_gone`; a mark that nobody knows is left to `PortalMapping.demands`, which sets the record aside under its key."""
    if key.sc is None and key.op is None:
        return False
    try:
        return is_gone(key)
    except RecordRejected:
        return False


def _anonymity(value: str | None) -> Anonymity:
    known = _ANONYMITY.get(value or "")
    if known is not None:
        return known
    code = _clean(value)
    # Nothing said about publication: the safe side is not to show who it was.
    return Anonymity.SECRET if code is None else mapped(_ANONYMITY, code, field="sfgk")


def _reporter(fields: Fields) -> dict[str, object]:
    """Fields of a `hub.model.demand.Reporter`.

    Masked values are given as they came: the hub sees that they are masked and builds no key on them.
    """
    id_type, number = _clean(fields.zjlx), _clean(fields.zjhm)
    account = _clean(fields.zhid) if fields.zhid else None
    if account is None and (digest := _clean(fields.yhhash)) is not None:
        account = f"hash:{digest}"
    return {
        "name": _clean(fields.xm),
        "type": _REPORTER_TYPES.get(id_type or "", ReporterType.UNKNOWN),
        "id_type": id_type,
        "id_no": None if id_type == _LICENCE else number,
        "uscc": number if id_type == _LICENCE else None,
        "phone": _clean(fields.sjh),
        "account": account,
    }


def _attachments(fields: Fields) -> list[dict[str, object]]:
    """Fields of a `hub.model.demand.Attachment` each."""
    if bytes(fields.fj) in _NO_FILES:
        return []
    return [
        {"name": _clean(file.name) or "attachment", "uri": _clean(file.url)}
        for file in read_files(fields.fj)
        if file.name or file.url
    ]


def _clean(value: str | None) -> str | None:
    """As `hub.sdk.values.blank_to_none`; sixteen times a record, so without a second call."""
    if not value:
        return None
    text = value.strip()
    return text if text and text not in _NOTHING else None


def _missing(field: str, expected: str) -> DemandType:
    raise RecordRejected(
        f"field {field!r}: missing or empty (expected {expected}); "
        "look at the record with `hub quarantine show` and ask the portal's keeper",
        code=Code.FIELD_MISSING,
        field=field,
    )


def _problem(exc: RecordRejected) -> RecordProblem:
    """Why a record cannot be landed under its key; a position that cannot be read has a code of its own."""
    code = Code.POSITION_UNREADABLE if exc.field == "gxsj" else exc.code
    return RecordProblem(code, exc.message)
