"""The one place where an error becomes a message and an exit code.

0 done, 1 problems found, 2 usage, 3 the remote refused, 4 configuration; 130 after Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import textwrap
import traceback
from pathlib import Path
from types import TracebackType

from hub.errors import (
    Code,
    ConfigError,
    DeliveryDeferred,
    DeliveryRefused,
    HubError,
    SourceContractError,
    SourceUnavailable,
)

DONE, PROBLEMS, USAGE, REMOTE, CONFIGURATION, INTERRUPTED = 0, 1, 2, 3, 4, 130

_REMOTE = (SourceUnavailable, SourceContractError, DeliveryDeferred, DeliveryRefused)
_REMOTE_CODES = (
    "source_",
    "page_",
    "delivery_",
    "mail_unreadable",
    "uidvalidity_changed",
    "position_invalid",
)
_CONFIGURATION_CODES = ("config_", "secret_missing", "keys_invalid", "key_unknown")


def exit_code_of(exc: HubError) -> int:
    """The exit code of an error that ended a command.

    A database without this version's schema is a matter of configuration: somebody must run `hub migrate`. One that is away is
    not: the same command may succeed later.
    """
    if isinstance(exc, _REMOTE):
        return REMOTE
    if isinstance(exc, ConfigError) or exc.code is Code.STORE_SCHEMA:
        return CONFIGURATION
    return PROBLEMS


def exit_code_of_problem(code: str) -> int:
    """The exit code for a problem that a step reports and that did not end it.

    4 where the configuration must change first, 3 where the remote side refused, else 1.
    """
    if code.startswith(_CONFIGURATION_CODES):
        return CONFIGURATION
    return REMOTE if code.startswith(_REMOTE_CODES) else PROBLEMS


def report(exc: BaseException, *, as_json: bool) -> int:
    """Says what ended a command, on stderr and under ``--json`` on stdout too; returns the exit code."""
    if isinstance(exc, HubError):
        return _say(str(exc.code), exc.message, exit_code_of(exc), as_json=as_json)
    if hasattr(exc, "format_message") and hasattr(exc, "exit_code"):  # what the command line's parser raises
        return _usage(exc, as_json=as_json)
    if os.environ.get("HUB_DEBUG") == "1":
        traceback.print_exception(exc)
    message = (
        f"unexpected {type(exc).__name__} at {_place(exc.__traceback__)}; this is a fault of the hub: report it with this line "
        "(CONTRIBUTING.md says how); HUB_DEBUG=1 shows more, which may hold personal data"
    )
    return _say(str(Code.UNEXPECTED), message, PROBLEMS, as_json=as_json)


def _usage(exc: BaseException, *, as_json: bool) -> int:
    message: str = exc.format_message().replace(": Value error, ", ": ")  # type: ignore[attr-defined]
    code: int = exc.exit_code  # type: ignore[attr-defined]
    if type(exc).__name__ == "NoArgsIsHelpError":  # its help is printed already
        return USAGE
    command = getattr(getattr(exc, "ctx", None), "command_path", "hub")
    return _say("usage", f"{message} (`{command} --help` shows what it takes)", code, as_json=as_json)


def _say(code: str, message: str, exit_code: int, *, as_json: bool) -> int:
    if as_json:
        from hub.cli.out import write_json

        write_json({"error": {"code": code, "message": message}})
    print(_wrapped(f"hub: {message} [{code}]"), file=sys.stderr)
    return exit_code


def _wrapped(message: str) -> str:
    if not sys.stderr.isatty():
        return message
    width = max(40, min(os.get_terminal_size(sys.stderr.fileno()).columns, 110))
    return textwrap.fill(
        message, width, break_long_words=False, break_on_hyphens=False, subsequent_indent="  "
    )


def _place(trace: TracebackType | None) -> str:
    """File and line of the hub's own code that stood nearest to the fault; never its values."""
    found = "an unknown place"
    for frame, line in traceback.walk_tb(trace):
        path = Path(frame.f_code.co_filename)
        if "hub" in path.parts and "site-packages" not in path.parts:
            found = f"{path.parent.name}/{path.name}:{line}"
    return found
