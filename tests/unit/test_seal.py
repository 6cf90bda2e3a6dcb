"""Sealing: what is sealed opens for its own row alone, under every key that is not retired."""

from __future__ import annotations

import pickle
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.seal import KeyRing, Purpose, SealBroken, Sealer, UnknownKey, check, key_id_of, seal_prefix
from hub.seal.keys import Key, KeyState, Profile

ROW = "01JD3QZP6W6D5S6C8T1N8R6J3M"
AES = KeyRing.generate("aes")
SM = KeyRing.generate("sm")
SEALERS = {"aes": Sealer(AES), "sm": Sealer(SM)}


def secret_of(ring, key_id):
    """The secret of that key, or None once it was forgotten."""
    return next(each.secret for each in ring.keys if each.key_id == key_id)


both = pytest.mark.parametrize("profile", ["aes", "sm"])


@both
@given(plain=st.binary(max_size=3_000), row_id=st.text(max_size=40))
def test_what_is_sealed_opens_for_its_row(profile, plain, row_id):
    sealer = SEALERS[profile]
    blob = sealer.seal(plain, table="demand", row_id=row_id)
    assert sealer.unseal(blob, table="demand", row_id=row_id) == plain
    assert len(plain) < 8 or plain not in blob


@both
@settings(deadline=None)
@given(
    plain=st.binary(max_size=40), at=st.integers(min_value=0), flip=st.integers(min_value=1, max_value=255)
)
def test_a_value_with_any_one_byte_changed_does_not_open(profile, plain, at, flip):
    sealer = SEALERS[profile]
    blob = bytearray(sealer.seal(plain, table="demand", row_id=ROW))
    blob[at % len(blob)] ^= flip
    with pytest.raises((SealBroken, UnknownKey)):
        sealer.unseal(bytes(blob), table="demand", row_id=ROW)


@both
def test_a_value_cut_short_at_any_place_does_not_open(profile):
    sealer = SEALERS[profile]
    blob = sealer.seal(b"0376-6822345", table="demand", row_id=ROW)
    for length in range(len(blob)):
        with pytest.raises((SealBroken, UnknownKey)):
            sealer.unseal(blob[:length], table="demand", row_id=ROW)


@both
@pytest.mark.parametrize(("table", "row_id"), [("demand", ROW[:-1]), ("demand", ROW + "0"), ("order", ROW)])
def test_a_value_moved_to_another_row_or_table_does_not_open(profile, table, row_id):
    blob = SEALERS[profile].seal(b"13800138000", table="demand", row_id=ROW)
    with pytest.raises(SealBroken) as caught:
        SEALERS[profile].unseal(blob, table=table, row_id=row_id)
    assert caught.value.code == "seal_broken"
    assert "13800138000" not in str(caught.value)


def test_the_same_value_is_never_sealed_to_the_same_bytes():
    sealer = SEALERS["aes"]
    blobs = sealer.seal_many([b"x"] * 200, table="demand", row_ids=[ROW] * 200)
    blobs += [sealer.seal(b"x", table="demand", row_id=ROW) for _ in range(200)]
    assert len(set(blobs)) == len({blob[5:17] for blob in blobs}) == 400


@both
def test_many_values_sealed_together_open_one_by_one(profile):
    sealer = SEALERS[profile]
    plains, rows = [b"", b"a", b"bc" * 900], ["1", "2", "3"]
    blobs = sealer.seal_many(plains, table="raw_record", row_ids=rows)
    opened = [sealer.unseal(b, table="raw_record", row_id=r) for b, r in zip(blobs, rows, strict=True)]
    assert opened == plains


def test_a_series_ends_with_its_nonces_and_says_so():
    seal = SEALERS["aes"].series("demand", 2)
    blobs = [seal(b"x", ROW), seal(b"x", ROW)]
    assert len({blob[5:17] for blob in blobs}) == 2
    with pytest.raises(IndexError):
        seal(b"x", ROW)


