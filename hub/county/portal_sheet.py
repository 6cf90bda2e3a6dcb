"""A sheet of citizens' messages as records of the portal, so that real messages can walk the whole way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from hub.errors import Code, ConfigError

COLUMNS = ("留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "答复意见", "答复时间")
NEEDED = COLUMNS[:5]
_FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d",
)
_EXCEL_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet's times are local and bear no zone


def records_from_sheet(path: Path | str) -> list[dict[str, Any]]:
    """The messages of a sheet as records of the portal's list interface.

    Columns are found by their names, in any order, in the first rows of the first worksheet. The message's user becomes the
    account (``zhid``); there are no names and no telephone numbers. The update time is that of the reply, where there is one.
    A message that has been answered is ``zt`` 4, another one ``zt`` 1.

    Args:
        path: An .xlsx, .xls or .ods file; cells may hold numbers where texts are meant, and texts where times are meant.

    Returns:
        In the order of the sheet.

    Raises:
        ConfigError: The file cannot be read, a needed column is missing, or a row has no number or no time (code
            ``config_invalid``; the message names the row).
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(str(path))
        rows = workbook.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, OSError) as exc:
        raise _unusable(path, f"{type(exc).__name__}: no sheet can be read from it") from exc
    return list(_records(path, rows))


def _records(path: Path | str, rows: Sequence[Sequence[Any]]) -> Iterator[dict[str, Any]]:
    head, places = _head(path, rows)
    for number, row in enumerate(rows[head + 1 :], start=head + 2):
        cells = {name: row[place] if place < len(row) else "" for name, place in places.items()}
        if not any(_text(cell) for cell in cells.values()):
            continue
        yield _record(path, number, cells)


def _head(path: Path | str, rows: Sequence[Sequence[Any]]) -> tuple[int, dict[str, int]]:
    for index, row in enumerate(rows[:10]):
        names = [_text(cell) for cell in row]
        if all(name in names for name in NEEDED):
            return index, {name: names.index(name) for name in COLUMNS if name in names}
    raise _unusable(path, f"no row with the columns {', '.join(NEEDED)} among the first ten")


def _record(path: Path | str, row: int, cells: dict[str, Any]) -> dict[str, Any]:
    number, submitted = _text(cells["留言编号"]), _time(cells["留言时间"])
    if not number or submitted is None:
        raise _unusable(path, f"row {row} has no {'time' if number else 'number'}")
    answered = _time(cells.get("答复时间", ""))
    updated = max(submitted, answered) if answered is not None else submitted
    return {
        "zxbh": f"LY{number}",
        "lx": "9",
        "lxmc": "其他",
        "bt": _text(cells["留言主题"]),
        "nr": _text(cells["留言详情"]) or _text(cells["留言主题"]),
        "zhid": _text(cells["留言用户"]),
        "sfgk": "1",
        "tjsj": f"{submitted:%Y-%m-%d %H:%M:%S}",
        "gxsj": f"{updated:%Y-%m-%d %H:%M:%S}",
        "zt": "4" if answered is not None or _text(cells.get("答复意见", "")) else "1",
        "fj": [],
    }


def _text(cell: Any) -> str:
    """The cell as text; a whole number without its decimal point."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _time(cell: Any) -> datetime | None:
    if isinstance(cell, datetime):
        return cell.replace(microsecond=0)
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - local, as all of the sheet
    if isinstance(cell, float) and 1 <= cell < 2_958_466:
        from datetime import timedelta

        return _EXCEL_DAY_ZERO + timedelta(seconds=round(cell * 86_400))
    text = _text(cell)
    for form in _FORMS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - local, as all of the sheet
        except ValueError:
            continue
    return None


def _unusable(path: Path | str, found: str) -> ConfigError:
    return ConfigError(
        f"portal sheet {Path(path).name}: {found} (expected a worksheet with {', '.join(NEEDED)}, one message a row); "
        "correct the sheet or give another file",
        code=Code.CONFIG_INVALID,
    )
