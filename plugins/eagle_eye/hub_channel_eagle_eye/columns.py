"""The columns of a sheet of process events: this channel's names, and what offices and process logs call them besides."""

from __future__ import annotations

from collections.abc import Mapping

CASE_NO, EVENT_NO, STEP, MOMENT = "办件编号", "事件编号", "环节名称", "时间"
NEEDED = frozenset((CASE_NO, STEP, MOMENT))

# With colons: the names of XES (IEEE 1849), as its logs are exported to CSV.
ALIASES: Mapping[str, tuple[str, ...]] = {
    CASE_NO: (
        "业务编号",
        "受理编号",
        "流水号",
        "case:concept:name",
        "case_id",
    ),
    EVENT_NO: (
        "过程编号",
        "环节编号",
        "事件ID",
        "concept:instance",
        "event_id",
    ),
    STEP: (
        "环节",
        "办理环节",
        "步骤",
        "活动",
        "concept:name",
        "activity",
    ),
    MOMENT: (
        "事件时间",
        "办理时间",
        "完成时间",
        "time:timestamp",
        "timestamp",
    ),
    "开始时间": (
        "环节开始时间",
        "start_timestamp",
    ),
    "事件类型": (
        "环节状态",
        "lifecycle:transition",
        "transition",
    ),
    "办理部门": (
        "环节部门",
        "处室",
        "org:group",
    ),
    "办理人": (
        "经办人",
        "操作人",
        "org:resource",
        "resource",
    ),
    "办理意见": (
        "意见",
        "环节意见",
    ),
    "申报来源": (
        "申报方式",
        "受理方式",
    ),
    "事项编码": (
        "事项代码",
        "实施编码",
    ),
    "事项名称": (
        "办理事项",
        "事项",
    ),
    "申请时间": (
        "申报时间",
        "收件时间",
    ),
    "受理时间": (),
    "办结期限": (
        "承诺办结时间",
        "截止时间",
        "应办结时间",
    ),
    "办结时间": ("实际办结时间",),
    "办理结果": ("办件结果",),
    "责任单位": (
        "承办单位",
        "办理单位",
    ),
    "岗位": (),
    "责任人": ("承办人",),
    "申请人": (
        "申请人姓名",
        "申请单位",
    ),
    "联系电话": (
        "申请人电话",
        "手机号码",
        "手机",
    ),
}
