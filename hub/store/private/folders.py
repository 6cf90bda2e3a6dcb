"""Folders that their owner alone may enter, used by descriptor so that no symlink laid in their place is followed."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from pathlib import Path
from types import TracebackType

from hub.errors import Code, ConfigError, StoreError
from hub.store.private.accounts import Account, account_of, ourselves

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PrivateFolder:
    """An open folder of one owner, mode 0700. Close it, or use it in a `with`.

    Root works in folders of unprivileged accounts here: every name is taken relative to the open descriptor, and what is
    made belongs to the folder's owner.
    """

    def __init__(self, path: Path, *, fd: int, owner: Account) -> None:
        self.path = path
        self.fd = fd
        self.owner = owner

    @classmethod
    def open(cls, path: Path, *, owner: Account | None = None) -> PrivateFolder:
        """Opens an existing folder.

        Args:
            path: Absolute.
            owner: Whose it must be; None: ours, or anybody's where we are root.

        Raises:
            FileNotFoundError: There is none.
            ConfigError: It is a symlink or no folder, is another's, or is open to others.
        """
        try:
            fd = os.open(path, _FOLDER)
        except FileNotFoundError:
            raise
        except OSError as exc:
            raise unusable(path, exc) from exc
        try:
            return cls(path, fd=fd, owner=_checked(path, fd, owner))
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def make(cls, path: Path, *, owner: Account) -> PrivateFolder:
        """Makes a new folder and gives it to its owner.

        Raises:
            FileExistsError: Something has that name already.
            ConfigError: It cannot be made there.
            StoreError: The disk is full.
        """
        try:
            path.mkdir(mode=0o700)
            fd = os.open(path, _FOLDER)
        except FileExistsError:
            raise
        except OSError as exc:
            raise unusable(path, exc) from exc
        if os.fstat(fd).st_uid != os.geteuid():  # exchanged by another between the two calls
            os.close(fd)
            raise FileExistsError(errno.EEXIST, "exchanged", str(path))
        os.fchmod(fd, 0o700)
        _give(fd, owner)
        return cls(path, fd=fd, owner=owner)

    @classmethod
    def open_or_make(cls, path: Path, *, owner: Account | None = None) -> PrivateFolder:
        """`open`, after `make` where nothing has that name."""
        try:
            return cls.open(path, owner=owner)
        except FileNotFoundError:
            pass
        try:
            return cls.make(path, owner=owner or ourselves())
        except FileExistsError:  # another process was quicker
            return cls.open(path, owner=owner)

    def folder(self, name: str) -> PrivateFolder:
        """A folder of the same owner in this one, made where it is missing."""
        return PrivateFolder.open_or_make(self.path / name, owner=self.owner)

    def read(self, name: str) -> str | None:
        """A file's text, or None where there is none."""
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise unusable(self.path / name, exc) from exc
        with open(fd, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - a descriptor has no path
            return file.read()

    def write(self, name: str, text: str) -> None:
        """Puts a file there, mode 0600, whole or not at all, and durable when this returns."""
        fresh = f".{name}.{secrets.token_hex(4)}"
        try:
            fd = os.open(
                fresh,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600,
                dir_fd=self.fd,
            )
            try:
                with open(fd, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor has no path
                    _give(fd, self.owner)
                    file.write(text)
                    file.flush()
                    os.fsync(fd)
                os.replace(fresh, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
                os.fsync(self.fd)
            except BaseException:
                self.remove(fresh)
                raise
        except OSError as exc:
            raise unusable(self.path / name, exc) from exc

    def open_file(self, name: str, flags: int) -> int:
        """A descriptor on a file of mode 0600, made where it is missing; the caller closes it."""
        try:
            fd = os.open(name, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.fd)
        except OSError as exc:
            raise unusable(self.path / name, exc) from exc
        if os.fstat(fd).st_uid != self.owner.uid:
            _give(fd, self.owner)
        return fd

    def exists(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def rename(self, name: str, to: str) -> None:
        os.rename(name, to, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        os.fsync(self.fd)

    def remove(self, name: str) -> None:
        """Takes a file away; nothing happens where there is none."""
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            pass

    def remove_tree(self, name: str) -> None:
        """Takes a folder with all that is in it away; nothing happens where there is none."""
        try:
            shutil.rmtree(name, dir_fd=self.fd)
        except FileNotFoundError:
            pass

    def names(self) -> list[str]:
        return sorted(os.listdir(self.fd))  # noqa: PTH208 - by descriptor

    def close(self) -> None:
        os.close(self.fd)

    def __enter__(self) -> PrivateFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def remove_folder(path: Path) -> None:
    """Takes a folder of ours away with all that is in it; nothing happens where there is none."""
    try:
        fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    with PrivateFolder(path.parent, fd=fd, owner=ourselves()) as above:
        above.remove_tree(path.name)


def unusable(path: Path, exc: OSError) -> ConfigError | StoreError:
    """The hub's error for a file or folder that the system would not let us use."""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            f"the private PostgreSQL has no room at {path}: the disk or the quota is full; free space there, then run the "
            "command again",
            code=Code.STORE_FULL,
        )
    if exc.errno in (errno.ELOOP, errno.ENOTDIR):
        found = "a symlink or a file stands on the way, expected folders of its own"
    else:
        found = f"{exc.strerror or type(exc).__name__}, as account {ourselves().name}"
    return ConfigError(
        f"the private PostgreSQL cannot use {path}: {found}; choose another HUB_HOME, or run the hub as the account that owns it",
        code=Code.CONFIG_INVALID,
    )


def _checked(path: Path, fd: int, owner: Account | None) -> Account:
    found = os.fstat(fd)
    us = os.geteuid()
    if owner is None and us == 0:
        owner = account_of(found.st_uid)
    wanted = us if owner is None else owner.uid
    if found.st_uid != wanted:
        raise ConfigError(
            f"the private PostgreSQL cannot use {path}: it belongs to account number {found.st_uid}, expected {wanted}; run the "
            "hub as its owner, or choose another HUB_HOME",
            code=Code.CONFIG_INVALID,
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(
            f"the private PostgreSQL will not use {path}: its mode is {stat.S_IMODE(found.st_mode):04o}, open to other accounts, "
            f"expected 0700; look who has read it, then: chmod 700 {path}",
            code=Code.CONFIG_INVALID,
        )
    return owner or ourselves()


def _give(fd: int, owner: Account) -> None:
    if owner.uid != os.geteuid():
        os.fchown(fd, owner.uid, owner.gid)
