"""`hub model train | list | show | use | retire`: the county's own classifier of demands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from hub.cli.door import door_of

ModelId = Annotated[int, typer.Argument(metavar="ID", min=1, help="From `hub model list`.")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who answers for it; default: your account's name.")
]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("train")(train)
    group.command("list")(list_models)
    group.command("show")(show)
    group.command("use")(use)
    group.command("retire")(retire)
    app.add_typer(
        group, name="model", help="Models that tell a demand's category, trained on what people confirmed."
    )


def train(
    ctx: typer.Context,
    margin: Annotated[
        float,
        typer.Option(
            "--margin", min=0.0, max=5.0, help="Least margin to decide without a person; more asks more."
        ),
    ] = 0.1,
    folds: Annotated[
        int, typer.Option("--folds", min=2, max=20, help="Parts, each judged by a model of the others.")
    ] = 5,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Train without categories that have too few demands.")
    ] = False,
    by: By = None,
) -> None:
    """Train on the demands whose category people confirmed, and keep the model; `hub model use` lets it decide.

    Prints how it does on texts that it had not seen. Needs scikit-learn (extra `train`); using a model does not.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.reveal import actor
    from hub.pipeline import category_models as step

    with door.hub() as hub:
        hub.renew_keys()
        done = step.train(hub.pipeline_deps, by or actor(), margin=margin, folds=folds, leave_out=leave_out)

    def tell() -> None:
        out.say(
            f"Model {done.model_id} ({done.version[:12]}) of {sum(done.rows.values())} confirmed demands: macro-F1 {done.macro_f1:.3f} "
            f"over {folds} folds; {done.left_to_people:.0%} left to people, {done.right_where_decided:.0%} right where it decides."
        )
        out.table(
            ["category", "demands", "F1"],
            [(name, number, f"{done.by_category.get(name, 0.0):.3f}") for name, number in done.rows.items()],
            right=["demands", "F1"],
        )
        if done.left_out:
            out.say(f"Left out, with too few: {', '.join(done.left_out)}; the model never gives these.")
        out.say(f"It decides nothing yet: `hub model use {done.model_id}`.")

    door.answer(asdict(done), tell)


def list_models(ctx: typer.Context) -> None:
    """List the models, the newest first."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import category_models

    with door.rows() as (_, connection):
        found = category_models.listed(connection)

    def tell() -> None:
        if not found:
            out.say("No model: the catalogue's words decide. `hub model train` makes one.")
            return
        out.table(
            ["model", "state", "trained", "by", "demands", "categories", "macro-F1", "version"],
            [
                (
                    one["model_id"],
                    one["state"],
                    one["trained_at"],
                    one["trained_by"],
                    one["rows"],
                    len(one["categories"]),
                    f"{one['macro_f1']:.3f}",
                    one["version"][:12],
                )
                for one in found
            ],
            right=["demands", "categories", "macro-F1"],
            whole=["state", "trained"],
        )

    door.answer({"models": found}, tell)


def show(ctx: typer.Context, model_id: ModelId) -> None:
    """Show a model: what it learnt from, and how it did on what it had not seen."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import category_models

    with door.rows() as (hub, connection):
        found = category_models.shown(connection, model_id)
        entries = hub.pipeline_deps.categories.current(connection).catalogue.entries

    def tell() -> None:
        judged = found["evaluation"]
        out.fields(
            [
                ("model", found["model_id"]),
                ("state", found["state"]),
                ("version", found["version"]),
                ("SHA-256", found["sha256"]),
                ("bytes", found["size_bytes"]),
                ("trained", found["trained_at"]),
                ("by", found["trained_by"]),
                ("names of", found["catalogue"]),
                ("margin", found["margin"]),
                ("macro-F1", f"{found['macro_f1']:.4f} over {judged['folds']} folds"),
                ("left to people", f"{judged['left_to_people']:.1%}"),
                ("right where it decides", f"{judged['right_where_decided']:.1%}"),
                ("in use since", found["used_at"]),
                ("retired", found["retired_at"]),
            ]
        )
        out.say()
        out.table(
            ["code", "category", "demands", "F1"],
            [_line(code, number, entries, judged) for code, number in found["categories"].items()],
            right=["demands", "F1"],
        )

    door.answer({"model": found}, tell)


def _line(code: str, number: int, entries: Any, judged: dict[str, Any]) -> tuple[Any, ...]:
    name = entries[code].name if code in entries else "–"
    return code, name, number, f"{judged['by_category'].get(code, 0.0):.3f}"


def use(ctx: typer.Context, model_id: ModelId, by: By = None) -> None:
    """Let a model decide categories from now on; what is stored and not confirmed is judged again."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.reveal import actor
    from hub.pipeline import category_models as step

    with door.hub() as hub:
        hub.renew_keys()
        waiting = step.use(hub.pipeline_deps, model_id, by or actor())

    def tell() -> None:
        if waiting is None:
            out.say(f"Model {model_id} decides already; nothing was changed.")
        else:
            out.say(f"Model {model_id} decides from now on; {_waits(waiting)}")

    door.answer({"model_id": model_id, "new": waiting is not None, "waiting": waiting or 0}, tell)


def retire(ctx: typer.Context, model_id: ModelId, by: By = None) -> None:
    """Take a model out of use for good; where it decided, the catalogue's words decide again."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.reveal import actor
    from hub.pipeline import category_models as step

    with door.hub() as hub:
        hub.renew_keys()
        waiting = step.retire(hub.pipeline_deps, model_id, by or actor())

    def tell() -> None:
        decided = (
            "it decided nothing." if waiting is None else f"the catalogue's words decide; {_waits(waiting)}"
        )
        out.say(f"Model {model_id} is retired: {decided}")

    door.answer({"model_id": model_id, "waiting": waiting or 0}, tell)


def _waits(waiting: int) -> str:
    return f"{waiting} stored demands have their category judged again: `hub run once --step evaluate`, or `hub serve`."
