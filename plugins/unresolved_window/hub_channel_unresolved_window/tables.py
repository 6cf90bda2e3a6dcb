"""The words that clerks of the window write, and what each means; a county's own go before them, in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from hub.model.codes import BusinessClass, DemandStatus, DemandType, ReporterType
from hub.sdk.readers.sheet import Column

COLUMNS = (
    Column("登记编号", ("编号", "登记号", "工单编号", "工单号", "反映编号")),
    Column("反映时间", ("时间", "登记时间", "日期", "反映日期", "登记日期", "受理时间"), required=True),
    Column("反映人", ("姓名", "反映人姓名", "诉求人", "申请人", "企业名称")),
    Column("联系方式", ("联系电话", "电话", "手机", "手机号", "手机号码")),
    Column("身份", ("反映人身份", "身份类型", "主体类型")),
    Column("事项", ("事项名称", "办理事项", "反映事项", "涉及事项"), required=True),
    Column("涉及窗口/单位", ("涉及窗口", "涉及单位", "涉及部门", "涉及窗口单位", "责任单位", "被反映单位")),
    Column("办不成原因", ("原因", "未办成原因", "办不成事原因")),
    Column("诉求", ("诉求内容", "反映内容", "具体诉求", "反映问题", "问题描述")),
    Column("诉求类型", ("类型", "反映类型")),
    Column("处理方式", ("办理方式", "处置方式")),
    Column("转办单位", ("转办部门", "承办单位", "交办单位")),
    Column("承诺时限", ("办理时限", "承诺办结时间", "办结时限")),
    Column("办理结果", ("处理结果", "办理情况", "处理情况")),
    Column("回访", ("回访情况",)),
    Column("满意度", ("满意情况", "回访满意度", "是否满意")),
    Column("经办人", ("工作人员", "受理人", "登记人")),
)
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
METHODS: Mapping[str, Literal["at_once", "assigned", "coordinated"]] = {
    **dict.fromkeys(("当场", "当场办结", "当场答复", "当场解决", "现场办理", "现场解决"), "at_once"),
    **dict.fromkeys(("转办", "转办单位", "转交", "交办"), "assigned"),
    **dict.fromkeys(("协调", "协调办理", "协调会", "会商", "联办"), "coordinated"),
}
REASONS: Mapping[str, BusinessClass] = {
    "材料不全": BusinessClass.BUSINESS,
    "政策限制": BusinessClass.BUSINESS,
    "系统问题": BusinessClass.BUSINESS,
    "多部门": BusinessClass.BUSINESS,
    "多部门协同": BusinessClass.BUSINESS,
    "历史遗留": BusinessClass.BUSINESS,
    "部门推诿": BusinessClass.CONDUCT,  # 作风纪律, R70; a person confirms it before anybody is told
    "推诿": BusinessClass.CONDUCT,
    "服务态度": BusinessClass.CONDUCT,
}
RESULTS: Mapping[str, DemandStatus] = {
    **dict.fromkeys(
        ("已办结", "办结", "已解决", "解决", "已办成", "办成", "已完成", "完成"), DemandStatus.CLOSED
    ),
    **dict.fromkeys(
        ("未解决", "未办结", "办理中", "正在办理", "在办", "协调中", "处理中"), DemandStatus.IN_HAND
    ),
    **dict.fromkeys(("不予受理", "不予办理", "无法办理"), DemandStatus.REFUSED),
    **dict.fromkeys(("已答复", "已解释", "答复"), DemandStatus.ANSWERED),
}
IDENTITIES: Mapping[str, ReporterType] = {
    **dict.fromkeys(("个人", "群众", "居民", "村民", "自然人"), ReporterType.PERSON),
    **dict.fromkeys(("企业", "企业法人", "公司", "法人", "个体工商户", "个体户"), ReporterType.ENTERPRISE),
    "事业单位": ReporterType.INSTITUTION,
    "社会组织": ReporterType.ASSOCIATION,
    **dict.fromkeys(("机关", "行政机关"), ReporterType.AUTHORITY),
}
UNSATISFIED = frozenset(("不满意", "很不满意", "非常不满意"))
