"""A third-party package whose plugins are broken, installed beside the others: they work, and whoever looks is told which and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_bad_ground import DONE, PROBLEMS
from tests.support.desk import ROOT, Desk, record

OWN = {folder.name for folder in (ROOT / "plugins").iterdir() if (folder / "pyproject.toml").exists()}
SOUND = """
from hub.model.codes import Watch
from hub.sdk import Channel, Page, Stream, hookimpl

SDK_VERSION = ">=1.0,<2"


class Guest(Channel):
    name = "guest"
    title = "外来渠道"
    watch = Watch.INSIGHT
    streams = (Stream("records"),)

    def pages(self, stream, window):
        return iter(())

    def normalize(self, raw):
        return ()


@hookimpl
def register_channels():
    return [Guest]
"""
BROKEN = {
    "no_licence": ("raise RuntimeError('no licence')\n", "no licence"),
    "too_new": (SOUND.replace(">=1.0,<2", ">=9"), ">=9"),
    "lacks_module": ("import a_module_that_nobody_has\n", "a_module_that_nobody_has"),
    "leaves": ("raise SystemExit(0)\n", "SystemExit"),
    "mistyped": (SOUND.replace("register_channels", "register_chanels"), "register_chanels"),
}


def install(folder: Path, name: str, modules: dict[str, str]) -> None:
    """A distribution as an installer leaves it: its modules, and beside them what it brings."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = []
    for plugin, source in modules.items():
        (folder / f"{name}_{plugin}.py").write_text(source)
        points.append(f"{plugin} = {name}_{plugin}\n")
    (info / "entry_points.txt").write_text("[hub.plugins]\n" + "".join(points))


@pytest.fixture
def site(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder beside the others, with one package that brings five broken plugins and a sound one."""
    folder = desk.folder / "site"
    install(folder, "guests", {name: source for name, (source, _) in BROKEN.items()} | {"guest": SOUND})
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_plugin_list_names_each_broken_plugin_and_why_and_lists_the_others(desk: Desk, site: Path) -> None:
    answer = desk.process("plugin", "list")
    assert answer.code == PROBLEMS
    for name, (_, why) in BROKEN.items():
        (told,) = [line for line in answer.out.splitlines() if line.startswith(f"{name} is broken [plugin_")]
        assert why in told
    document = desk.process("plugin", "list", "--json").document
    states = {plugin["name"]: plugin["state"] for plugin in document["plugins"]}
    assert {name for name, state in states.items() if state == "loaded"} == {
        "builtin",
        "guest",
        *OWN,
    }
    assert {plugin["name"] for plugin in document["broken"]} == set(BROKEN)
    assert "Traceback" not in answer.out + answer.err


def test_doctor_names_each_broken_plugin_and_goes_on(desk: Desk, site: Path) -> None:
    answer = desk.process("doctor")
    assert answer.code != DONE
    for name, (_, why) in BROKEN.items():
        assert any("FAIL" in line and name in line and why in line for line in answer.out.splitlines()), name
    assert "ok    schema" in answer.out
    assert "Traceback" not in answer.out + answer.err


def test_the_other_channels_are_collected_beside_it(desk: Desk, site: Path) -> None:
    desk.portal.add(record(1))
    desk.settings["channels"]["guest"] = {"channel": "guest"}
    desk.configure()
    collected = desk.process("channel", "run", "portal", "--json")
    assert (collected.code, collected.document["records"]["stored"]) == (DONE, 1), collected.err
    assert desk.process("channel", "run", "guest").code == DONE


def test_a_channel_of_a_broken_plugin_says_why_it_cannot_be_run_and_stops_no_other(
    desk: Desk, site: Path
) -> None:
    desk.portal.add(record(1))
    desk.settings["channels"]["special"] = {"channel": "no_licence"}
    desk.configure()
    refused = desk.process("channel", "run", "special")
    assert refused.code == 4
    assert "no licence" in refused.err
    assert "Traceback" not in refused.err
    whole = desk.process("run", "once", "--json")
    problems = [problem for report in whole.document["reports"] for problem in report["problems"]]
    assert {problem["where"] for problem in problems} == {"special"}
    assert desk.value("SELECT count(*) FROM demand") == 1
