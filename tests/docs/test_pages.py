"""Every page of the documentation: links lead somewhere, commands exist, settings are read, generated parts are up to date, code runs."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache

import pytest
import yaml
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from docs._generate import commands
from hub.model.config import parse_document
from hub.plugins import load_plugins
from hub.runtime.config import load
from tests.docs.pages import ROOT, all_pages, anchors, blocks, links, steps, text_of

PAGES = all_pages()
# Pages whose files and commands a test of their own builds and runs.
EXECUTED_ELSEWHERE = {"channel-in-an-afternoon.md", "channel-in-an-afternoon.zh-CN.md"}


def ids(pages):
    return [str(page) for page in pages]


def having(info):
    return [page for page in PAGES if any(block.info == info for block in blocks(page))]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_link_leads_to_a_file_and_a_heading_of_this_repository(page):
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            assert link.startswith("https://"), link
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page.parent / path).resolve() if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.relative_to(ROOT)), link


@cache
def known_commands():
    return dict(commands.commands())


def commands_of(page):
    """Every call of `hub` that the page shows in a block of commands or, with its arguments, in a line."""
    for block in blocks(page):
        if block.info in ("console", "sh", "shell", "bash"):
            lines = [step.command for step in steps(block)] if "$ " in block.body else block.body.splitlines()
            yield from (line for line in lines if re.match(r"(?:\w+=\S+ )*hub ", line))
    yield from re.findall(r"`(hub [a-z][^`]*)`", text_of(page))


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_command_that_a_page_shows_exists_with_its_options(page):
    for line in commands_of(page):
        words = shlex.split(re.split(r"\s*[;&|>]|\s#", line.replace("…", ""))[0])
        while "=" in words[0]:
            words.pop(0)
        said = words_of(words[1:])
        name = next((one for one in known_commands() if said[: len(one.split())] == one.split()), None)
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        if name is None:  # a group alone, such as `hub quarantine`
            assert [one for one in known_commands() if one.split()[: len(said)] == said], line
            assert options == [], line
            continue
        command = known_commands()[name]
        known = {opt for param in command.params for opt in (*param.opts, *param.secondary_opts)}
        assert set(options) <= {*known, "--help", "--version"}, line


def words_of(words):
    """The words without global options that stand before the command."""
    rest = list(words)
    while rest and rest[0].startswith("--"):
        takes_value = rest[0] in ("--config", "--home", "--log-level")
        rest = rest[2 if takes_value else 1 :]
    return [word for word in rest if not word.startswith("--")]


def targets():
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_target_of_make_that_a_page_names_exists(page):
    named = re.findall(r"(?:^|`|\$ )make ([a-z-]+)", text_of(page), re.M)

    assert set(named) <= targets()


@pytest.mark.parametrize("page", having("yaml"), ids=ids(having("yaml")))
def test_yaml_that_a_page_shows_is_what_the_hub_reads(page, tmp_path):
    for block in blocks(page):
        if block.info != "yaml":
            continue
        document = yaml.safe_load(block.body)
        if {"channels", "database_url", "serve", "home"} & set(document):
            file = tmp_path / "hub.yaml"
            file.write_text(block.body, "utf-8")
            for channel in load(config=file, environ={}).settings.channels.values():
                entry = load_plugins().channels.get(channel.channel)
                if entry is not None:
                    entry.cls.Settings.model_validate(channel.settings)
        elif "organisations" in document:
            parse_document(block.body)
        elif "rules" in document:
            office = {"code": "office", "name": "处置办理股室", "level": "county", "handling_office": True}
            for rule in parse_document({"organisations": [office], **document}).rules:
                load_plugins(builtin=builtin()).rules[rule.rule_id].cls.Params.model_validate(rule.params)


def builtin():
    from hub.builtin import plugin

    return {"builtin": plugin}


def python_pages():
    return [page for page in having("python") if page.name not in EXECUTED_ELSEWHERE]


@pytest.mark.parametrize("page", python_pages(), ids=ids(python_pages()))
def test_python_that_a_page_shows_runs(page):
    document = Sybil(parsers=[PythonCodeBlockParser()]).parse(ROOT / page)
    examples = list(document.examples())

    for example in examples:
        example.evaluate()
    assert len(examples) == sum(block.info == "python" for block in blocks(page))


def generated_pages():
    return [page for page in PAGES if "[[[cog" in text_of(page)]


def test_generated_parts_are_what_the_code_gives():
    checked = subprocess.run(
        [sys.executable, "-m", "cogapp", "-I", ".", "--check", *map(str, generated_pages())],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert checked.returncode == 0, f"run `make docs`:\n{checked.stdout}{checked.stderr}"
    assert len(generated_pages()) >= 8


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_a_page_with_a_translation_links_to_it_and_back(page):
    other = page.with_name(page.name.replace(".md", ".zh-CN.md"))
    if other in PAGES:
        assert other.name in links(page)
        assert page.name in links(other)
