"""`hub plugin new` and `hub plugin test`: what is rendered holds as it stands, and what does not hold is named with its place."""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from hub.cli.app import main
from hub.cli.scaffold import LONGEST_NAME, Kind, name_fault, rendered, title_fault
from hub.plugins import installed_plugins

LONG = "abcdefghij_klmnopqrst_uvwxyz01"
CHINESE = "罗山县（试点）“窗口”意见箱"
checkers = pytest.mark.skipif(
    find_spec("mypy") is None, reason="ruff and mypy are installed by `make check`, which .ci/run calls first"
)


@pytest.fixture
def new(tmp_path, monkeypatch, capsys):
    """Renders a channel into an empty folder and gives its folder."""
    monkeypatch.chdir(tmp_path)

    def render(name, kind="rest", *more):
        assert main(["plugin", "new", name, "--kind", str(kind), *more]) == 0
        capsys.readouterr()
        return tmp_path / name

    return render


@pytest.fixture
def proof(capsys):
    """What `hub plugin test` says of a folder: exit code and document."""

    def prove(folder):
        code = main(["plugin", "test", str(folder), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return prove


def run(folder, *command):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", Kind)
def test_what_is_rendered_holds_its_contract_untouched_within_a_minute(new, proof, kind):
    folder = new("acme", kind, "--title", CHINESE)
    started = time.monotonic()

    code, said = proof(folder)

    assert time.monotonic() - started < 60
    assert (code, said["failures"], said["ok"]) == (0, [], True)
    assert said["channels"] == {"acme": CHINESE}
    (contract,) = said["contracts"]
    assert contract["channel"] == "acme"
    assert contract["kept"] >= 40
    assert (contract["broken"], contract["gaps"]) == (0, {})
    assert "acme" not in {plugin.name for plugin in installed_plugins()}


@checkers
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", ["a", LONG])
def test_what_is_rendered_is_clean_in_style_and_form_whatever_its_name(new, kind, name):
    folder = new(name, kind, "--title", CHINESE)

    run(folder, "-m", "ruff", "check", ".")
    run(folder, "-m", "ruff", "format", "--check", ".")


@checkers
@pytest.mark.parametrize("kind", Kind)
def test_what_is_rendered_is_clean_in_its_types(new, kind, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp() / "mypy-cache"
    folder = new("acme", kind)

    assert "no issues" in run(folder, "-m", "mypy", "--cache-dir", str(cache))


@checkers
def test_no_line_of_what_is_rendered_is_out_of_form_for_the_longest_name():
    assert len(LONG) == LONGEST_NAME
    assert name_fault(LONG) is None


@pytest.mark.requirement("R25")
def test_what_is_rendered_is_built_and_found_by_the_hub(new, tmp_path):
    folder = new("acme", "push")
    site = tmp_path / "site"
    quiet = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    run(folder, "-m", "pip", "install", *quiet, "--target", str(site), ".")

    script = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from hub.plugins import load_plugins\n"
        "plugins = load_plugins(only=['acme'])\n"
        "print(sorted(plugins.channels), plugins.broken, plugins.list()[0].distribution)"
    )
    assert run(tmp_path, "-c", script).strip() == "['acme'] () weisu-hub-channel-acme"
    assert (site / "hub_channel_acme" / "py.typed").exists()


def test_its_own_pytest_run_ends_with_a_line_about_the_contract(new):
    folder = new("acme", "mail")

    said = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "hub.testing.pytest_hub")

    assert "acme (TestAcme): 47 promises kept" in said


def test_every_file_that_is_rendered_is_text_without_a_mark_left_in_it():
    for kind in Kind:
        for path, text in rendered(kind, "acme", CHINESE).items():
            assert "§" not in text, path
            assert "package/" not in path


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Acme", "'acme' would do"),
        ("acme-two", "'acme_two' would do"),
        ("../acme", "slug"),
        ("1st", "slug"),
        ("", "slug"),
        ("意见箱", "slug"),
        ("a" * (LONGEST_NAME + 1), "slug"),
        ("json", "Python's own library"),
        ("class", "Python language"),
        ("list", "Python language"),
        ("tests", "something else"),
        ("portal", "installed"),
        ("pydantic", "installed"),
    ],
)
def test_a_name_that_would_hide_or_break_something_is_refused_before_anything_is_written(
    tmp_path, monkeypatch, capsys, name, told
):
    monkeypatch.chdir(tmp_path)

    assert main(["plugin", "new", "--kind", "rest", "--", name]) == 2

    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("title", ["", " 意见箱", 'a"b', "a\\b", "a\nb", "{x}", "$HOME", "<b>", "意" * 41])
def test_a_title_that_would_break_the_files_is_refused(tmp_path, monkeypatch, title):
    monkeypatch.chdir(tmp_path)

    assert title_fault(title) is not None
    assert main(["plugin", "new", "acme", "--kind", "rest", "--title", title]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["folder", "file", "broken link"])
def test_what_exists_already_is_never_overwritten(tmp_path, monkeypatch, capsys, there):
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "acme"
    if there == "folder":
        target.mkdir()
        (target / "mine").write_text("kept")
    elif there == "file":
        target.write_text("kept")
    else:
        target.symlink_to(tmp_path / "nowhere")

    assert main(["plugin", "new", "acme", "--kind", "rest"]) == 2

    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["acme"]
    if there == "folder":
        assert [path.name for path in target.iterdir()] == ["mine"]


