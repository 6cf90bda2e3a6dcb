"""Proves one distribution or one source without code: loads it as the hub would, runs its contract, and says what came of it.

``python -m hub.testing.prove TARGET REPORT`` runs in a process of its own, which `hub plugin test` starts: the plugin under test may end it,
hang it or fill its memory, and the one who asked still gets an answer. Nothing is installed: the distribution's folder goes to the head of
``sys.path`` and its entry points are read from its pyproject.toml, so that what stands in the folder is proven, whatever is installed.
Connections other than to this machine are refused.
"""

from __future__ import annotations

import inspect
import json
import sys
import time
import tomllib
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from hub.plugins import PluginSet, load_plugins
from hub.sdk.hookspecs import GROUP
from hub.testing import pytest_hub
from hub.testing.pytest_hub import BROKEN, GAP, KEPT, contract_of, verdict_of

_LONGEST_MESSAGE = 600


@dataclass
class Contract:
    """How one contract class ended.

    Attributes:
        name: Of the class.
        base: The contract that it subclasses.
        channel: Name of the channel that it proves.
        gaps: Test -> reason.
    """

    name: str
    base: str
    channel: str
    kept: int = 0
    broken: int = 0
    gaps: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """One thing that does not hold.

    Attributes:
        what: The sentence that is not true, or the part that failed.
        where: Place in the distribution to look at first.
        message: What was found.
        test: Its name for ``pytest -k``; None where no test found it.
    """

    what: str
    where: str
    message: str
    test: str | None = None


@dataclass
class Proof:
    """All that was found.

    Attributes:
        kind: ``distribution`` or ``source``.
        channels: Names of the channels that it brings -> their titles.
        others: Tests of the author's own that passed.
    """

    target: str
    kind: str
    name: str = "?"
    version: str = "?"
    channels: dict[str, str] = field(default_factory=dict)
    contracts: list[Contract] = field(default_factory=list)
    others: int = 0
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.failures


class _Folder(Distribution):
    """A distribution as its pyproject.toml describes it, not installed."""

    def __init__(self, folder: Path, project: dict[str, Any]) -> None:
        self._folder = folder
        self._project = project

    @property
    def metadata(self) -> Any:
        told = Message()
        told["Name"] = str(self._project.get("name", "?"))
        told["Version"] = str(self._project.get("version", "?"))
        told.json = {"name": told["Name"], "version": told["Version"]}  # type: ignore[attr-defined]
        return told

    def read_text(self, filename: str) -> str | None:
        if filename != "entry_points.txt":
            return None
        named = self._project.get("entry-points", {}).get(GROUP, {})
        return "\n".join([f"[{GROUP}]", *(f"{name} = {value}" for name, value in named.items())])

    def locate_file(self, path: Any) -> Any:
        return self._folder / path


class _Recorder:
    """A pytest plugin that notes what became of each test."""

    def __init__(self, proof: Proof, folder: Path) -> None:
        self._proof = proof
        self._folder = folder
        self._contracts: dict[type, Contract] = {}
        self._places: dict[str, str] = {}

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        if isinstance(report, pytest.CollectReport):
            self._fail(f"{node.name} can be read", _last_error(report), self._place(call.excinfo), None)
        elif isinstance(node, pytest.Item):
            self._places[node.nodeid] = self._place(call.excinfo)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        report = yield
        verdict = verdict_of(report)
        if verdict is None:
            return report
        contract = self._contract(item)
        if verdict == BROKEN:
            crash = getattr(report.longrepr, "reprcrash", None)
            told = crash.message if crash is not None else str(report.longrepr)
            place = self._places.get(item.nodeid, "")
            self._fail(_sentence(item.name), told, place, item.name)
        if contract is None:
            self._proof.others += verdict == KEPT
        elif verdict == GAP:
            contract.gaps[item.name] = str(getattr(report, "wasxfail", "") or report.longrepr)
        else:
            contract.kept += verdict == KEPT
            contract.broken += verdict == BROKEN
        return report

    def _contract(self, item: pytest.Item) -> Contract | None:
        cls = contract_of(item)
        if cls is None:
            return None
        if cls not in self._contracts:
            base = next((one for one in cls.__mro__[1:] if one.__module__.startswith("hub.testing.")), cls)
            channel = str(getattr(cls.channel, "name", "?"))
            self._contracts[cls] = Contract(cls.__name__, base.__name__, channel)
            self._proof.contracts.append(self._contracts[cls])
        return self._contracts[cls]

    def _place(self, excinfo: Any) -> str:
        """The nearest line to the fault that is the author's own; empty where the contract alone saw it."""
        found = ""
        for entry in excinfo.traceback if excinfo is not None else ():
            path = Path(str(entry.path))
            if path.is_relative_to(self._folder):
                found = f"{path.relative_to(self._folder)}:{entry.lineno + 1}"
        return found

    def _fail(self, what: str, message: str, where: str, test: str | None) -> None:
        shown = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"
        self._proof.failures.append(Failure(what, where, shown, test))


