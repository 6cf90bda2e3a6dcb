"""Search tokens and salted digests: equal for equal values, apart for kinds and keys, true HMACs."""

from __future__ import annotations

import base64
import hmac
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.seal import ChainSalt, KeyRing, SearchKeys


def secret_of(ring, purpose):
    """The active secret for that purpose."""
    secret = ring.active(purpose).secret
    assert secret is not None
    return secret


RINGS = {"aes": (KeyRing.generate("aes"), "sha256"), "sm": (KeyRing.generate("sm"), "sm3")}
both = pytest.mark.parametrize("profile", RINGS)


@both
@given(value=st.text(max_size=80))
def test_a_token_is_the_hmac_of_kind_and_value_cut_to_144_bits(profile, value):
    ring, name = RINGS[profile]
    mac = hmac.new(secret_of(ring, "search"), b"phone\x1f" + value.encode(), name).digest()
    expected = "h1:" + base64.urlsafe_b64encode(mac[:18]).decode()
    assert SearchKeys(ring).token("phone", value) == expected


@both
def test_a_token_is_short_plain_ascii_without_padding(profile):
    search = SearchKeys(RINGS[profile][0])
    for number in range(50):
        assert re.fullmatch(r"h1:[A-Za-z0-9_-]{24}", search.token("phone", str(number)))


@both
def test_the_same_value_of_another_kind_or_under_another_ring_has_another_token(profile):
    search = SearchKeys(RINGS[profile][0])
    tokens = {
        search.token("phone", "13912345678"),
        search.token("account", "13912345678"),
        search.token("phone", "13912345679"),
        SearchKeys(KeyRing.generate()).token("phone", "13912345678"),
    }
    assert len(tokens) == 4


def test_during_a_rotation_both_tokens_are_asked_for_and_the_new_one_is_written():
    ring = RINGS["aes"][0]
    former = SearchKeys(ring).token("phone", "13912345678")
    rotated = ring.rotate("search")
    search = SearchKeys(rotated)
    assert search.active_key_id == "h2"
    assert search.tokens("phone", "13912345678") == [search.token("phone", "13912345678"), former]
    assert SearchKeys(rotated.retire("h1")).tokens("phone", "13912345678") == [
        search.token("phone", "13912345678")
    ]


@pytest.mark.parametrize("kind", ["", "Phone", "a\x1fb", "电话", "a b", "x" * 33])
def test_a_kind_that_could_run_into_its_value_is_refused(kind):
    with pytest.raises(ValueError, match="kind"):
        SearchKeys(RINGS["aes"][0]).token(kind, "x")


@both
def test_a_salted_digest_is_the_hmac_under_the_salt_and_is_no_token(profile):
    ring, name = RINGS[profile]
    digest = ChainSalt(ring).salted_digest(b"payload")
    assert digest == b"d1:" + hmac.new(secret_of(ring, "salt"), b"payload", name).digest()


def test_a_chain_goes_on_over_a_rotation_of_its_salt():
    ring = RINGS["sm"][0]
    old = ChainSalt(ring).salted_digest(b"link 1")
    salt = ChainSalt(ring.rotate("salt"))
    new = salt.salted_digest(b"link 2")
    assert new.startswith(b"d2:")
    assert salt.matches(b"link 1", old)
    assert salt.matches(b"link 2", new)
    assert not salt.matches(b"link 2", old)
    with pytest.raises(ConfigError, match="not in the ring") as caught:
        ChainSalt(ring).matches(b"link 2", new)
    assert caught.value.code == "key_unknown"


@pytest.mark.parametrize("make", [SearchKeys, ChainSalt])
def test_search_keys_and_salts_show_no_secret_and_are_never_pickled(make):
    holder = make(RINGS["aes"][0])
    assert "h1:hmac-sha256:active" in repr(holder)
    assert "secret" not in repr(holder)
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(holder)
