"""What "A channel in an afternoon" shows is built, proven and run as its reader would."""

import socket
from pathlib import Path

import pytest

from tests.docs.pages import Terminal, blocks, steps

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
        "pip install -e .": "python -m pip install --quiet --disable-pip-version-check --no-index --no-deps "
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


def test_the_chinese_page_shows_the_same_files_and_commands():
    assert blocks(CHINESE) == blocks(PAGE)