def prove_distribution(folder: Path, *, show: bool = False) -> Proof:
    """Loads the distribution in that folder as the hub would and runs its tests."""
    proof = Proof(str(folder), "distribution", name=folder.name)
    project = _project(folder, proof)
    if project is None:
        return proof
    proof.name, proof.version = str(project.get("name", "?")), str(project.get("version", "?"))
    sys.path.insert(0, str(folder))
    plugins = _loaded(_Folder(folder, project), proof)
    if proof.failures and not plugins.channels:
        return proof  # a contract has nothing to say about what cannot be loaded
    tests = folder / "tests"
    if not tests.is_dir():
        proof.failures.append(
            Failure(
                "the distribution has tests",
                "tests/",
                "there is no folder tests/ (expected a class in it that subclasses a contract of hub.testing); see the docs, "
                "'A channel in an afternoon', section 4",
            )
        )
        return proof
    _run(proof, folder, tests, show)
    proven = {contract.channel for contract in proof.contracts if contract.kept}
    for name in sorted(set(plugins.channels) - proven):
        proof.failures.append(
            Failure(
                f"channel {name} is under a contract",
                "tests/",
                f"no class in tests/ subclasses a contract of hub.testing for {plugins.channels[name].cls.__name__} "
                "(expected one); see the docs, 'A channel in an afternoon', section 4",
            )
        )
    return proof


def prove_source(file: Path, *, show: bool = False) -> Proof:
    """Runs the contract over a source without code."""
    from hub.errors import HubError
    from hub.sdk.declarative.read import read_source

    proof = Proof(str(file), "source", name=file.name)
    try:
        document = read_source(file)
    except HubError as exc:
        proof.failures.append(Failure("the file describes a source", file.name, exc.message))
        return proof
    proof.version = document.version
    proof.channels[document.name] = document.title
    _run(proof, file.parent, file, show)
    return proof


def _run(proof: Proof, folder: Path, target: Path, show: bool) -> None:
    # The root and its settings are found as when the author runs pytest, in a repository of several channels too.
    arguments = [str(target), "--import-mode=importlib", "-o", "addopts="]
    arguments += ["-p", "hub.testing.network", "-p", "no:cacheprovider", "-p", "no:randomly"]
    # Of an installed hub pytest would rewrite every module; those that this process stands on are imported already.
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    arguments += ["-v"] if show else ["-q", "--no-header", "--no-summary"]
    ended = pytest.main(arguments, plugins=[pytest_hub, _Recorder(proof, folder)])
    if ended == pytest.ExitCode.NO_TESTS_COLLECTED:
        proof.failures.append(
            Failure("there are tests", target.name, "pytest found none (expected a contract)")
        )
    elif ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not proof.failures:
        proof.failures.append(
            Failure("the tests can be run", target.name, f"pytest ended with {ended!r}; see it with --show")
        )


def _project(folder: Path, proof: Proof) -> dict[str, Any] | None:
    """The [project] table; None, noted, where no hub could use it."""
    fault = None
    try:
        project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get(
            "project", {}
        )
        fault = None if "name" in project else "no [project] table with a name"
    except (OSError, ValueError) as exc:
        fault = type(exc).__name__
    if fault is not None:
        told = f"pyproject.toml cannot be used: {fault} (expected what `hub plugin new` writes); correct it there"
        proof.failures.append(Failure("the distribution is described", "pyproject.toml", told))
        return None
    if not project.get("entry-points", {}).get(GROUP):
        told = (
            f'no entry point in the group "{GROUP}" (expected [project.entry-points."{GROUP}"] with the plugin\'s module): '
            "without it no hub finds the plugin"
        )
        proof.failures.append(Failure("the hub finds the plugin", "pyproject.toml", told))
        return None
    return project


def _loaded(distribution: _Folder, proof: Proof) -> PluginSet:
    plugins = load_plugins(None, entry_points=list(distribution.entry_points))
    proof.channels.update({name: entry.cls.title for name, entry in plugins.channels.items()})
    for broken in plugins.broken:
        proof.failures.append(
            Failure(f"the hub loads {broken.name}", "pyproject.toml", f"{broken.message} [{broken.code}]")
        )
    for name, entry in plugins.channels.items():
        file = inspect.getsourcefile(entry.cls)
        if file is None or not Path(file).resolve().is_relative_to(distribution.locate_file("").resolve()):
            told = "its class was imported from elsewhere (expected this folder): another distribution brings the same module"
            proof.failures.append(Failure(f"channel {name} is this one", "pyproject.toml", told))
    return plugins


def _last_error(report: pytest.CollectReport) -> str:
    lines = [line[1:].strip() for line in str(report.longrepr).splitlines() if line.startswith("E ")]
    return lines[-1] if lines else str(report.longrepr)


def _sentence(test: str) -> str:
    """A test's name as the sentence that it proves."""
    name, bracket, case = test.partition("[")
    words = name.removeprefix("test_").replace("_", " ")
    return f"{words} [{case}" if bracket else words


def prove(target: Path, *, show: bool = False) -> Proof:
    """What holds of the distribution or source there, and what does not."""
    started = time.monotonic()
    target = target.resolve()
    proof = (prove_distribution if target.is_dir() else prove_source)(target, show=show)
    proof.seconds = round(time.monotonic() - started, 1)
    return proof


def main(argv: list[str]) -> int:
    """Writes the proof of ``argv[0]`` to ``argv[1]`` as JSON."""
    proof = prove(Path(argv[0]), show="--show" in argv[2:])
    Path(argv[1]).write_text(json.dumps({**asdict(proof), "ok": proof.ok}, ensure_ascii=False), "utf-8")
    return 0 if proof.ok else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
