"""The fields of one thing that a source tells, whatever it was written in: JSON, XML, a row of a table; every value as the text that was sent.

A number keeps its very digits: 18 of a case's number and 31 of a service item's code do not survive floating point.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from hub.sdk import Code, RecordRejected
from hub.sdk.values import beyond_the_model, blank_to_none, exact_number, mapped, plain_text, time_in

if TYPE_CHECKING:
    from lxml import etree

Values = Mapping[str, Any]
ValueT = TypeVar("ValueT")
ModelT = TypeVar("ModelT", bound=BaseModel)

MAX_KEY = 128
_MONEY = re.compile(r"\d{1,12}(?:\.\d{1,6})?")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d{1,6})?")
_NO_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF))
_FLAGS: Mapping[str, bool] = {
    "0": False, "1": True, "false": False, "true": True, "n": False, "y": True, "否": False, "是": True
}  # fmt: skip
_LOOK = "look at the record with `hub quarantine show` and ask the source's keeper"


class Fields:
    """Reads fields by the names of this channel, whatever the source calls them.

    Args:
        values: Name -> text, None, a list or an object.
        zone: Of the source's naive times.
        names: This channel's name of a field -> the source's, where that is another.
        at: The names that lead here, for messages.
    """

    __slots__ = ("_at", "_names", "_values", "_zone")

    def __init__(
        self, values: Values, zone: tzinfo, names: Mapping[str, str] | None = None, at: str = ""
    ) -> None:
        self._values = values
        self._zone = zone
        self._names = names if names is not None else {}
        self._at = at

    def __contains__(self, name: str) -> bool:
        """Whether there is anything in it."""
        value = self._value(name)
        return value not in (None, [], {}) and not (isinstance(value, str) and blank_to_none(value) is None)

    def text(self, name: str) -> str | None:
        """The text without surrounding space; None where it is absent, empty or the word null.

        Raises:
            RecordRejected: A list or an object stands there (``field_invalid``).
        """
        value = self._value(name)
        if value is None or isinstance(value, str):
            return blank_to_none(value)
        return self.refuse(name, f"{_kind(value)} (expected a text)")

    def words(self, name: str) -> str | None:
        """What somebody wrote; markup becomes its words."""
        text = self.text(name)
        return plain_text(text) or None if text is not None else None

    def needed(self, name: str, expected: str) -> str:
        """As `text`.

        Raises:
            RecordRejected: There is nothing (``field_missing``).
        """
        text = self.text(name)
        if text is None:
            raise RecordRejected(
                f"field {self._named(name)!r}: missing or empty (expected {expected}); {_LOOK}",
                code=Code.FIELD_MISSING,
                field=self._named(name),
            )
        return text

    def key(self, name: str, of: str) -> str:
        """A number by which the record, or the case that it is about, is known.

        Raises:
            RecordRejected: There is none (``key_missing``), or it is too long or cannot be printed (``key_invalid``).
        """
        text = self.text(name)
        if text is None:
            raise RecordRejected(
                f"field {self._named(name)!r}: missing or empty (expected the number of {of}); the record is kept: ask the source's "
                "keeper for it",
                code=Code.KEY_MISSING,
                field=self._named(name),
            )
        return sound_key(text, self._named(name))

    def moment(self, name: str) -> datetime | None:
        """The aware UTC time; a naive one is the county's. None where there is none.

        Raises:
            RecordRejected: It is no time (``field_invalid``).
        """
        text = self.text(name)
        if text is None:
            return None
        try:
            return time_in(text, self._zone, field=self._named(name))
        except OverflowError:
            return self.refuse(name, "a time outside the calendar (expected a year from 1 to 9999)")

    def when(self, name: str) -> datetime:
        """As `moment`; raises RecordRejected where there is none (``field_missing``)."""
        self.needed(name, "a time such as 2023-06-29 10:21:33")
        moment = self.moment(name)
        assert moment is not None
        return moment

    def whole(self, name: str) -> int | None:
        """A whole number from 0 on."""
        text = self.text(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            return self.refuse(name, f"a text of {len(text)} characters (expected a whole number)")
        return int(text)

    def money(self, name: str) -> Decimal | None:
        """An amount in yuan, exactly as it was told; never less than nothing."""
        text = self.text(name)
        if text is None:
            return None
        digits = text.removesuffix("元").strip().lstrip("¥￥").strip()
        if _THOUSANDS.fullmatch(digits):
            digits = digits.replace(",", "")
        if not _MONEY.fullmatch(digits):
            return self.refuse(name, f"a text of {len(text)} characters (expected an amount such as 80.00)")
        return Decimal(digits)

    def share(self, name: str) -> float | None:
        """A number with a sign, such as an effect on a score."""
        text = self.text(name)
        if text is None:
            return None
        if not re.fullmatch(r"[+-]?\d{1,6}(?:\.\d{1,6})?", text):
            return self.refuse(name, f"a text of {len(text)} characters (expected a number such as -1.5)")
        return float(text)

    def flag(self, name: str) -> bool | None:
        """Yes or no, as 1/0, true/false, Y/N, 是/否."""
        text = self.text(name)
        return None if text is None else mapped(_FLAGS, text.lower(), field=self._named(name))

    def code(self, name: str, table: Mapping[str, ValueT]) -> ValueT | None:
        """What a table says that the field's code means; None where there is no code.

        Raises:
            RecordRejected: The table does not know it (``value_unmapped``).
        """
        text = self.text(name)
        return None if text is None else mapped(table, text, field=self._named(name))

    def shown(self, name: str, table: Mapping[str, str]) -> str | None:
        """A word for a code of which nothing depends; a code that the table does not know stays as it is."""
        text = self.text(name)
        return None if text is None else table.get(text, text)

    def texts(self, name: str) -> tuple[str, ...]:
        """Several short texts: a list of them, or one with commas in between."""
        value = self._value(name)
        if value is None or isinstance(value, str):
            text = blank_to_none(value)
            return tuple(one.strip() for one in re.split("[,，;；、|]", text) if one.strip()) if text else ()
        if isinstance(value, list) and all(one is None or isinstance(one, str) for one in value):
            return tuple(text for one in value if (text := blank_to_none(one)))
        return self.refuse(name, f"{_kind(value)} (expected a text, or a list of texts)")

    def parts(self, name: str) -> Iterator[Fields]:
        """The things of a list, in its order; a single one counts for a list of one.

        Raises:
            RecordRejected: Something else stands there (``field_invalid``).
        """
        found = self._value(name)
        # <processes><process>…</process></processes>: the list is one element further in.
        while isinstance(found, Mapping) and len(found) == 1 and _is_nested(next(iter(found.values()))):
            found = next(iter(found.values()))
        if found is None or (isinstance(found, str) and blank_to_none(found) is None):
            return
        things = found if isinstance(found, list) else [found]
        for index, thing in enumerate(things):
            if not isinstance(thing, Mapping):
                self.refuse(name, f"{_kind(thing)} at place {index + 1} (expected objects)")
            yield Fields(thing, self._zone, self._names, f"{self._named(name)}[{index}].")

    def refuse(self, name: str, found: str) -> NoReturn:
        """Sets the record aside because of this field; ``found`` tells nothing of its value."""
        raise RecordRejected(
            f"field {self._named(name)!r}: {found}; {_LOOK}", code=Code.FIELD_INVALID, field=self._named(name)
        )

    def _named(self, name: str) -> str:
        return self._at + self._names.get(name, name)

    def _value(self, name: str) -> Any:
        return self._values.get(self._names.get(name, name))


def sound_key(text: str, field: str) -> str:
    """The number itself.

    Raises:
        RecordRejected: Too long, or characters that cannot be printed (``key_invalid``).
    """
    if len(text) > MAX_KEY or not text.isprintable():
        raise RecordRejected(
            f"field {field!r}: {len(text)} characters, or characters that cannot be printed (expected a number of at most {MAX_KEY}); "
            "look at the record with `hub quarantine show`",
            code=Code.KEY_INVALID,
            field=field,
        )
    return text


def built(model: type[ModelT], values: Values) -> ModelT:
    """The model with these values.

    Raises:
        RecordRejected: A value is beyond the model's bounds (``record_too_large``, else ``field_invalid``).
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as exc:
        raise beyond_the_model(
            exc, model.__name__.lower()
        ) from None  # the cause's text holds the record's values


