"""What lists and single views show of demands, signals, warnings, orders and the ledger: reading only, nothing sealed opened."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hub.errors import Code, NotFound
from hub.store import categories, suggestions
from hub.store.matter_views import of_demand
from hub.store.places import named
from hub.store.triage import DECISION_DUE
from hub.store.work import row_dicts

_DEMAND = (
    "demand_id, demand_no, channel, instance, source_no, submitted_at, received_at, demand_type, status, urgency, anonymity, nature, "
    "title, reporter_basis, category, target_org, deleted"
)
_DEMAND_FIELDS = (
    f"{_DEMAND}, stream_id, raw_id, watch, updated_at, type_source_text, text, reporter_key, reporter_type, region_code, item_code, "
    "item_name, case_no, business_class, service_step, sub_source, declared_group_size, chases_open_order, prev_source_no, "
    "assigned_no, deadline_at, occurred_at, labels, quality, findings, confirmed, place_id, place_candidates, region_by_place"
)
_SIGNAL = (
    "s.signal_id, s.rule_id, s.rule_version, s.subject, s.state, s.level, s.historical, s.window_from, s.window_to, s.metric, "
    "s.value, s.threshold, s.baseline, s.reporters, s.summary, s.auto_issue, s.first_seen_at, s.last_seen_at, s.triaged_at, "
    "s.triaged_by, s.triage_verdict, s.triage_reason, s.merged_into, cardinality(s.demand_ids) AS demands, cardinality(s.observed) AS observed, w.warning_no"
)
_OF_SIGNALS = (
    # What was revoked is no longer a signal's warning, though the two stay linked until it has another.
    "FROM signal s LEFT JOIN warning_signal m USING (signal_id) LEFT JOIN warning w ON w.warning_id = m.warning_id AND w.state <> 'revoked'"
)
_WARNING = (
    "w.warning_id, w.warning_no, w.signal_id, w.rule_id, w.level, w.state, w.issued_at, w.issued_by, w.reason, w.dispatched_at, "
    "w.manner, w.traits, w.stage, w.plan_due_at, w.revoked_at, w.revoked_by, w.revoked_why, s.subject, s.summary, s.historical"
)
_ORDER = (
    "o.order_id, o.order_no, o.origin, o.origin_id, o.organisation, coalesce(g.name, o.organisation) AS organisation_name, o.role, "
    "o.level, o.state, o.routed_by, o.revision, o.created_at, o.due_at, o.due_basis, o.due_provisional, "
    "coalesce(c.subject, 'demand') AS subject, coalesce(c.rule_id, '') AS rule_id"
)
# What the order's organisation is called, and what its level is: a card of a case, or a demand's.
_NAMED = (
    "LEFT JOIN organisation g ON g.code = o.organisation LEFT JOIN LATERAL (SELECT s.subject, x.rule_id FROM warning x "
    "JOIN signal s USING (signal_id) WHERE o.origin = 'warning' AND x.warning_id = o.origin_id) c ON true"
)


def demands(
    connection: Connection,
    *,
    channel: str | None = None,
    since: datetime | None = None,
    demand_type: str | None = None,
    person: Sequence[str] | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Demands, the latest received first; nothing personal.

    Args:
        channel: An instance's or a channel's name.
        since: Submitted at or after that moment.
        demand_type: A value of `hub.model.codes.DemandType`.
        person: Search tokens, any of which must stand with the demand; see `hub.seal.SearchKeys.tokens`.
        limit: At most so many.
    """
    conditions = {
        "channel": "(instance = :channel OR channel = :channel)",
        "since": "submitted_at >= :since",
        "type": "demand_type = :type",
        # Each half names what its index names: demand_reporter_idx, and demand_phone_idx for what that one does not hold.
        "person": "(reporter_key = ANY(:person) OR (phone_key = ANY(:person) AND phone_key IS NOT NULL "
        "AND phone_key IS DISTINCT FROM reporter_key))",
    }
    values = {"channel": channel, "since": since, "type": demand_type, "person": person and list(person)}
    where = [conditions[name] for name, value in values.items() if value is not None]
    rows = connection.execute(
        text(
            f"SELECT {_DEMAND} FROM demand {'WHERE ' + ' AND '.join(where) if where else ''} "
            "ORDER BY demand_id DESC LIMIT :limit"  # ids sort by the time of receipt, and have an index
        ),
        {**values, "limit": limit},
    )
    return row_dicts(rows)


