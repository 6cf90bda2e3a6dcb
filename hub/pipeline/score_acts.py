"""What every act about scores shares: one at a time, a line in the audit log, a month that is not frozen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from hub.errors import Code, NotFound, StateConflict
from hub.model.score import month_span
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.revoke import AuditLine, write_all
from hub.pipeline.score_month import Directory
from hub.store import score_facts, scores
from hub.store.engine import Connection


@contextmanager
def acting(deps: PipelineDeps) -> Iterator[tuple[Connection, datetime]]:
    """One act at a time over all processes."""
    with deps.store.begin() as connection:
        scores.alone(connection)
        yield connection, deps.clock.now()


def log(
    deps: PipelineDeps, connection: Connection, now: datetime, by: str, action: str, subject: str, why: str | None, detail: dict[str, Any]
) -> None:  # fmt: skip
    write_all(deps, connection, now, [AuditLine(by, action, subject, why, detail)])


def known_code(directory: Directory, organisation: str) -> str:
    """The code of an organisation that is configured, by whatever it is called."""
    code = directory.codes.get(organisation)
    if code is None:
        raise NotFound(
            f"organisation {organisation!r}: not found or no longer in use (expected one of "
            f"{', '.join(sorted(directory.organisations)) or 'none'}); check the code",
            code=Code.NOT_FOUND,
        )
    return code


def is_frozen(month: str) -> StateConflict:
    """What an act is told that a frozen month refuses."""
    return StateConflict(
        f"month {month}: it is frozen (expected one that is not); make it good in a later month: `hub score adjust MONTH … --corrects {month}`",
        code=Code.STATE_CONFLICT,
    )


def not_frozen(connection: Connection, month: str) -> None:
    """Refuses a frozen month."""
    if scores.frozen(connection, [month]):
        raise is_frozen(month)


def verdict_ids_of(connection: Connection, month: str) -> dict[tuple[str, str], int]:
    """(signal, warning) -> the verdict that counts."""
    return {
        (one.breach.signal_id, one.breach.warning_no): one.verdict_id
        for one in score_facts.judged(connection, *month_span(month))
    }
