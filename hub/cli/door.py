"""What every command is given: the global options, a hub, and the way to answer.

A command takes ``ctx: typer.Context`` first and asks `door_of` for its `Door`. It ends with `Door.answer`, which prints one JSON
document under ``--json`` and calls the given function for people otherwise; its exit code is what it returns (None for 0) or
raises as ``typer.Exit``. Errors are raised: `hub.cli.boundary` says them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub.runtime.config import Loaded
    from hub.runtime.hub import Hub
    from hub.store.engine import Connection

Reveal = Annotated[
    bool,
    typer.Option("--reveal", help="Show personal data; needs --purpose, and is written to the audit log."),
]
Purpose = Annotated[
    str | None, typer.Option("--purpose", metavar="TEXT", help="Why the personal data is looked at.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many, newest first.")]


class Door:
    """The global options of one call, and what a command does with them.

    Attributes:
        config: ``--config``: the hub.yaml to read.
        home: ``--home``: overrides the setting ``home``.
        as_json: ``--json``: one JSON document on stdout, everything else on stderr.
        log_level: ``--log-level``.
    """

    def __init__(self) -> None:
        self.config: Path | None = None
        self.home: Path | None = None
        self.as_json = False
        self.log_level: str | None = None

    def settings(self) -> Loaded:
        """The settings of this call with their origins; opens nothing.

        Raises:
            ConfigError: They are not usable.
        """
        from hub.runtime.config import load

        overrides = {"home": self.home, "log_level": self.log_level}
        return load(config=self.config, overrides=overrides)

    @contextmanager
    def hub(self, *, schema: bool = True, channel: str | None = None) -> Iterator[Hub]:
        """A hub with the settings of this call, its log on stderr.

        Args:
            schema: Refuse a database that has not this version's schema.
            channel: Refuse, before the database is asked, a configuration that has no channel of that name.
        """
        loaded = self.settings()
        from hub.runtime import logs
        from hub.runtime.hub import Hub

        logs.configure(loaded.settings.log_level, loaded.settings.log_format)
        from hub.errors import StoreUnavailable

        with Hub(loaded) as hub:
            if channel is not None:
                hub.configured(channel)
            try:
                if schema:
                    hub.require_schema()
                yield hub
            except StoreUnavailable as exc:
                raise hub.why_away(exc) from exc

    @contextmanager
    def rows(self) -> Iterator[tuple[Hub, Connection]]:
        """A hub and one transaction on its database, for a command that only looks."""
        with self.hub() as hub, hub.store.begin() as connection:
            yield hub, connection

    def answer(self, document: Mapping[str, Any], tell: Callable[[], object]) -> None:
        """Prints the document under ``--json``; calls ``tell``, which prints for people, otherwise."""
        if self.as_json:
            from hub.cli.out import write_json

            write_json(document)
        else:
            tell()


def door_of(ctx: typer.Context) -> Door:
    """The door of this call; made at the first asking."""
    return ctx.find_root().ensure_object(Door)


def purpose_of(reveal: bool, purpose: str | None) -> str | None:
    """The stated purpose where personal data is to be shown, None where it is not; a person at a terminal is asked for it.

    Raises:
        BadParameter: ``--reveal`` without a purpose, or a purpose without ``--reveal``.
    """
    if purpose is not None and not reveal:
        raise typer.BadParameter("--purpose states why personal data is shown: add --reveal, or leave it out")
    if not reveal:
        return None
    if purpose is None and sys.stdin.isatty() and sys.stderr.isatty():
        purpose = str(typer.prompt("What is it looked at for? 用途", err=True))
    stated = (purpose or "").strip()
    if not stated:
        raise typer.BadParameter(
            "personal data is shown only for a stated purpose: add --purpose 'why you need it'"
        )
    return stated
