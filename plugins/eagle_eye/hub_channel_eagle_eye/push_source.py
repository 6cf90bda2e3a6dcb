"""Ratings that their platform pushes: XML, encrypted with SM4 under a key that both sides make of a shared secret, in base64.

The encryption is the only proof that the source gives by itself: whoever cannot encrypt under the key is refused. It hides and does not sign; where the
sender can sign (Standard Webhooks), `signature` demands it besides.

Source: domain.md §7, Rating push.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from hub.sdk import (
    ChannelContext,
    Check,
    Code,
    Page,
    PushRequest,
    RawRecord,
    RecordRejected,
    SourceContractError,
    Stream,
    Window,
)
from hub.sdk.checks import line
from hub.sdk.readers.encoding import declared_charset, to_utf8
from hub.sdk.signing import SignatureInvalid
from hub_channel_eagle_eye.fields import Values, read_xml
from hub_channel_eagle_eye.mapping import EagleEyeMapping
from hub_channel_eagle_eye.settings import PushSource
from hub_channel_eagle_eye.shapes import Shape
from hub_channel_eagle_eye.streams import PUSHED_RATINGS

_BLOCK_BITS = 128
_LEVEL = "level"
# The pushes name some fields in Chinese.
_NAMES: Mapping[str, str] = {
    "评价编号": "evaluateId",
    "办件编号": "internalNo",
    "事项编码": "itemId",
    "事项名称": "transactAffairName",
    "评价等级": _LEVEL,
    "评价时间": "evaluateTime",
    "评价内容": "content",
    "评价标签": "tags",
    "姓名": "evaluatorName",
    "手机号码": "evaluatorMobile",
    "证件类型": "evaluatorPaperType",
    "证件号码": "evaluatorPaperCode",
    "服务次数": "serviceNumber",
}


class PushedRatings:
    """What is pushed to one eagle-eye.

    Args:
        source: How it is encrypted.
        ctx: The channel's.
        mapping: Gives a rating its number and time.
    """

    def __init__(self, source: PushSource, ctx: ChannelContext, mapping: EagleEyeMapping) -> None:
        self.streams: tuple[Stream, ...] = (PUSHED_RATINGS,)
        self._source = source
        self._ctx = ctx
        self._mapping = mapping

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Nothing: the source comes to us."""
        return iter(())

    def close(self) -> None:
        """There is nothing to be released."""

    def checks(self) -> list[Check]:
        """Whether the secrets are there; the source cannot be asked."""
        lines = [line("key", self._key_is_there)]
        if self._source.signature is not None:
            from hub.sdk.readers.push import PushReader

            lines.append(PushReader(self._ctx, self._source.signature).check())
        return lines

    def receive(self, request: PushRequest) -> Sequence[RawRecord]:
        """The ratings of a push; see `hub.sdk.Channel.receive`.

        Raises:
            SignatureInvalid: It was not encrypted under the key, or is not signed where it must be.
            SourceContractError: Too large, not as it must be sent, or without ratings.
        """
        if self._source.signature is not None:
            from hub.sdk.readers.push import PushReader

            content = PushReader(self._ctx, self._source.signature).proven(request).content
        else:
            content = self._bounded(request)
        values = self._opened(content)
        ratings = list(_ratings_in(values))
        if not ratings:
            self._refuse(
                Code.PAGE_SHAPE,
                "no rating (expected at least one with a level)",
                "look at what the sender sends",
            )
        return [self._mapping.landed(Shape.RATING, _as_json(rating)) for rating in ratings]

    def _bounded(self, request: PushRequest) -> bytes:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if request.method.upper() != "POST":
            self._refuse(Code.PAGE_SHAPE, f"a {request.method[:10]!r} (expected POST)", "correct the sender")
        if len(request.body) > self._source.max_body_bytes:
            found = f"{len(request.body)} bytes (expected at most {self._source.max_body_bytes})"
            self._refuse(Code.PAGE_TOO_LARGE, found, "send fewer ratings at once, or raise max_body_bytes")
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            self._refuse(Code.PAGE_ENCODING, "a compressed body (expected none)", "send the body as it is")
        return request.body

    def _opened(self, content: bytes) -> Values:
        """The document within; whatever cannot be opened under the key was not sent by who holds it."""
        try:
            sealed = base64.b64decode(b"".join(content.split()), validate=True)
        except binascii.Error:
            self._refuse(
                Code.PAGE_SHAPE, "a body that is no base64 (expected base64)", "look at what the sender sends"
            )
        try:
            plain = _unpadded(self._decrypted(sealed))
            found = to_utf8(plain, declared_charset(plain), place=self._where)
            return read_xml(found.utf8.decode())  # broken characters are no UTF-8 here
        except (ValueError, RecordRejected, SourceContractError):
            # The cause's text could show what was sent.
            pass
        raise SignatureInvalid(
            f"{self._where}: a body that does not open under the key (expected XML, SM4 in mode {self._source.mode}); answer 401, and compare "
            "secret, key_form and mode with the sender's",
            code=Code.SIGNATURE_INVALID,
        )

    def _decrypted(self, sealed: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, modes
        from cryptography.hazmat.primitives.ciphers.algorithms import SM4

        if self._source.mode == "cbc":  # the first block is the initial value
            mode: modes.CBC | modes.ECB = modes.CBC(sealed[:16])
            sealed = sealed[16:]
        else:
            mode = modes.ECB()
        decryptor = Cipher(SM4(self._key()), mode).decryptor()
        return decryptor.update(sealed) + decryptor.finalize()

    def _key(self) -> bytes:
        secret = self._ctx.secret(self._source.secret).encode()
        digest = hashlib.md5(secret, usedforsecurity=False)  # the source's own choice
        return digest.digest() if self._source.key_form == "digest" else digest.hexdigest()[:16].encode()

    def _key_is_there(self) -> str:
        self._key()
        return "the secret of the key is there"

    @property
    def _where(self) -> str:
        return f"push to {self._ctx.instance}"

    def _refuse(self, code: Code, found: str, todo: str) -> NoReturn:
        # The body is not kept: nobody has proven yet who sent it.
        raise SourceContractError(f"{self._where}: {found}; nothing of it was used: {todo}", code=code)


def _unpadded(plain: bytes) -> bytes:
    from cryptography.hazmat.primitives.padding import PKCS7

    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    return unpadder.update(plain) + unpadder.finalize()


def _ratings_in(values: Any) -> Iterator[Values]:
    """Objects with a level, at whatever depth they stand, in their order."""
    if isinstance(values, list):
        for one in values:
            yield from _ratings_in(one)
    elif isinstance(values, Mapping):
        named = {_NAMES.get(name, name): value for name, value in values.items()}
        if _LEVEL in named:
            yield named
        else:
            for one in values.values():
                yield from _ratings_in(one)


def _as_json(rating: Values) -> bytes:
    return json.dumps(rating, ensure_ascii=False).encode("utf-8", "replace")
