"""Normalize: reads what was landed but not yet read (deferred channels, replayed quarantine) into demands.

A stream's records are read in the order in which they came, one work row a transaction, by one process at a time; other
streams go on beside it. A record that cannot be used is set aside and stops no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hub.errors import Code, HubError, RecordRejected, StoreError
from hub.model.codes import Outcome
from hub.model.demand import Demand
from hub.model.observation import Observation
from hub.model.report import Counts, Problem, Report
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.intake import Origin
from hub.pipeline.landing import Landed, Lander, is_content_key, with_attachments
from hub.sdk.channel import RawAttachment, RawRecord
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
            stored = work.raws(connection, job.raw_ids, job.received_at)
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
        waiting = [
            # Settled before: a work row that names it again changes nothing.
            _Waits(raw, self._landed(raw))
            for raw in stored
            if raw.outcome == Outcome.PENDING
        ]
        for one in waiting:
            if one.raw.raw_id in refuse:
                one.landed.rejected, one.landed.outcome = _unstorable(), Outcome.QUARANTINED
        for batch in _bounded([one for one in waiting if one.landed.rejected is None]):
            self._read(connection, batch)
        total = Counts()
        for part in _without_repeats(waiting):
            total += self._part(connection, part)
        return total

    def _part(self, connection: Connection, part: list[_Waits]) -> Counts:
        landed = [one.landed for one in part]
        known = landing.known(connection, self.job.stream_id, [one.key for one in landed])
        standing = work.demand_raw_ids(
            connection, [demand_id for stands in known.values() for demand_id in stands.demand_ids]
        )
        observed = self._observed_last(connection, list(known))
        for one in part:
            one.landed.known = known.get(one.landed.key)
            if one.landed.outcome is Outcome.STORED and self._is_past(connection, one, standing, observed):
                one.landed.outcome = Outcome.DUPLICATE
                one.landed.demands, one.landed.observations = (), ()
        newly_named = [one.landed for one in part if one.is_nameless and one.landed.outcome is Outcome.STORED]
        if newly_named:
            landing.upsert_identities(
                connection, [self.lander.identity_row(one, self.now) for one in newly_named]
            )
        self._write(connection, [one for one in landed if one.outcome is Outcome.STORED])
        self._account(connection, [one.raw for one in part], landed)
        return Counts(
            collected=len(landed),
            stored=sum(one.outcome is Outcome.STORED for one in landed),
            duplicate=sum(one.outcome is Outcome.DUPLICATE for one in landed),
            quarantined=sum(one.outcome is Outcome.QUARANTINED for one in landed),
        )

    def _observed_last(self, connection: Connection, keys: list[str]) -> Mapping[str, int]:
        if not self.lander.kinds or not keys:
            return {}
        from hub.store.observed import last_raw_ids

        return last_raw_ids(connection, self.lander.kinds, self.job.stream_id, keys)

    def _is_past(
        self,
        connection: Connection,
        one: _Waits,
        standing: Mapping[str, int],
        observed: Mapping[str, int],
    ) -> bool:
        """Whether what stands under the record's key is newer than the record. Source: design §4, versions."""
        stands = one.landed.known
        if stands is None:
            return False
        if one.is_nameless:
            return _is_older(one.landed, stands)
        if any(standing.get(demand_id, 0) > one.raw.raw_id for demand_id in stands.demand_ids):
            return True  # read from a later record in the meantime
        if observed.get(one.landed.key, 0) > one.raw.raw_id:
            return True
        return (
            stands.deleted
            and stands.raw_id > one.raw.raw_id
            and not work.awaits_normalizing(connection, self.job.stream_id, stands.raw_id)
        )

    def _landed(self, raw: work.StoredRaw) -> Landed:
        record = RawRecord(raw.source_no, b"", raw.version, media_type=raw.media_type, deleted=raw.deleted)
        one = Landed(record, raw.source_no, raw.content_hash, Outcome.STORED, raw_id=raw.raw_id)
        try:
            one.raw = replace(record, body=self.deps.intake.open_raw(raw.sealed, raw.raw_id))
        except HubError as exc:
            one.rejected, one.outcome = RecordRejected(exc.message, code=exc.code), Outcome.QUARANTINED
        return one

    def _read(self, connection: Connection, batch: Sequence[_Waits]) -> None:
        """Reads these records into demands; one that had no readable key takes the number that its demand names."""
        for one in batch:
            if one.raw.sealed_files is not None:
                self._give_files_back(connection, one)
        self.lander.normalize([one.landed for one in batch if one.landed.rejected is None])
        for one in batch:
            landed = one.landed
            # Nobody needs the attachments' bytes any more: their hashes are in the demands.
            landed.demands = tuple(with_attachments(demand, landed.raw) for demand in landed.demands)
            landed.raw = replace(landed.raw, attachments=())
            if not one.is_nameless or landed.rejected is not None:
                continue
            named_by: Sequence[Demand | Observation] = (*landed.demands, *landed.observations)
            if named_by:
                landed.key = named_by[0].source_no
            else:
                landed.rejected, landed.outcome = _still_nameless(), Outcome.QUARANTINED

    def _give_files_back(self, connection: Connection, one: _Waits) -> None:
        try:
            listed = self.deps.intake.open_files(one.raw.sealed_files or b"", one.raw.raw_id)
            kept = work.attachments(connection, [digest for digest, *_ in listed])
            unseal = self.deps.intake.sealer.unseal
            one.landed.raw = replace(
                one.landed.raw,
                attachments=tuple(
                    RawAttachment(name, media_type, unseal(kept[digest], table="attachment", row_id=digest))
                    for digest, name, media_type, _ in listed
                ),
            )
        except HubError as exc:
            rejected = RecordRejected(exc.message, code=exc.code)
        except KeyError as exc:
            rejected = RecordRejected(
                f"an attachment of this record (SHA-256 {exc.args[0]}) is no longer kept (expected its bytes beside the record's); "
                "restore it from a backup, or let the source send the record again",
                code=Code.RECORD_UNREADABLE,
            )
        else:
            return
        one.landed.rejected, one.landed.outcome = rejected, Outcome.QUARANTINED

    def _write(self, connection: Connection, landed: list[Landed]) -> None:
        self.lander.put_demands(
            connection, [one for one in landed if one.demands], self.now, by=f"normalize {self.job.work_id}"
        )
        surplus = {
            demand_id: one.raw_id
            for one in landed
            if one.known is not None
            for demand_id in one.known.demand_ids[len(one.demands) :]
        }
        if surplus:
            landing.mark_deleted(connection, surplus, self.now, by=f"normalize {self.job.work_id}")
        self.lander.put_observations(connection, landed, self.now, by=f"normalize {self.job.work_id}")
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
            landing.set_aside_again(connection, aside)


