"""A drop folder of this machine, or a share that is mounted here.

Everything happens relative to the folder as it was opened, and nothing below it is followed: who puts a link where a file or a
folder was a moment ago gains nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hub.errors import Code, HubError, SourceContractError, SourceUnavailable
from hub.sdk.channel import Check
from hub.sdk.readers.files_store import Changing, FileStore, Found, Kind, Unpermitted, Unwritable, Vanished

MOST_FILES = 20_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_REFUSED = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))


class LocalStore(FileStore):
    """See the module.

    Args:
        path: Of the folder; a link to it is the operator's own and is followed.
        instance: For messages.
        most_bytes: Of one file.
    """

    def __init__(self, path: str, instance: str, most_bytes: int) -> None:
        self.place = f"folder {path}"
        self._path = path
        self._where = f"channel {instance}: folder {path}"
        self._most_bytes = most_bytes

    def look(self) -> Sequence[Found]:
        """See `FileStore.look`."""
        found: list[Found] = []
        with self._folder() as base, os.scandir(base) as entries:
            for entry in entries:
                if len(found) >= MOST_FILES:
                    raise crowded(self._where)
                with contextlib.suppress(FileNotFoundError):
                    found.append(_found(entry.name, entry.stat(follow_symlinks=False)))
        return found

    def fetch(self, found: Found, folder: str = "") -> bytes:
        """See `FileStore.fetch`."""
        with self._folder(folder) as base, _plain_refusals():
            # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
            file = os.open(
                found.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=base
            )
            with open(file, "rb") as opened:  # noqa: PTH123 - a descriptor, not a path
                before = os.fstat(file)
                if not stat.S_ISREG(before.st_mode) or _found(found.name, before) != found:
                    raise Changing
                content = opened.read(self._most_bytes + 1)
                if _found(found.name, os.fstat(file)) != found or len(content) != found.size_bytes:
                    raise Changing
                return content

    def find(self, folder: str, name: str) -> Found | None:
        """See `FileStore.find`."""
        try:
            with _plain_refusals(), self._folder(folder) as base:
                return _found(name, os.stat(name, dir_fd=base, follow_symlinks=False))
        except Vanished:
            return None

    def move(self, name: str, folder: str, target: str) -> None:
        """See `FileStore.move`."""
        with self._folder() as base, _plain_refusals(), self._folder(folder, make=True) as below:
            if self.find(folder, target) is not None:
                raise FileExistsError(errno.EEXIST, "taken")
            os.rename(name, target, src_dir_fd=base, dst_dir_fd=below)
            with contextlib.suppress(OSError):  # a share may not know how
                os.fsync(below)

    def remove(self, name: str) -> None:
        """See `FileStore.remove`."""
        with self._folder() as base, _plain_refusals():
            os.unlink(name, dir_fd=base)

    def put(self, folder: str, name: str, content: bytes) -> None:
        """See `FileStore.put`."""
        passing = f".{name}.tmp"
        with _plain_refusals(), self._folder(folder, make=True) as below:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(passing, dir_fd=below)
            file = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640, dir_fd=below)
            with open(file, "wb") as opened:  # noqa: PTH123 - a descriptor, not a path
                opened.write(content)
                opened.flush()
                os.fsync(file)
            os.rename(passing, name, src_dir_fd=below, dst_dir_fd=below)

    def may_write(self) -> bool:
        """See `FileStore.may_write`."""
        return os.access(self._path, os.W_OK | os.X_OK)

    def check(self) -> Sequence[Check]:
        """Whether the folder stands there and can be read."""
        try:
            count = len(self.look())
        except HubError as exc:
            return (Check("folder", False, exc.message),)
        return (Check("folder", True, f"{self.place} holds {count} entries"),)

    @contextmanager
    def _folder(self, below: str = "", *, make: bool = False) -> Iterator[int]:
        """The folder, or one below it, opened; no part below the first is a link."""
        try:
            opened = os.open(self._path, _FOLDER)
        except OSError as exc:
            raise SourceUnavailable(
                f"{self._where} cannot be opened ({errno.errorcode.get(exc.errno or 0, 'error')}; expected a folder that this user may read); "
                "look whether it is there, and the share mounted",
                code=Code.SOURCE_UNREACHABLE,
            ) from exc
        try:
            for part in (part for part in below.split("/") if part):
                inner = self._below(opened, part, make=make)
                os.close(opened)
                opened = inner
            yield opened
        finally:
            os.close(opened)

    def _below(self, opened: int, part: str, *, make: bool) -> int:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o770, dir_fd=opened)
        try:
            return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=opened)
        except OSError as exc:
            if exc.errno in (errno.ENOTDIR, errno.ELOOP):
                raise not_a_folder(self._where, part) from exc
            raise


def _found(name: str, about: os.stat_result) -> Found:
    kind = (
        Kind.FILE
        if stat.S_ISREG(about.st_mode)
        else Kind.FOLDER
        if stat.S_ISDIR(about.st_mode)
        else Kind.OTHER
    )
    return Found(name, about.st_size, about.st_mtime_ns, kind)


@contextmanager
def _plain_refusals() -> Iterator[None]:
    """What the system says, as the store's own few exceptions."""
    try:
        yield
    except FileNotFoundError as exc:
        raise Vanished from exc
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise Changing from exc
        if exc.errno in _REFUSED:
            raise Unpermitted from exc
        raise Unwritable(errno.errorcode.get(exc.errno or 0, type(exc).__name__)) from exc


def crowded(where: str) -> SourceContractError:
    """The error for a folder with more entries than are looked at."""
    return SourceContractError(
        f"{where}: more than {MOST_FILES} entries (expected a drop folder that is emptied); move what was read elsewhere",
        code=Code.FILE_TOO_LARGE,
    )


def not_a_folder(where: str, part: str) -> SourceContractError:
    """The error for a link or a file where the hub keeps a folder of its own."""
    return SourceContractError(
        f"{where}: {part!r} below it is a link or a file (expected a folder, where files that were read go); take it away",
        code=Code.FILE_REFUSED,
    )
