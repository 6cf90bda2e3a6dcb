"""`hub db start | stop | status`: the private PostgreSQL, where no HUB_DATABASE_URL names another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from hub.cli.door import Door, door_of

if TYPE_CHECKING:
    from hub.store.private import PrivateServer, PrivateServerStatus


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("start")(start)
    group.command("stop")(stop)
    group.command("status")(status)
    app.add_typer(group, name="db", help="The private PostgreSQL, where no HUB_DATABASE_URL names another.")


def start(ctx: typer.Context) -> None:
    """Start it, and keep it until `hub db stop`; safe to repeat."""
    door = door_of(ctx)
    server = _server(door)
    server.ensure(lifetime="keep")
    try:
        found = server.status()
    finally:
        server.release()
    _answer(door, found, "It runs until `hub db stop`; `hub migrate` brings its schema up to date.")


def stop(ctx: typer.Context) -> None:
    """Stop it, whoever uses it; returns when no process of it is left."""
    door = door_of(ctx)
    from hub.cli import out

    stopped = _server(door).stop()
    door.answer(
        {"stopped": stopped},
        lambda: out.say(
            "The private PostgreSQL was stopped; its data stays."
            if stopped
            else "The private PostgreSQL was not running; nothing was changed."
        ),
    )


def status(ctx: typer.Context) -> None:
    """Say what it is doing; starts and changes nothing. Exit code 1 when it does not answer."""
    door = door_of(ctx)
    found = _server(door).status()
    idle = str(found.state) == "stopped"
    remedy = (
        "It starts by itself with the next command that needs it, or with `hub db start`." if idle else None
    )
    if not found.running and not idle:
        remedy = f"It does not answer; the end of {found.log_file} says why."
    _answer(door, found, remedy)
    if not found.running:
        raise typer.Exit(1)


def _server(door: Door) -> PrivateServer:
    from hub.errors import Code, ConfigError
    from hub.store.private import PrivateServer

    loaded = door.settings()
    settings = loaded.settings
    if settings.database_url is not None:
        origin = loaded.origins.get("database_url", "the settings")
        raise ConfigError(
            f"hub db: a database is configured ({origin} sets database_url), so there is no private server to start or stop "
            "(expected no database_url); start and stop that database where it runs, or take the setting out",
            code=Code.CONFIG_INVALID,
        )
    return PrivateServer(settings.home.expanduser(), bin_dir=settings.pg_bin)


def _answer(door: Door, found: PrivateServerStatus, remedy: str | None) -> None:
    from hub.cli import out

    def tell() -> None:
        out.fields(
            [
                ("state", str(found.state)),
                ("version", f"PostgreSQL {found.version}" if found.version else None),
                ("process", found.pid),
                ("account", found.account),
                ("since", found.since),
                ("started by", found.started_by),
                ("data", found.data_folder),
                ("size", _size(found.size_bytes) if found.data_folder else None),
                ("socket", found.socket_folder),
                ("log", found.log_file),
            ]
        )
        if remedy:
            out.say(remedy)

    door.answer(found.model_dump(mode="json"), tell)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f} MB"
