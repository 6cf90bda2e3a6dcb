"""How a well-behaved portal's pages look: the list interface of the county's own simulator."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

from hub.county.portal_server import DEFAULT_PAGE_SIZE, envelope, refusal
from hub.testing.hostile import ListPage, ListSource, Request

SHANGHAI = ZoneInfo("Asia/Shanghai")


class PortalPages(ListSource):
    key = "zxbh"
    position = "gxsj"
    text = "nr"
    phone = "sjh"
    page_size = 5

    def record(self, index, moment):
        time = self.moment_text(moment)
        return {
            "zxbh": f"ZX411521{index:012d}",
            "lx": "2",
            "lxmc": "投诉",
            "bt": "窗口迟迟没有受理",
            "nr": f"第{index}次到二楼窗口，材料交齐以后一直没有受理。",
            "xm": "张*",
            "sjh": f"138{index:08d}",
            "zjlx": "111",
            "zjhm": "411521********1234",
            "sfgk": "0",
            "tjsj": time,
            "gxsj": time,
            "zt": "1",
            "fj": [],
        }

    def moment_text(self, moment: datetime) -> str:
        return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")

    def at_page(self, request, number):
        return Request(request.path, {**request.query, "pageNum": str(number)}, request.headers)

    def page(self, request, records, *, newest_first):
        query = request.query
        size, number = int(query.get("pageSize", DEFAULT_PAGE_SIZE)), int(query.get("pageNum", "1"))
        start, end = query.get("gxsjStart", ""), query.get("gxsjEnd", "")
        found = [one for one in records if one["gxsj"] >= start and (not end or one["gxsj"] <= end)]
        if newest_first:
            found.reverse()
        return ListPage(found[(number - 1) * size : number * size], len(found), number, size)

    def render(self, page):
        if page.records is None:
            return json.dumps({"code": 200, "message": "成功", "data": {"total": page.total, "list": None}})
        bodies = [json.dumps(one, ensure_ascii=False).encode() for one in page.records]
        return envelope(bodies, total=page.total, number=page.number, size=page.size).decode()

    def refusal(self):
        return refusal(500, "系统繁忙，请稍后再试").decode()
