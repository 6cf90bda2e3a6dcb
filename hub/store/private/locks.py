"""Locks between processes that the kernel lets go when their holder dies, however it dies (flock)."""

from __future__ import annotations

import fcntl
import os
import threading


def acquire(fd: int, *, shared: bool = False, timeout_s: float) -> bool:
    """Takes the lock on an open file, or gives up after `timeout_s` seconds and returns False."""
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    if _try(fd, mode):
        return True
    return timeout_s > 0 and _Waiter(fd, mode).wait(timeout_s)


def _try(fd: int, mode: int) -> bool:
    try:
        fcntl.flock(fd, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Waiter:
    """Waits in a thread, because the kernel's own wait for a lock knows no time limit."""

    def __init__(self, fd: int, mode: int) -> None:
        # The same open file under a number of our own: the caller may close its number once it has given up.
        self._fd = os.dup(fd)
        self._mode = mode
        self._settled = threading.Lock()
        self._abandoned = False
        self._taken = threading.Event()

    def wait(self, timeout_s: float) -> bool:
        threading.Thread(target=self._take, name="hub-lock", daemon=True).start()
        self._taken.wait(timeout_s)
        with self._settled:
            self._abandoned = not self._taken.is_set()
            return not self._abandoned

    def _take(self) -> None:
        try:
            fcntl.flock(self._fd, self._mode)
            with self._settled:
                if self._abandoned:
                    fcntl.flock(self._fd, fcntl.LOCK_UN)
                else:
                    self._taken.set()
        finally:
            os.close(self._fd)
