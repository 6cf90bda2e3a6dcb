"""The frame of the command `hub`: complete help without imports, one boundary for errors, harmless output."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from hub import errors
from hub.cli import boundary, out, words
from hub.cli.app import COMMANDS, main, root
from hub.cli.channel import moment_of
from hub.errors import Code, HubError

# Design, section 11: what scripts and people outside rely on, as far as it is built.
DOORS = {
    "demo": (),
    "serve": (),
    "exporter": (),
    "doctor": (),
    "migrate": (),
    "db": ("start", "stop", "status"),
    "config": ("apply",),
    "keys": ("list", "rotate", "reindex"),
    "channel": ("list", "check", "run"),
    "quarantine": ("list", "show", "replay"),
    "run": ("list", "show"),
    "demand": ("list", "show"),
    "signal": ("list", "triage"),
    "warning": ("list", "why"),
    "order": ("list", "show"),
    "ledger": ("list", "export", "verify"),
    "webhook": ("list", "redeliver", "test"),
    "plugin": ("list", "new", "test"),
}


def said(*args: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = main(args)
    return code, stdout.getvalue(), stderr.getvalue()


def test_the_help_names_every_door():
    code, text, _ = said("--help")
    assert code == 0
    assert set(COMMANDS) >= set(DOORS)
    for name in COMMANDS:
        assert f" {name} " in text


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_door_opens_and_takes_json_at_each_of_its_commands(name):
    stand_in = root().commands[name]
    with stand_in.make_context(name, [], resilient_parsing=True) as ctx:
        command = ctx.command
        subs = getattr(command, "commands", {})
        assert set(subs) >= set(DOORS.get(name, ()))
        for one in subs.values() or [command]:
            options = {option for param in one.params for option in param.opts}
            assert {"--json", "--config", "--home"} <= options
            assert one.help


def test_what_the_help_says_of_a_door_is_what_the_door_has():
    for name, entry in COMMANDS.items():
        with root().commands[name].make_context(name, [], resilient_parsing=True) as ctx:
            subs = list(getattr(ctx.command, "commands", {}))
        if subs:
            assert entry.help.partition(": ")[2].rstrip(".").split("; ")[-1].endswith(", ".join(subs)), name


def test_the_frame_imports_none_of_the_heavy_parts():
    code = (
        "import sys, hub.cli.app; "
        "print(sorted({'sqlalchemy', 'psycopg', 'pydantic', 'rich', 'structlog', 'requests', 'alembic', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_process_of_the_hub_looks_for_no_cycles_while_it_starts_and_ends():
    """A quarter of a short command's time would go into looking through modules that live as long as the process."""
    code = (
        "import gc, sys; passes = []; gc.callbacks.append(lambda phase, info: passes.append(phase)); "
        "sys.argv = ['hub', 'channel', '--help']; import hub.__main__ as hub; before = len(passes); "
        "code = hub.main(); print(code, len(passes) - before, gc.get_freeze_count() > 10_000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 0 True"


def test_a_version_is_told_without_any_settings():
    assert said("--version")[:2] == (0, "hub 0.1.0\n")


# ---- errors


@pytest.mark.parametrize(
    ("family", "code", "exit_code"),
    [
        (errors.ConfigError, Code.CONFIG_INVALID, 4),
        (errors.PluginError, Code.PLUGIN_BROKEN, 4),
        (errors.StoreError, Code.STORE_SCHEMA, 4),
        (errors.StoreError, Code.STORE_FULL, 1),
        (errors.StoreUnavailable, Code.STORE_UNAVAILABLE, 1),
        (errors.NotFound, Code.NOT_FOUND, 1),
        (errors.StateConflict, Code.STATE_CONFLICT, 1),
        (errors.SourceUnavailable, Code.SOURCE_TIMEOUT, 3),
        (errors.SourceContractError, Code.PAGE_HTML, 3),
        (errors.DeliveryDeferred, Code.DELIVERY_TIMEOUT, 3),
        (errors.DeliveryRefused, Code.DELIVERY_GONE, 3),
    ],
)
def test_the_exit_code_follows_what_the_caller_can_do(family: type[HubError], code: Code, exit_code: int):
    assert boundary.exit_code_of(family("x", code=code)) == exit_code


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("source_unreachable", 3),
        ("page_html", 3),
        ("delivery_status", 3),
        ("store_full", 1),
        ("plugin_failed", 1),
        ("secret_missing", 4),
        ("config_invalid", 4),
    ],
)
def test_a_reported_problem_tells_the_remote_side_from_ours(code: str, exit_code: int):
    assert boundary.exit_code_of_problem(code) == exit_code


def test_an_unexpected_error_shows_its_place_and_nothing_of_its_text(monkeypatch, capsys):
    monkeypatch.delenv("HUB_DEBUG", raising=False)

    with pytest.raises(KeyError) as caught:
        raise KeyError("张建国 13812340001")
    assert boundary.report(caught.value, as_json=True) == 1
    shown = capsys.readouterr()
    assert "KeyError" in shown.err
    assert json.loads(shown.out)["error"]["code"] == "unexpected"
    for text in (shown.out, shown.err):
        assert "13812340001" not in text
        assert "Traceback" not in text


