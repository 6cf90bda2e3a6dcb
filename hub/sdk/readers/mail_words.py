"""Text out of a mail's bytes: charsets whose labels lie, MIME words that are broken, parameters cut into pieces.

Nothing here raises: a mail is read as well as it can be, and its bytes are kept beside what was read.
"""

from __future__ import annotations

import binascii
import codecs
import re
from urllib.parse import unquote_to_bytes

# Labels that senders write; every member of the GB family means its largest. A label that is not here counts for
# nothing, so that no codec with side effects (unicode_escape, idna ...) is ever named by a sender.
_GB_LABELS = frozenset(
    "gb2312 gb_2312 gb_2312-80 gb2312-80 chinese csgb2312 csiso58gb231280 iso-ir-58 euc-cn euccn x-euc-cn gbk x-gbk cp936 936 ms936 "
    "windows-936 gb18030 gb18030-2000 gb18030-2005".split()
)
_CODECS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "cp65001": "utf-8",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "cp950": "cp950",
    "x-big5": "big5hkscs",
    "hz-gb-2312": "hz",
    "iso-2022-jp": "iso2022_jp",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "koi8-r": "koi8-r",
} | dict.fromkeys(_GB_LABELS, "gb18030")
_SAYS_NOTHING = frozenset(
    {"", "us-ascii", "ascii", "iso-8859-1", "latin1", "unknown-8bit", "x-unknown", "default", "binary"}
)
_WESTERN = re.compile(r"(?:iso-8859-(?:[2-9]|1[0-6])|windows-125[0-8])\Z")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CJK = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_NOT_IN_CHINESE = re.compile(r"[\u0080-\u00b6\u00b8-\u00d6\u00d8-\u07ff]")
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


def decode_text(content: bytes, label: str | None = None) -> str:
    """The text that these bytes are, whatever the label says of them; without NULs and byte order mark.

    Order of evidence: byte order mark; UTF-8 that is Chinese; the label; strict UTF-8; strict GB18030, Big5; the
    label with replacement characters.
    """
    for mark, name in _BOMS:
        if content.startswith(mark):
            return _clean(content[len(mark) :].decode(name, "replace"))
    named = codec_of(label)
    as_utf8 = _strict(content, "utf-8")
    if as_utf8 is not None and named not in ("hz", "iso2022_jp", "utf-16", "utf-16-le", "utf-16-be"):
        is_chinese = _CJK.search(as_utf8) is not None and _NOT_IN_CHINESE.search(as_utf8) is None
        if content.isascii() or is_chinese or named in (None, "utf-8"):
            return _clean(as_utf8)
    for guess in (named, "utf-8", "gb18030", "big5hkscs"):
        if guess is not None and (text := _strict(content, guess)) is not None:
            return _clean(text)
    return _clean(_mended(content, named))


def codec_of(label: str | None) -> str | None:
    """The codec that a charset label names; None where it says nothing or is unknown."""
    name = (label or "").strip().strip("\"'").lower().partition("*")[0]
    if name in _SAYS_NOTHING:
        return None
    if name in _CODECS:
        return _CODECS[name]
    return name if _WESTERN.match(name) else None


def _strict(content: bytes, name: str) -> str | None:
    try:
        return content.decode(name)
    except (UnicodeError, LookupError):
        return None


def _mended(content: bytes, named: str | None) -> str:
    """Damaged bytes: the reading with the fewest characters that could not be read."""
    names = [named] if named else []
    readings = [content.decode(name, "replace") for name in [*names, "utf-8", "gb18030"]]
    return min(readings, key=lambda text: text.count("\ufffd"))


def _clean(text: str) -> str:
    return _NOT_TEXT.sub("", text).removeprefix("\ufeff")


# Also words with blanks inside, which broken mailers write: RFC 2047 allows none.
_WORD = re.compile(rb"=\?([A-Za-z0-9_.:*'-]{1,60})\?([bBqQ])\?([^?]{0,20000})\?=")


def decode_words(raw: bytes) -> str:
    """An unfolded header as text: MIME words decoded, raw 8-bit stretches read by their evidence.

    Adjacent words of one charset are joined as bytes first, because mailers cut between the bytes of one character.

    Source: RFC 2047; domain.md §7 (GBK MIME words).
    """
    if b"=?" not in raw:
        return decode_text(raw)
    pieces: list[str] = []
    run = _Run()
    end = 0
    for found in _WORD.finditer(raw):
        between = raw[end : found.start()]
        if between.strip() or not run:
            pieces.append(run.text())
            pieces.append(decode_text(between))
            run = _Run()
        charset, kind, coded = found.group(1).decode("ascii"), found.group(2).upper(), found.group(3)
        if not run.takes(charset, kind):
            pieces.append(run.text())
            run = _Run()
        run.add(charset, kind, coded)
        end = found.end()
    pieces.append(run.text())
    pieces.append(decode_text(raw[end:]))
    return "".join(pieces)


