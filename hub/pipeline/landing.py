"""One page becomes durable: what each record is, what it says, and all of it in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

from hub.errors import Code, RecordRejected
from hub.model.codes import Outcome
from hub.model.demand import Attachment, Demand
from hub.model.ids import new_ulids
from hub.model.observation import Observation
from hub.model.report import Counts
from hub.model.said import OBSERVATIONS
from hub.pipeline.intake import Intake, Origin, Wanted
from hub.plugins import normalize_batch
from hub.sdk.channel import Channel, RawAttachment, RawRecord, RecordProblem
from hub.store import landing as store
from hub.store.engine import Connection
from hub.store.numbers import Numbers
from hub.text.redact import without_numbers

NORMALIZE_TIMEOUT_S = 10.0
_BY_CONTENT = "sha256:"


@dataclass(slots=True)
class Landed:
    """One record that must be written, and what has been decided about it."""

    raw: RawRecord
    key: str
    content_hash: bytes
    outcome: Outcome
    current: bool = True  # whether this record is what stands under its key from now on
    raw_id: int = 0
    known: store.Known | None = None
    rewritten: bool = False
    demands: tuple[Demand, ...] = ()
    observations: tuple[Observation, ...] = ()
    rejected: RecordRejected | RecordProblem | None = None
    demand_ids: tuple[str, ...] = ()


@dataclass(slots=True)
class PageOutcome:
    """What landing a page did."""

    counts: Counts = Counts()
    demand_ids: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)


class Lander:
    """Lands the pages of one stream for one run."""

    def __init__(
        self,
        channel: Channel[Any],
        origin: Origin,
        intake: Intake,
        numbers: Numbers,
        *,
        run_id: int,
        plugin_version: str,
        deferred: bool = False,
    ) -> None:
        self.deferred = deferred
        self.channel = channel
        self.origin = origin
        self.intake = intake
        self.numbers = numbers
        self.run_id = run_id
        self.plugin_version = plugin_version
        self.kinds = tuple(kind for kind, model in OBSERVATIONS.items() if model in channel.says)

    def land(self, connection: Connection, records: Sequence[RawRecord], now: datetime) -> PageOutcome:
        """Writes what is new of these records, in the caller's transaction, which holds the stream's row.

        A record identical to what stands is counted as duplicate and not kept again; an older version is kept and counted as
        duplicate; everything else is kept, read into demands, and either stored or set aside.
        """
        result = PageOutcome()
        files: dict[str, RawAttachment] = {}
        for part in _without_repeats(records):
            for one in self._land_part(connection, part, now, result):
                files.update((digest, file) for digest, file in named(one.raw.attachments))
        if files:
            self._keep_files(connection, files)
        if result.demand_ids:
            store.push_evaluate_work(connection, result.demand_ids, now)
        return result

    def _land_part(
        self, connection: Connection, records: Sequence[RawRecord], now: datetime, result: PageOutcome
    ) -> list[Landed]:
        digests = [sha256(record.body).digest() for record in records]
        keys = [key_of(record, digest) for record, digest in zip(records, digests, strict=True)]
        known = store.known(connection, self.origin.stream_id, keys) if keys else {}
        fresh, identical = self._judge(records, digests, keys, known)
        if fresh:
            for landed, raw_id in zip(fresh, store.take_raw_ids(connection, len(fresh)), strict=True):
                landed.raw_id = raw_id
            self.normalize([landed for landed in fresh if landed.outcome is Outcome.STORED])
            self.write(connection, fresh, now)
            waiting = [landed.raw_id for landed in fresh if landed.outcome is Outcome.PENDING]
            if waiting:
                store.push_normalize_work(connection, self.origin.stream_id, waiting, now, now)
        result.counts += _count(fresh, identical)
        for landed in fresh:
            if landed.outcome is Outcome.STORED:
                result.demand_ids += landed.demand_ids
            if landed.rejected is not None:
                code = str(landed.rejected.code)
                result.codes[code] = result.codes.get(code, 0) + 1
        return fresh

    def _judge(
        self,
        records: Sequence[RawRecord],
        digests: Sequence[bytes],
        keys: Sequence[str],
        known: dict[str, store.Known],
    ) -> tuple[list[Landed], int]:
        """Which records are new, changed, older or set aside; and how many are identical. Source: design §4, versions."""
        fresh: list[Landed] = []
        identical = 0
        waiting = Outcome.PENDING if self.deferred else Outcome.STORED
        for record, digest, key in zip(records, digests, keys, strict=True):
            stands = known.get(key)
            if stands is not None and stands.content_hash == digest and stands.deleted == record.deleted:
                identical += 1
            elif record.problem is not None:
                fresh.append(
                    Landed(record, key, digest, Outcome.QUARANTINED, known=stands, rejected=record.problem)
                )
            elif stands is None:
                fresh.append(Landed(record, key, digest, waiting))
            elif (
                stands.version is not None and record.version is not None and record.version < stands.version
            ):
                fresh.append(Landed(record, key, digest, Outcome.DUPLICATE, current=False, known=stands))
            else:
                rewritten = stands.version is not None and record.version == stands.version
                fresh.append(Landed(record, key, digest, waiting, known=stands, rewritten=rewritten))
        return fresh, identical

    def normalize(self, landed: Sequence[Landed]) -> None:
        """Reads these records into demands, or notes why one cannot be used."""
        results = normalize_batch(self.channel, [one.raw for one in landed], timeout_s=NORMALIZE_TIMEOUT_S)
        for one, said in zip(landed, results, strict=True):
            if isinstance(said, RecordRejected):
                one.rejected = said
                one.outcome = Outcome.QUARANTINED
            elif self.kinds:
                one.demands = tuple(each for each in said if isinstance(each, Demand))
                one.observations = tuple(each for each in said if isinstance(each, Observation))
            else:
                one.demands = cast("tuple[Demand, ...]", said)

    def write(self, connection: Connection, landed: Sequence[Landed], now: datetime) -> None:
        """Raw bytes, demands, identities, attachments and quarantine rows of these records."""
        sealed = self.intake.seal_raws([(one.raw.body, one.raw_id) for one in landed])
        store.insert_raw(
            connection, [self._raw_row(one, now, blob) for one, blob in zip(landed, sealed, strict=True)]
        )
        self.write_demands(connection, landed, now)
        self._set_aside(connection, landed, now)

    def write_demands(self, connection: Connection, landed: Sequence[Landed], now: datetime) -> None:
        """Demands and identities of the records that stand from now on."""
        current = [one for one in landed if one.current]
        if not current:
            return
        self.put_demands(connection, [one for one in current if one.demands], now, by=f"run {self.run_id}")
        gone = {
            demand_id: one.raw_id
            for one in current
            if one.known is not None
            for demand_id in _no_longer_said(one, one.known.demand_ids)
        }
        if gone:
            store.mark_deleted(connection, gone, now, by=f"run {self.run_id}")
        self.put_observations(connection, current, now, by=f"run {self.run_id}")
        fresh = [self.identity_row(one, now) for one in current if one.known is None]
        changed = [self.identity_row(one, now) for one in current if one.known is not None]
        if fresh:
            store.insert_identities(connection, fresh)
        if changed:
            store.upsert_identities(connection, changed)

    def put_demands(
        self, connection: Connection, landed: Sequence[Landed], now: datetime, *, by: str
    ) -> None:
        """Writes these records' demands and sets ``demand_ids`` of each; one that stands keeps its id and number."""
        known_ids = [
            demand_id for one in landed if one.known is not None for demand_id in one.known.demand_ids
        ]
        standing = store.standing_demands(connection, known_ids) if known_ids else {}
        wanted = sum([len(one.demands) for one in landed])
        if standing:
            wanted -= sum(_standing_of(one, standing) for one in landed)
        new_ids = iter(new_ulids(wanted, int(now.timestamp() * 1000)))
        new_nos = iter(self.numbers.take("", now, wanted) if wanted else ())
        wanted_rows: list[Wanted] = []
        stood: list[dict[str, Any] | None] = []
        for one in landed:
            ids = []
            old = one.known.demand_ids if one.known is not None else ()
            for index, demand in enumerate(one.demands):
                stands = standing.get(old[index]) if index < len(old) else None
                demand_id = old[index] if stands is not None else next(new_ids)
                wanted_rows.append(
                    (
                        with_attachments(demand, one.raw),
                        demand_id,
                        stands["demand_no"] if stands is not None else next(new_nos),
                        one.raw_id,
                        stands["received_at"] if stands is not None else now,
                        one.raw.deleted,
                    )
                )
                stood.append(stands)
                ids.append(demand_id)
            one.demand_ids = tuple(ids)
        fresh: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...]] = []
        rows = self.intake.rows(wanted_rows, self.origin, updated_at=now)
        for row, stands in zip(rows, stood, strict=True):
            if stands is None:
                fresh.append(row)
            else:
                changed.append(_keep_confirmed(row, stands) if stands["confirmed"] else row)
        if fresh:
            store.insert_demands(connection, fresh)
        if changed:
            store.replace_demands(connection, changed, by=by)

    def put_observations(
        self, connection: Connection, landed: Sequence[Landed], now: datetime, *, by: str
    ) -> None:
        """Writes what these records say beside demands; a record that is set aside says nothing."""
        if not self.kinds:
            return
        from hub.pipeline.observing import Told, put_observations

        told = [
            Told(one.key, one.raw_id, one.observations, one.raw.deleted, one.known is None)
            for one in landed
            if one.outcome is Outcome.STORED
        ]
        if told:
            put_observations(connection, self.intake, self.origin, told, self.kinds, now, by=by)

    def _raw_row(self, one: Landed, now: datetime, sealed: bytes) -> tuple[Any, ...]:
        raw = one.raw
        return (
            one.raw_id,
            now,
            self.origin.stream_id,
            one.key,
            raw.version,
            self.run_id,
            one.outcome.value,
            raw.deleted,
            one.content_hash,
            raw.media_type,
            self.plugin_version,
            sealed,
            self.intake.seal_files(file_list(raw.attachments), one.raw_id) if raw.attachments else None,
        )

    def identity_row(self, one: Landed, now: datetime) -> tuple[Any, ...]:
        """What stands under the record's key from now on, in the order of `hub.store.landing.IDENTITY_COLUMNS`."""
        known = one.known
        demand_ids = one.demand_ids or (known.demand_ids if known is not None else ())
        return (
            one.key,
            one.raw.version,
            one.content_hash,
            one.raw_id,
            demand_ids[0] if demand_ids else None,
            known.changes + 1 if known is not None else 1,
            one.rewritten,
            one.raw.deleted,
            now,
            self.origin.stream_id,
            list(demand_ids[1:]),
        )

    def _keep_files(self, connection: Connection, files: Mapping[str, RawAttachment]) -> None:
        seal = self.intake.sealer.seal
        store.keep_attachments(
            connection,
            [
                (
                    digest,
                    len(file.content),
                    file.media_type,
                    seal(file.content, table="attachment", row_id=digest),
                )
                for digest, file in sorted(files.items())
            ],
        )

    def _set_aside(self, connection: Connection, landed: Sequence[Landed], now: datetime) -> None:
        rows = [
            self.quarantine_row(one, now)
            for one in landed
            if one.rejected is not None and one.outcome is Outcome.QUARANTINED
        ]
        if rows:
            store.set_aside(connection, rows)

    def quarantine_row(self, one: Landed, now: datetime) -> dict[str, Any]:
        """Why this record is set aside; its bytes stand in raw_record."""
        rejected = one.rejected
        if rejected is None:
            raise ValueError("only a rejected record is set aside")
        return {
            "kind": "record",
            "stream_id": self.origin.stream_id,
            "run_id": self.run_id,
            "raw_id": one.raw_id,
            "raw_received_at": now,
            "source_no": one.key,
            "code": str(Code(rejected.code)),
            "message": without_numbers(
                rejected.detail if isinstance(rejected, RecordProblem) else rejected.message
            ),
            "field": getattr(rejected, "field", None),
            "plugin_version": self.plugin_version,
            "set_aside_at": now,
        }


