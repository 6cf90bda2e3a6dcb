"""One look at the server for `status`."""

from __future__ import annotations

import os
from pathlib import Path

from hub.store.private import cluster, connection, notes, places, postmaster
from hub.store.private.accounts import account_of
from hub.store.private.connection import Address, Answer
from hub.store.private.folders import PrivateFolder
from hub.store.private.status import Place, PrivateServerStatus, ServerState


def look(control: PrivateFolder, place: Place) -> PrivateServerStatus:
    """What the server does now; starts and changes nothing, waits five seconds at most for an answer."""
    address = Address(places.socket_path(control, place), notes.read_password(control) or "")
    alive = postmaster.lives(control)
    answer = connection.ask(address) if alive else Answer(ServerState.STOPPED)
    # Alive and no socket yet: initdb, or a server on its first steps.
    state = ServerState.STARTING if alive and answer.state == ServerState.STOPPED else answer.state
    started = notes.read_started(control) if alive else None
    account = account_of(place.account_uid)
    path = places.server_path(control, place)
    found, major, size_bytes = None, None, 0
    if path.is_dir():
        with PrivateFolder.open(path, owner=account) as server:
            found = postmaster.read_pid_file(server) if alive else None
            major = cluster.data_major(server)
            size_bytes = _size_bytes(path / "data") if major else 0
    return PrivateServerStatus(
        running=state == ServerState.READY,
        state=state,
        pid=found.pid if found else None,
        version=answer.version or (str(major) if major else None),
        data_folder=path / "data",
        socket_folder=address.socket_folder,
        log_file=control.path / postmaster.LOG,
        since=found.since if found else None,
        size_bytes=size_bytes,
        started_by=started.started_by if started else None,
        lifetime=started.lifetime if started else None,
        account=account.name,
    )


def _size_bytes(folder: Path) -> int:
    total = 0
    for _, _, files, fd in os.fwalk(folder):
        for name in files:
            try:
                total += os.stat(name, dir_fd=fd, follow_symlinks=False).st_size
            except FileNotFoundError:  # files come and go while the server runs
                continue
    return total
