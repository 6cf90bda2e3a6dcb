"""YAML read so that every value remembers its line, and so that nothing is taken for something that it was not written as.

Keys are the text that was written (``01``, ``1.0`` and ``yes`` stay apart as codes), a date stays text, a key that stands twice is an error, and
neither anchors nor tags are followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from hub.errors import Code, ConfigError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_BYTES = 256 * 1024
_DEEPEST = 20
_PLAIN = "tag:yaml.org,2002:"


class Lined:
    """A document and where each part of it stands.

    Attributes:
        value: Of dicts, lists, texts, numbers, booleans and None.
        name: Of the file, for messages.
    """

    def __init__(self, text: str | bytes, name: str) -> None:
        self.name = name
        size = len(text)
        if size > MOST_BYTES:
            raise self.fault(None, f"{size} bytes (expected at most {MOST_BYTES})")
        try:
            root = yaml.compose(text, Loader=_LOADER)
        except (yaml.YAMLError, UnicodeDecodeError) as exc:
            mark = getattr(exc, "problem_mark", None)
            raise self.fault(mark.line + 1 if mark else None, "it cannot be read as YAML") from None
        self._lines: dict[tuple[str | int, ...], int] = {}
        self._nodes: set[int] = set()
        self.value: Any = None if root is None else self._read(root, ())

    def line(self, path: Sequence[str | int]) -> int | None:
        """Where the part at that path stands, or the nearest part around it; steps that no part bears are passed over."""
        at: tuple[str | int, ...] = ()
        for step in path:
            if (*at, step) in self._lines:
                at = (*at, step)
        return self._lines.get(at)

    def known(self, path: Sequence[str | int]) -> str:
        """The path in words, without steps that are not in the document (but for the last)."""
        at: tuple[str | int, ...] = ()
        for place, step in enumerate(path):
            if (*at, step) in self._lines or place == len(path) - 1:
                at = (*at, step)
        return ".".join(str(step) for step in at)

    def fault(self, line: int | None, found: str) -> ConfigError:
        """The error for one line, or for the file."""
        where = f"{self.name}, line {line}" if line is not None else self.name
        return ConfigError(
            f"{where}: {found}; correct it there, `hub plugin test {self.name}` proves it",
            code=Code.CONFIG_INVALID,
        )

    def _read(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:
        line = node.start_mark.line + 1
        if id(node) in self._nodes:
            raise self.fault(line, "an alias (expected the value itself: anchors are not followed)")
        if len(path) > _DEEPEST:
            raise self.fault(line, f"nested deeper than {_DEEPEST}")
        self._nodes.add(id(node))
        self._lines[path] = line
        if isinstance(node, yaml.MappingNode):
            return dict(self._members(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self._read(one, (*path, place)) for place, one in enumerate(node.value)]
        return self._scalar(node, line)

    def _members(self, node: yaml.MappingNode, path: tuple[str | int, ...]) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                raise self.fault(line, "a name that is no text (expected such as `fields:`)")
            if key.value in seen:
                raise self.fault(line, f"{'.'.join(map(str, (*path, key.value)))} stands twice")
            seen.add(key.value)
            read = self._read(value, (*path, key.value))
            self._lines[(*path, key.value)] = line  # where the name stands, not where a block below it begins
            yield key.value, read

    def _scalar(self, node: yaml.Node, line: int) -> Any:
        kind = node.tag.removeprefix(_PLAIN)
        text: str = node.value
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in ("true", "yes", "on")
        if kind in ("int", "float"):
            try:
                return int(text) if kind == "int" else float(text)
            except ValueError:
                return text  # 0x1F, 1_000 and 12:30:00 are numbers for YAML alone
        if kind in ("str", "timestamp", "merge", "value"):
            return text
        raise self.fault(line, f"a value with the tag {node.tag[:40]!r} (expected none)")
