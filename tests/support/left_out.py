"""The marker ``debian("package")``: a test that needs a program from a Debian package.

Where the program is missing the test is left out and counted, and the run ends by saying so. With
``HUB_TEST_ALLOW_LEFT_OUT=0`` (as in .ci/run) it fails instead, and names the package to install.
The packages and their programs stand in .ci/debian-packages.txt.
"""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

PACKAGES_FILE = Path(__file__).resolve().parents[2] / ".ci" / "debian-packages.txt"

_left_out_key = pytest.StashKey[Counter[str]]()
_WORKER_OUTPUT = "hub_left_out"


def programs() -> dict[str, Path]:
    """Each known package with the absolute path of the program that shows it is installed."""
    lines = PACKAGES_FILE.read_text("utf-8").splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return {package: Path(program) for package, program in rows}


def find_program(package: str) -> Path | None:
    """The package's program at its Debian path or, failing that, on the PATH; None where it is missing.

    A versioned path (PostgreSQL 15's) is never replaced by whatever version is on the PATH.

    Raises:
        pytest.UsageError: The package is not listed in .ci/debian-packages.txt.
    """
    try:
        program = programs()[package]
    except KeyError:
        raise pytest.UsageError(
            f"marker debian({package!r}): the package is not listed in {PACKAGES_FILE.name} "
            f"(listed: {', '.join(sorted(programs()))}); add it there with its program's path"
        ) from None
    if program.exists():
        return program
    is_versioned = any(part.isdigit() for part in program.parts)
    elsewhere = None if is_versioned else shutil.which(program.name)
    return Path(elsewhere) if elsewhere else None


def missing_package(item: pytest.Item) -> str | None:
    """The first Debian package that the test is marked with and whose program is not on this machine."""
    for mark in item.iter_markers("debian"):
        if len(mark.args) != 1 or mark.kwargs:
            raise pytest.UsageError(
                f"{item.nodeid}: write the marker as debian('package'), one marker a package"
            )
        package: str = mark.args[0]
        if find_program(package) is None:
            return package
    return None


def may_be_left_out() -> bool:
    return os.environ.get("HUB_TEST_ALLOW_LEFT_OUT", "1") != "0"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_left_out_key] = Counter()
    config.addinivalue_line("markers", "debian(package): the test needs a program from this Debian package")
    config.addinivalue_line("markers", "requirement(number): the test proves this requirement, such as R27")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not may_be_left_out():
        return
    missing = {item: package for item in items if (package := missing_package(item))}
    if not missing:
        return
    config.hook.pytest_deselected(items=list(missing))
    items[:] = [item for item in items if item not in missing]
    left_out: Counter[str] = config.stash[_left_out_key]
    left_out.update(missing.values())


def pytest_runtest_setup(item: pytest.Item) -> None:
    if may_be_left_out():
        return
    if package := missing_package(item):
        pytest.fail(
            f"needs the Debian package {package}, and HUB_TEST_ALLOW_LEFT_OUT=0 allows no test to be left out: "
            f"apt-get install {package}",
            pytrace=False,
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands its counts to the process that prints the summary."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        left_out: Counter[str] = session.config.stash[_left_out_key]
        output[_WORKER_OUTPUT] = dict(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Every worker collects every test, so that any worker's counts are the whole run's."""
    counts: dict[str, int] = getattr(node, "workeroutput", {}).get(_WORKER_OUTPUT, {})
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    left_out: Counter[str] = config.stash[_left_out_key]
    for package, count in counts.items():
        left_out[package] = max(left_out[package], count)


def summary_line(left_out: Counter[str]) -> str:
    """What the run ends by saying, such as ``5 tests left out for want of Debian packages: dovecot-imapd (5)``."""
    total = left_out.total()
    line = f"{total} {'test' if total == 1 else 'tests'} left out for want of Debian packages"
    if not total:
        return line
    return f"{line}: " + ", ".join(f"{package} ({count})" for package, count in sorted(left_out.items()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.write_line(summary_line(config.stash[_left_out_key]))
