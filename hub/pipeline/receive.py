"""Receive: what a source pushes becomes durable, or nothing of it does; the source is told only then.

All records of a push, the run's counts and the receipt are one transaction (P1). Records pass the same door as collected ones and
stand under the same identity, so that one that is pushed and collected is stored once; no position moves. A push that comes again
under its key is answered as the first time and changes nothing (P2): also beside its first sending, and after a kill between the
commit and the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from hub.errors import Code, SourceContractError, SourceUnavailable, StateConflict, StoreError
from hub.model.codes import RunState
from hub.model.push import PushAccepted
from hub.model.report import Counts, Report
from hub.pipeline.arrivals import MAX_BATCH, checked, set_aside, storable
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.intake import Origin
from hub.pipeline.landing import Lander
from hub.plugins import guarded_receive
from hub.sdk.channel import PushRequest, RawRecord
from hub.store import pushes, runs
from hub.store.engine import Connection
from hub.store.partitions import ensure_months

RECEIVE_TIMEOUT_S = 20.0
STREAM_WAIT_S = 20.0
REMEMBERED_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Pushed:
    """A push that its channel has proven and taken apart.

    Attributes:
        key_digest: SHA-256 of its idempotency key; None where it bears none, and then nothing is remembered of it.
        body_digest: SHA-256 of its body.
    """

    records: tuple[RawRecord, ...]
    key_digest: bytes | None
    body_digest: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a push.

    Attributes:
        again: It had been received before: nothing was done, the answer is the first one.
    """

    answer: PushAccepted
    report: Report
    again: bool = False


def prove(source: Source, request: PushRequest, key: str | None, *, max_records: int) -> Pushed:
    """What the push holds, once its channel has seen that it is the source's own; asks no database.

    Args:
        key: The sender's own id of this push.

    Raises:
        SignatureInvalid, SourceContractError, ConfigError: As the channel says.
        SourceContractError: More records than ``max_records`` (code ``page_too_large``).
        PluginError, SourceUnavailable: The channel hung or raised something else.
    """
    records = guarded_receive(source.channel, request, timeout_s=RECEIVE_TIMEOUT_S)
    if len(records) > max_records:
        raise SourceContractError(
            f"push to {source.instance}: {len(records)} records (expected at most {max_records} at once); nothing of it was kept: "
            "send it in parts, each under a key of its own",
            code=Code.PAGE_TOO_LARGE,
        )
    digest = sha256(key.encode("utf-8", "surrogateescape")).digest() if key is not None else None
    return Pushed(records, digest, sha256(request.body).digest())


def too_many(instance: str, wait_s: float) -> SourceUnavailable:
    """The error by which the door tells a source to come later."""
    return SourceUnavailable(
        f"push to {instance}: more came than the door lets in (see api.rate_per_s in hub.yaml); nothing of it was kept: send it again "
        f"in {wait_s:.0f} s, under the same key",
        code=Code.SOURCE_RATE_LIMITED,
        retry_after_s=wait_s,
    )


def run(deps: CollectDeps, source: Source, pushed: Pushed) -> Received:
    """Lands a push in the channel's first stream, or says what was answered to it before.

    Raises:
        StateConflict: Its key was used for another body (code ``push_key_reused``).
        StoreUnavailable, StoreError: Nothing was kept, or the commit is in doubt: the source must send it again, under its key.
    """
    return _Receiver(deps, source, pushed).run()


