"""Where the server's folder and its socket stand; settled once, noted in `place.json`."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from pydantic import ValidationError

from hub.errors import Code, ConfigError
from hub.store.private.accounts import Account, account_of, can_enter, ourselves, unprivileged
from hub.store.private.cluster import PORT
from hub.store.private.folders import PrivateFolder, unusable
from hub.store.private.status import Place

CONTROL_NAME = "pg"
SERVER_NAME = "pg-server"
_NOTE = "place.json"
# Kept over a restart of the machine, entered by all accounts on usual machines, written by root alone or sticky.
_ELSEWHERE = (Path("/var/lib"), Path("/var/tmp"))
_SHORT = Path("/tmp")
_LONGEST_SOCKET = 107  # bytes: sun_path of Linux less its end mark
# libpq takes a comma for a list of hosts, and a URL's host may not hold a colon.
_PLAIN_PATH = re.compile(r"[\w/.+-]+")


def open_control(home: Path) -> PrivateFolder:
    """Opens our folder in the home; both are made where they are missing.

    Raises:
        ConfigError: They cannot be made, are another's or open to others.
        StoreError: The disk is full.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise unusable(home, exc) from exc
    return PrivateFolder.open_or_make(home / CONTROL_NAME)


def read_place(control: PrivateFolder) -> Place | None:
    """The note of where the server is; None before the first start."""
    text = control.read(_NOTE)
    if text is None:
        return None
    try:
        return Place.model_validate_json(text)
    except ValidationError as exc:
        raise ConfigError(
            f"the private PostgreSQL cannot start: {control.path / _NOTE} is not the note that the hub wrote there; put it back from "
            "a backup, or remove it: the hub then writes it anew, and looks for its data beside it",
            code=Code.CONFIG_INVALID,
        ) from exc


def write_place(control: PrivateFolder, place: Place) -> None:
    control.write(_NOTE, place.model_dump_json(indent=1) + "\n")


def server_path(control: PrivateFolder, place: Place) -> Path:
    return place.server_folder or control.path.parent / SERVER_NAME


def socket_path(control: PrivateFolder, place: Place) -> Path:
    return place.socket_folder or server_path(control, place) / "run"


def settle(control: PrivateFolder) -> tuple[Place, PrivateFolder]:
    """The place and the server's open folder, made where they are missing; the caller holds the start lock.

    Raises:
        ConfigError: The folder of a server that was set up is gone, or none can be made.
    """
    place = read_place(control)
    if place is None:
        place = _first_place(control)
        write_place(control, place)
    server = _open_server(control, place)
    try:
        place = _with_socket(control, place, server)
    except BaseException:
        server.close()
        raise
    return place, server


def has_socket_folder(control: PrivateFolder, place: Place) -> bool:
    """Whether the socket's folder is there, private, and the server account's own."""
    try:
        PrivateFolder.open(socket_path(control, place), owner=account_of(place.account_uid)).close()
    except (FileNotFoundError, ConfigError):
        return False
    return True


def _first_place(control: PrivateFolder) -> Place:
    home = control.path.parent
    beside = home / SERVER_NAME
    account = _server_account(control, beside)
    if account.uid == os.geteuid() or can_enter(account, home):
        return Place(account_uid=account.uid)
    for base in _ELSEWHERE:
        if base.is_dir() and os.access(base, os.W_OK) and can_enter(account, base):
            return Place(account_uid=account.uid, server_folder=base / f"weisu-hub-{secrets.token_hex(6)}")
    raise ConfigError(
        f"the private PostgreSQL cannot be set up: as root it runs under account {account.name}, which can enter neither {home} nor any "
        f"of {', '.join(str(base) for base in _ELSEWHERE)}; choose a HUB_HOME that it can enter, run the hub as an ordinary "
        "user, or set HUB_DATABASE_URL",
        code=Code.CONFIG_INVALID,
    )


def _server_account(control: PrivateFolder, beside: Path) -> Account:
    if os.geteuid() != 0:
        return ourselves()
    for owner_uid in (beside.lstat().st_uid if beside.exists() else 0, control.owner.uid):
        if owner_uid != 0:
            return account_of(owner_uid)
    return unprivileged()


def _open_server(control: PrivateFolder, place: Place) -> PrivateFolder:
    path = server_path(control, place)
    account = account_of(place.account_uid) if os.geteuid() != place.account_uid else ourselves()
    if place.initialised:
        try:
            return PrivateFolder.open(path, owner=account)
        except FileNotFoundError as exc:
            raise ConfigError(
                f"the private PostgreSQL cannot start: {path}, which holds its data, is gone (a mount that is missing?); put it back, or "
                f"remove {control.path} to begin with an empty database",
                code=Code.CONFIG_INVALID,
            ) from exc
    return PrivateFolder.open_or_make(path, owner=account)


def _with_socket(control: PrivateFolder, place: Place, server: PrivateFolder) -> Place:
    """The place with a folder for the socket: in the server's, or a short one where that path is too long."""
    beside = server.path / "run"
    longest = len(os.fsencode(beside / f".s.PGSQL.{PORT}"))
    if longest <= _LONGEST_SOCKET and _PLAIN_PATH.fullmatch(str(beside)):
        server.folder("run").close()
        fitting = None
    else:
        fitting = _short_folder(place.socket_folder, server.owner)
    if fitting != place.socket_folder:
        place = place.model_copy(update={"socket_folder": fitting})
        write_place(control, place)
    return place


def _short_folder(known: Path | None, owner: Account) -> Path:
    """A private folder under /tmp: the noted one where it is still ours (made again after a restart), else a new one."""
    if known is not None:
        try:
            PrivateFolder.open_or_make(known, owner=owner).close()
            return known
        except ConfigError:  # taken by another account meanwhile: leave it to them
            pass
    fresh = _SHORT / f"weisu-{owner.uid}-{secrets.token_hex(6)}"
    PrivateFolder.make(fresh, owner=owner).close()
    return fresh
