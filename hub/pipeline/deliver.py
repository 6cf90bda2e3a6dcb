"""Deliver: sends what waits in the outbox, many messages at once, each at least once under an id that never changes.

Claims and results go through the database in turns of one short transaction each; sending happens outside any. A
process that dies between sending and writing the result leaves its leases to run out: the message is sent again
under the same id, and its effect happens once (design decision 10). Asynchronous inside, an ordinary call outside.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from hub.clock import Clock
from hub.errors import Code, DeliveryDeferred, HubError, StoreUnavailable
from hub.model.codes import MessageState
from hub.model.report import Problem, Report
from hub.pipeline.lanes import QUICK_MS, Lanes
from hub.pipeline.retries import Ended, RetrySchedule, arrived, failed
from hub.sdk.notify import Endpoint, Notifier, OutgoingMessage
from hub.seal import Sealer
from hub.store import endpoints, leases, outbox
from hub.store.endpoints import ReadyEndpoint
from hub.store.engine import Store
from hub.store.leases import Claimed, Result, Settled

SETTLE_MARGIN_S = 10.0  # of a lease, kept for writing the result
_FLUSH_S = 0.05  # longest that a result waits for others to be written with it
_LEASED_PER_PLACE = 16
_STORE_RETRIES_S = (0.5, 1.0, 2.0, 4.0)
_TROUBLED_FROM = 4  # failures of one message after which an operator is told


@dataclass(frozen=True, slots=True)
class DeliverDeps:
    """What delivering needs; put together by `hub.runtime`.

    Attributes:
        notifiers: By kind; they are closed at the end of each run and open again by themselves.
        concurrency: Messages under way at once.
        lease_s: Beyond an endpoint's own time limit; how long a message stays with a process that died.
        grace_s: Beyond an endpoint's time limit, before a notifier that does not keep it is cut off.
        poll_s: Longest wait before new work is looked for while something is under way.
        on_settled: Told (message id, organisation, state) after a message was delivered or given up, in a thread of
            its own; it may be told twice after a crash.
        chance: A number in [0, 1) for the schedule's jitter.
    """

    store: Store
    notifiers: Mapping[str, Notifier]
    sealer: Sealer
    clock: Clock
    schedule: RetrySchedule = field(default_factory=RetrySchedule)
    concurrency: int = 32
    lease_s: float = 45.0
    grace_s: float = 5.0
    poll_s: float = 1.0
    on_settled: Callable[[str, str, str], None] | None = None
    chance: Callable[[], float] = field(default=random.random)


def run(deps: DeliverDeps, *, limit: int | None = None, until_empty: bool = True) -> Report:
    """Delivers what is due; safe beside other processes that do the same.

    Args:
        limit: Most messages to take up.
        until_empty: End when nothing is due and nothing under way; otherwise go on until stopped.

    Returns:
        Counts ``delivered``, ``deferred``, ``failed``, ``waiting`` (what is left in the outbox) and ``late`` (results
        that another process had overtaken); a problem for each organisation whose messages cannot be sent, are in
        trouble or were given up.

    Raises:
        StoreUnavailable, StoreError: The database failed and did not come back; what was sent meanwhile is sent again.
    """
    return Deliverer(deps, limit=limit, until_empty=until_empty).run()


class Deliverer:
    """One run of the step, for a caller that wants to stop it or to tell it of new work from another thread."""

    def __init__(self, deps: DeliverDeps, *, limit: int | None = None, until_empty: bool = True) -> None:
        if deps.lease_s <= SETTLE_MARGIN_S:
            raise ValueError(
                f"lease_s must be more than {SETTLE_MARGIN_S:g}, or no message could ever be sent"
            )
        self._deps = deps
        self._left = limit
        self._until_empty = until_empty
        self._lanes = Lanes(deps.concurrency)
        self._batch = deps.concurrency * _LEASED_PER_PLACE
        self._tally = _Tally()
        self._results: list[Result] = []
        self._releases: list[Claimed] = []
        self._opened: dict[ReadyEndpoint, Endpoint] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._tasks: dict[asyncio.Task[None], float] = {}  # with the loop's time at which each is cut off
        self._cut_off: set[asyncio.Task[None] | None] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._look = True  # whether the next turn asks for messages even if nothing ended

    def run(self) -> Report:
        """See `run`; once for each object."""
        return asyncio.run(self._main())

    def stop(self) -> None:
        """Takes up nothing more, waits for what is under way, gives back the rest; safe from any thread."""
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        """Looks for new work now; safe from any thread."""
        self._look = True
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(self._turn.set)

    async def _main(self) -> Report:
        self._turn = asyncio.Event()
        self._loop = loop = asyncio.get_running_loop()
        # One thread: turns never overlap, so that one connection is enough and results keep their order.
        with ThreadPoolExecutor(1, thread_name_prefix="hub-deliver") as self._database:
            work = loop.create_task(self._work())
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                # Ctrl-C: what was sent is written down before we go.
                self.stop()
                await work
                raise
            finally:
                self._loop = None
                for task in self._tasks:
                    task.cancel()
                closing = (notifier.aclose() for notifier in self._deps.notifiers.values())
                await asyncio.gather(*self._tasks, *closing, return_exceptions=True)
            backlog = await loop.run_in_executor(self._database, self._backlog)
        return self._tally.report(backlog)

    async def _work(self) -> None:
        while True:
            if self._stopping:
                self._releases += self._lanes.drop_all()
            await self._exchange()
            self._start()
            self._cut_off_late()
            if not (self._lanes.held or self._results or self._releases):
                if self._stopping or self._left == 0 or (self._until_empty and not self._look):
                    return
            await self._worth_a_turn()

    async def _worth_a_turn(self) -> None:
        """Waits until a transaction has enough to do: results to write, room to fill, or time gone by."""
        if self._releases or (not self._lanes.held and (self._results or self._look)):
            return
        try:
            async with asyncio.timeout(self._deps.poll_s):
                await self._turn.wait()
        except TimeoutError:
            self._look = True
        self._turn.clear()

    def _start(self) -> None:
        """Puts as many messages under way as there are places."""
        now = self._deps.clock.now()
        while (claimed := self._lanes.take()) is not None:
            endpoint = self._endpoints[claimed.endpoint_id]
            if claimed.lease_until - now < timedelta(seconds=endpoint.timeout_s + SETTLE_MARGIN_S):
                # Another process may take it before our result stands: do not send what we may lose.
                self._lanes.ended(claimed, well=True, quick=False)
                self._releases.append(claimed)
                continue
            loop = asyncio.get_running_loop()
            task = loop.create_task(self._attempt(claimed, endpoint))
            self._tasks[task] = loop.time() + endpoint.timeout_s + self._deps.grace_s
            task.add_done_callback(self._tasks.pop)

    def _cut_off_late(self) -> None:
        """Ends attempts whose notifier did not keep its endpoint's time limit."""
        now = asyncio.get_running_loop().time()
        for task, until in self._tasks.items():
            if until < now:
                self._cut_off.add(task)
                task.cancel()

    async def _attempt(self, claimed: Claimed, endpoint: Endpoint) -> None:
        result = await self._send(claimed, endpoint)
        self._results.append(result)
        self._lanes.ended(claimed, well=bool(result.well), quick=result.duration_ms < QUICK_MS)
        self._start()
        thirsty = self._look and self._lanes.queued < 2 * self._deps.concurrency
        if thirsty or not self._lanes.in_flight or len(self._results) >= self._batch // 4:
            self._turn.set()
        elif len(self._results) == 1:
            asyncio.get_running_loop().call_later(_FLUSH_S, self._turn.set)

    async def _send(self, claimed: Claimed, endpoint: Endpoint) -> Result:
        deps = self._deps
        message = OutgoingMessage(claimed.message_id, claimed.event_type, claimed.body, claimed.attempts + 1)
        started_at, began = deps.clock.now(), deps.clock.monotonic()

        def ended() -> Ended:
            spent_ms = int((deps.clock.monotonic() - began) * 1_000)
            return Ended(claimed, started_at, deps.clock.now(), spent_ms)

        try:
            return arrived(ended(), await deps.notifiers[endpoint.kind].deliver(endpoint, message))
        except asyncio.CancelledError:
            if asyncio.current_task() not in self._cut_off:
                raise
            error: Exception = DeliveryDeferred(
                f"endpoint {endpoint.endpoint_id}: its notifier {endpoint.kind!r} did not end within "
                f"{endpoint.timeout_s:g} s (expected an answer or an error); it was cut off and is tried again",
                code=Code.DELIVERY_TIMEOUT,
            )
        except Exception as exc:  # noqa: BLE001 - the boundary to plugins: one notifier's fault stops no other message
            error = exc
        return failed(ended(), error, deps.schedule, deps.chance)

    async def _exchange(self) -> None:
        """One transaction: results written, unsent messages given back, new ones taken."""
        results, self._results = self._results, []
        releases, self._releases = self._releases, []
        want = 0
        if (self._look or results) and not self._stopping:
            want = self._batch - self._lanes.held
            want = want if self._left is None else min(want, self._left)
        self._look = False
        if not (results or releases or want > 0):
            return
        rooms, first_room = self._lanes.rooms(), self._lanes.first_room
        done = await self._run(_Turn(self._deps, results, releases, want, rooms, first_room, self._open))
        self._tally.add(results, done.settled)
        self._tally.untold.update(done.untold)
        for organisation in done.resting:
            self._releases += self._lanes.drop(organisation)
        for claimed in done.claimed:
            self._lanes.add(claimed)
        if self._left is not None:
            self._left -= len(done.claimed)
        self._look |= bool(done.claimed)

    async def _run(self, turn: _Turn) -> _Done:
        loop = asyncio.get_running_loop()
        for wait_s in _STORE_RETRIES_S:
            try:
                return await loop.run_in_executor(self._database, turn.run)
            except StoreUnavailable:
                if not (turn.results or self._lanes.in_flight):
                    raise  # nothing was sent whose result could be lost
                # Long enough for a database that is started again.
                await asyncio.sleep(wait_s)
        return await loop.run_in_executor(self._database, turn.run)

    def _open(self, ready: ReadyEndpoint) -> bool:
        """Whether the endpoint's secrets open; the opened endpoint is kept for sending."""
        known = self._opened.get(ready)
        if known is None:
            try:
                known = self._opened[ready] = ready.opened(self._deps.sealer)
            except HubError as exc:
                self._tally.unusable[ready.organisation] = exc
                return False
        self._endpoints[ready.endpoint_id] = known
        return True

    def _backlog(self) -> list[outbox.Backlog]:
        with self._deps.store.begin() as connection:
            return outbox.backlog(connection, self._deps.notifiers.keys())


