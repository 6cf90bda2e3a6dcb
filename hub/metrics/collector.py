"""Turns figures into metrics: one answer to a scrape, exact at that moment, whether the process is new or old."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hub._version import SDK_VERSION, __version__
from hub.errors import HubError
from hub.metrics.catalog import METRICS, Kind, Metric
from hub.metrics.server import Answer
from hub.model.codes import Level
from hub.pipeline.holding import counted
from hub.runtime.keys import keys_path
from hub.seal import KeyRing
from hub.store.figures import ATTEMPT_BUCKETS_S, DELIVERY_BUCKETS_S, WARNING_BUCKETS_S, FigureReader, Figures
from hub.store.migrate import HEAD

if TYPE_CHECKING:
    from hub.runtime.hub import Hub

Series = tuple[tuple[str, ...], Any]
Rows = dict[str, list[Series]]
"""Metric name -> (label values, value); a summary's value is (count, sum), a histogram's (buckets, sum)."""

Extra = Callable[[], Mapping[str, Sequence[Series]]]

_OUTCOMES = ("stored", "duplicate", "quarantined", "pending")


class HubCollector:
    """All metrics of one hub, as `prometheus_client` collects them.

    Args:
        extra: Further metrics of this process by name, such as the scheduler's; each must stand in the catalog.
    """

    def __init__(self, hub: Hub, *extra: Extra) -> None:
        self._hub = hub
        self._extra = extra
        self._reader: FigureReader | None = None
        self._up = True

    def collect(self) -> Iterator[Any]:
        """Every metric of the catalog, without series where there is nothing to say."""
        rows = self._rows()
        return (_family(metric, rows.get(metric.name, ())) for metric in METRICS)

    def describe(self) -> Iterable[Any]:
        """Nothing: registering must not ask the database."""
        return ()

    def page(self, headers: Mapping[str, str]) -> Answer:
        """The page for `hub.metrics.server`, in the format that the scraper prefers."""
        from prometheus_client.exposition import choose_encoder

        encode, content_type = choose_encoder(headers.get("accept", ""))
        return Answer(200, content_type, encode(self))

    def _rows(self) -> Rows:
        rows: Rows = {"hub_build_info": [((__version__, SDK_VERSION, HEAD), 1.0)]}
        rows["hub_channel_interval_seconds"] = [
            ((instance,), float(channel.every_s))
            for instance, channel in sorted(self._hub.settings.channels.items())
            if channel.enabled
        ]
        rows.update(_of_plugins(self._hub))
        rows.update(_of_keys(self._hub))
        try:
            rows.update(_of_database(self._figures()))
            rows.update(_held(self._hub))
            up = 1.0
        except HubError as exc:
            # The scrape itself succeeds: that the database is away is a figure too.
            up = 0.0
            if self._up:
                self._hub.log.warning("metrics_without_database", code=str(exc.code), message=exc.message)
        self._up = up == 1.0
        rows["hub_database_up"] = [((), up)]
        for more in self._extra:
            rows.update({name: list(series) for name, series in more().items()})
        return rows

    def _figures(self) -> Figures:
        if self._reader is None:
            self._reader = FigureReader(self._hub.store)
        return self._reader.read(self._hub.clock.now())


def _of_plugins(hub: Hub) -> Rows:
    states: dict[str, float] = dict.fromkeys(("loaded", "partly", "broken", "disabled"), 0.0)
    for info in hub.plugins.list():
        states[info.state] += 1
    return {
        "hub_plugins": [((state,), count) for state, count in states.items()],
        "hub_plugin_failures_total": [
            (labels, float(count)) for labels, count in sorted(hub.plugins.failures.copy().items())
        ],
    }


def _held(hub: Hub) -> Rows:
    with hub.store.begin() as connection:
        found = counted(hub.calendar, connection, hub.clock.now())
    return {"hub_signals_held": [((cause.value,), float(count)) for cause, count in found.items()]}


def _of_keys(hub: Hub) -> Rows:
    """The ring, where this process may read it: an exporter needs no keys, and must never make any."""
    try:
        ring = KeyRing.from_file(keys_path(hub.settings))
    except HubError:
        return {}
    counted: dict[tuple[str, ...], float] = {}
    for key in ring.keys:
        labels = (key.purpose.value, key.state.value)
        counted[labels] = counted.get(labels, 0.0) + 1
    return {"hub_keys": sorted(counted.items())}


def _of_database(figures: Figures) -> Rows:
    pending = figures["pending"].items()
    return {
        **_of_runs(figures),
        **_of_delivery(figures),
        "hub_database_size_bytes": [((), values[0]) for values in figures["size"].values()],
        "hub_sealed_values": _first(figures, "sealed"),
        "hub_stream_position_timestamp_seconds": _first(figures, "positions"),
        "hub_circuit_open": _first(figures, "circuits"),
        "hub_quarantine_open": _first(figures, "quarantine"),
        "hub_pending": [(labels, values[0]) for labels, values in pending],
        "hub_pending_oldest_timestamp_seconds": [
            (labels, values[1]) for labels, values in pending if values[0]
        ],
        "hub_signals_total": _first(figures, "signals"),
        "hub_signals_open": _first(figures, "signals_open"),
        "hub_signals_overdue": _first(figures, "decisions_overdue"),
        "hub_warnings_total": _first(figures, "warnings_issued"),
        "hub_warnings_open": [
            ((rule, _level(level)), values[0]) for (rule, level), values in figures["warnings_open"].items()
        ],
        "hub_warnings_plan_overdue": _first(figures, "plans_overdue"),
        "hub_warning_delay_seconds": _histogram(figures["warnings"], WARNING_BUCKETS_S),
        "hub_orders_total": _first(figures, "orders"),
        "hub_orders_open": [
            ((organisation, state, _level(level)), values[0])
            for (organisation, state, level), values in figures["orders_open"].items()
        ],
    }


def _of_runs(figures: Figures) -> Rows:
    """Metrics of runs; see ``runs`` in `hub.store.figures.TOTALS` for the order of the figures."""
    ended: dict[tuple[str, ...], float] = {}
    running: dict[tuple[str, ...], float] = {}
    took: dict[tuple[str, ...], tuple[float, float]] = {}
    records: dict[str, list[float]] = {}
    began: dict[tuple[str, ...], float] = {}
    succeeded: dict[tuple[str, ...], float] = {}
    for (step, instance, stream, state), values in figures["runs"].items():
        runs, *counted, seconds, end, start = values
        if state == "running":
            running[step, instance] = running.get((step, instance), 0.0) + runs
        else:
            ended[step, instance, state] = ended.get((step, instance, state), 0.0) + runs
            count, total = took.get((step, instance), (0.0, 0.0))
            took[step, instance] = (count + runs, total + seconds)
        if step not in ("collect", "receive"):
            continue
        before = records.get(instance, [0.0] * len(counted))
        records[instance] = [one + more for one, more in zip(before, counted, strict=True)]
        if step == "receive":  # what a source pushes says nothing of whether it can be collected
            continue
        began[instance, stream] = max(began.get((instance, stream), 0.0), start)
        if state == "done":
            succeeded[instance, stream] = max(succeeded.get((instance, stream), 0.0), end)
    return {
        "hub_runs_total": sorted(ended.items()),
        "hub_runs_running": sorted(running.items()),
        "hub_run_duration_seconds": sorted(took.items()),
        "hub_last_run_timestamp_seconds": sorted(began.items()),
        "hub_last_success_timestamp_seconds": sorted(succeeded.items()),
        "hub_records_collected_total": [
            ((instance,), counts[0]) for instance, counts in sorted(records.items())
        ],
        "hub_records": [
            ((instance, outcome), count)
            for instance, counts in sorted(records.items())
            for outcome, count in zip(_OUTCOMES, counts[1:], strict=True)
        ],
    }


def _of_delivery(figures: Figures) -> Rows:
    by_outcome: dict[tuple[str, ...], list[float]] = {}
    for (outcome, _), values in figures["attempts"].items():
        before = by_outcome.get((outcome,), [0.0] * len(values))
        by_outcome[(outcome,)] = [one + more for one, more in zip(before, values, strict=True)]
    return {
        "hub_outbox_messages": _first(figures, "outbox"),
        "hub_endpoints_disabled": _first(figures, "endpoints_disabled"),
        "hub_delivery_attempts_total": _first(figures, "attempts"),
        "hub_delivery_attempt_duration_seconds": _histogram(by_outcome, ATTEMPT_BUCKETS_S),
        "hub_delivery_latency_seconds": _histogram(figures["deliveries"], DELIVERY_BUCKETS_S),
    }


def _first(figures: Figures, name: str) -> list[Series]:
    return [(labels, values[0]) for labels, values in sorted(figures[name].items())]


def _histogram(found: Mapping[tuple[str, ...], Sequence[float]], bounds: Sequence[float]) -> list[Series]:
    """Figures in the order count, sum, at or below each bound."""
    series: list[Series] = []
    for labels, (count, total, *below) in sorted(found.items()):
        buckets = [(str(bound), value) for bound, value in zip(bounds, below, strict=True)]
        series.append((labels, ([*buckets, ("+Inf", count)], total)))
    return series


def _level(number: str) -> str:
    return Level(int(number)).name.lower()


def _family(metric: Metric, series: Iterable[Series]) -> Any:
    from prometheus_client import core

    if metric.kind is Kind.GAUGE:
        family: Any = core.GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    elif metric.kind is Kind.COUNTER:
        family = core.CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    elif metric.kind is Kind.SUMMARY:
        family = core.SummaryMetricFamily(metric.name, metric.help, labels=metric.labels)
    else:
        family = core.HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in series:
        if metric.kind is Kind.SUMMARY:
            family.add_metric(labels, count_value=value[0], sum_value=value[1])
        elif metric.kind is Kind.HISTOGRAM:
            family.add_metric(labels, buckets=value[0], sum_value=value[1])
        else:
            family.add_metric(labels, value)
    return family
