"""How well-behaved hotlines look: the messages of the county's own simulator, and the view of domain.md §7."""

import json
import re
from dataclasses import replace
from datetime import datetime

from hub.clock import COUNTY_ZONE
from hub.county.hotline_server import answer_package, soap_answer, step_page
from hub.sdk.readers.xml import inner_xml, parse_xml, text_at
from hub.testing.hostile import ListPage, ListSource
from hub.testing.views import ViewSource
from hub.testing.xml import XmlListSource

SIZE = 5


def local(moment: datetime) -> str:
    return moment.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M:%S")


class SoapPages(XmlListSource):
    key = "工单编号"
    position = "更新时间"
    text = "内容"
    phone = "联系电话"
    page_size = SIZE
    record_tag = "Order"
    checked = True

    def record(self, index, moment):
        time = self.moment_text(moment)
        return {
            "工单编号": f"{230629102133000000 + index}",
            "来电时间": time,
            "更新时间": time,
            "诉求人": "王女士",
            "来电号码": f"137{index:08d}",
            "联系电话": f"138{index:08d}",
            "诉求类型": "投诉",
            "紧急程度": "一般",
            "问题分类": "政务服务/窗口服务",
            "标题": "窗口迟迟没有受理",
            "内容": f"第{index}次到二楼窗口，材料交齐以后一直没有受理。",
            "承办单位": "罗山县行政审批和政务信息管理局",
            "工单状态": "已派遣",
            "是否保密": "否",
        }

    def moment_text(self, moment):
        return local(moment)

    def asked(self, request):
        message = inner_xml(text_at(parse_xml(request.body.decode()), ("Envelope", "Body", "*", "*")) or "")
        body = next(parse_xml(message).iter("Body"))
        return {child.tag: child.text or "" for child in body}

    def at_page(self, request, number):
        text = re.sub(r"(页码&gt;)\d+", rf"\g<1>{number}", request.body.decode())
        return replace(request, body=text.encode())

    def page(self, request, records, *, newest_first):
        asked = self.asked(request)
        size, number = int(asked["每页条数"]), int(asked["页码"])
        found = [
            one
            for one in records
            if asked["开始时间"] <= str(one["更新时间"]) <= asked["结束时间"] or self.undated(one, asked)
        ]
        if newest_first:
            found.reverse()
        return ListPage(found[(number - 1) * size : number * size], len(found), number, size)

    def undated(self, record, asked):
        # The simulator's bounds are texts: what is no time lies behind every time, and is asked for as such.
        return asked["结束时间"] >= "2999" and not str(record["更新时间"]).startswith(("1", "2"))

    def package(self, records, page):
        package = answer_package(records or "", total=page.total)
        return package.replace("<Body></Body>", "") if records is None else package

    def wrap(self, package):
        return soap_answer(package)

    def refusal(self):
        return soap_answer(answer_package("", total=None, code="500", message="系统繁忙，请稍后再试"))


class WorkflowPages(ListSource):
    key = "record_number"
    position = "update_time"
    text = "note"
    phone = "contact_phone"
    page_size = SIZE

    def record(self, index, moment):
        time = self.moment_text(moment)
        return {
            "record_number": f"{250912101108000000 + index}",
            "ps_caption": "处置",
            "pss_caption_start": "待处置",
            "pss_caption_end": "办理中",
            "update_time": time,
            "call_time": time,
            "caller_name": "王女士",
            "caller_phone": f"137{index:08d}",
            "contact_phone": f"138{index:08d}",
            "event_type": "投诉",
            "is_secret": "0",
            "di_title": "窗口迟迟没有受理",
            "note": f"第{index}次到二楼窗口，材料交齐以后一直没有受理。",
        }

    def moment_text(self, moment):
        return local(moment)

    def at_page(self, request, number):
        return replace(request, query={**request.query, "pageNum": str(number)})

    def page(self, request, records, *, newest_first):
        query = request.query
        size, number = int(query["pageSize"]), int(query["pageNum"])
        start, end = query["startTime"], query["endTime"]
        undated = end >= "2999"
        found = [
            one
            for one in records
            if start <= str(one["update_time"]) <= end
            or (undated and not str(one["update_time"]).startswith(("1", "2")))
        ]
        if newest_first:
            found.reverse()
        return ListPage(found[(number - 1) * size : number * size], len(found), number, size)

    def render(self, page):
        return step_page(page.records, total=page.total).decode()

    def refusal(self):
        return json.dumps({"code": 500, "message": "系统繁忙，请稍后再试", "data": None}, ensure_ascii=False)


class OrderView(ViewSource):
    name = "V_12345_ORDER"
    key = "ORDER_NUM"
    position = "UPDATE_TIME"
    text = "MAJOR_CONTENT"
    phone = "CALLER_CONTACT"
    required = (
        "ORDER_NUM",
        "CALL_TIME",
        "UPDATE_TIME",
        "MAJOR_CONTENT",
        "CALLER_TYPE",
        "IS_SECRET",
        "ORDER_STATE",
    )
    columns = {
        "ORDER_NUM": "text",
        "CALL_TIME": "time",
        "SOURCE_TYPE": "text",
        "CALLER_NAME": "text",
        "CALLER_PHONE": "text",
        "CALLER_CONTACT": "text",
        "CALLER_TYPE": "text",
        "PILOT_LIGHT": "text",
        "QUESTION_CODE": "text",
        "QUESTION_NAME": "text",
        "IS_SECRET": "text",
        "ADDRESS": "text",
        "TITLE": "text",
        "MAJOR_CONTENT": "long",
        "ORGANIZATION_CODE": "text",
        "HANDLE_DAYS": "integer",
        "TIME_UNIT": "text",
        "DEADLINE_DATE": "time",
        "ORDER_STATE": "text",
        "OLD_ORDER_NUM": "text",
        "IS_SUPERVISE": "text",
        "DELAY_DEADLINE_DATE": "time",
        "BACK_NUM": "integer",
        "UPDATE_TIME": "time",
    }

    def record(self, index, moment):
        time = self.moment_text(moment)
        return {
            "ORDER_NUM": f"{230629102133000000 + index}",
            "CALL_TIME": time,
            "SOURCE_TYPE": "电话",
            "CALLER_NAME": "王女士",
            "CALLER_PHONE": f"137{index:08d}",
            "CALLER_CONTACT": f"138{index:08d}",
            "CALLER_TYPE": "投诉",
            "PILOT_LIGHT": "1",
            "QUESTION_CODE": "0101",
            "QUESTION_NAME": "政务服务/窗口服务",
            "IS_SECRET": "0",
            "ADDRESS": "罗山县宝城街道",
            "TITLE": "窗口迟迟没有受理",
            "MAJOR_CONTENT": f"第{index}次到二楼窗口，材料交齐以后一直没有受理。",
            "ORGANIZATION_CODE": "411521-0017",
            "HANDLE_DAYS": 5,
            "TIME_UNIT": "工作日",
            "DEADLINE_DATE": None,
            "ORDER_STATE": "30",
            "OLD_ORDER_NUM": "",
            "IS_SUPERVISE": "0",
            "DELAY_DEADLINE_DATE": None,
            "BACK_NUM": 0,
            "UPDATE_TIME": time,
        }

    def moment_text(self, moment):
        return local(moment)