@dataclass(frozen=True, slots=True)
class _Done:
    settled: Settled
    claimed: list[Claimed]
    resting: set[str]  # organisations
    untold: list[str]  # what `on_settled` raised


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one transaction is to do; run in the database's thread, and run again if the connection was lost."""

    deps: DeliverDeps
    results: list[Result]
    releases: list[Claimed]
    want: int
    rooms: dict[str, int]
    first_room: int
    opens: Callable[[ReadyEndpoint], bool]

    def run(self) -> _Done:
        now = self.deps.clock.now()
        claimed: list[Claimed] = []
        with self.deps.store.begin() as connection:
            settled = leases.settle(connection, self.results, now)
            leases.release(connection, self.releases)
            if self.want > 0:
                ready = endpoints.ready(connection, self.deps.notifiers.keys(), now)
                claimed = leases.claim(
                    connection,
                    [endpoint for endpoint in ready if self.opens(endpoint)],
                    limit=self.want,
                    now=now,
                    lease_s=self.deps.lease_s,
                    per_organisation=self.first_room,
                    rooms=self.rooms,
                )
        untold = self._tell(settled)
        resting = {r.claimed.organisation for r in self.results if r.claimed.endpoint_id in settled.resting}
        return _Done(settled, claimed, resting, untold)

    def _tell(self, settled: Settled) -> list[str]:
        told, untold = self.deps.on_settled, list[str]()
        if told is None:
            return untold
        for result, accepted in zip(self.results, settled.accepted, strict=True):
            if not accepted or result.state is MessageState.WAITING:
                continue
            try:
                told(result.claimed.message_id, result.claimed.organisation, result.state.value)
            except Exception as exc:  # noqa: BLE001 - the boundary to plugins: the message is settled whatever they do
                untold.append(type(exc).__name__)
        return untold


