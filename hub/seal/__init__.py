"""Sealing of personal data, search tokens and salted digests, under one ring of versioned keys."""

from hub.seal.check import SealCheck, check
from hub.seal.keyfile import KeyFile, update_ring
from hub.seal.keys import Key, KeyRing, KeyState, Profile, Purpose
from hub.seal.sealer import SEALS_PER_KEY, SealBroken, Sealer, UnknownKey, key_id_of, seal_prefix
from hub.seal.tokens import ChainSalt, SearchKeys

__all__ = [
    "SEALS_PER_KEY",
    "ChainSalt",
    "Key",
    "KeyFile",
    "KeyRing",
    "KeyState",
    "Profile",
    "Purpose",
    "SealBroken",
    "SealCheck",
    "Sealer",
    "SearchKeys",
    "UnknownKey",
    "check",
    "key_id_of",
    "seal_prefix",
    "update_ring",
]
