"""Every setting, hook, rule, code, command, channel and metric has a heading in the reference, and a test that names it."""

import re
from functools import cache
from pathlib import Path

import pytest

from docs._generate import commands, plugins, settings
from hub.errors import Code
from hub.plugins import installed_plugins, load_plugins
from tests.docs.pages import ROOT, headings, text_of

REFERENCE = Path("docs/reference")
SETTINGS = [name for name, _ in settings.settings()]
HOOKS = [name for name, _ in plugins.hooks()]
COMMANDS = [name for name, _ in commands.commands()]


# Codes that no test names, each with its reason.
UNPROVEN = {
    "CALENDAR_GAP": "no step ends with it: an order's deadline is provisional instead",
}


@cache
def words_of_tests():
    """All tests but those of the documentation, and what they stand on."""
    files = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("plugins/*/tests/**/*.py")]
    return "\n".join(file.read_text("utf-8") for file in files if "docs" not in file.parts)


def is_named(pattern):
    return re.search(pattern, words_of_tests()) is not None


def test_every_setting_has_a_heading():
    assert set(SETTINGS) <= set(headings(REFERENCE / "settings.md"))


def test_every_hook_has_a_heading():
    assert set(HOOKS) <= set(headings(REFERENCE / "hooks.md"))
    assert len(HOOKS) >= 10


def test_every_rule_of_the_hubs_own_has_a_heading():
    assert [f"{rule.rule_id} {rule.title}" for rule in plugins.rules()] == headings(REFERENCE / "rules.md")[
        1:
    ]


def test_every_code_has_a_heading_and_a_sentence_in_the_order_of_the_closed_list():
    page = text_of(REFERENCE / "errors.md")
    sections = re.findall(r"^### (\w+)\n\n(.+?)(?=^#|\Z)", page, re.M | re.S)

    assert [name for name, _ in sections] == [code.value for code in Code]
    assert [name for name, words in sections if len(words.split()) < 5] == []


def test_every_command_has_a_heading():
    assert [f"hub {name}" for name in COMMANDS] == [
        heading for heading in headings(REFERENCE / "cli.md") if heading.startswith("hub ")
    ]


def test_every_channel_of_this_repository_has_a_page_with_its_settings():
    ours = [
        plugin.name for plugin in installed_plugins() if plugin.distribution.startswith("weisu-hub-channel")
    ]
    channels = load_plugins(only=ours).channels
    assert {"portal", "mailbox"} <= set(channels)
    for name, entry in channels.items():
        named = headings(REFERENCE / "channels" / f"{name}.md")
        assert set(entry.cls.Settings.model_fields) <= set(named), name


def test_every_metric_has_a_heading():
    from hub.metrics import catalog

    shown = set(headings(REFERENCE / "metrics.md"))
    assert {metric.name for metric in catalog.METRICS} <= shown


@pytest.mark.parametrize("hook", HOOKS)
def test_a_test_names_the_hook(hook):
    assert is_named(rf"\b{hook}\b")


@pytest.mark.parametrize("rule", [rule.rule_id for rule in plugins.rules()])
def test_a_test_names_the_rule(rule):
    assert is_named(rf"\b{rule}\b")


@pytest.mark.parametrize("code", [code.name for code in Code])
def test_a_test_names_the_code(code):
    assert is_named(rf"\bCode\.{code}\b|[\"']{Code[code].value}[\"']") is (code not in UNPROVEN)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_test_types_the_command(command):
    words = r"[\"',\s]+".join(command.split())
    assert is_named(rf"[\"']{words}[\"' ]")


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_test_sets_the_setting(setting):
    name = setting.rpartition(".")[2]
    dotted = re.escape(setting.replace("channels.NAME.", ""))
    ways = (
        rf"{settings.variable(setting)}\b",
        rf"[\"']{dotted}[\"']",
        rf"[\"'{{ .]{name}[\"']?: ",
        rf"\b(?:\w+__)?{name}=",
    )
    assert is_named("|".join(ways))
