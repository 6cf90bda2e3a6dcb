"""Sheets of those who go and look: the checklists of inspectors, the reports of observers, and the ledger of leaders' visits."""

from __future__ import annotations

from collections.abc import Sequence

from hub.county.render.forms import day
from hub.county.render.sheets import ledger
from hub.county.world.subjects import DEPARTMENTS
from hub.county.world.voices import Visit

INSPECTION = (
    "巡查编号",
    "巡查日期",
    "巡查类型",
    "中心",
    "区域/窗口",
    "巡查人",
    "检查项",
    "检查内容",
    "是否符合",
    "问题描述",
    "涉及事项",
    "责任单位",
    "整改时限",
    "整改情况",
)
LEADER = (
    "编号",
    "视察时间",
    "视察领导/机关",
    "中心",
    "指出问题",
    "批示原文",
    "问题特征",
    "涉及事项",
    "牵头单位",
    "整改时限",
    "进展",
    "销号",
)
OBSERVER = (
    "报告编号",
    "监督员编号",
    "日期",
    "类型",
    "中心",
    "窗口",
    "事项",
    "环节",
    "评分",
    "是否依法依规",
    "办理效果",
    "发现问题",
    "问题类型",
    "建议",
)
INSPECTION_FLAWS = ("verdict", "time")
LEADER_FLAWS = ("trait", "time")
OBSERVER_FLAWS = ("step", "time")
_NO_DAY = "月底前后"


def inspections(visits: Sequence[Visit], title: str = "政务服务中心督查巡查记录") -> bytes:
    """A file with these inspections, a row for each line of their checklists."""
    return ledger(title, INSPECTION, [row for visit in visits for row in _lines(visit)])


def leader_visits(visits: Sequence[Visit], title: str = "领导视察交办事项台账") -> bytes:
    """A file with these visits, a row each."""
    return ledger(title, LEADER, [_visit(visit) for visit in visits])


def observers(visits: Sequence[Visit], title: str = "社会监督员走流程及建议登记表") -> bytes:
    """A file with these walk-throughs and proposals, a row each."""
    return ledger(title, OBSERVER, [_walk(visit) for visit in visits])


def _lines(visit: Visit) -> list[list[str]]:
    due = day(visit.rectify_by) if visit.rectify_by is not None else ""
    return [
        [
            visit.number,
            _NO_DAY if visit.flaw == "time" else day(visit.at),
            visit.kind,
            visit.hall.name,
            f"{visit.window}窗口" if visit.hall.level == "county" else "服务窗口",
            visit.by,
            line.domain,
            line.text,
            "待议" if visit.flaw == "verdict" else "不符合" if line.fault is not None else "符合",
            line.fault or "",
            visit.item.name,
            DEPARTMENTS[visit.department].name if line.fault is not None else "",
            due if line.fault is not None else "",
            "未整改" if line.fault is not None else "",
        ]
        for line in visit.lines
    ]


def _visit(visit: Visit) -> list[str]:
    (line,) = visit.lines
    return [
        visit.number,
        _NO_DAY if visit.flaw == "time" else day(visit.at),
        visit.kind,
        visit.hall.name,
        line.fault or line.text,
        visit.text,
        "说不清" if visit.flaw == "trait" else visit.trait,
        visit.item.name,
        DEPARTMENTS[visit.department].name,
        day(visit.rectify_by) if visit.rectify_by is not None else "",
        "推进中",
        "",
    ]


def _walk(visit: Visit) -> list[str]:
    (line,) = visit.lines
    fault = line.fault if visit.flaw is None else None
    walked = visit.kind == "走流程" or visit.flaw is not None
    return [
        visit.number,
        f"JDY{visit.by[-3:]}",
        _NO_DAY if visit.flaw == "time" else day(visit.at),
        "走流程" if walked else "提建议",
        visit.hall.name,
        f"{visit.window}窗口",
        visit.item.name,
        "转圈" if visit.flaw == "step" else line.domain if walked else "",
        ("2" if fault is not None else "5") if walked else "",
        "是" if walked else "",
        ("一般" if fault is not None else "好") if walked else "",
        fault or "" if walked else "",
        visit.trait if walked and fault is not None else "",
        "" if walked else visit.text,
    ]
