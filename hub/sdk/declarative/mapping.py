"""From one record to a demand by the rules of a file: compiled once, then pure. Nothing here asks the outside."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, NoReturn, Protocol, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from hub.errors import Code, RecordRejected
from hub.model.codes import Anonymity, DemandType, Urgency
from hub.model.demand import Attachment, Demand
from hub.sdk.channel import RawRecord, RecordProblem
from hub.sdk.declarative.contents import Content, DigitsLost, invalid
from hub.sdk.declarative.rules import (
    AsTime,
    CodeRule,
    EpochParse,
    FieldRules,
    FlagRule,
    NumberRule,
    PublicReplyRules,
    RecordRules,
    ReporterRules,
    Sourced,
    TextRule,
    TimeRule,
    VersionRule,
)
from hub.sdk.values import blank_to_none, mapped, plain_text, version_of_number, version_of_time

ValueT = TypeVar("ValueT")
Read = Callable[[Content], Any]
OpenRecord = Callable[[RawRecord], Content]

MAX_KEY = 128
MAX_TITLE = 2_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_EPOCH_S = 253_402_300_799  # the year 9999
PHONE_IMPRECISE = "PHONE_IMPRECISE"
_TELEPHONES = frozenset(("phone", "caller_phone"))
_AS_HTML = frozenset(("title", "content", "expected", "public_reply.text"))


class Rules(Protocol):
    """Whatever says what a record is known by and what a demand is made of: a file, or a part of a channel's settings."""

    @property
    def record(self) -> RecordRules:
        """What a record is known by."""
        ...

    @property
    def fields(self) -> FieldRules:
        """What a demand is made of."""
        ...


