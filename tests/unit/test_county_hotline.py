"""The simulated 12345 platform keeps a platform's manners, looked at without the channel that is written for it."""

import hashlib
import json
import threading
import urllib.request

import pytest
import requests
from lxml import etree

from hub.clock import ManualClock
from hub.county.hotline_server import (
    HANDLE_PATH,
    LIST_PATH,
    SOAP_PATH,
    HotlineOrders,
    HotlineServer,
    answer_package,
    order_xml,
)
from hub.testing.factories import NOW

ORDER = {
    "工单编号": "230629102133115409",
    "更新时间": "2026-11-23 15:00:00",
    "工单状态": "已派遣",
    "内容": "<b>词</b>]]>",
}


def order(number: int, minute: int = 0, **fields: str) -> dict[str, str]:
    return {**ORDER, "工单编号": f"{number:018d}", "更新时间": f"2026-11-23 15:{minute:02d}:00", **fields}


def soap(
    url: str, name: str, body: str, *, transaction: str = "t", digest: str | None = None
) -> etree._Element:
    check = digest if digest is not None else hashlib.md5(body.encode("gbk")).hexdigest()
    package = (
        f"<Package><Head><TransactionID>{transaction}</TransactionID><MsgName>{name}</MsgName><Security>{check}</Security></Head>"
        f"<Body>{body}</Body></Package>"
    )
    envelope = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><h:handle xmlns:h="urn:hotline"><h:message>'
        f"<![CDATA[{package}]]></h:message></h:handle></s:Body></s:Envelope>"
    )
    answer = requests.post(url + SOAP_PATH, data=envelope.encode(), timeout=10)
    text = etree.fromstring(answer.content).findtext(".//return") or ""
    return etree.fromstring(text.partition("?>")[2])


QUERY = "<开始时间>2026-11-23 15:00:00</开始时间><结束时间>2026-11-23 15:05:00</结束时间><页码>{}</页码><每页条数>2</每页条数>"


def test_orders_come_page_by_page_with_their_total_and_a_check_over_gbk_bytes():
    with HotlineServer([order(at, at) for at in range(8)]) as server:
        pages = [soap(server.url, "ORDER_QUERY", QUERY.format(number)) for number in (1, 2, 3, 4)]

    assert [len(page.findall("Body/Order")) for page in pages] == [2, 2, 2, 0]
    assert {page.findtext("Head/Total") for page in pages} == {"6"}
    assert pages[0].findtext("Body/Order/内容") == ORDER["内容"]


@pytest.mark.parametrize(
    ("name", "body", "digest", "code"),
    [
        ("ORDER_QUERY", QUERY.format("x"), None, "1003"),
        ("ORDER_QUERY", QUERY.format(1), "0" * 32, "1002"),
        ("ORDER_SIGN", "<工单编号>404</工单编号><操作类型>签收</操作类型>", None, "2001"),
        ("ORDER_SIGN", "<工单编号>230629102133115409</工单编号><操作类型>点赞</操作类型>", None, "2001"),
    ],
)
def test_a_message_that_cannot_be_meant_is_refused_with_a_code(name, body, digest, code):
    with HotlineServer([ORDER]) as server:
        assert soap(server.url, name, body, digest=digest).findtext("Head/Code") == code


def test_a_reply_counts_once_for_its_transaction_and_sends_the_order_again():
    clock = ManualClock(NOW)
    body = "<工单编号>230629102133115409</工单编号><操作类型>办结</操作类型><公开答复内容>已办</公开答复内容>"
    with HotlineServer([ORDER], clock=clock) as server:
        codes = [
            soap(server.url, "ORDER_FINISH", body, transaction="k").findtext("Head/Code") for _ in range(2)
        ]
        (taken,) = server.orders.replies
        (again,) = server.orders.window("2026-11-23 16:00:00", "2026-11-23 16:00:00")

    assert codes == ["0", "0001"]
    assert (taken.kind, taken.fields["公开答复内容"]) == ("办结", "已办")
    assert again["工单状态"] == "已反馈"


def test_the_json_interface_lists_every_step_newest_first():
    with HotlineServer([order(1, 1, 工单状态="已受理")]) as server:
        server.orders.put(order(1, 2, 工单状态="已派遣"))
        server.orders.put(order(1, 3, 工单状态="已办结"))
        url = f"{server.url}{LIST_PATH}?pageNum=1&pageSize=10"
        with urllib.request.urlopen(url, timeout=10) as answer:
            found = json.load(answer)["data"]

    assert found["total"] == 3
    steps = [(one["ps_caption"], one["pss_caption_end"]) for one in found["list"]]
    assert steps == [("结案", "已结案"), ("预审", "已派遣"), ("受理", "已受理")]
    assert {one["record_number"] for one in found["list"]} == {order(1)["工单编号"]}


def test_the_json_interface_takes_replies_once():
    with HotlineServer([ORDER]) as server:
        reply = {"transaction_id": "k", "record_number": ORDER["工单编号"], "operation": "签收"}
        codes = [
            requests.post(server.url + HANDLE_PATH, json=reply, timeout=10).json()["code"] for _ in range(2)
        ]
        broken = requests.post(server.url + HANDLE_PATH, data=b"[", timeout=10).json()["code"]

    assert (codes, broken) == (["0", "0001"], 1001)
    assert server.orders.state(ORDER["工单编号"]) == "办理中"


def test_many_threads_reply_with_one_key_and_one_counts():
    orders = HotlineOrders([ORDER], clock=ManualClock(NOW))
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda: results.append(orders.take("k", ORDER["工单编号"], "签收", {})))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == ["repeated"] * 19 + ["taken"]


def test_an_order_changed_later_leaves_the_window_that_it_was_in():
    orders = HotlineOrders([order(1), order(2)])
    orders.put(order(1, 9))

    assert [one["工单编号"] for one in orders.window("2026-11-23 15:00:00", "2026-11-23 15:05:00")] == [
        order(2)["工单编号"]
    ]


def test_what_gbk_cannot_write_becomes_a_reference():
    package = answer_package(order_xml({**ORDER, "诉求人": "𠮷"}), total=1)

    assert "&#134071;" in package
    package.encode("gbk")


def test_another_path_is_nobodys():
    with HotlineServer() as server:
        assert requests.get(f"{server.url}/x", timeout=10).status_code == 404
        assert requests.post(f"{server.url}/x", timeout=10).status_code == 404
