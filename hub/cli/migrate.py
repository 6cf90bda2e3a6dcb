"""`hub migrate`: brings the database to this version's schema."""

from __future__ import annotations

import typer

from hub.cli.door import door_of


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="migrate")(migrate)


def migrate(ctx: typer.Context) -> None:
    """Bring the database to this version's schema; safe to repeat, and beside itself."""
    door = door_of(ctx)
    from hub.cli import out

    with door.hub(schema=False) as hub:
        before, now = hub.migrate()
        place = "database_url" if hub.settings.database_url else f"the private PostgreSQL of {hub.home}"

    def tell() -> None:
        if before == now:
            out.say(f"The database stood at schema {now} already ({place}); nothing was changed.")
        else:
            out.say(f"The database went from schema {before or 'none'} to {now} ({place}).")

    door.answer({"before": before, "now": now, "changed": before != now}, tell)