class RecordMapping:
    """The rules of one file, ready to be used.

    Args:
        document: The file, or another bearer of rules.
        open_record: A record -> what it holds.
        zone: Of times without one.
    """

    def __init__(self, document: Rules, open_record: OpenRecord, zone: tzinfo) -> None:
        self._open = open_record
        record: RecordRules = document.record
        self._number = _identifier(record.number, "record.number")
        self._position = _time(record.position, zone) if record.position is not None else None
        self._version = _version(record.version, zone) if record.version is not None else None
        self._deleted = _flag(record.deleted) if record.deleted is not None else None
        self._fields = _fields(document.fields, zone)
        self._reporter = _reporter(document.fields.reporter)
        self._public_reply = _fields(document.fields.public_reply, zone)
        self._labels = [_text(rule, "labels") for rule in document.fields.labels]
        self._attachments = [_text(rule, "attachments") for rule in document.fields.attachments]

    def landed(self, raw: RawRecord) -> RawRecord:
        """The record under its number, with version, position and deletion mark; with a problem where number or position cannot be read."""
        number: str | None = None
        try:
            content = self._open(raw)
            number = self._source_no(content)
            position = self._moment_of_position(content)
            version = self._version_of(content, position)
            deleted = self._deleted is not None and bool(self._deleted(content))
        except RecordRejected as exc:
            return replace(raw, source_no=number, problem=RecordProblem(Code(exc.code), exc.message))
        return replace(raw, source_no=number, version=version, position_at=position, deleted=deleted)

    def number_of(self, content: Content) -> str | None:
        """The number by the file's rule; None where the record holds none.

        Raises:
            RecordRejected: It cannot be read.
        """
        try:
            number: str | None = self._number(content)
        except RecordRejected as exc:
            raise RecordRejected(exc.message, code=Code.KEY_INVALID, field=exc.field) from None
        return number

    def demands(self, raw: RawRecord) -> tuple[Demand, ...]:
        """What the record says: one demand; none where a record that is gone no longer tells what it was.

        Raises:
            RecordRejected: It cannot be used; the code says why.
        """
        content = self._open(raw)
        number = self._source_no(content)
        deleted = self._deleted is not None and bool(self._deleted(content))
        if deleted and not self._says_anything(content):
            return ()
        given: dict[str, Any] = {"source_no": number, "deleted": deleted}
        for name, read in self._fields.items():
            value = read(content)
            if value is not None:
                given[name] = value
        for name in ("submitted_at", "demand_type", "content"):
            if given.get(name) in (None, ""):
                _missing(name)
        given["title"] = given.get("title", "")[:MAX_TITLE]
        given["reporter"], given["quality"] = self._reporter_of(content)
        given["public_reply"] = self._reply_of(content)
        given["labels"] = tuple(value for read in self._labels if (value := read(content)))
        given["attachments"] = tuple(
            _attachment(value) for read in self._attachments if (value := read(content))
        )
        _keep_reports_secret(given)
        try:
            return (Demand.model_validate(given),)
        except ValidationError as exc:
            raise _rejected(exc) from None

    def _reporter_of(self, content: Content) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Who it is, and what had to be left out: a telephone number whose digits are lost makes no other person of anybody."""
        found: dict[str, Any] = {}
        flags: list[str] = []
        for name, read in self._reporter.items():
            try:
                value = read(content)
            except DigitsLost:
                if name not in _TELEPHONES:
                    raise
                flags.append(PHONE_IMPRECISE)
                continue
            if value is not None:
                found[name] = value
        return found, tuple(dict.fromkeys(flags))

    def _reply_of(self, content: Content) -> dict[str, Any] | None:
        """What the platform answered; None where it has answered nothing."""
        found = {
            name: value for name, read in self._public_reply.items() if (value := read(content)) is not None
        }
        return found if found.get("text") else None

    def _says_anything(self, content: Content) -> bool:
        with suppress(RecordRejected):
            return (
                self._fields["content"](content) is not None
                and self._fields["submitted_at"](content) is not None
            )
        return True  # what it says cannot be read: that must be seen

    def _source_no(self, content: Content) -> str:
        number = self.number_of(content)
        if number is None:
            raise RecordRejected(
                "record.number: missing or empty (expected the source's own number); ask the source's keeper for it",
                code=Code.KEY_MISSING,
            )
        if len(number) > MAX_KEY or not number.isprintable():
            raise RecordRejected(
                f"record.number: {len(number)} characters (expected 1 to {MAX_KEY} printable ones); mend the rule or ask the source's keeper",
                code=Code.KEY_INVALID,
            )
        return number

    def _moment_of_position(self, content: Content) -> datetime | None:
        if self._position is None:
            return None
        try:
            moment: datetime | None = self._position(content)
        except RecordRejected as exc:
            raise RecordRejected(exc.message, code=Code.POSITION_UNREADABLE, field=exc.field) from None
        if moment is None:
            raise RecordRejected(
                "record.position: missing or empty (expected the record's update time); ask the source's keeper for it",
                code=Code.POSITION_UNREADABLE,
            )
        return moment

    def _version_of(self, content: Content, position: datetime | None) -> str | None:
        if self._version is not None:
            version: str | None = self._version(content)
            return version
        return version_of_time(position) if position is not None else None


def _missing(name: str) -> NoReturn:
    raise RecordRejected(
        f"fields.{name}: missing or empty (expected a value in every record); give the rule a default, or ask the source's keeper",
        code=Code.FIELD_MISSING,
        field=name,
    )


def _rejected(exc: ValidationError) -> RecordRejected:
    # The field and the kind of fault; never the value, which may be somebody's name.
    first = exc.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    too_long = first["type"] == "string_too_long" and field == "content"
    return RecordRejected(
        f"fields.{field}: {first['type']} (expected what `hub.model.demand.Demand` takes); look at the record with "
        "`hub quarantine show` and mend the rule",
        code=Code.RECORD_TOO_LARGE if too_long else Code.FIELD_INVALID,
        field=field,
    )


def _keep_reports_secret(given: dict[str, Any]) -> None:
    """A report (举报) is secret unless it is anonymous, whatever the source says of it."""
    if given["demand_type"] is DemandType.REPORT and given.get("anonymity", Anonymity.OPEN) is Anonymity.OPEN:
        given["anonymity"] = Anonymity.SECRET


def _attachment(address: str) -> Attachment:
    path = address.partition("?")[0].rstrip("/")
    return Attachment(name=path.rpartition("/")[2][:200] or "attachment", uri=address[:2_000])


# --- fields -----------------------------------------------------------------------------------------------------


def _fields(rules: FieldRules | PublicReplyRules, zone: tzinfo) -> Mapping[str, Read]:
    found: dict[str, Read] = {}
    for name in type(rules).model_fields:
        rule = getattr(rules, name)
        if name == "urgency" and rule is not None:
            named = _code(rule, name, None)
            found[name] = lambda content, named=named: _urgency(named(content))  # type: ignore[misc]
        elif isinstance(rule, TextRule):
            found[name] = _text(rule, name if isinstance(rules, FieldRules) else f"public_reply.{name}")
        elif isinstance(rule, TimeRule):
            found[name] = _time(rule, zone)
        elif isinstance(rule, NumberRule):
            found[name] = _number(rule, whole=name == "declared_group_size")
        elif isinstance(rule, FlagRule):
            found[name] = _flag(rule)
        elif isinstance(rule, CodeRule):
            found[name] = _code(rule, name, _codes_of(type(rules), name))
    return found


def _reporter(rules: ReporterRules) -> Mapping[str, Read]:
    found: dict[str, Read] = {}
    for name in type(rules).model_fields:
        rule = getattr(rules, name)
        if isinstance(rule, TextRule):
            found[name] = _text(rule, name)
        elif isinstance(rule, CodeRule):
            found[name] = _code(rule, name, _codes_of(type(rules), name))
    return found


def _codes_of(model: type[Any], name: str) -> type[StrEnum]:
    """The codes that a rule gives, from its annotation."""
    rule = model.model_fields[name].annotation
    (one,) = [
        inner for inner in (rule, *get_args(rule)) if isinstance(inner, type) and issubclass(inner, CodeRule)
    ]
    codes: type[StrEnum] = one.__pydantic_generic_metadata__["args"][0]
    return codes


def _urgency(name: str | None) -> Urgency | None:
    return None if name is None else Urgency[name.upper()]


# --- one rule ---------------------------------------------------------------------------------------------------


def _raw(rule: Sourced, *, digits: bool = False) -> Callable[[Content], str | None]:
    """The text that a rule is about, or None for nothing."""
    literal = rule.column is not None
    nothing = frozenset(rule.nothing)

    def one(content: Content, place: str) -> str | None:
        read = content.identifier if digits else content.text
        text = blank_to_none(read(place, literal=literal))
        return None if text is None or text in nothing else text

    if rule.join is not None:
        separator, of = rule.join.separator, rule.join.of
        return lambda content: (
            separator.join(text for place in of if (text := one(content, place)) is not None) or None
        )
    places = rule.places

    def first(content: Content) -> str | None:
        for place in places:
            if (text := one(content, place)) is not None:
                return text
        return None

    return first


def _text(rule: TextRule, name: str) -> Read:
    if rule.const is not None:
        return lambda _: rule.const
    kind = rule.parse.kind if rule.parse is not None else "html" if name in _AS_HTML else "text"
    raw = _raw(rule, digits=kind == "phone")
    where = ", ".join(rule.places)

    def read(content: Content) -> str | None:
        text = raw(content)
        if text is not None and kind == "html":
            text = plain_text(text) or None
        if text is None:
            return rule.default
        return text if rule.map is None else mapped(rule.map, text, field=where)

    return read


def _identifier(rule: TextRule, name: str) -> Read:
    """A record's number: every digit of it, whatever the source made of it."""
    if rule.parse is not None or rule.const is not None:
        return _text(rule, name)
    return _raw(rule, digits=True)


