"""How a list of pages on a web site is laid out; light, so that settings may hold it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

_PATH_FIRST = ("/", ".", "(")


def _compiles(text: str) -> str:
    from hub.sdk.readers.html import path_of

    path_of(text)
    return text


def _is_place(text: str) -> str:
    return _compiles(text) if text.startswith(_PATH_FIRST) else text


def _is_pattern(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as exc:
        raise ValueError(f"no regular expression: {exc}") from None
    if groups != 1:
        raise ValueError(f"a pattern with {groups} groups (expected one, around what is looked for)")
    return text


XPathText = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_compiles)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_is_place)]
"""A label as the page prints it, without its colon; or an XPath, which begins with ``/``, ``.`` or ``(``."""
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_is_pattern)]


class ListLayout(BaseModel):
    """A list that runs over pages: a row for each thing, a link in it to the page of the thing itself.

    Attributes:
        container: XPath of what holds the rows; null: the first table with a heading that the fields know, else the list (ul) with the most
            rows that hold a link and a day. A page without it is not the list.
        rows: XPath of the rows, from the container on; null: a table's rows with cells, a list's items.
        link: XPath of the element with the link, from the row on.
        link_id: Pattern with one group, searched in the link's ``href`` and ``onclick`` where they are scripts: the thing's id.
        link_path: Address of the thing's page, with ``{id}`` for it.
        next_page: XPath of the link to the next page.
        page_path: Address of the second and later pages, with ``{page}`` for their number, where no link leads there.
        second_page: Number by which the second page is called in ``page_path``; sites that call the first one 0 say 1.
        total_in: Pattern with one group, searched in the page's words: how many rows all pages hold; null where the site does not say.
        pages_in: Likewise: how many pages there are.
        nothing: Words by which the first page says that it has no rows by right.
        order: ``newest_first``: reading ends where all rows are older than what may still change; ``any``: every page is read each time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    container: XPathText | None = None
    rows: XPathText | None = None
    link: XPathText = ".//a[@href]"
    link_id: Pattern | None = None
    link_path: str | None = None
    next_page: XPathText = "//a[contains(., '下一页') or contains(., '下页') or contains(@class, 'next') or contains(@title, '下一页') or @rel='next']"
    page_path: str | None = None
    second_page: int = Field(default=2, ge=0, le=2)
    total_in: Pattern | None = r"(?:共|总|合)(?:计|有)?[:：]?\s*(\d{1,9})\s*(?:条|封|件|项|个)"
    pages_in: Pattern | None = r"[共总]\s*(\d{1,6})\s*页"
    nothing: tuple[str, ...] = (
        "暂无数据",
        "暂无信件",
        "暂无记录",
        "暂无内容",
        "没有数据",
        "没有相关",
        "没有找到",
        "没有查询到",
        "无记录",
    )
    order: Literal["newest_first", "any"] = "newest_first"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.page_path is not None and "{page}" not in self.page_path:
            raise ValueError("page_path must hold {page}")
        if (self.link_id is None) != (self.link_path is None):
            raise ValueError(
                "link_id and link_path are given together: the one finds the id, the other says where its page is"
            )
        if self.link_path is not None and "{id}" not in self.link_path:
            raise ValueError("link_path must hold {id}")
        return self
