"""The key file: one JSON document, mode 0600, written whole or not at all, never by two processes at once."""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from hub.errors import Code, ConfigError
from hub.seal.keys import Key, KeyRing, KeyState, Profile, Purpose

_FORMAT = 1
_MAX_BYTES = 1_000_000


def read_ring(path: Path) -> KeyRing:
    """The ring that the file holds.

    Raises:
        ConfigError: The file is missing or unreadable (code ``secret_missing``); somebody else may read it,
            or it is no key ring (``keys_invalid``). No message shows any of its content.
    """
    try:
        # Without O_NONBLOCK a pipe in the file's place would hang the caller.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        raise ConfigError(
            f"key file {path}: cannot be opened ({exc.strerror}; expected a file that this user may read); "
            "restore it from its backup; only for a database that is still empty make a new ring",
            code=Code.SECRET_MISSING,
        ) from exc
    try:
        _refuse_shared(path, os.fstat(handle))
        text = os.read(handle, _MAX_BYTES + 1)
    finally:
        os.close(handle)
    return _parsed(path, text)


def write_ring(path: Path, ring: KeyRing, *, replace: bool = False) -> None:
    """Writes the ring beside its place and moves it there in one step, mode 0600, flushed to the disk.

    Args:
        path: Its folder must exist.
        ring: What is written.
        replace: False refuses an existing file: two hubs that start at once must not overwrite each other's
            keys. True replaces it, but never by a ring that lacks one of its keys.

    Raises:
        ConfigError: As above (code ``keys_invalid``), or the folder cannot be written (``secret_missing``).
    """
    with _locked(path):
        if replace and path.exists():
            _refuse_loss(path, read_ring(path), ring)
        _write(path, ring, replace=replace)


def update_ring(path: Path, change: Callable[[KeyRing], KeyRing]) -> KeyRing:
    """Reads, changes and writes the ring under a lock, so that of two rotations at once none is lost.

    Returns:
        The ring as written.

    Raises:
        ConfigError: As `read_ring` and `write_ring`.
    """
    with _locked(path):
        former = read_ring(path)
        ring = change(former)
        _refuse_loss(path, former, ring)
        _write(path, ring, replace=True)
    return ring


class KeyFile:
    """A key file that is read again when it has changed; one instance may serve several threads.

    A stat call tells whether it has changed, so a long-running process may ask for the ring at each batch.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._mark: tuple[int, int, int] | None = None
        self._ring: KeyRing | None = None

    def ring(self) -> KeyRing:
        """The ring as the file has it now; the same object as long as the file stays the same.

        Raises:
            ConfigError: As `read_ring`.
        """
        with self._lock:
            mark = self._stamp()
            if self._ring is None or mark is None or mark != self._mark:
                self._ring = read_ring(self.path)
                self._mark = mark
            return self._ring

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


def _refuse_shared(path: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(
            f"key file {path}: is no regular file; name the file itself", code=Code.KEYS_INVALID
        )
    if mode & 0o077:
        raise ConfigError(
            f"key file {path}: mode {mode:04o} lets other users read or change it (expected 0600); "
            f"run: chmod 600 {path}",
            code=Code.KEYS_INVALID,
        )


def _refuse_loss(path: Path, former: KeyRing, ring: KeyRing) -> None:
    kept = {key.key_id: key for key in ring.keys}
    lost = [key.key_id for key in former.keys if key.key_id not in kept]
    changed = [
        key.key_id
        for key in former.keys
        if key.key_id in kept
        and key.secret is not None
        and kept[key.key_id].secret != key.secret
        and not (kept[key.key_id].secret is None and key.state is KeyState.RETIRED)
    ]
    if lost or changed:
        raise ConfigError(
            f"key file {path}: the new ring would lose {', '.join(lost + changed)} (expected every key of the file in it); "
            "read the file again and repeat the change on that",
            code=Code.KEYS_INVALID,
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl

    lock = path.with_name(path.name + ".lock")
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise _unwritable(path, exc) from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, ring: KeyRing, *, replace: bool) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(_rendered(ring))
                stream.flush()
                os.fsync(stream.fileno())
            if replace:
                beside.replace(path)
            else:
                path.hardlink_to(beside)
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except FileExistsError as exc:
        raise ConfigError(
            f"key file {path}: exists already (expected none); its keys open what is sealed: use it, or rotate it",
            code=Code.KEYS_INVALID,
        ) from exc
    except OSError as exc:
        raise _unwritable(path, exc) from exc


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, exc: OSError) -> ConfigError:
    return ConfigError(
        f"key file {path}: cannot be written ({exc.strerror}; expected a folder that this user may write); "
        "make the folder, or change the ring where it is kept",
        code=Code.SECRET_MISSING,
    )


def _rendered(ring: KeyRing) -> bytes:
    document = {
        "format": _FORMAT,
        "keys": [
            {
                "id": key.key_id,
                "purpose": key.purpose.value,
                "profile": key.profile.value,
                "state": key.state.value,
                "created_at": key.created_at.isoformat(),
                "secret": None if key.secret is None else base64.b64encode(key.secret).decode("ascii"),
            }
            for key in ring.keys
        ],
    }
    return json.dumps(document, indent=1).encode("ascii") + b"\n"


def _parsed(path: Path, text: bytes) -> KeyRing:
    # The causes are cut off on purpose: a parser's message quotes what it could not read.
    try:
        document = json.loads(text) if len(text) <= _MAX_BYTES else None
    except ValueError:
        document = None
    if (
        not isinstance(document, dict)
        or document.get("format") != _FORMAT
        or not isinstance(document.get("keys"), list)
    ):
        raise ConfigError(
            f'key file {path}: {len(text)} bytes are no key ring (expected JSON with "format": {_FORMAT} and a list of keys); '
            "restore it from its backup",
            code=Code.KEYS_INVALID,
        ) from None
    return KeyRing(_key(path, number, entry) for number, entry in enumerate(document["keys"], start=1))


def _key(path: Path, number: int, entry: Any) -> Key:
    try:
        secret = entry["secret"]
        return Key(
            key_id=str(entry["id"]),
            purpose=Purpose(entry["purpose"]),
            profile=Profile(entry["profile"]),
            state=KeyState(entry["state"]),
            created_at=datetime.fromisoformat(entry["created_at"]),
            secret=None if secret is None else base64.b64decode(secret, validate=True),
        )
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise ConfigError(
            f"key file {path}: key {number} of the list cannot be read (expected id, purpose, profile, state, created_at "
            "and a secret in base64); restore the file from its backup",
            code=Code.KEYS_INVALID,
        ) from None