def demand(connection: Connection, number: str) -> dict[str, Any]:
    """One demand by its number or id, with what became of it: ``signals``, ``orders`` and how many ``changes`` it has seen.

    ``routes``: the same record by other routes; ``counts`` is true of the one that rules count. ``places``: name, kind and region of
    its place, or of those that its name may stand for, by id. ``category``: in the source's words; ``categorized``: as it was decided,
    None before it was judged. ``suggestions``: of a model beside the rules, which nobody confirmed.
    ``matter``: as `hub.store.matter_views.reasons` tells it.

    Raises:
        NotFound: There is none of that number.
    """
    row = connection.execute(
        text(f"SELECT {_DEMAND_FIELDS} FROM demand WHERE demand_no = :no OR demand_id = :no"), {"no": number}
    ).one_or_none()
    if row is None:
        raise _missing("demand", number, "hub demand list")
    found = dict(row._mapping)
    signals = connection.execute(
        text(f"SELECT {_SIGNAL} {_OF_SIGNALS} WHERE :id = ANY(s.demand_ids) ORDER BY s.signal_id"),
        {"id": found["demand_id"]},
    )
    orders = connection.execute(
        text(
            f"SELECT {_ORDER} FROM order_demand d JOIN orders o USING (order_id) {_NAMED} "
            "WHERE d.demand_id = :id ORDER BY o.order_no"
        ),
        {"id": found["demand_id"]},
    )
    changes = connection.execute(
        text("SELECT count(*) FROM demand_history WHERE demand_id = :id"), {"id": found["demand_id"]}
    ).scalar_one()
    routes = connection.execute(
        text(
            "SELECT d.demand_no, d.instance, l.why, l.same_as = d.demand_id AS counts FROM demand_link l JOIN demand d "
            "ON d.demand_id = CASE WHEN l.demand_id = :id THEN l.same_as ELSE l.demand_id END "
            "WHERE l.demand_id = :id OR l.same_as = :id ORDER BY d.demand_no"
        ),
        {"id": found["demand_id"]},
    )
    return {
        **found,
        "changes": changes,
        "places": named(
            connection, [one for one in (found["place_id"], *(found["place_candidates"] or ())) if one]
        ),
        "suggestions": suggestions.of(connection, "demand", [found["demand_id"]]),
        "categorized": categories.shown(connection, found["demand_id"]),
        "routes": row_dicts(routes),
        "matter": of_demand(connection, found["demand_id"]),
        "signals": row_dicts(signals),
        "orders": row_dicts(orders),
    }


def demand_head(connection: Connection, number: str) -> Any:
    """``demand_id`` and ``demand_no`` of a demand, by either.

    Raises:
        NotFound: There is none of that number.
    """
    row = connection.execute(
        text("SELECT demand_id, demand_no FROM demand WHERE demand_no = :no OR demand_id = :no"),
        {"no": number},
    ).one_or_none()
    if row is None:
        raise _missing("demand", number, "hub demand list")
    return row


def sealed_demand(connection: Connection, demand_id: str) -> bytes:
    """What is sealed of a demand; the caller logs why it is opened.

    Raises:
        NotFound: There is none of that id.
    """
    sealed = connection.execute(
        text("SELECT sealed FROM demand WHERE demand_id = :id"), {"id": demand_id}
    ).scalar_one_or_none()
    if sealed is None:
        raise _missing("demand", demand_id, "hub demand list")
    return bytes(sealed)


def demand_heads(connection: Connection, demand_ids: Sequence[str]) -> list[dict[str, Any]]:
    """These demands in short, in the order of their submission."""
    rows = connection.execute(
        text(f"SELECT {_DEMAND} FROM demand WHERE demand_id = ANY(:ids) ORDER BY submitted_at, demand_id"),
        {"ids": list(demand_ids)},
    )
    return row_dicts(rows)


