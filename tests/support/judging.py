"""Ground for the tests of evaluate, triage and dispatch: demands come in by collecting, as they do in a county."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from sqlalchemy import text

from hub.builtin import plugin as builtin
from hub.builtin.rules.repeated import RepeatedReporter
from hub.builtin.rules.sudden import SensitiveSudden
from hub.clock import COUNTY_ZONE, ManualClock
from hub.model.calendar import ChinaCalendar
from hub.model.codes import DemandType, Watch
from hub.model.config import parse_document
from hub.model.demand import Demand, Reporter
from hub.model.observation import Observation
from hub.model.report import Report
from hub.model.said import OBSERVATIONS
from hub.pipeline import collect, dispatch, evaluate, triage
from hub.pipeline.collect import Source
from hub.pipeline.deps import PipelineDeps
from hub.plugins import PluginSet, load_plugins
from hub.sdk.channel import Channel, ChannelSettings, Page, PositionKind, RawRecord, Stream, Window
from hub.sdk.context import ChannelContext
from hub.sdk.gate import LocalGate
from hub.sdk.hookspecs import hookimpl
from hub.sdk.rules import WarningRule
from hub.sdk.signing import generate_secret
from hub.seal import ChainSalt, KeyRing, Sealer
from hub.settings import EvaluateSettings
from hub.store import config
from hub.store.config import Applied
from hub.store.engine import Store
from tests.db import collect_deps
from tests.support.scripted import Quiet

OFFICE = {"code": "office", "name": "处置办理股室", "level": "county", "handling_office": True}
BUREAU = {"code": "housing", "name": "县自然资源局", "level": "county", "aliases": ["不动产登记中心"]}
COUNTY = {"organisations": [OFFICE, BUREAU]}


class PlainChannel(Channel[ChannelSettings]):
    """Its records are demands as the hub itself writes them down."""

    name = "plain"
    title = "测试渠道"
    watch = Watch.INSIGHT
    streams: ClassVar[tuple[Stream, ...]] = (Stream("main", PositionKind.OPAQUE),)
    records: Sequence[RawRecord] = ()

    def pages(self, stream: Stream, window: Window):
        yield Page(list(self.records), number=1)

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        return [Demand.model_validate_json(raw.body)]


class WatchingChannel(PlainChannel):
    """Its records are observations as the hub itself writes them down: a kind, then its fields."""

    name = "watching"
    watch = Watch.MONITOR
    says: ClassVar[tuple[type[Demand] | type[Observation], ...]] = tuple(OBSERVATIONS.values())

    def normalize(self, raw: RawRecord) -> Sequence[Demand | Observation]:  # type: ignore[override]
        kind, fields = json.loads(raw.body)
        return [OBSERVATIONS[kind].model_validate(fields)]


class Bringing:
    """A plugin that brings these rules, and routes as ``route`` says."""

    def __init__(self, *rules: type[WarningRule], route: Callable[..., Any] | None = None) -> None:
        self.rules = rules
        self.answer = route
        self.told: list[str] = []

    @hookimpl
    def register_rules(self):
        return list(self.rules)

    @hookimpl
    def route(self, facts, rule_id):
        return self.answer(facts, rule_id) if self.answer is not None else None

    @hookimpl
    def on_warning_issued(self, warning_no, rule_id, level):
        self.told.append(warning_no)


class Builtin:
    """The hub's own plugin with some of its rules alone, so that a test of how rules are judged sees no others."""

    SDK_VERSION = builtin.SDK_VERSION

    def __init__(self, rules: Sequence[type[WarningRule]]) -> None:
        self.rules = rules

    @hookimpl
    def register_rules(self):
        return list(self.rules)

    @hookimpl
    def register_notifiers(self):
        return builtin.register_notifiers()


def plugins_with(
    *rules: type[WarningRule],
    own: Sequence[type[WarningRule]] = (RepeatedReporter, SensitiveSudden),
    **others: object,
) -> PluginSet:
    """The hub's own plugin, with these of its own rules, and one that brings more."""
    return load_plugins(
        builtin={"builtin": Builtin(own), "brought": Bringing(*rules), **others},
        entry_points=(),
        call_timeout_s=5.0,
    )