def _time(rule: TimeRule | VersionRule, zone: tzinfo) -> Callable[[Content], datetime | None]:
    """The aware UTC time of the first place that holds something."""
    parse: AsTime = rule.parse
    nothing = frozenset(rule.nothing)
    literal = rule.column is not None
    if isinstance(parse, EpochParse):
        raw, per_second = _raw(rule), 1_000 if parse.unit == "ms" else 1
        where = ", ".join(rule.places)
        return lambda content: _epoch(raw(content), per_second, where)
    own_zone: tzinfo = ZoneInfo(parse.zone) if parse.zone is not None else zone
    forms = parse.forms
    if forms or rule.join is not None:
        raw, where = _raw(rule), ", ".join(rule.places)
        return lambda content: _formed(raw(content), forms, own_zone, where)

    def read(content: Content) -> datetime | None:
        for place in rule.places:
            text = blank_to_none(content.text(place, literal=literal))
            if text is not None and text not in nothing:
                return content.moment(place, own_zone, literal=literal)
        return None

    return read


def _epoch(text: str | None, per_second: int, where: str) -> datetime | None:
    if text is None:
        return None
    digits = text.removesuffix(".0")
    if (
        not digits.isascii()
        or not digits.isdigit()
        or len(digits) > 18
        or int(digits) // per_second > _MOST_EPOCH_S
    ):
        raise invalid(where, "no whole number since 1970 (expected digits)", "mend parse")
    return _EPOCH + timedelta(
        seconds=int(digits) // per_second, microseconds=int(digits) % per_second * 1_000
    )


