"""From one row of a presubmission ledger to a demand; nothing that asks the outside.

**What becomes of a row.** The ledger holds every application that was looked through, and most of them pass. A demand (诉求) is a row in which the
applicant says something (群众意见), or one that was returned twice or more (``least_returns``): who runs for the third time has not complained yet, and
that is what the hub is to see before he does (未诉; its type is ``other``, so that it counts as unvoiced). A row that passed, or that was returned once with
its missing papers told, is the window's daily work: as a demand it would drown the others, as a record without a demand it would flood quarantine. Such
rows are passed over by the reader and counted in the file's report as ``passed`` and ``returned_once``; how often material is returned by item is a figure of
cases, not of demands. A row whose result no table knows is never passed over: it is set aside (R26).

Source: domain.md §7, Presubmission window; §6.1, watch 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import tzinfo
from typing import Literal

from hub.model.codes import BusinessClass, DemandStatus, DemandType, ReporterType, ServiceStep
from hub.model.demand import Demand, Reporter
from hub.sdk import Code, RawRecord, RecordRejected
from hub.sdk.readers.sheet import Column, Numbered, SheetPlan
from hub.sdk.readers.sheet_numbers import made_number, of_name, of_phone, own_number
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.values import mapped
from hub_channel_presubmission_window.settings import PresubmissionWindowSettings

COLUMNS = (
    Column("预审编号", ("编号", "业务编号", "受理编号", "登记编号", "流水号")),
    Column("日期", ("预审日期", "预审时间", "登记日期", "登记时间", "办理日期", "时间"), required=True),
    Column("预审窗口", ("窗口", "窗口名称", "窗口号", "受理窗口")),
    Column("申请人", ("申请人姓名", "申请人名称", "姓名", "办事人", "办事群众", "申请单位")),
    Column("联系电话", ("电话", "联系方式", "手机", "手机号", "手机号码", "申请人电话")),
    Column("事项名称", ("事项", "办理事项", "申请事项", "申办事项", "业务名称"), required=True),
    Column("事项编码", ("事项代码", "实施编码")),
    Column("预审结果", ("结果", "审核结果", "预审情况"), required=True),
    Column("缺少材料", ("缺少的材料", "所缺材料", "缺件", "缺件情况", "退回原因", "需补正材料")),
    Column("退回次数", ("累计退回次数", "退回", "补正次数")),
    Column("群众意见", ("意见", "意见建议", "群众意见建议", "群众反映", "申请人意见")),
    Column("意见类型", ("诉求类型",)),
    Column("经办人", ("工作人员", "预审人", "受理人")),
)
RESULTS: Mapping[str, Literal["passed", "returned"]] = {
    **dict.fromkeys(("通过", "已通过", "预审通过", "合格", "材料齐全", "齐全", "予以受理"), "passed"),
    **dict.fromkeys(
        (
            "退回",
            "已退回",
            "不通过",
            "未通过",
            "预审不通过",
            "材料不全",
            "不齐全",
            "补正",
            "需补正",
            "一次性告知",
        ),
        "returned",
    ),
}
TYPES: Mapping[str, DemandType] = {
    "咨询": DemandType.CONSULTATION,
    "求助": DemandType.HELP,
    "投诉": DemandType.COMPLAINT,
    "举报": DemandType.REPORT,
    "建议": DemandType.SUGGESTION,
    "意见": DemandType.SUGGESTION,
    "意见建议": DemandType.SUGGESTION,
    "表扬": DemandType.PRAISE,
    "感谢": DemandType.PRAISE,
    "其他": DemandType.OTHER,
    "其它": DemandType.OTHER,
}
NO_OPINION = frozenset(
    (
        "无",
        "没有",
        "暂无",
        "无意见",
        "没意见",
        "没有意见",
        "无异议",
        "满意",
        "很满意",
        "非常满意",
        "基本满意",
        "好",
        "很好",
        "未填",
        "-",
        "--",
        "—",
        "/",
        "\\",
        "、",
    )
)
PASSED, RETURNED_ONCE = "passed", "returned_once"
WORDS = {PASSED: "预审通过且没有意见的", RETURNED_ONCE: "首次退回且没有意见的"}
# Two characters before the ending are asked for, not "two or more": that says the same, and a cell full of them is read in no time.
_ENTERPRISE = re.compile(r"公司|合作社|个体工商户|事务所|[一-鿿]{2}(?:厂|店|部|行|中心)$")
_STROKE = re.compile(r"[\s。.．，,；;]+")
MANY = 2
_LONGEST_FILLER = 70


class PresubmissionMapping:
    """Reads the rows of one configured ledger."""

    def __init__(self, settings: PresubmissionWindowSettings, zone: tzinfo) -> None:
        self._settings = settings
        self._zone = zone
        self._results = {**RESULTS, **settings.results}
        self._types = {**TYPES, **settings.types}
        self._no_opinion = NO_OPINION | set(settings.no_opinion) | {""}

    def plan(self) -> SheetPlan:
        """What the reader is to know of these sheets."""
        return SheetPlan(COLUMNS, number=self.number, passes_over=self.passes_over)

    def number(self, cells: Cells) -> Numbered:
        """The sheet's own number where it has one (序号 is none: every sheet begins it anew), else one of day, window, item and a masked applicant.

        So a row that is amended later, as when its returns are counted up, is the same record; two alike on one day are told apart by their order.
        """
        moment = cells.moment("日期", self._zone)
        if moment is None:
            raise _missing("日期")
        day = moment.astimezone(self._zone).date()
        own = own_number(cells, "预审编号", day)
        if own is not None:
            return own
        return made_number(
            "YS",
            (
                day.isoformat(),
                cells.text("预审窗口"),
                cells.text("事项名称"),
                of_name(cells.text("申请人")),
                of_phone(cells.identifier("联系电话").value),
            ),
        )

    def passes_over(self, cells: Cells) -> str | None:
        """Why a row carries no demand; None for one that does, or that no table knows."""
        result = self._results.get(cells.text("预审结果") or "")
        if result is None or self._opinion(cells) is not None:
            return None
        if self._returns(cells, result) >= self._settings.least_returns:
            return None
        return PASSED if result == "passed" else RETURNED_ONCE

    def demand(self, raw: RawRecord) -> Demand:
        """The demand that a row brings.

        Raises:
            RecordRejected: ``field_missing`` (day, item), ``field_invalid``, ``value_unmapped`` (result, type), ``record_empty`` (a row that
                carries no demand).
        """
        cells = Cells.of(raw)
        submitted_at = cells.moment("日期", self._zone)
        if submitted_at is None:
            raise _missing("日期")
        item = cells.text("事项名称")
        if item is None:
            raise _missing("事项名称")
        result = mapped(self._results, cells.text("预审结果"), field="预审结果")
        returns, opinion = self._returns(cells, result), self._opinion(cells)
        if opinion is None and returns < self._settings.least_returns:
            raise RecordRejected(
                f"row: {result}, returned {returns} times and without an opinion (expected an opinion, or {self._settings.least_returns} returns); it "
                "carries no demand: nothing is to be done",
                code=Code.RECORD_EMPTY,
            )
        said = cells.text("意见类型")
        phone = cells.identifier("联系电话")
        name = cells.text("申请人")
        return Demand(
            source_no=cells.number or "",
            submitted_at=submitted_at,
            demand_type=self._type(said, opinion),
            type_source_text=said,
            title=f"{item[:100]}：{'群众意见' if opinion else f'材料预审退回{returns}次'}",
            content=_content(opinion, result, returns, cells.text("缺少材料")),
            reporter=Reporter(
                name=name,
                type=ReporterType.ENTERPRISE if name and _ENTERPRISE.search(name) else ReporterType.UNKNOWN,
                phone=phone.value,
            ),
            anonymity=self._settings.anonymity,
            status=DemandStatus.SUPPLEMENT if result == "returned" else DemandStatus.CLOSED,
            sub_source=_cut(cells.text("预审窗口") or self._settings.window, 60),
            item_name=_cut(item, 200),
            item_code=_cut(cells.identifier("事项编码").value, 64),
            service_step=ServiceStep.ACCEPTING,
            business_class=BusinessClass.UNDECIDED if opinion else BusinessClass.BUSINESS,
            target_org=self._settings.organisation,
            labels=("多次退回",) if returns >= MANY else (),
            quality=() if phone.exact else ("PHONE_IMPRECISE",),
        )

    def _type(self, said: str | None, opinion: str | None) -> DemandType:
        if said is not None:
            return mapped(self._types, said, field="意见类型")
        return self._settings.opinion_type if opinion is not None else DemandType.OTHER

    def _opinion(self, cells: Cells) -> str | None:
        words = cells.text("群众意见")
        if words is None or (len(words) <= _LONGEST_FILLER and _STROKE.sub("", words) in self._no_opinion):
            return None
        return words

    def _returns(self, cells: Cells, result: str) -> int:
        """How often it was returned; a return that is not counted is the first."""
        counted = cells.count("退回次数")
        return counted if counted is not None else int(result == "returned")


def _content(opinion: str | None, result: str, returns: int, missing: str | None) -> str:
    course = f"材料预审{'退回' if result == 'returned' else '通过'}"
    if returns:
        course += f"，累计退回{returns}次"
    if missing:
        course += f"；缺少材料：{missing}"
    return f"{opinion}\n{course}。" if opinion else f"{course}。"


def _cut(text: str | None, most: int) -> str | None:
    return text if text is None else text[:most]


def _missing(column: str) -> RecordRejected:
    return RecordRejected(
        f"column {column!r}: an empty cell (expected a value); fill it in and put the file there again",
        code=Code.FIELD_MISSING,
        field=column,
    )
