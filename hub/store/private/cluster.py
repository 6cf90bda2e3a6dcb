"""The data folder: made by our own initdb, and the configuration that the server is started with."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from hub.errors import Code, ConfigError, HubError, StoreError, StoreUnavailable
from hub.store.private.accounts import Account, run_as
from hub.store.private.folders import PrivateFolder
from hub.store.private.programs import Programs

SUPERUSER = "hub"
PORT = 5432  # part of the socket's name only: nothing listens on TCP
_INITDB_LIMIT_S = 600.0

# For a small machine. Every value is PostgreSQL's own spelling.
_SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "512MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_checkpoints": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
}
# Said last, so that nothing above or in local.conf undoes it: the server's log never holds a row's values. Messages of level
# ERROR quote them ("invalid input syntax … "), DETAIL lines and the statements of crashed backends too; they go to the client only.
_LOG_WITHOUT_VALUES = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_autovacuum_min_duration": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_temp_files": "-1",
    "log_lock_waits": "off",
    "debug_print_parse": "off",
    "debug_print_rewritten": "off",
    "debug_print_plan": "off",
}
_SETTING_NAME = re.compile(r"[a-z][a-z0-9_.]*")


def data_major(server: PrivateFolder) -> int | None:
    """The major version that made the data folder; None where there is no data folder yet."""
    if not server.exists("data"):
        return None
    with server.folder("data") as data:
        text = (data.read("PG_VERSION") or "").strip()
    if not text.isdigit():
        raise ConfigError(
            f"the private PostgreSQL cannot start: {server.path / 'data'} holds no PG_VERSION, expected a data folder that initdb "
            "made; put it back from a backup, or move it away to begin anew",
            code=Code.CONFIG_INVALID,
        )
    return int(text)


def initialise(
    server: PrivateFolder,
    programs: Programs,
    account: Account,
    password: str,
    *,
    min_free_bytes: int,
    alive: int,
) -> None:
    """Makes `data/`: scram for every login, UTF-8, checksums. Killed half-way, the next call begins anew.

    Args:
        alive: A descriptor that initdb inherits, so that the next start waits for one that outlived us.

    Raises:
        StoreError: Not enough room (`store_full`).
        StoreUnavailable: initdb failed or did not end.
    """
    free = os.fstatvfs(server.fd)
    if free.f_bavail * free.f_frsize < min_free_bytes:
        raise StoreError(
            f"the private PostgreSQL cannot be set up in {server.path}: {free.f_bavail * free.f_frsize >> 20} MiB are free on that disk, "
            f"expected at least {min_free_bytes >> 20} MiB; free space there, choose another HUB_HOME, or set HUB_DATABASE_URL",
            code=Code.STORE_FULL,
        )
    server.remove_tree("data.new")
    server.write("initdb.password", password + "\n")
    try:
        output = ""
        for locale in _locale_choices(programs.major):
            code, output = _initdb(server, programs, account, locale, alive)
            if code == 0:
                server.rename("data.new", "data")
                return
            server.remove_tree("data.new")
            if "locale" not in output:
                break
        raise start_failed("initdb failed", server.path / "data", output)
    finally:
        server.remove("initdb.password")


def _initdb(
    server: PrivateFolder, programs: Programs, account: Account, locale: list[str], alive: int
) -> tuple[int, str]:
    command: list[str | Path] = [
        programs.bin_dir / "initdb",
        f"--pgdata={server.path / 'data.new'}",
        f"--username={SUPERUSER}",
        f"--pwfile={server.path / 'initdb.password'}",
        "--auth-local=scram-sha-256",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--data-checksums",
        "--no-instructions",
        *locale,
    ]
    try:
        answer = run_as(account, command, timeout_s=_INITDB_LIMIT_S, pass_fds=(alive,))
    except subprocess.TimeoutExpired as exc:
        return 1, f"initdb did not end in {exc.timeout:.0f} s"
    except OSError as exc:
        return 1, f"initdb could not be run: {exc.strerror}"
    return answer.returncode, answer.stdout


def _locale_choices(major: int) -> list[list[str]]:
    """Sorting by code point whatever the machine has installed; the second choice knows upper and lower case of ASCII only."""
    if major >= 17:
        return [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
    return [["--locale=C", "--lc-ctype=C.UTF-8"], ["--locale=C"]]


def write_configuration(
    server: PrivateFolder, programs: Programs, account: Account, extra: Mapping[str, str]
) -> None:
    """Writes `server.conf`: what initdb found out about the machine, our settings, the operator's `local.conf`, our last word."""
    settings = dict(_SETTINGS)
    settings["wal_compression"] = "lz4" if _knows_lz4(server, programs, account) else "on"
    if programs.major >= 18:
        # Reading ahead in worker processes pays on large machines; here three idle processes would be all that comes of it.
        settings["io_method"] = "sync"
    for name in extra:
        if not _SETTING_NAME.fullmatch(name):
            raise ConfigError(
                f"the private PostgreSQL cannot start: setting name {name!r} is not one of PostgreSQL's (a-z, 0-9, _); mend it",
                code=Code.CONFIG_INVALID,
            )
    settings |= extra
    lines = ["# Written at every start; put settings of your own into local.conf beside it."]
    lines.append(f"include {quoted(str(server.path / 'data' / 'postgresql.conf'))}")
    lines += [f"{name} = {quoted(value)}" for name, value in settings.items()]
    lines.append(f"include_if_exists {quoted(str(server.path / 'local.conf'))}")
    lines += [f"{name} = {quoted(value)}" for name, value in _LOG_WITHOUT_VALUES.items()]
    server.write("server.conf", "\n".join(lines) + "\n")


def _knows_lz4(server: PrivateFolder, programs: Programs, account: Account) -> bool:
    asked = ["-D", str(server.path / "data"), "-c", "wal_compression=lz4", "-C", "wal_compression"]
    return run_as(account, [programs.bin_dir / "postgres", *asked], timeout_s=60).returncode == 0


def command_line(server: PrivateFolder, programs: Programs, socket_folder: Path) -> list[str]:
    """The server's command line: what keeps it to itself is said here, where no file overrides it."""
    folder = str(socket_folder).replace('"', '""')
    fixed = {
        "config_file": str(server.path / "server.conf"),
        "hba_file": str(server.path / "data" / "pg_hba.conf"),
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{folder}"',
        "unix_socket_permissions": "0700",
    }
    command = [str(programs.bin_dir / "postgres"), "-D", str(server.path / "data")]
    for name, value in fixed.items():
        command += ["-c", f"{name}={value}"]
    return command


def quoted(value: str) -> str:
    """A value in the manner of postgresql.conf."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def start_failed(what: str, where: Path, output: str) -> HubError:
    """The hub's error for a start that failed, with the program's last words."""
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return StoreError(
            f"the private PostgreSQL in {where} has no room: {what} because the disk is full; nothing that was committed is lost; "
            "free space there, then run the command again",
            code=Code.STORE_FULL,
        )
    return StoreUnavailable(
        f"the private PostgreSQL in {where} did not start: {what}; its last words: {last_words(output)}; mend that and run the "
        "command again, or set HUB_DATABASE_URL",
        code=Code.STORE_UNAVAILABLE,
    )


def last_words(output: str, *, limit: int = 500) -> str:
    """The telling end of a program's output, on one line."""
    lines = [re.sub(r"^\S+ \S+ \S+ \[\d+\] ", "", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line]
    telling = [line for line in lines if re.search(r"FATAL|PANIC|ERROR|error:|HINT|DETAIL", line)] or lines
    return (" | ".join(telling[-4:]) or "none")[-limit:]