class County:
    """One hub on one database, with a clock that a test moves."""

    def __init__(
        self,
        store: Store,
        ring: KeyRing,
        clock: ManualClock,
        plugins: PluginSet | None = None,
        *,
        batch: int = 20,
        rule_timeout_s: float = 20.0,
    ) -> None:
        self.store, self.clock, self.ring = store, clock, ring
        self.collecting = collect_deps(store, ring, clock)
        self.sealer = Sealer(ring)
        self.deps = PipelineDeps(
            store,
            clock,
            self.collecting.numbers,
            self.sealer,
            ChainSalt(ring),
            plugins or plugins_with(),
            ChinaCalendar(),
            EvaluateSettings(batch=batch),
            contact="0376-2170000",
            rule_timeout_s=rule_timeout_s,
        )
        self._numbers = count(1)
        self._secrets: dict[str, str] = {}

    def demand(
        self,
        *,
        days: float = 0.0,
        phone: str | None = None,
        name: str | None = None,
        text: str = "窗口排队时间太长",
        no: str | None = None,
        at: datetime | None = None,
        **fields: Any,
    ) -> Demand:
        """A demand that was submitted ``days`` before now; all of one person's are about one service item unless told otherwise."""
        fields.setdefault("item_name", "社会保障卡补领")
        return Demand(
            source_no=no or f"N{next(self._numbers):06d}",
            submitted_at=at or self.clock.now() - timedelta(days=days),
            demand_type=fields.pop("demand_type", DemandType.COMPLAINT),
            content=text,
            reporter=Reporter(phone=phone, name=name),
            **fields,
        )

    def receive(self, *demands: Demand, watch: Watch = Watch.INSIGHT, deleted: bool = False) -> None:
        """Collects these demands as one page; one that was sent before is a new state of it."""
        records = [
            RawRecord(one.source_no, one.model_dump_json().encode(), deleted=deleted) for one in demands
        ]
        assert self.collect(records, watch).records.quarantined == 0

    def collect(self, records: Sequence[RawRecord], watch: Watch = Watch.INSIGHT) -> Report:
        """Collects these records as one page."""
        ctx = ChannelContext("plain", lambda name: "", LocalGate(self.clock), Quiet(), self.clock)
        channel = PlainChannel(ChannelSettings(), ctx)
        channel.watch = watch  # type: ignore[misc]
        channel.records = records
        (report,) = collect.run(self.collecting, Source(channel, "plain", "plain 1"))
        return report

    def observe(self, *observations: Observation, watch: Watch = Watch.MONITOR) -> None:
        """Collects cases, ratings and the like as one page; one that was sent before is a new state of it."""
        ctx = ChannelContext("watching", lambda name: "", LocalGate(self.clock), Quiet(), self.clock)
        kind = type("Watching", (WatchingChannel,), {"watch": watch})
        channel: WatchingChannel = kind(ChannelSettings(), ctx)
        channel.records = [
            RawRecord(
                one.source_no,
                json.dumps([one.kind, one.model_dump(mode="json", exclude_defaults=True)]).encode(),
                deleted=one.deleted,
            )
            for one in observations
        ]
        (report,) = collect.run(self.collecting, Source(channel, "watching", "watching 1"))
        assert report.records.quarantined == 0

    def repeat(self, phone: str, *days: float, **fields: Any) -> list[Demand]:
        """One person's demands, so many days ago each; collected."""
        demands = [self.demand(days=ago, phone=phone, **fields) for ago in days]
        self.receive(*demands)
        return demands

    def evaluate(self) -> Report:
        return evaluate.run(self.deps)

    def triage(self) -> Report:
        return triage.run(self.deps)

    def dispatch(self) -> Report:
        return dispatch.run(self.deps)

    def judged(self, *demands: Demand) -> Report:
        """Collects and evaluates these."""
        self.receive(*demands)
        report = self.evaluate()
        assert report.ok, report.problems
        return report

    def configure(self, document: Mapping[str, Any] = COUNTY) -> Applied:
        with self.store.begin() as connection:
            return config.apply(
                connection,
                parse_document(document),
                "ops",
                self.sealer,
                lambda name: self._secrets.setdefault(name, generate_secret()),
                self.clock.now(),
                rules={rule_id: entry.cls for rule_id, entry in self.deps.plugins.rules.items()},
                digest=self.deps.chain.salted_digest,
            )

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with self.store.begin() as connection:
            return list(connection.execute(text(statement), values).all())

    def value(self, statement: str, **values: Any) -> Any:
        ((value,),) = self.rows(statement, **values)
        return value

    def signals(self, *, rule: str | None = None, merged: bool = False) -> list[Any]:
        """Signals in the order of their windows, each with the source numbers of its demands as ``nos``."""
        return self.rows(
            "SELECT s.*, ARRAY(SELECT d.source_no FROM unnest(s.demand_ids) WITH ORDINALITY AS u (id, place) "
            "JOIN demand d ON d.demand_id = u.id ORDER BY u.place) AS nos FROM signal s "
            "WHERE (CAST(:rule AS text) IS NULL OR rule_id = :rule) AND (:merged OR state <> 'merged') "
            "ORDER BY window_from, rule_id, signal_id",
            rule=rule,
            merged=merged,
        )

    def signal(self, *, rule: str | None = None) -> Any:
        (one,) = self.signals(rule=rule)
        return one

    def messages(self) -> list[Any]:
        return self.rows(
            "SELECT organisation, event_type, order_id, message_id, body FROM outbox ORDER BY sequence"
        )


def local(*when: int) -> datetime:
    """A moment of the county's clock."""
    return datetime(*when, tzinfo=COUNTY_ZONE)  # type: ignore[arg-type,misc]
