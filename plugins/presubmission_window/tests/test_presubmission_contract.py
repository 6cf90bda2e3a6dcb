"""The presubmission windows' channel keeps the contract of every channel of sheets."""

from pathlib import Path

from hub.testing.hostile_sheets import PHONE, SheetSource
from hub.testing.sheets import SheetContract
from hub_channel_presubmission_window.channel import PresubmissionWindowChannel


class PresubmissionSheet(SheetSource):
    when, text, phone, needed = "日期", "群众意见", "联系电话", "事项名称"

    def row(self, index):
        return {
            "序号": index + 1,
            "日期": self.moment(index),
            "预审窗口": f"{index % 3 + 1}号窗口",
            "申请人": "张*",
            "联系电话": str(PHONE + index),
            "事项名称": "不动产转移登记",
            "预审结果": "退回",
            "缺少材料": "房产证原件",
            "退回次数": 2,
            "群众意见": f"{self.mark(index)}，希望一次把材料说清楚。",
            "经办人": "李*",
        }


class TestPresubmissionContract(SheetContract):
    channel = PresubmissionWindowChannel
    samples = Path(__file__).parents[1] / "samples"
    source = PresubmissionSheet()
    personal = "联系电话"

    def make_sheet_settings(self, given):
        return super().make_sheet_settings({"organisation": "县政务服务中心", **given})