def test_a_folder_that_cannot_be_written_to_its_end_is_taken_away_again(tmp_path, monkeypatch):
    from hub.cli import scaffold

    texts = {"a": "x", "b/c": "x", "b": "x"}  # the third cannot be written: a folder stands in its place

    with pytest.raises(OSError, match="directory"):
        scaffold.write(tmp_path / "acme", texts)

    assert list(tmp_path.iterdir()) == []


def edited(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_broken_promise_is_named_as_a_sentence_with_the_line_of_the_channel(new, capsys):
    folder = new("acme")
    edited(
        folder,
        "hub_channel_acme/mapping.py",
        'mapped(types, fields.type, field="type")',
        "types[fields.type]",
    )

    assert main(["plugin", "test", str(folder)]) == 1

    said = capsys.readouterr().out
    assert "every sample that must be set aside is with the code beside it" in said
    assert "-k test_" in said
    assert "does not hold" in said


def test_the_line_of_the_channel_that_raised_is_told(new, proof):
    folder = new("acme")
    edited(
        folder,
        "hub_channel_acme/channel.py",
        "        params: dict",
        "        raise ValueError\n        params: dict",
    )

    code, said = proof(folder)

    assert code == 1
    assert any("channel.py:" in f"{one['where']} {one['message']}" for one in said["failures"])


@pytest.mark.parametrize(
    ("file", "old", "new_text", "told"),
    [
        ("pyproject.toml", '[project.entry-points."hub.plugins"]', '[project.entry-points."hub"]', "no entry point"),
        ("pyproject.toml", "[project]", "[projekt]", "cannot be used"),
        ("pyproject.toml", "acme.plugin", "acme.plugins", "ModuleNotFoundError"),
        ("hub_channel_acme/plugin.py", '">=1.0,<2"', '">=7"', "was written for hub.sdk >=7"),
        ("hub_channel_acme/channel.py", 'name = "acme"', 'name = "Acme 1"', "does not match"),
        ("tests/test_contract.py", "class TestAcme", "class Acme", "subclasses a contract"),
        ("tests/test_contract.py", "from hub.testing.factories", "from hub.testing.factory", "hub.testing.factory"),
        ("hub_channel_acme/settings.py", "import annotations", "import annotations\nimport os\nos._exit(7)", "exit code 7"),
    ],
)  # fmt: skip
def test_a_distribution_that_the_hub_could_not_use_is_told_why(new, capsys, file, old, new_text, told):
    folder = new("acme", "mail" if "tests" in file else "rest")
    edited(folder, file, old, new_text)

    assert main(["plugin", "test", str(folder)]) == 1

    assert told in " ".join(capsys.readouterr().out.split())


def test_a_contract_that_is_left_out_of_the_tests_is_missed(new, proof):
    folder = new("acme", "mail")
    (folder / "tests" / "test_contract.py").unlink()

    code, said = proof(folder)

    assert code == 1
    assert "channel acme is under a contract" in [one["what"] for one in said["failures"]]


def test_a_gap_is_shown_with_its_reason_and_is_no_failure(new, capsys):
    folder = new("acme", "mail")
    edited(
        folder,
        "tests/test_contract.py",
        "    secrets = SECRETS\n",
        '    secrets = SECRETS\n    gaps = {"test_there_are_samples": "the box is new"}\n',
    )
    for sample in (folder / "samples").glob("unknown*"):
        sample.unlink()

    assert main(["plugin", "test", str(folder)]) == 0

    said = capsys.readouterr().out
    assert "1 known gaps" in said
    assert "the box is new" in said


def test_a_gap_that_is_mended_is_a_failure_until_it_is_taken_off_the_list(new, proof):
    folder = new("acme", "mail")
    edited(
        folder,
        "tests/test_contract.py",
        "    secrets = SECRETS\n",
        '    secrets = SECRETS\n    gaps = {"test_there_are_samples": "the box is new"}\n',
    )

    code, said = proof(folder)

    assert code == 1
    assert [one["what"] for one in said["failures"]] == ["there are samples"]


def test_a_test_that_leaves_this_machine_fails(new, proof):
    folder = new("acme", "mail")
    test = '\n\ndef test_outside() -> None:\n    import socket\n\n    socket.create_connection(("192.0.2.1", 9), 1)\n'
    path = folder / "tests" / "test_contract.py"
    path.write_text(path.read_text("utf-8") + test, "utf-8")

    code, said = proof(folder)

    assert code == 1
    assert any("loopback" in one["message"] for one in said["failures"])


@pytest.mark.parametrize("path", ["nowhere", "file"])
def test_a_path_that_is_no_distribution_is_a_matter_of_usage(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")

    assert main(["plugin", "test", path]) == 2


def test_a_channel_of_this_repository_is_proven_by_the_same_command(proof, monkeypatch):
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)

    code, said = proof(root / "plugins" / "mailbox")

    assert (code, said["failures"]) == (0, [])
    assert said["others"] > 100
