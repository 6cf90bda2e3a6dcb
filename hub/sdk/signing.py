"""Signatures of messages by Standard Webhooks: made by the hub, checked by whoever receives them.

A department's own receiver may use `verify` as it stands: this module needs nothing but the standard library and,
for SM3 where the interpreter's OpenSSL lacks it, `cryptography`.

Source: github.com/standard-webhooks/standard-webhooks, specification 1.0.0. The label ``v1sm3`` (HMAC-SM3) is ours;
verifiers that do not know a label pass over it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as _random
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from hub.errors import Code, ConfigError, HubError

HEADER_ID = "webhook-id"
HEADER_TIMESTAMP = "webhook-timestamp"
HEADER_SIGNATURE = "webhook-signature"

SHA256 = "v1"
SM3 = "v1sm3"
TOLERANCE_S = 300.0

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_SECONDS = re.compile(r"[0-9]{1,11}\Z")
_MOST_TOKENS = 16  # labels times secrets of any rotation; more is an attempt to make us work


class SignatureInvalid(HubError):
    """A message does not bear the signature, the time or the form that it must have: answer 401 and drop it."""


def generate_secret(size_bytes: int = 32) -> str:
    """A new random secret, ``whsec_`` and base64.

    Args:
        size_bytes: 24 to 64 bytes of randomness.
    """
    if not _SHORTEST <= size_bytes <= _LONGEST:
        raise ValueError(f"a signing secret has {_SHORTEST} to {_LONGEST} bytes; asked for {size_bytes}")
    return _PREFIX + base64.b64encode(_random.token_bytes(size_bytes)).decode("ascii")


@lru_cache(maxsize=256)
def key_of(secret: str) -> bytes:
    """The key that a secret stands for.

    Raises:
        ConfigError: It is not ``whsec_`` followed by base64 of 24 to 64 bytes (code ``config_invalid``); the message
            does not repeat it.
    """
    found = "another beginning"
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret[len(_PREFIX) :].encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            found = "something that is no base64 after it"
        else:
            if _SHORTEST <= len(key) <= _LONGEST:
                return key
            found = f"{len(key)} bytes"
    # The cause is left out: it would quote the secret.
    raise ConfigError(
        f"signing secret: found {found} (expected {_PREFIX} and base64 of {_SHORTEST} to {_LONGEST} bytes); "
        "make a new one with `hub.sdk.signing.generate_secret()` and give it to both sides",
        code=Code.CONFIG_INVALID,
    ) from None


def sign(
    secrets: str | Sequence[str],
    message_id: str,
    timestamp: datetime | int,
    body: bytes,
    *,
    labels: Iterable[str] = (SHA256,),
) -> dict[str, str]:
    """The three headers of one attempt, one token a label and secret.

    Args:
        secrets: The active secret first; during a rotation the older one too, so that either verifies.
        message_id: The same over all attempts: letters, digits, ``_`` and ``-`` only, because a full stop would let
            the borders between id, time and body be moved.
        timestamp: The moment of this attempt, aware in any zone, or seconds since the epoch.
        body: The very bytes that are sent.
        labels: ``v1`` (HMAC-SHA256) and, for receivers that must use national algorithms, ``v1sm3``.

    Raises:
        ConfigError: No secret, or one of another form (codes ``secret_missing``, ``config_invalid``).
        ValueError: The id is of another form, the time is naive, or a label is unknown.
    """
    if not _MESSAGE_ID.match(message_id):
        raise ValueError("a message id has 1 to 128 letters, digits, '_' and '-'")
    seconds = str(_epoch(timestamp))
    tokens = _tokens(_keys(secrets), message_id, seconds, body, labels)
    return {HEADER_ID: message_id, HEADER_TIMESTAMP: seconds, HEADER_SIGNATURE: " ".join(tokens)}


def verify(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    body: bytes,
    secrets: str | Sequence[str],
    *,
    now: datetime,
    tolerance_s: float = TOLERANCE_S,
    labels: Collection[str] = (SHA256,),
) -> str:
    """The id of a message whose signature, time and form are right: its effect must happen once for each id.

    Args:
        headers: Names in any case; others than the three are passed over.
        body: The very bytes that arrived, before any decoding.
        secrets: All that are valid at present.
        now: Aware.
        tolerance_s: How far the message's time may lie from ``now``.
        labels: Those of which one must match; give ``("v1sm3",)`` where only SM3 counts.

    Raises:
        SignatureInvalid: Whatever else arrived: a header missing, given twice or malformed, a time too far from now,
            no signature that matches (code ``signature_invalid``).
        ConfigError: One of our own secrets is of another form.
    """
    keys = _keys(secrets)
    given = _headers(headers)
    message_id, seconds = given[HEADER_ID], given[HEADER_TIMESTAMP]
    if not _SECONDS.match(seconds):
        raise _invalid(f"{HEADER_TIMESTAMP} is no whole number of seconds since the epoch")
    late_s = _epoch(now) - int(seconds)
    if abs(late_s) > tolerance_s:
        raise _invalid(
            f"{HEADER_TIMESTAMP} is {abs(late_s)} s {'behind' if late_s > 0 else 'ahead of'} this clock "
            f"(expected at most {tolerance_s:.0f}); set both clocks by the same time server"
        )
    tokens = given[HEADER_SIGNATURE].split(" ")
    if len(tokens) > _MOST_TOKENS:
        raise _invalid(f"{HEADER_SIGNATURE} has {len(tokens)} tokens (expected at most {_MOST_TOKENS})")
    signed = [token.encode("utf-8", "surrogateescape") for token in tokens]
    matched = False
    for expected in _tokens(keys, message_id, seconds, body, labels):
        for token in signed:
            # No early end: the time that this takes must not tell which secret came close.
            matched |= hmac.compare_digest(expected.encode("ascii"), token)
    if not matched:
        raise _invalid(
            f"no token of {HEADER_SIGNATURE} matches under {'/'.join(labels)} (expected one made with a secret of this "
            "endpoint over the bytes as they arrived)"
        )
    return message_id


def _headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    wanted = (HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE)
    given: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower in wanted:
            if lower in given:
                raise _invalid(f"{lower} was given twice")
            given[lower] = value
    for name in wanted:
        value = given.get(name, "")
        if not value or not value.isprintable() or len(value) > 4_096:
            raise _invalid(f"{name} is missing, empty or unreadable")
    return given


def _keys(secrets: str | Sequence[str]) -> list[bytes]:
    listed = [secrets] if isinstance(secrets, str) else list(secrets)
    if not listed:
        raise ConfigError(
            "signing: the endpoint has no secret (expected at least one); set one with `hub config apply`",
            code=Code.SECRET_MISSING,
        )
    return [key_of(secret) for secret in listed]


def _tokens(
    keys: Sequence[bytes], message_id: str, seconds: str, body: bytes, labels: Iterable[str]
) -> list[str]:
    signed = b"%b.%b.%b" % (message_id.encode("utf-8", "surrogateescape"), seconds.encode("ascii"), body)
    return [
        f"{label},{base64.b64encode(_mac(label, key, signed)).decode('ascii')}"
        for label in labels
        for key in keys
    ]


def _mac(label: str, key: bytes, signed: bytes) -> bytes:
    if label == SHA256:
        return hmac.digest(key, signed, "sha256")
    if label != SM3:
        raise ValueError(f"unknown signature label {label!r}; known: {SHA256}, {SM3}")
    if "sm3" in hashlib.algorithms_available:
        return hmac.new(key, signed, "sm3").digest()
    from cryptography.hazmat.primitives.hashes import SM3 as Sm3
    from cryptography.hazmat.primitives.hmac import HMAC

    mac = HMAC(key, Sm3())
    mac.update(signed)
    return mac.finalize()


def _epoch(moment: datetime | int) -> int:
    if isinstance(moment, int):
        return moment
    if moment.tzinfo is None:
        raise ValueError("a signature's time must be aware: give it its zone")
    return int(moment.timestamp() // 1)


def _invalid(found: str) -> SignatureInvalid:
    return SignatureInvalid(
        f"webhook refused: {found}; nothing of it was used: answer 401 and compare secret and clock with the sender's",
        code=Code.SIGNATURE_INVALID,
    )
