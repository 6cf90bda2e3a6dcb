"""What must be the same however the work was interrupted or shared: the end state without ids and times."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from hub.store.engine import Store

_QUERIES = {
    "demands": "SELECT instance, source_no, status, title, text, demand_type, deleted FROM demand",
    "identities": "SELECT s.instance, r.source_no, r.changes, encode(r.content_hash, 'hex') FROM source_record r "
    "JOIN stream_state s USING (stream_id)",
    "raw": "SELECT s.instance, r.source_no, r.outcome, encode(r.content_hash, 'hex') FROM raw_record r "
    "JOIN stream_state s USING (stream_id)",
    "quarantine": "SELECT s.instance, q.source_no, q.code FROM quarantine q JOIN stream_state s USING (stream_id)",
    # Merged rows tell how demands happened to be batched; what they were merged into is compared.
    "signals": "SELECT g.rule_id, g.state, g.level, g.historical, g.value, g.window_from, g.window_to, "
    "(SELECT array_agg(d.source_no ORDER BY d.source_no) FROM demand d WHERE d.demand_id = ANY(g.demand_ids)) FROM signal g WHERE g.state <> 'merged'",
    "warnings": "SELECT w.rule_id, w.level, w.state, g.window_from FROM warning w JOIN signal g USING (signal_id)",
    "orders": "SELECT o.origin, o.organisation, o.level, (SELECT array_agg(d.source_no ORDER BY d.source_no) FROM order_demand m "
    "JOIN demand d USING (demand_id) WHERE m.order_id = o.order_id) FROM orders o",
    "messages": "SELECT organisation, event_type, state FROM outbox",
    "ledger": "SELECT year, seq_no FROM ledger",
    "history": "SELECT count(*) FROM demand_history",
    "waiting": "SELECT (SELECT count(*) FROM normalize_work), (SELECT count(*) FROM evaluate_work)",
    "reconciled": "SELECT count(*) FROM run WHERE collected <> stored + duplicate + quarantined + pending",
}


def end_state(store: Store) -> dict[str, list[Any]]:
    """Every query's rows, sorted."""
    with store.begin() as connection:
        return {
            name: sorted((tuple(map(str, row)) for row in connection.execute(text(query))), key=str)
            for name, query in _QUERIES.items()
        }
