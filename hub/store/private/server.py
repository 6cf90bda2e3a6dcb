"""The private server as its callers see it: ensure, release, stop, status."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hub.errors import Code, StoreUnavailable
from hub.store.private import connection, locks, notes, places, postmaster, starting
from hub.store.private.accounts import account_of
from hub.store.private.connection import Address, Answer
from hub.store.private.folders import PrivateFolder, remove_folder
from hub.store.private.look import look
from hub.store.private.status import Lifetime, Place, PrivateServerStatus, ServerState

_USERS = "users.lock"
_START = "start.lock"
# Longer than any start or stop takes: whoever holds the lock works under time limits of its own.
_LOCK_LIMIT_S = 1200.0
# A command's end waits no longer for a checkpoint; ended at once the server loses nothing, its next start recovers.
_RELEASE_LIMIT_S = 15.0


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
        self._options = starting.Options(bin_dir, dict(settings or {}), start_timeout_s, min_free_bytes)
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
                    starting.attach(control) if lifetime == "until_idle" or notes.is_kept(control) else None
                )
                if address is None:
                    with self._start_lock(control):
                        address = starting.bring_up(control, self._options, lifetime)
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
                    if last and not notes.is_kept(control):
                        self._end(control, timeout_s=_RELEASE_LIMIT_S)
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
            return look(control, place)

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
                folders = [control.path]
                if place is not None:
                    folders += [places.server_path(control, place), places.socket_path(control, place)]
                for folder in reversed(folders):
                    remove_folder(folder)
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

    def _end(self, control: PrivateFolder, *, timeout_s: float) -> bool:
        if not postmaster.lives(control):
            notes.forget_start(control)
            return False
        place = places.read_place(control)
        if place is None:
            raise StoreUnavailable(
                f"the private PostgreSQL of {control.path} runs, and the note of where (place.json) is gone, expected it beside "
                "the password; put it back from a backup, or end that postgres by hand",
                code=Code.STORE_UNAVAILABLE,
            )
        with PrivateFolder.open(
            places.server_path(control, place), owner=account_of(place.account_uid)
        ) as server:
            # PostgreSQL 18 that is told to end while it recovers from a crash waits for its own checkpointer until it is
            # killed; ended at once it loses nothing, for recovery begins anew with the next start.
            recovers = _answer(control, place).state is ServerState.STARTING
            postmaster.stop(control, server, timeout_s=timeout_s, at_once=recovers)
        notes.forget_start(control)
        return True


def _answer(control: PrivateFolder, place: Place) -> Answer:
    password = notes.read_password(control)
    if password is None:
        return Answer(ServerState.REFUSING)
    return connection.ask(Address(places.socket_path(control, place), password))


def _locked(control: PrivateFolder, name: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"the private PostgreSQL of {control.path} is being started or stopped by another process for longer than "
        f"{_LOCK_LIMIT_S:.0f} s ({name} is held); end that process, then run the command again",
        code=Code.STORE_UNAVAILABLE,
    )
