"""The channel of social observers keeps the contract of every channel of sheets, for problems of walk-throughs and for suggestions."""

from pathlib import Path

from hub.model.inspection import Finding
from hub.testing.hostile_sheets import SheetSource
from hub.testing.sheets import SheetContract
from hub_channel_observer.channel import ObserverChannel


class WalkThroughSheet(SheetSource):
    when, text, spare, number, needed = "日期", "发现问题", "责任人", "问题编号", "监督员编号"

    def row(self, index):
        return {
            "监督员编号": "LS-JD-012",
            "监督员姓名": "钱*",
            "日期": self.moment(index),
            "类型": "走流程",
            "中心": "罗山县政务服务中心",
            "窗口": "12号窗口",
            "事项": "个体工商户注册登记",
            "环节": "受理",
            "评分": "2",
            "是否依法依规": "是",
            "办理效果": "一般",
            "发现问题": f"{self.mark(index)}，往返两次。",
            "问题编号": f"JD20260623{index:03d}",
            "问题类型": "难点",
            "建议": "统一按办事指南收件。",
            "责任人": "郑*",
            "责任单位": "县市场监督管理局",
        }


class SuggestionSheet(SheetSource):
    when, text, spare, number, needed = "日期", "建议", "责任单位", "报告编号", "监督员编号"

    def row(self, index):
        return {
            "报告编号": f"JY20260623{index:03d}",
            "监督员编号": "LS-JD-012",
            "日期": self.moment(index),
            "类型": "建议",
            "责任单位": "县人力资源和社会保障局",
            "环节": "预约",
            "建议": f"{self.mark(index)}，周末开放预约。",
            "采纳情况": "待研究",
        }


class TestObserverWalkThroughContract(SheetContract):
    channel = ObserverChannel
    samples = Path(__file__).parents[1] / "samples"
    source = WalkThroughSheet()
    personal = "责任人"

    def words(self, said):
        return said.text

    def when(self, said):
        return said.found_at

    def left_out(self, said):
        return said.person if isinstance(said, Finding) else None


class TestObserverSuggestionContract(SheetContract):
    channel = ObserverChannel
    samples = Path(__file__).parents[1] / "samples"
    source = SuggestionSheet()

    def left_out(self, said):
        return said.target_org