def test_many_values_need_as_many_rows():
    with pytest.raises(ValueError, match="zip"):
        SEALERS["aes"].seal_many([b"a", b"b"], table="demand", row_ids=["1"])


@pytest.mark.parametrize("table", ["", "Demand", "a\x1fb", "a b", "x" * 64])
def test_a_table_name_that_could_be_taken_for_another_is_refused(table):
    with pytest.raises(ValueError, match="plain name"):
        SEALERS["aes"].seal(b"a", table=table, row_id=ROW)


def test_after_rotation_old_values_open_and_new_ones_carry_the_new_key():
    before = Sealer(AES).seal(b"old", table="demand", row_id=ROW)
    ring = AES.rotate("seal")
    sealer = Sealer(ring)
    after = sealer.seal(b"new", table="demand", row_id=ROW)
    assert (key_id_of(before), key_id_of(after)) == ("s1", "s2")
    assert sealer.unseal(before, table="demand", row_id=ROW) == b"old"
    assert sealer.unseal(after, table="demand", row_id=ROW) == b"new"


def test_rotation_may_change_the_profile():
    before = Sealer(AES).seal(b"old", table="demand", row_id=ROW)
    sealer = Sealer(AES.rotate("seal", profile="sm4gcm"))
    after = sealer.seal(b"new", table="demand", row_id=ROW)
    assert after[1] != before[1]
    assert [sealer.unseal(b, table="demand", row_id=ROW) for b in (before, after)] == [b"old", b"new"]


def test_a_retired_key_opens_nothing_until_it_is_restored():
    blob = Sealer(AES).seal(b"old", table="demand", row_id=ROW)
    retired = AES.rotate("seal").retire("s1")
    with pytest.raises(UnknownKey, match="s1 is retired") as caught:
        Sealer(retired).unseal(blob, table="demand", row_id=ROW)
    assert caught.value.code == "key_unknown"
    assert Sealer(retired.restore("s1")).unseal(blob, table="demand", row_id=ROW) == b"old"


def test_a_value_under_a_stranger_s_key_names_the_key_that_is_missing():
    blob = Sealer(AES.rotate("seal")).seal(b"x", table="demand", row_id=ROW)
    with pytest.raises(UnknownKey, match="s2 is not in the ring"):
        Sealer(AES).unseal(blob, table="demand", row_id=ROW)


def test_a_running_process_reads_the_ring_again_when_a_value_has_a_key_it_does_not_know():
    newer = AES.rotate("seal")
    blob = Sealer(newer).seal(b"x", table="demand", row_id=ROW)
    asked = []

    def reload():
        asked.append(1)
        return newer

    sealer = Sealer(AES, reload=reload)
    assert sealer.unseal(blob, table="demand", row_id=ROW) == b"x"
    assert sealer.unseal(blob, table="demand", row_id=ROW) == b"x"
    assert len(asked) == 1
    assert key_id_of(sealer.seal(b"y", table="demand", row_id=ROW)) == "s2"


