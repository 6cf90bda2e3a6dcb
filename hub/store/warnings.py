"""Warnings: issued once a signal, dispatched once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, exists, func, select
from sqlalchemy.dialects.postgresql import insert

from hub.errors import Code, NotFound
from hub.model.codes import Level, WarningState
from hub.model.warning import WarningView
from hub.store.tables import signal, warning


def issue(connection: Connection, issued: WarningView) -> WarningView:
    """Writes a warning; where its signal has one already, that one stands and is given back."""
    connection.execute(
        insert(warning)
        .values(**issued.model_dump(mode="python"))
        .on_conflict_do_nothing(index_elements=[warning.c.signal_id])
    )
    stands = of_signal(connection, issued.signal_id)
    if stands is None:
        raise LookupError("a warning that was just written must be there")
    return stands


def of_signal(connection: Connection, signal_id: str) -> WarningView | None:
    """The warning that was issued for a signal, or None."""
    row = connection.execute(select(warning).where(warning.c.signal_id == signal_id)).one_or_none()
    return _view(row) if row is not None else None


def find(connection: Connection, warning_no: str) -> WarningView:
    """The warning of that number.

    Raises:
        NotFound: There is none.
    """
    row = connection.execute(select(warning).where(warning.c.warning_no == warning_no)).one_or_none()
    if row is None:
        raise NotFound(
            f"warning {warning_no!r}: not found (expected a number from `hub warning list`); check the number",
            code=Code.NOT_FOUND,
        )
    return _view(row)


def raise_level(connection: Connection, signal_id: str, level: Level) -> WarningView | None:
    """Lifts the level of a signal's standing warning; the warning when it rose, else None.

    What was told as a reminder, and rests on no demand, has no order yet: it waits for dispatch again, as the card that it is now.
    """
    was_told = and_(
        warning.c.level == Level.NOTICE,
        exists().where(signal.c.signal_id == signal_id, func.cardinality(signal.c.demand_ids) == 0),
    )
    row = connection.execute(
        warning.update()
        .where(
            warning.c.signal_id == signal_id,
            warning.c.level < level,
            warning.c.state == WarningState.ISSUED,
        )
        .values(level=level, dispatched_at=case((was_told, None), else_=warning.c.dispatched_at))
        .returning(*warning.columns)
    ).one_or_none()
    return _view(row) if row is not None else None


def next_undispatched(connection: Connection, skip: Collection[str]) -> WarningView | None:
    """The oldest issued warning that waits for dispatch, locked; those that others hold are passed over."""
    row = connection.execute(
        select(warning)
        .where(
            warning.c.dispatched_at.is_(None),
            warning.c.state == WarningState.ISSUED,
            warning.c.warning_id.not_in(list(skip)),
        )
        .order_by(warning.c.warning_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    return _view(row) if row is not None else None


def dispatched(connection: Connection, warning_id: str, now: datetime) -> None:
    """Notes that a warning needs no further dispatch."""
    connection.execute(warning.update().where(warning.c.warning_id == warning_id).values(dispatched_at=now))


def revoke(connection: Connection, warning_id: str) -> None:
    """Takes back a warning that has nothing left to say."""
    connection.execute(
        warning.update().where(warning.c.warning_id == warning_id).values(state=WarningState.REVOKED.value)
    )


def _view(row: Any) -> WarningView:
    return WarningView.model_validate(dict(row._mapping))
