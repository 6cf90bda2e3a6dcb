"""How a well-behaved gateway of the app looks: its list, and its pushes."""

import json
from datetime import datetime

from hub.testing.hostile import Fields, ListPage, ListSource, Request
from hub.testing.push import PushSource

FAR = 10**15


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def appeal(index: int, moment: datetime) -> Fields:
    time = milliseconds(moment)
    return {
        "appealId": f"AP411521{index:012d}",
        "type": "投诉",
        "title": "窗口迟迟没有受理",
        "content": f"第{index}次到二楼窗口，材料交齐以后一直没有受理。",
        "openId": f"oX{index:026d}",
        "userName": "张*",
        "mobile": f"138{index:08d}",
        "lng": 114.533401,
        "lat": 32.203102,
        "address": "宝城街道政务大厅",
        "isPublic": False,
        "status": "submitted",
        "createTime": time,
        "updateTime": time,
        "pictures": [],
    }


def updated(record: Fields) -> int:
    """When it was updated; one without a readable time is listed after all others."""
    time = record.get("updateTime")
    return time if isinstance(time, int) else FAR


class AppPages(ListSource):
    key = "appealId"
    position = "updateTime"
    text = "content"
    phone = "mobile"
    page_size = 5

    def record(self, index, moment):
        return appeal(index, moment)

    def moment_text(self, moment):
        return milliseconds(moment)

    def at_page(self, request, number):
        return Request(request.path, {**request.query, "pageNum": str(number)}, request.headers)

    def page(self, request, records, *, newest_first):
        query = request.query
        size, number = int(query["pageSize"]), int(query["pageNum"])
        start, end = int(query.get("updateTimeFrom", 0)), int(query.get("updateTimeTo", 2 * FAR))
        found = [one for one in records if start <= updated(one) <= end]
        if newest_first:
            found.reverse()
        return ListPage(found[(number - 1) * size : number * size], len(found), number, size)

    def render(self, page):
        listed = None if page.records is None else list(page.records)
        data = {"total": page.total, "pageNum": page.number, "pageSize": page.size, "list": listed}
        return json.dumps({"code": 200, "message": "success", "data": data}, ensure_ascii=False)

    def refusal(self):
        return json.dumps({"code": 500, "message": "系统繁忙", "data": None}, ensure_ascii=False)


class AppPushes(PushSource):
    key = "appealId"
    text = "content"
    path = "/v1/channels/app/records"

    def record(self, index, moment):
        return appeal(index, moment)

    def body(self, records):
        listed = None if records is None else list(records)
        return json.dumps({"records": listed}, ensure_ascii=False).encode()
