"""A row of a view as one JSON object: every value the text that the database writes, in the order of the expected columns."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hub.errors import Code, SourceContractError
from hub.sdk.channel import RecordProblem
from hub.sdk.readers.encoding import to_utf8
from hub.sdk.readers.sql_place import SqlPlace, SqlView

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        key: Text of the key column; None where it is null.
        position: Text of the position column; None where it is null.
        body: The row as JSON: texts and nulls; ``{"base64": …}`` for bytes that are no text.
        problem: Why the row cannot be used, where that shows already.
        suspect: Columns whose text looks like GBK that was taken for latin1.
        wide: Columns that hold other text than ASCII.
    """

    key: str | None
    position: str | None
    body: bytes = field(repr=False)
    problem: RecordProblem | None = None
    suspect: frozenset[str] = frozenset()
    wide: frozenset[str] = frozenset()


class RowWriter:
    """Turns rows into JSON.

    Args:
        place: Whose charset is known.
        where: For messages.
    """

    def __init__(self, place: SqlPlace, where: str) -> None:
        self._charset = None if place.charset == "declared" else place.charset
        # PostgreSQL never takes GBK for latin1 by itself, and text that it was given wrong stands wrong in the table.
        self._looks = self._charset is None
        self._where = where

    def row(self, values: Sequence[Any], names: Sequence[str], view: SqlView) -> Row:
        """One row; ``values`` has the size of what was too long to be fetched as its last."""
        fields: dict[str, str | dict[str, str] | None] = {}
        suspect, wide = set(), set()
        for name, value in zip(names, values, strict=False):
            text = fields[name] = self._text(value)
            if isinstance(text, str) and not text.isascii():
                wide.add(name)
                if self._looks and is_gbk_taken_for_latin1(text):
                    suspect.add(name)
        size = int(values[-1] or 0)
        problem = self._too_long(size) if size else None
        key, position = fields[view.key], fields[view.position]
        return Row(
            key if isinstance(key, str) else None,
            position if isinstance(position, str) else None,
            _encode(fields),
            problem or (self._garbled(suspect) if suspect else None),
            frozenset(suspect),
            frozenset(wide),
        )

    def check_charset(self, rows: Sequence[Row]) -> None:
        """Raises where most of a column's text is in another encoding than the database declares: no single row is to blame.

        Raises:
            SourceContractError: Code ``page_encoding``; the column is named.
        """
        for name in sorted({name for row in rows for name in row.suspect}):
            suspect = sum(name in row.suspect for row in rows)
            wide = sum(name in row.wide for row in rows)
            if suspect * 2 > wide:
                raise SourceContractError(
                    f"{self._where}: column {name} holds GBK that the database takes for latin1, in {suspect} of {wide} rows (expected text "
                    "as the database declares it); nothing of the page was kept: set charset: gbk in the channel's settings",
                    code=Code.PAGE_ENCODING,
                )

    def _text(self, value: Any) -> str | dict[str, str] | None:
        if value is None or isinstance(value, str):
            return value
        if not isinstance(value, bytes | bytearray | memoryview):
            return str(value)
        content = bytes(value)
        try:
            return content.decode(self._charset or "utf-8")
        except UnicodeDecodeError:
            pass
        try:
            found = to_utf8(content, self._charset, place=self._where)
            return found.utf8.decode()
        except (SourceContractError, UnicodeDecodeError):
            return {"base64": base64.b64encode(content).decode()}

    def _too_long(self, size: int) -> RecordProblem:
        return RecordProblem(
            Code.RECORD_TOO_LARGE,
            f"{self._where}: a row holds texts of {size} bytes (expected at most cell_bytes in one); they were not fetched: raise cell_bytes in "
            "the channel's settings and read the window again, or ask the source's keeper",
        )

    def _garbled(self, columns: set[str]) -> RecordProblem:
        return RecordProblem(
            Code.RECORD_UNREADABLE,
            f"{self._where}: {', '.join(sorted(columns))} of a row holds GBK that was taken for latin1 (expected text as the database "
            "declares it); the row is kept: ask the source's keeper to mend it",
        )


def is_gbk_taken_for_latin1(text: str) -> bool:
    """Whether a text is Chinese in GBK whose bytes were shown as Western letters, as ``Í¶Ëß`` is 投诉."""
    content = bytearray()
    for character in text:
        try:
            content += character.encode("latin-1") if ord(character) < 0x100 else character.encode("cp1252")
        except UnicodeEncodeError:
            return False
    try:
        read = content.decode("gbk")
    except UnicodeDecodeError:
        return False
    chinese = sum(
        "\u4e00" <= character <= "\u9fff" or character in "，。；：！？（）【】《》、" for character in read
    )
    others = sum(not character.isascii() for character in read) - chinese
    return chinese >= 2 and others * 4 <= chinese
