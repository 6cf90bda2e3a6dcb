"""Warnings: each cites one signal or several, a signal stands in one at most; dispatched once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, exists, func, select, text

from hub.errors import Code, NotFound
from hub.model.codes import Level, Trait, TriageManner, WarningStage, WarningState
from hub.model.warning import WarningView
from hub.store.signals import SYSTEM
from hub.store.tables import signal, warning
from hub.store.triage import join, warning_signal

# What it is about is told by the case or demand that it rests on first. Whom, nobody knows before it was sent to somebody: a source's
# own word for an organisation and its code would count as two.
_ABOUT = """
UPDATE warning w SET item_code = coalesce(c.item_code, d.item_code), window_no = c.window_no, post = c.post
FROM signal s LEFT JOIN service_case c ON c.case_id = substr(s.observed[1], 6) AND s.observed[1] LIKE 'case:%'
    LEFT JOIN demand d ON d.demand_id = s.demand_ids[1]
WHERE w.warning_id = :id AND s.signal_id = w.signal_id
"""


def issue(connection: Connection, issued: WarningView, signal_ids: Sequence[str]) -> None:
    """Writes a warning that cites these signals; the caller holds them locked and has seen that no standing warning has them."""
    connection.execute(
        warning.insert().values(**{**issued.model_dump(mode="python"), "traits": list(issued.traits)})
    )
    join(connection, issued.warning_id, signal_ids)
    connection.execute(text(_ABOUT), {"id": issued.warning_id})


def of_signal(connection: Connection, signal_id: str) -> WarningView | None:
    """The warning that cites a signal, be it revoked, or None."""
    row = connection.execute(
        select(warning)
        .join(warning_signal, warning_signal.c.warning_id == warning.c.warning_id)
        .where(warning_signal.c.signal_id == signal_id)
    ).one_or_none()
    return _view(row) if row is not None else None


def not_revoked(connection: Connection, signal_ids: Sequence[str]) -> list[WarningView]:
    """The warnings that cite any of these signals and were not revoked, the oldest first; locked until the transaction ends."""
    cited = select(warning_signal.c.warning_id).where(warning_signal.c.signal_id.in_(list(signal_ids)))
    rows = connection.execute(
        select(warning)
        .where(warning.c.warning_id.in_(cited), warning.c.state != WarningState.REVOKED)
        .order_by(warning.c.warning_no)
        .with_for_update()
    )
    return [_view(row) for row in rows]


def lapsed(connection: Connection) -> list[str]:
    """Numbers of the warnings of which nothing holds any more, the oldest first: every signal that they cite has lapsed.

    Those alone that a rule issued, and that no person has taken up: what people decided stands until people take it back.
    """
    rows = connection.execute(
        text(
            "SELECT DISTINCT w.warning_no FROM signal s JOIN warning_signal m USING (signal_id) JOIN warning w ON w.warning_id = m.warning_id "
            "WHERE s.lapsed_at IS NOT NULL AND s.state = 'warned' AND w.state = 'issued' AND w.issued_by = :system AND w.stage = 'warned' "
            "AND NOT EXISTS (SELECT 1 FROM warning_signal o JOIN signal x USING (signal_id) WHERE o.warning_id = w.warning_id "
            "AND x.lapsed_at IS NULL) ORDER BY w.warning_no"
        ),
        {"system": SYSTEM},
    )
    return list(rows.scalars())


def get(connection: Connection, warning_id: str, *, lock: bool = False) -> WarningView | None:
    """The warning of that id, or None; with ``lock`` nobody else changes it until the transaction ends."""
    statement = select(warning).where(warning.c.warning_id == warning_id)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return _view(row) if row is not None else None


def find(connection: Connection, warning_no: str, *, lock: bool = False) -> WarningView:
    """The warning of that number; with ``lock`` nobody else changes it until the transaction ends.

    Raises:
        NotFound: There is none.
    """
    statement = select(warning).where(warning.c.warning_no == warning_no)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    if row is None:
        raise NotFound(
            f"warning {warning_no!r}: not found (expected a number from `hub warning list`); check the number",
            code=Code.NOT_FOUND,
        )
    return _view(row)


def raise_level(connection: Connection, signal_id: str, level: Level) -> WarningView | None:
    """Lifts the level of the standing warning that cites a signal; the warning when it rose, else None.

    What was told as a reminder, and rests on no demand, has no order yet: it waits for dispatch again, as the card that it is now.
    """
    was_told = and_(
        warning.c.level == Level.NOTICE,
        exists().where(signal.c.signal_id == signal_id, func.cardinality(signal.c.demand_ids) == 0),
    )
    row = connection.execute(
        warning.update()
        .where(
            warning.c.warning_id == warning_signal.c.warning_id,
            warning_signal.c.signal_id == signal_id,
            warning.c.level < level,
            warning.c.state == WarningState.ISSUED,
        )
        .values(level=level, dispatched_at=case((was_told, None), else_=warning.c.dispatched_at))
        .returning(*warning.columns)
    ).one_or_none()
    return _view(row) if row is not None else None


def next_undispatched(connection: Connection, skip: Collection[str]) -> WarningView | None:
    """The gravest issued warning that waits for dispatch, the oldest of these, locked; those that others hold are passed over."""
    row = connection.execute(
        select(warning)
        .where(
            warning.c.dispatched_at.is_(None),
            warning.c.state == WarningState.ISSUED,
            warning.c.warning_id.not_in(list(skip)),
        )
        .order_by(warning.c.level.desc(), warning.c.warning_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    return _view(row) if row is not None else None


def dispatched(connection: Connection, warning_id: str, now: datetime) -> None:
    """Notes that a warning needs no further dispatch."""
    connection.execute(warning.update().where(warning.c.warning_id == warning_id).values(dispatched_at=now))


def acted_on_by(connection: Connection, warning_id: str, organisation: str) -> None:
    """Notes whom a warning was sent to: rules that count warnings by organisation go by that."""
    connection.execute(
        warning.update().where(warning.c.warning_id == warning_id).values(organisation=organisation)
    )


def revoke(connection: Connection, warning_id: str, now: datetime, *, by: str, why: str) -> None:
    """Takes a warning back; its dispatch is done with."""
    connection.execute(
        warning.update()
        .where(warning.c.warning_id == warning_id)
        .values(
            state=WarningState.REVOKED.value,
            revoked_at=now,
            revoked_by=by,
            revoked_why=why,
            dispatched_at=func.coalesce(warning.c.dispatched_at, now),
        )
    )


def enlarge(
    connection: Connection, warning_id: str, level: Level, traits: Collection[Trait], manner: TriageManner
) -> None:
    """Writes what a warning has become by the signals that joined it."""
    connection.execute(
        warning.update()
        .where(warning.c.warning_id == warning_id)
        .values(level=level, traits=sorted(traits), manner=manner.value)
    )


def advance(connection: Connection, warning_id: str, stage: WarningStage) -> None:
    """Writes how far a warning has come."""
    connection.execute(warning.update().where(warning.c.warning_id == warning_id).values(stage=stage.value))


def _view(row: Any) -> WarningView:
    return WarningView.model_validate(dict(row._mapping))
