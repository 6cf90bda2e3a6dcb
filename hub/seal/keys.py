"""The ring of versioned keys: which key seals, which searches, which salts, and which may only read."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal, NoReturn

from hub.errors import Code, ConfigError


class Purpose(StrEnum):
    """What a key is for; a key never serves two purposes."""

    SEAL = "seal"
    SEARCH = "search"
    SALT = "salt"


class Profile(StrEnum):
    """The algorithm that a key belongs to."""

    AES256_GCM = "aes256gcm"
    SM4_GCM = "sm4gcm"
    HMAC_SHA256 = "hmac-sha256"
    HMAC_SM3 = "hmac-sm3"


class KeyState(StrEnum):
    """``active`` writes and reads, ``decrypt_only`` reads (for search keys: is still asked), ``retired`` neither."""

    ACTIVE = "active"
    DECRYPT_ONLY = "decrypt_only"
    RETIRED = "retired"


_SEALING = {Profile.AES256_GCM: 32, Profile.SM4_GCM: 16}
_HASHING = {Profile.HMAC_SHA256: 32, Profile.HMAC_SM3: 32}
_LETTER = {Purpose.SEAL: "s", Purpose.SEARCH: "h", Purpose.SALT: "d"}
_FAMILIES = {
    "aes": (Profile.AES256_GCM, Profile.HMAC_SHA256),
    "sm": (Profile.SM4_GCM, Profile.HMAC_SM3),
}
_KEY_ID = re.compile(r"[a-z][a-z0-9]{0,15}\Z")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the ring; the secret stays out of ``repr``, and a key refuses to be pickled.

    Attributes:
        key_id: 1 to 16 characters ``[a-z0-9]``; stands in every sealed value and search token, never reused.
        created_at: Aware.
        secret: The key's bytes; None once it was forgotten (only of a retired key).
    """

    key_id: str
    purpose: Purpose
    profile: Profile
    state: KeyState
    created_at: datetime
    secret: bytes | None = field(repr=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled: each process reads the key file itself")


class KeyRing:
    """All keys of one hub; frozen, every change gives a new ring.

    There is exactly one active key for each purpose. Secrets never appear in ``repr``, ``str``, pickles or
    error messages.

    Raises:
        ConfigError: The keys contradict each other (code ``keys_invalid``).
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)
        _validate(self._keys)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every key that the ring has known, retired ones included, in the order of their making."""
        return self._keys

    @classmethod
    def generate(cls, profile: Literal["aes", "sm"] = "aes", *, now: datetime | None = None) -> KeyRing:
        """A new ring with one fresh key for each purpose, from the system's random source."""
        if profile not in _FAMILIES:
            raise ConfigError(
                f"key ring: profile {profile!r} is not known (expected 'aes' or 'sm'); choose one of the two",
                code=Code.KEYS_INVALID,
            )
        sealing, hashing = _FAMILIES[profile]
        made = now or datetime.now(UTC)
        return cls(
            _fresh(f"{_LETTER[purpose]}1", purpose, sealing if purpose is Purpose.SEAL else hashing, made)
            for purpose in Purpose
        )

    @classmethod
    def from_file(cls, path: Path | str) -> KeyRing:
        """The ring kept in that file; see `hub.seal.keyfile.read_ring` for what is refused."""
        from hub.seal.keyfile import read_ring

        return read_ring(Path(path))

    def to_file(self, path: Path | str, *, replace: bool = False) -> None:
        """Writes the ring, mode 0600; see `hub.seal.keyfile.write_ring` for what is refused."""
        from hub.seal.keyfile import write_ring

        write_ring(Path(path), self, replace=replace)

    def active(self, purpose: Purpose | str) -> Key:
        """The key that writes for that purpose."""
        wanted = Purpose(purpose)
        return next(key for key in self._keys if key.purpose is wanted and key.state is KeyState.ACTIVE)

    def usable(self, purpose: Purpose | str) -> tuple[Key, ...]:
        """The keys that may read for that purpose: the active one first, then the others, newest first."""
        wanted = Purpose(purpose)
        newest_first = [
            key for key in self._keys[::-1] if key.purpose is wanted and key.state is not KeyState.RETIRED
        ]
        return tuple(sorted(newest_first, key=lambda key: key.state is not KeyState.ACTIVE))

    def find(self, key_id: str) -> Key | None:
        """The key of that id, retired or not; None when the ring never had it."""
        return next((key for key in self._keys if key.key_id == key_id), None)

    def rotate(
        self, purpose: Purpose | str, *, profile: Profile | str | None = None, now: datetime | None = None
    ) -> KeyRing:
        """A ring with a fresh active key for that purpose; the former one may only read from now on.

        Args:
            purpose: Which key is replaced.
            profile: Algorithm of the new key; that of the former one when None.
            now: Aware; the present when None.
        """
        former = self.active(purpose)
        number = sum(key.purpose is former.purpose for key in self._keys) + 1
        taken = {key.key_id for key in self._keys}
        while f"{_LETTER[former.purpose]}{number}" in taken:
            number += 1
        chosen = Profile(profile) if profile is not None else former.profile
        fresh = _fresh(f"{_LETTER[former.purpose]}{number}", former.purpose, chosen, now or datetime.now(UTC))
        return KeyRing((*self._with(former, state=KeyState.DECRYPT_ONLY), fresh))

    def retire(self, key_id: str) -> KeyRing:
        """A ring in which that key neither writes nor reads; its secret is kept until `forget`.

        Raises:
            ConfigError: No such key (code ``key_unknown``), or it is the active one (``keys_invalid``).
        """
        key = self._known(key_id)
        if key.state is KeyState.ACTIVE:
            raise ConfigError(
                f"key ring: key {key_id} is the active {key.purpose.value} key (expected one that only reads); "
                "rotate first, rewrite what it sealed, then retire it",
                code=Code.KEYS_INVALID,
            )
        return KeyRing(self._with(key, state=KeyState.RETIRED))

    def restore(self, key_id: str) -> KeyRing:
        """A ring in which that retired key reads again: the way back from a `retire` that came too early."""
        key = self._known(key_id)
        if key.state is KeyState.RETIRED and key.secret is not None:
            return KeyRing(self._with(key, state=KeyState.DECRYPT_ONLY))
        raise ConfigError(
            f"key ring: key {key_id} cannot be restored: it is {_condition(key)} (expected retired, not forgotten); "
            "take the key file from its backup",
            code=Code.KEYS_INVALID,
        )

    def forget(self, key_id: str) -> KeyRing:
        """A ring without that retired key's secret; its id stays, so that it is never given again.

        What the key sealed can never be read again.
        """
        key = self._known(key_id)
        if key.state is not KeyState.RETIRED:
            raise ConfigError(
                f"key ring: key {key_id} is {key.state.value} (expected retired); retire it before it is forgotten",
                code=Code.KEYS_INVALID,
            )
        return KeyRing(self._with(key, secret=None))

    def _known(self, key_id: str) -> Key:
        key = self.find(key_id)
        if key is None:
            known = ", ".join(each.key_id for each in self._keys)
            raise ConfigError(
                f"key ring: no key is called {key_id!r} (the ring has {known}); see `hub keys list`",
                code=Code.KEY_UNKNOWN,
            )
        return key

    def _with(self, changed: Key, **fields: object) -> tuple[Key, ...]:
        make: Callable[..., Key] = replace
        return tuple(make(key, **fields) if key is changed else key for key in self._keys)

    def __eq__(self, other: object) -> bool:
        return self._keys == other._keys if isinstance(other, KeyRing) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple((key.key_id, key.state) for key in self._keys))

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(f'{key.key_id}:{key.profile.value}:{key.state.value}' for key in self._keys)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key ring is never pickled: each process reads the key file itself")


