"""Numbers of rows that stay the same while the row is amended, and that tell nobody who the person is.

Numbers of records stand open in the database. So of a person's name no more goes into one than its first character and its length, of a
telephone number no more than the last four digits: what masked values show anyway.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date
from hashlib import sha256

from hub.errors import Code, RecordRejected
from hub.sdk.readers.sheet import Numbered
from hub.sdk.readers.sheet_values import Cells

_SHORT = 6


def own_number(cells: Cells, column: str, day: date) -> Numbered | None:
    """The sheet's own number; None for an empty cell. A short one, which the next sheet begins anew, counts with its day.

    Raises:
        RecordRejected: Its digits are lost, or it is longer than 100 characters (``key_invalid``).
    """
    number = cells.identifier(column)
    if not number.exact or (number.value is not None and len(number.value) > 100):
        raise RecordRejected(
            f"column {column!r}: a number whose last digits the spreadsheet has lost, or of more than 100 characters (expected text, or at most 15 "
            "digits); format the column as text and enter it again",
            code=Code.KEY_INVALID,
            field=column,
        )
    if number.value is None:
        return None
    text = "".join(number.value.split())
    return Numbered(text if len(text) >= _SHORT else f"{day:%Y%m%d}-{text}", own=True)


def made_number(prefix: str, parts: Sequence[str | None]) -> Numbered:
    """``prefix`` and a digest of these parts, which must not change when the row is amended."""
    joined = "\x1f".join("".join(unicodedata.normalize("NFKC", part or "").split()) for part in parts)
    return Numbered(f"{prefix}-{sha256(joined.encode('utf-8', 'replace')).hexdigest()[:24]}", own=False)


def of_name(name: str | None) -> str:
    """``张2`` for 张三: as much of a name as a masked one shows."""
    text = "".join((name or "").split())
    return f"{text[:1]}{len(text)}" if text else ""


def of_phone(phone: str | None) -> str:
    """The last four digits."""
    return "".join(filter(str.isdecimal, phone or ""))[-4:]
