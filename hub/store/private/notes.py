"""What the server leaves in its control folder beside the locks: the password, and who started it."""

from __future__ import annotations

import os
import secrets

from pydantic import ValidationError

from hub.clock import SystemClock
from hub.errors import Code, ConfigError
from hub.store.private.accounts import ourselves
from hub.store.private.folders import PrivateFolder
from hub.store.private.status import Lifetime, Place, Started

PASSWORD = "password"
_STARTED = "started.json"


def read_password(control: PrivateFolder) -> str | None:
    """The superuser's password, or None before the first start."""
    return (control.read(PASSWORD) or "").strip() or None


def settle_password(control: PrivateFolder, place: Place) -> str:
    """The password, made where no data folder knows one yet.

    Raises:
        ConfigError: The file is gone, and the data folder expects what stood in it.
    """
    known = read_password(control)
    if known is not None:
        return known
    if place.initialised:
        raise ConfigError(
            f"the private PostgreSQL cannot be used: its password file {control.path / PASSWORD} is gone or empty, expected the "
            "password that was made with the data folder; put it back from a backup",
            code=Code.STORE_PASSWORD,
        )
    fresh = secrets.token_urlsafe(32)
    control.write(PASSWORD, fresh + "\n")
    return fresh


def read_started(control: PrivateFolder) -> Started | None:
    """Who started the server, or None where nobody did or the note cannot be read."""
    text = control.read(_STARTED)
    try:
        return Started.model_validate_json(text) if text else None
    except ValidationError:
        return None


def note_start(control: PrivateFolder, lifetime: Lifetime) -> None:
    """Notes that this process is starting the server. One that was to be kept, and was killed, is to be kept again."""
    lifetime = "keep" if is_kept(control) else lifetime
    note = Started(
        lifetime=lifetime,
        started_by=f"{ourselves().name}, process {os.getpid()}",
        started_at=SystemClock().now(),
    )
    _write(control, note)


def note_keep(control: PrivateFolder) -> None:
    """Notes that the server, whoever started it, is to outlive its last user."""
    started = read_started(control)
    if started is None:
        note_start(control, "keep")
    else:
        _write(control, started.model_copy(update={"lifetime": "keep"}))


def is_kept(control: PrivateFolder) -> bool:
    """Whether somebody asked for a server that outlives its last user."""
    started = read_started(control)
    return started is not None and started.lifetime == "keep"


def forget_start(control: PrivateFolder) -> None:
    """Takes the note away: the server has ended."""
    control.remove(_STARTED)


def _write(control: PrivateFolder, note: Started) -> None:
    control.write(_STARTED, note.model_dump_json(indent=1) + "\n")
