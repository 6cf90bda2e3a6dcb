"""The county's words for the codes that lists show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.model.codes import (
    CARD_TITLES,
    AnomalyType,
    Anonymity,
    CaseKind,
    CaseResult,
    CaseState,
    CentreLevel,
    DemandStatus,
    DemandType,
    FindingState,
    FourFirst,
    InspectionKind,
    Level,
    MessageState,
    Nature,
    OrderState,
    RatingLevel,
    ReplyKind,
    ReplyState,
    Severity,
    SignalState,
    TriageManner,
    Urgency,
    WarningStage,
    WarningState,
    Watch,
    level_title,
)
from hub.model.holding import TRAIT_TITLES, Cause
from hub.model.score import BreachVerdict, Excuse, Why
from hub.model.score_table import ScoreKind

TYPES = {
    DemandType.CONSULTATION: "咨询",
    DemandType.HELP: "求助",
    DemandType.COMPLAINT: "投诉",
    DemandType.REPORT: "举报",
    DemandType.SUGGESTION: "建议",
    DemandType.PRAISE: "表扬",
    DemandType.OTHER: "其他",
}
STATUSES = {
    DemandStatus.PENDING: "待受理",
    DemandStatus.SUPPLEMENT: "待补充",
    DemandStatus.ACCEPTED: "已受理",
    DemandStatus.ASSIGNED: "已派遣",
    DemandStatus.IN_HAND: "办理中",
    DemandStatus.ANSWERED: "已答复",
    DemandStatus.CLOSED: "已办结",
    DemandStatus.REFUSED: "不予受理",
    DemandStatus.MERGED: "并单",
    DemandStatus.VOID: "作废",
}
CASE_LEVELS = {level: f"{int(level)} {title}" for level, title in CARD_TITLES.items()}
TRAITS = {trait: f"{trait.value} {title}" for trait, title in TRAIT_TITLES.items()}
MANNERS = {
    TriageManner.INDIVIDUAL: "individual 个别分析",
    TriageManner.GROUPED: "grouped 类型化归集",
}
FOUR_FIRST = {
    FourFirst.WARN: "warn 先预警",
    FourFirst.STEP_IN: "step_in 先介入",
    FourFirst.FIND_GAPS: "find_gaps 先查缺",
    FourFirst.FILL: "fill 先补位",
}
STAGES = {
    WarningStage.WARNED: "warned 预警",
    WarningStage.CORRECTING: "correcting 纠错",
    WarningStage.SUPERVISED: "supervised 督察督办",
}
VERDICTS = {"issue": "issue 发出预警", "dismiss": "dismiss 不属预期", "hold": "hold 留观"}
HELD = {
    Cause.UNPLANNED: "unplanned 待预案",
    Cause.OUTRANKED: "outranked 已有更高等级",
    Cause.INHIBITED: "inhibited 已由上级预警涵盖",
    Cause.SILENCED: "silenced 静默中",
    Cause.MUTED: "muted 待工作时间",
}
CASE_KINDS = {
    CaseKind.INSTANT: "instant 即办件",
    CaseKind.PROMISED: "promised 承诺件",
    CaseKind.FORWARDED: "forwarded 转报件",
}
CASE_STATES = {
    CaseState.DRAFT: "draft 未申报",
    CaseState.APPLIED: "applied 已申报",
    CaseState.RETURNED: "returned 退回",
    CaseState.CORRECTING: "correcting 待补正",
    CaseState.CORRECTED: "corrected 补正完毕",
    CaseState.ACCEPTING: "accepting 受理中",
    CaseState.HANDLING: "handling 办理中",
    CaseState.REFUSED: "refused 不予受理",
    CaseState.SUSPENDED: "suspended 挂起",
    CaseState.FINISHED: "finished 结束",
}
CASE_RESULTS = {
    CaseResult.NOT_ACCEPTED: "not_accepted 不予受理",
    CaseResult.GRANTED: "granted 准予",
    CaseResult.DENIED: "denied 不予许可",
    CaseResult.WITHDRAWN: "withdrawn 撤回",
    CaseResult.SENT_BACK: "sent_back 退件",
}
RATING_LEVELS = {
    RatingLevel.VERY_BAD: "1 非常不满意",
    RatingLevel.BAD: "2 不满意",
    RatingLevel.FAIR: "3 基本满意",
    RatingLevel.GOOD: "4 满意",
    RatingLevel.VERY_GOOD: "5 非常满意",
}
ANOMALIES = {
    AnomalyType.TIME: "time 时效",
    AnomalyType.PROCESS: "process 流程",
    AnomalyType.CONTENT: "content 内容",
    AnomalyType.FEE: "fee 裁量（收费）",
    AnomalyType.RISK: "risk 风险防控",
    AnomalyType.WINDOW: "window 窗口规范",
    AnomalyType.OTHER: "other 其他",
}
INSPECTION_KINDS = {
    InspectionKind.WEEKLY: "weekly 周督查",
    InspectionKind.DAILY: "daily 日巡查",
    InspectionKind.ROUTINE: "routine 常态化巡检",
    InspectionKind.SELF_CHECK: "self_check 窗口自查",
    InspectionKind.WALKTHROUGH: "walkthrough 沉浸式走流程",
    InspectionKind.VISIT: "visit 视察监督",
}
CENTRE_LEVELS = {
    CentreLevel.COUNTY: "county 县",
    CentreLevel.TOWNSHIP: "township 乡镇（街道）",
    CentreLevel.VILLAGE: "village 村（社区）",
}
SEVERITIES = {
    Severity.AT_ONCE: "at_once 立行立改",
    Severity.BY_DATE: "by_date 限期整改",
    Severity.MAJOR: "major 重大",
    Severity.EMERGENCY: "emergency 应急",
}
FINDING_STATES = {
    FindingState.OPEN: "open 待整改",
    FindingState.RECTIFIED: "rectified 已整改",
    FindingState.CONFIRMED: "confirmed 已确认",
    FindingState.REJECTED: "rejected 复查不合格",
}
URGENCIES = {Urgency.NORMAL: "普通", Urgency.URGENT: "紧急", Urgency.CRITICAL: "应急"}
NATURES = {Nature.VOICED: "有诉", Nature.UNVOICED: "未诉"}
ANONYMITIES = {Anonymity.OPEN: "实名公开", Anonymity.SECRET: "实名保密", Anonymity.ANONYMOUS: "匿名"}
WATCHES = {
    Watch.OBSERVE: "观察",
    Watch.SUPERVISE: "督察",
    Watch.INSIGHT: "洞察",
    Watch.MONITOR: "监察",
    Watch.VISIT: "视察",
    Watch.DISCERN: "明察",
}
SIGNAL_STATES = {
    SignalState.OPEN: "open 待研判",
    SignalState.WARNED: "warned 已预警",
    SignalState.DISMISSED: "dismissed 已排除",
    SignalState.MERGED: "merged 已合并",
}
WARNING_STATES = {
    WarningState.ISSUED: "issued 已发布",
    WarningState.REVOKED: "revoked 已撤销",
    WarningState.CLOSED: "closed 已办结",
}
ORDER_STATES = {
    OrderState.CREATED: "created 已交办",
    OrderState.SIGNED: "signed 已签收",
    OrderState.ANSWERED: "answered 已反馈",
    OrderState.RETURNED: "returned 已退单",
    OrderState.WITHDRAWN: "withdrawn 已撤回",
    OrderState.CLOSED: "closed 已办结",
}
REPLY_KINDS = {
    ReplyKind.SIGN: "sign 签收",
    ReplyKind.RETURN: "return 退回",
    ReplyKind.EXTEND: "extend 延期",
    ReplyKind.CLOSE: "close 办结",
}
REPLY_STATES = {
    ReplyState.WAITING: "waiting 待回复",
    ReplyState.ACCEPTED: "accepted 已接收",
    ReplyState.REFUSED: "refused 被拒收",
    ReplyState.FAILED: "failed 未送达",
}
MESSAGE_STATES = {
    MessageState.WAITING: "waiting 待送达",
    MessageState.DELIVERED: "delivered 已送达",
    MessageState.FAILED: "failed 未送达",
}

SCORES = {
    ScoreKind.INDICATORS: "indicators 监察指标",
    ScoreKind.TIME_LIMITS: "time_limits 时限流程",
}
BREACH_VERDICTS = {
    BreachVerdict.VERIFIED: "verified 属实",
    BreachVerdict.UNFOUNDED: "unfounded 不属实",
    BreachVerdict.EXCUSED: "excused 免责",
}
EXCUSES = {
    Excuse.SYSTEM_FAULT: "system_fault 系统故障",
    Excuse.SUPERIOR: "superior 上级原因",
    Excuse.SPECIAL_PROCEDURE: "special_procedure 特别程序",
    Excuse.UNREASONABLE: "unreasonable 不合理诉求",
    Excuse.BEYOND_DUTY: "beyond_duty 超职责",
    Excuse.MALICIOUS: "malicious 恶意",
}
DEDUCTIONS = {
    Why.DEDUCTED: "deducted 已扣分",
    Why.CAPPED: "capped 已达该规则扣分上限",
    Why.DIFFERENCE: "difference 以前月份已扣，只扣差额",
    Why.SAME_FACT: "same_fact 同一事实已扣",
    Why.UNVERIFIED: "unverified 待核实",
    Why.UNFOUNDED: "unfounded 不属实",
    Why.EXCUSED: "excused 免责",
    Why.REVOKED: "revoked 预警已撤销",
    Why.APPEAL_UPHELD: "appeal_upheld 申诉成立",
    Why.BEFORE_LIMIT: "before_limit 期限未届满",
    Why.NO_POINTS: "no_points 标准不扣分",
}


def short(words: Mapping[Any, str], code: object) -> str:
    """The county's word alone, where room is scarce."""
    return word(words, code).split(" ")[-1]


def word(words: Mapping[Any, str], code: object) -> str:
    """The county's word; the code itself where it is newer than this table."""
    return words.get(code, str(code))


def level(number: int, *, subject: str, rule_id: str) -> str:
    """A level by its number and by what it is called for that subject: ``2 黄牌`` of a case, ``2 较重`` of a demand."""
    try:
        return f"{int(number)} {level_title(Level(number), subject=subject, rule_id=rule_id)}"
    except ValueError:
        return str(number)
