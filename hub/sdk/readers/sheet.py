"""Reads the rows of a sheet as clerks keep it: finds the header, fills merged cells, follows "同上", leaves out totals and notes.

A row becomes one raw record whose body is canonical JSON, every cell under its column's own name and, under ``_``, what the row alone does not
tell: its number, the year that the sheet's title names, the year from which serial days count. `Channel.normalize` needs nothing else. Which
file, sheet and row it was stands in the record's media type, not in its body: the same row in tomorrow's longer file is the same
record, and is counted as a duplicate.

Hidden rows and columns are read as any other; hidden sheets are not, and the report says so.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from hub.errors import Code, RecordRejected
from hub.sdk.channel import RawRecord, RecordProblem
from hub.sdk.readers.sheet_head import Column, Head, find_head, found_in
from hub.sdk.readers.sheet_json import is_form, open_form
from hub.sdk.readers.sheet_open import Cell, FileProblem, OpenedSheet, SheetLimits, kind_of, open_sheets
from hub.sdk.readers.sheet_text import open_text
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.readers.sheet_whole import Gathering, Part, Wholes
from hub.sdk.readers.sheet_words import is_ditto, is_note, is_totals, year_in

__all__ = ["Column", "Numbered", "SetAside", "SheetPlan", "SheetRecords", "Tally", "place_in"]

ABOUT = "_"
MEDIA_TYPE = "application/json"
MOST_TOLD = 1_000


class Numbered(NamedTuple):
    """A row's number.

    Attributes:
        text: The sheet's own number, or one made of cells that do not change when the row is amended.
        own: The sheet's own: two different rows under one are an error. Otherwise the second row under one is the second of its kind.
    """

    text: str
    own: bool


@dataclass(frozen=True, slots=True)
class SheetPlan:
    """What a channel expects of its sheets.

    Attributes:
        columns: The columns that it knows; what else stands in the sheet is kept in the raw record.
        number: Of a row by its cells; None, or no plan for numbers at all: made of the file's content, sheet and row. It may
            raise RecordRejected, which sets the row aside.
        passes_over: A slug for a row that by the sheet's own rule carries no demand; such rows are counted in the report and collected no
            further. None for a row that does.
        sheets: Pattern of the names of the sheets to read, as ``2026*``; None for every visible sheet that has the header.
        gathering: What makes wholes of rows, such as an inspection of its lines; a whole's record comes after the rows of its file.
        limits: What reading a file may cost.
    """

    columns: tuple[Column, ...]
    number: Callable[[Cells], Numbered | None] | None = None
    passes_over: Callable[[Cells], str | None] | None = None
    gathering: Gathering | None = None
    sheets: str | None = None
    limits: SheetLimits = SheetLimits()


@dataclass(frozen=True, slots=True)
class SetAside:
    """One row, or one sheet (then ``row`` is 0), or the file (then both are), that could not be read; no values of it."""

    sheet: int
    row: int
    column: str | None
    code: str
    found: str


@dataclass(slots=True)
class Tally:
    """What was found in one file; it adds up: rows + wholes = records + those passed over + those gathered.

    Attributes:
        rows: With anything in them, below the header.
        records: Handed over, those set aside and those of wholes included.
        wholes: Records of several rows, see `SheetPlan.gathering`.
        gathered: Rows that stand in the record of their whole alone.
        passed_over: Rows by reason: ``totals``, ``note``, ``header_again``, and the plan's own.
        sheets_passed_over: Sheets by reason: ``hidden``, ``other_name``, ``no_header``.
        set_aside: The first of them, in order; ``set_aside_count`` counts all.
    """

    rows: int = 0
    records: int = 0
    wholes: int = 0
    gathered: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    sheets_passed_over: Counter[str] = field(default_factory=Counter)
    set_aside: list[SetAside] = field(default_factory=list)
    set_aside_count: int = 0

    def note(self, one: SetAside) -> None:
        """Counts it, and keeps it while they are few enough to be told."""
        self.set_aside_count += 1
        if len(self.set_aside) < MOST_TOLD:
            self.set_aside.append(one)


class _Trouble(NamedTuple):
    code: Code
    column: str | None
    found: str
    remedy: str


class SheetRecords:
    """The records of one file, in its order; iterate once, then ``tally`` is complete.

    Args:
        content: The file's bytes.
        plan: See `SheetPlan`.
        normalize: The channel's own, pure: whether a row can be used is known before its record is landed, so that the report that goes
            back with the file can name row and column. What it gives is thrown away: landing reads the record again.
        titles: More places where a year may stand, such as the file's name; the sheet's own title goes first.

    Raises:
        FileProblem: When iteration begins, before the first record: the file cannot be read as a whole, or no sheet has the header.
    """

    def __init__(
        self,
        content: bytes,
        plan: SheetPlan,
        normalize: Callable[[RawRecord], object] | None = None,
        titles: Sequence[str] = (),
    ) -> None:
        self.tally = Tally()
        self.digest = sha256(content).hexdigest()
        self._content = content
        self._plan = plan
        self._normalize = normalize
        self._titles = titles
        self._repeats = _Repeats(plan.limits)
        self._of_a_kind: Counter[str] = Counter()
        self._numbered: dict[str, tuple[bytes, str]] = {}
        self._wholes = Wholes(plan.gathering) if plan.gathering is not None else None

    def __iter__(self) -> Iterator[RawRecord]:
        headed, headless = self._sheets()
        for sheet, problem in headless:
            yield self._sheet_set_aside(sheet, problem)
        for sheet, head in headed:
            year = year_in(head.titles) or year_in([sheet.name]) or year_in(self._titles)
            for row, cells, trouble in _Rows(sheet, head, self.tally, self._repeats):
                record = self._record(sheet, row, cells, year, trouble)
                if record is not None:
                    self.tally.records += 1
                    yield record
        if self._wholes is not None:
            yield from self._of_wholes(self._wholes)

    def _of_wholes(self, wholes: Wholes) -> Iterator[RawRecord]:
        for record, sheet, row in wholes.records():
            self.tally.records += 1
            self.tally.wholes += 1
            if record.source_no in self._numbered or record.source_no in self._of_a_kind:
                found = "its number is the number of a row too (expected one of its own)"
                self.tally.note(SetAside(sheet, row, None, str(Code.KEY_INVALID), found))
                detail = f"file {self.digest[:8]}, sheet {sheet}, row {row}: {found}; give each a number of its own"
                yield replace(record, source_no=None, problem=RecordProblem(Code.KEY_INVALID, detail))
                continue
            self._try(record, sheet, row)
            yield record

    def _sheets(self) -> tuple[list[tuple[OpenedSheet, Head]], list[tuple[OpenedSheet, FileProblem]]]:
        """Every sheet is opened before the first row is given: a file is read as a whole or not at all."""
        plan, tally = self._plan, self.tally
        if is_form(self._content):
            opened = [open_form(self._content, plan.limits)]
        elif kind_of(self._content) == "text":
            opened = [open_text(self._content, lambda rows: found_in(rows, plan.columns), plan.limits)]
        else:
            opened = list(open_sheets(self._content, plan.limits))
        headed: list[tuple[OpenedSheet, Head]] = []
        headless: list[tuple[OpenedSheet, FileProblem]] = []
        missing: FileProblem | None = None
        for sheet in opened:
            if plan.sheets is not None and sheet.name and not fnmatch.fnmatchcase(sheet.name, plan.sheets):
                tally.sheets_passed_over["other_name"] += 1
            elif not sheet.visible:
                tally.sheets_passed_over["hidden"] += 1
            else:
                try:
                    headed.append((sheet, find_head(sheet.rows, plan.columns)))
                except FileProblem as exc:
                    missing = exc
                    if found_in(sheet.rows, plan.columns) >= 2:
                        headless.append(
                            (sheet, exc)
                        )  # one of ours, with a column renamed: not to be passed over
                    else:
                        tally.sheets_passed_over["no_header"] += 1
        if not headed:
            raise missing or FileProblem(
                Code.SHEET_HEADER,
                f"{len(opened)} sheets, none of which is visible and bears the name that the settings want",
                "look at the setting sheets, and at whether the sheet is hidden",
            )
        return headed, headless

    def _sheet_set_aside(self, sheet: OpenedSheet, problem: FileProblem) -> RawRecord:
        self.tally.records += 1
        self.tally.rows += 1
        self.tally.note(SetAside(sheet.number, 0, None, str(problem.code), problem.found))
        detail = f"file {self.digest[:8]}, sheet {sheet.number}: {problem.found}; {problem.remedy}"
        body = _json({ABOUT: {"file": self.digest, "sheet": sheet.number}})
        return RawRecord(None, body, problem=RecordProblem(problem.code, detail))

    def _record(
        self, sheet: OpenedSheet, row: int, cells: dict[str, Any], year: int | None, trouble: _Trouble | None
    ) -> RawRecord | None:
        """The row's record; None for a row that carries no demand by the sheet's own rule, or stands in the record of its whole alone."""
        about: dict[str, Any] = {}
        if year is not None:
            about["year"] = year
        if sheet.epoch != 1900:
            about["epoch"] = sheet.epoch
        media_type = f"{MEDIA_TYPE}; file={self.digest[:8]}; sheet={sheet.number}; row={row}"
        seen = Cells({**cells, ABOUT: about})
        number: str | None = None
        part: Part | None = None
        if trouble is None:
            try:
                if (
                    self._plan.passes_over is not None
                    and (reason := self._plan.passes_over(seen)) is not None
                ):
                    self.tally.passed_over[reason] += 1
                    return None
                part = self._wholes.part(seen) if self._wholes is not None else None
                if part is not None and not part.alone:
                    self._gather(part, cells, about, media_type, sheet.number, row)
                    self.tally.gathered += 1
                    return None
                number, trouble = self._number(seen, sheet.number, row, cells)
            except RecordRejected as exc:
                trouble = _Trouble(
                    exc.code, exc.field, exc.message, "correct the row and put the file there again"
                )
        if part is not None and trouble is None:
            self._gather(part, cells, about, media_type, sheet.number, row)
        about["number"] = number or f"{self.digest[:32]}-{sheet.number}-{row}"
        body = _json({**cells, ABOUT: about})
        if trouble is not None:
            self.tally.note(SetAside(sheet.number, row, trouble.column, str(trouble.code), trouble.found))
            at = f", column {trouble.column!r}" if trouble.column else ""
            detail = f"file {self.digest[:8]}, sheet {sheet.number}, row {row}{at}: {trouble.found}; {trouble.remedy}"
            return RawRecord(None, body, media_type=media_type, problem=RecordProblem(trouble.code, detail))
        record = RawRecord(about["number"], body, media_type=media_type)
        self._try(record, sheet.number, row)
        return record

    def _gather(
        self, part: Part, cells: dict[str, Any], about: dict[str, Any], media_type: str, sheet: int, row: int
    ) -> None:
        assert self._wholes is not None
        self._wholes.add(part, cells, about, media_type=media_type, sheet=sheet, row=row)

    def _number(
        self, seen: Cells, sheet: int, row: int, cells: Mapping[str, Any]
    ) -> tuple[str | None, _Trouble | None]:
        numbered = self._plan.number(seen) if self._plan.number is not None else None
        if numbered is None:
            return None, None
        if not numbered.own:
            self._of_a_kind[numbered.text] += 1
            nth = self._of_a_kind[numbered.text]
            return numbered.text if nth == 1 else f"{numbered.text}-{nth}", None
        content = sha256(_json(cells)).digest()
        known, where = self._numbered.setdefault(numbered.text, (content, f"sheet {sheet}, row {row}"))
        if known != content:
            return None, _Trouble(
                Code.KEY_INVALID,
                None,
                f"its number stands already in {where} of the same file, with other content (expected a number of its own)",
                "give each row a number of its own and put the file there again",
            )
        return numbered.text, None

    def _try(self, record: RawRecord, sheet: int, row: int) -> None:
        if self._normalize is None:
            return
        try:
            self._normalize(record)
        except RecordRejected as exc:
            self.tally.note(SetAside(sheet, row, exc.field, str(exc.code), exc.message))
        except Exception as exc:  # noqa: BLE001 - a fault of the mapping: landing sets this record aside, and no other
            self.tally.note(
                SetAside(
                    sheet,
                    row,
                    None,
                    str(Code.NORMALIZE_FAILED),
                    f"{type(exc).__name__} in the channel's mapping",
                )
            )


class _Repeats:
    """Bounds what merged cells and "同上" repeat in all rows of a file: a long text over all rows of a sheet would make gigabytes of records."""

    def __init__(self, limits: SheetLimits) -> None:
        self.cell_chars, self._left = limits.cell_chars, limits.text_chars

    def may(self, cell: Any) -> bool:
        """Whether the cell may be repeated once more; counts it."""
        self._left -= len(cell) if isinstance(cell, str) else 1
        return self._left >= 0


class _Rows:
    """Rows below a header: (row as the program shows it, cells by column, what makes it unusable)."""

    def __init__(self, sheet: OpenedSheet, head: Head, tally: Tally, repeats: _Repeats) -> None:
        self._sheet, self._head, self._tally, self._repeats = sheet, head, tally, repeats
        self._cell_chars = repeats.cell_chars
        self._above: dict[str, Any] = {}
        self._merging: dict[
            int, tuple[int, Cell]
        ] = {}  # column -> (last row, value) of the merged region over it

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any], _Trouble | None]]:
        sheet, head, tally = self._sheet, self._head, self._tally
        begins: dict[int, list[tuple[int, int]]] = {}
        for top, left, bottom in sheet.merged:
            if bottom > top:
                begins.setdefault(top, []).append((left, bottom))
        wrong: dict[int, set[int]] = {}
        for row, column in sheet.errors:
            wrong.setdefault(row, set()).add(column)
        for index, cells in enumerate(sheet.rows):
            for left, bottom in begins.get(index, ()):
                self._merging[left] = (bottom, cells[left] if left < len(cells) else "")
            if index <= head.last_row:
                continue
            errors = wrong.get(index, set())
            if not errors and not any(cell if isinstance(cell, str) else cell is not None for cell in cells):
                continue
            shown = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
            if not errors and all(cell == "" for cell in shown):
                continue
            tally.rows += 1
            if (why := self._is_no_row(shown)) is not None:
                tally.passed_over[why] += 1
                continue
            yield index + 1, *self._named(index, shown, errors)

    def _is_no_row(self, cells: Sequence[Cell]) -> str | None:
        head = self._head
        if head.repeats(cells):
            return "header_again"
        is_complete = all(place < len(cells) and cells[place] != "" for place in head.required)
        if not is_complete and is_totals(cells):
            return "totals"
        return "note" if is_note(cells, is_complete=is_complete) else None

    def _named(
        self, index: int, cells: Sequence[Cell], errors: set[int]
    ) -> tuple[dict[str, Any], _Trouble | None]:
        """Cells by column, with what merged regions and "同上" stand for."""
        head, above = self._head, self._above
        named: dict[str, Any] = {}
        unresolved: set[str] = set()
        trouble: _Trouble | None = None
        for column, (bottom, _) in list(self._merging.items()):
            if index > bottom:
                del self._merging[column]
        for place, name in head.names.items():
            own: Any = cells[place] if place < len(cells) else ""
            cell = own
            if cell == "" and place in self._merging and place not in errors:
                cell = self._merging[place][1]
            if place in errors:
                cell = {"error": True}
            elif isinstance(cell, str) and is_ditto(cell):
                if name in above:
                    cell = above[name]
                else:
                    unresolved.add(name)
                if name in unresolved and name in head.known:
                    trouble = trouble or _Trouble(
                        Code.FIELD_INVALID,
                        name,
                        "it says that it holds what stands above, and nothing stands there (expected a cell with a value above it)",
                        "fill in the value and put the file there again",
                    )
            if cell is not own and place not in errors and not self._repeats.may(cell):
                trouble = _Trouble(
                    Code.RECORD_TOO_LARGE,
                    name,
                    "a long text that merged cells or 同上 repeat in more rows than are read (expected short ones to be repeated)",
                    "write the text once, in the row that it belongs to, and put the file there again",
                )
                cell = ""
            if cell == "":
                continue
            if isinstance(cell, str) and len(cell) > self._cell_chars:
                trouble = _Trouble(
                    Code.RECORD_TOO_LARGE,
                    name,
                    f"a cell of more than {self._cell_chars} characters (expected no more)",
                    "shorten it and put the file there again",
                )
                cell = cell[: self._cell_chars]
            named[name] = _plain(cell)
        extra = sum(1 for place, cell in enumerate(cells) if cell != "" and place not in head.names)
        if extra and self._sheet.is_text:
            trouble = trouble or _Trouble(
                Code.FIELD_INVALID,
                None,
                f"{extra} cells more than the header has (expected a cell for each column)",
                "a delimiter stands within a cell: put that cell in quotation marks, or save the file as .xlsx",
            )
        if extra:
            named["…"] = [
                _plain(cell) for place, cell in enumerate(cells) if cell != "" and place not in head.names
            ]
        self._above = {name: cell for name, cell in named.items() if name not in unresolved}
        return named, trouble


def _plain(cell: Any) -> Any:
    """A cell as JSON: a time as ISO text, a whole number that a spreadsheet keeps exactly as a whole number."""
    if type(cell) is str:
        return cell
    if isinstance(cell, list):
        return cell[0].replace("T", " ").removesuffix(" 00:00:00")
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return int(cell)
    return cell


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def place_in(media_type: str) -> str:
    """``sheet 1, row 17 of file 3f2a9c1b`` for a record that `SheetRecords` gave, else ``record``; for messages."""
    told = dict(part.strip().partition("=")[::2] for part in media_type.split(";")[1:])
    if not {"file", "sheet", "row"} <= set(told):
        return "record"
    return f"sheet {told['sheet']}, row {told['row']} of file {told['file']}"