def test_the_prefix_of_a_key_begins_its_values_and_no_other_key_s():
    ring = AES.rotate("seal")
    old = Sealer(AES).seal(b"x", table="demand", row_id=ROW)
    new = Sealer(ring).seal(b"x", table="demand", row_id=ROW)
    prefix = seal_prefix(ring.active("seal"))
    assert new.startswith(prefix)
    assert not old.startswith(prefix)


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x01\x01\xff" + bytes(60), b"{" * 60])
def test_bytes_that_are_no_sealed_value_have_no_key_id(blob):
    with pytest.raises(SealBroken):
        key_id_of(blob)


def test_several_threads_seal_and_open_with_one_sealer():
    sealer = Sealer(KeyRing.generate("sm"))
    wrong = []

    def work(number):
        for turn in range(60):
            plain = f"{number}-{turn}".encode()
            blob = sealer.seal(plain, table="demand", row_id=str(number))
            if sealer.unseal(blob, table="demand", row_id=str(number)) != plain:
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_secrets_stay_out_of_repr_str_and_pickles():
    secret = secret_of(AES, "s1")
    shown = f"{AES!r} {AES} {AES.keys!r} {SEALERS['aes']!r}"
    assert secret not in shown.encode("latin-1", "replace")
    assert repr(secret)[2:-1] not in shown
    for holder in (AES, AES.active("seal"), SEALERS["aes"]):
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(holder)


def test_a_fresh_ring_has_one_active_key_of_full_length_for_each_purpose():
    for ring, sizes in ((AES, (32, 32, 32)), (SM, (16, 32, 32))):
        assert tuple(len(secret_of(ring, key_id)) for key_id in ("s1", "h1", "d1")) == sizes
    assert len({key.secret for ring in (AES, SM) for key in ring.keys}) == 6


def test_an_id_once_used_is_never_given_again():
    ring = AES.rotate("seal").retire("s1").forget("s1").rotate("seal")
    assert [key.key_id for key in ring.keys if key.purpose is Purpose.SEAL] == ["s1", "s2", "s3"]
    assert secret_of(ring, "s1") is None


@pytest.mark.parametrize(
    "act",
    [
        lambda ring: ring.retire("s1"),
        lambda ring: ring.retire("s9"),
        lambda ring: ring.forget("s1"),
        lambda ring: ring.restore("s1"),
        lambda ring: ring.rotate("seal", profile="hmac-sm3"),
        lambda ring: ring.rotate("seal").retire("s1").forget("s1").restore("s1"),
    ],
)
def test_a_step_that_would_lose_or_confuse_keys_is_refused(act):
    with pytest.raises(ConfigError):
        act(AES)


def key(**changes):
    fields = {
        "key_id": "s1",
        "purpose": Purpose.SEAL,
        "profile": Profile.AES256_GCM,
        "state": KeyState.ACTIVE,
        "created_at": datetime(2026, 11, 23, tzinfo=UTC),
        "secret": bytes(range(32)),
    }
    return Key(**{**fields, **changes})


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ([], "0 active keys"),
        ([key(), key(key_id="s2")], "2 active keys"),
        ([key(), key(state=KeyState.DECRYPT_ONLY)], "stands twice"),
        ([key(secret=bytes(31))], "31 bytes"),
        ([key(secret=bytes(32))], "same bytes"),
        ([key(secret=None)], "no secret"),
        ([key(key_id="S 1")], "key id"),
        ([key(created_at=datetime(2026, 11, 23))], "zone"),
    ],
)
def test_keys_that_contradict_each_other_make_no_ring(keys, told):
    with pytest.raises(ConfigError, match=told) as caught:
        KeyRing(keys)
    assert caught.value.code == "keys_invalid"


@pytest.mark.parametrize(("ring", "names"), [(AES, "seal search"), (SM, "seal search sm3 sm4")])
def test_the_self_test_passes_for_each_profile(ring, names):
    lines = check(ring)
    assert [line.name for line in lines] == names.split()
    assert [line for line in lines if not line.ok] == []


def test_the_self_test_warns_before_a_key_wears_out():
    assert check(AES, sealed={"s1": 2**30 - 1})[-1].ok
    assert not check(AES, sealed={"s1": 2**30})[-1].ok


def test_sm4_gcm_gives_the_published_example():
    # RFC 8998, appendix A.1
    from hub.seal.sealer import _sm4

    encrypt, decrypt = _sm4("s1", bytes.fromhex("0123456789abcdeffedcba9876543210"))
    nonce = bytes.fromhex("00001234567800000000abcd")
    aad = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plain = bytes.fromhex(
        "aa" * 8 + "bb" * 8 + "cc" * 8 + "dd" * 8 + "ee" * 8 + "ff" * 8 + "ee" * 8 + "aa" * 8
    )
    sealed = encrypt(nonce, plain, aad)
    assert sealed[-16:].hex() == "83de3541e4c2b58177e065a9bf7b62ec"
    assert sealed[:16].hex() == "17f399f08c67d5ee19d0dc9969c4bb7d"
    assert decrypt(nonce, sealed, aad) == plain
