"""`hub channel list | check | run`: the configured channels, proved and collected."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.boundary import DONE, PROBLEMS, exit_code_of_problem
from hub.cli.door import Door, door_of

if TYPE_CHECKING:
    from hub.model.report import Counts, Problem, Report
    from hub.pipeline.collect import Span
    from hub.runtime.hub import Hub

CHECK_TIMEOUT_S = 120.0
_SHOWN_PROBLEMS = 10

Name = Annotated[str, typer.Argument(metavar="NAME", help="As hub.yaml names it under `channels:`.")]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_channels)
    group.command("check")(check)
    group.command("run")(run)
    app.add_typer(group, name="channel", help="Channels 渠道: the systems that hear the county's citizens.")


def list_channels(ctx: typer.Context) -> None:
    """List the configured channels, where each stream stands and how its last run ended."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import views

    with door.rows() as (hub, connection):
        streams: dict[str, list[dict[str, Any]]] = {}
        for row in views.streams(connection):
            streams.setdefault(row["instance"], []).append(row)
        configured = hub.settings.channels
        known = hub.plugins.channels
    channels = [
        {
            "name": name,
            "channel": one.channel,
            "enabled": one.enabled,
            "installed": one.channel in known,
            "title": known[one.channel].cls.title if one.channel in known else None,
            "owner": one.owner,
            "error_return": one.error_return or one.owner,
            "every_s": one.every_s,
            "streams": streams.pop(name, []),
        }
        for name, one in sorted(configured.items())
    ]

    def tell() -> None:
        if not channels:
            out.say(
                "No channel is configured: add one under `channels:` in hub.yaml, then prove it with `hub channel check NAME`."
            )
            return
        out.table(
            ["name", "channel", "every", "stream", "last run", "position"],
            _rows(channels),
            right=["every"],
            whole=["every", "last run"],
        )

    # What was collected under a name that is no longer configured is still there, and named.
    document = {"channels": channels, "no_longer_configured": sorted(streams)}
    door.answer(document, tell)
    if streams and not door.as_json:
        out.say(f"No longer configured, their records stay: {', '.join(sorted(streams))}.")


