"""Finds the header of a sheet: the row, or the two rows, in which the columns that a channel needs are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.errors import Code
from hub.sdk.readers.sheet_open import Cell, FileProblem
from hub.sdk.readers.sheet_words import fold, folded_variants

HEAD_ROWS = 30
_RESERVED = frozenset(("_", "…"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a channel knows.

    Attributes:
        name: Its name in records and messages, whatever the sheet calls it.
        aliases: What sheets call it besides; space, full-width forms, case and brackets count for nothing.
        required: A row in which no such column is named is no header.
    """

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """A header that was found.

    Attributes:
        last_row: Of the header, from 0; rows begin below.
        names: Place of each column -> its name: the channel's where it is known, else as the sheet has it.
        known: Names of the channel's own columns among them.
        required: Places of the required ones.
        titles: Texts above the header.
        folded: Place -> texts of the header's rows, in one form, to know them again further down.
        wanted: Folded text -> name of the column that it means.
    """

    last_row: int
    names: Mapping[int, str]
    known: frozenset[str]
    required: tuple[int, ...]
    titles: tuple[str, ...]
    folded: Mapping[int, frozenset[str]]
    wanted: Mapping[str, str]

    def repeats(self, cells: Sequence[Cell]) -> bool:
        """Whether a row is this header once more, as at the head of each printed page."""
        filled = [(place, cell) for place, cell in enumerate(cells) if cell != ""]
        return len(filled) >= 2 and all(self._is_same(place, cell) for place, cell in filled)

    def _is_same(self, place: int, cell: Cell) -> bool:
        if not isinstance(cell, str) or len(cell) > 64 or place not in self.names:
            return False
        return fold(cell) in self.folded.get(place, ()) or _known(cell, self.wanted) == self.names[place]


def find_head(rows: Sequence[Sequence[Cell]], columns: Sequence[Column]) -> Head:
    """The first row, or two rows one below the other, that name every required column.

    Raises:
        FileProblem: None does, or one names a column twice (``sheet_header``).
    """
    wanted = _wanted(columns)
    for at in range(min(len(rows), HEAD_ROWS)):
        for last in (at, at + 1):
            if last >= len(rows) or not any(_known(cell, wanted) for cell in rows[at]):
                continue
            places = _places(rows[at : last + 1], wanted, columns)
            if all(column.name in places for column in columns if column.required) and _is_two(
                rows, at, last, wanted
            ):
                # The row below may name what stands under a common heading.
                deeper = (
                    _places(rows[at : last + 2], wanted, columns)
                    if last == at and last + 1 < len(rows)
                    else places
                )
                if len(deeper) > len(places) and _is_two(rows, at, last + 1, wanted):
                    places, last = deeper, last + 1
                return _head(rows, at, last, places, wanted, columns)
    found = max((sum(1 for cell in row if _known(cell, wanted)) for row in rows[:HEAD_ROWS]), default=0)
    missing = [column.name for column in columns if column.required]
    raise FileProblem(
        Code.SHEET_HEADER,
        f"no row of the first {HEAD_ROWS} names the columns {'、'.join(missing)} (the best one names {found} of {len(columns)} that are known)",
        "give the columns these names, or add the sheet's own names to the setting columns",
    )


def found_in(rows: Sequence[Sequence[Cell]], columns: Sequence[Column]) -> int:
    """How many known columns the best of the first rows names."""
    wanted = _wanted(columns)
    return max((len({_known(cell, wanted) for cell in row} - {None}) for row in rows[:HEAD_ROWS]), default=0)


def _wanted(columns: Sequence[Column]) -> dict[str, str]:
    """Folded text -> name of the column; the columns' own names go before aliases."""
    wanted: dict[str, str] = {}
    for column in columns:
        wanted[fold(column.name)] = column.name
    for column in columns:
        for alias in column.aliases:
            wanted.setdefault(fold(alias), column.name)
    return wanted


def _known(cell: Cell, wanted: Mapping[str, str]) -> str | None:
    if not isinstance(cell, str) or not cell or len(cell) > 64:
        return None
    return next((wanted[one] for one in folded_variants(cell) if one in wanted), None)


def _is_two(rows: Sequence[Sequence[Cell]], at: int, last: int, wanted: Mapping[str, str]) -> bool:
    """Whether the second of two rows is a header too: every cell in it names a known column."""
    if last == at:
        return True
    filled = [cell for cell in rows[last] if cell != ""]
    return bool(filled) and all(_known(cell, wanted) for cell in filled)


def _places(
    rows: Sequence[Sequence[Cell]], wanted: Mapping[str, str], columns: Sequence[Column]
) -> dict[str, list[int]]:
    """Name of each known column -> where it stands; a column's own name goes before an alias."""
    own = {fold(column.name): column.name for column in columns}
    exact: dict[str, list[int]] = {}
    found: dict[str, list[int]] = {}
    for row in rows:
        for place, cell in enumerate(row):
            name = _known(cell, wanted)
            if name is None:
                continue
            if place not in found.setdefault(name, []):
                found[name].append(place)
            if fold(cell) in own and place not in exact.setdefault(name, []):
                exact[name].append(place)
    return {name: exact.get(name) or places for name, places in found.items()}


def _head(
    rows: Sequence[Sequence[Cell]],
    at: int,
    last: int,
    places: Mapping[str, list[int]],
    wanted: Mapping[str, str],
    columns: Sequence[Column],
) -> Head:
    twice = [name for name, found in places.items() if len(found) > 1]
    if twice:
        raise FileProblem(
            Code.SHEET_HEADER,
            f"the column {'、'.join(sorted(twice))} stands twice in row {at + 1} (expected once)",
            "rename one of them",
        )
    names: dict[int, str] = {found[0]: name for name, found in places.items()}
    taken = set(names.values()) | _RESERVED
    folded: dict[int, set[str]] = {}
    for row in rows[at : last + 1]:
        for place, cell in enumerate(row):
            text = "".join(cell.split()) if isinstance(cell, str) else ""
            if text:
                folded.setdefault(place, set()).add(fold(text))
            if text and place not in names:
                names[place] = _free(text[:64], taken)
                taken.add(names[place])
    required = tuple(sorted(places[column.name][0] for column in columns if column.required))
    titles = tuple(cell for row in rows[:at] for cell in row if isinstance(cell, str) and cell)[:50]
    return Head(
        last,
        dict(sorted(names.items())),
        frozenset(places),
        required,
        titles,
        {place: frozenset(texts) for place, texts in folded.items()},
        wanted,
    )


def _free(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
