"""Attaching to the server that runs, and bringing one up where none does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hub.clock import SystemClock
from hub.errors import Code, ConfigError, HubError, StoreUnavailable
from hub.store.private import cluster, connection, notes, places, postmaster, programs
from hub.store.private.connection import Address, Answer
from hub.store.private.folders import PrivateFolder
from hub.store.private.status import Lifetime, Place, ServerState

_RECOVERY_LIMIT_S = 600.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.25


class Options(NamedTuple):
    """What `PrivateServer` was told; see there."""

    bin_dir: Path | None
    settings: Mapping[str, str]
    start_timeout_s: float
    min_free_bytes: int


def attach(control: PrivateFolder) -> Address | None:
    """The running server's address, or None where the start lock is needed to say more."""
    place, password = places.read_place(control), notes.read_password(control)
    if (
        place is None
        or not place.initialised
        or password is None
        or not places.has_socket_folder(control, place)
    ):
        return None
    address = Address(places.socket_path(control, place), password)
    answer = connection.ask(address)
    if answer.state != ServerState.READY or answer.lacks_database:
        return None
    postmaster.bound_log(control)
    return address


def bring_up(control: PrivateFolder, options: Options, lifetime: Lifetime) -> Address:
    """The address of a server that has answered a query; the caller holds the start lock. Raises as `PrivateServer.ensure`."""
    place, server = places.settle(control)
    with server:
        address = Address(places.socket_path(control, place), notes.settle_password(control, place))
        answer = Answer(ServerState.STOPPED)
        if postmaster.lives(control):
            answer = _wait_until_ready(control, server, address, options, log_from=None)
        if answer.state != ServerState.READY:
            answer = _start(control, server, place, address, options, lifetime)
        elif lifetime == "keep":
            notes.note_keep(control)
        if answer.lacks_database:
            connection.create_database(address, connection.DATABASE, None)
        return address


def _start(
    control: PrivateFolder,
    server: PrivateFolder,
    place: Place,
    address: Address,
    options: Options,
    lifetime: Lifetime,
) -> Answer:
    _clear_remains(server, address)
    account, major = server.owner, cluster.data_major(server)
    if major is None and place.initialised:
        raise ConfigError(
            f"the private PostgreSQL cannot start: {server.path} held its data and holds none now; put data/ back from a backup, "
            f"or remove {control.path} and {server.path} to begin with an empty database",
            code=Code.CONFIG_INVALID,
        )
    chosen = programs.find(options.bin_dir, account=account, server=server, major=major)
    with postmaster.claim(control) as alive:
        if major is None:
            cluster.initialise(
                server, chosen, account, address.password, min_free_bytes=options.min_free_bytes, alive=alive
            )
        if not place.initialised:
            places.write_place(control, place.model_copy(update={"initialised": True}))
        cluster.write_configuration(server, chosen, account, options.settings)
        notes.note_start(control, lifetime)
        command = cluster.command_line(server, chosen, address.socket_folder)
        log_from = postmaster.spawn(control, command, account, alive)
    answer = _wait_until_ready(control, server, address, options, log_from=log_from)
    if answer.state != ServerState.READY:
        raise cluster.start_failed(
            "it ended at once", server.path / "data", postmaster.log_tail(control, log_from)
        )
    return answer


def _wait_until_ready(
    control: PrivateFolder, server: PrivateFolder, address: Address, options: Options, *, log_from: int | None
) -> Answer:
    """READY when a query was answered, STOPPED when the server is dead.

    Raises:
        StoreUnavailable: It lives and does not answer.
        ConfigError: It refuses our password.
    """
    clock, pause_s = SystemClock(), _FIRST_PAUSE_S
    begun = clock.monotonic()
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
        limit_s = _RECOVERY_LIMIT_S if answer.state == ServerState.STARTING else options.start_timeout_s
        if clock.monotonic() - begun > limit_s:
            words = cluster.last_words(postmaster.log_tail(control, log_from))
            raise StoreUnavailable(
                f"the private PostgreSQL in {server.path} is alive (process {found.pid if found else 'unknown'}) and gave no answer "
                f"in {limit_s:.0f} s; its last words: {words}; run `hub db stop`, then the command again",
                code=Code.STORE_UNAVAILABLE,
            )
        clock.sleep(pause_s)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.5)


def _refusal(control: PrivateFolder, answer: Answer) -> HubError:
    if "password" in answer.detail or "authentication" in answer.detail:
        return ConfigError(
            f"the private PostgreSQL refuses the password in {control.path / notes.PASSWORD}, expected the one that was made with "
            "its data folder; put that file back from a backup",
            code=Code.STORE_PASSWORD,
        )
    return StoreUnavailable(
        f"the private PostgreSQL of {control.path} refuses a login: {answer.detail[:200]}; expected a free connection; end other "
        "users of it (`hub db status`), then run the command again",
        code=Code.STORE_UNAVAILABLE,
    )


def _clear_remains(server: PrivateFolder, address: Address) -> None:
    """Takes a dead server's pid files away: their number may be in use again, and PostgreSQL would not start for it."""
    found = postmaster.read_pid_file(server)
    if found is not None and postmaster.works_in(found.pid, server.path / "data"):
        raise StoreUnavailable(
            f"the private PostgreSQL in {server.path} was not started: process {found.pid}, which the hub did not start, uses its "
            "data folder, expected nobody; end that process, then run the command again",
            code=Code.STORE_UNAVAILABLE,
        )
    if server.exists("data"):
        with server.folder("data") as data:
            data.remove("postmaster.pid")
    with PrivateFolder.open(address.socket_folder, owner=server.owner) as folder:
        folder.remove(f"{address.socket.name}.lock")
        folder.remove(address.socket.name)
