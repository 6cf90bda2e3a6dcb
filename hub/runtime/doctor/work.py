"""The work in the database: what the office has set up, what waits, what stands aside, and whether the books verify."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.model.codes import RunState
from hub.pipeline.judging import judging
from hub.runtime.doctor.findings import Finding, fail, ok, warn
from hub.runtime.keys import keys_path
from hub.sdk.rules import ObservationRule
from hub.seal import ChainSalt, KeyRing
from hub.store import chain, config, endpoints, health, quarantine, reach, seen
from hub.store.config import RuleSetting
from hub.store.engine import Connection
from hub.store.figures import standing
from hub.store.reach import Reach, Why

if TYPE_CHECKING:
    from hub.runtime.hub import Hub

_LATE = timedelta(minutes=15)
_LAST_ROWS = 1_000
_MANY = 100_000  # demands are counted up to there
_MISSED = {
    Why.NEW: "is new since demands were judged",
    Why.BACK: "was away for a while and is back",
    Why.VERSION: "judges otherwise now, by another version",
    None: "has missed demands",
}


def office(hub: Hub, connection: Connection) -> Iterator[Finding]:
    """Organisations, handling office, routing, endpoints: what dispatch needs."""
    current = config.current(connection)
    if current is None:
        yield fail(
            "office",
            "no organisations, routing or endpoints were imported",
            "write them down and run `hub config apply FILE`",
            configuration=True,
        )
        return
    units = config.organisations(connection)
    routing = config.routing(connection)
    yield ok(
        "office", f"configuration {current[0]}: {len(units)} organisations, {len(routing)} routing rules"
    )
    if not any(unit.handling_office for unit in units.values()):
        yield fail(
            "handling office",
            "no organisation is the handling office (处置办理股室): what nobody else is to handle cannot be dispatched",
            "set handling_office: true for one organisation, then `hub config apply`",
            configuration=True,
        )
    found = endpoints.list_endpoints(connection)
    usable = {one.organisation for one in found if one.active and one.disabled_at is None}
    for one in found:
        if one.active and one.disabled_at is not None:
            yield fail(
                f"endpoint {one.endpoint_id}",
                f"disabled since {one.disabled_at:%Y-%m-%d %H:%M} UTC ({one.disabled_code}): its receiver said that it is gone",
                "agree on a new address with the department, then `hub config apply`",
            )
    without = sorted(set(units) - usable)
    if without:
        yield warn(
            "endpoints",
            f"organisations that receive webhooks: {len(usable)}; none for {', '.join(without)}: messages for them wait",
            "add an endpoint for each that is to receive orders",
        )
    else:
        yield ok("endpoints", f"each of {len(usable)} organisations receives webhooks")


def runs(hub: Hub, connection: Connection) -> Iterator[Finding]:
    """How each stream's last collection ended, and whether runs were left behind by processes that died."""
    now = hub.clock.now()
    last = {(row["instance"], row["stream"]): row for row in health.last_runs(connection)}
    enabled = {name: one for name, one in hub.settings.channels.items() if one.enabled}
    for (instance, stream), row in last.items():
        if instance not in enabled:
            continue
        name = f"runs {instance}/{stream}"
        since = timedelta(seconds=max(3 * enabled[instance].every_s, 900))
        if row["state"] == RunState.FAILED:
            codes = ", ".join(sorted({problem["code"] for problem in row["problems"]})) or "no code"
            yield warn(
                name, f"the last run ({_ago(now, row['started_at'])}) failed: {codes}", _look_at(instance)
            )
        elif now - row["started_at"] > since:
            found = f"the last run began {_ago(now, row['started_at'])} (expected one every {enabled[instance].every_s} s)"
            yield warn(name, found, "is `hub serve`, or Airflow, running?")
        else:
            yield ok(name, f"the last run began {_ago(now, row['started_at'])}: {row['state']}")
    for instance in sorted(set(enabled) - {instance for instance, _ in last}):
        yield warn(
            f"runs {instance}", "never collected", f"start `hub serve`, or run `hub channel run {instance}`"
        )
    dead = health.dead_runs(connection, now)
    if dead:
        found = f"{len(dead)} began and never ended, and nobody is at them: {', '.join(str(row['run_id']) for row in dead[:10])}"
        yield warn(
            "abandoned runs", found, "nothing is lost: the stream's next run, or `hub serve`, marks them"
        )


def waiting(hub: Hub, connection: Connection) -> Iterator[Finding]:
    """Work that nobody does."""
    now = hub.clock.now()
    pending = standing(connection, "pending", now)
    late = []
    for (step,), (count, oldest) in sorted(pending.items()):
        if step in ("normalize", "evaluate", "dispatch") and count:
            since = datetime.fromtimestamp(oldest, UTC)
            if now - since > _LATE:
                late.append(f"{int(count)} wait for {step}, the oldest since {_ago(now, since)}")
    if late:
        yield warn(
            "pending work", "; ".join(late), "is `hub serve`, or Airflow, running? `hub run once` does it now"
        )
    else:
        yield ok("pending work", "nothing waits longer than a quarter of an hour")


