"""How a well-behaved web mailbox looks: a paged table, the newest letters first, and a page for each letter."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import datetime

from hub.clock import COUNTY_ZONE
from hub.testing.hostile import Fields, ListPage, ListSource, Request

LIST = "/xjxd/list"
LETTER = "/xjxd/letter"
HEAD = '<!DOCTYPE html><html><head><meta charset="UTF-8"><title>县长信箱</title><script>var t = "<td>x</td>";</script></head><body>'
FOOT = '<div class="foot">主办：某县人民政府　<a href="/login">登录</a></div></body></html>'
ROWS = "<tr><th>信件编号</th><th>标题</th><th>类型</th><th>来信时间</th><th>办理状态</th></tr>"


@dataclass(frozen=True, slots=True)
class LetterPage(ListPage):
    """A page of the list, or, with ``letter``, the page of one; ``more``: whether pages follow."""

    letter: Fields | None = None
    more: bool = False


class LetterPages(ListSource):
    key = "number"
    position = "time"
    text = "content"
    phone = "phone"
    page_size = 5
    content_type = "text/html;charset=UTF-8"

    def record(self, index, moment):
        return {
            "id": f"L{index}",
            "number": f"XJ2026{index:06d}",
            "title": "窗口迟迟没有受理",
            "type": "投诉",
            "content": f"第{index}次到二楼窗口，材料交齐以后一直没有受理。",
            "writer": "张**",
            "phone": f"138{index:08d}",
            "time": self.moment_text(moment),
            "status": "受理中",
        }

    def moment_text(self, moment: datetime) -> str:
        return moment.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M:%S")

    def at_page(self, request, number):
        return Request(f"{LIST}?page={number}", {"page": str(number)}, request.headers)

    def page(self, request, records, *, newest_first):
        if request.path.startswith(LETTER):
            found = [one for one in records if one["id"] == request.query.get("id")]
            return LetterPage([], None, 0, self.page_size, found[0] if found else None)
        number = int(request.query.get("page", "1"))
        found = sorted(records, key=lambda one: str(one["time"]), reverse=True)
        end = number * self.page_size
        part = found[end - self.page_size : end]
        return LetterPage(part, len(found), number, self.page_size, more=end < len(found))

    def render(self, page):
        assert isinstance(page, LetterPage)
        if page.number == 0:
            return letter_page(page.letter)
        return list_page(page.records, page.total, page.number, more=page.more)

    def refusal(self):
        return f"{HEAD}<p>您的访问过于频繁，请稍后再试。</p></body></html>"


def list_page(records, total, number, *, more=False, head=HEAD):
    if records is None:
        return f"{head}<p>列表</p>{FOOT}"
    rows = "".join(row(one) for one in records)
    if not records and not total and number == 1:
        rows = '<tr><td colspan="5">暂无数据</td></tr>'
    told = "" if total is None else f"共 {total} 条"
    onward = f'<a href="list?page={number + 1}">下一页</a>' if more else '<a href="javascript:;">下一页</a>'
    return f'{head}<table class="list">{ROWS}{rows}</table><div class="page">{told} {onward}</div>{FOOT}'


def row(one):
    link = f'<a href="letter?id={one["id"]}" title="{shown(one, "title")}">{shown(one, "title")[:6]}…</a>'
    cells = (shown(one, "number"), link, shown(one, "type"), shown(one, "time"), shown(one, "status"))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def letter_page(one):
    if one is None:
        return f"{HEAD}<p>信件不存在</p>{FOOT}"
    # As it is: sites print what the citizen's editor gave them, tags and all.
    words = (
        one["content"]
        if not isinstance(one["content"], list)
        else "".join(f"<p>{part}</p>" for part in one["content"])
    )
    pairs = "".join(
        f"<tr><td>{label}：</td><td>{shown(one, name)}</td></tr>"
        for label, name in (
            ("信件编号", "number"), ("信件标题", "title"), ("信件类型", "type"), ("写信人", "writer"),
            ("手机号码", "phone"), ("来信时间", "time"), ("办理状态", "status"),
        )
    )  # fmt: skip
    reply = ""
    if one.get("reply"):
        reply = (
            f"<tr><td>答复单位：</td><td>{shown(one, 'reply_department')}</td></tr>"
            f"<tr><td>答复时间：</td><td>{shown(one, 'reply_time')}</td></tr>"
            f"<tr><td>答复内容：</td><td>{one['reply']}</td></tr>"
        )
    return (
        f"{HEAD}<table>{pairs}<tr><td>来信内容：</td><td>{words}<style>p {{}}</style></td></tr>{reply}</table>"
        f"<p>浏览次数：{id(one) % 997}</p>{FOOT}"
    )


def shown(one, name):
    value = one.get(name)
    return "" if value is None else html.escape(str(value))
