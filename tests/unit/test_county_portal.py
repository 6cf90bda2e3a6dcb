"""The simulated portal keeps the manners of the list interface, and a sheet of messages becomes its records."""

import http.client
import json
import threading
import zipfile
from urllib.parse import urlencode, urlsplit

import pytest

from hub.county.portal_server import PATH, PortalServer
from hub.county.portal_sheet import records_from_sheet
from hub.errors import Code, ConfigError

RECORDS = [{"zxbh": f"ZX{index}", "gxsj": f"2023-06-29 10:0{index}:00", "bt": "窗口"} for index in range(5)]


def ask(portal, path=PATH, **query):
    url = urlsplit(portal.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=60)
    try:
        connection.request("GET", f"{path}?{urlencode(query)}")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def listed(portal, **query):
    _, body = ask(portal, **query)
    return [one["zxbh"] for one in body["data"]["list"]]


@pytest.fixture
def portal():
    with PortalServer(RECORDS) as server:
        yield server


def test_records_come_newest_first_page_by_page_with_the_total(portal):
    _, body = ask(portal, pageNum=2, pageSize=2)

    assert body["code"] == 200
    assert (body["data"]["total"], body["data"]["pageNum"]) == (5, 2)
    assert [one["zxbh"] for one in body["data"]["list"]] == ["ZX2", "ZX1"]


def test_records_can_be_served_oldest_first():
    with PortalServer(RECORDS, order="ascending") as portal:
        assert listed(portal, pageSize=2) == ["ZX0", "ZX1"]


def test_both_bounds_of_the_window_are_included(portal):
    assert listed(portal, gxsjStart="2023-06-29 10:01:00", gxsjEnd="2023-06-29 10:03:00") == [
        "ZX3",
        "ZX2",
        "ZX1",
    ]


def test_a_page_behind_the_last_one_is_empty(portal):
    assert listed(portal, pageNum=9) == []


def test_a_changed_record_is_listed_anew_and_once(portal):
    portal.update("ZX1", gxsj="2023-06-29 12:00:00", zt="4")

    assert listed(portal) == ["ZX1", "ZX4", "ZX3", "ZX2", "ZX0"]
    assert listed(portal, gxsjEnd="2023-06-29 10:05:00") == ["ZX4", "ZX3", "ZX2", "ZX0"]


def test_an_added_record_is_listed_and_one_of_the_same_number_is_replaced(portal):
    portal.add({"zxbh": "ZX9", "gxsj": "2023-06-29 10:09:00"})
    portal.add({"zxbh": "ZX0", "gxsj": "2023-06-29 10:10:00"})

    assert listed(portal) == ["ZX0", "ZX9", "ZX4", "ZX3", "ZX2", "ZX1"]


@pytest.mark.parametrize("query", [{"pageNum": 0}, {"pageSize": "many"}])
def test_what_it_cannot_serve_is_refused_inside_http_200(portal, query):
    assert ask(portal, **query) == (200, {"code": 400, "message": "参数错误", "data": None})


def test_another_path_is_not_found(portal):
    assert ask(portal, path="/api/other")[0] == 404


def test_a_token_is_asked_for_where_one_is_set():
    with PortalServer(RECORDS, token="t0ken") as portal:
        assert ask(portal)[0] == 401


def test_stopping_closes_what_clients_keep_open_and_leaves_no_thread():
    before = set(threading.enumerate())
    portal = PortalServer(RECORDS).start()
    url = urlsplit(portal.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=60)
    connection.request("GET", PATH)
    connection.getresponse().read()

    portal.stop()

    connection.sock.settimeout(60)
    assert connection.sock.recv(1) == b""
    connection.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()


# --- sheets -----------------------------------------------------------------------------------------------------

HEAD = ["留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "答复意见", "答复时间"]


def sheet(path, rows):
    """The smallest workbook that a reader of spreadsheets takes: text inline, numbers as numbers."""
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = "".join(
            _cell(f"{chr(65 + place)}{number}", value) for place, value in enumerate(row) if value is not None
        )
        lines.append(f'<row r="{number}">{cells}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{links}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{links}"><sheets><sheet name="留言" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{links}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(lines)}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return path


def _cell(place, value):
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'


def test_a_sheets_messages_become_records_with_numbers_times_and_accounts(tmp_path):
    path = sheet(
        tmp_path / "messages.xlsx",
        [
            ["留言汇总"],
            HEAD,
            [
                2549.0,
                "U0001",
                "物业问题",
                "2019/4/25 9:32:09",
                "电梯坏了一个月没人修。",
                "已转办",
                "2019/5/10 14:56:53",
            ],
            [2550, "U0002", "道路积水", 43580.5, "下雨就积水。", None, None],
            [None, "", "", "", ""],
        ],
    )

    first, second = records_from_sheet(path)

    assert (first["zxbh"], first["zhid"], first["zt"]) == ("LY2549", "U0001", "4")
    assert (first["tjsj"], first["gxsj"]) == ("2019-04-25 09:32:09", "2019-05-10 14:56:53")
    assert first["nr"] == "电梯坏了一个月没人修。"
    assert (second["zxbh"], second["tjsj"], second["gxsj"], second["zt"]) == (
        "LY2550",
        "2019-04-25 12:00:00",
        "2019-04-25 12:00:00",
        "1",
    )
    assert not {"xm", "sjh", "zjhm"} & set(first)


def test_the_columns_are_found_by_name_in_any_order(tmp_path):
    path = sheet(tmp_path / "m.xlsx", [HEAD[4::-1], ["没人修。", "2019-04-25 09:32:09", "物业", "U1", "7"]])

    (record,) = records_from_sheet(path)

    assert (record["zxbh"], record["bt"], record["nr"]) == ("LY7", "物业", "没人修。")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([["编号", "用户"], ["1", "2"]], "no row with the columns"),
        ([HEAD[:5], ["7", "U1", "物业", "昨天", "没人修。"]], "row 2 has no time"),
        ([HEAD[:5], [None, "U1", "物业", "2019-04-25 09:32:09", "没人修。"]], "row 2 has no number"),
    ],
)
def test_a_sheet_that_cannot_be_meant_is_refused_and_the_row_is_named(tmp_path, rows, told):
    with pytest.raises(ConfigError, match=told) as caught:
        records_from_sheet(sheet(tmp_path / "m.xlsx", rows))

    assert caught.value.code is Code.CONFIG_INVALID


def test_a_file_that_is_no_sheet_is_refused(tmp_path):
    path = tmp_path / "m.xlsx"
    path.write_text("no sheet")

    with pytest.raises(ConfigError, match=r"m\.xlsx"):
        records_from_sheet(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError):
        records_from_sheet(tmp_path / "missing.xlsx")
