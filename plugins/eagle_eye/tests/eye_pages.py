"""How a well-behaved eagle-eye's pages look, list by list: the interface of the county's own simulator."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

from hub.county.portal_server import envelope, refusal
from hub.testing.hostile import ListPage, ListSource, Request

SHANGHAI = ZoneInfo("Asia/Shanghai")


class EyePages(ListSource):
    page_size = 5

    def moment_text(self, moment: datetime) -> str:
        return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")

    def at_page(self, request, number):
        return Request(request.path, {**request.query, "pageNum": str(number)}, request.headers)

    def page(self, request, records, *, newest_first):
        query = request.query
        size, number = int(query["pageSize"]), int(query["pageNum"])
        start, end = query.get("updateStart", ""), query.get("updateEnd", "")
        found = [
            one for one in records if one[self.position] >= start and (not end or one[self.position] <= end)
        ]
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


class CasePages(EyePages):
    key, position, text, phone = "internalNo", "updateDate", "note", "applicantMobile"

    def record(self, index, moment):
        time = self.moment_text(moment)
        return {
            "internalNo": f"411521{index:012d}",
            "itemId": "11411521MB1234567X4000715001000",
            "transactAffairName": "不动产转移登记",
            "applicantName": "王建国",
            "applicantMobile": f"138{index:08d}",
            "applyDate": time,
            "status": "8",
            "resultStatus": "3",
            "note": f"第{index}次补交的材料仍不符合要求，不予许可。",
            "finishTime": time,
            "processes": [
                {"id": "1", "nodeId": "SL", "tacheName": "受理", "beginDate": time, "processDate": time}
            ],
            "updateDate": time,
        }


class RatingPages(EyePages):
    key, position, text, phone = "evaluateId", "updateTime", "content", "evaluatorMobile"

    def record(self, index, moment):
        time = self.moment_text(moment)
        return {
            "evaluateId": f"500521{index:012d}",
            "internalNo": f"411521{index:012d}",
            "level": "1",
            "pf": "3",
            "evaluatorMobile": f"138{index:08d}",
            "content": f"第{index}次来，窗口工作人员仍然没有一次告知。",
            "evaluateTime": time,
            "updateTime": time,
        }


class EventPages(EyePages):
    key, position, text, phone = "eventID", "updateTime", "warnReason", "staffNo"

    def record(self, index, moment):
        time = self.moment_text(moment)
        return {
            "eventID": f"600521{index:012d}",
            "warnType": "1",
            "warnLevel": "2",
            "ruleCode": "ALARM_EXPIRED",
            "warnReason": f"承诺件超过承诺时限{index}个工作日",
            "org": "罗山县自然资源局",
            "staffNo": f"LS{index:04d}",
            "occurTime": time,
            "updateTime": time,
        }
