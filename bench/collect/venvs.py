"""Each peer in a virtual environment of its own, made once from its pinned requirements."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parent / ".venvs"


def python_of(name: str, folder: Path = HERE) -> Path:
    """The interpreter of the environment for ``requirements-<name>.txt`` of that folder; made now if it is not there yet."""
    requirements = folder / f"requirements-{name}.txt"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    made = CACHE / f"{name}-{version}-{digest}"
    python = made / "bin" / "python"
    complete = made / ".complete"
    if not complete.exists():
        print(f"making {made} from {requirements.name} …", file=sys.stderr)
        shutil.rmtree(made, ignore_errors=True)
        for command in _commands(made, python, requirements):
            subprocess.run(command, check=True, stdout=sys.stderr)
        complete.touch()
    return python


def _commands(folder: Path, python: Path, requirements: Path) -> list[list[str]]:
    uv = _uv()
    if uv:
        install = ["pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
        return [
            [*uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
            [*uv, *install, "--requirement", str(requirements)],
        ]
    return [
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(requirements)],
    ]


def _uv() -> list[str]:
    if find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    found = shutil.which("uv")
    return [found] if found else []


def version_in(python: Path, distribution: str) -> str:
    """The version of ``distribution`` installed beside ``python``."""
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    return subprocess.run(
        [str(python), "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()
