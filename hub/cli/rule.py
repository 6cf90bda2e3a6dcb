"""`hub rule list | show | test`: warning rules, their settings with author and reason, and what one would have said (R37)."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import Limit, door_of

if TYPE_CHECKING:
    from hub.pipeline.backtest import Backtest

_STAGES = {"before": "事前", "during": "事中", "after": "事后"}


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_rules)
    group.command("show")(show)
    group.command("test")(try_rule)
    app.add_typer(group, name="rule", help="Warning rules 监察规则: settings, and what one would have said.")


def list_rules(ctx: typer.Context) -> None:
    """List every rule: what it judges, how it is set, and what of it is open."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import config, views
    from hub.store.config import RuleSetting

    with door.hub() as hub, hub.store.begin() as connection:
        settings = config.rule_settings(connection, hub.clock.now())
        open_now = views.open_by_rule(connection)
        found: list[dict[str, Any]] = []
        for rule_id, entry in sorted(hub.plugins.rules.items()):
            setting = settings.get(rule_id, RuleSetting())
            signals, warnings = open_now.get(rule_id, (0, 0))
            found.append(
                {
                    "rule_id": rule_id,
                    "title": entry.cls.title,
                    "version": entry.cls.version,
                    "judges": entry.cls.subject,
                    "observes": list(entry.cls.observes),
                    "stage": entry.cls.stage.value if entry.cls.stage else None,
                    "enabled": setting.enabled,
                    "settings_version": setting.version,
                    "owner": setting.owner,
                    "plugin": entry.plugin,
                    "signals_open": signals,
                    "warnings_open": warnings,
                }
            )

    def tell() -> None:
        out.table(
            ["rule", "title", "judges", "stage", "settings", "signals", "warnings"],
            [
                (
                    one["rule_id"],
                    one["title"],
                    one["judges"],
                    _STAGES.get(one["stage"] or "", ""),
                    _set(one),
                    one["signals_open"],
                    one["warnings_open"],
                )
                for one in found
            ],
            whole=["rule", "stage", "signals", "warnings"],
        )
        out.say("Signals and warnings are those that are open. `hub rule show ID` tells more of one.")

    door.answer({"rules": found}, tell)


def _set(one: dict[str, Any]) -> str:
    if not one["enabled"]:
        return "disabled"
    owner = f", {one['owner']}" if one["owner"] else ""
    return f"version {one['settings_version']}{owner}" if one["settings_version"] else "defaults"


