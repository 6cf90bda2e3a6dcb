"""The self-test of sealing that `hub doctor` shows: round trips, standard vectors, the file's mode, key wear."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hub.errors import HubError
from hub.seal.keyfile import read_ring
from hub.seal.keys import KeyRing, Profile, Purpose
from hub.seal.sealer import SEALS_PER_KEY, Sealer
from hub.seal.tokens import SearchKeys

_SM3_ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
_SM4_KEY = "0123456789abcdeffedcba9876543210"
_SM4_BLOCK = "681edf34d206965e86b3e94f536e4246"


class SealCheck(NamedTuple):
    """One line of the self-test; ``detail`` says what was found, and when not ``ok`` what to do."""

    name: str
    ok: bool
    detail: str


def check(
    ring: KeyRing, *, path: Path | None = None, sealed: Mapping[str, int] | None = None
) -> tuple[SealCheck, ...]:
    """Every check that applies to this ring, never an exception.

    Args:
        ring: The keys in use.
        path: The key file; its mode is looked at, and that it still holds this ring's keys.
        sealed: How many values the store holds under each key id, to warn before a key wears out.
    """
    lines = [_round_trip(ring), _token(ring)]
    if any(key.profile is Profile.HMAC_SM3 for key in ring.keys):
        lines.append(_sm3())
    if any(key.profile is Profile.SM4_GCM for key in ring.keys):
        lines.append(_sm4())
    if path is not None:
        lines.append(_file(path, ring))
    if sealed is not None:
        lines.append(_wear(sealed))
    return tuple(lines)


def _round_trip(ring: KeyRing) -> SealCheck:
    try:
        sealer = Sealer(ring)
        blob = sealer.seal(b"self-test", table="self_test", row_id="1")
        ok = sealer.unseal(blob, table="self_test", row_id="1") == b"self-test"
    except HubError as exc:
        return SealCheck("seal", False, exc.message)
    key = ring.active(Purpose.SEAL)
    return SealCheck(
        "seal", ok, f"key {key.key_id} ({key.profile.value}) seals and opens" if ok else "round trip differs"
    )


def _token(ring: KeyRing) -> SealCheck:
    try:
        search = SearchKeys(ring)
        ok = search.token("phone", "1") == search.tokens("phone", "1")[0]
    except HubError as exc:
        return SealCheck("search", False, exc.message)
    key = ring.active(Purpose.SEARCH)
    others = len(ring.usable(Purpose.SEARCH)) - 1
    rest = f"; {others} former key(s) still asked: run `hub keys reindex`, then retire them" if others else ""
    return SealCheck("search", ok, f"key {key.key_id} ({key.profile.value}) makes tokens{rest}")


def _sm3() -> SealCheck:
    try:
        found = hashlib.new("sm3", b"abc").hexdigest()
    except ValueError:
        return SealCheck("sm3", False, "this Python's OpenSSL has no SM3: use one built with it")
    ok = found == _SM3_ABC
    return SealCheck(
        "sm3", ok, "the example of GB/T 32905 holds" if ok else "the example of GB/T 32905 differs"
    )


def _sm4() -> SealCheck:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import Cipher, modes
    from cryptography.hazmat.primitives.ciphers.algorithms import SM4

    plain = bytes.fromhex(_SM4_KEY)
    # One block without chaining: the standard's example is given so, and nothing else is encrypted this way.
    try:
        context = Cipher(SM4(plain), modes.ECB()).encryptor()
        ok = (context.update(plain) + context.finalize()).hex() == _SM4_BLOCK
    except UnsupportedAlgorithm:
        return SealCheck("sm4", False, "this build of OpenSSL has no SM4: install the cryptography wheel")
    return SealCheck(
        "sm4", ok, "the example of GB/T 32907 holds" if ok else "the example of GB/T 32907 differs"
    )


def _file(path: Path, ring: KeyRing) -> SealCheck:
    try:
        kept = read_ring(path)
    except HubError as exc:
        return SealCheck("key_file", False, exc.message)
    ok = kept == ring
    return SealCheck(
        "key_file",
        ok,
        f"{path} is readable by its owner alone" if ok else f"{path} holds other keys than are in use",
    )


def _wear(sealed: Mapping[str, int]) -> SealCheck:
    worn = {key_id: count for key_id, count in sealed.items() if count >= SEALS_PER_KEY // 4}
    if worn:
        shown = ", ".join(f"{key_id}: {count}" for key_id, count in sorted(worn.items()))
        return SealCheck(
            "wear", False, f"{shown} values of {SEALS_PER_KEY} that one key may seal: run `hub keys rotate`"
        )
    most = max(sealed.values(), default=0)
    return SealCheck("wear", True, f"about {most} values under one key, of {SEALS_PER_KEY} that it may seal")
