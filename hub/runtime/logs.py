"""Logging: structured lines on stderr, with nothing personal in them."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def configure(level: str = "info", form: str = "auto") -> None:
    """Sets the process's logging: JSON lines, or short text where a person watches (``auto``: by whether stderr is a terminal)."""
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries that log requests at info or debug would write URLs with query values.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def get(name: str, **fields: object) -> Any:
    """A logger bound to these fields."""
    return structlog.get_logger(part=name, **fields)
