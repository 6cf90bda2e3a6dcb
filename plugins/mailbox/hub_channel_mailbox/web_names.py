"""What web mailboxes print beside each thing, and what they call states: for lists and for pages of one letter."""

from __future__ import annotations

from collections.abc import Mapping

from hub.model.codes import DemandStatus

LETTER_TYPE = "application/json"
PAGE_TYPE = "text/html"  # a page that could not even be read was set aside as it came

# Columns of the list: the heading of the column.
ROW: Mapping[str, tuple[str, ...]] = {
    "number": ("信件编号", "编号", "信件编码", "流水号", "序列号"),
    "title": ("信件标题", "来信标题", "标题", "主题", "信件主题", "来信主题", "信件名称"),
    "type": ("信件类型", "来信类型", "信件类别", "来信类别", "类型", "类别"),
    "time": (
        "来信时间",
        "写信时间",
        "提交时间",
        "来信日期",
        "写信日期",
        "提交日期",
        "发布时间",
        "时间",
        "日期",
    ),
    "status": ("办理状态", "信件状态", "处理状态", "回复状态", "答复状态", "状态"),
}
# The page of a letter: the label beside or above.
LETTER: Mapping[str, tuple[str, ...]] = {
    "number": ("信件编号", "编号", "信件编码", "流水号"),
    "title": ("信件标题", "来信标题", "标题", "主题", "信件主题", "来信主题", "信件名称"),
    "type": ("信件类型", "来信类型", "信件类别", "来信类别", "类型", "类别"),
    "time": ("来信时间", "写信时间", "提交时间", "来信日期", "写信日期", "提交日期", "发布时间"),
    "status": ("办理状态", "信件状态", "处理状态", "回复状态", "答复状态", "状态"),
    "writer": ("写信人", "来信人", "写信人姓名", "来信人姓名", "姓名", "网友", "留言人"),
    "phone": ("手机号码", "联系电话", "电话", "手机"),
    "email": ("电子邮箱", "邮箱", "电子邮件"),
    "department": ("受理部门", "受理单位", "来信对象", "写信对象"),
    "content": ("来信内容", "信件内容", "写信内容", "内容", "问题描述", "留言内容"),
    "reply": ("答复内容", "回复内容", "处理结果", "办理结果", "答复意见", "回复意见", "回复"),
    "reply_department": ("答复单位", "答复部门", "回复单位", "回复部门", "办理单位", "承办单位", "处理部门"),
    "reply_time": ("答复时间", "回复时间", "答复日期", "回复日期", "处理时间", "办结时间"),
}
TEXTS = ("content", "reply")
FIELDS = (*LETTER, "day", "link", "page")

STATUSES: Mapping[str, DemandStatus] = {
    **dict.fromkeys(
        (
            "待受理",
            "未受理",
            "待处理",
            "未处理",
            "新信件",
            "待审核",
            "审核中",
            "未回复",
            "未答复",
            "待回复",
            "待答复",
        ),
        DemandStatus.PENDING,
    ),
    **dict.fromkeys(("待补充", "待完善"), DemandStatus.SUPPLEMENT),
    **dict.fromkeys(("受理中", "已受理", "待转办", "待交办"), DemandStatus.ACCEPTED),
    **dict.fromkeys(("已转办", "转办中", "已交办", "交办中", "已分办", "待签收"), DemandStatus.ASSIGNED),
    **dict.fromkeys(("办理中", "处理中", "承办中", "回复中", "已签收", "督办中"), DemandStatus.IN_HAND),
    **dict.fromkeys(("已答复", "已回复", "已反馈", "已处理", "回复完毕"), DemandStatus.ANSWERED),
    **dict.fromkeys(("已办结", "办结", "已办理", "已完成", "已结束", "已评价", "结案"), DemandStatus.CLOSED),
    **dict.fromkeys(("不予受理", "不受理", "已退回", "退回", "无效信件", "审核不通过"), DemandStatus.REFUSED),
    **dict.fromkeys(("并单", "并案", "重复信件"), DemandStatus.MERGED),
    **dict.fromkeys(("已撤销", "作废", "已删除", "已关闭"), DemandStatus.VOID),
}
# Where the mailbox's own office has handed the letter to somebody (R73).
DISPATCHED = frozenset(
    {DemandStatus.ASSIGNED, DemandStatus.IN_HAND, DemandStatus.ANSWERED, DemandStatus.CLOSED}
)
# After these a letter's page changes no more that matters.
SETTLED = frozenset({DemandStatus.CLOSED, DemandStatus.REFUSED, DemandStatus.MERGED, DemandStatus.VOID})
