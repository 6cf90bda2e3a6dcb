"""Rows that are lines of one whole, such as one inspection: what the whole says is a record of its own, beside the records of its lines.

A line that says something by itself (a problem that was found) is a record, and part of its whole; a line that says nothing by itself (a point that was
checked and found well) is kept in the record of its whole alone. So a line that cannot be used stops neither its whole nor any other line, a sheet
that repeats some of the lines takes nothing from the others, and no row stands in quarantine only because all was well.

The whole's record holds its lines in an order of their own, so that the same lines in another order are the same record, and its version is how many
they are: an excerpt, such as the list of what is still to be put right, is older than the sheet from which it was taken, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from hub.errors import Code, RecordRejected
from hub.sdk.channel import RawRecord
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.values import version_of_number

ABOUT = "_"
LINES = "lines"


class Part(NamedTuple):
    """How a row belongs to a whole.

    Attributes:
        whole: Number of the whole; no row may bear it.
        alone: The row says something by itself: it is a record, and of it the whole keeps what `Gathering.columns` names. Otherwise the whole keeps
            all of it, and it is no record.
        weight: What it adds to the version of the whole; 0 for what is only planned.
    """

    whole: str
    alone: bool
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Gathering:
    """What makes wholes of rows.

    Attributes:
        part: Of which whole a row is a line; None for none. It may raise RecordRejected, which sets the row aside.
        columns: Columns that a whole keeps of a line that is a record by itself.
        most_lines: Of one whole; a line beyond them is set aside.
    """

    part: Callable[[Cells], Part | None]
    columns: frozenset[str]
    most_lines: int = 5_000


@dataclass(slots=True)
class _Whole:
    media_type: str
    sheet: int
    row: int
    lines: list[bytes] = field(default_factory=list)
    weight: int = 0


class Wholes:
    """The wholes of one file."""

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering
        self._wholes: dict[str, _Whole] = {}

    def part(self, seen: Cells) -> Part | None:
        """Of which whole a row is a line; nothing is kept yet.

        Raises:
            RecordRejected: The row cannot be used, or its whole has as many lines as it may (``record_too_large``).
        """
        part = self._gathering.part(seen)
        if part is not None:
            whole = self._wholes.get(part.whole)
            if whole is not None and len(whole.lines) >= self._gathering.most_lines:
                raise RecordRejected(
                    f"a line more than the {self._gathering.most_lines} that one whole may have (expected fewer under one number or one day)",
                    code=Code.RECORD_TOO_LARGE,
                )
        return part

    def add(
        self,
        part: Part,
        cells: Mapping[str, Any],
        about: Mapping[str, Any],
        *,
        media_type: str,
        sheet: int,
        row: int,
    ) -> None:
        """Keeps a line in its whole."""
        whole = self._wholes.setdefault(part.whole, _Whole(media_type, sheet, row))
        told = {key: about[key] for key in ("year", "epoch") if key in about}
        kept = dict(cells)
        if part.alone:
            kept = {name: cell for name, cell in cells.items() if name in self._gathering.columns}
            told["alone"] = True
        whole.lines.append(_json({**kept, ABOUT: told} if told else kept))
        whole.weight += part.weight

    def records(self) -> Iterator[tuple[RawRecord, int, int]]:
        """Each whole's record with sheet and row of its first line, in the order of the file."""
        for number, whole in self._wholes.items():
            body = (
                b'{"_":' + _json({"number": number}) + b',"lines":[' + b",".join(sorted(whole.lines)) + b"]}"
            )
            yield (
                RawRecord(number, body, version=version_of_number(whole.weight), media_type=whole.media_type),
                whole.sheet,
                whole.row,
            )


class Line(NamedTuple):
    """A line of a whole.

    Attributes:
        cells: What the whole keeps of it.
        alone: Whether it is a record by itself.
    """

    cells: Cells
    alone: bool


def lines_of(raw: RawRecord) -> Sequence[Line] | None:
    """The lines of a whole's record, at least one; None for the record of a row.

    Raises:
        RecordRejected: It is the record of a whole, and its lines cannot be read (``record_unreadable``).
    """
    try:
        record = orjson.loads(raw.body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(record, dict) or LINES not in record:
        return None
    lines = record[LINES]
    if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
        raise RecordRejected(
            "record of several rows: its lines are no list of rows (expected at least one); look at it with `hub quarantine show`",
            code=Code.RECORD_UNREADABLE,
        )
    return [Line(Cells(line), _is_alone(line)) for line in lines]


def _is_alone(line: Mapping[str, Any]) -> bool:
    about = line.get(ABOUT)
    return isinstance(about, dict) and about.get("alone") is True


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
