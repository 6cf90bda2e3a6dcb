"""A 12345 platform as counties have them, served over real HTTP on loopback: SOAP with GBK messages, and JSON workflow records.

It keeps a platform's manners: an order is sent again at every change of its state, under a new update time; a reply changes the state, is
remembered, and counts once for its transaction. How a source misbehaves is played elsewhere (`hub.testing.xml`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

from hub.clock import COUNTY_ZONE, Clock, SystemClock
from hub.county.loopback import QuietHandler, ServedOnLoopback
from hub.sdk.readers.xml import Refused, inner_xml, parse_xml, text_at
from hub.sdk.readers.xml_check import BodyCheck, slice_of

SOAP_PATH = "/services/OrderService"
LIST_PATH = "/api/order/process/list"
HANDLE_PATH = "/api/order/process/handle"
MAX_PAGE_SIZE = 1_000
NUMBER, UPDATED, STATE = "工单编号", "更新时间", "工单状态"
# What a reply makes of an order's state, and the step of the workflow that it ends: stage, state before, state after.
KINDS: Mapping[str, tuple[str, tuple[str, str, str]]] = {
    "签收": ("办理中", ("处置", "待处置", "办理中")),
    "退回": ("申请退回", ("处置", "办理中", "申请退回")),
    "延期申请": ("申请延期", ("处置", "办理中", "申请延期")),
    "办结": ("已反馈", ("处置", "办理中", "已处置")),
}
_STEPS: Mapping[str, tuple[str, str, str]] = {
    "待受理": ("受理", "", "待受理"),
    "已受理": ("受理", "待受理", "已受理"),
    "待派遣": ("预审", "已受理", "待派遣"),
    "已派遣": ("预审", "待派遣", "已派遣"),
    "办理中": ("处置", "待处置", "办理中"),
    "申请退回": ("处置", "办理中", "申请退回"),
    "申请延期": ("处置", "办理中", "申请延期"),
    "已反馈": ("处置", "办理中", "已处置"),
    "待回访": ("回访", "已处置", "待回访"),
    "已回访": ("回访", "待回访", "已回访"),
    "已办结": ("结案", "已回访", "已结案"),
}
# Fields of an order -> members of a workflow record.
_MEMBERS: Mapping[str, str] = {
    NUMBER: "record_number",
    UPDATED: "update_time",
    "来电时间": "call_time",
    "派单时间": "dispatch_time",
    "来源渠道": "source_type",
    "诉求人": "caller_name",
    "来电号码": "caller_phone",
    "联系电话": "contact_phone",
    "诉求类型": "event_type",
    "紧急程度": "urgency",
    "问题分类": "event_class",
    "是否保密": "is_secret",
    "事发地址": "address",
    "区划代码": "area_code",
    "标题": "di_title",
    "内容": "note",
    "承办单位": "unit_name",
    "办理时限": "handle_limit",
    "时限单位": "time_unit",
    "截止时间": "deadline",
    "延期截止时间": "delay_deadline",
    "原工单编号": "old_record_number",
    "是否催单": "is_urge",
}
Order = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TakenReply:
    """A reply as the platform remembers it.

    Attributes:
        key: Of the transaction.
        number: Of the order.
        kind: 签收, 退回, 延期申请 or 办结.
        fields: Everything that came with it.
    """

    key: str
    number: str
    kind: str
    fields: Mapping[str, str] = field(repr=False)


class HotlineOrders:
    """The platform's orders, with every step that they have been through, and the replies that were taken; for any thread.

    Args:
        orders: Fields by their names in the SOAP message; ``工单编号`` and ``更新时间`` (yyyy-MM-dd HH:mm:ss) are needed.
        clock: Tells when a reply was taken.
    """

    def __init__(self, orders: Iterable[Order] = (), *, clock: Clock | None = None) -> None:
        self._lock = threading.Lock()
        self._clock = clock or SystemClock()
        self._orders: dict[str, Order] = {}
        self._steps: list[Order] = []
        self._replies: dict[str, TakenReply] = {}
        for order in orders:
            self.put(order)

    @property
    def replies(self) -> tuple[TakenReply, ...]:
        """Every reply, once, in the order in which they came."""
        with self._lock:
            return tuple(self._replies.values())

    def put(self, order: Order) -> None:
        """Takes in an order; one with the same number is sent again, with this state and update time."""
        with self._lock:
            self._put(order)

    def state(self, number: str) -> str:
        """The state of an order now.

        Raises:
            KeyError: There is no such order.
        """
        with self._lock:
            return self._orders[number].get(STATE, "")

    def window(self, since: str, until: str) -> list[Order]:
        """The orders that were last changed between these times, both included, by update time and number."""
        with self._lock:
            found = [one for one in self._orders.values() if since <= one[UPDATED] <= until]
        return sorted(found, key=lambda one: (one[UPDATED], one[NUMBER]))

    def steps(self, since: str, until: str) -> list[Order]:
        """The steps between these times, both included, newest first."""
        with self._lock:
            found = [one for one in self._steps if since <= one[UPDATED] <= until]
        return sorted(found, key=lambda one: one[UPDATED], reverse=True)

    def take(self, key: str, number: str, kind: str, fields: Mapping[str, str]) -> str:
        """Takes a reply: ``taken``, ``repeated`` (its key was there) or ``unknown`` (no such order, or kind)."""
        with self._lock:
            if key in self._replies:
                return "repeated"
            if number not in self._orders or kind not in KINDS:
                return "unknown"
            self._replies[key] = TakenReply(key, number, kind, dict(fields))
            now = self._clock.now().astimezone(COUNTY_ZONE)
            self._put({**self._orders[number], STATE: KINDS[kind][0], UPDATED: f"{now:%Y-%m-%d %H:%M:%S}"})
            return "taken"

    def _put(self, order: Order) -> None:
        self._orders[order[NUMBER]] = dict(order)
        self._steps.append(dict(order))


def order_xml(order: Order) -> str:
    """An order as the platform writes it; words in CDATA."""
    return f"<Order>{''.join(_element(name, value) for name, value in order.items())}</Order>"


def answer_package(
    orders: str, *, total: int | None, code: str = "0", message: str = "成功", check: BodyCheck | None = None
) -> str:
    """The message that answers, around these orders (XML), with its check."""
    check = check or BodyCheck()
    # What GBK cannot write becomes a reference; the check covers what is written.
    body = orders.encode(check.charset, "xmlcharrefreplace").decode(check.charset)
    declared = "" if total is None else f"<Total>{total}</Total>"
    return (
        f'<?xml version="1.0" encoding="GBK"?><Package><Head><MsgName>ORDER_PUSH</MsgName><Code>{code}</Code><Message>{message}</Message>'
        f"{declared}<Security>{check.of(body)}</Security></Head><Body>{body}</Body></Package>"
    )


def soap_answer(package: str) -> str:
    """The SOAP envelope around a message, which stands in it as text."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f'<ns:handleResponse xmlns:ns="urn:hotline"><return>{escape(package)}</return></ns:handleResponse></soap:Body></soap:Envelope>'
    )


