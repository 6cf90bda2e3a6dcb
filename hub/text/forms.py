"""Characters brought into one form: full-width to half-width, invisible ones out, markup to plain text."""

from __future__ import annotations

import html
import re
from typing import Any

HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xA0: 0x20}
"""Table for `str.translate`: full-width ASCII and the wide space to their half-width forms, one for one."""

# Commas and full stops alone are no reason to translate: nearly every Chinese text has them.
_WIDE = re.compile(r"[\uff10-\uff19\uff20-\uff3a\uff41-\uff5a\u3000\xa0]")
# Control and format characters: what a database refuses (NUL, lone surrogates) or a reader never sees.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufff9-\ufffb]"
)
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PADDING = re.compile(r"[ \t\r\n\u3000\xa0]{2,}|[\t\r\u3000\xa0\u2028\u2029]")
# With doubled spaces everything that the three above act on: most texts have none of it, and this look is four times cheaper.
_ODD = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202e\u2060-\u2064\u3000\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_BREAKS = frozenset(
    "address article blockquote br dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li ol p pre "
    "section table tbody tfoot thead tr ul".split()
)
_CELLS = frozenset(("td", "th"))
_SILENT = frozenset(("script", "style", "head", "title", "template", "noscript"))
_INLINE = frozenset(
    "a abbr b big body center code em font html i img input label main nav o:p q s small span strike strong sub sup "
    "textarea tt u video w:p".split()
)
_KNOWN = _BREAKS | _CELLS | _SILENT | _INLINE
_TAG = re.compile(
    rf"</?(?:{'|'.join(sorted(_KNOWN, key=len, reverse=True))})(?:\s[^<>]*)?/?>|<!--|<!DOCTYPE", re.IGNORECASE
)


def half_width(text: str) -> str:
    """The text with full-width letters, digits, punctuation and spaces made half-width; its length stays.

    A text whose only full-width characters are punctuation is given back as it is.
    """
    return text.translate(HALF_WIDTH) if _WIDE.search(text) else text


def plain_text(html_or_text: str) -> str:
    """The words alone: tags and entities resolved, padding and characters that nobody sees taken out.

    Block elements become line breaks; script and style disappear; a text that was escaped twice is resolved twice.
    What looks like a tag and is none (``a < b``, ``<投诉人>``) stays. Lines are trimmed, empty lines go.
    """
    text = html_or_text.replace("\0", "")
    for _ in range(2):
        if "<" in text and _TAG.search(text):
            text = _without_tags(text)
        elif "&" in text:
            text = html.unescape(text)
        else:
            break
    doubled = "  " in text or "\n\n" in text or " \n" in text or "\n " in text
    if not doubled and not _ODD.search(text):
        return text.strip()
    text = _LONE_SURROGATE.sub("\ufffd", _UNSEEN.sub("", text))
    return _PADDING.sub(_one_space, text).strip()


def _one_space(run: re.Match[str]) -> str:
    return "\n" if "\n" in run[0] or "\r" in run[0] or run[0] in "\u2028\u2029" else " "


def _without_tags(text: str) -> str:
    # A target instead of a tree: nesting of any depth costs no memory and loses no words.
    from lxml import etree

    words: Any = _Words()
    parser = etree.HTMLParser(target=words, huge_tree=True, recover=True)
    parser.feed(_LONE_SURROGATE.sub("\ufffd", text))
    parser.close()
    return "".join(words.parts)


class _Words:
    """Takes a parser's events and keeps the words."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._silent = 0

    def start(self, tag: str, attributes: object) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BREAKS:
            self.parts.append("\n")
        elif tag in _CELLS:
            self.parts.append(" ")
        elif tag not in _KNOWN and not self._silent:
            self.parts.append(f"<{tag}>")

    def end(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent -= 1
        elif tag in _BREAKS and tag != "br":
            self.parts.append("\n")

    def data(self, words: str) -> None:
        if not self._silent:
            self.parts.append(words)

    def close(self) -> None:
        """Nothing is left to do: the parts stand."""
