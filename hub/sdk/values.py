"""Small pure helpers for `Channel.normalize`: times, versions, text, mapped values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from pydantic import ValidationError

from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.text.forms import plain_text as _words

ValueT = TypeVar("ValueT")

_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d",
)
# Of digits alone the number of them tells what they are: Python itself reads 202306291021 as one minute past two, milliseconds since 1970 as a
# day of the year 1711, and some telephone numbers as days of the year 1380.
_OF_DIGITS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,6}")
_BREAK = re.compile(r"<(?:br|/?p|/?div)\s*/?>", re.IGNORECASE)


def plain_text(markup: str) -> str:
    """The words alone: tags and entities resolved, what nobody sees taken out, lines trimmed.

    Block elements become line breaks. Text without markup costs little more than a look at it.
    """
    if "<" in markup:
        # Most sources send no other tags than these, and for these no parser is needed.
        markup = _BREAK.sub("\n", markup)
    elif "&" not in markup and "  " not in markup and markup.isprintable():
        return markup.strip()
    return _words(markup)


def time_in(text: str, zone: tzinfo = COUNTY_ZONE, *, field: str) -> datetime:
    """The aware UTC time that ``text`` names; a naive one is taken in ``zone``.

    Raises:
        RecordRejected: No known form, or a time that is outside the calendar in UTC (code ``field_invalid``); ``field`` names the place,
            the value is not shown.
    """
    stripped = text.strip()
    moment = _parse(stripped)
    try:
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        found = "a time outside the calendar (expected a year from 1 to 9999 in any zone)"
    else:
        found = f"a text of {len(stripped)} characters is no time (expected yyyy-MM-dd HH:mm:ss)"
    raise RecordRejected(
        f"field {field!r}: {found}; look at the record with `hub quarantine show` and mend the mapping",
        code=Code.FIELD_INVALID,
        field=field,
    )


def _parse(text: str) -> datetime | None:
    if text.isdigit():
        form = _OF_DIGITS.get(len(text)) if text.isascii() else None
        try:
            return datetime.strptime(text, form) if form is not None else None  # noqa: DTZ007 - the caller adds the zone
        except ValueError:
            return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the caller adds the zone
        except ValueError:
            continue
    return None


def version_of_time(moment: datetime) -> str:
    """A version that compares as text the way the moments do.

    Raises:
        ValueError: ``moment`` is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a version needs an aware time")
    # Not by strftime, which writes the year 9 with one digit: such a record would be newer than all others.
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26]


def version_of_number(number: int) -> str:
    """A version that compares as text the way whole numbers from 0 to 10**20 do."""
    if not 0 <= number < 10**20:
        raise ValueError(f"version number {number} is not between 0 and 10**20")
    return f"{number:020d}"


def mapped(table: Mapping[str, ValueT], value: str | None, *, field: str) -> ValueT:
    """The value that ``table`` gives for ``value``; never a silent default (R26).

    Raises:
        RecordRejected: The table does not know it (code ``value_unmapped``).
    """
    key = (value or "").strip()
    if key in table:
        return table[key]
    # A short code is shown, for it is what the integrator must add; anything longer may be a person's name or number.
    shown = repr(key) if _CODE.fullmatch(key) else f"of {len(key)} characters"
    raise RecordRejected(
        f"field {field!r}: code {shown} is not in the table of {len(table)} known values; "
        "add it to the channel's mapping and replay the record",
        code=Code.VALUE_UNMAPPED,
        field=field,
    )


def blank_to_none(value: object) -> str | None:
    """The text without surrounding space, or None for None, empty text and the words ``null``, ``NULL``, ``None``."""
    if value is None:
        return None
    text = str(value).strip()
    return None if text in ("", "null", "NULL", "None", "undefined") else text


_LONGEST_NUMBER = 64


def exact_number(number: str) -> str:
    """A number of a JSON text as whole digits where it is whole (``1.38E+10``), else as it was written.

    For ``json.loads(…, parse_float=exact_number, parse_int=str)``: eighteen digits do not survive floating point.
    """
    try:
        value = Decimal(number)
    except InvalidOperation:
        return number
    if value == value.to_integral_value() and abs(value.adjusted()) < _LONGEST_NUMBER:
        return str(int(value))
    return number


def beyond_the_model(exc: ValidationError, what: str = "demand") -> RecordRejected:
    """Why a record's values are beyond a model's bounds: the field and the kind of fault, never the value.

    Raise what it returns outside of the handler, or ``from None``: the cause's text holds the record's values.

    Args:
        exc: As the model raised it.
        what: What the model is of, for the message.
    """
    first = exc.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return RecordRejected(
        f"{what}'s {field}: {first['msg'][:120]}; look at the record with `hub quarantine show`",
        code=Code.RECORD_TOO_LARGE if first["type"] == "string_too_long" else Code.FIELD_INVALID,
        field=field,
    )
