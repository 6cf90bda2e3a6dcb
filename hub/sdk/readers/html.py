"""A web page as a tree, by a parser that hostile bytes cannot hurt; its words, its links, and what it is instead of what was asked for.

Size is bounded by the reader over HTTP; depth, elements and attributes are bounded here, by events, before a tree is built of them:
libxml2's own tree builder cuts off what lies deeper than 256 without a word, and needs minutes for a tag with 300,000 attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

from lxml import etree

from hub.errors import Code, ConfigError, SourceContractError, SourceUnavailable
from hub.sdk.readers.body import Body
from hub.text.forms import plain_text

__all__ = ["HtmlPage", "PathInvalid", "html_page", "html_tree", "not_the_page", "path_of", "words_of"]

DEEPEST = 256
MOST_ELEMENTS = 50_000
MOST_ATTRIBUTES = 256
_PIECE = 64 * 1024
_END = re.compile(rb"</html\s*>", re.IGNORECASE)
_SILENT = frozenset(("script", "style", "template", "noscript", "iframe", "object", "select", "title"))
_BREAKS = frozenset(
    "address article blockquote br dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li ol p pre "
    "section table tbody tfoot thead tr ul".split()
)
_CELLS = frozenset(("td", "th"))
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_BUSY = re.compile(
    r"(?:访问|操作|请求|点击|查询)(?:次数)?(?:过于|太|较)?(?:频繁|过快|过多)|稍后再试|稍候再试|系统繁忙|系统维护|正在维护|人机验证|安全验证|"
    r"滑动验证|请输入验证码|网站防火墙|访问被(?:拦截|拒绝|阻断|限制)|请求被(?:拦截|拒绝|阻断)|too many requests|access denied|just a moment",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"统一身份认证|请(?:先)?登[录陆]|用户登[录陆]|登[录陆]已(?:过期|失效)|会话已?(?:过期|失效)|未登[录陆]|扫码登[录陆]"
)
_LOOKED_AT = 2_000
_LOGIN_WORDS = 600
_NO_LINK = ("javascript:", "#", "mailto:", "tel:", "data:", "vbscript:")


class PathInvalid(ValueError):
    """An XPath that does not compile; the text says why."""


class HtmlPage:
    """One page.

    Attributes:
        root: The tree: no comments, no processing instructions.
        body: The answer that it was read from.
        url: Its own address.
    """

    def __init__(self, root: etree._Element, body: Body, url: str) -> None:
        self.root = root
        self.body = body
        self.url = url
        self._base: str | None = None

    @property
    def base(self) -> str:
        """What its links are relative to: the first ``<base href>``, else its own address."""
        if self._base is None:
            told = next((one.get("href") for one in self.root.iter("base") if one.get("href")), None)
            self._base = self._joined(self.url, told.strip()) or self.url if told else self.url
        return self._base

    def link(self, href: str | None) -> str | None:
        """The absolute address, without its fragment, that a link leads to; None for none, for scripts, and for the page's own top."""
        target = (href or "").strip()
        if not target or target.lower().startswith(_NO_LINK):
            return None
        found = self._joined(self.base, target)
        return found if found is not None and found.startswith(("http://", "https://")) else None

    def words(self) -> str:
        """All that can be read on it."""
        return words_of(self.root)

    @staticmethod
    def _joined(base: str, target: str) -> str | None:
        try:
            return urlsplit(urljoin(base, re.sub(r"[\t\r\n]", "", target)))._replace(fragment="").geturl()
        except ValueError:
            return None