class _Receiver:
    def __init__(self, deps: CollectDeps, source: Source, pushed: Pushed) -> None:
        self.deps = deps
        self.source = source
        self.pushed = pushed
        self.stream = source.channel.streams[0]
        self.where = f"{source.instance}/{self.stream.name}"
        self.origin = Origin(0, source.instance, type(source.channel).name, type(source.channel).watch)

    def run(self) -> Received:
        now = self.deps.clock.now()
        with self.deps.store.begin() as connection:
            row = runs.open_stream(connection, self.source.instance, self.stream.name, self.origin.channel)
            ensure_months(connection, now)
        self.origin = replace(self.origin, stream_id=row.stream_id)
        with self.deps.store.begin() as connection:
            pushes.take_stream(connection, row.stream_id, wait_s=STREAM_WAIT_S)
            before = self._answered(connection)
            if before is not None:
                return Received(before, Report(step="receive", subject=self.where), again=True)
            run_id, counts, codes = self._land(connection, now)
            answer = PushAccepted(**counts.model_dump(), codes=codes)
            self._keep(connection, run_id, answer, now)
        report = Report(
            step="receive", subject=self.where, run_id=run_id, records=counts, counts=codes, pages=1
        )
        return Received(answer, report)

    def _answered(self, connection: Connection) -> PushAccepted | None:
        key = self.pushed.key_digest
        receipt = pushes.find_receipt(connection, self.origin.stream_id, key) if key is not None else None
        if receipt is None:
            return None
        if receipt.body_digest != self.pushed.body_digest:
            raise StateConflict(
                f"push to {self.source.instance}: its idempotency key was used for another body before (expected a new key for every "
                "push, the same one only to repeat it); nothing of it was kept: send it under a key of its own",
                code=Code.PUSH_KEY_REUSED,
            )
        return PushAccepted.model_validate(receipt.answer)

    def _land(self, connection: Connection, now: datetime) -> tuple[int | None, Counts, dict[str, int]]:
        counts, codes = Counts(), dict[str, int]()
        if not self.pushed.records:
            return None, counts, codes
        run_id = runs.start_run(
            connection,
            "receive",
            now,
            instance=self.source.instance,
            stream=self.stream.name,
            plugin_version=self.source.plugin_version,
        )
        lander = Lander(
            self.source.channel,
            self.origin,
            self.deps.intake,
            self.deps.numbers,
            run_id=run_id,
            plugin_version=self.source.plugin_version,
            deferred=self.source.deferred,
        )
        horizon = now + timedelta(seconds=self.stream.max_skew_s)
        arrived = [checked(record, self.stream, horizon, self.where) for record in self.pushed.records]
        for start in range(0, len(arrived), MAX_BATCH):
            counts += self._land_part(connection, lander, arrived[start : start + MAX_BATCH], now, codes)
        codes = dict(sorted(codes.items()))
        runs.add_progress(connection, run_id, now, counts)
        runs.finish_run(
            connection,
            run_id,
            self.deps.clock.now(),
            RunState.DONE,
            counts={f"code_{code}": count for code, count in codes.items()},
        )
        return run_id, counts, codes

    def _land_part(
        self,
        connection: Connection,
        lander: Lander,
        records: Sequence[RawRecord],
        now: datetime,
        codes: dict[str, int],
    ) -> Counts:
        """Lands these records; one that holds what the database cannot keep is set aside alone (P5)."""
        try:
            with self.deps.store.part(connection):
                outcome = lander.land(connection, records, now)
        except StoreError as exc:
            if exc.code is not Code.VALUE_UNSTORABLE:
                raise
            if len(records) > 1:
                middle = len(records) // 2
                return self._land_part(connection, lander, records[:middle], now, codes) + self._land_part(
                    connection, lander, records[middle:], now, codes
                )
            if records[0].problem is not None:
                raise
            alone = storable(set_aside(records[0], exc.code, exc.message))
            return self._land_part(connection, lander, [alone], now, codes)
        for code, count in outcome.codes.items():
            codes[code] = codes.get(code, 0) + count
        return outcome.counts

    def _keep(self, connection: Connection, run_id: int | None, answer: PushAccepted, now: datetime) -> None:
        key = self.pushed.key_digest
        if key is None:
            return
        pushes.keep_receipt(
            connection,
            self.origin.stream_id,
            key,
            self.pushed.body_digest,
            run_id,
            answer.model_dump(),
            now,
        )
        pushes.forget_receipts(connection, now - REMEMBERED_FOR)
