"""Loading what is installed: real distributions in a folder of their own, one of them broken in each way."""

import importlib.metadata
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hub.errors import Code, ConfigError
from hub.plugins import installed_plugins, load_plugins

IMPORT_LIMIT_S = 3.0  # what each hanging import costs; a sound one needs milliseconds and is given a minute

CHANNEL = """
from hub.model.codes import Watch
from hub.sdk import Channel, Stream, hookimpl

SDK_VERSION = ">=1.0,<2"


class {cls}(Channel):
    name = "{name}"
    title = "试点渠道"
    watch = Watch.INSIGHT
    streams = (Stream("records"),)

    def pages(self, stream, window):
        return iter(())

    def normalize(self, raw):
        return ()


@hookimpl
def register_channels():
    return [{cls}]
"""


def sound(name: str) -> str:
    return CHANNEL.format(cls=name.title().replace("_", ""), name=name)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Installs distributions into a folder on sys.path and forgets their modules afterwards."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, distribution: str, modules: dict[str, str], version: str = "1.2.3") -> None:
        """Writes one module an entry point, named ``{distribution}_{plugin}``, and the distribution's metadata."""
        prefix = distribution.replace("-", "_")
        info = self.folder / f"{prefix}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = []
        for plugin, source in modules.items():
            (self.folder / f"{prefix}_{plugin}.py").write_text(textwrap.dedent(source), "utf-8")
            lines.append(f"{plugin} = {prefix}_{plugin}")
        (info / "entry_points.txt").write_text("[hub.plugins]\n" + "\n".join(lines) + "\n")

    def load(self, **more):
        points = [
            point
            for dist in importlib.metadata.distributions(path=[str(self.folder)])
            for point in dist.entry_points
        ]
        hangs = any(point.name == "hangs" for point in points)
        limit_s = IMPORT_LIMIT_S if hangs else 60.0
        return load_plugins(entry_points=points, import_timeout_s=limit_s, **more)


BROKEN = {
    "raises": ("import a_module_that_is_not_installed", Code.PLUGIN_BROKEN, "a_module_that_is_not_installed"),
    "leaves": ("raise SystemExit(3)", Code.PLUGIN_BROKEN, "SystemExit"),
    "hangs": ("import threading\nthreading.Event().wait()", Code.PLUGIN_TIMEOUT, "did not end within 3 s"),
    "undeclared": (
        sound("undeclared").replace("SDK_VERSION", "OTHER"),
        Code.PLUGIN_INCOMPATIBLE,
        "declares no SDK_VERSION",
    ),
    "hubs_own": (
        sound("hubs_own").replace('SDK_VERSION = ">=1.0,<2"', "from hub.sdk import SDK_VERSION"),
        Code.PLUGIN_INCOMPATIBLE,
        "is no range",
    ),
    "too_new": (
        sound("too_new").replace(">=1.0,<2", ">=7"),
        Code.PLUGIN_INCOMPATIBLE,
        "written for hub.sdk >=7",
    ),
    "mistyped": (
        sound("mistyped").replace("def register_channels", "def register_chanels"),
        Code.PLUGIN_BROKEN,
        "register_chanels",
    ),
    "wrong_argument": (
        sound("wrong_argument") + "\n@hookimpl\ndef on_run_finished(result):\n    pass\n",
        Code.PLUGIN_BROKEN,
        "on_run_finished",
    ),
    "wrapper": (
        sound("wrapper") + "\n@hookimpl(wrapper=True)\ndef on_run_finished(report):\n    return (yield)\n",
        Code.PLUGIN_BROKEN,
        "hook wrapper",
    ),
    "unconfigured": (
        sound("unconfigured") + "\n@hookimpl\ndef configure(settings):\n    raise KeyError('who')\n",
        Code.PLUGIN_FAILED,
        "KeyError",
    ),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_plugin_is_named_and_the_others_of_its_distribution_work(site, name):
    source, code, told = BROKEN[name]
    site.install("acme-plugins", {"aaa": sound("aaa"), name: source, "zzz": sound("zzz")})

    plugins = site.load()

    assert set(plugins.channels) == {"aaa", "zzz"}
    (broken,) = plugins.broken
    assert (broken.name, broken.distribution, broken.version) == (name, "acme-plugins", "1.2.3")
    assert broken.code is code
    assert told in broken.message
    assert {info.name: info.state for info in plugins.list()} == {
        "aaa": "loaded",
        name: "broken",
        "zzz": "loaded",
    }


def test_all_kinds_of_broken_plugins_at_once_leave_the_sound_one_working(site):
    sources = {name: source for name, (source, _, _) in BROKEN.items()}
    site.install("acme-plugins", {**sources, "good": sound("good")})

    plugins = site.load()

    assert list(plugins.channels) == ["good"]
    assert {broken.name for broken in plugins.broken} == set(BROKEN)


def test_plugins_are_found_where_pip_installs_them(site):
    site.install("acme-plugins", {"good": sound("good")})

    plugins = load_plugins(only=["good"])

    entry = plugins.channel("good")
    assert (entry.plugin, entry.distribution, entry.version) == ("good", "acme-plugins", "1.2.3")


def test_listing_what_is_installed_imports_nothing(site):
    site.install("acme-plugins", {"raises": "raise AssertionError('imported')"})

    assert ("raises", "acme-plugins", "1.2.3", "acme_plugins_raises") in [
        (found.name, found.distribution, found.version, found.target) for found in installed_plugins()
    ]


def test_the_second_plugin_of_one_name_is_refused_and_both_distributions_are_named(site):
    site.install("acme-one", {"same": sound("one")})
    site.install("acme-two", {"same": sound("two")})

    plugins = site.load()

    assert set(plugins.channels) == {"one"}
    (broken,) = plugins.broken
    assert broken.distribution == "acme-two"
    assert "acme-one" in broken.message


def test_the_second_channel_of_one_name_is_refused_and_its_plugin_goes_on(site):
    site.install("acme-one", {"first": sound("shared")})
    second = sound("own") + sound("shared").replace("register_channels", "more").replace("@hookimpl", "")
    site.install("acme-two", {"second": second.replace("return [Own]", "return [Own, Shared]")})

    plugins = site.load()

    assert {name: entry.plugin for name, entry in plugins.channels.items()} == {
        "shared": "first",
        "own": "second",
    }
    (broken,) = plugins.broken
    assert broken.name.startswith("second:")
    assert "'first'" in broken.message
    assert {info.name: info.state for info in plugins.list()} == {"first": "loaded", "second": "partly"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(("watch = Watch.INSIGHT", "watch = 3"), "'watch'", marks=pytest.mark.requirement("R2")),
        (('title = "试点渠道"', "pass"), "'title'"),
        (('name = "faulty"', 'name = "Faulty One"'), "'name'"),
        (('streams = (Stream("records"),)', "streams = ()"), "'streams'"),
        (('(Stream("records"),)', '(Stream("Records!"),)'), "no slug"),
        (('(Stream("records"),)', '(Stream("records"), Stream("records"))'), "stands twice"),
        (("def normalize", "def normalise"), "does not bring normalize"),
        (("return [Faulty]", "return [Faulty(None, None)]"), "no class"),
        (("return [Faulty]", "return [str]"), "no subclass of hub.sdk.Channel"),
    ],
)
def test_a_channel_class_that_declares_something_unusable_is_refused_with_the_reason(site, change, told):
    source = sound("faulty")
    assert change[0] in source
    site.install("acme-plugins", {"faulty": source.replace(*change), "good": sound("good")})

    plugins = site.load()

    assert set(plugins.channels) == {"good"}
    (broken,) = plugins.broken
    assert broken.name.startswith("faulty:")
    assert told in broken.message