def key_of(record: RawRecord, digest: bytes) -> str:
    """The number under which a record's identity stands; one that cannot be named stands under its own content.

    So a broken record that its source sends with every poll is set aside once.
    """
    if record.source_no is None or record.problem is not None:
        return f"{_BY_CONTENT}{digest.hex()}"
    return record.source_no


def is_content_key(key: str) -> bool:
    """Whether a record stands under its own content, because it could not be named."""
    return key.startswith(_BY_CONTENT)


def _without_repeats(records: Sequence[RawRecord]) -> list[Sequence[RawRecord]]:
    """The records cut so that no part names a key twice: within a page the later one comes after the earlier one."""
    parts: list[Sequence[RawRecord]] = []
    start = 0
    seen: set[str | bytes] = set()
    for index, record in enumerate(records):
        key: str | bytes = (
            record.body if record.source_no is None or record.problem is not None else record.source_no
        )
        if key in seen:
            parts.append(records[start:index])
            start, seen = index, set()
        seen.add(key)
    parts.append(records[start:])
    return parts


def _count(fresh: Sequence[Landed], identical: int) -> Counts:
    by: dict[Outcome, int] = {}
    for one in fresh:
        by[one.outcome] = by.get(one.outcome, 0) + 1
    return Counts(
        collected=len(fresh) + identical,
        stored=by.get(Outcome.STORED, 0),
        duplicate=by.get(Outcome.DUPLICATE, 0) + identical,
        quarantined=by.get(Outcome.QUARANTINED, 0),
        pending=by.get(Outcome.PENDING, 0),
    )


