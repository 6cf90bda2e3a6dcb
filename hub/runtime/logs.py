"""Logging: structured lines on stderr, with nothing personal in them; structlog is imported with the first line that is written."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

_wanted: tuple[str, str] | None = None


def configure(level: str = "info", form: str = "auto") -> None:
    """Sets the process's logging: JSON lines, or short text where a person watches (``auto``: by whether stderr is a terminal).

    Not called, whatever the process has set for structlog stands, as under Airflow.
    """
    global _wanted
    _wanted = (level, form)
    # Libraries that log requests at info or debug would write URLs with query values.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def get(name: str, **fields: object) -> Any:
    """A logger bound to these fields."""
    return _Logger(name, fields)


class _Logger:
    """Stands for structlog's logger until something is logged: importing it costs more than most commands have to say."""

    def __init__(self, name: str, fields: dict[str, object]) -> None:
        self._name = name
        self._fields = fields

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):  # asked by copying and pickling, before there are fields
            raise AttributeError(method)
        import structlog

        _apply()
        return getattr(structlog.get_logger(part=self._name, **self._fields), method)


def _apply() -> None:
    global _wanted
    wanted = _wanted  # read once: another thread may have applied it meanwhile
    if wanted is None:
        return
    import structlog

    level, form = wanted
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer(colors=_coloured())
        if as_text
        else structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    _wanted = None


def _coloured() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
