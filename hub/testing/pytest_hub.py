"""The hub's part of pytest, loaded by its entry point wherever the hub is installed; light, for every run of pytest loads it.

- A file in YAML that begins a source without code (``hub_source: 1``) is a test file: its contract is run over its samples.
- At the end it says of every channel's contract that was run how much of it is kept, and which gaps are written down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

KEPT, BROKEN, GAP = "kept", "broken", "gap"
_MARK = b"hub_source:"
_HEAD_BYTES = 4_096
_contracts: dict[str, Counter[str]] = {}


def is_source_file(path: Path) -> bool:
    """Whether the file in YAML describes a source without code; nothing else of it is judged."""
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return any(line.startswith(_MARK) for line in head.removeprefix(b"\xef\xbb\xbf").splitlines())


def contract_of(item: pytest.Item) -> type[Any] | None:
    """The contract class that a test belongs to; None for any other test."""
    cls = getattr(item, "cls", None)
    if cls is None:
        return None
    from hub.testing.contract import ChannelContract

    return cls if issubclass(cls, ChannelContract) else None


def verdict_of(report: pytest.TestReport) -> str | None:
    """What a phase of a test says of its promise; None where it says nothing yet."""
    if report.failed:
        return BROKEN
    if report.when == "call" or report.skipped:
        return GAP if report.skipped else KEPT
    return None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A source without code is a module with its contract."""
    if not is_source_file(file_path):
        return None
    from hub.testing.declared import SourceModule

    module: pytest.Collector = SourceModule.from_parent(parent, path=file_path)
    return module


def pytest_sessionstart() -> None:
    """Nothing is carried over from another run in this process."""
    _contracts.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Notes how each test of a contract ended."""
    report = yield
    cls = contract_of(item)
    verdict = verdict_of(report)
    if cls is not None and verdict is not None:
        channel = getattr(cls, "channel", None)
        _contracts.setdefault(f"{getattr(channel, 'name', '?')} ({cls.__name__})", Counter())[verdict] += 1
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line for each contract that was run."""
    if not _contracts:
        return
    terminalreporter.section("channel contracts", sep="-")
    for name, counted in sorted(_contracts.items()):
        parts = [f"{counted[KEPT]} promises kept"]
        parts += [f"{counted[BROKEN]} broken"] if counted[BROKEN] else []
        parts += [f"{counted[GAP]} known gaps"] if counted[GAP] else []
        terminalreporter.write_line(f"{name}: {', '.join(parts)}")