def _condition(key: Key) -> str:
    return "forgotten" if key.secret is None else key.state.value


def _fresh(key_id: str, purpose: Purpose, profile: Profile, made: datetime) -> Key:
    sizes = _SEALING if purpose is Purpose.SEAL else _HASHING
    if profile not in sizes:
        raise ConfigError(
            f"key ring: profile {profile.value} cannot serve purpose {purpose.value} "
            f"(expected one of {', '.join(sorted(each.value for each in sizes))}); choose one of these",
            code=Code.KEYS_INVALID,
        )
    return Key(key_id, purpose, profile, KeyState.ACTIVE, made, secrets.token_bytes(sizes[profile]))


def _validate(keys: tuple[Key, ...]) -> None:
    seen: set[str] = set()
    for key in keys:
        _validate_one(key)
        if key.key_id in seen:
            raise _invalid(f"key id {key.key_id} stands twice (expected once)")
        seen.add(key.key_id)
    for purpose in Purpose:
        active = sum(key.purpose is purpose and key.state is KeyState.ACTIVE for key in keys)
        if active != 1:
            raise _invalid(f"purpose {purpose.value} has {active} active keys (expected exactly 1)")


def _validate_one(key: Key) -> None:
    if not _KEY_ID.match(key.key_id):
        raise _invalid("a key id is not of the form s1 (expected a letter and up to 15 letters or digits)")
    sizes = _SEALING if key.purpose is Purpose.SEAL else _HASHING
    if key.profile not in sizes:
        raise _invalid(
            f"key {key.key_id}: profile {key.profile.value} cannot serve purpose {key.purpose.value}"
        )
    if key.created_at.tzinfo is None:
        raise _invalid(f"key {key.key_id}: created_at has no zone (expected an aware time)")
    if key.secret is None:
        if key.state is not KeyState.RETIRED:
            raise _invalid(f"key {key.key_id} has no secret (expected one unless it is retired)")
        return
    if len(key.secret) != sizes[key.profile]:
        raise _invalid(
            f"key {key.key_id}: the secret has {len(key.secret)} bytes (expected {sizes[key.profile]} for {key.profile.value})"
        )
    if len(set(key.secret)) < 4:
        raise _invalid(f"key {key.key_id}: the secret is a run of the same bytes (expected random ones)")


def _invalid(found: str) -> ConfigError:
    return ConfigError(
        f"key ring: {found}; take the key file from its backup or mend it", code=Code.KEYS_INVALID
    )
