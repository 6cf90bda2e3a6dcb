"""What sheets of inspections, walk-throughs and visits have in common: their words, and where a centre, a photograph, a rectification is told.

Every table may be widened by the county's own words, in the settings of the channel; a code that no table knows sets its row aside (R26).

Source: domain.md §1.9, §7; R6, R10, R19 to R21, R51.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple, TypeVar

from pydantic import Field, StringConstraints, ValidationError

from hub.errors import Code, RecordRejected
from hub.model.codes import CentreLevel, FindingState, Judgement, PainPoint, ServiceStep, Severity
from hub.model.demand import Attachment
from hub.sdk.channel import ChannelSettings
from hub.sdk.readers.sheet_channel import SheetSettings
from hub.sdk.readers.sheet_terms import Term
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.values import mapped

CodeT = TypeVar("CodeT")
ValueT = TypeVar("ValueT")
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Region = Annotated[str, StringConstraints(pattern=r"^\d{6}(?:\d{3}){0,2}$")]

LEVELS: Mapping[str, CentreLevel] = {
    **dict.fromkeys(("县", "县级", "县中心", "县级中心", "县直", "县本级", "county"), CentreLevel.COUNTY),
    **dict.fromkeys(
        (
            "乡",
            "镇",
            "乡镇",
            "街道",
            "乡级",
            "镇级",
            "乡镇级",
            "乡镇(街道)",
            "乡(镇)",
            "乡镇中心",
            "township",
        ),
        CentreLevel.TOWNSHIP,
    ),
    **dict.fromkeys(
        ("村", "社区", "村级", "社区级", "村(社区)", "村居", "村站", "village"), CentreLevel.VILLAGE
    ),
}
SEVERITIES: Mapping[str, Severity] = {
    **dict.fromkeys(("立行立改", "立即整改", "一般", "轻微", "当场整改", "即知即改"), Severity.AT_ONCE),
    **dict.fromkeys(("限期", "限期整改", "较重", "较大", "中等"), Severity.BY_DATE),
    **dict.fromkeys(("重大", "严重", "重要", "重点"), Severity.MAJOR),
    **dict.fromkeys(("应急", "突发", "应急突发", "紧急", "特急", "应急突发性问题"), Severity.EMERGENCY),
}
PROGRESS: Mapping[str, FindingState] = {
    **dict.fromkeys(
        ("未整改", "待整改", "整改中", "正在整改", "未完成", "未开始", "推进中", "正在推进", "持续推进"),
        FindingState.OPEN,
    ),
    **dict.fromkeys(
        ("办理中", "部分整改", "部分完成", "无法整改", "否", "无", "暂无", "open"), FindingState.OPEN
    ),
    **dict.fromkeys(
        ("已整改", "整改完成", "已完成", "完成", "整改到位", "已整改到位", "已完成整改"),
        FindingState.RECTIFIED,
    ),
    **dict.fromkeys(
        ("已解决", "已落实", "已办结", "办结", "立行立改完成", "已立行立改", "是", "rectified"),
        FindingState.RECTIFIED,
    ),
}
_DONE = re.compile(
    r"(?:已|现已|均已|全部)?(?:整改完成|整改到位|完成整改|落实到位)|(?:已|现已|均已)(?:经)?整改"
)
_NOT_DONE = re.compile(r"部分|未|尚|待|正在|逐步|计划")
RECHECKS: Mapping[str, FindingState | None] = {
    **dict.fromkeys(
        ("合格", "通过", "复查合格", "复查通过", "达标", "属实", "已销号", "符合", "是"),
        FindingState.CONFIRMED,
    ),
    **dict.fromkeys(
        ("不合格", "未通过", "不通过", "复查不合格", "不达标", "未整改到位", "不符合", "否"),
        FindingState.REJECTED,
    ),
    **dict.fromkeys(("待复查", "未复查", "复查中", "无"), None),
}
STEPS: Mapping[str, ServiceStep] = {
    **dict.fromkeys(("咨询", "咨询导办", "导办", "咨询服务", "consulting"), ServiceStep.CONSULTING),
    **dict.fromkeys(("预约", "取号", "预约取号", "booking"), ServiceStep.BOOKING),
    **dict.fromkeys(("受理", "收件", "申请受理", "窗口受理", "accepting"), ServiceStep.ACCEPTING),
    **dict.fromkeys(("审批", "审核", "审查", "审核审批", "approving"), ServiceStep.APPROVING),
    **dict.fromkeys(("办理", "办结", "handling"), ServiceStep.HANDLING),
    **dict.fromkeys(("出证", "制证", "发证", "领证", "送达", "出证领取", "issuing"), ServiceStep.ISSUING),
    **dict.fromkeys(("其他", "其它", "其他环节", "other"), ServiceStep.OTHER),
}
LAWFUL: Mapping[str, Judgement] = {
    **dict.fromkeys(("是", "依法依规", "合规", "合法", "符合", "规范", "好", "yes"), Judgement.YES),
    **dict.fromkeys(
        ("部分", "基本合规", "基本符合", "基本依法依规", "基本规范", "一般", "partly"), Judgement.PARTLY
    ),
    **dict.fromkeys(
        ("否", "不合规", "不合法", "违规", "不符合", "不规范", "不依法依规", "差", "no"), Judgement.NO
    ),
}
EFFECTIVE: Mapping[str, Judgement] = {
    **dict.fromkeys(
        ("是", "有效", "好", "很好", "良好", "较好", "满意", "办成", "高效", "yes"), Judgement.YES
    ),
    **dict.fromkeys(("部分", "一般", "基本满意", "部分办成", "部分有效", "partly"), Judgement.PARTLY),
    **dict.fromkeys(
        ("否", "无效", "差", "较差", "很差", "不满意", "未办成", "办不成", "低效", "no"), Judgement.NO
    ),
}
PAIN_POINTS: Mapping[str, PainPoint] = {
    **dict.fromkeys(("焦点", "焦点问题", "热点", "focus"), PainPoint.FOCUS),
    **dict.fromkeys(("难点", "难点问题", "difficulty"), PainPoint.DIFFICULTY),
    **dict.fromkeys(("痛点", "痛点问题", "堵点", "pain"), PainPoint.PAIN),
}
NOTHING = frozenset(
    ("无", "没有", "暂无", "无问题", "未发现问题", "没有问题", "未发现", "未发现异常", "正常", "一切正常", "/", "-", "--", "—", "——", "\\")
)  # fmt: skip

_SERVICE = r"(?:便民|党群|综合|为民|公共|政务|行政|市民|审批|服务|办事|一站式)*"
_BODY = r"(?:中心|站|点|室|大厅|服务厅)?"
_BY_NAME = (
    (
        re.compile(rf"(?:村|社区)(?:级|民委员会|居民委员会|委会|居委会|村委会)?{_SERVICE}{_BODY}$"),
        CentreLevel.VILLAGE,
    ),
    (
        re.compile(rf"(?:乡|镇|街道|办事处)(?:级|人民政府|办事处)?{_SERVICE}{_BODY}$"),
        CentreLevel.TOWNSHIP,
    ),
    (
        re.compile(rf"(?:县|县级|县人民政府|县直)(?:{_SERVICE})(?:中心|大厅|服务厅)(?:[一-龥]{{0,6}}(?:分中心|分厅))?$"),
        CentreLevel.COUNTY,
    ),
    (re.compile(r"^(?:政务|行政|市民)服务(?:中心|大厅)$"), CentreLevel.COUNTY),
    # A department of the county, or its own hall.
    (
        re.compile(r"^(?:[一-龥]{1,8})?县[一-龥]{1,24}(?:局|委|委员会|办公室|大队|公司|大厅|分厅|分中心|窗口)$"),
        CentreLevel.COUNTY,
    ),
)  # fmt: skip
_BRACKETS = re.compile(r"[（(][^（）()]*[）)]$")
_PART = re.compile(r"[、,，;；\n|]+")
_PIECE = re.compile(r"[、,，;；\s|]+")
_COUNTED = re.compile(r"(?:共|附)?\d{1,3}[张幅份]?(?:照片|图片)?")
_ADDRESS = re.compile(r"(?:https?|ftps?)://|^/")
_WINDOW = re.compile(r"(?:[A-Z]?\d{1,3}(?:号|#)?窗口|[A-Z]\d{1,3}(?!\d))")
MOST_PHOTOS = 50


class CentreSettings(ChannelSettings):
    """A service centre as the county's own list has it.

    Attributes:
        level: ``county``, ``township`` or ``village``.
        region: Code of its region, 6, 9 or 12 digits.
    """

    level: CentreLevel
    region: Region | None = None


class InspectingSettings(SheetSettings):
    """What channels of inspections, walk-throughs and visits are told beside their files.

    Attributes:
        centre: Name of the centre in a row that names none.
        level: Level of that centre.
        centres: Centres whose name does not tell their level: ``{一站式大厅: {level: county, region: "411521"}}``.
        progress: Fixed words under 整改情况 and what they say: ``{销账: rectified}``; also ``open``, ``confirmed``, ``rejected``.
        severities: More words under 严重程度: ``{A类: major}``; also ``at_once``, ``by_date``, ``emergency``.
    """

    centre: Name | None = None
    level: CentreLevel | None = None
    centres: dict[Name, CentreSettings] = Field(default_factory=dict)
    progress: dict[Name, FindingState] = Field(default_factory=dict)
    severities: dict[Name, Severity] = Field(default_factory=dict)


class Centre(NamedTuple):
    """Where it was."""

    name: str | None
    level: CentreLevel
    region_code: str | None = None


def centre_in(cells: Cells, settings: InspectingSettings) -> Centre:
    """The centre of a row, at one of three levels (R6).

    The settings' list of centres goes first, then the column 中心级别, then what the name ends in: 村 or 社区, 乡, 镇 or 街道, 县, each with the
    usual words for such a place behind it; a department of the county (县…局) is at its level.

    Raises:
        RecordRejected: No centre (``field_missing``), or one whose level nothing tells (``value_unmapped``).
    """
    name, said = cells.text("中心"), cells.text("中心级别")
    if name is None and said is None:
        if settings.level is None:
            raise missing("中心", "the name of the centre, or its level")
        return Centre(settings.centre, settings.level)
    known = settings.centres.get(name or settings.centre or "")
    if known is not None:
        return Centre(name or settings.centre, known.level, known.region)
    if said is not None:
        return Centre(name or settings.centre, mapped(LEVELS, plain(said), field="中心级别"))
    assert name is not None
    bare = plain(name)
    if bare in LEVELS:
        return Centre(settings.centre if settings.level is LEVELS[bare] else None, LEVELS[bare])
    whole = _BRACKETS.sub("", bare) or bare
    level = next((level for form, level in _BY_NAME if form.search(whole)), None)
    if level is None:
        return Centre(name, mapped(LEVELS, bare, field="中心"))
    return Centre(name, level)


def plain(text: str) -> str:
    """Half-width, without space."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def beyond_the_model(exc: ValidationError) -> RecordRejected:
    """The error for a row of which one cell holds more than is kept, or what no table could refuse; nothing of its value is told."""
    first = exc.errors(include_input=False, include_url=False, include_context=False)[0]
    too_long = first["type"] == "string_too_long"
    return RecordRejected(
        f"row: {'.'.join(str(part) for part in first['loc'])}: {first['msg'][:120]}; shorten or correct that cell and put the file there again",
        code=Code.RECORD_TOO_LARGE if too_long else Code.FIELD_INVALID,
    )


