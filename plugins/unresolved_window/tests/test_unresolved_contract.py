"""The channel of the window for what could not be got done keeps the contract of every channel of sheets."""

from pathlib import Path

from hub.testing.hostile_sheets import PHONE, SheetSource
from hub.testing.sheets import SheetContract
from hub_channel_unresolved_window.channel import UnresolvedWindowChannel


class UnresolvedSheet(SheetSource):
    when, text, phone, number, needed = "反映时间", "诉求", "联系方式", "登记编号", "事项"

    def row(self, index):
        return {
            "登记编号": f"BCS20260623{index:03d}",
            "反映时间": self.moment(index),
            "反映人": "张*",
            "联系方式": str(PHONE + index),
            "身份": "个人",
            "事项": "不动产转移登记",
            "涉及窗口/单位": "不动产登记窗口",
            "办不成原因": "多部门",
            "诉求": f"{self.mark(index)}，两个窗口互相等材料。",
            "处理方式": "转办",
            "转办单位": "县自然资源局",
            "承诺时限": "5个工作日",
            "办理结果": None,
            "经办人": "李*",
        }


class TestUnresolvedContract(SheetContract):
    channel = UnresolvedWindowChannel
    samples = Path(__file__).parents[1] / "samples"
    source = UnresolvedSheet()
    personal = "联系方式"

    def make_sheet_settings(self, given):
        return super().make_sheet_settings({"organisation": "县政务服务中心", **given})
