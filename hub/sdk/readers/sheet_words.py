"""What clerks write in a sheet around and between its rows: headers, totals, notes, "as above". Words only, no files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from hub.sdk.readers.sheet_open import Cell

DITTO = frozenset(
    (
        "同上",
        "同前",
        "上同",
        "同上行",
        "〃",
        "″",
        "〞",
        "”",
        "“",
        '"',
        '""',
        "''",
        "\u3003",
        "々",
        "——〃——",
    )
)
_DITTO_BEGINS = frozenset(mark[0] for mark in DITTO)
_SPACE = re.compile(r"\s+")
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")
_TOTALS = re.compile(
    r"(?:本[页月周日季年]|[上下]?(?:半年|季度)|累?计?)?(?:合计|总计|小计|共计|累计|总数)(?:\d+[件条人次户宗笔项]*)?"
)
_NOTE = re.compile(
    r"(?:填表|制表|填报|统计|审核|复核|审批|校对|经办|负责|单位负责|分管领导|主管领导|领导|联系)(?:人|单位|部门|签字|签名|日期|时间|电话|领导)*(?:\(?(?:签字|签名|盖章)\)?)?:"
    r"|(?:备注|注|说明|填表说明|附注)\d*:|(?:填报|制表|填表)(?:日期|时间|单位)"
)
_YEAR = re.compile(r"(?<!\d)(20\d\d)(?=\s*(?:年|[-./_]))|(?<!\d)(20\d\d)年?(?:度|第|上半年|下半年)")


def fold(text: object) -> str:
    """A header's or a mark's text in one form: half-width, lower case, without any space, star or colon at its end."""
    return _SPACE.sub("", unicodedata.normalize("NFKC", str(text))).strip("*:.、#").lower()


def folded_variants(text: object) -> tuple[str, ...]:
    """`fold`, and again without what stands in brackets: ``联系电话（手机）`` is ``联系电话`` too."""
    whole = fold(text)
    bare = _BRACKETED.sub("", whole).strip("*:")
    return (whole,) if bare in ("", whole) else (whole, bare)


def is_ditto(cell: Cell) -> bool:
    """Whether a cell says that it holds what stands above it."""
    if not isinstance(cell, str) or cell[:1] not in _DITTO_BEGINS or len(cell) > 12:
        return False
    return "".join(cell.split()) in DITTO


def is_totals(cells: Sequence[Cell]) -> bool:
    """Whether one of a row's first filled cells is the word for a sum."""
    filled = [cell for cell in cells if cell != ""][:3]
    return any(isinstance(cell, str) and len(cell) <= 24 and _TOTALS.fullmatch(fold(cell)) for cell in filled)


def is_note(cells: Sequence[Cell], *, is_complete: bool) -> bool:
    """Whether a row is a footer: who filled it in, who checked it, a remark.

    Args:
        cells: Of the row, empty ones as empty text.
        is_complete: Every needed column is filled; then every filled cell must begin as a footer does, else the first.
    """
    filled = [cell for cell in cells if cell != ""]
    return bool(filled) and all(map(_begins_a_note, filled if is_complete else filled[:1]))


def _begins_a_note(cell: Cell) -> bool:
    return (
        isinstance(cell, str)
        and _NOTE.match(_SPACE.sub("", unicodedata.normalize("NFKC", cell[:80]))) is not None
    )


def year_in(texts: Sequence[object]) -> int | None:
    """The one year that titles name; None where they name none, or several."""
    found = {
        int(one or other)
        for text in texts
        for one, other in _YEAR.findall(unicodedata.normalize("NFKC", str(text)))
    }
    return found.pop() if len(found) == 1 else None
