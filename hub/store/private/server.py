"""The private server as its callers see it: ensure, release, stop, status."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hub.clock import SystemClock
from hub.errors import Code, ConfigError, HubError, StoreUnavailable
from hub.store.private import cluster, connection, locks, places, postmaster, programs
from hub.store.private.accounts import account_of, ourselves
from hub.store.private.connection import Address, Answer
from hub.store.private.folders import PrivateFolder
from hub.store.private.status import Lifetime, Place, PrivateServerStatus, ServerState, Started

_USERS = "users.lock"
_START = "start.lock"
_PASSWORD = "password"
_STARTED = "started.json"
# Longer than any start or stop takes: whoever holds the lock works under time limits of its own.
_LOCK_LIMIT_S = 1200.0
_RECOVERY_LIMIT_S = 600.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.25


class PrivateServer:
    """One private PostgreSQL, named by its home; any number of processes may hold one of these for the same home.

    Args:
        data_home: The hub's home folder; made, mode 0700, where it is missing.
        bin_dir: The setting HUB_PG_BIN: the only folder in which programs are looked for.
        settings: PostgreSQL's, by name, over our own; used by whoever starts the server.
        start_timeout_s: How long a living server may keep silent. Recovery from a crash has ten minutes.
        min_free_bytes: Room that a first start asks for.
    """

    def __init__(
        self,
        data_home: Path,
        *,
        bin_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
        start_timeout_s: float = 60.0,
        min_free_bytes: int = 256 << 20,
    ) -> None:
        self._data_home = data_home
        self._bin_dir = bin_dir
        self._settings = dict(settings or {})
        self._start_timeout_s = start_timeout_s
        self._min_free_bytes = min_free_bytes
        self._clock = SystemClock()
        self._mutex = threading.RLock()
        self._use: int | None = None  # descriptor on users.lock, held shared
        self._address: Address | None = None

    def ensure(self, *, lifetime: Lifetime = "until_idle") -> str:
        """The address of a server that has just answered a query: the running one, else one started now.

        From here on this process counts as a user of the server, until `release` or its end, however it ends.

        Args:
            lifetime: "keep": the server outlives its last user, until `stop`. "until_idle": the last `release` stops it,
                unless somebody asked for "keep".

        Returns:
            A URL for SQLAlchemy (`postgresql+psycopg://`); it holds the password: never log it.

        Raises:
            ConfigError: An operator must act: no programs, another major version, folders that cannot be used.
            StoreError: The disk is full (`store_full`).
            StoreUnavailable: The server did not start, or lives and does not answer.
        """
        with self._mutex, places.open_control(self._home()) as control:
            counted = self._use is None
            if counted:
                self._use = self._count_in(control)
            try:
                address = (
                    self._attach(control) if lifetime == "until_idle" or self._is_kept(control) else None
                )
                if address is None:
                    with self._start_lock(control):
                        address = self._bring_up(control, lifetime)
            except BaseException:
                if counted:
                    self._count_out()
                raise
            self._address = address
            return address.url(connection.DATABASE)

    def release(self) -> None:
        """This process no longer uses the server; the last to say so stops it, unless it is to be kept. May be repeated."""
        with self._mutex:
            if self._use is None:
                return
            with places.open_control(self._home()) as control, self._start_lock(control):
                last = locks.acquire(self._use, timeout_s=0)
                try:
                    if last and not self._is_kept(control):
                        self._end(control, timeout_s=60.0)
                finally:
                    self._count_out()

    def stop(self, *, timeout_s: float = 60.0) -> bool:
        """Stops the server whoever uses it; returns when no process of it is left.

        Returns:
            Whether there was one to stop.
        """
        if not self._exists():
            return False
        with places.open_control(self._home()) as control, self._start_lock(control):
            return self._end(control, timeout_s=timeout_s)

    def status(self) -> PrivateServerStatus:
        """What the server is doing now; starts, changes and waits for nothing (5 s for an answer excepted)."""
        home = self._home()
        log_file = home / places.CONTROL_NAME / postmaster.LOG
        if not self._exists():
            return PrivateServerStatus(running=False, state=ServerState.STOPPED, log_file=log_file)
        with places.open_control(home) as control:
            place = places.read_place(control)
            if place is None:
                return PrivateServerStatus(running=False, state=ServerState.STOPPED, log_file=log_file)
            return self._look(control, place, log_file)

    def url(self, database: str = connection.DATABASE) -> str:
        """The address of one database of the server that `ensure` found; it holds the password: never log it."""
        return self._ensured().url(database)

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Makes a database, as a copy of `template` where one is given, and returns its URL.

        Raises:
            ConfigError: A name is not a-z, 0-9 and _, or is PostgreSQL's own.
            StateConflict: There is one of that name already, or the template is in use.
            NotFound: There is no such template.
        """
        connection.create_database(self._ensured(), name, template)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drops a database and cuts off who is in it; nothing happens where there is none."""
        connection.drop_database(self._ensured(), name)

    def destroy(self) -> None:
        """Stops the server and takes away all its folders, data included, wherever they stand. For tests and demonstrations."""
        with self._mutex:
            if not self._exists():
                return
            with places.open_control(self._home()) as control, self._start_lock(control):
                self._end(control, timeout_s=10.0)
                place = places.read_place(control)
                folders = (
                    []
                    if place is None
                    else [places.server_path(control, place), places.socket_path(control, place)]
                )
                for folder in [*folders, control.path]:
                    _remove(folder)
            if self._use is not None:
                self._count_out()

    def __enter__(self) -> PrivateServer:
        self.ensure()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _home(self) -> Path:
        return self._data_home.expanduser().resolve()

    def _exists(self) -> bool:
        return (self._home() / places.CONTROL_NAME).is_dir()

    def _ensured(self) -> Address:
        if self._address is None:
            raise StoreUnavailable(
                f"the private PostgreSQL of {self._data_home} was asked for a database before it was started: call ensure() first",
                code=Code.STORE_UNAVAILABLE,
            )
        return self._address

    # ---- who uses it, and for how long it is to live

    def _count_in(self, control: PrivateFolder) -> int:
        fd = control.open_file(_USERS, os.O_RDWR)
        if not locks.acquire(fd, shared=True, timeout_s=_LOCK_LIMIT_S):
            os.close(fd)
            raise _locked(control, _USERS)
        return fd

    def _count_out(self) -> None:
        if self._use is not None:
            os.close(self._use)
        self._use = None
        self._address = None

    @contextmanager
    def _start_lock(self, control: PrivateFolder) -> Iterator[None]:
        fd = control.open_file(_START, os.O_RDWR)
        try:
            if not locks.acquire(fd, timeout_s=_LOCK_LIMIT_S):
                raise _locked(control, _START)
            yield
        finally:
            os.close(fd)

    def _is_kept(self, control: PrivateFolder) -> bool:
        started = _read_started(control)
        return started is not None and started.lifetime == "keep"

    # ---- attaching and starting

    def _attach(self, control: PrivateFolder) -> Address | None:
        """The running server's address, or None where the start lock is needed to say more."""
        place, password = places.read_place(control), control.read(_PASSWORD)
        if (
            place is None
            or not place.initialised
            or password is None
            or not places.open_socket_folder(control, place)
        ):
            return None
        address = Address(places.socket_path(control, place), password.strip())
        answer = connection.ask(address)
        if answer.state != ServerState.READY or answer.lacks_database:
            return None
        postmaster.bound_log(control)
        return address

    def _bring_up(self, control: PrivateFolder, lifetime: Lifetime) -> Address:
        place, server = places.settle(control)
        with server:
            address = Address(places.socket_path(control, place), _password(control, place))
            answer = connection.ask(address)
            running = postmaster.lives(control)
            if running and answer.state != ServerState.READY:
                answer = self._wait_until_ready(control, server, address, log_from=None)
                running = answer.state == ServerState.READY
            if not running:
                answer = self._start(control, server, place, address, lifetime)
            elif lifetime == "keep":
                _note_start(control, lifetime, self._clock)
            if answer.lacks_database:
                connection.create_database(address, connection.DATABASE, None)
            return address

    def _start(
        self,
        control: PrivateFolder,
        server: PrivateFolder,
        place: Place,
        address: Address,
        lifetime: Lifetime,
    ) -> Answer:
        _clear_pid_file(server)
        account = server.owner
        major = cluster.data_major(server)
        chosen = programs.find(self._bin_dir, account=account, server=server, major=major)
        if major is None:
            if place.initialised:
                raise ConfigError(
                    f"the private PostgreSQL cannot start: {server.path} held its data and holds none now; put data/ back from a "
                    f"backup, or remove {control.path} and {server.path} to begin with an empty database",
                    code=Code.CONFIG_INVALID,
                )
            cluster.initialise(server, chosen, account, address.password, min_free_bytes=self._min_free_bytes)
        if not place.initialised:
            places.write_place(control, place.model_copy(update={"initialised": True}))
        cluster.write_configuration(server, chosen, account, self._settings)
        _note_start(control, lifetime, self._clock)
        log_from = postmaster.spawn(
            control, cluster.command_line(server, chosen, address.socket_folder), account
        )
        answer = self._wait_until_ready(control, server, address, log_from=log_from)
        if answer.state != ServerState.READY:
            raise cluster.start_failed(
                "it ended at once", server.path / "data", postmaster.log_tail(control, log_from)
            )
        return answer

    def _wait_until_ready(
        self, control: PrivateFolder, server: PrivateFolder, address: Address, *, log_from: int | None
    ) -> Answer:
        """READY when a query was answered, STOPPED when the server is dead.

        Raises:
            StoreUnavailable: It lives and does not answer.
            ConfigError: It refuses our password.
        """
        pause_s, begun = _FIRST_PAUSE_S, self._clock.monotonic()
        while True:
            answer = connection.ask(address)
            if answer.state == ServerState.READY:
                return answer
            if answer.state == ServerState.REFUSING:
                raise _refusal(control, answer)
            if not postmaster.lives(control):
                return Answer(ServerState.STOPPED)
            found = postmaster.read_pid_file(server)
            if found is not None and not postmaster.works_in(found.pid, server.path / "data"):
                # Only children of a postmaster that was killed; a new one cannot start beside them.
                if postmaster.end_orphans(control, server.path / "data"):
                    return Answer(ServerState.STOPPED)
            limit_s = _RECOVERY_LIMIT_S if answer.state == ServerState.STARTING else self._start_timeout_s
            if self._clock.monotonic() - begun > limit_s:
                raise StoreUnavailable(
                    f"the private PostgreSQL in {server.path} is alive (process {found.pid if found else 'unknown'}) and gave no answer in "
                    f"{limit_s:.0f} s ({answer.state}); its last words: {cluster.last_words(postmaster.log_tail(control, log_from))}; "
                    "run `hub db stop`, then the command again",
                    code=Code.STORE_UNAVAILABLE,
                )
            self._clock.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.5)

    # ---- ending and looking

    def _end(self, control: PrivateFolder, *, timeout_s: float) -> bool:
        if not postmaster.lives(control):
            return False
        place = places.read_place(control)
        if place is None:
            raise StoreUnavailable(
                f"the private PostgreSQL of {control.path} runs, and the note of where (place.json) is gone; put it back, or end "
                "that postgres by hand",
                code=Code.STORE_UNAVAILABLE,
            )
        with PrivateFolder.open(
            places.server_path(control, place), owner=account_of(place.account_uid)
        ) as server:
            postmaster.stop(control, server, timeout_s=timeout_s)
        control.remove(_STARTED)
        return True

    def _look(self, control: PrivateFolder, place: Place, log_file: Path) -> PrivateServerStatus:
        address = Address(places.socket_path(control, place), (control.read(_PASSWORD) or "").strip())
        alive = postmaster.lives(control)
        answer = connection.ask(address) if alive else Answer(ServerState.STOPPED)
        state = ServerState.STARTING if alive and answer.state == ServerState.STOPPED else answer.state
        started = _read_started(control) if alive else None
        account = account_of(place.account_uid)
        path = places.server_path(control, place)
        found, major, size_bytes = None, None, 0
        if path.is_dir():
            with PrivateFolder.open(path, owner=account) as server:
                found = postmaster.read_pid_file(server) if alive else None
                major = cluster.data_major(server)
                size_bytes = _size_bytes(path / "data")
        return PrivateServerStatus(
            running=state == ServerState.READY,
            state=state,
            pid=found.pid if found else None,
            version=answer.version or (str(major) if major else None),
            data_folder=path / "data",
            socket_folder=address.socket_folder,
            log_file=log_file,
            since=found.since if found else None,
            size_bytes=size_bytes,
            started_by=started.started_by if started else None,
            lifetime=started.lifetime if started else None,
            account=account.name,
        )