def step_record(order: Order) -> dict[str, str]:
    """A step of the workflow as the JSON interface lists it."""
    stage, before, after = _STEPS.get(order.get(STATE, ""), ("受理", "", order.get(STATE, "")))
    members = {_MEMBERS[name]: value for name, value in order.items() if name in _MEMBERS}
    return {**members, "ps_caption": stage, "pss_caption_start": before, "pss_caption_end": after}


class HotlineServer(ServedOnLoopback):
    """`HotlineOrders` behind SOAP and JSON on loopback; a context manager.

    Args:
        orders: As in `HotlineOrders`.
        clock: As in `HotlineOrders`.
        host: Address to listen on.
        port: 0 for any free one.
        check: How messages' checks are reckoned.
    """

    def __init__(
        self,
        orders: Iterable[Order] = (),
        *,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        check: BodyCheck | None = None,
    ) -> None:
        self.orders = HotlineOrders(orders, clock=clock)
        self.check = check or BodyCheck()
        super().__init__(_handler(self), host=host, port=port)

    # --- SOAP ----------------------------------------------------------------------------------------------------

    def soap(self, request: bytes) -> str:
        """The SOAP answer to a SOAP request."""
        try:
            envelope = parse_xml(request.decode())
            message = inner_xml(text_at(envelope, ("Envelope", "Body", "*", "*")) or "")
            root = parse_xml(message)
        except (Refused, UnicodeDecodeError):
            return self._no("1001", "报文格式错误")
        covered = slice_of(message, self.check.over, self.check.part)
        digest = text_at(root, ("Package", "Head", "Security"))
        if covered is None or digest is None or digest.lower() != self.check.of(covered):
            return self._no("1002", "校验失败")
        head = {name: text_at(root, ("Package", "Head", name)) or "" for name in ("MsgName", "TransactionID")}
        (body,) = [child for child in root if child.tag == "Body"]
        fields = {str(child.tag): child.text or "" for child in body}
        if head["MsgName"] == "ORDER_QUERY":
            return self._page(fields)
        return self._taken(head["TransactionID"], fields)

    def _page(self, fields: Mapping[str, str]) -> str:
        number, size = _page_of(fields.get("页码"), fields.get("每页条数"))
        if not number or not size:
            return self._no("1003", "参数错误")
        found = self.orders.window(fields.get("开始时间", ""), fields.get("结束时间", ""))
        part = found[(number - 1) * size : number * size]
        return soap_answer(answer_package("".join(map(order_xml, part)), total=len(found), check=self.check))

    def _taken(self, key: str, fields: Mapping[str, str]) -> str:
        result = self.orders.take(key, fields.get(NUMBER, ""), fields.get("操作类型", ""), fields)
        code, words = {
            "taken": ("0", "成功"),
            "repeated": ("0001", "重复提交"),
            "unknown": ("2001", "工单不存在"),
        }[result]
        return soap_answer(answer_package("", total=None, code=code, message=words, check=self.check))

    def _no(self, code: str, words: str) -> str:
        return soap_answer(answer_package("", total=None, code=code, message=words, check=self.check))

    # --- JSON ----------------------------------------------------------------------------------------------------

    def listed(self, query: Mapping[str, str]) -> bytes:
        """The JSON answer to a query for steps."""
        number, size = _page_of(query.get("pageNum"), query.get("pageSize"))
        if not number or not size:
            return _json({"code": 1003, "message": "参数错误", "data": None})
        found = self.orders.steps(query.get("startTime", ""), query.get("endTime", "9"))
        part = found[(number - 1) * size : number * size]
        return step_page([step_record(one) for one in part], total=len(found))

    def handled(self, request: bytes) -> bytes:
        """The JSON answer to a reply."""
        try:
            fields = {str(name): str(value) for name, value in json.loads(request).items()}
        except (ValueError, AttributeError):
            return _json({"code": 1001, "message": "报文格式错误", "data": None})
        result = self.orders.take(
            fields.get("transaction_id", ""),
            fields.get("record_number", ""),
            fields.get("operation", ""),
            fields,
        )
        code, words = {
            "taken": ("0", "成功"),
            "repeated": ("0001", "重复提交"),
            "unknown": ("2001", "工单不存在"),
        }[result]
        return _json({"code": code, "message": words, "data": None})