class _Run:
    """Adjacent MIME words of one charset."""

    def __init__(self) -> None:
        self._charset = ""
        self._words: list[tuple[bytes, bytes]] = []

    def __bool__(self) -> bool:
        return bool(self._words)

    def takes(self, charset: str, kind: bytes) -> bool:
        if not self._words:
            return True
        return (codec_of(charset) or charset.lower()) == (codec_of(self._charset) or self._charset.lower())

    def add(self, charset: str, kind: bytes, coded: bytes) -> None:
        self._charset = charset
        self._words.append((kind, coded))

    def text(self) -> str:
        if not self._words:
            return ""
        return decode_text(b"".join(_decoded_words(self._words)), self._charset)


def _decoded_words(words: list[tuple[bytes, bytes]]) -> list[bytes]:
    decoded: list[bytes] = []
    pending = b""
    for kind, coded in words:
        if kind == b"Q":
            decoded.append(from_base64(pending))
            pending = b""
            decoded.append(binascii.a2b_qp(coded.replace(b" ", b"_"), header=True))
            continue
        stripped = b"".join(coded.split())
        # A word that is no whole number of quanta and bears no padding was cut inside the base64 stream.
        pending += stripped
        if stripped.endswith(b"=") or len(pending) % 4 == 0:
            decoded.append(from_base64(pending))
            pending = b""
    decoded.append(from_base64(pending))
    return decoded


_NOT_BASE64 = bytes(
    byte
    for byte in range(256)
    if byte not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
)


def from_base64(coded: bytes) -> bytes:
    """The bytes of base64 text, whatever stands between its characters; several padded stretches are joined."""
    pure = coded.translate(None, _NOT_BASE64)
    decoded: list[bytes] = []
    for stretch in pure.split(b"="):
        whole = stretch[:-1] if len(stretch) % 4 == 1 else stretch
        if whole:
            decoded.append(binascii.a2b_base64(whole + b"=" * (-len(whole) % 4)))
    return b"".join(decoded)


_PARAMETER = re.compile(
    rb";\s*([^\s=;\"*]{1,60})(?:\*(\d{1,3}))?(\*)?\s*=\s*(\"(?:[^\"\\]|\\.)*\"|\"[^\"]*\Z|[^;]*)", re.DOTALL
)
_ESCAPED = re.compile(rb"\\([\"\\])")


def parameters(value: bytes) -> dict[str, str]:
    """The parameters of a Content-Type or Content-Disposition value, names in lower case, values as text.

    Reads RFC 2231 (charset, percent escapes, continuations), MIME words where the standard forbids them, and raw
    8-bit names.
    """
    plain: dict[str, bytes] = {}
    pieces: dict[str, dict[int, tuple[bool, bytes]]] = {}
    for found in _PARAMETER.finditer(value):
        name = found.group(1).decode("latin-1").lower()
        content = _unquoted(found.group(4).strip())
        if found.group(2) is None and found.group(3) is None:
            plain.setdefault(name, content)
        else:
            number = int(found.group(2) or b"0")
            pieces.setdefault(name, {}).setdefault(number, (found.group(3) is not None, content))
    texts = {name: decode_words(content) for name, content in plain.items()}
    for name, numbered in pieces.items():
        texts[name] = _joined([numbered[number] for number in sorted(numbered)])
    return texts


def _unquoted(value: bytes) -> bytes:
    if not value.startswith(b'"'):
        return value
    return _ESCAPED.sub(rb"\1", value[1:-1] if len(value) > 1 and value.endswith(b'"') else value[1:])


def _joined(pieces: list[tuple[bool, bytes]]) -> str:
    charset: str | None = None
    content = b""
    for index, (extended, piece) in enumerate(pieces):
        if extended and index == 0 and piece.count(b"'") >= 2:
            label, _, piece = piece.split(b"'", 2)
            charset = label.decode("latin-1")
        content += unquote_to_bytes(piece) if extended else piece
    return decode_words(content) if charset is None else decode_text(content, charset)