def _no_longer_said(one: Landed, stood: Sequence[str]) -> Sequence[str]:
    """The demands that stood under the record and that it no longer says: all when it is gone, else the surplus."""
    if one.raw.deleted and not one.demands:
        return stood
    return stood[len(one.demands) :] if one.demands or one.observations else ()


def _standing_of(one: Landed, standing: Mapping[str, Any]) -> int:
    """How many of the record's demands stand already, so that they keep their id and number."""
    old = one.known.demand_ids if one.known is not None else ()
    return sum(demand_id in standing for demand_id in old[: len(one.demands)])


def named(files: Sequence[RawAttachment]) -> Iterator[tuple[str, RawAttachment]]:
    """Each attachment with the SHA-256 of its bytes, by which it is kept."""
    return ((sha256(file.content).hexdigest(), file) for file in files)


def file_list(files: Sequence[RawAttachment]) -> list[tuple[str, str, str, int]]:
    """(SHA-256, name, media type, size in bytes) of each attachment: what a record read later is given back."""
    return [(digest, file.name, file.media_type, len(file.content)) for digest, file in named(files)]


def with_attachments(demand: Demand, raw: RawRecord) -> Demand:
    """The demand with the hashes of the attachments whose bytes came along, where the channel named none."""
    if not raw.attachments or demand.attachments:
        return demand
    attachments = tuple(
        Attachment(name=name, media_type=media_type, sha256=digest, size_bytes=size)
        for digest, name, media_type, size in file_list(raw.attachments)
    )
    return demand.model_copy(update={"attachments": attachments})


def _keep_confirmed(row: tuple[Any, ...], stands: dict[str, Any]) -> tuple[Any, ...]:
    """The row with the values that a person confirmed: a source never overwrites them (design §4)."""
    values = dict(zip(store.DEMAND_COLUMNS, row, strict=True))
    values.update(stands["values"])
    values["confirmed"] = stands["confirmed"]
    return tuple(values[name] for name in store.DEMAND_COLUMNS)
