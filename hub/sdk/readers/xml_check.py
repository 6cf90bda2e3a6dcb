"""The check that a source puts beside its XML body: MD5, SM3 or SHA-256 over exact bytes, in the source's own encoding."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from typing import Literal, NoReturn
from xml.parsers import expat

from pydantic import BaseModel, ConfigDict

from hub.errors import Code, ConfigError, SourceContractError
from hub.sdk.readers.envelope import Path

_START_TAG = re.compile(rb"""<[^<>"']*+(?:(?:"[^"]*+"|'[^']*+')[^<>"']*+)*+>""")
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]{0,300}\?>")


class BodyCheck(BaseModel):
    """How a source reckons the check of a message.

    It is no signature: without ``key`` anybody can reckon it. It shows what was cut or changed on the way, and nothing else.

    Attributes:
        algorithm: Over the bytes; SM3 is GB/T 32905.
        digest_at: Where the check stands, from the root of the document.
        over: The element that it covers, from the root of the document.
        part: ``content``: what stands between the element's tags; ``element``: its tags too.
        charset: In which the covered text is turned into bytes, whatever encoding it travelled in.
        key: Name of a secret that goes into the bytes too; null for none.
        key_at: Where the key goes.
        written_as: How the check is written; upper and lower case of hex are one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: Literal["md5", "sm3", "sha256"] = "md5"
    digest_at: Path = ("Package", "Head", "Security")
    over: Path = ("Package", "Body")
    part: Literal["content", "element"] = "content"
    charset: Literal["gbk", "gb18030", "utf-8"] = "gbk"
    key: str | None = None
    key_at: Literal["before", "after"] = "after"
    written_as: Literal["hex", "base64"] = "hex"

    def of(self, covered: str, key: str | None = None) -> str:
        """The check of a text, as a source would write it.

        Raises:
            UnicodeEncodeError: The text holds characters that the charset does not know.
            ConfigError: This Python's OpenSSL has no such algorithm.
        """
        secret = (key or "").encode(self.charset)
        covered_bytes = covered.encode(self.charset)
        signed = secret + covered_bytes if self.key_at == "before" else covered_bytes + secret
        try:
            # MD5 here finds damage; nobody's safety rests on it.
            digest = hashlib.new(self.algorithm, signed, usedforsecurity=False).digest()
        except ValueError:
            raise ConfigError(
                f"check of messages: this Python's OpenSSL has no {self.algorithm} (expected OpenSSL 1.1.1 or newer with it); use "
                "a system whose OpenSSL brings it, or agree on sha256 with the source",
                code=Code.CONFIG_INVALID,
            ) from None
        return digest.hex() if self.written_as == "hex" else base64.b64encode(digest).decode()

    def verify(
        self,
        text: str,
        found: str | None,
        key: str | None,
        *,
        place: str,
        content: bytes,
        restored: Callable[[str], str] = str,
    ) -> None:
        """Says nothing where the check that was found fits the text.

        Args:
            text: The document, well-formed.
            found: What stands at ``digest_at``.
            key: The secret's value.
            place: Which answer, for the message.
            content: The answer, to be kept.
            restored: The characters of ``text`` as they came.

        Raises:
            SourceContractError: No check, or another one (code ``page_check``); nothing that it could cover (``page_shape``).
        """
        covered = slice_of(text, self.over, self.part)
        if covered is None:
            self._fail(
                place,
                f"nothing at {'/'.join(self.over)} (expected what the check covers)",
                content,
                Code.PAGE_SHAPE,
            )
        if found is None:
            self._fail(place, f"nothing at {'/'.join(self.digest_at)} (expected a check)", content)
        covered = restored(covered)
        # XML turns CRLF into LF on its way through another document; the source reckoned before that.
        for candidate in dict.fromkeys((covered, covered.replace("\n", "\r\n"))):
            try:
                if hmac.compare_digest(self._form(self.of(candidate, key)), self._form(found)):
                    return
            except UnicodeEncodeError:
                continue
        self._fail(
            place,
            f"the {self.algorithm} over {'/'.join(self.over)} ({self.part}, {self.charset}) is another one than the message says",
            content,
        )

    def _form(self, digest: str) -> bytes:
        text = digest.strip()
        return (text.lower() if self.written_as == "hex" else text).encode()

    def _fail(self, place: str, found: str, content: bytes, code: Code = Code.PAGE_CHECK) -> NoReturn:
        raise SourceContractError(
            f"{place}: {found}; nothing of it is believed: compare what the check covers, its charset and its key with the source's "
            "manual, then ask what changes messages on the way",
            code=code,
            body=content,
        )


def slice_of(text: str, path: Sequence[str], part: Literal["content", "element"]) -> str | None:
    """The exact characters of the first element on that path, or None where there is none.

    Args:
        text: A document without a DOCTYPE; one that is not well-formed inside the element is read to the element's last end tag.
        path: Local names from the root on; ``*`` for any.
        part: See `BodyCheck`.
    """
    declaration = _DECLARATION.match(text)
    document = (text[declaration.end() :] if declaration else text.lstrip()).encode("utf-8", "surrogatepass")
    parser = expat.ParserCreate("utf-8")
    above: list[str] = []
    span: list[int] = []
    tag = b""

    def fits() -> bool:
        return len(above) == len(path) and all(
            step in ("*", name) for step, name in zip(path, above, strict=True)
        )

    def start(name: str, _attributes: object) -> None:
        nonlocal tag
        above.append(name.rpartition(":")[2])
        if not span and fits():
            span.append(parser.CurrentByteIndex)
            tag = name.encode()

    def end(_name: str) -> None:
        if len(span) == 1 and fits():
            span.append(parser.CurrentByteIndex)
        above.pop()

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(document, True)
    except expat.ExpatError:
        if len(span) == 1:
            span += [at.start() for at in re.finditer(rb"</" + re.escape(tag) + rb"\s*+>", document)][-1:]
    if len(span) < 2:
        return None
    return _cut(document, span[0], span[1], part)


def _cut(document: bytes, begin: int, closing: int, part: str) -> str | None:
    tag = _START_TAG.match(document, begin)
    if tag is None:
        return None
    if tag.group().endswith(b"/>"):
        whole, content = tag.group(), b""
    else:
        whole = document[begin : document.index(b">", closing) + 1]
        content = document[tag.end() : closing]
    return (whole if part == "element" else content).decode("utf-8", "surrogatepass")