def triage(hub: Hub, connection: Connection) -> Iterator[Finding]:
    """What the handling office has to do within minutes or hours, and has not: decisions on signals (W08), plans of danger (R58)."""
    now = hub.clock.now()
    for name, figure, what, do in _OFFICE_LIMITS:
        late = standing(connection, figure, now).values()
        if not late:
            yield ok(name, "none is overdue")
            continue
        count = int(sum(values[0] for values in late))
        since = datetime.fromtimestamp(min(values[1] for values in late), UTC)
        yield warn(name, f"{count} overdue, the first since {_ago(now, since)}: {what}", do)


_OFFICE_LIMITS = (
    (
        "decisions",
        "decisions_overdue",
        "signals that call for triage 研判 within 15 minutes, and nobody has decided on them",
        "`hub signal list --overdue` names them; decide with `hub signal triage`",
    ),
    (
        "plans",
        "plans_overdue",
        "warnings of danger that stand without the plan 预案 that is due within four hours",
        "`hub warning list --plan-missing` names them; attach a plan to each with `hub warning plan`",
    ),
)


def rules(hub: Hub, connection: Connection) -> Iterator[Finding]:
    """Rules that demands came past: new ones, ones that were not there for a while, ones that judge otherwise now."""
    now = hub.clock.now()
    settings = config.rule_settings(connection, now)
    judges = judging(hub.plugins.rules, settings)
    missed = {
        rule_id: one
        for rule_id, one in reach.missed(connection, now, judges).items()
        if settings.get(rule_id, RuleSetting()).enabled
    }
    found = 0
    for rule_id, one in missed.items():
        entry = hub.plugins.rules.get(rule_id)
        watched = entry is not None and issubclass(entry.cls, ObservationRule)
        if entry is not None and watched:
            # Cases, ratings and the like: what there is of them.
            between = seen.ids_between(connection, entry.cls.observes, one.since or now, one.until or now)
            count = min(_MANY, sum(len(ids) for _, ids in between))
        else:
            count = reach.count(connection, one, now, most=_MANY)
        if not count:
            continue
        found += 1
        without = _judged_without(one, count, "record" if watched else "demand")
        if one.absent:
            gone = f" since {one.since:%Y-%m-%d %H:%M} UTC" if one.since and one.since > reach.EVER else ""
            yield warn(
                f"rule {rule_id}",
                f"no plugin brings it{gone}; {without}",
                "install or mend its plugin (`hub plugin list`); if it is to stay away, set enabled: false for it and run "
                "`hub config apply`",
            )
        else:
            yield warn(
                f"rule {rule_id}",
                f"{_MISSED[one.why]}; {without}",
                f"`hub demand reevaluate --rule {rule_id}` puts them before it",
            )
    if not found:
        yield ok("rules", f"all that is stored was judged by, or waits for, {', '.join(judges) or 'no rule'}")


def _judged_without(one: Reach, count: int, what: str) -> str:
    told = f"more than {_MANY:,} {what}s were" if count == _MANY else f"{count:,} {what}s were"
    told = f"1 {what} was" if count == 1 else told
    return f"{told} judged {'by the former one' if one.why is Why.VERSION else 'without it'}"


def outbox(hub: Hub, connection: Connection) -> Iterator[Finding]:
    """Messages that departments have not received."""
    now = hub.clock.now()
    rows = health.outbox_trouble(connection, now)
    for row in rows:
        name = f"outbox {row['organisation']}"
        code = f", last {row['code']}" if row["code"] else ""
        if row["failed"]:
            yield fail(
                name,
                f"{row['failed']} messages were given up{code}",
                "mend the receiver with the department, then `hub webhook redeliver`",
            )
        if row["waiting"]:
            yield warn(
                name,
                f"{row['waiting']} messages wait, the oldest since {_ago(now, row['oldest_at'])}{code}",
                "look at `hub webhook list`; ask the department about its receiver",
            )
    if not rows:
        yield ok("outbox", "no message is stuck")


def aside(hub: Hub, connection: Connection) -> Iterator[Finding]:
    """What stands in quarantine."""
    codes: Counter[str] = Counter()
    for row in quarantine.counts(connection):
        codes[f"{row['instance']} {row['code']}"] += row["entries"]
    if not codes:
        yield ok("quarantine", "empty")
        return
    most = ", ".join(f"{name} {count}" for name, count in codes.most_common(5))
    yield warn(
        "quarantine",
        f"{codes.total()} {'entry stands' if codes.total() == 1 else 'entries stand'} aside: {most}",
        "`hub quarantine list`, mend the cause, then `hub quarantine replay`",
    )


def chains(hub: Hub, connection: Connection) -> Iterator[Finding]:
    """Whether the ends of the ledger's and the audit log's chains verify."""
    path = keys_path(hub.settings)
    if not path.exists():
        return  # said already, where it is missing
    faults = chain.verify(connection, ChainSalt(KeyRing.from_file(path)).matches, last=_LAST_ROWS)
    if faults:
        yield fail(
            "ledger and audit log",
            f"{len(faults)} faults; the first: {faults[0]}",
            "run `hub ledger verify`, compare with a backup, and find out who wrote to the database",
        )
    else:
        yield ok("ledger and audit log", f"the last {_LAST_ROWS} rows of each chain verify")


def _look_at(instance: str) -> str:
    return f"`hub run list --channel {instance}` and `hub channel check {instance}` say more"


def _ago(now: datetime, moment: datetime) -> str:
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 120:
        return f"{max(0, minutes)} min ago"
    return f"{minutes // 60} h ago" if minutes < 2_880 else f"{minutes // 1_440} days ago"