def show(
    ctx: typer.Context,
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="Such as W01.")],
) -> None:
    """Show a rule: what it looks for, its parameters with their defaults, and every change of them with author and reason."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import config
    from hub.store.config import RuleSetting

    with door.hub() as hub:
        entry = _entry(hub, rule_id)
        with hub.store.begin() as connection:
            setting = config.rule_settings(connection, hub.clock.now()).get(rule_id, RuleSetting())
            versions = config.versions(connection, rule_id)
    cls = entry.cls
    params = config.read_params(cls, setting.params or {}).model_dump(mode="json")
    described = [
        {
            "name": name,
            "value": params[name],
            "default": cls.Params.model_fields[name].get_default(call_default_factory=True),
            "set": name in (setting.params or {}),
        }
        for name in cls.Params.model_fields
    ]
    document = {
        "rule_id": rule_id,
        "title": cls.title,
        "version": cls.version,
        "judges": cls.subject,
        "observes": list(cls.observes),
        "stage": cls.stage.value if cls.stage else None,
        "plugin": entry.plugin,
        "enabled": setting.enabled,
        "owner": setting.owner,
        "about": inspect.cleandoc(cls.__doc__ or ""),
        "params": described,
        "changes": [
            {
                name: one[name]
                for name in ("version", "valid_from", "author", "owner", "reason", "enabled", "params")
            }
            for one in versions
        ],
    }

    def tell() -> None:
        stage = f", {_STAGES[cls.stage.value]}" if cls.stage else ""
        out.say(f"{rule_id} {cls.title}, version {cls.version}, of plugin {entry.plugin}")
        out.say(f"judges each {cls.subject}{stage}{'' if setting.enabled else ' (disabled)'}")
        out.say()
        out.say(document["about"])
        out.say()
        if described:
            out.table(
                ["parameter", "value", "default"],
                [
                    (one["name"], _value(one["value"]), "" if not one["set"] else _value(one["default"]))
                    for one in described
                ],
                whole=["parameter"],
            )
        else:
            out.say("It has no parameters.")
        out.say()
        if versions:
            out.table(
                ["change", "from", "by", "owner", "reason", "set to"],
                [
                    (
                        one["version"],
                        one["valid_from"],
                        one["author"],
                        one["owner"] or "",
                        one["reason"],
                        _value(one["params"]) if one["enabled"] else "disabled",
                    )
                    for one in versions
                ],
                whole=["change", "from"],
            )
        else:
            out.say(
                "Its parameters were never set: the defaults hold (`rules:` in the document of `hub config apply`)."
            )

    door.answer(document, tell)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def try_rule(
    ctx: typer.Context,
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="Such as W02a.")],
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="What happened from then on; default a year ago."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="And before; default now.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME=VALUE",
            help="Try a parameter; may be repeated. Default: those that hold.",
        ),
    ] = None,
    planted: Annotated[
        Path | None,
        typer.Option(
            "--planted",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="What was planted in a simulated county, as `hub demo --planted FILE` writes it: hits, delay and false signals are told.",
        ),
    ] = None,
    limit: Limit = 10,
) -> None:
    """Say what a rule would have said of the history that is stored. Writes nothing.

    Exit code 1 when none of its keys ever repeats, so that it could hardly say anything.
    """
    door = door_of(ctx)
    from datetime import timedelta

    from hub.cli import out
    from hub.cli.channel import moment_of
    from hub.cli.rule_told import against, tell_backtest
    from hub.pipeline import backtest

    first, behind = moment_of(since, "--since"), moment_of(until, "--until")
    with door.hub() as hub:
        entry = _entry(hub, rule_id)
        now = hub.clock.now()
        behind = behind or now
        first = first or behind - timedelta(days=366)
        if first >= behind:
            raise typer.BadParameter("--since must be before --until: nothing lies between them")
        with out.progress(quiet=door.as_json) as bar:
            found = backtest.run(
                hub.pipeline_deps,
                rule_id,
                since=first,
                until=behind,
                params=_params(param) if param else None,
                told=lambda what, done: bar(what, done),
            )
        truth = against(hub, found, planted) if planted is not None else None
        stuck = found.never_repeats(entry.cls(None))
    document = _document(found, limit) | {"never_repeats": stuck, "planted": truth}
    door.answer(document, lambda: tell_backtest(found, entry.cls, truth, stuck=stuck, limit=limit))
    if stuck:
        raise typer.Exit(1)


def _params(given: list[str]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"--param {one!r}: expected NAME=VALUE, such as threshold=4")
        try:
            params[name] = json.loads(value)
        except ValueError:
            params[name] = value
    return params


def _document(found: Backtest, limit: int) -> dict[str, Any]:
    return {
        "rule_id": found.rule_id,
        "params": found.params,
        "since": found.since,
        "until": found.until,
        "looked_at": found.looked_at,
        "keys": found.keys,
        "repeated_keys": found.repeated,
        "signals": len(found.shown),
        "by_level": {int(level): count for level, count in found.by_level.items()},
        "auto_issued": found.auto_issued,
        "median_delay_s": found.median_delay.total_seconds() if found.median_delay is not None else None,
        "weeks": [{"week": week, "signals": count} for week, count in found.weeks.items()],
        "latest": [
            {
                "window_from": one.draft.window_from,
                "window_to": one.draft.window_to,
                "level": one.draft.level,
                "value": one.draft.value,
                "threshold": one.draft.threshold,
                "baseline": one.draft.baseline,
                "reporters": one.draft.reporters,
                "summary": one.draft.summary,
                "seen_at": one.seen_at,
            }
            for one in found.shown[-limit:]
        ],
    }


def _entry(hub: Any, rule_id: str) -> Any:
    from hub.errors import Code, NotFound

    if rule_id not in hub.plugins.rules:
        known = ", ".join(sorted(hub.plugins.rules)) or "none"
        raise NotFound(
            f"rule {rule_id!r}: no plugin brings it (installed: {known}); correct the id, or install its plugin",
            code=Code.NOT_FOUND,
        )
    return hub.plugins.rules[rule_id]
