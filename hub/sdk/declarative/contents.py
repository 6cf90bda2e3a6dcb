"""What one record holds, by the places that a mapping names: texts, times, numbers that name something. Pure."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, NoReturn

from hub.errors import Code, RecordRejected
from hub.sdk.values import time_in

_SCIENTIFIC = re.compile(r"[+-]?\d(?:\.\d+)?[eE][+-]?\d{1,3}")
_WHOLE = re.compile(r"(\d+)\.0+")


class Content(ABC):
    """One record. A place is a column's name, or a path where the reader has paths."""

    @abstractmethod
    def text(self, place: str, *, literal: bool) -> str | None:
        """The text there; None where nothing is.

        Args:
            place: See the class.
            literal: It is the name of one member, whatever it looks like.

        Raises:
            RecordRejected: A list or an object stands there (code ``field_invalid``).
        """

    def moment(self, place: str, zone: tzinfo, *, literal: bool) -> datetime | None:
        """The aware time there, in one of the forms that need not be named; None where nothing is.

        Raises:
            RecordRejected: No time (code ``field_invalid``).
        """
        text = self.text(place, literal=literal)
        return None if text is None or not text.strip() else time_in(text, zone, field=place)

    def identifier(self, place: str, *, literal: bool) -> str | None:
        """A number that names something, such as a telephone's: every digit, or an error.

        Raises:
            RecordRejected: Its digits are lost, as in 1.38E+10 (code ``field_invalid``).
        """
        text = self.text(place, literal=literal)
        if text is None:
            return None
        text = text.strip()
        if _SCIENTIFIC.fullmatch(text):
            raise digits_lost(place)
        whole = _WHOLE.fullmatch(text)
        return whole[1] if whole else text


OpenRecord = Callable[[bytes], Content]


class _Number(str):
    """A JSON number by its very characters."""

    __slots__ = ()


class JsonContent(Content):
    """A record in JSON; every number keeps its digits.

    Raises:
        RecordRejected: The bytes are no JSON object or list in UTF-8 (code ``record_unreadable``).
    """

    def __init__(self, body: bytes) -> None:
        try:
            self._top = json.loads(
                body.decode("utf-8"), parse_int=_Number, parse_float=_Number, parse_constant=_no_constant
            )
        except (ValueError, RecursionError) as exc:
            reason = "nested too deeply" if isinstance(exc, RecursionError) else type(exc).__name__
            raise RecordRejected(
                f"record: {len(body)} bytes that are no JSON in UTF-8 ({reason}; expected an object); look at them with "
                "`hub quarantine show` and ask the source's keeper",
                code=Code.RECORD_UNREADABLE,
            ) from None
        if not isinstance(self._top, dict | list):
            raise RecordRejected(
                "record: a single value (expected an object); look at it with `hub quarantine show` and mend `records` of the reader",
                code=Code.RECORD_UNREADABLE,
            )

    def text(self, place: str, *, literal: bool) -> str | None:
        """See `Content.text`."""
        found = self._top
        for step in (place,) if literal else steps(place):
            if isinstance(found, dict):
                found = found.get(step)
            elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                found = None
            if found is None:
                return None
        return _text(place, found)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _text(place: str, found: Any) -> str:
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str):
        return found
    kind = "a list" if isinstance(found, list) else "an object"
    raise invalid(place, f"{kind} (expected a text or a number)", "mend the path")


def invalid(place: str, found: str, todo: str) -> RecordRejected:
    """The error for a field that cannot be used; the value is not shown."""
    return RecordRejected(
        f"field {place!r}: {found}; look at the record with `hub quarantine show`, then {todo}",
        code=Code.FIELD_INVALID,
        field=place,
    )


class DigitsLost(RecordRejected):
    """A number that names something has lost digits; a telephone's is left out for it and flagged, any other sets its record aside."""


def digits_lost(place: str) -> DigitsLost:
    """The error for a number that was kept as 1.38E+10."""
    return DigitsLost(
        f"field {place!r}: a number whose digits are lost (expected every digit); correct it in the source, in a sheet by formatting the "
        "column as text",
        code=Code.FIELD_INVALID,
        field=place,
    )


@lru_cache(maxsize=4_096)
def steps(path: str) -> tuple[str, ...]:
    """The names on the way; ``/`` first makes it a JSON pointer (RFC 6901), for names that hold a full stop."""
    if path.startswith("/"):
        return tuple(step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/"))
    return tuple(path.split("."))
