"""The words of inspectors' sheets and forms, and what each means; a county's own go before them, in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from hub.model.codes import CheckDomain, FindingState, HotTopicKind, InspectionKind
from hub.sdk.inspecting import PROGRESS
from hub.sdk.readers.sheet import Column

NUMBER, DAY, PLANNED, KIND, CENTRE = "巡查编号", "巡查日期", "计划日期", "巡查类型", "中心"
AREA, DOMAIN, CHECK, EXPECTED = "区域/窗口", "检查领域", "检查项", "检查内容"
VERDICT, PROBLEM, PROBLEM_NO = "是否符合", "问题描述", "问题编号"
TOPICS: Mapping[str, HotTopicKind] = {
    "咨询建议高频事项": HotTopicKind.FREQUENT,
    "季节性高频事项": HotTopicKind.SEASONAL,
    "可能引发投诉事项": HotTopicKind.RISK,
}
_ALIASES: Mapping[str, tuple[str, ...]] = {
    NUMBER: ("检查编号", "督查编号", "巡查单号", "检查单号", "inspectionNo"),
    DAY: ("日期", "检查日期", "督查日期", "自查日期", "巡查时间", "检查时间", "督查时间", "inspectedAt"),
    PLANNED: ("计划巡查日期", "计划检查日期", "计划督查日期", "计划时间", "plannedOn"),
    KIND: ("督查类型", "检查类型", "巡查方式", "检查方式", "督查方式", "kind"),
    "中心级别": ("层级", "级别", "中心层级", "level"),
    CENTRE: ("中心名称", "政务服务中心", "受检中心", "被检查中心", "受检单位", "被检查单位", "检查地点", "centre"),
    AREA: ("区域窗口", "区域(窗口)", "检查区域", "点位", "area"),
    "区域": (),
    "窗口": ("窗口名称", "窗口号", "窗口编号", "window"),
    "巡查人": ("检查人", "督查人", "自查人", "巡查人员", "检查人员", "督查人员", "inspectors"),
    "开始时间": ("巡查开始时间", "beganAt"),
    "结束时间": ("巡查结束时间", "endedAt"),
    "检查表版本": ("检查清单版本", "checklistVersion"),
    DOMAIN: ("领域", "检查类别", "检查维度", "检查方面", "domain"),
    CHECK: ("检查项目", "检查要点", "检查事项", "item"),
    EXPECTED: ("检查标准", "检查要求", "标准要求", "expected"),
    VERDICT: ("检查结果", "巡查结果", "符合情况", "是否合格", "是否达标", "verdict"),
    PROBLEM: ("存在问题", "发现问题", "存在的问题", "发现的问题", "问题", "问题情况", "problem"),
    PROBLEM_NO: ("问题序列号", "问题单号", "problemNo"),
    "上次问题编号": ("原问题编号", "前次问题编号", "关联问题编号", "previousNo"),
    "严重程度": ("问题等级", "问题性质", "整改类别", "整改类型", "severity"),
    "涉及事项": ("事项", "事项名称", "政务服务事项", "serviceItem"),
    "照片": ("图片", "现场照片", "问题照片", "photos"),
    "责任单位": ("责任部门", "整改单位", "整改责任单位", "organisation"),
    "责任人": ("整改责任人", "责任人员", "person"),
    "整改时限": ("整改期限", "完成时限", "整改完成时限", "rectifyBy"),
    "整改情况": ("整改结果", "整改进展", "整改落实情况", "rectification"),
    "整改状态": ("问题状态", "状态", "state"),
    "整改完成时间": ("完成时间", "整改时间", "整改日期", "完成日期", "rectifiedAt"),
    "复查结果": ("复查结论", "复核结果", "recheckResult"),
    "复查情况": ("复查意见", "复核意见", "recheck"),
    "复查时间": ("复查日期", "复核时间", "recheckedAt"),
    "复查人": ("复核人", "复查人员", "recheckedBy"),
    "咨询建议高频事项": ("高频咨询事项", "咨询高频事项", "高频事项", "frequentTopics"),
    "季节性高频事项": ("季节性高频办事事项", "季节性事项", "seasonalTopics"),
    "可能引发投诉事项": ("投诉风险事项", "可能引发投诉的事项", "风险事项", "riskTopics"),
    "小结": ("巡查小结", "总体情况", "总体评价", "summary"),
    "签字人": ("带队领导", "签字", "signedBy"),
}  # fmt: skip
# What the record of an inspection keeps of a row that is a finding by itself; nothing that changes while the problem is put right.
OF_THE_INSPECTION = frozenset(
    (
        *(
            NUMBER,
            DAY,
            PLANNED,
            KIND,
            "中心级别",
            CENTRE,
            AREA,
            "区域",
            "窗口",
            "巡查人",
            "开始时间",
            "结束时间",
        ),
        *("检查表版本", VERDICT, *TOPICS, "小结", "签字人"),
    )
)
KINDS: Mapping[str, InspectionKind] = {
    **dict.fromkeys(("周督查", "周督导", "周巡查", "周检查", "每周督查", "weekly"), InspectionKind.WEEKLY),
    **dict.fromkeys(("日巡查", "日检查", "日巡", "每日巡查", "日常巡查", "daily"), InspectionKind.DAILY),
    **dict.fromkeys(
        ("常态化巡检", "常态化巡查", "常态化督查", "常态巡检", "巡检", "routine"), InspectionKind.ROUTINE
    ),
    **dict.fromkeys(("窗口自查", "自查", "窗口自检", "自检", "self_check"), InspectionKind.SELF_CHECK),
}
DOMAINS: Mapping[str, CheckDomain] = {
    **dict.fromkeys(
        ("服务供给", "事项进驻", "一窗受理", "综合窗口设置", "自助服务", "帮代办服务", "帮办代办", "延时服务", "supply"),
        CheckDomain.SUPPLY,
    ),
    **dict.fromkeys(
        ("服务保障", "人员配备", "设施设备", "网络保障", "经费保障", "后勤保障", "安全保障", "消防安全", "support"),
        CheckDomain.SUPPORT,
    ),
    **dict.fromkeys(
        ("服务能力", "业务能力", "业务培训", "政策知晓", "系统操作", "一次性告知", "首问负责", "capacity"),
        CheckDomain.CAPACITY,
    ),
    **dict.fromkeys(
        ("服务质效", "服务效能", "办件质量", "办件时效", "按时办结", "办理时限", "好差评整改", "quality"),
        CheckDomain.QUALITY,
    ),
    **dict.fromkeys(
        ("标准化建设", "中心标准化建设", "标准化", "标识标牌", "办事指南", "事项公示", "制度上墙", "档案管理", "standard"),
        CheckDomain.STANDARD,
    ),
    **dict.fromkeys(
        ("厅容厅貌", "大厅环境", "窗口卫生", "环境卫生", "物品摆放", "绿植摆放", "premises"), CheckDomain.PREMISES
    ),
    **dict.fromkeys(
        ("环境秩序", "大厅秩序", "排队秩序", "叫号秩序", "停车秩序", "秩序维护", "工作纪律", "在岗情况", "人员在岗", "order"),
        CheckDomain.ORDER,
    ),
    **dict.fromkeys(
        ("文明形象", "着装仪表", "着装", "仪容仪表", "佩戴工牌", "文明用语", "服务态度", "文明服务", "服务礼仪", "civility"),
        CheckDomain.CIVILITY,
    ),
    **dict.fromkeys(
        ("满意度提升", "满意度", "群众满意度", "好差评", "评价器使用", "意见箱", "回访", "satisfaction"),
        CheckDomain.SATISFACTION,
    ),
}  # fmt: skip
VERDICTS: Mapping[str, Literal["passed", "failed", "not_applicable"]] = {
    **dict.fromkeys(("符合", "是", "合格", "达标", "通过", "正常", "√", "✓", "y", "yes", "true", "pass"), "passed"),
    **dict.fromkeys(("无问题", "未发现问题", "良好", "优秀"), "passed"),
    **dict.fromkeys(("不符合", "否", "不合格", "不达标", "未达标", "不通过", "异常", "有问题", "发现问题"), "failed"),
    **dict.fromkeys(("部分符合", "基本符合", "×", "✗", "x", "n", "no", "false", "fail"), "failed"),
    **dict.fromkeys(("不适用", "不涉及", "无此项", "未检查", "/", "-", "—", "n/a"), "not_applicable"),
}  # fmt: skip
STATES: Mapping[str, FindingState] = {
    **PROGRESS,
    **dict.fromkeys(("待复查", "复查中", "已反馈"), FindingState.RECTIFIED),
    **dict.fromkeys(("已销号", "销号", "复查合格", "已复查", "已确认", "confirmed"), FindingState.CONFIRMED),
    **dict.fromkeys(("复查不合格", "退回整改", "重新整改", "rejected"), FindingState.REJECTED),
}


def columns(required: frozenset[str]) -> tuple[Column, ...]:
    """The columns that are known; a sheet without one of the required ones is none of ours."""
    return tuple(Column(name, aliases, name in required) for name, aliases in _ALIASES.items())
