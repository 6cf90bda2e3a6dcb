"""Printing: JSON for programs; tables, fields and sentences for people, readable at 80 columns."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from hub.clock import COUNTY_ZONE

if TYPE_CHECKING:
    from rich.console import Console

# What a terminal would obey, and what turns the direction of writing: texts come from strangers.
_UNSAFE = dict.fromkeys(
    [*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"
)
del _UNSAFE[ord("\n")], _UNSAFE[ord("\t")]


def write_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout: times in ISO 8601 with their zone, bytes in base64."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def safe(value: object) -> str:
    """The value as text that changes nothing but what is read: control characters are replaced."""
    return str(value).translate(_UNSAFE)


def moment(value: datetime | None) -> str:
    """A moment in the county's zone, to the minute."""
    return value.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M") if value is not None else "–"


def position(value: object) -> str | None:
    """Where a stream stands, in its own words; a time in the county's zone, of a collection how much it holds."""
    if value is None:
        return None
    if isinstance(value, dict):
        # What a programming language writes of an empty part says nothing to anybody.
        parts = (
            f"{len(part)} {name}" if isinstance(part, (dict, list)) else f"{name} {part}"
            for name, part in value.items()
            if part or part == 0
        )
        text = ", ".join(parts)
    else:
        text = str(value)
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        return (text if len(text) <= 40 else f"{text[:39]}…") or None


def say(text: str = "") -> None:
    """One sentence or line on stdout."""
    console().print(safe(text), markup=False, highlight=False, soft_wrap=not sys.stdout.isatty())


def console(*, stderr: bool = False) -> Console:
    """A rich console on the stream as it is now; without colour where no person watches or NO_COLOR is set."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, emoji=False)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[str] = (),
    whole: Iterable[str] = (),
) -> None:
    """A table without a frame; cells wrap, nothing is cut off.

    Args:
        columns: Headings.
        rows: Cells in the order of the headings; datetimes are shown in the county's zone, None as a dash.
        right: Headings of the columns with numbers.
        whole: Headings of the columns that never wrap: numbers and times that people copy.
    """
    from rich.table import Table
    from rich.text import Text

    numbers, kept = set(right), set(whole)
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        justify: Any = "right" if name in numbers else "left"
        shown.add_column(name, justify=justify, overflow="fold", no_wrap=name in kept)
    for row in rows:
        shown.add_row(*(Text(_cell(value)) for value in row))
    console().print(shown)


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Names with their values, one line each; pairs whose value is None or empty are left out."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None and value != "" and value != [] and value != {}:
            shown.add_row(Text(name), Text(_cell(value)))
    console().print(shown)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(safe(one) for one in value) or "–"
    if isinstance(value, dict):
        return ", ".join(f"{safe(name)} {safe(one)}" for name, one in value.items()) or "–"
    return safe(value)


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 record``, ``2 records``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def newest(shown: Sequence[object], limit: int, which: str = "newest") -> None:
    """Says that a list which is as long as it may be is perhaps not all there is; ``which`` says what it is sorted by."""
    if len(shown) >= limit:
        say(f"The {which} {limit}: --limit shows more.")


def counted(count: int, name: str) -> str:
    """A count under its name in a report: ``3 signals new`` of ``signals_new``, ``1 warning`` of ``warnings``."""
    first, *rest = name.split("_")
    return " ".join((str(count), first.removesuffix("s") if count == 1 else first, *rest))


class Bar(Protocol):
    """A progress bar, or nothing where no person watches."""

    def __call__(self, name: str, done: int, total: int | None = None) -> None:
        """Shows how far the part ``name`` has come."""
        ...


def watched() -> bool:
    """Whether a person sees what goes to stderr."""
    return sys.stderr.isatty()


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Bar]:
    """A progress bar on stderr while the block runs; silent where stderr is no terminal."""
    if quiet or not watched():
        yield _nothing
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as shown:
        tasks: dict[str, Any] = {}

        def move(name: str, done: int, total: int | None = None) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(safe(name), total=total)
            shown.update(tasks[name], completed=done, total=total)

        yield move


def _nothing(name: str, done: int, total: int | None = None) -> None:
    return