def test_an_import_that_fails_inside_a_register_hook_is_named_with_what_is_missing(site):
    source = sound("lazy").replace("    return [Lazy]", "    import a_module_that_is_not_installed")
    site.install("acme-plugins", {"lazy": source, "good": sound("good")})

    plugins = site.load()

    assert set(plugins.channels) == {"good"}
    (broken,) = plugins.broken
    assert (broken.name, broken.code) == ("lazy:register_channels", Code.PLUGIN_FAILED)
    assert "a_module_that_is_not_installed" in broken.message


def test_a_register_hook_that_gives_no_list_is_named(site):
    site.install("acme-plugins", {"faulty": sound("faulty").replace("return [Faulty]", "return Faulty")})

    (broken,) = site.load().broken

    assert "register_channels gave a ABCMeta" in broken.message


def test_a_disabled_plugin_is_listed_and_not_imported(site):
    site.install("acme-plugins", {"off": "raise AssertionError('imported')", "good": sound("good")})

    plugins = site.load(disabled=["off"])

    assert plugins.broken == ()
    assert {info.name: info.state for info in plugins.list()} == {"good": "loaded", "off": "disabled"}


@pytest.mark.parametrize(("only", "loaded"), [([], set()), (["good"], {"good"}), (None, {"good", "other"})])
def test_an_allow_list_leaves_out_what_it_does_not_name_and_an_empty_one_leaves_out_all(site, only, loaded):
    site.install("acme-plugins", {"good": sound("good"), "other": sound("other")})

    assert set(site.load(only=only).channels) == loaded


def test_the_order_of_installation_does_not_show(site):
    for name in ("ccc", "aaa", "bbb"):
        site.install(f"dist-{name}", {name: sound(name)})

    assert list(site.load().channels) == ["aaa", "bbb", "ccc"]


def test_every_plugin_is_told_the_settings_once(site):
    source = "\ntold = []\n\n@hookimpl\ndef configure(settings):\n    told.append(settings)\n"
    site.install("acme-plugins", {"good": sound("good") + source})

    site.load(settings={"zone": "Asia/Shanghai"})

    assert sys.modules["acme_plugins_good"].told == [{"zone": "Asia/Shanghai"}]


def test_asking_for_an_unknown_channel_names_the_broken_plugin_that_may_bring_it(site):
    site.install("acme-plugins", {"good": sound("good"), "leaves": "raise SystemExit(3)"})

    with pytest.raises(ConfigError, match="known: good.*plugin 'leaves' is broken.*SystemExit"):
        site.load().channel("leaves")


def test_a_process_with_a_hanging_import_still_ends(site):
    site.install(
        "acme-plugins", {"hangs": "import threading\nthreading.Event().wait()", "good": sound("good")}
    )
    program = (
        "from hub.plugins import load_plugins\n"
        "plugins = load_plugins(only=['good', 'hangs'], import_timeout_s=3)\n"
        "print(sorted(plugins.channels), [broken.name for broken in plugins.broken])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site.folder)!r})\n{program}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert done.stdout.strip() == "['good'] ['hangs']"
