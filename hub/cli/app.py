"""The command `hub`: its global options, and the table of commands, each of which is imported only when it is called.

A module of a command exports ``register(app: typer.Typer)``, which adds the names that stand for it in `COMMANDS`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_group

from hub.cli import boundary
from hub.cli.door import Door, door_of

GLOBAL_PANEL = "Everywhere"


class Entry(NamedTuple):
    """A command that is not imported yet."""

    module: str
    panel: str
    help: str


_RUN, _LOOK, _OPERATE = "Run", "Look and act", "Set up and operate"
COMMANDS: dict[str, Entry] = {
    "demo": Entry("demo", _RUN, "Walk the whole way against a small simulated county."),
    "serve": Entry("serve", _RUN, "Collect, warn, dispatch and deliver until stopped."),
    "exporter": Entry("serve", _RUN, "Serve metrics from the hub's database."),
    "run": Entry("run", _RUN, "Runs of the pipeline's steps: list, show, once."),
    "channel": Entry("channel", _RUN, "Channels 渠道: list, check, run."),
    "demand": Entry("demand", _LOOK, "Demands 诉求: list, show, categorize, reevaluate."),
    "category": Entry("category", _LOOK, "Categories 诉求领域分类: list, unmapped, waiting, match, rejudge."),
    "matter": Entry(
        "matter",
        _LOOK,
        "Same matter 同一诉求（并案）: list, show, suggested, confirm, refuse, merge, split.",
    ),
    "case": Entry("observation", _LOOK, "Cases 办件: list, show."),
    "rating": Entry("observation", _LOOK, "Ratings 评价（好差评）: list, show."),
    "inspection": Entry("observation", _LOOK, "Inspections 督查巡查: list, show."),
    "finding": Entry("observation", _LOOK, "Findings 巡查发现: list, show."),
    "monitor": Entry("observation", _LOOK, "Monitor events 监察事件: list, show."),
    "reply": Entry("reply", _LOOK, "Replies to a demand's own platform: list, send, retry."),
    "signal": Entry("signal", _LOOK, "Signals 苗头信息: list, show, triage."),
    "warning": Entry("warning", _LOOK, "Warnings 预警: list, show, why, revoke, plan, four-first, stage."),
    "silence": Entry("silence", _LOOK, "Silences 静默: add, list, expire."),
    "rule": Entry("rule", _LOOK, "Warning rules 监察规则: list, show, test."),
    "order": Entry("order", _LOOK, "Orders 交办单: list, show."),
    "ledger": Entry("ledger", _LOOK, "The ledger 未诉诉求登记台账: list, export, verify."),
    "report": Entry("report", _LOOK, "Lists of study 研判清单: top, season, risk, made."),
    "audit": Entry("audit", _LOOK, "The monitoring log 监察日志: list, export, verify."),
    "score": Entry(
        "score",
        _LOOK,
        "Scores 考核得分: month, show, waiting, table, verdict, adjust, notify, appeal, decide, freeze.",
    ),
    "quarantine": Entry("quarantine", _LOOK, "Quarantine 待核数据: list, show, replay, export."),
    "webhook": Entry("webhook", _LOOK, "Deliveries to departments: list, redeliver, test, enable."),
    "place": Entry("place", _OPERATE, "Places 事发地点 and regions 区划: list, regions, import, match."),
    "model": Entry("model", _OPERATE, "Models of categories: train, list, show, use, retire."),
    "migrate": Entry("migrate", _OPERATE, "Bring the database to this version's schema."),
    "db": Entry("db", _OPERATE, "The private PostgreSQL: start, stop, status."),
    "config": Entry(
        "config", _OPERATE, "Settings and their origins; versions of the office's data: apply, show."
    ),
    "keys": Entry("keys", _OPERATE, "Keys of sealing and searching: list, rotate, reindex, retire, restore."),
    "plugin": Entry("plugin", _OPERATE, "Plugins: list, new, test."),
    "doctor": Entry("doctor", _OPERATE, "Look at everything that the hub stands on, and say what to mend."),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; prints every error that ends it."""
    args = list(sys.argv[1:] if argv is None else argv)
    door = Door()
    try:
        result = root().main(args=args, prog_name="hub", standalone_mode=False, obj=door)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return boundary.INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return boundary.PROBLEMS
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else boundary.PROBLEMS
    except Exception as exc:  # noqa: BLE001 - the one boundary: every error becomes a message and a code here
        # A line that could not be read to its end has not told the door yet how it wants its answer.
        return boundary.report(exc, as_json=door.as_json or "--json" in args)
    return result if isinstance(result, int) else boundary.DONE


def root() -> TyperGroup:
    """The whole command, with a stand-in for every command of `COMMANDS`."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_hub)
    group = get_group(app)
    group.params.extend(_global_options())
    for name, entry in COMMANDS.items():
        group.commands[name] = _Lazy(name=name, help=entry.help, rich_help_panel=entry.panel)
    return group


def _tell_version(value: bool) -> None:
    if value:
        from hub._version import __version__

        print(f"hub {__version__}")
        raise typer.Exit


def _hub(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_tell_version),
    ] = False,
) -> None:
    """Integration hub for 政务服务“未诉先办”: collect what citizens say, warn before it becomes a complaint, follow every order to its end."""
    door_of(ctx)


class _Lazy(TyperGroup):
    """Stands for a command until it is called; then its module is imported and the real one takes over."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return _load(str(self.name)).make_context(info_name, args, parent=parent, **extra)


def _load(name: str) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    import_module(f"hub.cli.{COMMANDS[name].module}").register(app)
    command: Any = get_group(app).commands[name]
    _add_globals(command, _global_options())
    return command


def _add_globals(command: Any, options: list[Any]) -> None:
    """Lets the global options stand behind every command too; one that a command brings itself is left as it is."""
    for sub in getattr(command, "commands", {}).values():
        _add_globals(sub, options)
    own = {name for param in command.params for name in param.opts}
    command.params.extend(option for option in options if not own.intersection(option.opts))


def _global_options() -> list[Any]:
    probe = typer.Typer(add_completion=False)
    probe.command("options")(_options)
    probe.command("other")(_options)  # two, so that the result is a group whatever the release of typer
    params: list[Any] = get_group(probe).commands["options"].params
    return params


def _note(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    if value is not None and value is not False:
        setattr(door_of(ctx), str(param.name), value)
    return value


def _options(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="hub.yaml to read; else HUB_CONFIG, else ./hub.yaml.",
            callback=_note,
            expose_value=False,
            rich_help_panel=GLOBAL_PANEL,
        ),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            metavar="FOLDER",
            help="Where keys and the private database stand.",
            callback=_note,
            expose_value=False,
            rich_help_panel=GLOBAL_PANEL,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON document on stdout; logs go to stderr.",
            callback=_note,
            expose_value=False,
            rich_help_panel=GLOBAL_PANEL,
        ),
    ] = False,
    log_level: Annotated[
        str | None,
        typer.Option(
            "--log-level",
            metavar="LEVEL",
            help="debug, info, warning or error.",
            callback=_note,
            expose_value=False,
            rich_help_panel=GLOBAL_PANEL,
        ),
    ] = None,
) -> None:
    """The options that every command takes."""


def _forget_stdout() -> None:
    """Whoever read our output has gone: nothing more is written there, at exit neither."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
