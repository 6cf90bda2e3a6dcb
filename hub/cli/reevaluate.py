"""`hub demand reevaluate`: the way back for demands that were judged while a rule was missing, or was another."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.door import door_of


def reevaluate(
    ctx: typer.Context,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="ID", help="Only for this rule; may be repeated. Default: all."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Received or changed at or after it.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Received or changed before it.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every stored demand, whatever was judged already.")
    ] = False,
) -> None:
    """Put stored demands before the rules again; by default those that a rule has missed (`hub doctor` names it).

    A rule misses what is judged while its plugin is not there or broken, or while it has another version. Works while the hub runs, and
    may be repeated: a signal that stands is not raised again, and what is older than evaluate.max_event_age_days stays historical.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.channel import moment_of
    from hub.cli.reveal import note
    from hub.pipeline import reevaluate as step
    from hub.pipeline.reevaluate import Span

    first, behind = moment_of(since, "--since"), moment_of(until, "--until")
    if everything and (first or behind):
        raise typer.BadParameter("--all means every demand: leave --since and --until out, or --all")
    if first and behind and first >= behind:
        raise typer.BadParameter("--since must be before --until: nothing lies between them")
    span = Span(first, behind) if everything or first or behind else None
    with door.hub() as hub:
        with out.progress(quiet=door.as_json) as bar:
            report = step.run(
                hub.pipeline_deps,
                rule_ids=rule or None,
                span=span,
                told=lambda rules, demands: bar(f"demands for {rules}", demands),
            )
        with hub.store.begin() as connection:
            note(
                hub,
                connection,
                "demand.reevaluate",
                ",".join(rule or ()) or "all rules",
                detail=report.counts,
            )

    def tell() -> None:
        demands, observed, rules = (report.counts[name] for name in ("demands", "observed", "rules"))
        if demands or observed:
            waiting = [out.plural(demands, "demand")] if demands else []
            waiting += (
                [f"{out.plural(observed, 'record')} of cases, ratings and the like"] if observed else []
            )
            out.say(
                f"{' and '.join(waiting)} wait for {out.plural(rules, 'rule')} again: "
                "`hub serve` or Airflow judges them, `hub run once --step evaluate` does it now."
            )
        elif span is None:
            out.say(
                "No rule has missed a demand: nothing to do. --all or --since puts demands back all the same."
            )
        else:
            out.say("No demand lies there.")

    door.answer({"reports": [report]}, tell)