@dataclass(slots=True)
class _Waits:
    """A raw record that waits, and what becomes of it."""

    raw: work.StoredRaw
    landed: Landed

    @property
    def is_nameless(self) -> bool:
        """Whether the record was landed under its content, because nobody could name it then."""
        return is_content_key(self.raw.source_no)


def _bounded(waiting: Sequence[_Waits]) -> Iterator[Sequence[_Waits]]:
    """The records cut so that one batch's attachments fit into memory: one at a time where there are any."""
    batch: list[_Waits] = []
    for one in waiting:
        if one.raw.sealed_files is None:
            batch.append(one)
        else:
            yield [one]
    if batch:
        yield batch


def _without_repeats(waiting: Sequence[_Waits]) -> Iterator[list[_Waits]]:
    """The records, in the order in which they came, cut so that no part names a key twice."""
    part: list[_Waits] = []
    seen: set[str] = set()
    for one in waiting:
        if one.landed.key in seen:
            yield part
            part, seen = [], set()
        part.append(one)
        seen.add(one.landed.key)
    if part:
        yield part


def _is_older(landed: Landed, stands: landing.Known) -> bool:
    """Whether a record that could not be named when it came says nothing newer than what stands under its name."""
    version = landed.raw.version
    if version is not None and stands.version is not None and version != stands.version:
        return version < stands.version
    return stands.content_hash == landed.content_hash or stands.raw_id > landed.raw_id


def _still_nameless() -> RecordRejected:
    return RecordRejected(
        "the record has no readable number and gives no demand that names one (expected the source's own stable number); it is kept; "
        "mend the channel, then replay it",
        code=Code.KEY_MISSING,
    )


def _unstorable() -> RecordRejected:
    return RecordRejected(
        "a value of this record cannot be stored as it is (a NUL character, or a number out of range); the record is kept; "
        "look at it with `hub quarantine show` and mend the channel's mapping",
        code=Code.VALUE_UNSTORABLE,
    )
