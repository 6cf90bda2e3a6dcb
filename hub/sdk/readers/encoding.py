"""Which encoding the bytes of an answer are in, whatever their label says.

Order of evidence: byte order mark, zero bytes of UTF-16 JSON, strict UTF-8, the label, then GB18030 (which holds
GBK and GB2312). The label alone is not trusted: Java servers say ISO-8859-1 by default, and "UTF-8" over GBK bytes
is common. A few broken characters in an otherwise sound text are damage, not another encoding: reading
such a page as GB18030 could succeed and turn every record into rubbish.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from hub.errors import Code, SourceContractError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_NO_EVIDENCE = frozenset({"utf-8", "iso8859-1", "ascii", "cp1252", "latin-1"})
_GB = frozenset({"gb2312", "gbk", "gb18030", "hz"})
_IN_TEXT = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']|<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""",
    re.IGNORECASE,
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f\ufffd\udc80-\udcff]")
_BROKEN = re.compile(r"[\udc80-\udcff]")
_WIDE = re.compile(r"[\u0800-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Bytes brought to UTF-8.

    Attributes:
        utf8: Without byte order mark. Where ``damaged``, what could not be decoded stands in it as it came.
        charset: The encoding that the bytes were found to be in.
        damaged: A few characters are broken; ``utf8`` is not valid UTF-8 as a whole.
    """

    utf8: bytes
    charset: str
    damaged: bool = False

    @property
    def text(self) -> str:
        """The text; only where not ``damaged``."""
        return self.utf8.decode()


def to_utf8(content: bytes, label: str | None, *, place: str) -> Decoded:
    """The content in UTF-8, by the order of evidence that this module states.

    Args:
        content: As the source sent it, decompressed.
        label: Charset that the answer declares; None or unknown counts for nothing.
        place: Which answer, for the message.

    Raises:
        SourceContractError: No encoding fits (code ``page_encoding``, with the content).
    """
    marked = _by_mark(content)
    if marked is not None:
        charset, skip = marked
        return (
            _strict(content[skip:], charset)
            or _damaged(content[skip:], charset)
            or _fail(content, label, place)
        )
    named = _codec(label)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        pass
    else:
        if named is None or content.isascii() or not _label_wins(text, content, named):
            return Decoded(content, "utf-8")
    if (damaged := _damaged(content, "utf-8")) is not None:
        return damaged
    for candidate in (named, "gb18030"):
        if candidate is not None and (found := _strict(content, candidate)) is not None:
            return found
    return _damaged(content, "gb18030") or _fail(content, label, place)


def to_text(content: bytes, label: str | None, *, place: str) -> str:
    """The text of an HTML, XML or plain answer; its own declaration stands in for a label that says nothing.

    Raises:
        SourceContractError: No encoding fits, or characters are broken (code ``page_encoding``, with the content).
    """
    if _codec(label) is None:
        label = declared_charset(content) or label
    decoded = to_utf8(content, label, place=place)
    return _fail_text(content, label, place) if decoded.damaged else decoded.text


def declared_charset(content: bytes) -> str | None:
    """The encoding that an XML or HTML text declares of itself; a claim like any label, None where it makes none."""
    inside = _IN_TEXT.search(content[:2048])
    return (inside.group(1) or inside.group(2)).decode("ascii") if inside else None


def _by_mark(content: bytes) -> tuple[str, int] | None:
    for mark, charset in _BOMS:
        if content.startswith(mark):
            return charset, len(mark)
    if content[:1] in b"{[" and content[1:2] == b"\x00":
        return "utf-16-le", 0
    if content[:1] == b"\x00" and content[1:2] in b"{[" and len(content) > 1:
        return "utf-16-be", 0
    return None


def _codec(label: str | None) -> str | None:
    """The codec that a label names; None where it names none, or one that says nothing."""
    try:
        name = codecs.lookup(label or "utf-8").name
    except (LookupError, ValueError):
        return None
    # A label of the GB family always means its largest member.
    if name in _NO_EVIDENCE:
        return None
    return "gb18030" if name in _GB else name


def _label_wins(text: str, content: bytes, named: str) -> bool:
    """Whether a label counts more than the fact that the content is also valid UTF-8.

    Four characters of three bytes do not come about by chance in another encoding; fewer may, in a short text.
    """
    if len(_WIDE.findall(text)) >= 4:
        return False
    return _strict(content, named) is not None


def _strict(content: bytes, charset: str) -> Decoded | None:
    try:
        text = content.decode(charset)
        return Decoded(content if charset == "utf-8" else text.encode(), charset)
    except (UnicodeError, LookupError):
        return None


def _damaged(content: bytes, charset: str) -> Decoded | None:
    """The content with a few broken characters, or None where so many are broken that it is something else."""
    if charset not in ("utf-8", "gb18030"):
        return None
    text = content.decode(charset, "surrogateescape")
    sound = len(_NOT_ASCII.findall(text))
    broken = len(_BROKEN.findall(text))
    if not broken or sound < 8 * broken:
        return None
    return Decoded(text.encode("utf-8", "surrogateescape"), charset, damaged=True)


def _fail(content: bytes, label: str | None, place: str) -> Decoded:
    raise SourceContractError(
        f"{place}: {len(content)} bytes labelled {_shown(label)} are neither UTF-8, nor what the label says, nor "
        "GB18030 (expected text in one of these); look at the kept page and ask the source's keeper for its encoding",
        code=Code.PAGE_ENCODING,
        body=content,
    )


def _fail_text(content: bytes, label: str | None, place: str) -> str:
    raise SourceContractError(
        f"{place}: {len(content)} bytes labelled {_shown(label)} hold broken characters (expected sound text); "
        "look at the kept page and ask the source's keeper why",
        code=Code.PAGE_ENCODING,
        body=content,
    )


def _shown(label: str | None) -> str:
    return "with no charset" if not label else repr(label[:20])
