"""The words of a mail: HTML and flowed text made plain, quotes and forwarded mails found in them, a signature's phone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.sdk.readers.mail_words import codec_of, decode_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_META_CHARSET = re.compile(
    rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE
)
_UNSEEN = frozenset({"script", "style", "head", "title", "meta", "link", "template", "object", "noscript"})
_BLOCKS = frozenset(
    "address article aside blockquote body center dd div dl dt fieldset footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p "
    "pre section table tbody thead tfoot tr ul".split()
)
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n\f\u00a0\u200b\ufeff]+")
_MARKUP = re.compile(r"(?P<comment><!--)|<(?P<name>/?[a-zA-Z][a-zA-Z0-9]*)[^<>]*>|<[!?][^<>]*>")
MAX_QUOTE_DEPTH = 20


def html_text(content: bytes, label: str | None = None) -> str:
    """The readable text of an HTML body: lines for blocks, ``> `` before the lines of quotes, no scripts, styles or hidden parts."""
    inside = _META_CHARSET.search(content[:4096])
    if codec_of(label) is None and inside is not None:
        label = inside.group(1).decode("ascii")
    return html_string_text(decode_text(content, label))


def html_string_text(html: str) -> str:
    """The same for HTML that is text already."""
    from lxml import etree
    from lxml.html import HTMLParser, document_fromstring

    if not html.strip():
        return ""
    # Bytes of a known charset, because lxml refuses text that declares another one.
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = document_fromstring(html.encode("utf-8"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return _without_tags(html)
    # libxml2 stops reading where elements nest deeper than any page's.
    is_cut = any(entry.level_name == "FATAL" for entry in parser.error_log)
    return _without_tags(html) if is_cut else _Page().read(root)


def _without_tags(html: str) -> str:
    """What is left of HTML that no parser takes: all words, in their order. One walk, whatever the HTML."""
    from html import unescape

    kept: list[str] = []
    at, unseen = 0, ""
    for found in _MARKUP.finditer(html):
        if found.start() < at:
            continue  # within a comment
        if not unseen:
            kept.append(html[at : found.start()])
        at = found.end()
        name = (found.group("name") or "").lower()
        if found.group("comment"):
            end = html.find("-->", at)
            if end < 0:
                break
            at = end + 3
        elif not unseen and name in ("script", "style", "title"):
            unseen = f"/{name}"
        elif name == unseen:
            unseen = ""
    else:
        kept.append("" if unseen else html[at:])
    lines = [_SPACES.sub(" ", line).strip() for line in unescape("\n".join(kept)).split("\n")]
    return "\n".join(line for line in lines if line)


class _Page:
    """Puts the text of an HTML tree together, without recursion."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quotes = 0

    def read(self, root: HtmlElement) -> str:
        from lxml import etree

        skipped: object | None = None
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                tag = element.tag if isinstance(element.tag, str) else ""
                if tag in _UNSEEN or _HIDDEN.search(element.get("style") or ""):
                    walk.skip_subtree()
                    skipped = element
                    continue
                self._open(tag, element.text)
            else:
                if element is not skipped:
                    self._close(element.tag if isinstance(element.tag, str) else "")
                skipped = None if element is skipped else skipped
                self._say(element.tail)
        self._break()
        return "\n".join(self._lines).strip("\n")

    def _open(self, tag: str, text: str | None) -> None:
        if tag == "br" or tag in _BLOCKS:
            self._break(forced=tag == "br")
        elif tag in ("td", "th") and self._line:
            self._line.append(" ")
        if tag == "blockquote" and self._quotes < MAX_QUOTE_DEPTH:
            self._quotes += 1
        self._say(text)

    def _close(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._break()
        if tag == "blockquote" and self._quotes:
            self._quotes -= 1

    def _say(self, text: str | None) -> None:
        if text:
            self._line.append(text)

    def _break(self, *, forced: bool = False) -> None:
        line = _SPACES.sub(" ", "".join(self._line)).strip()
        self._line = []
        if line or (forced and self._lines and self._lines[-1]):
            self._lines.append(("> " * self._quotes + line).rstrip() if line else "")


def flowed_text(text: str, *, del_space: bool) -> str:
    """Text of ``format=flowed`` with its soft line ends taken out.

    Source: RFC 3676.
    """
    lines: list[list[str]] = []
    depth_before, is_open = 0, False
    for line in text.split("\n"):
        line = line.rstrip("\r")
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        is_soft = content.endswith(" ") and content != "-- "
        if is_soft and del_space:
            content = content[:-1]
        if is_open and depth == depth_before and content != "-- ":
            lines[-1].append(content)
        else:
            lines.append([">" * depth + (" " if depth else "") + content])
        depth_before, is_open = depth, is_soft
    return "\n".join("".join(pieces) for pieces in lines)


def tidy(text: str) -> str:
    """The text with plain line ends, no blanks at line ends and at most one empty line in a row."""
    lines = [
        line.rstrip(" \t\u00a0\u3000") for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


# Chinese and English mail programs, as they head the mail that they forward or answer.
_FIELDS = {
    "from": r"发件人|寄件人|寄件者|发送人|发信人|From",
    "sent": r"发送时间|发送日期|发件时间|发信时间|日期|时间|寄件日期|Sent|Date",
    "to": r"收件人|收信人|To",
    "cc": r"抄送|副本|Cc",
    "subject": r"主题|主旨|标题|Subject",
}
_FIELD = re.compile(
    r"[>|\s*]*(?:"
    + "|".join(f"(?P<{name}>{words})" for name, words in _FIELDS.items())
    + r")[\s*]*[:：][\s*]*(?P<value>.*)",
    re.IGNORECASE,
)
_MARK = re.compile(
    r"[>|\s]*(?:[-_=*]{2,}\s*(?P<words>原始邮件|原邮件|转发的邮件|转发邮件信息|转发邮件|转发信息|回复的原邮件|回复的邮件|原始邮件信息|"
    r"Original Message|Forwarded message|Forwarded by .{0,100}|Original email)\s*[-_=*]{0,}|Begin forwarded message\s*:)\s*\Z",
    re.IGNORECASE,
)
_FORWARD_WORDS = re.compile(r"转发|forward", re.IGNORECASE)
_SAID = re.compile(
    r"[>\s]*(?:在\s?.{4,160}(?:写道|说道)|.{2,160}(?:写道|于.{4,60}写道)|On\s.{6,200}\swrote)\s*[:：]\s*\Z",
    re.IGNORECASE,
)
_NAMES_A_MAIL = re.compile(r"@|\d{1,2}[:：]\d{2}")
_QUOTED = re.compile(r"\s{0,3}>")
_RULE = re.compile(r"\s*[-_=]{5,}\s*\Z")
_BLOCK_SPAN = 12


@dataclass(frozen=True, slots=True)
class Quoted:
    """A mail that stands within the text of another, under the header lines that a mail program wrote.

    Attributes:
        starts: Index of its first line, the mark above the headers included.
        text_starts: Index of the first line of its own words.
        sender, sent, subject: As they stand there; empty where they do not.
        is_forward: The mark says that it was forwarded, not answered.
    """

    starts: int
    text_starts: int
    sender: str
    sent: str
    subject: str
    is_forward: bool


def quoted_mails(lines: list[str]) -> list[Quoted]:
    """Every mail quoted in these lines with its header lines, from the top down."""
    found: list[Quoted] = []
    index = 0
    while index < len(lines):
        block = _block_at(lines, index)
        if block is None:
            index += 1
        else:
            found.append(block)
            index = max(block.text_starts, index + 1)
    return found


def _block_at(lines: list[str], index: int) -> Quoted | None:
    first = _FIELD.match(lines[index])
    if first is None or first.group("from") is None or not first.group("value").strip():
        return None
    fields = {"from": first.group("value")}
    last, gap, before = index, 0, "from"
    for at in range(index + 1, min(len(lines), index + _BLOCK_SPAN)):
        line = lines[at].strip("> |\t")
        field = _FIELD.match(lines[at])
        name = None if field is None else next(key for key in _FIELDS if field.group(key) is not None)
        if field is not None and name == "from":
            break
        if field is not None and name is not None and name not in fields:
            fields[name] = field.group("value")
            last, gap, before = at, 0, name
        elif not line and gap == 0:
            gap = 1
        elif field is None and gap == 0 and before in ("to", "cc") and "@" in line:
            last = at  # a long list of receivers runs over several lines
        else:
            break
    if len(fields) < 2 or not fields.keys() & {"sent", "to", "subject"}:
        return None
    starts, words = _mark_above(lines, index)
    return Quoted(
        starts,
        last + 1,
        fields["from"].strip().rstrip(";；"),
        fields.get("sent", "").strip(),
        fields.get("subject", "").strip(),
        bool(_FORWARD_WORDS.search(words)),
    )


def _mark_above(lines: list[str], index: int) -> tuple[int, str]:
    for at in range(index - 1, max(-1, index - 4), -1):
        if _MARK.match(lines[at]):
            return at, lines[at]
        if lines[at].strip("> \t") and not _RULE.match(lines[at]):
            break
    if index and _RULE.match(lines[index - 1]):
        return index - 1, ""
    return index, ""


def own_words(lines: list[str], *, keep_quoted_mails: bool = False) -> list[str]:
    """The lines that the sender wrote, without what was quoted from an earlier mail; empty when nothing else stands there.

    Args:
        lines: Of the mail's text.
        keep_quoted_mails: The sender forwards something: mails under header lines are what is meant to be read.
    """
    kept = list(lines)
    if not keep_quoted_mails:
        blocks = quoted_mails(lines)
        ends = [blocks[0].starts] if blocks else []
        ends += [
            index for index, line in enumerate(lines) if _MARK.match(line) and not _FORWARD_WORDS.search(line)
        ]
        if ends:
            kept = lines[: min(ends)]
    kept = _without_attributions(kept)
    return trimmed([line for line in kept if not _QUOTED.match(line)] if not keep_quoted_mails else kept)


def _without_attributions(lines: list[str]) -> list[str]:
    """Without the line "... wrote:", and where no quote marks follow, without all after it."""
    for index, line in enumerate(lines):
        said = _SAID.match(line) or (index + 1 < len(lines) and _SAID.match(f"{line} {lines[index + 1]}"))
        if not said or not _NAMES_A_MAIL.search(said.group()):
            continue
        after = index + (1 if _SAID.match(line) else 2)
        rest = lines[after:]
        is_marked = any(_QUOTED.match(later) for later in rest)
        return lines[:index] + (_without_attributions(rest) if is_marked else [])
    return lines


_ADVERTS = re.compile(
    r"(?:发自我的|发送自|从我的.{0,30}发送|来自我的|Sent from my|Get Outlook for|获取\s*Outlook|发自.{0,20}(?:邮箱|客户端|手机)|"
    r"来自.{0,12}(?:邮箱|邮箱大师|手机客户端)).{0,60}\Z",
    re.IGNORECASE,
)


def trimmed(lines: list[str]) -> list[str]:
    """The lines without empty lines at both ends and without a mail program's own closing line."""
    end = len(lines)
    while end and (not lines[end - 1].strip(" \t-_") or _ADVERTS.match(lines[end - 1].strip())):
        end -= 1
    start = 0
    while start < end and not lines[start].strip():
        start += 1
    return lines[start:end]


_DIGITS = str.maketrans("０１２３４５６７８９－＋＊（）", "0123456789-+*()")
_NUMBER = (
    r"(?:\+?86[- ]?)?1[3-9]\d[- ]?[\d*]{4}[- ]?\d{4}(?![\d*])|\(?0\d{2,3}\)?[- ]?\d{7,8}(?:-\d{1,6})?(?!\d)"
)
_LABELLED = re.compile(
    r"(?:\A|[\s,，;；。.:：|/、(（\[【])(?:我的|本人|联系|联络)?(?:电话|手机|手机号|手机号码|电话号码|联系方式|联系电话|号码|tel|mobile|phone|cell)"
    r"(?:是|为)?\s*[.:：]?\s*(" + _NUMBER + ")",
    re.IGNORECASE,
)
_ALONE = re.compile(r"(?<![\d*])(" + _NUMBER + ")")
_SIGNATURE_LINES = 6


def signature_phone(lines: list[str]) -> str | None:
    """The telephone number that the writer gives as their own, as it stands there; None where none or several compete.

    A number with a label ("电话：") counts wherever it stands, the last such one first; without a label only in the closing lines,
    and only when it is the one number there.
    """
    plain = [line.translate(_DIGITS) for line in lines]
    labelled = [found.group(1) for line in plain for found in _LABELLED.finditer(line)]
    if labelled:
        return labelled[-1].strip()
    closing = [line for line in plain if line.strip()][-_SIGNATURE_LINES:]
    numbers = {
        found.group(1).strip() for line in closing if len(line) <= 60 for found in _ALONE.finditer(line)
    }
    return numbers.pop() if len(numbers) == 1 else None
