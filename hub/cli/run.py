"""`hub run list | show | once`: runs of the pipeline's steps."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import Limit, door_of

if TYPE_CHECKING:
    from hub.cli.out import Bar
    from hub.model.report import Report
    from hub.runtime.hub import Hub

_RECORDS = ("collected", "stored", "duplicate", "quarantined", "pending")


class Step(StrEnum):
    """The steps of the pipeline, in their order."""

    COLLECT = "collect"
    NORMALIZE = "normalize"
    EVALUATE = "evaluate"
    TRIAGE = "triage"
    DISPATCH = "dispatch"
    DELIVER = "deliver"
    REPLY = "reply"
    SUGGEST = "suggest"


class Logged(StrEnum):
    """What a run may be of: the steps, and receiving, which a source begins."""

    COLLECT = "collect"
    RECEIVE = "receive"
    NORMALIZE = "normalize"
    EVALUATE = "evaluate"
    TRIAGE = "triage"
    DISPATCH = "dispatch"
    DELIVER = "deliver"
    REPLY = "reply"
    SUGGEST = "suggest"


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_runs)
    group.command("show")(show)
    group.command("once")(once)
    app.add_typer(group, name="run", help="Runs of the pipeline's steps.")


def list_runs(
    ctx: typer.Context,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="Only this channel's.")
    ] = None,
    step: Annotated[Logged | None, typer.Option("--step", help="Only this step's.")] = None,
    limit: Limit = 20,
) -> None:
    """List the latest runs."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import runs

    with door.rows() as (_, connection):
        found = runs.list_runs(connection, limit=limit, instance=channel, step=step.value if step else None)

    def tell() -> None:
        if not found:
            out.say(
                "No run yet: `hub channel run NAME` collects a channel, `hub run once` makes every step once."
            )
            return
        out.table(
            ["run", "step", "what", "state", "began", "did"],
            [
                (row["run_id"], row["step"], _subject(row), row["state"], row["started_at"], _did(row))
                for row in found
            ],
            right=["run"],
            whole=["run", "step", "state", "began"],
        )
        out.newest(found, limit)

    door.answer({"runs": found}, tell)


def show(
    ctx: typer.Context, run_id: Annotated[int, typer.Argument(metavar="ID", help="From `hub run list`.")]
) -> None:
    """Show one run: what it counted, where its stream stood before and after, and its problems. Exit code 1 when it has any."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.errors import Code, NotFound
    from hub.store import runs

    with door.rows() as (_, connection):
        row = runs.find_run(connection, run_id)
    if row is None:
        raise NotFound(
            f"run {run_id}: there is none of that number; look for it with `hub run list`",
            code=Code.NOT_FOUND,
        )

    def tell() -> None:
        out.fields(
            [
                ("run", row["run_id"]),
                ("step", row["step"]),
                ("what", _subject(row)),
                ("state", row["state"]),
                ("began", row["started_at"]),
                ("ended", row["finished_at"]),
                ("pages", row["pages"] or None),
                ("records", _records(row)),
                ("counts", row["counts"]),
                ("position before", out.position(row["position_before"])),
                ("position after", out.position(row["position_after"])),
                ("plugin", row["plugin_version"]),
            ]
        )
        for problem in row["problems"]:
            out.say(f"problem at {problem['where']} [{problem['code']}]: {problem['message']}")

    door.answer({"run": row}, tell)
    if row["problems"]:
        raise typer.Exit(1)


def once(
    ctx: typer.Context,
    step: Annotated[
        list[Step] | None,
        typer.Option("--step", help="Only this step; may be repeated.  Default: all, in their order."),
    ] = None,
) -> None:
    """Make every step of the pipeline once: collect, normalize, evaluate, triage, dispatch, deliver, reply; suggest, where it is set up.

    Every enabled channel is collected; one that fails does not stop the others. The same as one round of `hub serve`.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.channel import exit_code_of_reports, sentence, tell_problems

    reports: list[Report] = []
    with door.hub() as hub, out.progress(quiet=door.as_json) as bar:
        asks = hub.settings.suggest.classifier is not None
        wanted = step or [one for one in Step if asks or one is not Step.SUGGEST]
        for one in Step:
            if one in wanted:
                reports += _make(hub, one, bar)

    def tell() -> None:
        for report in reports:
            counts = ", ".join(out.counted(n, name) for name, n in report.counts.items() if n)
            if report.records.collected:
                counts = sentence(report.records)
            out.say(f"{report.step} {report.subject or ''}".strip() + f": {counts or 'nothing to do'}")
            tell_problems(report.problems)

    door.answer({"reports": reports}, tell)
    if code := exit_code_of_reports(reports):
        raise typer.Exit(code)


def _make(hub: Hub, step: Step, bar: Bar) -> list[Report]:
    if step is Step.COLLECT:
        return [report for name in _enabled(hub) for report in _collect(hub, name, bar)]
    made: Callable[[], Report] = getattr(hub, step.value)
    return [made()]


def _enabled(hub: Hub) -> list[str]:
    return sorted(name for name, channel in hub.settings.channels.items() if channel.enabled)


def _collect(hub: Hub, name: str, bar: Bar) -> list[Report]:
    from hub.errors import HubError, StoreError
    from hub.model.report import Problem, Report

    try:
        return hub.collect(name, progress=lambda where, counts: bar(where, counts.collected))
    except StoreError:
        raise
    except HubError as exc:
        problem = Problem(where=name, code=str(exc.code), message=exc.message)
        return [Report(step="collect", subject=name, problems=(problem,))]


def _subject(row: dict[str, Any]) -> str | None:
    return f"{row['instance']}/{row['stream']}" if row["instance"] else None


def _records(row: dict[str, Any]) -> str | None:
    if not row["collected"]:
        return None
    return ", ".join(f"{row[name]} {name}" for name in _RECORDS if row[name])


def _did(row: dict[str, Any]) -> str:
    from hub.cli import out

    did = (
        _records(row)
        or ", ".join(out.counted(n, name) for name, n in row["counts"].items() if n)
        or "nothing new"
    )
    return did + (f"; {out.plural(len(row['problems']), 'problem')}" if row["problems"] else "")
