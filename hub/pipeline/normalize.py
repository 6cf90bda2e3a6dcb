"""Normalize: reads what was landed but not yet read (deferred channels, replayed quarantine) into demands.

A stream's records are read in the order in which they came, one work row a transaction, by one process at a time; other
streams go on beside it. A record that cannot be used is set aside and stops no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.errors import Code, HubError, RecordRejected, StoreError
from hub.model.codes import Outcome
from hub.model.report import Counts, Problem, Report
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.intake import Origin
from hub.pipeline.landing import Landed, Lander
from hub.sdk.channel import RawRecord
from hub.store import landing, runs, work
from hub.store.engine import Connection


def run(deps: CollectDeps, sources: Mapping[str, Source], *, max_rows: int | None = None) -> Report:
    """Normalizes all that waits.

    Args:
        deps: As for collecting.
        sources: Ready channels by instance; what waits for an instance that is not among them stays and is reported.
        max_rows: At most so many work rows (each up to a page); None for all.
    """
    counts = Counts()
    problems: list[Problem] = []
    skipped: set[int] = set()
    rows = 0
    while max_rows is None or rows < max_rows:
        try:
            done = _one(deps, sources, skipped)
        except _NoChannel as exc:
            skipped.add(exc.stream_id)
            problems.append(Problem(where=exc.where, code=str(Code.PLUGIN_BROKEN), message=exc.message))
            continue
        if done is None:
            break
        counts += done
        rows += 1
    return Report(step="normalize", records=counts, counts={"work_rows": rows}, problems=tuple(problems))


class _NoChannel(Exception):
    def __init__(self, stream_id: int, where: str, message: str) -> None:
        super().__init__(message)
        self.stream_id, self.where, self.message = stream_id, where, message


def _one(
    deps: CollectDeps, sources: Mapping[str, Source], skipped: set[int], refuse: frozenset[int] = frozenset()
) -> Counts | None:
    """One work row in one transaction; None when nothing waits. ``refuse``: raw ids that the database cannot store."""
    now = deps.clock.now()
    job: work.NormalizeWork | None = None
    try:
        with deps.store.begin() as connection:
            landing.prepare_stages(connection)
            job = work.next_normalize(connection, now, skipped)
            if job is None:
                return None
            source = sources.get(job.instance)
            if source is None:
                raise _NoChannel(
                    job.stream_id,
                    f"{job.instance}/{job.stream}",
                    f"{len(job.raw_ids)} records of {job.instance}/{job.stream} wait, but no channel of that name is ready; "
                    "configure it again or mend its plugin (`hub plugin list`), then run `hub serve` or the step again",
                )
            stored = work.raws(connection, job.raw_ids)
            counts = _Waiting(deps, source, job, now).settle(connection, stored, refuse)
            work.done_normalize(connection, job.work_id)
            return counts
    except StoreError as exc:
        if exc.code is not Code.VALUE_UNSTORABLE or job is None:
            raise
        return _alone(deps, sources, skipped, job, refuse)


def _alone(
    deps: CollectDeps,
    sources: Mapping[str, Source],
    skipped: set[int],
    job: work.NormalizeWork,
    refuse: frozenset[int],
) -> Counts | None:
    """Cuts the work row in two, so that a record with a value that cannot be stored ends up alone and is set aside."""
    if len(job.raw_ids) == 1:
        return _one(deps, sources, skipped, refuse | frozenset(job.raw_ids))
    with deps.store.begin() as connection:
        work.split_normalize(connection, job)
    return Counts()


class _Waiting:
    """Settles the raw records of one work row."""

    def __init__(self, deps: CollectDeps, source: Source, job: work.NormalizeWork, now: datetime) -> None:
        channel = type(source.channel)
        origin = Origin(job.stream_id, source.instance, channel.name, channel.watch)
        self.deps, self.now, self.job = deps, now, job
        self.lander = Lander(
            source.channel, origin, deps.intake, deps.numbers, run_id=0, plugin_version=source.plugin_version
        )

    def settle(self, connection: Connection, stored: list[work.StoredRaw], refuse: frozenset[int]) -> Counts:
        """Reads the records in order; a key that comes twice is written twice, so that history keeps both."""
        total = Counts()
        part: list[work.StoredRaw] = []
        for raw in stored:
            if raw.outcome != Outcome.PENDING:
                continue  # settled before: a work row that names it again changes nothing
            if any(raw.source_no == other.source_no for other in part):
                total += self._part(connection, part, refuse)
                part = []
            part.append(raw)
        return total + self._part(connection, part, refuse) if part else total

    def _part(self, connection: Connection, stored: list[work.StoredRaw], refuse: frozenset[int]) -> Counts:
        landed = [self._landed(raw) for raw in stored]
        readable = [one for one in landed if one.raw_id not in refuse and one.rejected is None]
        for one in landed:
            if one.raw_id in refuse:
                one.rejected, one.outcome = _unstorable(), Outcome.QUARANTINED
        self.lander.normalize(readable)
        self._name(connection, [one for one in landed if one.demands])
        keys = [one.key for one in landed]
        known = landing.known(connection, self.job.stream_id, keys)
        standing = work.demand_raw_ids(
            connection, [demand_id for stands in known.values() for demand_id in stands.demand_ids]
        )
        for one in landed:
            one.known = known.get(one.key)
            newest = max(
                (standing.get(demand_id, 0) for demand_id in (one.known.demand_ids if one.known else ())),
                default=0,
            )
            if one.outcome is Outcome.STORED and newest > one.raw_id:
                one.outcome = (
                    Outcome.DUPLICATE
                )  # something newer was read from a later record in the meantime
                one.demands = ()
        self._write(connection, [one for one in landed if one.outcome is Outcome.STORED])
        self._account(connection, stored, landed)
        return Counts(
            collected=len(landed),
            stored=sum(one.outcome is Outcome.STORED for one in landed),
            duplicate=sum(one.outcome is Outcome.DUPLICATE for one in landed),
            quarantined=sum(one.outcome is Outcome.QUARANTINED for one in landed),
        )

    def _landed(self, raw: work.StoredRaw) -> Landed:
        try:
            body = self.deps.intake.open_raw(raw.sealed, raw.raw_id)
        except HubError as exc:
            record = RawRecord(
                raw.source_no, b"", raw.version, media_type=raw.media_type, deleted=raw.deleted
            )
            rejected = RecordRejected(exc.message, code=exc.code)
            return Landed(
                record,
                raw.source_no,
                raw.content_hash,
                Outcome.QUARANTINED,
                raw_id=raw.raw_id,
                rejected=rejected,
            )
        record = RawRecord(raw.source_no, body, raw.version, media_type=raw.media_type, deleted=raw.deleted)
        return Landed(record, raw.source_no, raw.content_hash, Outcome.STORED, raw_id=raw.raw_id)

    def _name(self, connection: Connection, landed: list[Landed]) -> None:
        """Gives records that had no readable key the number that their demand now names."""
        unnamed = [one for one in landed if one.key.startswith("sha256:")]
        if not unnamed:
            return
        known = landing.known(connection, self.job.stream_id, [one.demands[0].source_no for one in unnamed])
        for one in unnamed:
            key = one.demands[0].source_no
            stands = known.get(key)
            if stands is None:
                one.key = key
                landing.upsert_identities(connection, [self.lander.identity_row(one, self.now)])
            elif stands.version is not None and (one.raw.version or "") < stands.version:
                one.outcome, one.demands = Outcome.DUPLICATE, ()
            else:
                one.key, one.known = key, stands
                landing.upsert_identities(connection, [self.lander.identity_row(one, self.now)])

    def _write(self, connection: Connection, landed: list[Landed]) -> None:
        self.lander.put_demands(
            connection, [one for one in landed if one.demands], self.now, by=f"normalize {self.job.work_id}"
        )
        surplus = [
            demand_id
            for one in landed
            if one.known is not None
            for demand_id in one.known.demand_ids[len(one.demands) :]
        ]
        if surplus:
            landing.mark_deleted(connection, surplus, self.now, by=f"normalize {self.job.work_id}")
        for one in landed:
            if one.demand_ids and (one.known is None or one.known.demand_ids != one.demand_ids):
                work.link_demands(connection, self.job.stream_id, one.key, one.demand_ids)
        demand_ids = [demand_id for one in landed for demand_id in one.demand_ids]
        if demand_ids:
            landing.push_evaluate_work(connection, demand_ids, self.now)

    def _account(self, connection: Connection, stored: list[work.StoredRaw], landed: list[Landed]) -> None:
        """Writes each record's outcome, moves its run's counts, and sets aside what could not be used."""
        work.settle_raws(
            connection,
            [
                (raw.raw_id, raw.received_at, one.outcome.value)
                for raw, one in zip(stored, landed, strict=True)
            ],
        )
        moved: dict[tuple[int, str], int] = {}
        aside: list[dict[str, Any]] = []
        for raw, one in zip(stored, landed, strict=True):
            moved[raw.run_id, one.outcome.value] = moved.get((raw.run_id, one.outcome.value), 0) + 1
            if one.outcome is Outcome.QUARANTINED:
                row = self.lander.quarantine_row(one, self.now)
                aside.append({**row, "run_id": raw.run_id, "raw_received_at": raw.received_at})
        for (run_id, outcome), count in sorted(moved.items()):
            runs.move_outcome(connection, run_id, "pending", outcome, count)
        if aside:
            landing.set_aside(connection, aside)


def _unstorable() -> RecordRejected:
    return RecordRejected(
        "a value of this record cannot be stored as it is (a NUL character, or a number out of range); the record is kept; "
        "look at it with `hub quarantine show` and mend the channel's mapping",
        code=Code.VALUE_UNSTORABLE,
    )
