"""Code tables of the hotline: names first, for they are alike everywhere, then the codes of the national lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from hub.model.codes import DemandStatus, DemandType, ReporterType, Urgency

TermUnit = Literal["minutes", "hours", "days", "working_days"]

TYPES: Mapping[str, DemandType] = {
    **dict.fromkeys(("1", "咨询"), DemandType.CONSULTATION),
    **dict.fromkeys(("2", "求助", "求决", "非紧急救助"), DemandType.HELP),
    **dict.fromkeys(("3", "投诉"), DemandType.COMPLAINT),
    **dict.fromkeys(("4", "举报"), DemandType.REPORT),
    **dict.fromkeys(("5", "建议", "意见建议", "意见"), DemandType.SUGGESTION),
    **dict.fromkeys(("6", "表扬", "感谢"), DemandType.PRAISE),
    **dict.fromkeys(("9", "其他", "其它"), DemandType.OTHER),
}
# Calls that voice no demand (domain.md §6.2).
NO_DEMAND = frozenset({"8", "无效", "无效来电", "骚扰", "骚扰来电", "挪车", "测试"})
# A citizen presses for an open order (R26, W01): no new demand of another type.
CHASES = frozenset({"催单", "催办", "催促", "追单"})

STATUSES: Mapping[str, DemandStatus] = {
    **dict.fromkeys(("10", "待受理"), DemandStatus.PENDING),
    **dict.fromkeys(("15", "待补充"), DemandStatus.SUPPLEMENT),
    **dict.fromkeys(("20", "已受理", "25", "待派遣", "待派单", "待分派"), DemandStatus.ACCEPTED),
    **dict.fromkeys(("30", "已派遣", "已派单", "待签收", "待处置", "已转办"), DemandStatus.ASSIGNED),
    **dict.fromkeys(
        (
            "35",
            "办理中",
            "处置中",
            "已签收",
            "40",
            "申请退回",
            "45",
            "申请延期",
            "已延期",
            "75",
            "重办",
            "80",
            "督办中",
            "待督办",
            "督办",
        ),
        DemandStatus.IN_HAND,
    ),
    **dict.fromkeys(
        ("50", "已反馈待审核", "已反馈", "待审核", "已处置", "60", "待回访", "已回访", "已答复"),
        DemandStatus.ANSWERED,
    ),
    **dict.fromkeys(("70", "已办结", "办结", "已结案", "结案", "已归档"), DemandStatus.CLOSED),
    **dict.fromkeys(("90", "不予受理"), DemandStatus.REFUSED),
    **dict.fromkeys(("95", "并单"), DemandStatus.MERGED),
    **dict.fromkeys(("99", "作废", "撤销", "撤单"), DemandStatus.VOID),
}
# Where the platform has handed the order to somebody (R73).
DISPATCHED = frozenset(
    {DemandStatus.ASSIGNED, DemandStatus.IN_HAND, DemandStatus.ANSWERED, DemandStatus.CLOSED}
)

# Stages of the workflow in their order (domain.md §3.2).
STAGES: tuple[str, ...] = ("受理", "预审", "处置", "回访", "结案")

URGENCIES: Mapping[str, Urgency] = {
    **dict.fromkeys(("1", "一般", "普通", "普通件", "热点件", "平件"), Urgency.NORMAL),
    **dict.fromkeys(("2", "紧急", "紧急件", "加急", "急件"), Urgency.URGENT),
    **dict.fromkeys(("3", "特急", "特急件", "应急"), Urgency.CRITICAL),
}
LABELLED_URGENCIES = frozenset({"紧急件", "热点件"})

CALLER_TYPES: Mapping[str, ReporterType] = {
    **dict.fromkeys(("1", "个人", "市民", "自然人", "群众"), ReporterType.PERSON),
    **dict.fromkeys(
        ("2", "企业", "企业法人", "法人", "5", "非法人企业", "个体工商户"), ReporterType.ENTERPRISE
    ),
    **dict.fromkeys(("3", "事业单位", "事业法人"), ReporterType.INSTITUTION),
    **dict.fromkeys(("4", "社会组织", "社会组织法人", "社会团体"), ReporterType.ASSOCIATION),
    **dict.fromkeys(("6", "机关", "行政机关"), ReporterType.AUTHORITY),
    **dict.fromkeys(("9", "其他", "其它"), ReporterType.UNKNOWN),
}
GENDERS: Mapping[str, str] = {
    **dict.fromkeys(("0", "未知"), "0"),
    **dict.fromkeys(("1", "男", "男性", "先生"), "1"),
    **dict.fromkeys(("2", "女", "女性", "女士"), "2"),
    **dict.fromkeys(("9", "未说明"), "9"),
}
# 王女士 tells a gender, and no name.
GENDER_OF_TITLE: Mapping[str, str] = {"先生": "1", "女士": "2", "小姐": "2"}

YES_NO: Mapping[str, bool] = {
    **dict.fromkeys(("1", "是", "Y", "y", "true", "TRUE", "True", "t", "保密", "D", "d"), True),
    **dict.fromkeys(
        ("0", "否", "N", "n", "false", "FALSE", "False", "f", "不保密", "I", "U", "i", "u"), False
    ),
}
TERM_UNITS: Mapping[str, TermUnit] = {
    **dict.fromkeys(("分钟", "分"), "minutes"),
    **dict.fromkeys(("小时", "时"), "hours"),
    **dict.fromkeys(("自然日", "日历日", "日历天", "天", "日"), "days"),
    **dict.fromkeys(("工作日", "个工作日"), "working_days"),
}