class _Tally:
    """What a run's report says."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.given_up: Counter[tuple[str, str]] = Counter()
        self.troubled: dict[str, Result] = {}
        self.unusable: dict[str, HubError] = {}
        self.untold: Counter[str] = Counter()

    def add(self, results: list[Result], settled: Settled) -> None:
        for result, accepted in zip(results, settled.accepted, strict=True):
            organisation = result.claimed.organisation
            if not accepted:
                self.counts["late"] += 1
            elif result.state is MessageState.WAITING:
                self.counts["deferred"] += 1
                if result.claimed.attempts + 1 >= _TROUBLED_FROM:
                    self.troubled[organisation] = result
            else:
                self.counts[result.state.value] += 1
                if result.state is MessageState.FAILED:
                    self.given_up[organisation, result.code or ""] += 1

    def report(self, backlog: list[outbox.Backlog]) -> Report:
        waiting = sum(entry.waiting for entry in backlog)
        counts = {name: self.counts[name] for name in ("delivered", "deferred", "failed", "late")}
        return Report(
            step="deliver", counts={**counts, "waiting": waiting}, problems=tuple(self._problems(backlog))
        )

    def _problems(self, backlog: list[outbox.Backlog]) -> list[Problem]:
        problems = [_blocked(entry) for entry in backlog if entry.blocked is not None]
        problems += [
            Problem(where=organisation, code=exc.code.value, message=exc.message)
            for organisation, exc in sorted(self.unusable.items())
        ]
        for raised, count in sorted(self.untold.items()):
            message = (
                f"on_delivery_settled: {count} calls raised {raised} (expected none); the messages are settled all the "
                "same, mend the plugin that `hub doctor` names"
            )
            problems.append(
                Problem(where="on_delivery_settled", code=Code.PLUGIN_FAILED.value, message=message)
            )
        for (organisation, code), count in sorted(self.given_up.items()):
            message = (
                f"{organisation}: {count} messages were given up, the last failure was {code} (expected 2xx within the "
                "schedule); mend the cause, then `hub webhook redeliver`"
            )
            problems.append(Problem(where=organisation, code=Code.DELIVERY_EXHAUSTED.value, message=message))
        for organisation, result in sorted(self.troubled.items()):
            message = (
                f"{organisation}: message {result.claimed.message_id} failed {result.claimed.attempts + 1} times, last "
                f"with {result.code} (expected 2xx); it is tried again, ask the department about its receiver"
            )
            problems.append(
                Problem(where=organisation, code=result.code or Code.DELIVERY_STATUS.value, message=message)
            )
        return problems


def _blocked(entry: outbox.Backlog) -> Problem:
    code = entry.blocked or Code.ENDPOINT_MISSING.value
    found = "no endpoint" if code == Code.ENDPOINT_MISSING.value else f"its endpoint disabled ({code})"
    return Problem(
        where=entry.organisation,
        code=code,
        message=(
            f"{entry.organisation}: {entry.waiting} messages wait, found {found} (expected one in use); no attempt is "
            "lost: give it an address with `hub config apply`"
        ),
    )
