"""Secrets by name: plugins first, then ``HUB_SECRET_<NAME>``, then a file in the secrets folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from hub.errors import Code, ConfigError


class Secrets:
    """Finds secrets; nothing is kept, so that a changed secret is used at the next call."""

    def __init__(
        self,
        folder: Path | None,
        provide: Callable[[str], str | None],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder.expanduser() if folder is not None else None
        self._provide = provide
        self._environ = os.environ if environ is None else environ

    def get(self, name: str) -> str:
        """The secret of that name.

        Raises:
            ConfigError: Nobody has it, or its file cannot be read (code ``secret_missing``), with every place that was looked at.
        """
        value = self._find(name)
        if value is None:
            file = f", file {self._folder / name}" if self._folder is not None else "; secrets_dir is not set"
            raise ConfigError(
                f"secret {name!r} is nowhere to be found (looked at: plugins, variable {_variable(name)}{file}); set one of them",
                code=Code.SECRET_MISSING,
            )
        return value

    def _find(self, name: str) -> str | None:
        provided = self._provide(name)
        if provided is not None:
            return provided
        variable = _variable(name)
        if self._environ.get(variable):
            return self._environ[variable]
        if self._folder is not None and "/" not in name and not name.startswith("."):
            file = self._folder / name
            try:
                if file.is_file():
                    return file.read_text(encoding="utf-8").rstrip("\n")
            except (OSError, UnicodeDecodeError) as exc:
                why = exc.strerror if isinstance(exc, OSError) else "it is no text"
                raise ConfigError(
                    f"secret {name!r}: {file} cannot be read ({why}; expected a file that the hub's user may read); give it to that user, "
                    "or set another of the places where it may stand",
                    code=Code.SECRET_MISSING,
                ) from None
        return None


def _variable(name: str) -> str:
    return "HUB_SECRET_" + "".join(char if char.isalnum() else "_" for char in name).upper()
