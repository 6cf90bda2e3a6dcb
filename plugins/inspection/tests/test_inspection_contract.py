"""The channel of inspections keeps the contract of every channel of sheets."""

from pathlib import Path

from hub.testing.hostile_sheets import SheetSource
from hub.testing.sheets import SheetContract
from hub_channel_inspection.channel import InspectionChannel


class InspectionSheet(SheetSource):
    when, text, spare, number, needed = "巡查日期", "问题描述", "责任人", "问题编号", "中心"

    def row(self, index):
        return {
            "巡查日期": self.moment(index),
            "巡查类型": "日巡查",
            "中心": "罗山县政务服务中心",
            "区域/窗口": "一楼3号窗口",
            "检查项": "环境秩序",
            "检查内容": "工作时间在岗",
            "是否符合": "不符合",
            "问题描述": f"{self.mark(index)}，窗口没有人。",
            "问题编号": f"WT20260623{index:03d}",
            "照片": "IMG_0412.jpg",
            "责任单位": "县医疗保障局",
            "责任人": "赵*",
            "整改时限": "3个工作日",
            "整改情况": None,
            "复查人": "李*",
        }


class TestInspectionContract(SheetContract):
    channel = InspectionChannel
    samples = Path(__file__).parents[1] / "samples"
    source = InspectionSheet()
    personal = "责任人"

    def words(self, said):
        return said.text

    def when(self, said):
        return said.found_at

    def left_out(self, said):
        return said.person
