"""`hub place list | regions | import | match`: the county's gazetteer, and what it makes of a text."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import Limit, door_of
from hub.model.place import PlaceKind, is_region_code, significant

if TYPE_CHECKING:
    from hub.text.places import Placed

Region = Annotated[
    str | None,
    typer.Option("--region", metavar="CODE", help="Only what lies in that region: 2, 4, 6, 9 or 12 digits."),
]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_places)
    group.command("regions")(list_regions)
    group.command("import")(import_file)
    group.command("match")(match)
    app.add_typer(group, name="place", help="Places 事发地点 and regions 区划: list, regions, import, match.")


def list_places(
    ctx: typer.Context,
    region: Region = None,
    kind: Annotated[PlaceKind | None, typer.Option("--kind", help="Only of this kind.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="Only those whose name or alias holds it.")
    ] = None,
    limit: Limit = 100,
) -> None:
    """List places of the gazetteer, by their id."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import places

    code = _region(region)
    with door.rows() as (_, connection):
        found = places.listed(
            connection, region_code=code, kind=kind.value if kind else None, name=name, limit=limit
        )

    def tell() -> None:
        if not found:
            narrowed = code or kind or name
            out.say(
                "No place fits."
                if narrowed
                else "The gazetteer is empty: `hub place import FILE` brings places."
            )
            return
        out.table(
            ["place", "name", "kind", "region", "in", "aliases"],
            [
                (
                    one["place_id"],
                    one["name"],
                    one["kind"],
                    one["region_code"],
                    one["region"],
                    "、".join(one["aliases"]),
                )
                for one in found
            ],
            whole=["place", "region"],
        )

    door.answer({"places": found}, tell)


def list_regions(ctx: typer.Context, region: Region = None, limit: Limit = 1_000) -> None:
    """List regions, by their code."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import places

    with door.rows() as (_, connection):
        found = places.regions_listed(connection, within=_region(region), limit=limit)

    def tell() -> None:
        if not found:
            out.say("No region fits: `hub place import FILE` brings regions.")
            return
        rows = [(one["code"], one["name"], one["level"], one["parent"], one["residents"]) for one in found]
        out.table(
            ["region", "name", "level", "in", "residents"], rows, right=["residents"], whole=["region", "in"]
        )

    door.answer({"regions": found}, tell)


def import_file(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV of places or of regions, or YAML with either or both."),
    ],
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Who answers for it; default: your account's name."),
    ] = None,
) -> None:
    """Make the file's places, or regions, all that there are; importing it again changes nothing.

    What it does not speak of stays. With a new gazetteer every stored demand has its place looked for again.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.reveal import actor, note
    from hub.errors import Code, ConfigError
    from hub.model.place_file import read_gazetteer
    from hub.store import places

    try:
        content = file.read_bytes()
    except OSError as exc:
        raise ConfigError(
            f"{file} cannot be read ({exc.strerror}; expected a CSV or YAML file); correct the path or the file",
            code=Code.CONFIG_MISSING,
        ) from exc
    read = read_gazetteer(content, str(file))
    with door.hub() as hub, hub.store.begin() as connection:
        done = places.put(connection, read.regions, read.places, by or actor(), hub.clock.now())
        if done.new:
            detail = {"regions": done.regions, "places": done.places}
            note(hub, connection, "place.import", f"gazetteer {done.version}", detail=detail, by=by)

    def tell() -> None:
        if not done.new:
            out.say(f"Gazetteer {done.version} holds this already; nothing was changed.")
            return
        out.say(f"Gazetteer {done.version} stands: {done.regions} regions, {done.places} places.")
        if done.waiting:
            out.say(
                f"{done.waiting} stored demands have their place looked for again: `hub run once --step evaluate`, or `hub serve`."
            )

    door.answer(asdict(done), tell)


def match(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What was said; '-' reads it from stdin.")],
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="Its title.")] = "",
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="TEXT", help="Where it happened, in the source's words."),
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="CODE", help="The region that the source itself names.")
    ] = None,
) -> None:
    """Show which place the gazetteer finds in a text, and why; nothing is stored. Exit code 1 when it finds none."""
    door = door_of(ctx)
    from hub.store import places
    from hub.text.places import Gazetteer, Outcome

    said = sys.stdin.read() if text == "-" else text
    if region is not None:
        _region(region)
    with door.rows() as (_, connection):
        gazetteer = Gazetteer(*places.load(connection))
        placed = gazetteer.find(text=said, title=title, address=address, region_code=region)
        ids = [*([placed.place_id] if placed.place_id else []), *placed.candidates]
        known = places.named(connection, ids)
    document: dict[str, Any] = {
        **asdict(placed),
        "place": known.get(placed.place_id or ""),
        "candidates": [{"id": one, **known.get(one, {})} for one in placed.candidates],
    }
    door.answer(document, lambda: _tell_match(placed, known))
    if placed.outcome is not Outcome.FOUND:
        raise typer.Exit(1)


def _tell_match(placed: Placed, known: dict[str, dict[str, Any]]) -> None:
    from hub.cli import out

    out.fields(
        [
            ("outcome", placed.outcome.value),
            (
                "place",
                placed.place_id and f"{placed.place_id} {known.get(placed.place_id, {}).get('name', '')}",
            ),
            ("region", placed.region_code),
            ("by the name", placed.name and f"{placed.name} ({placed.field})"),
            ("house", placed.detail),
            ("may be", [f"{one} {known.get(one, {}).get('region_code', '')}" for one in placed.candidates]),
            ("contradicts the region", placed.conflict or None),
        ]
    )


def _region(given: str | None) -> str | None:
    if given is None:
        return None
    if not is_region_code(given):
        raise typer.BadParameter(
            "--region is no region code (expected 2, 4, 6, 9 or 12 digits such as 411521004)"
        )
    return significant(given)
