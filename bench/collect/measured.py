"""Runs one command and writes down what its whole process tree cost.

``python -I -S measured.py RESULT LIMIT_S COMMAND…``: RESULT becomes one JSON object with ``returncode``, ``cpu_s``
(user and system, every process of the tree), ``peak_mib`` (the largest process of the tree), ``wall_s`` and
``left_behind`` (processes still alive when the command had ended, which are then killed).

This process adopts what its descendants orphan, so that a process that detaches itself is counted too. It imports
little: the kernel counts a child's memory from before its exec, when it is still a copy of this one.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 5.0


def _children() -> list[int]:
    """Our live and unreaped children: not every kernel lists them by parent, so every process is asked for its own."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(") ")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended while we looked
        if int(parent) == os.getpid():
            found.append(int(stat.parent.name))
    return found


def _kill_tree() -> None:
    """Kills every child until none is left; those orphaned by the killing become children in their turn."""
    while pids := _children():
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)


def main(result: str, limit_s: float, command: list[str]) -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    waited_for = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    began = time.monotonic()
    main_pid = os.posix_spawn(command[0], command, os.environ, setsigmask=[])
    deadline = began + limit_s
    returncode: int | None = None
    wall_s = 0.0
    left_behind = 0
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == main_pid:
            returncode = os.waitstatus_to_exitcode(status)
            wall_s = time.monotonic() - began
            deadline = min(deadline, time.monotonic() + _GRACE_S)
        if pid:
            continue
        caught = signal.sigtimedwait(waited_for, max(0.0, deadline - time.monotonic()))
        if caught is None or caught.si_signo != signal.SIGCHLD:
            left_behind = len(_children())
            _kill_tree()
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = {
        "returncode": returncode,  # None: the time limit ended it
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
        "wall_s": wall_s or time.monotonic() - began,
        "left_behind": left_behind,
    }
    Path(result).write_text(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
