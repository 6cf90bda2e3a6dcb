"""Personal data is shown for a stated purpose only, and not before that is written down (P8)."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.runtime.hub import Hub
    from hub.store.engine import Connection


def actor() -> str:
    """Who stands before this terminal, as the operating system knows it."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # an account without a name, as containers have them
        import os

        return f"cli:uid{os.getuid()}"


def note(
    hub: Hub,
    connection: Connection,
    action: str,
    subject: str,
    *,
    purpose: str | None = None,
    detail: Mapping[str, Any] | None = None,
    by: str | None = None,
) -> None:
    """Writes a line of the audit log in the caller's transaction; nothing personal may stand in it."""
    from hub.seal import ChainSalt
    from hub.store.chain import write_audit

    salt = ChainSalt(hub.keys.ring())
    write_audit(
        connection,
        salt.salted_digest,
        hub.clock.now(),
        actor=f"{actor()} for {by}" if by else actor(),
        action=action,
        subject=subject,
        purpose=purpose,
        detail=detail,
    )


def log_first(hub: Hub, action: str, subject: str, purpose: str) -> None:
    """Commits a line of the audit log; only after it stands may the caller open what is sealed."""
    with hub.store.begin() as connection:
        note(hub, connection, action, subject, purpose=purpose)
