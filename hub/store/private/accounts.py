"""Under which account the server runs, and running programs as that account."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hub.errors import Code, ConfigError

# Nothing of the caller's environment reaches the server: PGDATA, PGPORT and their like would change what it does.
CLEAN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}
_UNPRIVILEGED = ("postgres", "nobody")


class Account(NamedTuple):
    """One account of the machine."""

    uid: int
    gid: int
    name: str


def ourselves() -> Account:
    """The account of this process."""
    uid = os.geteuid()
    try:
        return _known(pwd.getpwuid(uid))
    except KeyError:
        return Account(uid, os.getegid(), str(uid))


def account_of(uid: int) -> Account:
    """The account with this number.

    Raises:
        ConfigError: The machine knows no such account; PostgreSQL starts under no unknown one.
    """
    try:
        return _known(pwd.getpwuid(uid))
    except KeyError as exc:
        raise ConfigError(
            f"the private PostgreSQL cannot start: its folder belongs to account number {uid}, which this machine does not "
            "know; expected an account with a name: give the folder to one (chown -R), or add the account",
            code=Code.CONFIG_INVALID,
        ) from exc


def unprivileged() -> Account:
    """The account that stands in for root, under which PostgreSQL refuses to run.

    Raises:
        ConfigError: Neither `postgres` nor `nobody` exists.
    """
    for name in _UNPRIVILEGED:
        try:
            return _known(pwd.getpwnam(name))
        except KeyError:
            continue
    raise ConfigError(
        "the private PostgreSQL cannot start: it refuses to run as root, and of the accounts postgres and nobody this machine "
        "has neither; add one of them, run the hub as an ordinary user, or set HUB_DATABASE_URL",
        code=Code.CONFIG_INVALID,
    )


def spawn_options(account: Account) -> dict[str, Any]:
    """What `subprocess` must be told to run something as this account, far from the caller's folder and environment."""
    options: dict[str, Any] = {
        "cwd": "/",
        "env": CLEAN_ENVIRONMENT,
        "umask": 0o077,
        "stdin": subprocess.DEVNULL,
    }
    if account.uid != os.geteuid():
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def run_as(
    account: Account, command: Sequence[str | Path], *, timeout_s: float, pass_fds: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; both its outputs in `stdout`.

    Raises:
        OSError: That account cannot reach or run the program.
        subprocess.TimeoutExpired: It did not end in time and was killed.
    """
    return subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=timeout_s,
        check=False,
        pass_fds=pass_fds,
        **spawn_options(account),
    )


def can_enter(account: Account, folder: Path) -> bool:
    """Whether that account can go into this folder: tried, since modes alone say nothing of ACLs and mounts."""
    if account.uid == os.geteuid():
        return os.access(folder, os.X_OK)
    return run_as(account, ["/bin/sh", "-c", 'cd -- "$1"', "sh", folder], timeout_s=30).returncode == 0


def _known(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)
