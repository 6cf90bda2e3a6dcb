"""Renders a channel's distribution from the templates beside this file; asks nothing of the network.

A template is a file ``NAME.tmpl`` whose marks are ``§{name}``; ``package`` in its path becomes the distribution's package. Names stay short
enough (`LONGEST_NAME`) that what is rendered is in form whatever they are.
"""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from hub._version import SDK_VERSION, __version__

LONGEST_NAME = 30
LONGEST_TITLE = 40
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
# What would end a string or a line of TOML, Python, YAML or Markdown into which the title is put.
_UNFIT = re.compile(r"[\"'`\\{}$§<>#\x00-\x1f\x7f-\x9f\u2028\u2029]")
_RESERVED = frozenset({"hub", "test", "tests", "samples", "dist", "build", "plugins", "dags", "site"})


class Kind(StrEnum):
    """What a channel reads; each is a set of templates."""

    REST = "rest"
    XML = "xml"
    SHEET = "sheet"
    MAIL = "mail"
    SQL = "sql"
    PUSH = "push"


# Later layers go over earlier ones.
LAYERS: Mapping[Kind, tuple[str, ...]] = {
    Kind.REST: ("common", "json", "rest"),
    Kind.XML: ("common", "xml"),
    Kind.SHEET: ("common", "sheet"),
    Kind.MAIL: ("common", "mail"),
    Kind.SQL: ("common", "sql"),
    Kind.PUSH: ("common", "json", "push"),
}


class _Marks(Template):
    delimiter = "§"
    idpattern = "[A-Za-z_]+"


def name_fault(name: str) -> str | None:
    """Why a channel cannot bear that name; None where it can."""
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        near = re.sub(r"[^a-z0-9]+", "_", name.lower())[:LONGEST_NAME].strip("_")
        hint = f"; {near!r} would do" if _NAME.fullmatch(near) else ""
        return f"it is no slug of 1 to {LONGEST_NAME} letters a-z, digits and single _, beginning with a letter{hint}"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name):
        return "it is a word of the Python language"
    if name in sys.stdlib_module_names:
        return "it is a module of Python's own library, which a folder of that name may hide"
    if name in _RESERVED:
        return "it means something else beside a channel"
    return _taken(name)


def _taken(name: str) -> str | None:
    from importlib.util import find_spec

    from hub.plugins.loader import installed_plugins

    for plugin in installed_plugins():
        if plugin.name == name:
            return f"{plugin.distribution} is installed and brings a plugin of that name"
    for module in (f"hub_channel_{name}", name):
        spec = find_spec(module)
        if spec is not None and spec.origin is not None:  # a mere folder hides nothing
            return f"a module {module!r} is installed, which one of the two would hide"
    return None


def title_fault(title: str) -> str | None:
    """Why a channel cannot bear that title; None where it can."""
    if not 1 <= len(title.strip()) <= LONGEST_TITLE or title != title.strip():
        return (
            f"it has {len(title)} characters (expected 1 to {LONGEST_TITLE}, none of them space at its ends)"
        )
    if found := _UNFIT.search(title):
        return f"it holds {found.group()!r} (expected words: it stands in code, TOML and YAML)"
    return None


def rendered(kind: Kind, name: str, title: str) -> dict[str, str]:
    """Path in the distribution -> text, sorted by path."""
    values = _values(name, title)
    found: dict[str, str] = {}
    for layer in LAYERS[kind]:
        for path, text in _templates(files("hub.cli") / "templates" / layer):
            found[_target(path, values["package"])] = _Marks(text).substitute(values)
    return dict(sorted(found.items()))


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Makes the folder and writes the files into it.

    Raises:
        FileExistsError: The folder, or anything else of its name, is there already; nothing was changed.
        OSError: It cannot be written; what was written of it is removed again.
    """
    folder.mkdir()
    try:
        for path, text in texts.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
        raise


def _values(name: str, title: str) -> dict[str, str]:
    secret = name.upper()
    values = {
        "name": name,
        "dashed": name.replace("_", "-"),
        "package": f"hub_channel_{name}",
        "Class": "".join(part[:1].upper() + part[1:] for part in name.split("_")),
        "title": title,
        "hub_version": ".".join(__version__.split(".")[:2]),
        "sdk_range": f">={SDK_VERSION},<{int(SDK_VERSION.partition('.')[0]) + 1}",
        "SECRET_TOKEN": f"{secret}_TOKEN",
        "SECRET_SIGNING": f"{secret}_SIGNING",
        "SECRET_PASSWORD": f"{secret}_PASSWORD",
    }
    proving = (files("hub.cli") / "templates" / "proving.md.tmpl").read_text("utf-8")
    return {**values, "proving": _Marks(proving).substitute(values).strip()}


def _templates(folder: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, f"{above}{entry.name}/")
        elif entry.name.endswith(".tmpl"):
            yield f"{above}{entry.name.removesuffix('.tmpl')}", entry.read_text("utf-8")


def _target(path: str, package: str) -> str:
    if path == "gitignore":
        return ".gitignore"
    return f"{package}/{path.removeprefix('package/')}" if path.startswith("package/") else path
