"""What "Sources without code" shows is written, proven and complained about as its reader would see it, in both languages."""

from pathlib import Path

import pytest
import yaml

from hub.plugins import load_plugins
from hub.sdk.declarative.channel import channel_of
from hub.sdk.declarative.files import shipped_names
from hub.sdk.declarative.read import read_source
from hub.sdk.declarative.readers import HttpJson
from hub.settings import HubSettings
from tests.docs.pages import Terminal, blocks, headings, steps, text_of

PAGE = Path("docs/sources-without-code.md")
CHINESE = Path("docs/sources-without-code.zh-CN.md")
PAGES = pytest.mark.parametrize("page", [PAGE, CHINESE], ids=["English", "Chinese"])


def configurations(page):
    """The blocks of hub.yaml that the page shows, as YAML reads them."""
    return [yaml.safe_load(block.body) for block in blocks(page) if block.info == "yaml" and not block.path]


@PAGES
def test_the_source_of_the_page_is_written_and_keeps_the_contract(tmp_path, page):
    with Terminal(tmp_path) as terminal:
        for block in blocks(page):
            if block.path is not None:
                terminal.write(block)
        typed = [
            terminal.type(step) for block in blocks(page) if block.info == "console" for step in steps(block)
        ]

    assert len(typed) == 2


@PAGES
def test_every_piece_of_hub_yaml_on_the_page_is_one_that_the_hub_accepts(tmp_path, page):
    (shown,) = [block for block in blocks(page) if block.path == "notes.yaml"]
    (tmp_path / "notes.yaml").write_text(shown.body, encoding="utf-8")
    known = {
        "notes": channel_of(read_source(tmp_path / "notes.yaml")).Settings,
        "singer": load_plugins(only=["singer"]).channels["singer"].cls.Settings,
    }
    accepted = []
    for document in configurations(page):
        for configured in HubSettings.model_validate(document).channels.values():
            known[configured.channel].model_validate(configured.settings)
            accepted.append(configured.channel)

    assert accepted == ["notes", "singer"]


@PAGES
def test_every_way_from_page_to_page_on_the_page_is_one_that_a_file_may_name(page):
    shown = [yaml.safe_load(block.body) for block in blocks(page) if block.info == "yaml reader"]
    readers = [HttpJson.model_validate(one) for one in shown]

    assert [(one.paging.style, one.walk is not None) for one in readers] == [
        ("cursor", False),
        ("next", False),
        ("page", True),
    ]


@PAGES
def test_every_ready_mapping_is_named(page):
    rows = [line for line in text_of(page).splitlines() if line.startswith("| `")]

    assert set(shipped_names()) <= {line.split("`")[1] for line in rows}


def test_the_chinese_page_shows_the_same_files_commands_and_configuration():
    def shown(page):
        return [block for block in blocks(page) if block.path or block.info != "yaml"]

    assert shown(CHINESE) == shown(PAGE)
    assert configurations(CHINESE) == configurations(PAGE)
    assert len(headings(CHINESE)) == len(headings(PAGE))
    assert text_of(CHINESE).count("\n| ") == text_of(PAGE).count("\n| ")