# --- what the fields were written in ----------------------------------------------------------------------------------


def read_json(body: bytes) -> Values:
    """The members of a JSON object, every number as its digits.

    Raises:
        RecordRejected: The bytes are none (``record_unreadable``).
    """
    try:
        found = json.loads(
            body, parse_int=str, parse_float=exact_number, parse_constant=str, object_hook=_texts
        )
    except (ValueError, RecursionError) as exc:
        raise _unreadable(type(exc).__name__, "one JSON object in UTF-8") from None
    if not isinstance(found, dict):
        raise _unreadable("no JSON object", "one JSON object in UTF-8")
    return found


def read_xml(text: str) -> Values:
    """The children of an XML document's root by local name: texts, objects, and lists where a name stands several times.

    Raises:
        RecordRejected: It is no XML that is read (``record_unreadable``).
    """
    from hub.sdk.readers.xml import Refused, inner_xml, parse_xml

    try:
        # A vertical tab in somebody's words costs nobody the record.
        root = parse_xml(inner_xml(text.translate(_NO_CONTROLS)))
    except Refused as exc:
        raise _unreadable(exc.reason, "one XML document") from None
    found = _value_of(root)
    return found if isinstance(found, dict) else {}


def document_of(row: Values, column: str) -> str:
    """The XML that a column of a row holds.

    Raises:
        RecordRejected: Nothing (``field_missing``), or bytes that are no text in any encoding that is known (``record_unreadable``).
    """
    found = row.get(column)
    if isinstance(found, str) and found.strip():
        return found
    if isinstance(found, Mapping):
        raise RecordRejected(
            f"column {column!r}: bytes that are no text (expected XML in UTF-8 or GBK); look at the record with `hub quarantine show` and ask "
            "the source's keeper how it is packed",
            code=Code.RECORD_UNREADABLE,
            field=column,
        )
    raise RecordRejected(
        f"column {column!r}: empty (expected XML); {_LOOK}", code=Code.FIELD_MISSING, field=column
    )


def unwrapped(values: Values) -> Values:
    """What a message says, without the elements that are only around it: ``Package/Body/…``."""
    found = values
    while True:
        inner = found.get("Body") if "Body" in found else None
        if inner is None and len(found) == 1:
            inner = next(iter(found.values()))
        if not isinstance(inner, Mapping):
            return found
        found = inner


def _value_of(element: etree._Element) -> Any:
    from hub.sdk.readers.xml import text_of

    if not len(element):
        return text_of(element)
    found: dict[str, Any] = {}
    for child in element:
        name, value = str(child.tag).rpartition("}")[2], _value_of(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _texts(fields: dict[str, Any]) -> dict[str, Any]:
    for name, value in fields.items():
        if isinstance(value, bool):
            fields[name] = "1" if value else "0"
    return fields


def _is_nested(value: object) -> bool:
    return isinstance(value, Mapping | list)


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, Mapping) else "a text"


def _unreadable(found: str, expected: str) -> RecordRejected:
    return RecordRejected(
        f"record: {found} (expected {expected}); look at its kept bytes with `hub quarantine show` and ask the source's keeper",
        code=Code.RECORD_UNREADABLE,
    )
