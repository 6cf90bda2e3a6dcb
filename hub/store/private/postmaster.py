"""The server's process: starting it on its own, knowing whether it lives, ending it.

Whether any process of the server lives is not guessed from its pid file. The server inherits an open file on which we took
a lock; the kernel keeps that lock until the last of its processes is gone, and nobody else can hold it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from hub.errors import Code, StoreUnavailable
from hub.store.private import locks
from hub.store.private.accounts import Account, spawn_options
from hub.store.private.folders import PrivateFolder, unusable

ALIVE = "alive.lock"
LOG = "server.log"
_LOG_KEPT_BYTES = 1 << 20
_LOG_LIMIT_BYTES = 16 << 20
_LAST_WORDS_BYTES = 4096
_ORPHANS_LEAVE_S = 10.0
_PROC = Path("/proc")
_FileId = tuple[int, int]
_children: dict[
    _FileId, int
] = {}  # servers that this process started, by their lock file: to be reaped when they have ended


class PidFile(NamedTuple):
    """The lines of postmaster.pid that we read."""

    pid: int
    since: datetime


def lives(control: PrivateFolder) -> bool:
    """Whether at least one process of the server is alive: the postmaster, or a child that outlived it."""
    return not ends_within(control, 0)


def ends_within(control: PrivateFolder, timeout_s: float) -> bool:
    """Waits until no process of the server is alive; False when the time is up first."""
    fd = control.open_file(ALIVE, os.O_RDWR)
    try:
        ended = locks.acquire(fd, shared=True, timeout_s=timeout_s)
        if ended:
            _reap(fd)
        return ended
    finally:
        os.close(fd)


@contextmanager
def claim(control: PrivateFolder) -> Iterator[int]:
    """The lock that says "a process of the server lives", as a descriptor that initdb and the server inherit.

    Raises:
        StoreUnavailable: A process of the server lives.
    """
    alive = control.open_file(ALIVE, os.O_RDWR)
    try:
        # Somebody may be looking (`lives`) at this very moment; that takes no longer than a look.
        if not locks.acquire(alive, timeout_s=_ORPHANS_LEAVE_S):
            raise StoreUnavailable(
                f"the private PostgreSQL of {control.path} was not started: a process of it lives ({ALIVE} is held), expected "
                "none; run `hub db stop`, then the command again",
                code=Code.STORE_UNAVAILABLE,
            )
        yield alive
    finally:
        os.close(alive)


def spawn(control: PrivateFolder, command: Sequence[str], account: Account, alive: int) -> int:
    """Starts the server in a session of its own: neither Ctrl-C nor our death reaches it.

    Returns:
        Length of the log before the start, in bytes.

    Raises:
        ConfigError: The program cannot be run.
    """
    _shorten_log(control, keep_bytes=_LOG_KEPT_BYTES)
    log = control.open_file(LOG, os.O_WRONLY | os.O_APPEND)
    try:
        before = os.fstat(log).st_size
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            pass_fds=(alive,),
            start_new_session=True,
            **spawn_options(account),
        )
    except OSError as exc:
        raise unusable(Path(command[0]), exc) from exc
    finally:
        os.close(log)
    _children[_file_id(alive)] = process.pid
    # Nobody waits for it through this object, whose end would otherwise complain of a process that still runs.
    process.returncode = 0
    return before


def log_tail(control: PrivateFolder, since: int | None = None) -> str:
    """The end of the server's log, from `since` on where it is given."""
    fd = control.open_file(LOG, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        start = max(0, size - _LAST_WORDS_BYTES, since or 0)
        return os.pread(fd, _LAST_WORDS_BYTES, start).decode("utf-8", "replace")
    finally:
        os.close(fd)


def bound_log(control: PrivateFolder) -> None:
    """Empties a log that has outgrown its limit while the server runs on."""
    _shorten_log(control, keep_bytes=_LOG_LIMIT_BYTES)


def read_pid_file(server: PrivateFolder) -> PidFile | None:
    """What postmaster.pid says, or None where there is none or it is cut short."""
    if not server.exists("data"):
        return None
    with server.folder("data") as data:
        lines = (data.read("postmaster.pid") or "").splitlines()
    try:
        return PidFile(abs(int(lines[0])), datetime.fromtimestamp(int(lines[2]), UTC))
    except (IndexError, ValueError):
        return None


def works_in(pid: int, data: Path) -> bool:
    """Whether that process is one of the server's: PostgreSQL's processes all stand in their data folder."""
    if not _PROC.joinpath("self").exists():
        return _exists(pid)
    try:
        return _PROC.joinpath(str(pid), "cwd").samefile(data)
    except OSError:
        return False


def end_orphans(control: PrivateFolder, data: Path) -> bool:
    """Ends the children of a postmaster that was killed. Most leave by themselves; one busy with a query may not for long.

    Returns:
        Whether none is left.
    """
    if ends_within(control, _ORPHANS_LEAVE_S):
        return True
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _all_in(data):
            _send(pid, number)
        if ends_within(control, _ORPHANS_LEAVE_S):
            return True
    return False


def stop(control: PrivateFolder, server: PrivateFolder, *, timeout_s: float, at_once: bool = False) -> None:
    """Ends the server: sessions are cut off and all is written out; where that takes too long, at once.

    Args:
        timeout_s: How long it may take to write.
        at_once: Nothing is written out; the next start recovers.

    Raises:
        StoreUnavailable: It lives on in spite of SIGKILL.
    """
    data = server.path / "data"
    ways = ((signal.SIGINT, timeout_s), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
    for number, limit_s in ways[1:] if at_once else ways:
        found = read_pid_file(server)
        if found is None or not works_in(found.pid, data):
            break
        _send(found.pid, number)
        _send(found.pid, signal.SIGCONT)  # a stopped process reads its signals only now
        if ends_within(control, limit_s):
            return
    if not end_orphans(control, data):
        raise StoreUnavailable(
            f"the private PostgreSQL in {server.path} does not end: processes in {data} survived SIGKILL, expected none; they hang "
            "in the kernel (a dead disk or network mount?): look at that mount",
            code=Code.STORE_UNAVAILABLE,
        )


def _file_id(fd: int) -> _FileId:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def _reap(fd: int) -> None:
    """Takes note of the end of a server that this process started; it is on its last step, so that nothing waits."""
    pid = _children.pop(_file_id(fd), None)
    if pid is None:
        return
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:  # reaped by others, or started by the process that we are a fork of
        pass


def _shorten_log(control: PrivateFolder, *, keep_bytes: int) -> None:
    fd = control.open_file(LOG, os.O_RDWR)
    try:
        # The server appends, so that it goes on at the new end.
        if os.fstat(fd).st_size > keep_bytes:
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def _all_in(data: Path) -> list[int]:
    if not _PROC.joinpath("self").exists():
        return []
    return [
        int(entry.name)
        for entry in _PROC.iterdir()
        if entry.name.isdigit() and works_in(int(entry.name), data)
    ]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
