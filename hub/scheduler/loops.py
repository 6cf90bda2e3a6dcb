"""The loops of `hub serve` over the same steps that the command line and Airflow call.

Each channel has a loop of its own, so that a source that hangs delays only itself. The chain normalize → evaluate → triage →
dispatch is one loop, woken when something was collected; delivering is another, woken when orders were made. Several schedulers
side by side are safe: the steps are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.clock import Clock
from hub.errors import Code, ConfigError, HubError, StoreError, StoreUnavailable
from hub.model.report import Problem, Report
from hub.plugins.calls import place_of
from hub.scheduler.loop import AWAY, Loop
from hub.scheduler.once import prepare, problem_of, worked
from hub.store import figures, health

if TYPE_CHECKING:
    from hub.pipeline.deliver import Deliverer
    from hub.runtime.hub import Hub

STOP_LIMIT_S = 10.0
SWEEP_EVERY_S = 60.0  # every step is called so often even when nothing seems due
UPKEEP_EVERY_S = 3_600.0

OnReport = Callable[[Report], object]


class Scheduler:
    """All loops of one process.

    Args:
        hub: Its channels, database and settings are taken as they are at `start`.
        on_report: Told of each report that says anything, in the thread of its loop; what it raises is counted and goes no further.
    """

    def __init__(self, hub: Hub, *, on_report: OnReport | None = None) -> None:
        self.hub = hub
        self._on_report = on_report
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._trouble: str | None = None  # code of what keeps the database away
        self._standing: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
        self._deliverer: Deliverer | None = None
        self._swept: dict[str, float] = {}
        self._chain = Loop("chain", self._chain_pass, self)
        self._deliver = Loop("deliver", self._deliver_pass, self)
        self._reply = Loop("reply", self._reply_pass, self)
        self._suggest = Loop("suggest", self._suggest_pass, self)
        self._upkeep = Loop("upkeep", self._upkeep_pass, self)
        self._collectors = [
            Loop(f"collect-{instance}", self._collector(instance), self, rest_s=channel.every_s)
            for instance, channel in sorted(hub.settings.channels.items())
            if channel.enabled
        ]

    @property
    def clock(self) -> Clock:
        """The hub's clock."""
        return self.hub.clock

    def say(self, level: str, event: str, **fields: object) -> None:
        """Logs a line; that the log cannot be written (a terminal or pipe that has gone) stops no work."""
        try:
            getattr(self.hub.log, level)(event, **fields)
        except (OSError, ValueError):
            pass

    @property
    def loops(self) -> Sequence[Loop]:
        """Every loop."""
        asks = [self._suggest] if self.hub.settings.suggest.classifier is not None else []
        return (*self._collectors, self._chain, self._deliver, self._reply, *asks, self._upkeep)

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def require_channels(self) -> None:
        """Passes only where there is a channel to collect; raises ConfigError (code ``config_missing``) otherwise."""
        if not self._collectors:
            raise ConfigError(
                "no channel is configured (expected at least one enabled under `channels:` in hub.yaml); add one, then start again",
                code=Code.CONFIG_MISSING,
            )

    def start(self) -> None:
        """Starts every loop; each makes its first pass at once.

        Raises:
            ConfigError: No channel is enabled, or a part of the hub cannot be built.
            StoreError: The database is away or has another schema.
        """
        self.require_channels()
        self.hub.require_schema()
        prepare(self.hub)
        for loop in self.loops:
            loop.start()

    def stop(self, timeout_s: float = STOP_LIMIT_S) -> list[str]:
        """Ends every loop: pages and messages in hand are finished, leases given back, nothing new is begun.

        Returns:
            The loops that were still at work when the time was over; their threads end with the process, and what they
            had not committed is done again by the next one.
        """
        self._stop.set()
        wake = getattr(self.hub.clock, "wake", None)
        if wake is not None:
            wake()  # a source's next try is not waited for
        with self._lock:
            if self._deliverer is not None:
                self._deliverer.stop()
        for loop in self.loops:
            loop.wake()
        until = self.hub.clock.monotonic() + timeout_s
        return [loop.name for loop in self.loops if not loop.join(until - self.hub.clock.monotonic())]

    def wake_chain(self) -> None:
        """Something has come in by another way than collecting: it is looked at now."""
        self._chain.wake()

    def parts(self) -> Mapping[str, Mapping[str, Any]]:
        """Each loop in a few words, for `/healthz`: well while its thread lives and gets something done."""
        return {
            f"loop {loop.name}": {
                "ok": loop.well,
                "code": loop.trouble,
                "passes": loop.passes,
                "errors": loop.errors.total(),
                "busy_since": _iso(loop.began_at),
                "last_pass_at": _iso(loop.ended_at),
            }
            for loop in self.loops
        }

    def metrics(self) -> Mapping[str, Sequence[tuple[tuple[str, ...], float]]]:
        """The loops in figures, for `hub.metrics`."""
        loops = self.loops
        return {
            "hub_loop_up": [((loop.name,), float(loop.alive)) for loop in loops],
            "hub_loop_passes_total": [((loop.name,), float(loop.passes)) for loop in loops],
            "hub_loop_errors_total": [
                ((loop.name, code), float(count))
                for loop in loops
                for code, count in sorted(loop.errors.copy().items())
            ],
            "hub_loop_last_pass_timestamp_seconds": [
                ((loop.name,), loop.ended_at.timestamp()) for loop in loops if loop.ended_at is not None
            ],
        }

    # ---- what the loops do

    def _collector(self, instance: str) -> Callable[[], float]:
        every_s = float(self.hub.settings.channels[instance].every_s)

        def collect() -> float:
            began = self.hub.clock.monotonic()
            reports: list[Report] = []
            problems: tuple[Problem, ...] = ()
            try:
                reports = self.hub.collect(instance, stop=lambda: self.stopping)
            except HubError as exc:
                if _of_store(exc):
                    raise
                # Its next turn is its own cadence: what stands in the configuration is not mended within a second.
                problems = (problem_of(instance, exc),)
            else:
                self._database_answered()
            for report in (Report(step="collect", subject=instance, problems=problems), *reports):
                self._tell(report)
            if any(report.records.stored or report.records.pending for report in reports):
                self._chain.wake()
            return max(0.0, every_s - (self.hub.clock.monotonic() - began))

        return collect

    def _chain_pass(self) -> float:
        hub = self.hub
        steps: tuple[tuple[str, Callable[[], Report]], ...] = (
            ("normalize", hub.normalize),
            ("evaluate", hub.evaluate),
            ("triage", hub.triage),
            ("dispatch", hub.dispatch),
        )
        swept = self._sweeps("chain")
        fault: Exception | None = None
        for name, step in steps:
            if self.stopping:
                break
            if not swept and name not in self._due():
                continue
            # One step's trouble does not keep the others from what waits for them.
            try:
                report = step()
            except HubError as exc:
                if _of_store(exc):
                    raise
                report = Report(step=name, problems=(problem_of(name, exc),))
            except Exception as exc:  # noqa: BLE001 - raised again when the others had their turn
                fault = exc
                continue
            self._tell(report)
        if "deliver" in self._due():
            self._wake_delivery()
        if fault is not None:
            raise fault
        return hub.settings.serve.pipeline_every_s

    def _deliver_pass(self) -> float:
        if self._sweeps("deliver") or "deliver" in self._due():
            try:
                self._tell(self.hub.deliver(self._begin_delivery))
            finally:
                with self._lock:
                    self._deliverer = None
        return self.hub.settings.serve.pipeline_every_s

    def _reply_pass(self) -> float:
        # A loop of its own: a platform that hangs holds up no department.
        if self._sweeps("reply") or "reply" in self._due():
            self._tell(self.hub.reply())
        return self.hub.settings.serve.pipeline_every_s

    def _suggest_pass(self) -> float:
        # A loop of its own: a model that is slow or away holds up nothing.
        self._tell(self.hub.suggest())
        return self.hub.settings.suggest.every_s

    def _begin_delivery(self, deliverer: Deliverer) -> None:
        with self._lock:
            self._deliverer = deliverer
            if self.stopping:
                deliverer.stop()

    def _wake_delivery(self) -> None:
        with self._lock:
            if self._deliverer is not None:
                self._deliverer.wake()
        self._deliver.wake()

    def _upkeep_pass(self) -> float:
        with self.hub.store.begin() as connection:
            abandoned = health.keep_up(connection, self.hub.clock.now())
        if abandoned:
            self.say("warning", "runs_abandoned", runs=abandoned)
        # Scraped or not: whoever asks for metrics first must not have to count years.
        figures.FigureReader(self.hub.store).advance(self.hub.clock.now())
        return UPKEEP_EVERY_S

    def _due(self) -> frozenset[str]:
        with self.hub.store.begin() as connection:
            found = figures.due(connection, self.hub.clock.now())
        self._database_answered()
        return found

    def _sweeps(self, name: str) -> bool:
        """Whether this pass calls its steps whatever seems due: rules and plugins may have clocks of their own."""
        now = self.hub.clock.monotonic()
        if name in self._swept and now - self._swept[name] < SWEEP_EVERY_S:
            return False
        self._swept[name] = now
        return True

    # ---- what is told, and when

    def database_failed(self, exc: HubError) -> None:
        """Notes that the database is away, full or refuses us; the log says so once."""
        with self._lock:
            changed = self._trouble != exc.code
            self._trouble = str(exc.code)
        if changed and not self.stopping:
            self.say("error", "database_away", code=str(exc.code), message=exc.message)
        if isinstance(exc, StoreUnavailable) and not self.stopping:
            try:
                self.hub.revive_store()
            except HubError:
                pass  # the next pass tries again, and the line above says what is the matter

    def _database_answered(self) -> None:
        """Notes that the database is back; the log says so once, and every loop goes on at once.

        That a question was answered says nothing of room: a full database is back when no loop fails for want of it any more, each
        at its own pace. Woken by every answer, a collector would ask its source for the same window every second.
        """
        with self._lock:
            if self._trouble == Code.STORE_FULL and any(
                loop.trouble == Code.STORE_FULL for loop in self.loops
            ):
                return
            back, self._trouble = self._trouble is not None, None
        if back:
            self.say("info", "database_back")
            for loop in self.loops:
                if loop.failing:
                    loop.wake()

    def _tell(self, report: Report) -> None:
        """Logs what a report says; a problem that stands is logged once, not every few seconds."""
        key = (report.step, report.subject or "")
        problems = frozenset((problem.where, problem.code) for problem in report.problems)
        before = self._standing.get(key, frozenset())
        self._standing[key] = problems
        for problem in report.problems:
            if (problem.where, problem.code) not in before:
                self.say(
                    "warning",
                    "problem",
                    step=report.step,
                    where=problem.where,
                    code=problem.code,
                    message=problem.message,
                )
        for where, code in sorted(before - problems):
            self.say("info", "problem_gone", step=report.step, where=where, code=code)
        if worked(report):
            counts = {name: count for name, count in report.counts.items() if count}
            records = {name: count for name, count in report.records.model_dump().items() if count}
            self.say("info", "report", step=report.step, subject=report.subject, **(records | counts))
        if self._on_report is not None and (worked(report) or problems != before):
            try:
                self._on_report(report)
            except Exception as exc:  # noqa: BLE001 - what the caller does with a report must not stop the step
                self.say("error", "on_report_failed", fault=type(exc).__name__, place=place_of(exc))


def _of_store(exc: HubError) -> bool:
    """Whether the database itself is the trouble, so that no step can go on."""
    return isinstance(exc, StoreError) or exc.code in AWAY


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None