def step_page(records: Sequence[Mapping[str, Any]] | None, *, total: int | None) -> bytes:
    """The JSON answer around these steps; a ``total`` of None is left out."""
    data: dict[str, Any] = {"list": records}
    if total is not None:
        data["total"] = total
    return _json({"code": "0", "message": "成功", "data": data})


def _page_of(number: str | None, size: str | None) -> tuple[int, int]:
    """Number and size of a page; zeros where they cannot be."""
    if not (number or "").isdigit() or not (size or "").isdigit():
        return 0, 0
    return int(number or 0), min(int(size or 0), MAX_PAGE_SIZE)


def _element(name: str, value: str) -> str:
    if name in ("内容", "标题"):
        return f"<{name}><![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>"
    return f"<{name}>{escape(value)}</{name}>"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _handler(server: HotlineServer) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            server.requests += 1
            url = urlsplit(self.path)
            if url.path == LIST_PATH:
                self.send(200, server.listed(dict(parse_qsl(url.query))))
            else:
                self.send(404, _json({"code": 404, "message": "接口不存在", "data": None}))

        def do_POST(self) -> None:
            server.requests += 1
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == SOAP_PATH:
                self.send(200, server.soap(body).encode(), "text/xml;charset=UTF-8")
            elif self.path == HANDLE_PATH:
                self.send(200, server.handled(body))
            else:
                self.send(404, _json({"code": 404, "message": "接口不存在", "data": None}))

    return Handler
