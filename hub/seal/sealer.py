"""Sealing: authenticated encryption of one value, bound to the table and the row that it stands in.

A sealed value is: format (1 byte), profile (1 byte), length of the key id (1 byte), key id, nonce (12 bytes),
ciphertext, tag (16 bytes). Everything before the nonce, the table and the row id are authenticated too, so a value
that was moved to another row does not open.

Nonces are 96 random bits, drawn for each value (or batch) from the kernel and never kept: nothing repeats after a
fork or when a machine is restored from a snapshot. GCM under random nonces is sound for 2**32 values a key
(NIST SP 800-38D, 8.3); `SEALS_PER_KEY` states it, `hub.seal.check` warns at a quarter, and rotating is the remedy.
A county of 44,000 demands a year needs some thousand years for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from os import urandom
from typing import NoReturn

from hub.errors import Code, ConfigError, HubError
from hub.seal.keys import Key, KeyRing, Profile, Purpose

SEALS_PER_KEY = 2**32
"""How many values one key may seal under random 96-bit nonces."""

_FORMAT = 1
_PROFILE_BYTE = {Profile.AES256_GCM: 1, Profile.SM4_GCM: 2}
_NONCE = 12
_TAG = 16
_TABLE = re.compile(r"[a-z_][a-z0-9_.]{0,62}\Z")

Encrypt = Callable[[bytes, bytes, bytes], bytes]
Decrypt = Callable[[bytes, bytes, bytes], bytes]


class SealBroken(HubError):
    """A sealed value was changed, cut short, or belongs to another row."""


class UnknownKey(ConfigError):
    """A sealed value names a key that this ring does not have or has retired."""


class Sealer:
    """Seals under the ring's active key and opens what any key that is not retired has sealed.

    Safe to share between threads. A process that runs on while keys are rotated passes ``reload``: it is asked
    once when a value names an unknown key, and its ring is used from then on.

    Args:
        ring: The keys.
        reload: Gives the ring as it is now, for instance ``KeyFile(path).ring``.

    Raises:
        ConfigError: This build of OpenSSL lacks the cipher of one of the keys (code ``keys_invalid``).
    """

    __slots__ = ("_active", "_bound", "_openers", "_refusals", "_reload", "_ring")

    def __init__(self, ring: KeyRing, *, reload: Callable[[], KeyRing] | None = None) -> None:
        from cryptography.exceptions import InvalidTag

        self._refusals = (InvalidTag, ValueError)
        self._reload = reload
        self.renew(ring)

    def renew(self, ring: KeyRing) -> None:
        """Takes another ring from now on."""
        openers: dict[bytes, Decrypt] = {}
        active = ring.active(Purpose.SEAL)
        for key in ring.usable(Purpose.SEAL):
            encrypt, decrypt = _cipher(key)
            openers[_header(key)] = decrypt
            if key is active:
                self._active = (_header(key), encrypt)
        self._openers = openers
        self._bound: dict[tuple[bytes, str], bytes] = {}
        self._ring = ring

    @property
    def ring(self) -> KeyRing:
        """The ring in use."""
        return self._ring

    def seal(self, plain: bytes, *, table: str, row_id: str) -> bytes:
        """The value sealed for that row.

        Raises:
            ValueError: ``table`` is no plain table name.
        """
        header, encrypt = self._active
        bound = self._bound.get((header, table)) or self._bind(header, table)
        nonce = urandom(_NONCE)
        return header + nonce + encrypt(nonce, plain, bound + row_id.encode())

    def seal_many(self, plains: Sequence[bytes], *, table: str, row_ids: Sequence[str]) -> list[bytes]:
        """Each value sealed for the row at the same place; one call to the kernel for all nonces.

        Raises:
            ValueError: The two sequences differ in length, or ``table`` is no plain table name.
        """
        seal = self.series(table, len(plains))
        return [seal(plain, row_id) for plain, row_id in zip(plains, row_ids, strict=True)]

    def series(self, table: str, count: int) -> Callable[[bytes, str], bytes]:
        """A function (value, row id) -> sealed value for at most ``count`` calls under today's active key.

        One call to the kernel draws the nonces of all; each is used once. For a page of values, of which none should
        have to wait in memory for the others. For one thread.

        Raises:
            ValueError: ``table`` is no plain table name.
            IndexError: By the function, when it is called more often.
        """
        header, encrypt = self._active
        bound = self._bound.get((header, table)) or self._bind(header, table)
        draw = _nonces(count).pop

        def seal(plain: bytes, row_id: str) -> bytes:
            nonce = draw()
            return header + nonce + encrypt(nonce, plain, bound + row_id.encode())

        return seal

    def unseal(self, blob: bytes, *, table: str, row_id: str) -> bytes:
        """The value that was sealed for that row.

        Raises:
            SealBroken: It was changed, cut short, or sealed for another row (code ``seal_broken``).
            UnknownKey: Its key is not in the ring, or retired (code ``key_unknown``).
        """
        if len(blob) < 4 + _NONCE + _TAG:
            raise _broken(table, row_id, f"{len(blob)} bytes are too short for a sealed value")
        start = 3 + blob[2]
        header = bytes(blob[:start])
        decrypt = self._openers.get(header) or self._other(header, table, row_id)
        bound = self._bound.get((header, table)) or self._bind(header, table)
        nonce_end = start + _NONCE
        try:
            return decrypt(blob[start:nonce_end], blob[nonce_end:], bound + row_id.encode())
        except self._refusals as exc:
            raise _broken(
                table, row_id, "it does not open (it was changed, or sealed for another row)"
            ) from exc

    def _other(self, header: bytes, table: str, row_id: str) -> Decrypt:
        key_id = _named(header, table, row_id)
        if self._reload is not None:
            self.renew(self._reload())
            if header in self._openers:
                return self._openers[header]
        raise _unknown(self._ring, key_id, table, row_id)

    def _bind(self, header: bytes, table: str) -> bytes:
        if not _TABLE.match(table):
            raise ValueError(
                "a value is sealed for a table: give its plain name, lower case, at most 63 characters"
            )
        bound = header + table.encode() + b"\x1f"
        self._bound[header, table] = bound
        return bound

    def __repr__(self) -> str:
        return f"Sealer({self._ring!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealer is never pickled: each process builds its own from the key file")


def _nonces(count: int) -> list[bytes]:
    drawn = urandom(_NONCE * count)
    return [drawn[at : at + _NONCE] for at in range(0, len(drawn), _NONCE)]


def key_id_of(blob: bytes) -> str:
    """The id of the key that sealed this value; nothing is opened or checked.

    Raises:
        SealBroken: This is no sealed value (code ``seal_broken``).
    """
    if len(blob) < 4 + _NONCE + _TAG:
        raise _broken("?", "?", f"{len(blob)} bytes are too short for a sealed value")
    return _named(bytes(blob[: 3 + blob[2]]), "?", "?")


def seal_prefix(key: Key) -> bytes:
    """The bytes with which every value sealed by that key begins: a query for them finds what is left to rewrite."""
    return _header(key)


def _header(key: Key) -> bytes:
    name = key.key_id.encode("ascii")
    return bytes((_FORMAT, _PROFILE_BYTE[key.profile], len(name))) + name


def _named(header: bytes, table: str, row_id: str) -> str:
    name = header[3:]
    if (
        header[0] != _FORMAT
        or header[1] not in _PROFILE_BYTE.values()
        or not (name.isascii() and name.isalnum())
    ):
        raise _broken(table, row_id, "its first bytes are not those of a sealed value")
    return name.decode("ascii")


def _broken(table: str, row_id: str, found: str) -> SealBroken:
    return SealBroken(
        f"sealed value of {table} row {row_id}: {found} (expected the bytes that the hub wrote for this very row); "
        "restore the row from a backup and find out who wrote to it",
        code=Code.SEAL_BROKEN,
    )


def _unknown(ring: KeyRing, key_id: str, table: str, row_id: str) -> UnknownKey:
    known = ", ".join(key.key_id for key in ring.usable(Purpose.SEAL))
    found = ring.find(key_id)
    state = f"is {found.state.value} or of another profile" if found is not None else "is not in the ring"
    return UnknownKey(
        f"sealed value of {table} row {row_id}: its key {key_id} {state} (the ring can open {known}); "
        "use the key file of this database, or restore that key from the file's backup",
        code=Code.KEY_UNKNOWN,
    )


def _cipher(key: Key) -> tuple[Encrypt, Decrypt]:
    if key.secret is None:
        raise ConfigError(
            f"key {key.key_id}: has no secret (expected one); take the key file from its backup",
            code=Code.KEYS_INVALID,
        )
    return _aes(key.secret) if key.profile is Profile.AES256_GCM else _sm4(key.key_id, key.secret)


def _aes(secret: bytes) -> tuple[Encrypt, Decrypt]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    aead = AESGCM(secret)
    return aead.encrypt, aead.decrypt


def _sm4(key_id: str, secret: bytes) -> tuple[Encrypt, Decrypt]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import Cipher, modes
    from cryptography.hazmat.primitives.ciphers.algorithms import SM4

    algorithm = SM4(secret)

    def encrypt(nonce: bytes, plain: bytes, aad: bytes) -> bytes:
        context = Cipher(algorithm, modes.GCM(nonce)).encryptor()
        context.authenticate_additional_data(aad)
        return context.update(plain) + context.finalize() + context.tag

    def decrypt(nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        context = Cipher(algorithm, modes.GCM(nonce, sealed[-_TAG:])).decryptor()
        context.authenticate_additional_data(aad)
        return context.update(sealed[:-_TAG]) + context.finalize()

    try:
        encrypt(bytes(_NONCE), b"", b"")
    except UnsupportedAlgorithm as exc:
        raise ConfigError(
            f"key {key_id}: profile sm4gcm needs SM4-GCM, which this build of OpenSSL lacks (expected OpenSSL 3.1 or newer "
            "built with SM4); install the cryptography wheel, which carries its own, or choose profile aes",
            code=Code.KEYS_INVALID,
        ) from exc
    return encrypt, decrypt