def missing(column: str, expected: str) -> RecordRejected:
    """The error for a cell that must not be empty."""
    return RecordRejected(
        f"column {column!r}: an empty cell (expected {expected}); fill it in and put the file there again",
        code=Code.FIELD_MISSING,
        field=column,
    )


def told(cells: Cells, column: str) -> str | None:
    """The words of a cell; None also for words such as 无 or 未发现问题."""
    words = cells.text(column)
    return None if words is None or plain(words).rstrip("。.") in NOTHING else words


def parts_of(words: str | None, most: int = 50) -> tuple[str, ...]:
    """What a cell lists, parted by 、 ， ； or lines; each once."""
    found = dict.fromkeys(part.strip() for part in _PART.split(words or ""))
    return tuple(part for part in found if part and plain(part) not in NOTHING)[:most]


def mapped_parts(table: Mapping[str, CodeT], words: str | None, *, field: str) -> tuple[CodeT, ...]:
    """The code of each part of a cell.

    Raises:
        RecordRejected: The table does not know one (``value_unmapped``).
    """
    return tuple(dict.fromkeys(mapped(table, plain(part), field=field) for part in parts_of(words)))


def progress_of(words: str | None, own: Mapping[str, FindingState]) -> FindingState | None:
    """What free words on a rectification say of its state; None where they leave it open to read.

    Only words that say plainly that it is done close anything: whoever wrote "已联系厂家" has not put it right.
    """
    if words is None:
        return None
    bare = plain(words).rstrip("。.!！;；")
    if bare in own:
        return own[bare]
    if bare in PROGRESS:
        return PROGRESS[bare]
    return FindingState.RECTIFIED if _DONE.match(bare) and not _NOT_DONE.search(bare[:20]) else None