def test_debugging_shows_the_traceback_on_request(monkeypatch, capsys):
    monkeypatch.setenv("HUB_DEBUG", "1")
    try:
        raise KeyError("x")
    except KeyError as exc:
        boundary.report(exc, as_json=False)
    assert "Traceback" in capsys.readouterr().err


# ---- output


def test_control_characters_and_turned_writing_never_reach_the_terminal():
    assert out.safe("a\x1b[2J\u202eb\tc\nd\x9b") == "a\ufffd[2J\ufffdb\tc\nd\ufffd"


def test_a_table_wraps_its_cells_and_cuts_nothing_off(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    out.table(["no", "text"], [("1", "政务服务" * 12)], whole=["no"])
    shown = capsys.readouterr().out
    assert "".join(shown.split()).count("政务服务") >= 10
    assert "[" not in shown
    assert max(out_width(line) for line in shown.splitlines()) <= 40


def out_width(line: str) -> int:
    from rich.cells import cell_len

    return cell_len(line)


def test_square_brackets_in_a_text_are_no_markup(capsys):
    out.table(["text"], [("[bold]x[/bold]",)])
    out.say("[red]y[/red]")
    shown = capsys.readouterr().out
    assert "[bold]x[/bold]" in shown
    assert "[red]y[/red]" in shown


def test_a_time_without_a_zone_is_the_countys():
    found = moment_of("2026-11-23T08:00", "--since")
    assert found is not None
    assert found.isoformat() == "2026-11-23T00:00:00+00:00"


@pytest.mark.parametrize(
    ("count", "name", "told"),
    [
        (3, "signals_new", "3 signals new"),
        (1, "warnings", "1 warning"),
        (1, "signals_new", "1 signal new"),
        (2, "judged", "2 judged"),
    ],
)
def test_counts_of_a_report_are_said_in_words(count, name, told):
    from hub.cli.out import counted

    assert counted(count, name) == told


def test_a_long_number_keeps_the_digits_in_which_neighbours_differ():
    from hub.cli.quarantine import _short

    assert _short("ZX411521202611269800017", 26) == "ZX411521202611269800017"
    first, second = (_short(f"ZX{'4' * 40}{last}", 26) for last in (1, 2))
    assert first != second
    assert len(first or "") == 26
    assert _short(f"sha256:{'f' * 64}") == f"sha256:{'f' * 64}"
    assert _short(f"sha256:{'f' * 64}", 26) == "sha256:fffffff…"


def test_a_position_of_several_parts_is_told_in_words():
    assert out.position({"uid": 27, "uidvalidity": 1700000001}) == "uid 27, uidvalidity 1700000001"
    assert out.position("2026-11-26T11:15:44+00:00") == "2026-11-26 19:15"
    assert out.position({"done": {"a.xlsx": 1, "b.xlsx": 2}, "waiting": {}}) == "2 done"
    assert out.position({"done": {}, "waiting": {}}) is None
    assert out.position(None) is None


def test_every_list_that_has_a_limit_says_when_it_may_not_be_all():
    folder = Path(out.__file__).parent
    limited = [path for path in folder.glob("*.py") if "limit: Limit = 20" in path.read_text("utf-8")]
    assert len(limited) >= 8
    assert [path.name for path in limited if "out.newest(" not in path.read_text("utf-8")] == []


@pytest.mark.parametrize("name", ["case", "rating", "inspection", "finding", "monitor"])
def test_a_list_of_what_was_observed_breaks_no_heading_and_loses_no_character_at_80_columns(
    name, capsys, monkeypatch
):
    from hub.cli.observation import _KINDS

    kind = _KINDS[name]
    long = {
        "number": "WT-dbb524374ae64e1b35ee737c" if name == "finding" else "411521261126001003",
        "time": "2026-11-26 00:00",
        "unit": "县市场监督管理局",
        "words": "办理环节等候过长，没有人解释",
    }

    def cell(heading, column):
        if column in kind.codes:
            return max((words.short(kind.codes[column], code) for code in kind.codes[column]), key=out_width)
        if column in ("planned_on",):
            return "2026-11-26"
        if column.endswith("_at"):
            return long["time"]
        if column in ("source_no", "case_no"):
            return long["number"] if heading == name or heading == "event" else "411521261126001003"
        return {"organisation": long["unit"], "centre": "县政务服务中心", "lines_failed": 12}.get(
            column, long["words"]
        )

    row = [cell(heading, column) for heading, column in kind.columns.items()]
    monkeypatch.setenv("COLUMNS", "80")
    out.table(list(kind.columns), [row], whole=kind.whole)
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split() == list(kind.columns)
    assert sorted("".join(shown.split())) == sorted("".join("".join(map(str, (*kind.columns, *row))).split()))
