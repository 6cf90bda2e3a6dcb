"""Runs jobs one after another or side by side, each in a process of its own that begins with everything imported.

Jobs come on stdin, one JSON object a line; what became of each goes to stdout, likewise. A job that outlives its limit is killed with all that it
started. A job's standard output and error go into the files that it names. This file runs in every peer's environment: it imports nothing but
the standard library.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

Job = dict[str, Any]
_TICK_S = 0.05


def serve(run: Callable[[Job], None]) -> None:
    """Takes jobs until stdin ends. ``run`` returns for a job that ended well; it raises or exits otherwise."""
    running: dict[int, tuple[Job, float]] = {}
    waiting, open_input = b"", True
    while open_input or running:
        if open_input and select.select([0], [], [], _TICK_S)[0]:
            read = os.read(0, 1 << 16)
            open_input = bool(read)
            *lines, waiting = (waiting + read).split(b"\n")
            for line in lines:
                job = json.loads(line)
                running[_begin(job, run)] = (job, time.monotonic())
        elif not open_input:
            time.sleep(_TICK_S)
        for pid, (job, began) in list(running.items()):
            ended = _ended(pid, began, float(job["limit_s"]))
            if ended is not None:
                del running[pid]
                _tell({"id": job["id"], "ended": ended, "seconds": round(time.monotonic() - began, 1)})


def _begin(job: Job, run: Callable[[Job], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "log")):
            os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
        run(job)
        code = 0
    except SystemExit as exc:
        code = 0 if exc.code in (None, 0) else 1
    except BaseException:  # noqa: BLE001 - whatever it is, it is told in the log and by the code
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _ended(pid: int, began: float, limit_s: float) -> str | None:
    """How the job ended; None while it runs."""
    if time.monotonic() - began > limit_s:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "limit"
    found, status = os.waitpid(pid, os.WNOHANG)
    if not found:
        return None
    return "well" if os.waitstatus_to_exitcode(status) == 0 else "error"


def _tell(answer: dict[str, Any]) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")
