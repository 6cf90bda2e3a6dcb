"""The project's own files agree with one another: a new channel or extra is forgotten nowhere."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CHANNEL_PACKAGES = sorted(path.name for path in ROOT.glob("plugins/*/hub_channel_*") if path.is_dir())
PLUGIN_PACKAGES = sorted(path.name for path in ROOT.glob("plugins/*/hub_*") if path.is_dir())
CONTRACTS = {contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}


def normalized(distribution):
    return re.sub(r"[-_.]+", "-", distribution).lower()


@pytest.fixture(scope="module")
def pinned():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_plugin_is_under_every_import_contract_about_plugins():
    assert set(PYPROJECT["tool"]["importlinter"]["root_packages"]) == {"hub", *PLUGIN_PACKAGES}
    for contract in (
        "no-airflow",
        "channels-see-the-sdk",
        "sql-in-the-store",
        "pytest-in-testing",
        "async-at-the-edge",
    ):
        assert set(CONTRACTS[contract]["source_modules"]) >= set(PLUGIN_PACKAGES), contract
    assert set(CONTRACTS["channels-apart"]["modules"]) == set(PLUGIN_PACKAGES)
    assert set(CONTRACTS["channels-are-plugins"]["forbidden_modules"]) == set(PLUGIN_PACKAGES)


def test_every_plugin_is_first_party_for_the_import_sorter():
    assert set(PYPROJECT["tool"]["ruff"]["lint"]["isort"]["known-first-party"]) >= set(PLUGIN_PACKAGES)


@pytest.mark.parametrize("package", CHANNEL_PACKAGES)
def test_a_channel_is_a_distribution_with_one_entry_point_and_types(package):
    (folder,) = ROOT.glob(f"plugins/*/{package}")
    project = tomllib.loads((folder.parent / "pyproject.toml").read_text("utf-8"))["project"]
    name = folder.parent.name
    assert project["name"] == f"weisu-hub-channel-{name.replace('_', '-')}"
    assert project["entry-points"]["hub.plugins"] == {name: f"{package}.plugin"}
    assert (folder / "py.typed").exists()


def test_the_assistant_is_a_distribution_with_one_entry_point_and_types():
    folder = ROOT / "plugins" / "assistant"
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == "weisu-hub-assistant"
    assert project["entry-points"]["hub.plugins"] == {"assistant": "hub_assistant.plugin"}
    assert (folder / "hub_assistant" / "py.typed").exists()


def test_the_pins_hold_one_version_a_line_and_neither_address_nor_index(pinned):
    for line in pinned:
        assert re.fullmatch(r"[a-z0-9.-]+==[^\s;]+( ; .+)?", line), line
    assert not re.search(r"https?:|file:|--|@", "\n".join(pinned))


def test_every_dependency_of_the_hub_and_its_channels_is_pinned(pinned):
    names = {line.partition("==")[0] for line in pinned}
    projects = [PYPROJECT] + [
        tomllib.loads(path.read_text("utf-8")) for path in ROOT.glob("plugins/*/pyproject.toml")
    ]
    for project in projects:
        groups = [project["project"].get("dependencies", [])]
        groups += project["project"].get("optional-dependencies", {}).values()
        for requirement in (requirement for group in groups for requirement in group):
            name = normalized(re.split(r"[^\w.-]", requirement)[0])
            assert name in names or name == "weisu-hub", f"{name}: run `make pins`"


def imported_modules(*folders):
    """The top-level modules that the code below these folders imports, and the wheel whose files alone are used."""
    source = "\n".join(
        path.read_text("utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py")
    )
    imported = set(re.findall(r"^ *(?:from|import) (\w+)", source, flags=re.M))
    return imported | set(re.findall(r"^_WHEEL = \"(\w+)\"", source, flags=re.M))


@pytest.mark.parametrize(
    ("group", "folders"),
    [
        pytest.param(PYPROJECT["project"]["dependencies"], ["hub"], id="core"),
        pytest.param(PYPROJECT["project"]["optional-dependencies"]["demo"], ["hub/county"], id="demo"),
    ],
)
def test_what_every_county_must_install_is_imported_by_the_hub_itself(group, folders):
    modules: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(normalized(distribution), set()).add(module)
    names = {normalized(re.split(r"[^\w.-]", requirement)[0]) for requirement in group}
    imported = imported_modules(*folders)
    assert sorted(name for name in names if not modules.get(name, {name}) & imported) == []


def test_no_dependency_is_pinned_in_the_projects_themselves():
    for path in [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]:
        project = tomllib.loads(path.read_text("utf-8"))["project"]
        groups = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
        # What follows `;` is a marker, where == compares.
        assert not [text for group in groups for text in group if "==" in text.partition(";")[0]], path


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = set(re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.M))
    documented = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.M))
    assert phony == documented
