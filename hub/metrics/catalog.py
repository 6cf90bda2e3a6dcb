"""Every metric that the hub exposes: name, kind, labels, meaning. The reference in docs/ is made from this table.

Labels take their values from configuration, code lists and rules, so that the number of series is bounded; never from data.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """How Prometheus treats the metric."""

    GAUGE = "gauge"
    COUNTER = "counter"
    SUMMARY = "summary"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: With its unit; a counter's ends in ``_total``.
        help: One sentence.
        watch: What an operator watches it for, as an expression and in words; empty where it is for looking only.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    watch: str = ""


G, C, S, H = Kind.GAUGE, Kind.COUNTER, Kind.SUMMARY, Kind.HISTOGRAM

METRICS: tuple[Metric, ...] = (
    # ---- the hub itself
    Metric(
        "hub_build_info",
        G,
        ("version", "sdk", "schema"),
        "Always 1; the labels name the hub's release, its SDK and the schema it needs.",
    ),
    Metric(
        "hub_database_up",
        G,
        (),
        "Whether the hub's database answered this scrape; at 0 all figures below that come from it are absent.",
        "`hub_database_up == 0` for a minute: nothing is collected, warned or delivered.",
    ),
    Metric("hub_database_size_bytes", G, (), "Size of the hub's database on disk."),
    Metric(
        "hub_sealed_values",
        G,
        ("table",),
        "Sealed values in each table, as PostgreSQL's planner estimates them.",
    ),
    Metric(
        "hub_keys",
        G,
        ("purpose", "state"),
        "Keys of the ring by purpose (seal, search, salt) and state (active, decrypt_only, retired).",
    ),
    Metric(
        "hub_plugins",
        G,
        ("state",),
        "Installed plugins by state: loaded, partly, broken, disabled.",
        '`hub_plugins{state=~"broken|partly"} > 0`: `hub doctor` names them.',
    ),
    Metric(
        "hub_plugin_failures_total",
        C,
        ("plugin", "hook", "code"),
        "Calls of a plugin's hook that raised or hung, in this process.",
    ),
    # ---- channels and collecting
    Metric("hub_channel_interval_seconds", G, ("instance",), "Configured time between two collections."),
    Metric(
        "hub_last_run_timestamp_seconds",
        G,
        ("instance", "stream"),
        "When the last collecting run of a stream began.",
    ),
    Metric(
        "hub_last_success_timestamp_seconds",
        G,
        ("instance", "stream"),
        "When the last collecting run that went well ended.",
        "`time() - hub_last_success_timestamp_seconds > on(instance) group_left() 3 * hub_channel_interval_seconds`: a source "
        "is silent or broken.",
    ),
    Metric(
        "hub_stream_position_timestamp_seconds",
        G,
        ("instance", "stream"),
        "The position of a stream that stands at a time: the newest record that was read.",
        "`time() - hub_stream_position_timestamp_seconds` far above what is usual for the source: it sends nothing new.",
    ),
    Metric(
        "hub_runs_total",
        C,
        ("step", "instance", "state"),
        "Runs that ended: done, failed, abandoned (their process died). Only a collecting run has an instance.",
        '`increase(hub_runs_total{state!="done"}[1h]) > 0`',
    ),
    Metric("hub_runs_running", G, ("step", "instance"), "Runs that have begun and not ended."),
    Metric("hub_run_duration_seconds", S, ("step", "instance"), "Time that runs took which have ended."),
    Metric(
        "hub_records_collected_total",
        C,
        ("instance",),
        "Records that were collected, each arrival counted.",
    ),
    Metric(
        "hub_records",
        G,
        ("instance", "outcome"),
        "Collected records by what has become of them: stored, duplicate, quarantined, pending. Their sum is the number collected.",
    ),
    Metric(
        "hub_push_requests_total",
        C,
        ("instance", "status"),
        "`hub serve` with a door only: requests that it has answered, by HTTP status; without an instance where none of that name "
        "takes pushes.",
        '`increase(hub_push_requests_total{status=~"401|409|4[12].|5.."}[15m]) > 0`: a source\'s secret, clock or records are wrong, '
        "or the hub could not take what it sent.",
    ),
    Metric(
        "hub_push_duration_seconds",
        H,
        ("instance",),
        "`hub serve` with a door only: from a request's first lines to its answer.",
    ),
    Metric(
        "hub_push_bytes_total",
        C,
        ("instance",),
        "`hub serve` with a door only: bytes of bodies that were read.",
    ),
    Metric(
        "hub_circuit_open",
        G,
        ("kind", "name"),
        "1 while a source, an endpoint or a rule is left alone after failures in a row, or is being tried again.",
        '`hub_circuit_open{kind="source"} == 1` for 15 minutes',
    ),
    Metric(
        "hub_quarantine_open",
        G,
        ("instance", "kind", "code"),
        "Records and pages that stand in quarantine, by the reason.",
        "`sum by (instance) (hub_quarantine_open) > 0`: `hub quarantine list` shows them.",
    ),
    # ---- the chain
    Metric(
        "hub_pending",
        G,
        ("step",),
        "What waits: records for normalize, demands for evaluate, signals for triage, warnings for dispatch, messages for deliver.",
        '`hub_pending{step="evaluate"} > 0` for 10 minutes: nobody judges.',
    ),
    Metric(
        "hub_pending_oldest_timestamp_seconds",
        G,
        ("step",),
        "Since when the oldest of them waits; absent where nothing does.",
        '`time() - hub_pending_oldest_timestamp_seconds{step="deliver"} > 3600`',
    ),
    Metric("hub_signals_total", C, ("rule_id",), "Signals 苗头信息 that rules have raised."),
    Metric(
        "hub_signals_open",
        G,
        ("rule_id", "historical"),
        "Signals that triage has not settled; historical ones are about old events and are never issued by themselves.",
    ),
    Metric(
        "hub_signals_held",
        G,
        ("cause",),
        "Signals that their rules would issue by themselves and that something holds back: unplanned, outranked, inhibited, silenced, "
        "muted. They are part of the open ones.",
        '`hub_signals_held{cause="unplanned"} > 0` for a day: nobody makes the plan (`hub signal list --held`).',
    ),
    Metric(
        "hub_signals_overdue",
        G,
        ("rule_id",),
        "Open signals that a person has to decide on within 15 minutes (W08: a crowd, an extreme act) and that have waited longer.",
        "`sum(hub_signals_overdue) > 0`: `hub signal list --overdue` names them, `hub signal triage` decides.",
    ),
    Metric("hub_warnings_total", C, ("rule_id",), "Warnings 预警 issued."),
    Metric(
        "hub_warnings_open",
        G,
        ("rule_id", "level"),
        "Warnings that stand, by level: notice, serious, grave.",
        '`sum(hub_warnings_open{level="grave"}) > 0`',
    ),
    Metric(
        "hub_warnings_plan_overdue",
        G,
        ("rule_id",),
        "R58: warnings of danger to life that stand without a plan 预案 although its four hours are over.",
        "`sum(hub_warnings_plan_overdue) > 0`: `hub warning list --plan-missing` names them, `hub warning plan` attaches one.",
    ),
    Metric(
        "hub_warning_delay_seconds",
        H,
        ("rule_id", "since"),
        "R33: from the last demand that a warning rests on to the warning; since it was submitted by the citizen, and since the hub "
        "received it.",
        '`histogram_quantile(0.95, sum by (le) (rate(hub_warning_delay_seconds_bucket{rule_id="W08",since="received"}[1d])))`',
    ),
    Metric("hub_orders_total", C, ("organisation",), "Orders 交办单 made for an organisation."),
    Metric(
        "hub_orders_open",
        G,
        ("organisation", "state", "level"),
        "Orders that are neither closed nor withdrawn.",
    ),
    # ---- delivery
    Metric(
        "hub_outbox_messages",
        G,
        ("organisation", "state"),
        "Messages that an organisation has not received: waiting (for its turn or another try), failed (given up).",
        '`hub_outbox_messages{state="failed"} > 0`: mend the receiver, then `hub webhook redeliver`.',
    ),
    Metric(
        "hub_endpoints_disabled",
        G,
        ("organisation",),
        "Endpoints that their receiver has closed for good (410 Gone).",
        "`hub_endpoints_disabled > 0`",
    ),
    Metric(
        "hub_delivery_attempts_total",
        C,
        ("outcome", "code"),
        "Attempts to deliver a message: delivered, deferred, exhausted, refused, gone, late; with what went wrong.",
    ),
    Metric("hub_delivery_attempt_duration_seconds", H, ("outcome",), "How long attempts took."),
    Metric(
        "hub_delivery_latency_seconds",
        H,
        ("organisation",),
        "From the writing of a message to its first arrival.",
    ),
    # ---- the scheduler of `hub serve`
    Metric(
        "hub_loop_up",
        G,
        ("loop",),
        "`hub serve` only: 1 while the loop's thread lives.",
        "`hub_loop_up == 0`",
    ),
    Metric("hub_loop_passes_total", C, ("loop",), "`hub serve` only: passes that the loop has made."),
    Metric(
        "hub_loop_errors_total",
        C,
        ("loop", "code"),
        "`hub serve` only: passes that ended with an error.",
        "`increase(hub_loop_errors_total[15m]) > 0`",
    ),
    Metric(
        "hub_loop_last_pass_timestamp_seconds",
        G,
        ("loop",),
        "`hub serve` only: when the loop's last pass ended.",
    ),
)


def reference() -> str:
    """The table of metrics for the docs, as Markdown: a heading for each."""
    lines: list[str] = []
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        lines += [f"### {metric.name}", "", f"{metric.kind.value}; labels: {labels}", "", metric.help, ""]
        if metric.watch:
            lines += [f"Watch: {metric.watch}", ""]
    return "\n".join(lines)
