"""A web mailbox as county sites have them: a table of letters over pages, the newest first, and a page for each; in GBK, as they often are."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from urllib.parse import parse_qsl, urlsplit

from hub.county.loopback import QuietHandler, ServedOnLoopback

LIST_PATH = "/hdjl/xzxx/list.html"
LETTER_PATH = "/hdjl/xzxx/letter.html"
PAGE_SIZE = 15
_HEAD = (
    '<!DOCTYPE html><html><head><meta charset="gb2312"><title>{title}</title><script>var hits = {hits};</script></head>'
    '<body><div class="nav"><a href="/">首页</a>　<a href="/login.html">登录</a></div>'
)
_FOOT = '<div class="foot">主办：示例县人民政府办公室</div></body></html>'


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as the site shows it.

    Attributes:
        at: ``yyyy-MM-dd HH:mm:ss``, local.
        words: May hold tags, as the site's editor leaves them.
        reply: None before it is answered; with ``replied_by`` and ``replied_at`` otherwise.
    """

    number: str
    title: str
    kind: str
    writer: str
    at: str
    words: str
    state: str = "受理中"
    reply: str | None = None
    replied_by: str = ""
    replied_at: str = ""


class LettersServer(ServedOnLoopback):
    """The site behind HTTP on loopback; a context manager.

    Args:
        host: Address to listen on.
        port: 0 for any free one.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._lock = threading.Lock()
        self._letters: dict[str, Letter] = {}
        super().__init__(_handler(self), host=host, port=port)

    def __len__(self) -> int:
        with self._lock:
            return len(self._letters)

    def put(self, letter: Letter) -> None:
        """Shows a letter, or its next state."""
        with self._lock:
            self._letters[letter.number] = letter

    def answer(self, number: str, reply: str, *, by: str, at: str) -> None:
        """Shows the answer to a letter.

        Raises:
            KeyError: There is no such letter.
        """
        with self._lock:
            letter = self._letters[number]
            self._letters[number] = replace(letter, state="已答复", reply=reply, replied_by=by, replied_at=at)

    def page(self, target: str) -> tuple[int, bytes]:
        """Status and bytes of what stands at an address."""
        self.requests += 1
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        if url.path == LIST_PATH:
            number = query.get("page", "1")
            return 200, self._list(int(number) if number.isdigit() else 1)
        with self._lock:
            letter = self._letters.get(query.get("id", "")) if url.path == LETTER_PATH else None
        if letter is None:
            return 404, _bytes(_HEAD.format(title="页面不存在", hits=0) + _FOOT)
        return 200, _bytes(_HEAD.format(title="来信详情", hits=self.requests) + _letter(letter) + _FOOT)

    def _list(self, number: int) -> bytes:
        with self._lock:
            found = sorted(self._letters.values(), key=lambda one: (one.at, one.number), reverse=True)
        pages = max(1, -(-len(found) // PAGE_SIZE))
        part = found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        rows = "".join(_row(one) for one in part) or '<tr><td colspan="5">暂无数据</td></tr>'
        onward = (
            f'<a href="list.html?page={number + 1}">下一页</a>' if number < pages else "<span>下一页</span>"
        )
        table = (
            "<table><tr><th>信件编号</th><th>信件标题</th><th>信件类型</th><th>来信时间</th><th>办理状态</th></tr>"
            f'{rows}</table><div class="page">共 {len(found)} 条　第 {number}/{pages} 页　{onward}</div>'
        )
        return _bytes(_HEAD.format(title="县长信箱", hits=self.requests) + table + _FOOT)


def _row(one: Letter) -> str:
    shown = one.title if len(one.title) <= 12 else f"{one.title[:12]}…"
    link = f'<a href="letter.html?id={escape(one.number)}" title="{escape(one.title)}">{escape(shown)}</a>'
    return f"<tr><td>{escape(one.number)}</td><td>{link}</td><td>{one.kind}</td><td>{one.at[:10]}</td><td>{one.state}</td></tr>"


def _letter(one: Letter) -> str:
    pairs: Mapping[str, str] = {
        "信件编号": one.number,
        "信件标题": one.title,
        "信件类型": one.kind,
        "写信人": one.writer,
        "来信时间": one.at,
        "办理状态": one.state,
    }
    cells = "".join(f"<tr><td>{name}：</td><td>{escape(value)}</td></tr>" for name, value in pairs.items())
    words = f"<tr><td>来信内容：</td><td>{one.words}</td></tr>"
    if one.reply is None:
        return f"<table>{cells}{words}</table>"
    return (
        f"<table>{cells}{words}<tr><td>答复单位：</td><td>{escape(one.replied_by)}</td></tr>"
        f"<tr><td>答复时间：</td><td>{one.replied_at}</td></tr><tr><td>答复内容：</td><td>{escape(one.reply)}</td></tr></table>"
    )


def _bytes(page: str) -> bytes:
    return page.encode("gb18030")


def _handler(site: LettersServer) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            status, body = site.page(self.path)
            # No charset, and the page's own word is that of its smaller sister: so it is on many sites.
            self.send(status, body, "text/html")

    return Handler
