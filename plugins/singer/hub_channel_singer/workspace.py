"""A folder of its own for one run of a tap: configuration with its secrets, state and catalog; open to nobody else, gone afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

_NAME = "hub-tap-"
_LOCK = ".lock"
# A folder is made before it is locked.
_YOUNG_S = 60.0


class Workspace:
    """A context manager; what a killed process left of its own is cleared away first."""

    def __init__(self) -> None:
        _clear_abandoned(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=_NAME))
        self._lock = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def write(self, name: str, value: Any) -> str:
        """Writes JSON that its owner alone may read; gives its path."""
        path = self.folder / name
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - of a handle with its mode
            json.dump(value, file, ensure_ascii=False)
        return str(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def _clear_abandoned(parent: Path) -> None:
    """Removes what earlier processes of this user left when they were killed: nobody holds its lock any more."""
    for folder in parent.glob(f"{_NAME}*"):
        with suppress(OSError):
            told = folder.lstat()
            if told.st_uid != os.getuid() or folder.is_symlink() or time.time() - told.st_mtime < _YOUNG_S:
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