def _password(control: PrivateFolder, place: Place) -> str:
    known = control.read(_PASSWORD)
    if known is not None and known.strip():
        return known.strip()
    if place.initialised:
        raise ConfigError(
            f"the private PostgreSQL cannot be used: its password file {control.path / _PASSWORD} is gone or empty, expected the password "
            "that was made with the data folder; put it back from a backup",
            code=Code.STORE_PASSWORD,
        )
    fresh = secrets.token_urlsafe(32)
    control.write(_PASSWORD, fresh + "\n")
    return fresh


def _refusal(control: PrivateFolder, answer: Answer) -> HubError:
    if "password" in answer.detail or "authentication" in answer.detail:
        return ConfigError(
            f"the private PostgreSQL refuses the password in {control.path / _PASSWORD}, expected the one that was made with its data "
            "folder; put that file back from a backup",
            code=Code.STORE_PASSWORD,
        )
    return StoreUnavailable(
        f"the private PostgreSQL of {control.path} refuses a login: {answer.detail[:200]}; expected a free connection; end other "
        "users of it (`hub db status`), then run the command again",
        code=Code.STORE_UNAVAILABLE,
    )


def _clear_pid_file(server: PrivateFolder) -> None:
    """Takes a dead server's pid file away; its number may be in use again, and PostgreSQL would not start for it."""
    found = postmaster.read_pid_file(server)
    if found is not None and postmaster.works_in(found.pid, server.path / "data"):
        raise StoreUnavailable(
            f"the private PostgreSQL in {server.path} was not started: process {found.pid}, which the hub did not start, uses its data "
            "folder, expected nobody; end that process, then run the command again",
            code=Code.STORE_UNAVAILABLE,
        )
    if server.exists("data"):
        postmaster.remove_pid_file(server)


