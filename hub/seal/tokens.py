"""Search tokens and salted digests: keyed hashes that let equal values be found without being read."""

from __future__ import annotations

import hashlib
import hmac
import re
from binascii import b2a_base64
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from hub.errors import Code, ConfigError
from hub.seal.keys import Key, KeyRing, Profile, Purpose

if TYPE_CHECKING:
    from hashlib import _Hash

TOKEN_BYTES = 18
"""Length to which a search token's hash is cut: 144 bits, 24 characters of base64 without padding."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_NAMES = {Profile.HMAC_SHA256: "sha256", Profile.HMAC_SM3: "sm3"}

Started = tuple[str, "_Hash", "_Hash"]


class SearchKeys:
    """Gives the tokens under which personal values are found: ``<key id>:<24 characters>``.

    Equal values of one kind have equal tokens under one key; kinds are apart from each other. Values are taken as
    they are: bring them into their canonical form first (`hub.text.identity`). While keys are rotated, rows hold
    tokens of the former or the new key: write `token`, ask for any of `tokens`, rebuild with `hub keys reindex`,
    then retire the former key. Safe to share between threads.

    Raises:
        ConfigError: This build of OpenSSL lacks SM3 and a key needs it (code ``keys_invalid``).
    """

    __slots__ = ("_active", "_asked", "_ring")

    def __init__(self, ring: KeyRing) -> None:
        self.renew(ring)

    def renew(self, ring: KeyRing) -> None:
        """Takes another ring from now on."""
        usable = ring.usable(Purpose.SEARCH)
        self._asked = tuple(_Kinds(key) for key in usable)
        self._active = self._asked[0]
        self._ring = ring

    @property
    def active_key_id(self) -> str:
        """The id that every new token begins with."""
        return self._active.key_id

    def token(self, kind: str, value: str) -> str:
        """The token under the active key: what is written.

        Args:
            kind: What the value is: ``phone``, ``id_no``, ``email`` …; lower case letters, digits, underscores.
            value: In its canonical form.

        Raises:
            ValueError: ``kind`` is not of that form.
        """
        return _token(self._active[kind], value)

    def tokens(self, kind: str, value: str) -> list[str]:
        """The tokens under every key that is not retired, the active one first: what is asked for."""
        return [_token(kinds[kind], value) for kinds in self._asked]

    def __repr__(self) -> str:
        return f"SearchKeys({self._ring!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("search keys are never pickled: each process builds its own from the key file")


class ChainSalt:
    """Salted digests for hash chains: ``<key id>:`` and 32 bytes.

    The id stands in the digest, so a chain goes on over a rotation and each link is still checked with its own key.
    """

    __slots__ = ("_active", "_digest", "_ring")

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._digest = {key.key_id: _keyed(key) for key in ring.usable(Purpose.SALT)}
        self._active = ring.active(Purpose.SALT).key_id

    def salted_digest(self, payload: bytes) -> bytes:
        """The digest of the payload under the active salt."""
        return self._under(self._active, payload)

    def matches(self, payload: bytes, digest: bytes) -> bool:
        """Whether that digest was made of that payload, under whichever salt it names.

        Raises:
            ConfigError: The ring has no such salt (code ``key_unknown``).
        """
        key_id = digest.partition(b":")[0].decode("ascii", "replace")
        if key_id not in self._digest:
            raise ConfigError(
                f"salted digest: its salt {key_id[:16]!r} is not in the ring (it has {', '.join(self._digest)}); "
                "use the key file of this database",
                code=Code.KEY_UNKNOWN,
            )
        return hmac.compare_digest(self._under(key_id, payload), digest)

    def _under(self, key_id: str, payload: bytes) -> bytes:
        return key_id.encode("ascii") + b":" + self._digest[key_id](payload)

    def __repr__(self) -> str:
        return f"ChainSalt({self._ring!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("salts are never pickled: each process builds its own from the key file")


class _Kinds(dict[str, Started]):
    """For each kind the hash states that already hold the key and the kind."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key_id = key.key_id
        self._inner, self._outer = _pads(key)

    def __missing__(self, kind: str) -> Started:
        if not _KIND.match(kind):
            raise ValueError(
                "a search token's kind is a lower-case word of at most 32 letters, digits or underscores"
            )
        inner = self._inner.copy()
        inner.update(kind.encode("ascii") + b"\x1f")
        started = (self.key_id + ":", inner, self._outer)
        self[kind] = started
        return started


def _token(started: Started, value: str) -> str:
    prefix, inner, outer = started
    message = inner.copy()
    message.update(value.encode())
    mac = outer.copy()
    mac.update(message.digest())
    return prefix + b2a_base64(mac.digest()[:TOKEN_BYTES], newline=False).translate(_URL_SAFE).decode("ascii")


def _keyed(key: Key) -> Callable[[bytes], bytes]:
    inner, outer = _pads(key)

    def digest(payload: bytes) -> bytes:
        message = inner.copy()
        message.update(payload)
        mac = outer.copy()
        mac.update(message.digest())
        return mac.digest()

    return digest


def _pads(key: Key) -> tuple[_Hash, _Hash]:
    # HMAC (RFC 2104) with both pads hashed beforehand: hmac.new costs three times as much for each value.
    secret = key.secret or b""
    name = _NAMES[key.profile]
    try:
        inner, outer = hashlib.new(name), hashlib.new(name)
    except ValueError as exc:
        raise ConfigError(
            f"key {key.key_id}: profile {key.profile.value} needs {name}, which this Python's OpenSSL lacks "
            "(expected OpenSSL 1.1.1 or newer built with SM3); use such a Python, or choose profile aes",
            code=Code.KEYS_INVALID,
        ) from exc
    block = secret.ljust(inner.block_size, b"\0")
    inner.update(bytes(byte ^ 0x36 for byte in block))
    outer.update(bytes(byte ^ 0x5C for byte in block))
    return inner, outer
