"""From the bytes of a file to the rows of its sheets, whatever program saved them, within bounds of size, time and memory.

What the bytes are is told by the bytes; the ending of a file's name counts for nothing, for half of all ``.xls`` in an office are HTML.

| bytes | read |
|---|---|
| .xlsx, .xlsb, .ods (a zip with a workbook) | by calamine, in a process of its own |
| .xls of Excel and WPS (a compound file) | by calamine, in a process of its own |
| HTML tables, XML spreadsheet 2003 | by lxml, in a process of its own |
| text | as CSV or TSV, here: `hub.sdk.readers.sheet_text` |

Before calamine sees a zip, every entry is inflated and counted here: what an archive declares of itself may lie. Only stored and
deflated entries are opened, as both formats have them: Python's bz2 and LZMA give back all that a piece inflates to at once, and a
file of 600 bytes would take more than a gigabyte before anything could be counted.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hub.errors import Code, ConfigError, SourceContractError
from hub.sdk.readers.encoding import to_text

MIB = 1024 * 1024
Cell = str | float | int | bool | list[str]
"""Text, number or truth as the file holds it; a list of one ISO text for a cell that is a time."""

_CHILD = Path(__file__).with_name("sheet_child.py")
_ENDS = b"PK\x05\x06"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_XML_SPREADSHEET = re.compile(
    rb"urn:schemas-microsoft-com:office:spreadsheet|progid=.Excel\.Sheet", re.IGNORECASE
)
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|table|meta|style)\b", re.IGNORECASE)
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_read_frame = msgspec.msgpack.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class SheetLimits:
    """What reading one file may cost.

    Attributes:
        file_bytes: Of the file as it stands.
        expanded_bytes: Of all entries of a zip together, inflated.
        entries: In a zip.
        ratio: Inflated to stored bytes, asked of a zip that inflates to more than 16 MiB.
        rows: Of all sheets together, empty ones included.
        columns: Of one sheet.
        cells: Of all sheets together, empty ones included.
        cell_chars: Of one cell; a row with a longer one is set aside.
        text_chars: Of all cells together; a workbook may name one long text in thousands of cells.
        memory_bytes: Address space of the process that opens the bytes.
        cpu_s: Processor time of that process.
        wall_s: Time until it must have ended.
    """

    file_bytes: int = 32 * MIB
    expanded_bytes: int = 300 * MIB
    entries: int = 5_000
    ratio: int = 200
    rows: int = 100_000
    columns: int = 512
    cells: int = 5_000_000
    cell_chars: int = 100_000
    text_chars: int = 64 * MIB
    memory_bytes: int = 2_048 * MIB
    cpu_s: int = 60
    wall_s: float = 120.0


@dataclass(frozen=True, slots=True)
class OpenedSheet:
    """One sheet as its file holds it.

    Attributes:
        number: From 1, in the file's order; what messages name, for a sheet's name may be a person's.
        name: As the file says; empty where it has none.
        visible: Whether the program that wrote it shows it.
        merged: (row, column, last row) of each merged region, from 0: its value stands in its first cell alone.
        errors: (row, column) of each cell with an error such as #N/A, from 0; the cell itself is empty text.
        epoch: 1900 or 1904: the year from which its serial numbers count days.
        rows: Every row from the top of the sheet, cells from its left edge; empty cells are empty text.
        is_text: It came from CSV or TSV, where a cell too many means that a delimiter stands in some cell's words.
    """

    number: int
    name: str
    rows: Sequence[Sequence[Cell]]
    visible: bool = True
    merged: Sequence[tuple[int, int, int]] = ()
    errors: Sequence[tuple[int, int]] = ()
    epoch: int = 1900
    is_text: bool = False


class FileProblem(Exception):
    """A file that cannot be read as a whole.

    Attributes:
        code: See `hub.errors.Code`.
        found: What was found against what was expected, without a word of the content.
        remedy: What to do.
        may_grow: Its end is missing: it may still be on its way.
    """

    def __init__(self, code: Code, found: str, remedy: str, *, may_grow: bool = False) -> None:
        super().__init__(found)
        self.code, self.found, self.remedy, self.may_grow = code, found, remedy, may_grow


def open_sheets(content: bytes, limits: SheetLimits = SheetLimits()) -> Iterator[OpenedSheet]:
    """The sheets of a file, in its order; text gives one sheet for each delimiter that may be meant, see `is_text`.

    Raises:
        FileProblem: ``file_unreadable``, ``file_too_large``, ``file_cut_short``, ``page_encoding``.
        ConfigError: What reads them is not installed.
    """
    if len(content) > limits.file_bytes:
        raise too_large(f"{len(content)} bytes, at most {limits.file_bytes} are read")
    kind = kind_of(content)
    if kind == "zip":
        check_zip(content, limits)
        yield from _from_child("workbook", content, limits)
    elif kind == "compound":
        yield from _from_child("workbook", content, limits)
    elif kind == "xml":
        if _DOCTYPE.search(content.replace(b"\x00", b"")):  # also where each letter has two bytes
            raise unreadable("an XML spreadsheet with a DOCTYPE or entities (expected none)")
        yield from _from_child("xml", content, limits)
    elif kind == "html":
        yield from _from_child("html", text_of(content).encode(), limits)
    else:
        raise ValueError("text is read by hub.sdk.readers.sheet_text")


def kind_of(content: bytes) -> str:
    """``zip``, ``compound``, ``xml``, ``html`` or ``text``, by the bytes alone.

    Raises:
        FileProblem: Empty, or bytes of something that is no sheet.
    """
    if not content.strip(b"\x00 \t\r\n"):
        raise unreadable("no bytes (expected a sheet)", may_grow=True)
    if content.startswith((b"PK\x03\x04", _ENDS)):
        return "zip"
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "compound"
    if content.startswith(
        (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"{\\rtf")
    ):
        raise unreadable("a document, picture or archive (expected a sheet: .xlsx, .xls, .ods, .csv)")
    if content.startswith(b"MIME-Version:"):
        raise unreadable(
            "a web page with its pictures in one file, .mht (expected a sheet: .xlsx, .xls, .ods, .csv)"
        )
    head = content[:4096].replace(b"\x00", b"")
    if b"<" in head[:512]:
        if _XML_SPREADSHEET.search(head):
            return "xml"
        if _HTML.search(head):
            return "html"
    if b"\x00" in content[:4096] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise unreadable("bytes of no kind that is known (expected a sheet: .xlsx, .xls, .ods, .csv)")
    return "text"


def text_of(content: bytes) -> str:
    """The text of a file in UTF-8, UTF-16 with its mark, or the GB family.

    Raises:
        FileProblem: ``page_encoding``.
    """
    try:
        return to_text(content, None, place="file")
    except SourceContractError:
        raise FileProblem(
            Code.PAGE_ENCODING,
            "text with characters that are broken in UTF-8 and in GB18030 (expected sound text)",
            "save it again as CSV UTF-8 or as .xlsx",
        ) from None


def check_zip(content: bytes, limits: SheetLimits) -> None:
    """Inflates every entry and counts, so that no bomb goes further.

    Raises:
        FileProblem: Its end is missing (``file_cut_short``), it is a bomb (``file_too_large``), damaged or under a password
            (``file_unreadable``).
    """
    if content.rfind(_ENDS, max(0, len(content) - 65_557)) < 0:
        raise FileProblem(
            Code.FILE_CUT_SHORT,
            "an archive without its end (expected a whole .xlsx or .ods)",
            "put the file there again, under another name first, and rename it when it is whole",
            may_grow=True,
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _count(archive, len(content), limits)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        struct.error,
        ValueError,
        OverflowError,
        OSError,
    ) as exc:
        raise unreadable(f"a damaged archive ({type(exc).__name__})") from None


def _count(archive: zipfile.ZipFile, size_bytes: int, limits: SheetLimits) -> None:
    entries = archive.infolist()
    if len(entries) > limits.entries:
        raise too_large(f"an archive of {len(entries)} entries, at most {limits.entries} are read")
    if any(entry.flag_bits & 1 for entry in entries):
        raise unreadable("an archive under a password")
    if any(entry.compress_type not in _METHODS for entry in entries):
        raise unreadable("an archive that is packed in another way than a workbook is (expected deflate)")
    names = {entry.filename for entry in entries}
    if not names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
        raise unreadable("an archive without a workbook (expected .xlsx or .ods)")
    declared = sum(entry.file_size for entry in entries)
    _judge_size(declared, size_bytes, limits)
    inflated = 0
    for entry in entries:
        with archive.open(entry) as body:
            while part := body.read(MIB):
                inflated += len(part)
                _judge_size(inflated, size_bytes, limits)


def _judge_size(inflated: int, size_bytes: int, limits: SheetLimits) -> None:
    if inflated > limits.expanded_bytes:
        raise too_large(f"an archive that inflates beyond {limits.expanded_bytes} bytes")
    if inflated > 16 * MIB and inflated > limits.ratio * size_bytes:
        raise too_large(f"an archive that inflates to more than {limits.ratio} times its size")


def _from_child(kind: str, content: bytes, limits: SheetLimits) -> Iterator[OpenedSheet]:
    given = (
        *(kind, limits.rows, limits.columns, limits.cells, limits.cell_chars, limits.text_chars),
        *(limits.memory_bytes, limits.cpu_s),
    )
    # No secret of the hub's environment reaches the process that touches hostile bytes.
    child = subprocess.Popen(
        [sys.executable, "-I", str(_CHILD), *map(str, given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ},
        close_fds=True,
    )
    watch = threading.Timer(limits.wall_s, child.kill)
    watch.daemon = True
    watch.start()
    try:
        with contextlib.suppress(BrokenPipeError):
            assert child.stdin is not None
            child.stdin.write(content)
            child.stdin.close()
        yield from _sheets(child, limits)
    finally:
        watch.cancel()
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.wait()


def _sheets(child: subprocess.Popen[bytes], limits: SheetLimits) -> Iterator[OpenedSheet]:
    about: dict[str, Any] | None = None
    rows: list[Sequence[Cell]] = []
    for frame in _frames(child, limits):
        if "rows" in frame:
            rows += frame["rows"]
            continue
        if about is not None:
            yield _sheet(about, rows)
            about, rows = None, []
        if "problem" in frame:
            code, found = frame["problem"]
            raise too_large(found) if code == Code.FILE_TOO_LARGE else unreadable(found)
        if "end" in frame:
            return
        about = frame["sheet"]


def _sheet(about: dict[str, Any], rows: Sequence[Sequence[Cell]]) -> OpenedSheet:
    return OpenedSheet(
        about["number"],
        about["name"],
        rows,
        about["visible"],
        [(top, left, bottom) for top, left, bottom in about["merged"]],
        [(row, column) for row, column in about["errors"]],
        about["epoch"],
    )


def _frames(child: subprocess.Popen[bytes], limits: SheetLimits) -> Iterator[dict[str, Any]]:
    assert child.stdout is not None
    while True:
        head = child.stdout.read(4)
        if len(head) == 4:
            size = struct.unpack(">I", head)[0]
            body = child.stdout.read(size) if size <= limits.memory_bytes else b""
            if len(body) == size:
                yield _read_frame(body)
                continue
        if child.wait() > 0:  # it ended by itself, and told nothing: no fault of the file
            raise ConfigError(
                f"the reader of sheets ended with code {child.returncode} before it read anything (expected python-calamine and lxml in "
                f"{sys.prefix}); install the hub's dependencies there again",
                code=Code.CONFIG_INVALID,
            )
        raise too_large(
            f"cells that need more than {limits.memory_bytes // MIB} MiB, {limits.cpu_s} s of processor time or {limits.wall_s:g} s, or a "
            "workbook on which its reader broke off"
        )


def unreadable(found: str, *, may_grow: bool = False) -> FileProblem:
    """The bytes are no sheet that can be read."""
    return FileProblem(
        Code.FILE_UNREADABLE,
        found,
        "open it in a spreadsheet program and save it again as .xlsx",
        may_grow=may_grow,
    )


def too_large(found: str) -> FileProblem:
    """The file, or what it expands to, is beyond the bounds."""
    return FileProblem(
        Code.FILE_TOO_LARGE, found, "remove what is no part of the table, or divide it into several files"
    )