def _rows(channels: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    from hub.cli import out

    rows: list[tuple[object, ...]] = []
    for one in channels:
        state = "disabled" if not one["enabled"] else "" if one["installed"] else "not installed"
        title = one["title"] or one["channel"]
        head = (one["name"], f"{title} {state}".strip(), f"{one['every_s']} s")
        for stream in one["streams"] or [None]:
            if stream is None:
                rows.append((*head, None, "never", None))
            else:
                ran = f"{stream['state']} {out.moment(stream['started_at'])}" if stream["run_id"] else "never"
                rows.append((*head, stream["stream"], ran, out.position(stream["position"])))
            head = ("", "", "")
    return rows


def not_configured(hub: Hub, name: str | None) -> str:
    """What to add where a list by this channel is empty: that it may be for a name that nobody gave; empty for one that somebody did."""
    configured = hub.settings.channels
    if name is None or name in configured or name in {one.channel for one in configured.values()}:
        return ""
    return (
        f" No channel is configured under that name (configured: {', '.join(sorted(configured)) or 'none'})."
    )


def check(ctx: typer.Context, name: Name) -> None:
    """Prove a channel against its live source: settings, address, login, one page; writes no record.

    Exit code 1 when something is found wrong, 3 when the source refuses, 4 when the settings are not usable.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.errors import StoreError
    from hub.plugins import guard
    from hub.sdk.gate import LocalGate

    with door.hub(channel=name, schema=False) as hub:
        # Whoever tries a channel out needs no database yet; where there is one, its rate limits hold.
        try:
            hub.require_schema()
            source = hub.source(name)
        except StoreError:
            source = hub.source(name, LocalGate(hub.clock))
        channel = source.channel
        report = guard(
            channel.check,
            timeout_s=CHECK_TIMEOUT_S,
            what=f"channel {channel.name} (instance {name}): check",
        )

    def tell() -> None:
        for line in report.checks:
            out.say(f"{'ok   ' if line.ok else 'wrong'}  {line.name}: {line.detail}")
        out.say(
            f"{name} is ready: `hub channel run {name}` collects it."
            if report.ok
            else f"{name} is not ready: mend what is wrong, then check again."
        )

    lines = [{"name": line.name, "ok": line.ok, "detail": line.detail} for line in report.checks]
    door.answer({"channel": name, "ok": report.ok, "checks": lines}, tell)
    if not report.ok:
        raise typer.Exit(PROBLEMS)


def run(
    ctx: typer.Context,
    name: Name,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Read from that moment on; the stream's position stays (backfill).",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Read up to that moment, not further.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Stop after about so many records of each stream.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and normalize, write nothing, say what would come of it.")
    ] = False,
) -> None:
    """Collect one channel, then normalize what waits.

    Times are 2026-11-23 or 2026-11-23T08:00, in the county's zone unless they name one. Exit code 1 when problems were found, 3 when the source refused.
    """
    door = door_of(ctx)
    from hub.pipeline.collect import Span

    span = Span(moment_of(since, "--since"), moment_of(until, "--until"), limit)
    if span.since and span.until and span.since >= span.until:
        raise typer.BadParameter("--since must be before --until: nothing lies between them")
    with door.hub(channel=name) as hub:
        if dry_run:
            from hub.cli.preview import dry

            dry(door, hub, name, span)
            return
        _collect(door, hub, name, span)


def _collect(door: Door, hub: Hub, name: str, span: Span) -> None:
    from hub.cli import out
    from hub.model.report import Counts

    with out.progress(quiet=door.as_json) as bar:
        reports = hub.collect(name, span, lambda where, counts: bar(where, counts.collected))
    if hub.settings.channels[name].deferred:
        reports.append(hub.normalize())
    collected = [report for report in reports if report.step == "collect"]
    records = Counts()
    for report in collected:
        records += report.records

    def tell() -> None:
        for report in collected:
            if report.counts.get("busy"):
                out.say(
                    f"{report.subject}: another process collects this stream at the moment; nothing was done here."
                )
            else:
                # "Nothing new" is the answer of a source that was asked and had nothing.
                came = (
                    sentence(report.records) if report.ok or report.records.collected else "nothing was read"
                )
                out.say(f"{report.subject}: {came} (run {report.run_id}).")
        for report in reports:
            if report.step == "normalize" and report.records.collected:
                out.say(f"normalized what waited: {sentence(report.records)}.")
            tell_problems(report.problems)
        if records.quarantined:
            out.say("What was set aside and why: `hub quarantine list`.")

    door.answer({"channel": name, "reports": reports, "records": records.model_dump()}, tell)
    if code := exit_code_of_reports(reports):
        raise typer.Exit(code)


def moment_of(text: str | None, option: str) -> datetime | None:
    """The moment that an operator wrote; without a zone it is the county's.

    Raises:
        BadParameter: It is no date or time.
    """
    if text is None:
        return None
    from datetime import UTC

    from hub.clock import COUNTY_ZONE

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{option} is no time (expected 2026-11-23, 2026-11-23T08:00 or 2026-11-23T08:00+08:00)"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=COUNTY_ZONE)).astimezone(UTC)


def sentence(counts: Counts) -> str:
    """Counts in words: ``12 collected: 10 stored, 1 duplicate, 1 quarantined``."""
    if not counts.collected:
        return "nothing new"
    names = ("stored", "duplicate", "quarantined", "pending")
    parts = [f"{getattr(counts, name)} {name}" for name in names if getattr(counts, name)]
    return f"{counts.collected} collected: {', '.join(parts)}"


def tell_problems(problems: tuple[Problem, ...]) -> None:
    """Prints the first problems, one line each."""
    from hub.cli import out

    for problem in problems[:_SHOWN_PROBLEMS]:
        out.say(f"problem at {problem.where} [{problem.code}]: {problem.message}")
    if len(problems) > _SHOWN_PROBLEMS:
        out.say(f"… and {len(problems) - _SHOWN_PROBLEMS} more; --json shows all.")


def exit_code_of_reports(reports: list[Report]) -> int:
    """4 when the configuration must change, else 3 when a source refused, else 1 when there are problems, else 0."""
    codes = [exit_code_of_problem(problem.code) for report in reports for problem in report.problems]
    return max(codes, default=DONE)
