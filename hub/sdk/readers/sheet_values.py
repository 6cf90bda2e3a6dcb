"""What a cell means: texts, times, numbers of people and things, counts. Pure; for `Channel.normalize` of sheets.

A spreadsheet keeps fifteen digits. A longer number has lost its end, and ``1.38E+10`` in a text is a number that was saved as it was shown; such a
value is never completed by guessing: it is told apart, and the mapping decides whether the row can do without it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import orjson

from hub.errors import Code, RecordRejected
from hub.sdk.channel import RawRecord
from hub.sdk.values import blank_to_none, plain_text

_ABOUT = "_"
_EPOCHS = {1900: datetime(1899, 12, 30), 1904: datetime(1904, 1, 1)}  # noqa: DTZ001 - a sheet's times are local
_FIRST_DAY, _LAST_DAY = datetime(1990, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001
_SCIENTIFIC = re.compile(r"[+-]?\d(?:\.\d+)?E[+-]?\d{1,3}", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d+(?:\.0+)?")
_DAY = re.compile(
    r"(?:(?P<year>(?:19|20)\d\d)(?:年|[-./])(?P<month>\d{1,2})(?:月|[-./])(?P<day>\d{1,2})(?:日|(?!\d))"
    r"|(?P<year2>(?:19|20)\d\d)(?P<month2>\d\d)(?P<day2>\d\d)(?=$|\D|\d{4}(?:\d\d)?$)"
    r"|(?P<month3>\d{1,2})月(?P<day3>\d{1,2})(?:日|(?!\d)))"
)
_TIME = re.compile(
    r"T?(?:(?:星期|周)[一二三四五六日天])?(?P<half>上午|下午|中午|晚上|晚|早上|早|AM|PM)?"
    r"(?P<hour>\d{1,2})(?:[:时点](?P<minute>\d{1,2})?(?:[:分](?P<second>\d{1,2})?秒?)?(?:\.\d+)?|(?P<packed>\d\d(?:\d\d)?))(?P<late>AM|PM)?",
    re.IGNORECASE,
)
# Space between two digits parts day and hour; any other says nothing.
_IDLE_SPACE = re.compile(r"(?<!\d)\s+|\s+(?!\d)")
_COUNT = re.compile(r"第?(\d{1,4}|[一二两三四五六七八九十]{1,3})(?:\.0+)?[次回遍趟个人户天]?")
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}


class Identifier(NamedTuple):
    """A number that names something.

    Attributes:
        value: As text; None for an empty cell, and for one whose digits are lost.
        exact: False where digits are lost.
    """

    value: str | None
    exact: bool = True


class Cells:
    """The cells of one row, by column; reading one gives what it means, or says which column cannot be used.

    Attributes:
        number: The row's own, as the reader gave it; None where the record tells none.
    """

    __slots__ = ("_cells", "_epoch", "_words", "_year", "number")

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._cells = record
        self._words: dict[str, str | None] = {}
        about = record.get(_ABOUT)
        told = about if isinstance(about, dict) else {}
        year, number = told.get("year"), told.get("number")
        self._year: int | None = year if type(year) is int and 1990 <= year <= 2100 else None
        self._epoch = _EPOCHS[1904 if told.get("epoch") == 1904 else 1900]
        self.number: str | None = number if isinstance(number, str) and number.strip() else None

    @classmethod
    def of(cls, raw: RawRecord) -> Cells:
        """The cells of a record that `hub.sdk.readers.sheet` gave.

        Raises:
            RecordRejected: Its bytes are no JSON object (``record_unreadable``), or hold no number (``key_missing``).
        """
        try:
            record = orjson.loads(raw.body)
        except orjson.JSONDecodeError:
            record = _leniently(raw.body)
        if not isinstance(record, dict):
            raise RecordRejected(
                "row: its bytes are no JSON object (expected one cell a column); look at them with `hub quarantine show`",
                code=Code.RECORD_UNREADABLE,
            )
        cells = cls(record)
        if cells.number is None or len(cells.number) > 128:
            raise RecordRejected(
                "row: it bears no number (expected one under '_', as the reader of sheets gives it); collect its file again",
                code=Code.KEY_MISSING,
            )
        return cells

    def replaced(self, column: str, words: str) -> Cells:
        """The same row with other words in one cell."""
        return Cells({**self._cells, column: words})

    def text(self, column: str) -> str | None:
        """The words of a cell; None for an empty one. A number is its shortest text.

        Raises:
            RecordRejected: The cell holds an error such as #N/A, or is no cell at all (``field_invalid``).
        """
        cell = self._cells.get(column)
        if cell is None:
            return None
        if isinstance(cell, str):
            if column not in self._words:
                words = blank_to_none(cell)
                self._words[column] = plain_text(words) or None if words is not None else None
            return self._words[column]
        if isinstance(cell, bool):
            return "是" if cell else "否"
        if isinstance(cell, int):
            return str(cell)
        if isinstance(cell, float):
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        is_error = isinstance(cell, dict) and cell.get("error") is True
        found = (
            "a cell with an error such as #N/A (expected a value)"
            if is_error
            else f"{_kind(cell)} (expected a cell)"
        )
        raise _invalid(column, found, "mend it in the sheet")

    def identifier(self, column: str) -> Identifier:
        """A telephone number, a certificate's or a case's number, as text; digits that were lost are told, not guessed.

        Raises:
            RecordRejected: As `text`.
        """
        cell = self._cells.get(column)
        if isinstance(cell, float) and not isinstance(cell, bool):
            return (
                Identifier(str(int(cell)))
                if cell.is_integer() and abs(cell) < 1e15
                else Identifier(None, False)
            )
        if isinstance(cell, int) and not isinstance(cell, bool):
            return Identifier(str(cell)) if abs(cell) < 10**15 else Identifier(None, False)
        words = self.text(column)
        if words is None:
            return Identifier(None)
        if not words.isascii():
            words = unicodedata.normalize("NFKC", words)
        words = words.lstrip("'`‘").strip()
        if words.isdecimal():
            return Identifier(words)
        if _SCIENTIFIC.fullmatch(words):
            return _digits_of(words)
        if _WHOLE.fullmatch(words):
            words = words.partition(".")[0]
        return Identifier(words or None)

    def moment(self, column: str, zone: tzinfo) -> datetime | None:
        """The aware UTC time of a cell; None for an empty one. A day alone is its beginning.

        Days counted from 1900 or 1904, ``2026-06-23 10:20``, ``2026年6月23日上午10时``, ``2026.6.23``, ``20260623``; ``6月23日`` where the
        sheet's title names the year.

        Raises:
            RecordRejected: It is none of these, or names a day that there is not, or one before 1990 or after 2100 (``field_invalid``).
        """
        cell = self._cells.get(column)
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            local = self._of_number(column, cell)
        else:
            words = self.text(column)
            if words is None:
                return None
            local = self._of_text(column, words)
        if not _FIRST_DAY <= local.replace(tzinfo=None) < _LAST_DAY:
            raise _invalid(
                column,
                "a time before 1990 or after 2100 (expected one of this county's work)",
                "correct it in the sheet",
            )
        return (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)

    def count(self, column: str) -> int | None:
        """A whole number as ``2``, ``2次``, ``第二次``; None for an empty cell.

        Raises:
            RecordRejected: It is none (``field_invalid``).
        """
        words = self.text(column)
        if words is None:
            return None
        found = _COUNT.fullmatch("".join(unicodedata.normalize("NFKC", words).split()))
        if found is None:
            raise _invalid(
                column,
                f"a text of {len(words)} characters (expected a whole number such as 2 or 2次)",
                "correct it in the sheet",
            )
        return int(found[1]) if found[1].isdigit() else _of_words(found[1])

    def _of_number(self, column: str, cell: float) -> datetime:
        if 19_900_101 <= cell <= 21_000_101 and cell == int(cell):
            return self._of_text(column, str(int(cell)))
        # Days alone tell 6.23, a month and a day to whoever typed it, from a serial number: no sheet here is from 1960.
        if not 32_000 <= cell <= 74_000:
            raise _invalid(
                column,
                "a number that counts no day between 1990 and 2100 (expected a time, or the number of a day)",
                "format the column as a date in the sheet",
            )
        return self._epoch + timedelta(seconds=round(cell * 86_400))

    def _of_text(self, column: str, words: str) -> datetime:
        if words[4:5] == words[7:8] == "-":  # nearly every cell is one of these
            try:
                return datetime.fromisoformat(words)  # with its own zone, where it bears one
            except ValueError:
                pass
        text = _IDLE_SPACE.sub("", unicodedata.normalize("NFKC", words))
        if re.fullmatch(r"\d{5}(?:\.\d+)?", text):
            return self._of_number(column, float(text))
        day = _DAY.match(text)
        if day is None:
            raise _invalid(
                column,
                f"a text of {len(words)} characters is no time (expected 2026-06-23 10:20, 2026年6月23日, or a date cell)",
                "correct it in the sheet",
            )
        year = day["year"] or day["year2"]
        if year is None and self._year is None:
            raise _invalid(
                column,
                "a day without a year, and no title of the sheet names exactly one (expected 2026年6月23日)",
                "write the year, or put it into the sheet's title",
            )
        rest = text[day.end() :].lstrip()
        time = _TIME.fullmatch(rest) if rest else None
        if rest and time is None:
            raise _invalid(
                column,
                f"{len(rest)} characters behind the day are no time (expected 10:20 or 10时20分)",
                "correct it in the sheet",
            )
        try:
            return datetime(  # noqa: DTZ001 - the caller adds the zone
                int(year or self._year or 0),
                int(day["month"] or day["month2"] or day["month3"]),
                int(day["day"] or day["day2"] or day["day3"]),
                *(_clock(time) if time else ()),
            )
        except ValueError:
            raise _invalid(column, "a day or an hour that there is not", "correct it in the sheet") from None


def _clock(time: re.Match[str]) -> tuple[int, int, int]:
    packed = time["packed"] or ""
    hour = int(time["hour"])
    half = (time["half"] or time["late"] or "").upper()
    if half in ("下午", "晚上", "晚", "PM") and hour < 12:
        hour += 12
    elif half in ("AM", "上午", "早上", "早") and hour == 12:
        hour = 0
    return hour, int(time["minute"] or packed[:2] or 0), int(time["second"] or packed[2:] or 0)


def _digits_of(words: str) -> Identifier:
    """A number in scientific notation is exact only where it tells every digit."""
    try:
        value = Decimal(words)
    except InvalidOperation:
        return Identifier(None, False)
    told = len(value.as_tuple().digits)
    return (
        Identifier(str(int(value)))
        if value == value.to_integral_value() and value.adjusted() < told
        else Identifier(None, False)
    )


def _of_words(words: str) -> int:
    tens, ten, ones = words.rpartition("十")
    if not ten:
        return _DIGITS.get(words, 0) if len(words) == 1 else 0
    return (_DIGITS.get(tens, 1) if tens else 1) * 10 + (_DIGITS.get(ones, 0) if ones else 0)


def _leniently(body: bytes) -> object:
    """JSON with a lone surrogate or a number of any length, which the quick reader refuses."""
    try:
        return json.loads(body, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _kind(cell: object) -> str:
    return "a list" if isinstance(cell, list) else "an object"


def _invalid(column: str, found: str, remedy: str) -> RecordRejected:
    """The error for one column; ``found`` tells nothing of its value."""
    return RecordRejected(f"column {column!r}: {found}; {remedy}", code=Code.FIELD_INVALID, field=column)