def severity_in(cells: Cells, term: Term, table: Mapping[str, Severity]) -> Severity | None:
    """What the column 严重程度 says (R10), else what the term tells of it: at once, or by a day.

    Raises:
        RecordRejected: The table does not know the word (``value_unmapped``).
    """
    said = cells.text("严重程度")
    if said is not None:
        return mapped(table, plain(said), field="严重程度")
    if term.at_once:
        return Severity.AT_ONCE
    return Severity.BY_DATE if term.at is not None else None


def photos_in(cells: Cells, column: str = "照片") -> tuple[Attachment, ...]:
    """The photographs that a cell names, by address or name; a bare number of them names none."""
    pieces = [piece for piece in _PIECE.split(cells.text(column) or "") if piece]
    return tuple(
        Attachment(name=piece.rstrip("/").rsplit("/", 1)[-1][:200] or "photo", uri=piece)
        if _ADDRESS.match(piece)
        else Attachment(name=piece[:200])
        for piece in pieces[:MOST_PHOTOS]
        if piece not in NOTHING and not _COUNTED.fullmatch(piece)
    )


def window_in(words: str | None) -> str | None:
    """The number of a window that words name: 3号窗口, A12."""
    found = _WINDOW.search(unicodedata.normalize("NFKC", words or ""))
    return found[0] if found else None


def first(rows: Sequence[Cells], column: str) -> str | None:
    """The words of the first row that has any in that column."""
    return next((words for row in rows if (words := row.text(column)) is not None), None)


def same(values: Sequence[str | None]) -> str | None:
    """The one value that all rows have; None where they differ."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def one_of(values: Sequence[ValueT], column: str) -> ValueT:
    """The one value of all lines of a whole, which must not differ.

    Raises:
        RecordRejected: They do (``field_invalid``).
    """
    if any(value != values[0] for value in values):
        raise RecordRejected(
            f"column {column!r}: the lines under one number name {len(set(values))} (expected one); give each inspection a number of its own and put "
            "the file there again",
            code=Code.FIELD_INVALID,
            field=column,
        )
    return values[0]


def short(words: str | None, most: int = 200) -> str | None:
    """The beginning of words that must fit a column."""
    return words[:most] if words else None


def flags(*several: Sequence[str]) -> tuple[str, ...]:
    """Each flag once, in order."""
    return tuple(dict.fromkeys(flag for some in several for flag in some))
