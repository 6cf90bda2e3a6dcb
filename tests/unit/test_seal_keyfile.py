"""The key file: owner alone, whole or not at all, and no key lost when two processes change it."""

from __future__ import annotations

import json
import os
import stat
import threading

import pytest

from hub.errors import ConfigError
from hub.seal import KeyFile, KeyRing, check, update_ring
from hub.seal.keyfile import read_ring

RING = KeyRing.generate("aes")


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "keys.json"
    RING.to_file(place)
    return place


def test_a_ring_comes_back_from_its_file_as_it_was(tmp_path):
    ring = KeyRing.generate("sm").rotate("seal").rotate("search").retire("s1").forget("s1")
    ring.to_file(tmp_path / "k")
    assert KeyRing.from_file(tmp_path / "k") == ring


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_file_is_the_owner_s_alone_whatever_the_umask(tmp_path, umask):
    former = os.umask(umask)
    try:
        RING.to_file(tmp_path / "k")
        RING.rotate("seal").to_file(tmp_path / "k", replace=True)
    finally:
        os.umask(former)
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_file_that_others_may_read_or_change_is_refused_with_the_remedy(path, mode):
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}") as caught:
        KeyRing.from_file(path)
    assert caught.value.code == "keys_invalid"


def test_a_missing_file_is_a_clear_message(tmp_path):
    with pytest.raises(ConfigError, match="cannot be opened") as caught:
        KeyRing.from_file(tmp_path / "none")
    assert caught.value.code == "secret_missing"


def test_a_folder_or_a_pipe_is_no_key_file(tmp_path):
    tmp_path.chmod(0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConfigError, match="no regular file"):
            KeyRing.from_file(place)


def test_a_ring_is_not_written_over_another_one_by_chance(path):
    with pytest.raises(ConfigError, match="exists already"):
        KeyRing.generate().to_file(path)
    assert KeyRing.from_file(path) == RING


def test_a_ring_that_lacks_a_key_of_the_file_does_not_replace_it(path):
    with pytest.raises(ConfigError, match=r"would lose s1"):
        KeyRing.generate().to_file(path, replace=True)
    RING.rotate("seal").to_file(path, replace=True)
    with pytest.raises(ConfigError, match=r"would lose s2"):
        RING.rotate("search").to_file(path, replace=True)


def test_a_forgotten_secret_may_leave_the_file(path):
    update_ring(path, lambda ring: ring.rotate("seal").retire("s1"))
    written = update_ring(path, lambda ring: ring.forget("s1"))
    kept = KeyRing.from_file(path)
    assert [key.key_id for key in kept.keys if key.secret is None] == ["s1"]
    assert kept == written


def test_rotations_at_the_same_time_all_stand_in_the_file(path):
    threads = [
        threading.Thread(target=update_ring, args=(path, lambda ring: ring.rotate("seal"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ring = KeyRing.from_file(path)
    assert [key.key_id for key in ring.keys if key.key_id[0] == "s"] == [f"s{n}" for n in range(1, 10)]
    assert len({key.secret for key in ring.keys}) == len(ring.keys)


def test_a_change_that_fails_leaves_the_file_and_nothing_beside_it(path):
    before = path.read_bytes()
    with pytest.raises(ConfigError):
        update_ring(path, lambda ring: ring.retire("s1"))
    assert path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir()) == ["keys.json", "keys.json.lock"]


def test_a_folder_that_is_missing_is_a_clear_message(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written"):
        RING.to_file(tmp_path / "none" / "k")


def spoiled(change):
    def spoil(text):
        document = json.loads(text)
        change(document)
        return json.dumps(document).encode()

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: b"",
        lambda text: text[:200],
        lambda text: b"\xff\xfe" + text,
        lambda text: b"[1, 2]",
        spoiled(lambda d: d.update(format=2)),
        spoiled(lambda d: d.update(keys=[])),
        spoiled(lambda d: d["keys"].append(7)),
        spoiled(lambda d: d["keys"][0].pop("secret")),
        spoiled(lambda d: d["keys"][0].update(secret="c2hvcnQ=")),
        spoiled(lambda d: d["keys"][0].update(secret="not base64!")),
        spoiled(lambda d: d["keys"][0].update(created_at="2026-11-23T00:00:00")),
        spoiled(lambda d: d["keys"][0].update(purpose="lock")),
    ],
)
def test_a_spoiled_file_is_refused_without_showing_what_it_holds(path, spoil):
    secrets = [each["secret"] for each in json.loads(path.read_bytes())["keys"]]
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ConfigError) as caught:
        read_ring(path)
    assert caught.value.code == "keys_invalid"
    chain = f"{caught.value} {caught.value.__cause__}"
    assert not any(secret in chain for secret in secrets)


def test_a_key_file_is_read_again_only_when_it_has_changed(path):
    kept = KeyFile(path)
    first = kept.ring()
    assert kept.ring() is first
    update_ring(path, lambda ring: ring.rotate("seal"))
    assert kept.ring().active("seal").key_id == "s2"


def test_the_self_test_tells_of_a_file_that_others_may_read_or_that_is_another_ring_s(path):
    assert check(RING, path=path)[-1].ok
    assert not check(RING.rotate("seal"), path=path)[-1].ok
    path.chmod(0o644)
    line = check(RING, path=path)[-1]
    assert not line.ok
    assert "chmod 600" in line.detail