def _formed(text: str | None, forms: tuple[str, ...], zone: tzinfo, where: str) -> datetime | None:
    if text is None:
        return None
    if not forms:
        from hub.sdk.values import time_in

        return time_in(text, zone, field=where)
    for form in forms:
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is added below
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, OverflowError, UnicodeError):
            continue
    raise invalid(
        where,
        f"a text of {len(text)} characters is no time of the form {' or '.join(forms)}",
        "add its form to parse",
    )


def _version(rule: VersionRule, zone: tzinfo) -> Read:
    if rule.as_ == "number":
        raw, where = _raw(rule, digits=True), ", ".join(rule.places)
        return lambda content: _counted(raw(content), where)
    time = _time(rule, zone)

    def read(content: Content) -> str | None:
        moment = time(content)
        return None if moment is None else version_of_time(moment)

    return read


def _counted(text: str | None, where: str) -> str | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise invalid(where, "no whole number (expected digits)", "mend the rule")
    return version_of_number(int(text))


def _number(rule: NumberRule, *, whole: bool) -> Read:
    raw, where = _raw(rule), ", ".join(rule.places)
    least = -math.inf if rule.least is None else rule.least
    most = math.inf if rule.most is None else rule.most

    def read(content: Content) -> float | int | None:
        text = raw(content)
        if text is None:
            value = rule.default
        else:
            try:
                value = float(text)
            except ValueError:
                raise invalid(
                    where, f"a text of {len(text)} characters is no number", "mend the rule"
                ) from None
            if not least <= value <= most or not math.isfinite(value):
                raise invalid(
                    where,
                    f"a number outside {least:g} to {most:g}",
                    "correct it in the source, or the bounds",
                )
        if value is None or not whole:
            return value
        if not float(value).is_integer():
            raise invalid(where, "a number that is not whole", "mend the rule")
        return int(value)

    return read


def _flag(rule: FlagRule) -> Read:
    if rule.const is not None:
        return lambda _: rule.const
    raw, where = _raw(rule), ", ".join(rule.places)
    words = {
        **{word.casefold(): True for word in rule.parse.yes},
        **{word.casefold(): False for word in rule.parse.no},
    }

    def read(content: Content) -> bool:
        text = raw(content)
        if text is None:
            return rule.default
        if rule.map is not None:
            return mapped(rule.map, text, field=where)
        return mapped(words, text.casefold(), field=where)

    return read


def _code(rule: CodeRule[Any], name: str, codes: type[StrEnum] | None) -> Read:
    if rule.const is not None:
        return lambda _: rule.const
    raw, where = _raw(rule), ", ".join(rule.places)
    table: Mapping[str, Any] = rule.map if rule.map is not None else _own_codes(name, codes)

    def read(content: Content) -> Any:
        text = raw(content)
        return rule.default if text is None else mapped(table, text, field=where)

    return read


def _own_codes(name: str, codes: type[StrEnum] | None) -> Mapping[str, Any]:
    if codes is None:
        return {one.name.lower(): one.name.lower() for one in Urgency}
    return {code.value: code for code in codes}
