"""The words of observers' reports, and what each means; a county's own go before them, in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from hub.model.codes import DemandStatus, ServiceStep
from hub.sdk.readers.sheet import Column

NUMBER, OBSERVER, DAY, TYPE = "报告编号", "监督员编号", "日期", "类型"
ITEM, STEP, GRADE, REMARK = "事项", "环节", "评分", "评语"
LAWFUL, EFFECTIVE, PROBLEM, PROBLEM_NO, PROPOSAL = "是否依法依规", "办理效果", "发现问题", "问题编号", "建议"
STEP_COLUMNS: Mapping[str, ServiceStep] = {
    "咨询": ServiceStep.CONSULTING,
    "预约": ServiceStep.BOOKING,
    "受理": ServiceStep.ACCEPTING,
    "审批": ServiceStep.APPROVING,
    "办理": ServiceStep.HANDLING,
    "出证": ServiceStep.ISSUING,
}
COLUMNS = (
    Column(NUMBER, ("编号", "体验编号", "建议编号", "体验单号", "reportNo")),
    Column(OBSERVER, ("监督员证号", "监督员工号", "聘书编号", "证号", "observerNo"), required=True),
    Column("监督员姓名", ("监督员", "姓名", "社会监督员", "observer")),
    Column(DAY, ("时间", "体验日期", "体验时间", "监督日期", "监督时间", "巡查日期", "提交日期", "提交时间", "reportedAt"), required=True),
    Column(TYPE, ("报告类型", "监督类型", "监督方式", "巡查类型", "type")),
    Column("中心级别", ("层级", "level")),
    Column("中心", ("中心名称", "政务服务中心", "体验地点", "监督单位", "被监督单位", "centre")),
    Column("窗口", ("区域/窗口", "体验窗口", "窗口名称", "area")),
    Column(ITEM, ("事项名称", "体验事项", "办理事项", "涉及事项", "serviceItem")),
    Column("事项编码", ("itemCode",)),
    Column(STEP, ("办事环节", "服务环节", "体验环节", "step")),
    Column(GRADE, ("环节评分", "评价", "得分", "grade")),
    Column(REMARK, ("环节评语", "体验感受", "说明", "remark")),
    *(Column(name, (f"{name}环节", f"{name}评分", f"{name}环节评分", step.value)) for name, step in STEP_COLUMNS.items()),
    Column(LAWFUL, ("依法依规情况", "依法依规", "是否合规", "lawful")),
    Column(EFFECTIVE, ("效果", "办理成效", "办事效果", "effective")),
    Column(PROBLEM, ("问题", "问题描述", "存在问题", "发现的问题", "problem")),
    Column(PROBLEM_NO, ("问题单号", "problemNo")),
    Column("问题类型", ("焦点难点痛点", "焦点/难点/痛点", "问题类别", "问题标签", "painPoints")),
    Column(PROPOSAL, ("意见建议", "改进建议", "对策建议", "建议内容", "我的建议", "proposal")),
    Column("照片", ("图片", "现场照片", "photos")),
    Column("责任单位", ("责任部门", "涉及单位", "整改单位", "organisation")),
    Column("责任人", ("整改责任人", "person")),
    Column("整改时限", ("整改期限", "完成时限", "rectifyBy")),
    Column("整改情况", ("整改结果", "整改进展", "rectification")),
    Column("整改完成时间", ("完成时间", "rectifiedAt")),
    Column("采纳情况", ("是否采纳", "采纳结果", "adopted")),
    Column("小结", ("体验小结", "总体评价", "summary")),
    Column("上次问题编号", ("原问题编号", "关联问题编号", "previousNo")),
)  # fmt: skip
# What the record of a walk-through keeps of a row that says something by itself; nothing that changes while the problem is put right.
OF_THE_WALK = frozenset(
    (
        *(NUMBER, OBSERVER, "监督员姓名", DAY, TYPE, "中心级别", "中心", "窗口", ITEM, "事项编码"),
        *(STEP, GRADE, REMARK, *STEP_COLUMNS, LAWFUL, EFFECTIVE, "小结"),
    )
)
TYPES: Mapping[str, Literal["walkthrough", "suggestion"]] = {
    **dict.fromkeys(
        ("走流程", "沉浸式走流程", "体验", "沉浸式体验", "陪同办", "暗访", "明察暗访", "walkthrough"), "walkthrough"
    ),
    **dict.fromkeys(
        ("建议", "意见建议", "提建议", "我为政务服务提建议", "我为政务服务提一建议", "意见", "suggestion"), "suggestion"
    ),
}  # fmt: skip
GRADES: Mapping[str, int] = {
    **dict.fromkeys(("5", "5分", "很好", "优秀", "优", "非常满意", "a"), 5),
    **dict.fromkeys(("4", "4分", "好", "良好", "良", "满意", "较好", "b"), 4),
    **dict.fromkeys(("3", "3分", "一般", "中", "合格", "基本满意", "c"), 3),
    **dict.fromkeys(("2", "2分", "较差", "不满意", "不合格", "d"), 2),
    **dict.fromkeys(("1", "1分", "差", "很差", "非常不满意", "e"), 1),
}
STATUSES: Mapping[str, DemandStatus] = {
    **dict.fromkeys(("待研究", "待定", "未研究", "研究中", "待办理"), DemandStatus.PENDING),
    **dict.fromkeys(("已受理", "正在研究", "办理中", "推进中"), DemandStatus.IN_HAND),
    **dict.fromkeys(
        ("采纳", "已采纳", "部分采纳", "不采纳", "未采纳", "不予采纳", "是", "否"), DemandStatus.ANSWERED
    ),
    **dict.fromkeys(("已落实", "落实", "采纳并落实", "已办结"), DemandStatus.CLOSED),
}