class _Bounded:
    """Takes the parser's events and builds the tree, until a bound is passed."""

    def __init__(self) -> None:
        self.refused: str | None = None
        self._tree: Any = etree.TreeBuilder()
        self._depth = self._count = 0

    def start(self, tag: str, attributes: Any) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > DEEPEST:
            self._refuse(f"elements nested deeper than {DEEPEST}")
        if self._count > MOST_ELEMENTS:
            self._refuse(f"more than {MOST_ELEMENTS:,} elements")
        if len(attributes) > MOST_ATTRIBUTES:
            self._refuse(f"an element with more than {MOST_ATTRIBUTES} attributes")
        self._tree.start(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._tree.end(tag)

    def data(self, words: str) -> None:
        self._tree.data(words)

    def close(self) -> Any:
        return None if self.refused is not None else self._tree.close()

    def _refuse(self, reason: str) -> NoReturn:
        self.refused = self.refused or reason
        raise _Refused


class _Refused(Exception):
    pass


def html_tree(text: str) -> etree._Element:
    """The tree of a page's text, whatever is wrong with its tags.

    Raises:
        ValueError: It passes a bound, or holds no element at all; the text says which.
    """
    target: Any = _Bounded()
    parser = etree.HTMLParser(target=target, huge_tree=True, encoding="utf-8")
    content = text.encode("utf-8", "replace")
    try:
        for begin in range(0, len(content), _PIECE):
            parser.feed(content[begin : begin + _PIECE])
        root = parser.close()
    except (etree.LxmlError, _Refused, AssertionError) as exc:
        raise ValueError(target.refused or f"tags that make no page ({type(exc).__name__})") from None
    if root is None:
        raise ValueError(target.refused or "no element")
    tree: etree._Element = root
    return tree


def html_page(body: Body, url: str, *, ends: bool = True) -> HtmlPage:
    """An answer as a page.

    Args:
        body: The answer; its encoding is found by `hub.sdk.readers.encoding`, whatever its label says.
        url: Where it came from.
        ends: Whether a page without ``</html>`` was cut short; False for a site that never closes its pages.

    Raises:
        SourceContractError: No web page (``page_shape``), cut short (``source_cut_short``), in no encoding (``page_encoding``), or beyond the
            bounds (``page_too_large``).
    """
    if not body.is_html and b"<" not in body.content[:2048]:
        raise SourceContractError(
            f"{body.place}: {len(body.content)} bytes that are no web page (expected HTML); compare the kept page with the site as a browser "
            "shows it",
            code=Code.PAGE_SHAPE,
            body=body.content,
        )
    text = body.text()
    if ends and _END.search(body.content) is None and "</html" not in text[-10_000:].lower():
        raise SourceContractError(
            f"{body.place}: the page of {len(body.content)} bytes has no end (expected </html>); it was cut on its way, or set page_ends: false in "
            "the channel's settings where the site never closes its pages",
            code=Code.SOURCE_CUT_SHORT,
            body=body.content,
        )
    try:
        return HtmlPage(html_tree(text), body, url)
    except ValueError as exc:
        raise SourceContractError(
            f"{body.place}: {exc} (expected a page that a person could read); it is kept and nothing of it is read: look at it, and ask the "
            "site's keeper",
            code=Code.PAGE_TOO_LARGE,
            body=body.content,
        ) from None


def not_the_page(page: HtmlPage, missing: str) -> NoReturn:
    """Says what a page is that lacks what it was asked for: the one place in which a login page is told from a changed layout.

    Args:
        page: As it came, with status 200.
        missing: What it lacks, for the message: ``the list of letters``.

    Raises:
        SourceUnavailable: It asks to come back later (``source_envelope``: the reader tries again), or for a login (``source_auth``).
        SourceContractError: It is some other page (``page_shape``).
    """
    title = " ".join(text for one in page.root.iter("title") if (text := one.text))
    words = page.words()
    seen = f"{title} {words[:_LOOKED_AT]}"
    # Long pages say such things, too: a citizen complains that the system is busy, a head of page offers a login.
    is_short = len(words) <= _LOOKED_AT
    place = page.body.place
    if is_short and _BUSY.search(seen):
        raise SourceUnavailable(
            f"{place}: a page that asks to come back later, with status 200 (expected {missing}); lower http.rate_per_s in the channel's "
            "settings, and ask the site's keeper to let the hub's address pass",
            code=Code.SOURCE_ENVELOPE,
        )
    if (len(words) <= _LOGIN_WORDS and _LOGIN.search(seen)) or any(
        one.get("type", "").lower() == "password" for one in page.root.iter("input")
    ):
        raise SourceUnavailable(
            f"{place}: a login page with status 200 (expected {missing}); the site shows its letters to whoever is logged in alone: ask its keeper "
            "for pages that are open to the hub's address",
            code=Code.SOURCE_AUTH,
        )
    raise SourceContractError(
        f"{place}: the page lacks {missing} (expected as the settings describe it); compare the kept page with the site as a browser shows it, then "
        "mend the layout in the channel's settings",
        code=Code.PAGE_SHAPE,
        body=page.body.content,
    )


def words_of(element: etree._Element, *more: etree._Element) -> str:
    """What can be read in elements: lines for blocks, nothing of scripts, styles and what is hidden; full-width and hard spaces are spaces."""
    parts: list[str] = []
    for one in (element, *more):
        _read(one, parts)
        parts.append("\n")
    return plain_text("".join(parts))


def is_hidden(element: etree._Element) -> bool:
    """Whether nobody sees it."""
    return (
        element.tag in _SILENT
        or element.get("hidden") is not None
        or _HIDDEN.search(element.get("style") or "") is not None
        or (element.tag == "input" and element.get("type", "text").lower() == "hidden")
    )


def _read(top: etree._Element, parts: list[str]) -> None:
    # Depth is bounded, but a recursion of 256 frames for each page is not cheap.
    waiting: list[tuple[etree._Element, Iterator[etree._Element]]] = []
    if _opened(top, parts):
        waiting.append((top, iter(top)))
    while waiting:
        element, children = waiting[-1]
        child = next(children, None)
        if child is None:
            waiting.pop()
            if element.tag in _BREAKS and element.tag != "br":
                parts.append("\n")
            if waiting and element.tail:
                parts.append(element.tail)
        elif _opened(child, parts):
            waiting.append((child, iter(child)))
        elif child.tail:
            parts.append(child.tail)


def _opened(element: etree._Element, parts: list[str]) -> bool:
    if is_hidden(element):
        return False
    if element.tag in _BREAKS:
        parts.append("\n")
    elif element.tag in _CELLS:
        parts.append(" ")
    if element.text:
        parts.append(element.text)
    return True


def path_of(text: str) -> etree.XPath:
    """A compiled XPath 1.0.

    Raises:
        PathInvalid: It does not compile.
    """
    try:
        path = etree.XPath(text, regexp=False, smart_strings=False)
        path(etree.Element("html"))  # functions are looked up when they are called
        return path
    except etree.XPathError as exc:
        raise PathInvalid(f"{text!r} is no XPath: {exc}") from None


def found_by(path: etree.XPath, element: etree._Element) -> list[etree._Element | str]:
    """What a path finds: elements and texts, in the document's order; numbers and truth values as texts.

    Raises:
        ConfigError: It cannot be answered (code ``config_invalid``).
    """
    try:
        result: object = path(element)
    except etree.XPathEvalError as exc:
        raise ConfigError(
            f"XPath {path.path!r}: it cannot be answered ({exc}; expected one that finds elements or texts); mend it in the channel's settings",
            code=Code.CONFIG_INVALID,
        ) from None
    if isinstance(result, list):
        return [one for one in result if isinstance(one, str | etree._Element)]
    return [str(result)] if result is not None else []
