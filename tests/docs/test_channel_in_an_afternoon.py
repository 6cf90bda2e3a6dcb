"""What "A channel in an afternoon" shows is built, proven and run as its reader would."""

import re
import socket
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Terminal, blocks, steps

PAGE = Path("docs/channel-in-an-afternoon.md")
CHINESE = Path("docs/channel-in-an-afternoon.zh-CN.md")


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_channel_of_the_page_is_built_keeps_the_contract_and_collects(tmp_path, port, database_url):
    site = tmp_path / "site"
    folder = tmp_path / "suggestion-box"
    (folder / "suggestion_box").mkdir(parents=True)
    (folder / "suggestion_box" / "__init__.py").touch()
    replaced = {
        "8099": str(port),
        "pip install -e . pytest": "python -m pip install --quiet --disable-pip-version-check --no-index --no-deps "
        f"--no-build-isolation --target {site} .",
    }
    with Terminal(folder, replaced, PYTHONPATH=str(site), HUB_DATABASE_URL=database_url) as terminal:
        typed = 0
        for block in blocks(PAGE):
            if block.path is not None:
                terminal.write(block)
            elif block.info == "console":
                for step in steps(block):
                    terminal.type(step)
                    typed += 1
        assert typed >= 12


def test_the_page_installs_every_tool_that_it_calls_and_that_running_the_hub_does_not_bring():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    brought = " ".join([*project["dependencies"], *project["optional-dependencies"]["demo"]])
    typed = [step.command for block in blocks(PAGE) if block.info == "console" for step in steps(block)]
    tools = {tool for command in typed for tool in re.findall(r"^python -m (\w+)", command)}
    installed = {
        name
        for command in typed
        for name in re.findall(r"[\w-]+", command)
        if command.startswith("pip install")
    }
    assert tools
    assert {tool for tool in tools if tool not in brought} <= installed


def test_the_chinese_page_shows_the_same_files_and_commands():
    assert blocks(CHINESE) == blocks(PAGE)
