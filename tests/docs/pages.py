"""The documentation as its readers see it: pages, their headings, links and blocks of code."""

import io
import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.cli.app import main

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.M | re.S)
_PATH = re.compile(r"\*\*`(?P<path>[^`\n]+)`\*\*\n\n\Z")
_HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.M)
_LINK = re.compile(r"(?<!!)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def all_pages():
    """Every page in English or Chinese that a reader may open, repository-relative."""
    found = [ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    for pattern in ("docs/**/*.md", "plugins/*/README.md", "changes/README.md"):
        found += sorted(ROOT.glob(pattern))
    return [page.relative_to(ROOT) for page in found]


@dataclass(frozen=True)
class Block:
    """A fenced block; ``path`` where a line of its own names the file that it shows."""

    info: str
    body: str
    path: str | None


@dataclass(frozen=True)
class Step:
    """One command of a console block and the lines that must come of it."""

    command: str
    expected: tuple[str, ...]


def text_of(page):
    return (ROOT / page).read_text("utf-8")


def blocks(page):
    """The fenced blocks of a page, in order."""
    text = text_of(page)
    found = []
    for match in _FENCE.finditer(text):
        named = _PATH.search(text[: match.start()])
        found.append(Block(match["info"].strip(), match["body"], named["path"] if named else None))
    return found


def prose(page):
    """The page without its blocks of code."""
    return _FENCE.sub("", text_of(page))


def headings(page):
    return _HEADING.findall(prose(page))


def anchors(page):
    """What may stand behind ``#`` in a link to the page, as GitHub makes it of the headings."""
    found = set()
    for heading in headings(page):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def links(page):
    return _LINK.findall(prose(page))


def steps(block):
    """The commands of a console block (lines that begin with ``$``) with the lines below each."""
    found: list[tuple[str, list[str]]] = []
    for line in block.body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.strip():
            assert found, f"a console block begins with a command, found {line!r}"
            found[-1][1].append(line)
    return [Step(command, tuple(expected)) for command, expected in found]


class Terminal:
    """A reader's terminal: a folder, an environment, and programs left running in the background.

    Args:
        replaced: Text of a command -> text that is run in its place (a port, an installation).
        in_process: Plain calls of `hub` need no process of their own.
    """

    def __init__(self, folder, replaced=(), *, in_process=False, **environ):
        self.in_process = in_process
        self.folder = folder
        self.replaced = dict(replaced)
        bin_folder = Path(sys.executable).parent
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "USER") if name in os.environ}
        self.environ = {
            **kept,
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
            "COLUMNS": "200",
            **environ,
        }
        self._background = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for process in self._background:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self._background:
            process.wait(TIMEOUT_S)
            process.stdout.close()

    def write(self, block):
        """Puts the file that a block shows where the block says."""
        file = self.folder / self._mine(block.path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._mine(block.body), encoding="utf-8")

    def type(self, step):
        """Runs one command as its reader would; its output, once it holds every line that the page shows."""
        command = self._mine(step.command)
        if match := re.fullmatch(r"export (\w+)=(\S+)", command):
            self.environ[match[1]] = match[2]
            return ""
        if command.endswith(" &"):
            return self._start(command.removesuffix(" &"), step.expected)
        plain = not re.search(r"[;|&<>$`]", command)
        run = self._hub if self.in_process and plain and command.startswith("hub ") else self._shell
        code, output = run(command)
        assert code == 0, f"$ {step.command}\n{output}"
        for line in step.expected:
            assert _pattern(self._mine(line)).search(" ".join(output.split())), (
                f"$ {step.command}\nthe page shows: {line}\n{output}"
            )
        return output

    def _shell(self, command):
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def _hub(self, command):
        """The same command without a process of its own, which costs a second of its own."""
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
            patch.chdir(self.folder)
            for name, value in self.environ.items():
                patch.setenv(name, value)
            code = main(shlex.split(command)[1:])
        return code, said.getvalue()

    def _mine(self, text):
        for theirs, ours in self.replaced.items():
            text = text.replace(theirs, ours)
        return text

    def _start(self, command, expected):
        """Leaves it running, once it has said what the page shows; its own group, so that nothing of it stays behind."""
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._background.append(process)
        said = ""
        for line in expected:
            assert process.stdout is not None
            said += process.stdout.readline()
            assert _pattern(self._mine(line)).search(" ".join(said.split())), (
                f"the page shows: {line}\n{said}"
            )
        return said


def _pattern(line):
    """A line of output as a page shows it: ``…`` stands for anything, space for any space."""
    parts = [re.escape(" ".join(part.split())) for part in line.strip().split("…")]
    return re.compile(" ?.*? ?".join(parts))
