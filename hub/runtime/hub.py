"""The composition root: settings become a `Hub`, whose methods are the pipeline's steps."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from os import statvfs
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from hub.clock import Clock, SystemClock
from hub.errors import Code, ConfigError, HubError, StoreError, StoreUnavailable
from hub.model.calendar import ChinaCalendar, WorkCalendar
from hub.model.config import parse_document
from hub.model.report import Problem, Report
from hub.pipeline import collect, normalize
from hub.pipeline.collect import CollectDeps, Progress, Source, Span, Stop
from hub.pipeline.deps import PipelineDeps
from hub.pipeline.intake import Intake
from hub.plugins import PluginSet, guard, load_plugins
from hub.runtime import logs
from hub.runtime.config import Loaded, fault
from hub.runtime.keys import open_keys
from hub.runtime.secrets import Secrets
from hub.runtime.sources import named_files, ready_files
from hub.sdk.context import ChannelContext, SourceGate
from hub.sdk.gate import LocalGate
from hub.sdk.notify import Notifier
from hub.seal import ChainSalt, Sealer, SearchKeys
from hub.settings import ChannelConfig, HubSettings
from hub.store import config
from hub.store.config import Applied
from hub.store.engine import Store
from hub.store.gate import StoreGate
from hub.store.migrate import migrate, require_schema
from hub.store.numbers import Numbers

if TYPE_CHECKING:
    from hub.pipeline.deliver import DeliverDeps, Deliverer
    from hub.pipeline.receive import Received
    from hub.pipeline.reply import ReplyDeps
    from hub.pipeline.suggest import SuggestDeps
    from hub.sdk.channel import PushRequest
    from hub.sdk.suggest import AnyClassifier
    from hub.store.private import PrivateServer

_THRESHOLD = (50_000, 20, 20)
_LEAST_ROOM_BYTES = 32 << 20  # two files of PostgreSQL's write-ahead log


class Hub:
    """All parts of one hub in one process; parts are built when first asked for.

    Use it as a context manager: the end closes connections and lets go of the private server.
    """

    def __init__(
        self, loaded: Loaded, *, clock: Clock | None = None, builtin: Mapping[str, object] | None = None
    ) -> None:
        self.loaded = loaded
        self.settings: HubSettings = loaded.settings
        self.clock: Clock = clock or SystemClock()
        self._builtin = builtin
        self._server: PrivateServer | None = None
        self._channels: list[Any] = []
        self._receives: dict[str, bool] = {}

    def __enter__(self) -> Hub:
        settle_memory()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes channels and connections; the private server stops when this process was its last user."""
        while self._channels:
            self._channels.pop().close()
        if "store" in self.__dict__:
            self.store.close()
        if self._server is not None:
            self._server.release()

    @property
    def home(self) -> Path:
        return self.settings.home.expanduser()

    @cached_property
    def log(self) -> Any:
        """The hub's own log; how it is written is the process's choice (`hub.runtime.logs.configure`)."""
        return logs.get("hub")

    @cached_property
    def store(self) -> Store:
        """The database: the one that is configured, or the private server, started where none runs."""
        # A collecting channel holds three connections at most: its stream's lock, a page, a block of numbers. They are
        # opened when they are needed, so that a command with one thread opens one.
        # A push holds two: its transaction, a block of numbers.
        pool_size = 4 + 3 * len(self.settings.channels)
        if self.settings.api.port is not None:
            pool_size += 2 * self.settings.api.concurrency
        if self.settings.database_url is not None:
            return Store(self.settings.database_url.get_secret_value(), pool_size=pool_size)
        from hub.store.private import PrivateServer

        self._server = PrivateServer(self.home, bin_dir=self.settings.pg_bin)
        return Store(self._server.ensure(), pool_size=pool_size)

    def revive_store(self) -> None:
        """Starts the private server again where it has died under us; a database of others is left to others."""
        if self._server is not None:
            self._server.ensure()

    def why_away(self, exc: StoreUnavailable) -> HubError:
        """The same error, or that the disk is full where the private server ended for want of room.

        PostgreSQL ends itself when its log cannot grow; the one who was connected only sees that it has gone.
        """
        folder = self._server.status().data_folder if self._server is not None else None
        if folder is None or not folder.exists():
            return exc
        room = statvfs(folder)
        free_bytes = room.f_bavail * room.f_frsize
        if free_bytes >= _LEAST_ROOM_BYTES:
            return exc
        return StoreError(
            f"the private PostgreSQL in {folder} has no room: {free_bytes >> 20} MiB are free there (expected at least "
            f"{_LEAST_ROOM_BYTES >> 20} MiB); nothing that was committed is lost; free disk space, then run the command again",
            code=Code.STORE_FULL,
        )

    def migrate(self) -> tuple[str | None, str]:
        """Brings the database to this version's schema; returns the revision before and after."""
        return migrate(self.store)

    def require_schema(self) -> None:
        """Raises StoreError (code ``store_schema``) unless the database has this version's schema; makes no private one."""
        if self.settings.database_url is None and "store" not in self.__dict__:
            from hub.store.private import PrivateServer

            if PrivateServer(self.home, bin_dir=self.settings.pg_bin).status().data_folder is None:
                raise StoreError(
                    f"HUB_DATABASE_URL is not set, and {self.home} holds no private database yet (expected one of them); run `hub "
                    "migrate`, which makes one, or set HUB_DATABASE_URL",
                    code=Code.STORE_SCHEMA,
                )
        require_schema(self.store)

    @cached_property
    def plugins(self) -> PluginSet:
        from hub.builtin import plugin as builtin

        plugins = load_plugins(
            self.settings,
            builtin=self._builtin if self._builtin is not None else {"builtin": builtin},
            disabled=self.settings.plugins_disabled,
            on_failure=lambda failure: self.log.warning(
                "plugin_failed", plugin=failure.plugin, hook=failure.hook, code=str(failure.code)
            ),
        )
        self._add_sources(plugins, named_files(self.loaded))
        # Only then is known which channels nobody brings but the hub's ready mappings.
        self._add_sources(plugins, ready_files(self.loaded, plugins.channels))
        return plugins

    def _add_sources(self, plugins: PluginSet, files: tuple[Path, ...]) -> None:
        if files:
            from hub.plugins.sources import add_sources

            add_sources(plugins, files, disabled=self.settings.plugins_disabled)

    @cached_property
    def secrets(self) -> Secrets:
        return Secrets(
            self.settings.secrets_dir, lambda name: self.plugins.call_first("provide_secret", name=name)
        )

    @cached_property
    def keys(self) -> Any:
        return open_keys(self.settings, self.store)

    @cached_property
    def sealer(self) -> Sealer:
        return Sealer(self.keys.ring(), reload=self.keys.ring)

    @cached_property
    def search_keys(self) -> SearchKeys:
        return SearchKeys(self.keys.ring())

    def renew_keys(self) -> None:
        """Takes the key file as it is now; called before each step, so that a rotation needs no restart."""
        ring = self.keys.ring()
        if ring is not self.sealer.ring:
            self.sealer.renew(ring)
            self.search_keys.renew(ring)
            self.__dict__.pop("chain", None)
            self.__dict__.pop("pipeline_deps", None)
            self.__dict__.pop("suggest_deps", None)

    @cached_property
    def intake(self) -> Intake:
        return Intake(
            self.sealer,
            self.search_keys,
            stop_list=frozenset(self.settings.stop_list),
            redactors=[entry.redact for entry in self.plugins.redactors],
        )

    @cached_property
    def numbers(self) -> Numbers:
        return Numbers(self.store, self.settings.county.region)

    @cached_property
    def gate(self) -> StoreGate:
        return StoreGate(self.store, self.clock)

    @cached_property
    def collect_deps(self) -> CollectDeps:
        return CollectDeps(self.store, self.intake, self.numbers, self.clock)

    def configured(self, instance: str) -> ChannelConfig:
        """The configuration of that channel; asks neither plugins nor database.

        Raises:
            ConfigError: No such name.
        """
        found = self.settings.channels.get(instance)
        if found is None:
            known = ", ".join(sorted(self.settings.channels)) or "none"
            read = self.loaded.config_path or "no hub.yaml in this folder"
            raise ConfigError(
                f"no channel named {instance!r} is configured (read: {read}; configured: {known}); add it under `channels:` in "
                "hub.yaml, or name the right file with --config",
                code=Code.CONFIG_MISSING,
            )
        return found

    def source(self, instance: str, gate: SourceGate | None = None) -> Source:
        """The configured channel of that name, ready to be read.

        Args:
            gate: Instead of the one that all processes share, which needs the database.

        Raises:
            ConfigError: No such name, its channel is not installed or broken, or its settings are wrong.
        """
        configured = self.configured(instance)
        entry = self.plugins.channel(configured.channel)
        channel = entry.cls(
            self._channel_settings(instance, configured, entry.cls),
            self._context(instance, configured, gate),
        )
        self._channels.append(channel)
        return Source(channel, instance, f"{entry.distribution} {entry.version}", configured.deferred)

    def sources(self) -> tuple[dict[str, Source], list[Problem]]:
        """Every enabled configured channel that can be built, by instance; and why the others cannot."""
        ready: dict[str, Source] = {}
        problems: list[Problem] = []
        for instance, configured in sorted(self.settings.channels.items()):
            if not configured.enabled:
                continue
            try:
                ready[instance] = self.source(instance)
            except HubError as exc:
                problems.append(Problem(where=instance, code=str(exc.code), message=exc.message))
        return ready, problems

    def _channel_settings(self, instance: str, configured: ChannelConfig, channel: Any) -> Any:
        try:
            return channel.Settings.model_validate(configured.settings)
        except ValidationError as exc:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in error['loc']) or 'settings'}: {fault(error, channel.Settings)}"
                for error in exc.errors(include_url=False)
            )
            raise ConfigError(
                f"channel {instance}: settings are not usable: {faults}; correct `channels.{instance}.settings` in hub.yaml",
                code=Code.CONFIG_INVALID,
            ) from None

    def _context(self, instance: str, configured: ChannelConfig, gate: SourceGate | None) -> ChannelContext:
        return ChannelContext(
            instance=instance,
            secret=self.secrets.get,
            gate=gate or self.gate,
            log=logs.get("channel", instance=instance),
            clock=self.clock,
            zone=ZoneInfo(configured.source_timezone),
        )

    def collect(
        self,
        instance: str,
        span: Span = Span(),
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> list[Report]:
        """Collects one configured channel; see `hub.pipeline.collect`."""
        self.renew_keys()
        source = self.source(instance)
        settle_memory()
        try:
            reports = collect.run(self.collect_deps, source, span, progress, stop)
            return [self._told(report) for report in reports]
        finally:
            self._let_go([source])

    def receives(self, instance: str) -> bool:
        """Whether a configured channel of that name is enabled and takes pushes; asks plugins once, and no source."""
        configured = self.settings.channels.get(instance)
        if configured is None or not configured.enabled:
            return False
        if instance not in self._receives:
            try:
                # A gate of its own: looking at settings needs no database.
                source = self.source(instance, LocalGate(self.clock))
                self._let_go([source])
            except HubError:
                return True  # it may well: whoever pushes to it must not think that there is nobody
            self._receives[instance] = source.channel.takes_pushes()
        return self._receives[instance]

    def receive(self, instance: str, request: PushRequest, key: str | None = None) -> Received:
        """Takes a push in; see `hub.pipeline.receive`.

        Args:
            key: The sender's own id of the push: under one key a push has its effect once.

        Raises:
            SignatureInvalid, SourceContractError, StateConflict: The push is not acceptable as it is.
            SourceUnavailable: More come than the door lets in (code ``source_rate_limited``); ``retry_after_s`` says when to come.
            StoreError, ConfigError: It is our fault; the same push may come again later.
        """
        from hub.pipeline import receive

        self.renew_keys()
        settings = self.settings.api
        source = self.source(instance)
        try:
            pushed = receive.prove(source, request, key, max_records=settings.max_records)
            # After the proof, so that nobody else can use up what is the source's.
            wait_s = self.gate.take_now(
                f"push:{instance}", rate_per_s=settings.rate_per_s, burst=settings.burst
            )
            if wait_s > 0:
                raise receive.too_many(instance, wait_s)
            received = receive.run(self.collect_deps, source, pushed)
        finally:
            self._let_go([source])
        if received.report.run_id is not None:
            self._told(received.report)
        return received

    def normalize(self) -> Report:
        """Normalizes what waits; see `hub.pipeline.normalize`."""
        self.renew_keys()
        ready, problems = self.sources()
        try:
            report = normalize.run(self.collect_deps, ready)
        finally:
            self._let_go(ready.values())
        return self._told(report.model_copy(update={"problems": (*report.problems, *problems)}))

    @cached_property
    def chain(self) -> ChainSalt:
        return ChainSalt(self.keys.ring())

    @cached_property
    def pipeline_deps(self) -> PipelineDeps:
        """What evaluate, triage and dispatch need."""
        return PipelineDeps(
            store=self.store,
            clock=self.clock,
            numbers=self.numbers,
            sealer=self.sealer,
            chain=self.chain,
            plugins=self.plugins,
            calendar=self.calendar,
            settings=self.settings.evaluate,
            contact=self.settings.county.contact,
        )

    @cached_property
    def calendar(self) -> WorkCalendar:
        """The county's working days: a plugin's, else the built-in calendar of China."""
        provided: WorkCalendar | None = self.plugins.call_first("provide_calendar")
        return provided if provided is not None else ChinaCalendar()

    @cached_property
    def deliver_deps(self) -> DeliverDeps:
        """What delivering needs; notifiers that take settings get them here."""
        from hub.builtin.webhook import WebhookNotifier
        from hub.pipeline.deliver import DeliverDeps
        from hub.pipeline.retries import RetrySchedule

        delivery = self.settings.delivery
        notifiers: dict[str, Notifier] = {}
        for kind, entry in self.plugins.notifiers.items():
            notifiers[kind] = (
                WebhookNotifier(self.clock, allowed_networks=delivery.allowed_networks)
                if entry.cls is WebhookNotifier
                else entry.cls()
            )
        return DeliverDeps(
            store=self.store,
            notifiers=notifiers,
            sealer=self.sealer,
            clock=self.clock,
            schedule=RetrySchedule(max_attempts=delivery.max_attempts),
            concurrency=delivery.concurrency,
            on_settled=self._delivery_settled,
        )

    def apply_config(
        self, document: Mapping[str, Any] | str, author: str, where: str = "the document"
    ) -> Applied:
        """Imports a version of organisations, endpoints, routing and rules; see `hub.store.config.apply`.

        Raises:
            ConfigError: The document, a secret or a rule's parameters are not usable; nothing was changed.
        """
        parsed = parse_document(document, where)
        self.renew_keys()
        with self.store.begin() as connection:
            return config.apply(
                connection,
                parsed,
                author,
                self.sealer,
                self.secrets.get,
                self.clock.now(),
                rules={rule_id: entry.cls for rule_id, entry in self.plugins.rules.items()},
                digest=self.chain.salted_digest,
            )

    def _delivery_settled(self, message_id: str, organisation: str, state: str) -> None:
        self.plugins.call_each(
            "on_delivery_settled", message_id=message_id, organisation=organisation, state=state
        )

    def evaluate(self) -> Report:
        """Judges what waits by the rules; see `hub.pipeline.evaluate`."""
        from hub.pipeline import evaluate

        self.renew_keys()
        return self._told(evaluate.run(self.pipeline_deps))

    def triage(self) -> Report:
        """Issues what may be issued without a person; see `hub.pipeline.triage`."""
        from hub.pipeline import triage

        return self._told(triage.run(self.pipeline_deps))

    def dispatch(self) -> Report:
        """Makes orders of issued warnings, and tells again what has grown; see `hub.pipeline.dispatch` and `hub.pipeline.tell`."""
        from hub.pipeline import dispatch, tell

        self.renew_keys()
        made, told = dispatch.run(self.pipeline_deps), tell.run(self.pipeline_deps)
        return self._told(
            made.model_copy(
                update={
                    "run_id": made.run_id or told.run_id,
                    "counts": {name: count + told.counts[name] for name, count in made.counts.items()},
                    "problems": (*made.problems, *told.problems),
                }
            )
        )

    def deliver(self, started: Callable[[Deliverer], object] | None = None) -> Report:
        """Sends what is due; see `hub.pipeline.deliver`.

        Args:
            started: Given the run before it begins, for a caller that stops or wakes it from another thread.
        """
        from hub.pipeline.deliver import Deliverer

        self.renew_keys()
        deliverer = Deliverer(self.deliver_deps)
        if started is not None:
            started(deliverer)
        return self._told(deliverer.run())

    @cached_property
    def reply_deps(self) -> ReplyDeps:
        """What replying needs."""
        from hub.pipeline.reply import ReplyDeps

        return ReplyDeps(self.store, self.sealer, self.clock)

    def reply(self) -> Report:
        """Tells demands' own platforms what became of them; see `hub.pipeline.reply`."""
        from hub.pipeline import reply

        self.renew_keys()
        ready, problems = self.sources()
        try:
            report = reply.run(self.reply_deps, ready)
        finally:
            self._let_go(ready.values())
        return self._told(report.model_copy(update={"problems": (*report.problems, *problems)}))

    @cached_property
    def suggest_deps(self) -> SuggestDeps:
        """What asking a model beside the rules needs; off where hub.yaml names none."""
        from hub.pipeline.suggest import SuggestDeps

        return SuggestDeps(
            self.pipeline_deps,
            self.settings.suggest,
            self._classifier if self.settings.suggest.classifier is not None else None,
            tuple(entry.redact for entry in self.plugins.redactors),
        )

    def _classifier(self) -> AnyClassifier:
        """The configured classifier.

        Raises:
            ConfigError: No plugin brings it, or its settings are wrong.
        """
        from hub.pipeline.suggest import unknown

        settings = self.settings.suggest
        entry = self.plugins.classifiers.get(settings.classifier or "")
        if entry is None:
            raise unknown(settings.classifier or "", sorted(self.plugins.classifiers))
        try:
            own = entry.cls.Settings.model_validate(settings.settings)
        except ValidationError as exc:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in error['loc']) or 'settings'}: {fault(error, entry.cls.Settings)}"
                for error in exc.errors(include_url=False)
            )
            raise ConfigError(
                f"suggest: the settings of {entry.cls.name} are not usable: {faults}; correct `suggest.settings` in hub.yaml",
                code=Code.CONFIG_INVALID,
            ) from None
        context = ChannelContext(
            instance=f"suggest:{entry.cls.name}",
            secret=self.secrets.get,
            gate=self.gate,
            log=logs.get("classifier", classifier=entry.cls.name),
            clock=self.clock,
        )
        return guard(
            lambda: entry.cls(own, context),
            timeout_s=settings.timeout_s,
            what=f"classifier {entry.cls.name}: construction",
        )

    def suggest(self) -> Report:
        """Asks a model beside the rules, where one is configured; see `hub.pipeline.suggest`."""
        from hub.pipeline import suggest

        if self.settings.suggest.classifier is None:
            return Report(step="suggest")
        self.renew_keys()
        return self._told(suggest.run(self.suggest_deps))

    def _let_go(self, sources: Iterable[Source]) -> None:
        for source in sources:
            source.channel.close()
            if source.channel in self._channels:
                self._channels.remove(source.channel)

    def _told(self, report: Report) -> Report:
        self.plugins.call_each("on_run_finished", report=report)
        return report


def settle_memory() -> None:
    """Spares the garbage collector what stays for ever: modules and models. Once a process: freezing keeps garbage, too.

    A page makes some ten thousand objects that go with it by their reference counts; by the default threshold the collector
    would look for cycles among them dozens of times a page, and find none.
    """
    if gc.get_threshold() != _THRESHOLD:
        gc.set_threshold(*_THRESHOLD)
        gc.freeze()
