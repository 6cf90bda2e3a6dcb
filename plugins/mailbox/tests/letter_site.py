"""A small site on loopback whose pages a test writes down: address -> page, or pages in turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.clock import ManualClock
from hub.county.loopback import LoopbackServer, QuietHandler
from hub.testing.factories import NOW, channel_context
from hub.testing.reading import Reader
from hub_channel_mailbox.channel import MailboxChannel
from hub_channel_mailbox.settings import MailboxSettings

Answer = str | bytes | tuple[int, str]


@dataclass
class Site:
    """What stands where; what was asked for."""

    pages: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    content_type: str = "text/html"
    url: str = ""

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        found = self.pages.get(path, (404, "<html><body>404</body></html>"))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        status, page = found if isinstance(found, tuple) else (200, found)
        return status, page if isinstance(page, bytes) else page.encode()

    def served(self) -> LoopbackServer:
        """The server; start it as a context manager."""
        site = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                status, body = site.answer(self.path)
                self.send(status, body, site.content_type)

        server = LoopbackServer(Handler)
        self.url = server.url
        return server

    def reader(self, clock: ManualClock | None = None, **source: Any) -> Reader:
        """The channel over this site, from its first run on."""
        given = {
            "kind": "web_pages",
            "base_url": self.url,
            "list_path": "/list.html",
            "http": {"tries": 2},
            **source,
        }
        context = channel_context("county-letters", clock=clock or ManualClock(NOW))
        return Reader(MailboxChannel(MailboxSettings.model_validate({"source": given}), context))


def listed(*rows: str, onward: str = "", total: int | None = None, head: str = "") -> str:
    """A list of letters with these rows."""
    told = "" if total is None else f"共 {total} 条"
    headings = "<tr><th>编号</th><th>标题</th><th>时间</th><th>状态</th></tr>"
    return (
        f"<!DOCTYPE html><html><head>{head}<title>县长信箱</title></head><body><table>{headings}{''.join(rows)}</table>"
        f"<p>{told} {onward}</p></body></html>"
    )


def row(number: str, day: str = "2026-11-20", *, status: str = "受理中", link: str | None = None) -> str:
    """A row of the list; its letter's page is ``NUMBER.html`` unless a link is given; an empty one is no link."""
    link = f"{number}.html" if link is None else link
    title = f'<a href="{link}">关于窗口的来信{number}</a>' if link else f"关于窗口的来信{number}"
    return f"<tr><td>{number}</td><td>{title}</td><td>{day}</td><td>{status}</td></tr>"


def letter(number: str, *, content: str = "窗口没有受理。", **more: str) -> str:
    """The page of a letter."""
    fields: Mapping[str, str] = {
        "信件编号": number,
        "标题": f"关于窗口的来信{number}",
        "写信人": "张**",
        "来信时间": "2026-11-20 09:00",
        "来信内容": content,
        **more,
    }
    cells = "".join(f"<tr><td>{label}：</td><td>{value}</td></tr>" for label, value in fields.items())
    return f"<!DOCTYPE html><html><body><script>count(1)</script><table>{cells}</table></body></html>"