def _read_started(control: PrivateFolder) -> Started | None:
    text = control.read(_STARTED)
    return Started.model_validate_json(text) if text else None


def _note_start(control: PrivateFolder, lifetime: Lifetime, clock: SystemClock) -> None:
    before = _read_started(control) if lifetime == "keep" and postmaster.lives(control) else None
    note = Started(
        lifetime=lifetime,
        started_by=before.started_by if before else f"{ourselves().name}, process {os.getpid()}",
        started_at=before.started_at if before else clock.now(),
    )
    control.write(_STARTED, note.model_dump_json(indent=1) + "\n")


def _locked(control: PrivateFolder, name: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"the private PostgreSQL of {control.path} is being started or stopped by another process for longer than "
        f"{_LOCK_LIMIT_S:.0f} s ({name} is held); end that process, then run the command again",
        code=Code.STORE_UNAVAILABLE,
    )


def _size_bytes(folder: Path) -> int:
    total = 0
    for path, _, files, fd in os.fwalk(folder):
        del path
        for name in files:
            try:
                total += os.stat(name, dir_fd=fd, follow_symlinks=False).st_size
            except FileNotFoundError:  # files come and go while the server runs
                continue
    return total


def _remove(folder: Path) -> None:
    """Takes a folder of ours away, by the descriptor of the one above it."""
    try:
        fd = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        PrivateFolder(folder.parent, fd=fd, owner=ourselves()).remove_tree(folder.name)
    except NotADirectoryError:
        pass
    finally:
        os.close(fd)
