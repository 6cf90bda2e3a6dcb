"""Runs a tap: no shell, an environment of its own, its output line by line within bounds, and its whole process group ended with the reading."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from hub.sdk import Code, ConfigError, SourceContractError, SourceUnavailable
from hub_channel_singer.murmur import Murmur

TICK_S = 1.0
# After the tap has ended, a child that it left behind may hold its output open.
_AFTER_END_S = 2.0
_GRACE_S = 5.0
_CHUNK = 65_536
_KEPT_OF_A_LINE = 65_536


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one call of the tap.

    Attributes:
        silent_s: Longest time without a byte of it.
        run_s: For the whole call.
        line_bytes: Of one line.
    """

    silent_s: float
    run_s: float
    line_bytes: int


def program(executable: str, where: str) -> str:
    """The absolute path of the tap's executable.

    Raises:
        ConfigError: There is none that may be run (code ``config_invalid``).
    """
    found = shutil.which(executable)
    if found is None:
        raise ConfigError(
            f"{where}: settings.executable names no program that this user may run (expected an absolute path or a name on the PATH); install the tap, "
            "best in an environment of its own, and name its executable",
            code=Code.CONFIG_INVALID,
        )
    return str(Path(found).absolute())


def environment_of(executable: str, folder: Path, further: Mapping[str, str]) -> dict[str, str]:
    """All that the tap sees of an environment: nothing of the hub's own."""
    return {
        "PATH": f"{Path(executable).parent}{os.pathsep}{os.defpath}",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        **further,
    }


class TapProcess:
    """One call of a tap.

    Args:
        command: Absolute path and arguments.
        environment: See `environment_of`.
        folder: Its working folder.
        bounds: See `Bounds`.
        where: For messages.

    Attributes:
        murmur: What it said on its standard error, in numbers.
        number: Of the last line that was read, from 1.
        rest: What it wrote after its last line's end.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, bounds: Bounds, where: str
    ) -> None:
        self.murmur = Murmur()
        self.number = 0
        self.rest = b""
        self._bounds = bounds
        self._where = where
        self._began = time.monotonic()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
                bufsize=0,
            )
        except OSError as exc:
            raise ConfigError(
                f"{where}: the tap cannot be run ({type(exc).__name__}; expected a program); check settings.executable and its first line",
                code=Code.CONFIG_INVALID,
            ) from None

    def lines(self) -> Iterator[bytes | None]:
        """Each line as it comes, without its end; None at least every few seconds, when there is none. What follows the last line's end is `rest`.

        Raises:
            SourceUnavailable: A time limit passed (code ``source_timeout``).
            SourceContractError: A line is too long (code ``page_too_large``).
        """
        tail = bytearray()
        for chunk in self._chunks():
            if chunk is None:
                yield None
                continue
            *whole, rest = chunk.split(b"\n")
            for part in whole:
                self._append(tail, part)
                self.number += 1
                line = bytes(tail)
                tail.clear()
                yield line
            self._append(tail, rest)
        self.rest = bytes(tail)

    def _append(self, tail: bytearray, part: bytes) -> None:
        tail += part
        if len(tail) > self._bounds.line_bytes:
            raise SourceContractError(
                f"{self._where}: line {self.number + 1} of the tap's output passes the bound of {self._bounds.line_bytes:,} bytes (expected one "
                "message in it); what came before is kept: look at the kept beginning, then raise limits.line_bytes or mend the tap",
                code=Code.PAGE_TOO_LARGE,
                body=bytes(tail[:_KEPT_OF_A_LINE]),
            )

    def _chunks(self) -> Iterator[bytes | None]:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        out, err = self._process.stdout, self._process.stderr
        silent_s = 0.0
        with selectors.DefaultSelector() as selector:
            for pipe in (out, err):
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map() or not self._has_ended():
                before = time.monotonic()
                ready = _wait(selector)
                now = time.monotonic()
                # Waiting alone counts: while the hub writes a page, nobody listens.
                silent_s = 0.0 if ready else silent_s + now - before
                for pipe in ready:
                    chunk = os.read(pipe.fileno(), _CHUNK)
                    if not chunk:
                        selector.unregister(pipe)
                    elif pipe is err:
                        self.murmur.hear(chunk)
                    else:
                        yield chunk
                if silent_s >= _AFTER_END_S and self._has_ended():
                    break
                if silent_s >= self._bounds.silent_s:
                    self._too_long("no word", self._bounds.silent_s, "limits.silent_s")
                if now - self._began >= self._bounds.run_s:
                    self._too_long("no end", self._bounds.run_s, "limits.run_s")
                if out not in ready:
                    yield None
        self.murmur.end()

    def _too_long(self, what: str, seconds: float, setting: str) -> NoReturn:
        raise SourceUnavailable(
            f"{self._where}: {what} of the tap within {seconds:g} s, after line {self.number} (expected it to go on by itself); it was ended, what came "
            f"before is kept, and the next run goes on from there: look at its source, or raise {setting}",
            code=Code.SOURCE_TIMEOUT,
        )

    def _has_ended(self) -> bool:
        # Not waited for: as long as nobody has, its group's number is no one else's.
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        if self._process.returncode is not None:
            return True
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return True

    def stop(self) -> int:
        """Ends the tap and every process of its group; gives its exit code, below zero for a signal's number. A second call does nothing."""
        if self._process.returncode is None:
            ended = self._has_ended()
            self._signal(signal.SIGTERM)
            if not ended:
                deadline = time.monotonic() + _GRACE_S
                while not self._has_ended() and time.monotonic() < deadline:
                    time.sleep(0.02)
            self._signal(signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return self._process.returncode

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _wait(selector: selectors.BaseSelector) -> list[IO[bytes]]:
    if not selector.get_map():
        time.sleep(0.05)
        return []
    return [key.fileobj for key, _ in selector.select(TICK_S)]  # type: ignore[misc]