def signals(
    connection: Connection,
    *,
    state: str | None = None,
    rule_id: str | None = None,
    historical: bool | None = None,
    level: int | None = None,
    traits: Sequence[str] | None = None,
    only: Collection[str] | None = None,
    overdue_at: datetime | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Signals, the latest seen first; ``warning_no`` where one was issued, ``traits`` as the last decision has them.

    ``decision_due_at`` is by when a person has to decide, where the rule says so and nobody has.

    Args:
        traits: Words of one trait, its code and its title: those whose last decision, or whose rule's labels, name it.
        only: Only these signals.
        overdue_at: Only those on which a person should have decided by that moment, and nobody has.
    """
    values = {
        "state": state,
        "rule_id": rule_id,
        "historical": historical,
        "level": level,
        "traits": traits and list(traits),
        "only": None if only is None else list(only),
        "overdue_at": overdue_at,
    }
    conditions = {
        "traits": "(t.traits && CAST(:traits AS text[]) OR s.labels && CAST(:traits AS text[]))",
        "only": "s.signal_id = ANY(CAST(:only AS text[]))",
        "overdue_at": f"{DECISION_DUE} <= :overdue_at",
    }
    where = [
        conditions.get(name, f"s.{name} = :{name}") for name, value in values.items() if value is not None
    ]
    rows = connection.execute(
        text(
            f"SELECT {_SIGNAL}, s.labels, coalesce(t.traits, '{{}}') AS traits, t.manner, {DECISION_DUE} AS decision_due_at {_OF_SIGNALS} LEFT JOIN LATERAL (SELECT traits, "
            "manner FROM signal_triage d WHERE d.signal_id = s.signal_id ORDER BY triage_id DESC LIMIT 1) t ON true "
            f"{'WHERE ' + ' AND '.join(where) if where else ''} ORDER BY s.last_seen_at DESC, s.signal_id DESC LIMIT :limit"
        ),
        {**values, "limit": limit},
    )
    return row_dicts(rows)


def warnings(
    connection: Connection,
    *,
    state: str | None = None,
    rule_id: str | None = None,
    level: int | None = None,
    trait: str | None = None,
    plan_missing: bool = False,
    number: str | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Warnings, the latest issued first, each with how many signals it cites and whether a plan stands with it (``planned``).

    Args:
        plan_missing: Only those that stand and whose plan is due and not there (R58).
    """
    values = {"state": state, "rule_id": rule_id, "level": level, "trait": trait, "number": number}
    conditions = {"trait": ":trait = ANY(w.traits)", "number": "w.warning_no = :number"}
    where = [
        conditions.get(name, f"w.{name} = :{name}") for name, value in values.items() if value is not None
    ]
    if plan_missing:
        where.append("w.plan_due_at IS NOT NULL AND w.state = 'issued' AND NOT p.planned")
    rows = connection.execute(
        text(
            f"SELECT {_WARNING}, p.planned, p.signals FROM warning w JOIN signal s USING (signal_id) CROSS JOIN LATERAL "
            "(SELECT EXISTS (SELECT 1 FROM warning_plan x WHERE x.warning_id = w.warning_id) AS planned, "
            "(SELECT count(*) FROM warning_signal x WHERE x.warning_id = w.warning_id) AS signals) p "
            f"{'WHERE ' + ' AND '.join(where) if where else ''} ORDER BY w.issued_at DESC, w.warning_no DESC LIMIT :limit"
        ),
        {**values, "limit": limit},
    )
    return row_dicts(rows)


def tellings(connection: Connection, warning_id: str) -> list[dict[str, Any]]:
    """What each organisation was told of a warning, the first message first."""
    rows = connection.execute(
        text(
            "SELECT t.organisation, coalesce(g.name, t.organisation) AS organisation_name, t.at, t.cause, t.level, "
            "cardinality(t.evidence) AS demands, t.message_id FROM telling t LEFT JOIN organisation g ON g.code = t.organisation "
            "WHERE t.warning_id = :id ORDER BY t.telling_id"
        ),
        {"id": warning_id},
    )
    return row_dicts(rows)


def orders_of_warning(connection: Connection, warning_id: str) -> list[dict[str, Any]]:
    """The orders that were made of a warning."""
    rows = connection.execute(
        text(
            f"SELECT {_ORDER} FROM orders o {_NAMED} "
            "WHERE o.origin = 'warning' AND o.origin_id = :id ORDER BY o.order_no"
        ),
        {"id": warning_id},
    )
    return row_dicts(rows)


def endpoint(connection: Connection, endpoint_id: str) -> dict[str, Any]:
    """One endpoint with its sealed secrets, in use or not.

    Raises:
        NotFound: There is none of that name.
    """
    row = connection.execute(
        text(
            "SELECT endpoint_id, organisation, kind, url, timeout_s, sealed_secrets FROM endpoint WHERE endpoint_id = :id"
        ),
        {"id": endpoint_id},
    ).one_or_none()
    if row is None:
        raise _missing("endpoint", endpoint_id, "hub webhook list")
    return {**row._mapping, "sealed_secrets": bytes(row.sealed_secrets)}


def orders(
    connection: Connection, *, organisation: str | None = None, state: str | None = None, limit: int = 20
) -> list[dict[str, Any]]:
    """Orders, the latest first, each with how its message stands (``delivery``: its state, None where it has none)."""
    values = {"organisation": organisation, "state": state}
    where = [f"o.{name} = :{name}" for name, value in values.items() if value is not None]
    rows = connection.execute(
        text(
            f"SELECT {_ORDER}, (SELECT m.state FROM outbox m WHERE m.order_id = o.order_id ORDER BY m.sequence DESC LIMIT 1) AS delivery "
            f"FROM orders o {_NAMED} {'WHERE ' + ' AND '.join(where) if where else ''} "
            "ORDER BY o.created_at DESC, o.order_no DESC LIMIT :limit"
        ),
        {**values, "limit": limit},
    )
    return row_dicts(rows)


def order(connection: Connection, number: str) -> dict[str, Any]:
    """One order by its number or id, with its ``demands``, its row of the ledger (``ledger_no``) and the warning that it came from.

    Raises:
        NotFound: There is none of that number.
    """
    row = connection.execute(
        text(
            f"SELECT {_ORDER}, l.year || '-' || l.seq_no AS ledger_no, w.warning_no FROM orders o "
            f"{_NAMED} LEFT JOIN ledger_order l USING (order_id) "
            "LEFT JOIN warning w ON o.origin = 'warning' AND w.warning_id = o.origin_id "
            "WHERE o.order_no = :no OR o.order_id = :no ORDER BY l.year, l.seq_no LIMIT 1"
        ),
        {"no": number},
    ).one_or_none()
    if row is None:
        raise _missing("order", number, "hub order list")
    found = dict(row._mapping)
    ids = connection.execute(
        text("SELECT demand_id FROM order_demand WHERE order_id = :id"), {"id": found["order_id"]}
    ).scalars()
    return {**found, "demands": demand_heads(connection, list(ids))}


_LEDGER = (
    "SELECT l.year, l.seq_no, l.registered_at, l.origin, l.origin_id, l.watch, l.matter_text, "
    "coalesce(array_agg(o.order_no ORDER BY o.order_no) FILTER (WHERE o.order_no IS NOT NULL), '{}') AS orders, "
    "coalesce(array_agg(DISTINCT coalesce(g.name, o.organisation)) FILTER (WHERE o.order_no IS NOT NULL), '{}') AS organisations, "
    "coalesce(array_agg(DISTINCT o.state) FILTER (WHERE o.order_no IS NOT NULL), '{}') AS states FROM ledger l "
    "LEFT JOIN ledger_order x USING (year, seq_no) LEFT JOIN orders o USING (order_id) LEFT JOIN organisation g ON g.code = o.organisation "
)


def ledger_rows(connection: Connection, *, year: int | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """Rows of the ledger, the latest first, with the orders of each."""
    rows = connection.execute(
        text(
            _LEDGER + "WHERE (CAST(:year AS smallint) IS NULL OR l.year = :year) GROUP BY l.year, l.seq_no "
            "ORDER BY l.year DESC, l.seq_no DESC LIMIT :limit"
        ),
        {"year": year, "limit": limit},
    )
    return row_dicts(rows)


def whole_ledger(connection: Connection, *, year: int | None = None) -> Iterator[dict[str, Any]]:
    """Every row of the ledger in the order of registration, read as it is asked for."""
    rows = connection.execution_options(yield_per=500).execute(
        text(
            _LEDGER + "WHERE (CAST(:year AS smallint) IS NULL OR l.year = :year) GROUP BY l.year, l.seq_no "
            "ORDER BY l.year, l.seq_no"
        ),
        {"year": year},
    )
    for row in rows:
        yield dict(row._mapping)


def chain_lengths(connection: Connection) -> dict[str, int]:
    """How many rows each hash chain has."""
    row = connection.execute(
        text("SELECT (SELECT count(*) FROM ledger) AS ledger, (SELECT count(*) FROM audit_log) AS audit_log")
    ).one()
    return dict(row._mapping)


def streams(connection: Connection, instance: str | None = None) -> list[dict[str, Any]]:
    """The streams that were ever collected, with their positions and how their last run ended."""
    rows = connection.execute(
        text(
            "SELECT s.instance, s.stream, s.channel, s.position, s.updated_at, r.run_id, r.state, r.started_at, r.finished_at "
            "FROM stream_state s LEFT JOIN LATERAL (SELECT run_id, state, started_at, finished_at FROM run "
            "WHERE step = 'collect' AND instance = s.instance AND stream = s.stream ORDER BY started_at DESC LIMIT 1) r ON true "
            "WHERE CAST(:instance AS text) IS NULL OR s.instance = :instance ORDER BY s.instance, s.stream"
        ),
        {"instance": instance},
    )
    return row_dicts(rows)


def _missing(what: str, number: str, where: str) -> NotFound:
    return NotFound(
        f"{what} {number[:40]}: there is none of that number; look for it with `{where}`", code=Code.NOT_FOUND
    )


def open_by_rule(connection: Connection) -> dict[str, tuple[int, int]]:
    """For each rule how many of its signals and warnings are open; rules with neither are absent."""
    rows = connection.execute(
        text(
            "SELECT rule_id, sum(s)::int, sum(w)::int FROM (SELECT rule_id, 1 AS s, 0 AS w FROM signal WHERE state = 'open' "
            "UNION ALL SELECT rule_id, 0, 1 FROM warning WHERE state = 'issued') each GROUP BY rule_id"
        )
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def ids_by_number(connection: Connection, numbers: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """For each (channel, the source's number) the demand, the case or whatever else stands under it; what does not stand is absent."""
    wanted = sorted(numbers)
    found: dict[tuple[str, str], str] = {}
    for table, key, number in _NUMBERED:
        rows = connection.execute(
            text(
                f"SELECT n.channel, n.number, t.{key} FROM unnest(CAST(:channels AS text[]), CAST(:numbers AS text[])) "
                f'AS n (channel, number) JOIN {table} t ON t.channel = n.channel AND t.{number} = n.number COLLATE "C"'
            ),
            {"channels": [channel for channel, _ in wanted], "numbers": [number for _, number in wanted]},
        )
        found.update({(row[0], row[1]): row[2] for row in rows})
    return found


_NUMBERED = (
    ("demand", "demand_id", "source_no"),
    ("rating", "observation_id", "source_no"),
    ("inspection", "observation_id", "source_no"),
    ("finding", "observation_id", "source_no"),
    ("monitor_event", "observation_id", "source_no"),
    (
        "(SELECT c.channel, c.case_id, p.source_no FROM case_part p JOIN service_case c USING (instance, case_no))",
        "case_id",
        "source_no",
    ),
    ("service_case", "case_id", "case_no"),
)


_AUDIT = "audit_id, at, actor, action, subject, purpose, detail"


def audit_rows(
    connection: Connection,
    *,
    action: str | None = None,
    actor: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Lines of the audit log, the latest first; ``action`` is one, or what several begin with (``warning``)."""
    rows = connection.execute(
        text(
            f"SELECT {_AUDIT} FROM audit_log WHERE (CAST(:action AS text) IS NULL OR action = :action "
            "OR starts_with(action, :action || '.')) AND (CAST(:actor AS text) IS NULL OR actor = :actor) "
            "AND (CAST(:subject AS text) IS NULL OR subject = :subject) "
            "AND (CAST(:since AS timestamptz) IS NULL OR at >= :since) AND (CAST(:until AS timestamptz) IS NULL OR at < :until) "
            "ORDER BY audit_id DESC LIMIT :limit"
        ),
        {
            "action": action,
            "actor": actor,
            "subject": subject,
            "since": since,
            "until": until,
            "limit": limit,
        },
    )
    return row_dicts(rows)


def whole_audit(
    connection: Connection, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """Every line of the audit log in the span, the oldest first, some thousands at a time."""
    after = 0
    while True:
        rows = row_dicts(
            connection.execute(
                text(
                    f"SELECT {_AUDIT} FROM audit_log WHERE audit_id > :after "
                    "AND (CAST(:since AS timestamptz) IS NULL OR at >= :since) "
                    "AND (CAST(:until AS timestamptz) IS NULL OR at < :until) ORDER BY audit_id LIMIT 5000"
                ),
                {"after": after, "since": since, "until": until},
            )
        )
        if not rows:
            return
        yield from rows
        after = rows[-1]["audit_id"]
