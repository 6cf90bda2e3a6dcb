"""The channel of visits keeps the contract of every channel of sheets."""

from pathlib import Path

from hub.testing.hostile_sheets import SheetSource
from hub.testing.sheets import SheetContract
from hub_channel_leader_visit.channel import LeaderVisitChannel


class LeaderVisitSheet(SheetSource):
    when, text, spare, number, needed = "视察时间", "指出问题", "责任人", "编号", "视察领导/机关"

    def row(self, index):
        return {
            "编号": f"SC20260623{index:03d}",
            "视察时间": self.moment(index),
            "视察领导/机关": "县人大常委会",
            "指出问题": f"{self.mark(index)}，高峰期排队超过两小时。",
            "批示原文": "请牵头单位一周内拿出办法。",
            "牵头单位": "县自然资源局",
            "配合单位": "县税务局、县住建局",
            "责任人": "周*",
            "整改时限": "5个工作日",
            "进展": None,
            "销号": "否",
        }


class TestLeaderVisitContract(SheetContract):
    channel = LeaderVisitChannel
    samples = Path(__file__).parents[1] / "samples"
    source = LeaderVisitSheet()
    personal = "责任人"

    def words(self, said):
        return said.text

    def when(self, said):
        return said.found_at

    def left_out(self, said):
        return said.person
