"""Runs of the pipeline's steps, and the streams whose positions they move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, null, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import DBAPIError

from hub.model.codes import RunState
from hub.model.report import Counts, Problem
from hub.store.engine import Store
from hub.store.tables import run, stream_state

STREAM_LOCK_SPACE = 0x5753  # first key of the two-key advisory lock; the second is the stream's id


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A stream of a configured channel and where it stands."""

    stream_id: int
    position: Any | None


def open_stream(connection: Connection, instance: str, stream: str, channel: str) -> StreamRow:
    """The stream's row, made at its first run."""
    wanted = select(stream_state.c.stream_id, stream_state.c.position).where(
        stream_state.c.instance == instance, stream_state.c.stream == stream
    )
    row = connection.execute(wanted).one_or_none()
    if row is None:  # asked first: an insert that meets a conflict uses up a number all the same
        connection.execute(
            insert(stream_state)
            .values(instance=instance, stream=stream, channel=channel)
            .on_conflict_do_nothing()
        )
        row = connection.execute(wanted).one()
    return StreamRow(row.stream_id, row.position)


@contextmanager
def alone_on(store: Store, stream_id: int) -> Iterator[bool]:
    """Whether this process is the only one that collects the stream, for as long as the block lasts.

    The lock belongs to a session of the database: it ends with the process, however that ends.
    """
    with store.connect() as session:
        got = session.execute(
            text("SELECT pg_try_advisory_lock(:space, :stream)"),
            {"space": STREAM_LOCK_SPACE, "stream": stream_id},
        ).scalar_one()
        try:
            yield bool(got)
        finally:
            if got and not session.invalidated:
                try:
                    session.execute(
                        text("SELECT pg_advisory_unlock(:space, :stream)"),
                        {"space": STREAM_LOCK_SPACE, "stream": stream_id},
                    )
                except DBAPIError:
                    # The session has gone, and the lock with it; what the block did stands (its pages were fenced).
                    session.invalidate()


def start_run(
    connection: Connection,
    step: str,
    now: datetime,
    *,
    instance: str | None = None,
    stream: str | None = None,
    stream_id: int | None = None,
    position: Any | None = None,
    plugin_version: str | None = None,
) -> int:
    """Opens a run; with ``stream_id`` it takes the stream over, and the run that owned it is marked abandoned if it never ended."""
    if stream_id is not None:
        # The stream's row before any run's, as in every other step: the reverse order would deadlock with one of them.
        owner = connection.execute(
            select(stream_state.c.owner_run).where(stream_state.c.stream_id == stream_id).with_for_update()
        ).scalar_one()
        connection.execute(
            run.update()
            .where(run.c.run_id == owner, run.c.state == RunState.RUNNING)
            .values(state=RunState.ABANDONED, finished_at=now)
        )
    run_id: int = connection.execute(
        run.insert()
        .values(
            step=step,
            instance=instance,
            stream=stream,
            state=RunState.RUNNING,
            started_at=now,
            heartbeat_at=now,
            position_before=position,
            plugin_version=plugin_version,
        )
        .returning(run.c.run_id)
    ).scalar_one()
    if stream_id is not None:
        connection.execute(
            stream_state.update().where(stream_state.c.stream_id == stream_id).values(owner_run=run_id)
        )
    return run_id


_PROGRESS = text(
    "UPDATE run SET heartbeat_at = :now, pages = pages + :pages, collected = collected + :collected, stored = stored + :stored, "
    "duplicate = duplicate + :duplicate, quarantined = quarantined + :quarantined, pending = pending + :pending WHERE run_id = :run_id"
)


def add_progress(
    connection: Connection, run_id: int, now: datetime, counts: Counts, *, pages: int = 1
) -> None:
    """Adds a page's counts to its run, in the page's transaction."""
    connection.execute(_PROGRESS, {"run_id": run_id, "now": now, "pages": pages, **counts.model_dump()})


def move_outcome(connection: Connection, run_id: int, frm: str, to: str, count: int) -> None:
    """Moves that many records of a collecting run from one outcome to another (normalized later, replayed)."""
    allowed = {"stored", "duplicate", "quarantined", "pending"}
    if frm not in allowed or to not in allowed:
        raise ValueError(f"outcomes are {sorted(allowed)}, not {frm!r} and {to!r}")
    if frm != to and count:
        connection.execute(
            text(f"UPDATE run SET {frm} = {frm} - :n, {to} = {to} + :n WHERE run_id = :run_id"),
            {"n": count, "run_id": run_id},
        )


def move_position(connection: Connection, stream_id: int, position: Any | None, now: datetime) -> None:
    """Moves a stream's position, in the transaction of the page that reached it; None: back to the beginning."""
    connection.execute(
        stream_state.update()
        .where(stream_state.c.stream_id == stream_id)
        .values(position=null() if position is None else position, updated_at=now)
    )


def finish_run(
    connection: Connection,
    run_id: int,
    now: datetime,
    state: RunState,
    *,
    counts: dict[str, int] | None = None,
    problems: Sequence[Problem] = (),
    position: Any | None = None,
) -> None:
    """Closes a run with what it counted and what went wrong; a run that was taken over stays abandoned."""
    statement = (
        run.update()
        .where(run.c.run_id == run_id, run.c.state == RunState.RUNNING)
        .values(
            state=state,
            finished_at=now,
            heartbeat_at=now,
            counts=counts or {},
            problems=bindparam("problems_json", [problem.model_dump() for problem in problems], type_=JSONB),
            position_after=position,
        )
    )
    connection.execute(statement)


def records_of(connection: Connection, run_id: int) -> Counts:
    """The four outcomes of a collecting run, as they stand now."""
    row = connection.execute(
        select(run.c.collected, run.c.stored, run.c.duplicate, run.c.quarantined, run.c.pending).where(
            run.c.run_id == run_id
        )
    ).one()
    return Counts(**row._mapping)


def totals_by_instance(connection: Connection, since_run: int = 0) -> dict[str, Counts]:
    """The four outcomes of each instance over all runs after ``since_run`` that brought records, collected or pushed."""
    rows = connection.execute(
        text(
            "SELECT instance, sum(collected)::bigint collected, sum(stored)::bigint stored, sum(duplicate)::bigint duplicate, "
            "sum(quarantined)::bigint quarantined, sum(pending)::bigint pending FROM run "
            "WHERE step IN ('collect', 'receive') AND run_id > :since GROUP BY instance ORDER BY instance"
        ),
        {"since": since_run},
    )
    return {
        row.instance: Counts(**{name: getattr(row, name) for name in Counts.model_fields}) for row in rows
    }


def list_runs(
    connection: Connection, *, limit: int = 20, instance: str | None = None, step: str | None = None
) -> list[dict[str, Any]]:
    """The latest runs, newest first."""
    statement = select(run).order_by(run.c.run_id.desc()).limit(limit)
    if instance is not None:
        statement = statement.where(run.c.instance == instance)
    if step is not None:
        statement = statement.where(run.c.step == step)
    return [dict(row._mapping) for row in connection.execute(statement)]


def find_run(connection: Connection, run_id: int) -> dict[str, Any] | None:
    """One run, or None."""
    row = connection.execute(select(run).where(run.c.run_id == run_id)).one_or_none()
    return dict(row._mapping) if row else None
