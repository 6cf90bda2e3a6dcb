"""Forms in JSON, as an inspector's telephone saves them, read as the rows of a sheet: so they bear the same names, errors and reports.

One object is one form, a list holds several. What stands in an object beside its lists of objects holds for each line in them; a form
without such a list is one row. Files that are attached (objects of name and address alone) are no lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from hub.errors import Code
from hub.sdk.readers.sheet_open import (
    Cell,
    FileProblem,
    OpenedSheet,
    SheetLimits,
    text_of,
    too_large,
    unreadable,
)

_BEGINS = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*["}]|\[\s*[{\]])')
_FILE = frozenset(
    ("name", "url", "uri", "path", "type", "size", "sha256", "filename", "fileName", "mediaType", "id")
)
_ADDRESSES = ("url", "uri", "path", "name", "fileName", "filename")
_NO_OBJECT = "（不是对象）"


def is_form(content: bytes) -> bool:
    """Whether the bytes begin as a JSON object, or a list of them, does."""
    return _BEGINS.match(content[:4096]) is not None


def open_form(content: bytes, limits: SheetLimits = SheetLimits()) -> OpenedSheet:
    """A sheet whose header holds every name in the forms, one row for each line of each form.

    Raises:
        FileProblem: ``file_too_large``, ``file_cut_short``, ``file_unreadable`` (no JSON, or no form in it), ``page_encoding``.
    """
    if len(content) > limits.file_bytes:
        raise too_large(f"{len(content)} bytes, at most {limits.file_bytes} are read")
    text = text_of(content)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        if not text.rstrip().endswith(("}", "]")) or exc.pos >= len(text.rstrip()):
            raise FileProblem(
                Code.FILE_CUT_SHORT,
                "JSON without its end (expected a whole form)",
                "put the file there again, under another name first, and rename it when it is whole",
                may_grow=True,
            ) from None
        raise _no_form("text that begins as JSON and is none") from None
    rows: list[Mapping[str, Cell]] = []
    places: dict[str, int] = {}
    cells = chars = 0
    for row in _rows(document if isinstance(document, list) else [document]):
        rows.append(row)
        for name in row:
            places.setdefault(name, len(places))
        cells += len(row)
        # What stands beside a form's lines stands in each of them: one long text and many lines would make gigabytes.
        chars += sum(len(cell) for cell in row.values() if isinstance(cell, str))
        if chars > limits.text_chars:
            raise too_large(f"lines of forms with more than {limits.text_chars} characters of text in all")
        if len(rows) > limits.rows or len(places) > limits.columns or cells > limits.cells:
            raise too_large(
                f"forms of more than {limits.rows} rows, {limits.columns} names or {limits.cells} values"
            )
    if not places:
        raise _no_form("JSON without a form in it")
    filled = [[row.get(name, "") for name in places] for row in rows]
    return OpenedSheet(1, "", [list(places), *filled])


def _rows(forms: list[Any]) -> Iterator[dict[str, Cell]]:
    for form in forms:
        if not isinstance(form, dict):
            yield {_NO_OBJECT: _cell(form)}
            continue
        lines = {name: value for name, value in form.items() if _are_lines(value)}
        common = {name: _cell(value) for name, value in form.items() if name not in lines}
        if not lines:
            yield common
        for several in lines.values():
            for line in several:
                yield {**common, **{name: _cell(value) for name, value in line.items()}}


def _are_lines(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) for one in value)
        and not all(set(one) <= _FILE for one in value)
    )


def _cell(value: Any) -> Cell:
    """A value as a cell; a list is its parts one after the other, for a list in a cell would be a time."""
    if value is None:
        return ""
    if isinstance(value, str | float | int):
        return value
    if isinstance(value, list):
        return "；".join(str(_cell(one)) for one in value)
    address = next((value[name] for name in _ADDRESSES if isinstance(value.get(name), str)), None)
    if address is not None and set(value) <= _FILE:
        return str(address)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _no_form(found: str) -> FileProblem:
    return unreadable(f"{found} (expected an object, or a list of objects)", may_grow=True)
