"""Web pages: read whatever is wrong with their tags, bounded whatever they hold, and told apart from what a site shows instead."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import pytest

from hub.clock import COUNTY_ZONE
from hub.errors import Code, ConfigError, SourceContractError, SourceUnavailable
from hub.sdk.readers.body import Body
from hub.sdk.readers.html import HtmlPage, PathInvalid, html_page, html_tree, not_the_page, path_of, words_of
from hub.sdk.readers.html_dates import ListYears, Written, written_day
from hub.sdk.readers.html_labels import Labelled
from hub.sdk.readers.html_list import ListedPage, listed_page
from hub.sdk.readers.html_policy import ListLayout

URL = "http://www.county.example/xjxd/list.html"


def page(
    text: str | bytes, *, charset: str | None = "utf-8", ends: bool = False, media: str = "text/html"
) -> HtmlPage:
    content = text if isinstance(text, bytes) else text.encode()
    return html_page(Body(content, media_type=media, charset=charset, place="site: page 1"), URL, ends=ends)


def words(markup: str) -> str:
    return words_of(html_tree(f"<html><body>{markup}</body></html>"))


# --- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "read"),
    [
        ("<p>一</p><p>二</p>", "一\n二"),
        ("一<br>二<br/>三", "一\n二\n三"),
        ("一&nbsp;&nbsp;二　　三", "一 二 三"),
        ("<script>alert('x')</script><style>p{}</style>词<noscript>开启脚本</noscript>", "词"),
        ("词<!-- 内部批注 -->语<?php echo 1 ?>", "词语"),
        (
            '词<span style="display: none">隐藏</span><p hidden>隐</p><input type="hidden" value="x">语',
            "词语",
        ),
        ("<p>未闭合<p>的<b>标签", "未闭合\n的标签"),
        ("<table><tr><td>左</td><td>右</td></tr></table>", "左 右"),
        ("&lt;二楼&gt; a &lt; b", "<二楼> a < b"),
        ("零\0宽\u200b字符", "零\ufffd宽字符"),
        ("<iframe>框</iframe><template>模</template>词", "词"),
    ],
)
def test_what_a_person_can_read_is_read_and_nothing_else(markup: str, read: str) -> None:
    assert words(markup) == read


# --- bounds -------------------------------------------------------------------------------------------------------

BOMBS = {
    "depth": "<div>" * 100_000 + "x",
    "depth within what a tree builder would cut": "<html><body>"
    + "<div>" * 300
    + "x"
    + "</div>" * 300
    + "</html>",
    "inline depth": "<b>" * 1_000_000 + "x",
    "tables": "<table><tr><td>" * 100_000,
    "elements": "<p>x" * 1_000_000,
    "attributes": "<div " + " ".join(f"a{at}=1" for at in range(300_000)) + ">x</div></html>",
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_page_that_is_a_bomb_is_refused_in_no_time_and_kept(name: str) -> None:
    begun = time.process_time()
    with pytest.raises(SourceContractError) as caught:
        page(f"<html>{BOMBS[name]}")

    assert caught.value.code is Code.PAGE_TOO_LARGE
    assert caught.value.body
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>" + "<" * 1_000_000,
        "<html><!--" * 300_000,
        "<html><script>" * 300_000,
        "<html><a b='" + "x" * 3_000_000,
    ],
)
def test_a_page_of_odds_and_ends_is_read_in_no_time(text: str) -> None:
    begun = time.process_time()
    page(text).words()
    assert time.process_time() - begun < 5


CROWDS = {
    "labels": "<b>来信内容</b><i></i>" * 24_000,
    "labels and values": "<p>标题：x</p>" * 49_000,
    "labels in depth": "<b>来信内容</b><div>" * 240 + "<i></i>" * 40_000,
    "lists in depth": "<ul><li>" * 120 + "<a href=x>x</a>2026-11-03" * 40_000,
    "tables in depth": "<table><tr><td>标题</td><td>时间</td></tr><tr><td>" * 60
    + "<tr><td>x</td><td>2026-11-03</td></tr>" * 15_000,
    "one line": f"<div>{'标题：x ' * 500_000}</div>",
    "dashes": f"<p>{'1-' * 1_500_000}</p>",
    "spaces": f"<p>{' ' * 3_000_000}x</p>",
    "totals": f"<p>{'共' * 1_000_000}</p>",
}


@pytest.mark.parametrize("name", list(CROWDS))
def test_a_crowded_page_costs_little_more_than_its_reading(name: str) -> None:
    crowded = page(f"<html><body>{CROWDS[name]}</body></html>")
    begun = time.process_time()
    Labelled(crowded.root, PLACES, ("content", "reply")).values()
    with suppress(SourceContractError):
        listed_page(crowded, ListLayout(), FIELDS, first=True, what="the list")

    assert time.process_time() - begun < 10


def test_a_page_as_deep_as_pages_are_is_read_whole() -> None:
    assert "底" in page("<html><body>" + "<div>" * 200 + "底" + "</div>" * 200 + "</html>").words()


# --- bytes --------------------------------------------------------------------------------------------------------

CHINESE = (
    "<html><head><title>县长信箱</title></head><body><p>办理情况已经公开，请各位查看。</p></body></html>"
)


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "gb18030", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("label", [None, "utf-8", "iso-8859-1", "gb2312"])
def test_the_encoding_is_found_whatever_the_label_says(encoding: str, label: str | None) -> None:
    assert "办理情况已经公开" in page(CHINESE.encode(encoding), charset=label).words()


def test_the_pages_own_declaration_may_lie_too() -> None:
    lying = CHINESE.replace("<head>", '<head><meta charset="utf-8">')
    assert "办理情况" in page(lying.encode("gbk"), charset=None).words()


@pytest.mark.parametrize("cut", [20, 40, len(CHINESE) - 8])
def test_a_page_without_its_end_was_cut(cut: int) -> None:
    with pytest.raises(SourceContractError) as caught:
        page(CHINESE[:cut], ends=True)
    assert caught.value.code is Code.SOURCE_CUT_SHORT
    assert page(CHINESE[:cut], ends=False).words() is not None


def test_a_page_with_its_end_is_whole() -> None:
    assert page(CHINESE.replace("</html>", "</HTML >\n<!-- 2026 -->"), ends=True).words()


@pytest.mark.parametrize("content", [b"", b"  ", b'{"code": 500}', "系统维护中".encode()])
def test_what_is_no_page_is_loud(content: bytes) -> None:
    with pytest.raises(SourceContractError) as caught:
        page(content, media="text/plain")
    assert caught.value.code is Code.PAGE_SHAPE


# --- links --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "href", "found"),
    [
        ("", "a.html", "http://www.county.example/xjxd/a.html"),
        ("", "../a.html", "http://www.county.example/a.html"),
        ("", "/a.html?id=1&n=2#top", "http://www.county.example/a.html?id=1&n=2"),
        ("", "?page=2", "http://www.county.example/xjxd/list.html?page=2"),
        ("", "//other.example/a", "http://other.example/a"),
        ("", " a\n.html ", "http://www.county.example/xjxd/a.html"),
        ('<base href="/hd/">', "a.html", "http://www.county.example/hd/a.html"),
        ('<base href="http://m.county.example/x/">', "a.html", "http://m.county.example/x/a.html"),
        ('<base target="_blank">', "a.html", "http://www.county.example/xjxd/a.html"),
        ("", "javascript:void(0)", None),
        ("", "JavaScript:open('1')", None),
        ("", "#", None),
        ("", "mailto:a@b.cn", None),
        ("", "ftp://x/y", None),
        ("", "http://[", None),
        ("", None, None),
        ("", "  ", None),
    ],
)
def test_a_link_leads_where_a_browser_would_go(base: str, href: str | None, found: str | None) -> None:
    assert page(f"<html><head>{base}</head><body></body></html>").link(href) == found


# --- what a site shows instead --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "code"),
    [
        ("<p>您的访问过于频繁，请稍后再试</p>", Code.SOURCE_ENVELOPE),
        ("<h1>操作频繁</h1>", Code.SOURCE_ENVELOPE),
        ("<p>网站防火墙：您的请求被拦截</p>", Code.SOURCE_ENVELOPE),
        ("<p>请输入验证码后继续访问</p>", Code.SOURCE_ENVELOPE),
        ("<p>系统维护中</p>", Code.SOURCE_ENVELOPE),
        ("<h1>统一身份认证</h1>", Code.SOURCE_AUTH),
        ("<p>登录已过期</p>", Code.SOURCE_AUTH),
        ("<form>账号<input name=u><input type=PASSWORD name=p></form>" + "说明" * 2_000, Code.SOURCE_AUTH),
    ],
)
def test_a_page_that_asks_for_patience_or_a_login_is_no_empty_list(markup: str, code: Code) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        not_the_page(page(f"<html><body>{markup}</body></html>"), "the list")
    assert caught.value.code is code


@pytest.mark.parametrize(
    "markup",
    ["<p>栏目已经调整</p>", "请登录后查看<p>" + "群众来信说系统繁忙。" * 1_000, "<p>张三13800001111</p>"],
)
def test_another_page_is_a_changed_layout_and_shows_nobodys_words(markup: str) -> None:
    with pytest.raises(SourceContractError) as caught:
        not_the_page(page(f"<html><body>{markup}</body></html>"), "the list")
    assert caught.value.code is Code.PAGE_SHAPE
    assert not any(one in caught.value.message for one in ("张三", "138", "群众", "栏目"))


# --- days ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026年11月3日", datetime(2026, 11, 3)),
        ("2026-11-03", datetime(2026, 11, 3)),
        ("[2026/11/3]", datetime(2026, 11, 3)),
        ("2026.11.03", datetime(2026, 11, 3)),
        ("２０２６－１１－０３", datetime(2026, 11, 3)),
        ("来信时间：2026-11-03 09:12", datetime(2026, 11, 3, 9, 12)),
        ("2026-11-03T09:12:30", datetime(2026, 11, 3, 9, 12, 30)),
        ("2026年11月3日（星期二）下午3时05分", datetime(2026, 11, 3, 15, 5)),
        ("20261103", datetime(2026, 11, 3)),
        ("20261103091230", datetime(2026, 11, 3, 9, 12, 30)),
    ],
)
def test_a_day_is_read_as_pages_write_it(text: str, moment: datetime) -> None:
    found = written_day(text)
    assert found is not None
    assert found.moment(COUNTY_ZONE) == moment.replace(tzinfo=COUNTY_ZONE)


@pytest.mark.parametrize(
    ("text", "day"), [("11-03", (11, 3)), ("[11/3]", (11, 3)), ("11月3日 10:20", (11, 3)), ("02-29", (2, 29))]
)
def test_a_day_without_its_year_says_so(text: str, day: tuple[int, int]) -> None:
    found = written_day(text)
    assert found is not None
    assert (found.year, found.month, found.day) == (None, *day)
    assert found.moment(COUNTY_ZONE) is None


@pytest.mark.parametrize(
    "text",
    [None, "", "待定", "13-45", "26-11-03", "2026-02-30", "3.5", "昨天", "0376-6822345", "138****5678"],
)
def test_what_is_no_day_or_can_be_read_in_two_ways_is_none(text: str | None) -> None:
    assert written_day(text) is None


def years(today: str, *days: str, before: str | None = None) -> list[str | None]:
    list_years = ListYears(date.fromisoformat(today), date.fromisoformat(before) if before else None)
    found = [list_years.day(written_day(one)) for one in days]
    return [day.isoformat() if day is not None else None for day in found]


def test_the_order_of_a_list_tells_the_years() -> None:
    assert years("2026-01-05", "01-04", "01-02", "12-30", "11-01", "12-15", "01-03") == [
        "2026-01-04", "2026-01-02", "2025-12-30", "2025-11-01", None, "2025-01-03",
    ]  # fmt: skip


def test_a_first_row_beyond_today_is_of_the_year_before() -> None:
    assert years("2026-01-05", "12-30") == ["2025-12-30"]
    assert years("2026-01-05", "01-07") == ["2025-01-07"]


def test_a_day_that_is_a_little_later_than_the_row_before_has_no_year_that_anybody_can_tell() -> None:
    assert years("2026-11-23", "11-03", "11-05", "11-02") == ["2026-11-03", None, "2026-11-02"]


@pytest.mark.parametrize(("today", "first"), [("2026-01-05", "01-06"), ("2026-12-31", "01-01")])
def test_tomorrow_is_a_clock_that_is_ahead_or_a_year_ago_and_nobody_can_tell_which(
    today: str, first: str
) -> None:
    assert years(today, first) == [None]


def test_a_leap_day_is_of_a_leap_year() -> None:
    assert years("2026-05-01", "02-29") == ["2024-02-29"]


def test_years_go_on_from_page_to_page() -> None:
    assert years("2026-01-05", "12-20", before="2025-12-25") == ["2025-12-20"]


def test_a_written_year_is_believed_and_a_pinned_row_does_not_lead_the_others_astray() -> None:
    assert years("2026-11-23", "11-20", "2026-11-22", "11-19") == ["2026-11-20", "2026-11-22", "2026-11-19"]


def test_a_day_in_a_year_that_lacks_it_is_none() -> None:
    assert Written(None, 2, 29).on(2025) is None


# --- labels -------------------------------------------------------------------------------------------------------

PLACES: dict[str, tuple[str, ...]] = {
    "number": ("信件编号", "编号"),
    "title": ("标题",),
    "writer": ("写信人",),
    "time": ("来信时间",),
    "status": ("状态",),
    "content": ("来信内容",),
    "reply": ("答复内容",),
    "reply_department": ("答复单位",),
}
RIGHT = {
    "number": "XJ12",
    "title": "收费不开票",
    "writer": "张**",
    "time": "2026-11-03",
    "content": "第一段\n第二段",
    "reply": "已经处理",
    "reply_department": "县税务局",
}
LAYOUTS = {
    "cells": (
        "<table><tr><td>信件编号：</td><td>XJ12</td><td>标　题：</td><td>收费不开票</td></tr>"
        "<tr><th>写信人</th><td>张**</td><th>来信时间</th><td>2026-11-03</td></tr>"
        "<tr><td>来信内容</td><td colspan=3><p>第一段</p><p>第二段</p></td></tr>"
        "<tr><td>答复单位</td><td>县税务局</td></tr><tr><td>答复内容</td><td>已经处理</td></tr></table>"
    ),
    "rows above": (
        "<table><tr><td>信件编号</td><td>XJ12</td></tr><tr><td>标题</td><td>收费不开票</td></tr>"
        "<tr><td>写信人</td><td>张**</td></tr><tr><td>来信时间</td><td>2026-11-03</td></tr>"
        "<tr><td>来信内容</td></tr><tr><td><p>第一段</p><p>第二段</p></td></tr>"
        "<tr><td>答复单位</td><td>县税务局</td></tr><tr><td>答复内容</td></tr><tr><td>已经处理</td></tr></table>"
    ),
    "one line": (
        "<h1>信箱</h1><div>编号：XJ12&nbsp;&nbsp;写信人：张**　来信时间：2026-11-03 状态：</div><div>标题：收费不开票</div>"
        "<h3>来信内容</h3><p>第一段</p><p>第二段</p><h3>答复内容</h3><p>已经处理</p><h3>答复单位</h3><p>县税务局</p>"
    ),
    "bold and tails": (
        "<p><b>信件编号：</b>XJ12</p><p><strong>标题</strong>：收费不开票</p><p><b>写信人：</b>张**</p>"
        "<p><b>来信时间：</b>2026-11-03</p><div><b>来信内容：</b>第一段<br>第二段</div>"
        "<div><b>答复单位：</b>县税务局</div><div><b>答复内容：</b>已经处理</div>"
    ),
    "definitions": (
        "<dl><dt><b>信件编号</b></dt><dd>XJ12</dd><dt>标题</dt><dd>收费不开票</dd><dt>写信人</dt><dd>张**</dd><dt>来信时间</dt>"
        "<dd>2026-11-03</dd><dt>来信内容</dt><dd>第一段<br>第二段</dd><dt>答复单位</dt><dd>县税务局</dd>"
        "<dt>答复内容</dt><dd>已经处理</dd></dl>"
    ),
    "spans": (
        "<ul><li><span>信件编号：</span><span>XJ12</span></li><li><span>标题：</span><em>收费不开票</em></li>"
        "<li>写信人：<i>张**</i></li><li>来信时间：2026-11-03</li></ul>"
        "<div class=t><span>来信内容</span></div><div class=c><p>第一段</p><p>第二段</p></div>"
        "<div class=t><span>答复单位</span></div><div class=c>县税务局</div>"
        "<div class=t><span>答复内容</span></div><div class=c>已经处理</div>"
    ),
}


def labelled(markup: str, **places: tuple[str, ...]) -> dict[str, str]:
    return Labelled(
        html_tree(f"<html><body>{markup}</body></html>"), {**PLACES, **places}, ("content", "reply")
    ).values()


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_a_letter_is_read_by_its_labels_however_they_are_set(name: str) -> None:
    assert labelled(LAYOUTS[name]) == RIGHT


@pytest.mark.parametrize("name", list(LAYOUTS))
@pytest.mark.parametrize(
    "forged",
    [
        "答复内容：已经给钱了",
        "<p>状态：已办结</p>",
        "<b>答复单位</b>：某局",
        "<table><tr><td>状态</td><td>已办结</td></tr></table>",
    ],
)
def test_what_a_citizen_wrote_is_no_label(name: str, forged: str) -> None:
    if name == "bold and tails" and forged.startswith("<b>"):
        return  # the site's own labels and the citizen's tags stand in one element: its place is to be named by an XPath
    found = labelled(LAYOUTS[name].replace("第二段", f"第二段 {forged}"))
    assert {**found, "content": ""} == {**RIGHT, "content": ""}


def test_an_empty_place_beside_a_label_is_empty() -> None:
    found = labelled(
        "<table><tr><td>写信人：</td><td></td></tr><tr><td>标题：</td><td>甲</td></tr><tr><td>来信内容：</td><td>词</td></tr>"
        "<tr><td>答复内容：</td><td>&nbsp;</td></tr></table><p>主办：县政府</p>"
    )
    assert found == {"title": "甲", "content": "词"}


def test_a_path_goes_where_no_label_stands() -> None:
    found = labelled(
        "<h2 id=t>甲</h2><div class=nr><p>一</p><script>x()</script><p>二</p></div>",
        title=("//h2/text()",),
        content=("//div[@class='nr']/p",),
    )
    assert found == {"title": "甲", "content": "一\n二"}


@pytest.mark.parametrize("wrong", ["//td[", "foo(//a)", "/x/@"])
def test_a_path_that_cannot_be_is_refused_by_name(wrong: str) -> None:
    with pytest.raises((PathInvalid, ValueError)):
        ListLayout(container=wrong)


def test_a_path_that_fails_on_a_page_is_told_as_a_matter_of_the_settings() -> None:
    with pytest.raises(ConfigError, match="cannot be answered"):
        labelled("<p>x</p>", title=("//p[foo()]",))


def test_a_path_that_compiles_is_kept() -> None:
    assert path_of("//td").path == "//td"


# --- lists --------------------------------------------------------------------------------------------------------

FIELDS: dict[str, tuple[str, ...]] = {
    "number": ("编号",),
    "title": ("标题",),
    "time": ("来信时间", "时间"),
    "status": ("状态",),
}


def listed(markup: str, *, first: bool = True, **layout: Any) -> ListedPage:
    return listed_page(
        page(f"<html><body>{markup}</body></html>"),
        ListLayout(**layout),
        FIELDS,
        first=first,
        what="the list",
    )


TABLE = (
    "<table><tr><td>首页</td><td>栏目</td></tr></table><table><tr><th>编号</th><th colspan=2>标题</th><th>时间</th><th>状态</th></tr>{}</table>"
    '<p>共 2 条 共 1 页 <a href="list_2.html">下一页</a></p>'
)
ROWS = (
    '<tr><td>1</td><td>·</td><td><a href="d.html?id=1" title="收费不开票的事">收费不…</a></td><td>2026-11-03</td><td>受理中</td></tr>'
    "<tr><td>2</td><td>·</td><td>不公开</td><td>11-02</td><td>已答复</td></tr>"
)


def test_rows_are_read_by_the_headings_of_their_columns() -> None:
    found = listed(TABLE.format(ROWS).replace("<td>·</td><td>", "<td colspan=2>"))
    first, second = found.rows
    assert first.link == "http://www.county.example/xjxd/d.html?id=1"
    assert dict(first.fields) == {
        "number": "1",
        "title": "收费不开票的事",
        "time": "2026-11-03",
        "status": "受理中",
    }
    assert (second.link, second.fields["title"]) == (None, "不公开")
    assert (found.total, found.pages, found.next) == (2, 1, "http://www.county.example/xjxd/list_2.html")


def test_a_list_without_a_table_is_read_by_its_links_and_days() -> None:
    found = listed(
        "<ul><li><a href=/>首页</a></li><li><a href=/x>栏目</a></li></ul>"
        '<ul class=l><li><a href="1.html">收费不开票</a><span>2026-11-03</span></li><li><a href="2.html">窗口不受理</a> [11-02]</li></ul>'
    )
    assert [(row.link or "", dict(row.fields)) for row in found.rows] == [
        ("http://www.county.example/xjxd/1.html", {"title": "收费不开票", "time": "2026-11-03"}),
        ("http://www.county.example/xjxd/2.html", {"title": "窗口不受理", "time": "[11-02]"}),
    ]


def test_a_link_that_is_a_script_is_followed_where_the_settings_say_how() -> None:
    row = '<tr><td>1</td><td><a href="javascript:;" onclick="show(\'a b/9\')">甲</a></td><td>2026-11-03</td><td>x</td></tr>'
    table = f"<table><tr><th>编号</th><th>标题</th><th>时间</th><th>状态</th></tr>{row}</table>"
    known = listed(table, link_id=r"show\('([^']+)'\)", link_path="/hd/{id}.html")
    assert [one.link for one in known.rows] == ["http://www.county.example/hd/a%20b%2F9.html"]
    assert [one.link for one in listed(table).rows] == [None]


@pytest.mark.parametrize(
    "markup",
    [
        TABLE.format("<tr><td colspan=5>暂无数据</td></tr>").replace("共 2 条", ""),
        TABLE.format("").replace("共 2 条", "共 0 条"),
        "<p>没有相关信件</p>",
    ],
)
def test_a_list_that_says_that_it_is_empty_is_empty(markup: str) -> None:
    assert listed(markup).rows == []


@pytest.mark.parametrize(
    "markup",
    [
        TABLE.format(""),
        TABLE.format("").replace("共 2 条", ""),
        TABLE.format("<tr><td colspan=5>暂无数据</td></tr>"),  # and yet it counts two
        "<p>栏目调整</p>",
        "",
    ],
)
def test_a_first_page_that_has_no_rows_and_does_not_say_why_is_loud(markup: str) -> None:
    with pytest.raises(SourceContractError) as caught:
        listed(markup)
    assert caught.value.code is Code.PAGE_SHAPE


def test_a_page_behind_the_last_one_may_be_an_empty_table_and_no_other_page() -> None:
    assert listed(TABLE.format(""), first=False).rows == []
    with pytest.raises(SourceContractError):
        listed("<p>栏目调整</p>", first=False)


@pytest.mark.parametrize(
    "onward",
    [
        "",
        '<a href="javascript:go(2)">下一页</a>',
        '<a href="list.html">下一页</a>',
        '<a class="next disabled" href="list_2.html">下一页</a>',
        '<a href="#">下一页</a>',
    ],
)
def test_a_last_page_leads_nowhere(onward: str) -> None:
    found = listed(TABLE.format(ROWS).replace('<a href="list_2.html">下一页</a>', onward))
    assert found.next is None


def test_lines_that_are_no_rows_are_passed_over() -> None:
    more = '<tr><td></td></tr><tr><td colspan=5>共 1 页 <a href="list_2.html">下一页</a></td></tr><tr style="display:none"><td>9</td><td>隐</td></tr>'
    assert len(listed(TABLE.format(ROWS + more)).rows) == 2
