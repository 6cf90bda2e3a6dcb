"""What lists and single views show of matters: reading only. Of a protected matter (举报, 廉政) no words, only numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from hub.store.work import row_dicts

# Who is deleted or void counts no more; who came by two routes counts once.
_LIVE = "NOT d.deleted AND d.status <> 'void' AND NOT EXISTS (SELECT 1 FROM demand_link l WHERE l.demand_id = d.demand_id)"
_FIGURES = (
    f"SELECT count(*) FILTER (WHERE {_LIVE}) AS demands, count(DISTINCT d.reporter_key) FILTER (WHERE {_LIVE}) AS reporters, "
    "min(d.submitted_at) AS first_submitted_at, max(d.submitted_at) AS last_submitted_at "
    "FROM matter_member x JOIN demand d USING (demand_id) WHERE x.matter_id = m.matter_id"
)
_MATTER = (
    "m.matter_id, o.demand_no AS matter_no, m.state, m.protected, m.members, f.demands, f.reporters, f.first_submitted_at, "
    "f.last_submitted_at, m.created_at, m.updated_at, CASE WHEN NOT m.protected THEN o.title END AS title"
)


def matters(
    connection: Connection, *, least: int = 2, protected: bool | None = None, limit: int = 20
) -> list[dict[str, Any]]:
    """Matters with at least so many members (two or more), the latest changed first."""
    rows = connection.execute(
        text(
            f"SELECT {_MATTER} FROM (SELECT * FROM matter WHERE members > 1 AND members >= :least AND state = 'open' "
            "AND (CAST(:protected AS bool) IS NULL OR protected = :protected) ORDER BY updated_at DESC, matter_id DESC LIMIT :limit) m "
            f"LEFT JOIN demand o ON o.demand_id = m.master_id CROSS JOIN LATERAL ({_FIGURES}) f "
            "ORDER BY m.updated_at DESC, m.matter_id DESC"
        ),
        {"least": least, "protected": protected, "limit": limit},
    )
    return row_dicts(rows)


def matter(connection: Connection, matter_id: str, *, limit: int) -> dict[str, Any]:
    """One matter with its members (the latest submitted first, so many), what was suggested of it, and its changes."""
    values = {"id": matter_id, "limit": limit}
    found = connection.execute(
        text(
            f"SELECT {_MATTER} FROM matter m LEFT JOIN demand o ON o.demand_id = m.master_id CROSS JOIN LATERAL ({_FIGURES}) f "
            "WHERE m.matter_id = :id"
        ),
        values,
    ).one()
    members = connection.execute(
        text(
            "SELECT d.demand_no, d.instance, d.submitted_at, d.demand_type, d.status, d.deleted, d.place_id, x.held, x.joined_at, "
            "x.joined_by, CASE WHEN NOT m.protected THEN d.title END AS title, t.decision ->> 'outcome' AS outcome, "
            "CAST(t.decision ->> 'score' AS float8) AS score, "
            "CASE WHEN NOT m.protected THEN t.decision -> 'shared' END AS shared, "
            "EXISTS (SELECT 1 FROM demand_link l WHERE l.demand_id = d.demand_id) AS counted_elsewhere "
            "FROM matter m JOIN matter_member x USING (matter_id) JOIN demand d USING (demand_id) JOIN matter_text t ON t.seq = x.seq "
            "WHERE m.matter_id = :id ORDER BY d.submitted_at DESC, d.demand_id DESC LIMIT :limit"
        ),
        values,
    )
    changes = connection.execute(
        text(
            "SELECT c.at, c.by, c.action, c.reason, c.matter_id, c.other_id, cardinality(c.demand_ids) AS demands "
            "FROM matter_change c WHERE c.matter_id = :id OR c.other_id = :id ORDER BY c.change_id"
        ),
        values,
    )
    return {
        **found._mapping,
        "members_listed": row_dicts(members),
        "suggestions": suggested(connection, matter_id=matter_id, limit=limit),
        "changes": row_dicts(changes),
    }


def suggested(
    connection: Connection, *, matter_id: str | None = None, limit: int = 20
) -> list[dict[str, Any]]:
    """Joins that wait for a person, the surest first: the demand, the matter, the score and the words that both have.

    Args:
        connection: Any.
        matter_id: Only those from or to this matter.
        limit: At most so many.
    """
    rows = connection.execute(
        text(
            "SELECT d.demand_no, s.matter_id, o.demand_no AS matter_no, m.members, s.score, s.suggested_at, m.protected, "
            "CASE WHEN NOT m.protected THEN d.title END AS title, CASE WHEN NOT m.protected THEN o.title END AS matter_title, "
            "CASE WHEN NOT m.protected THEN t.decision -> 'shared' END AS shared "
            "FROM (SELECT * FROM matter_suggestion s WHERE state = 'suggested' AND (CAST(:id AS text) IS NULL OR matter_id = :id "
            "OR demand_id IN (SELECT demand_id FROM matter_member WHERE matter_id = :id)) "
            "ORDER BY score DESC, suggested_at DESC, demand_id LIMIT :limit) s "
            "JOIN demand d USING (demand_id) JOIN matter m ON m.matter_id = s.matter_id "
            "LEFT JOIN demand o ON o.demand_id = m.master_id LEFT JOIN matter_text t ON t.seq = s.seq "
            "ORDER BY s.score DESC, s.suggested_at DESC, s.demand_id"
        ),
        {"id": matter_id, "limit": limit},
    )
    return row_dicts(rows)


def of_demand(connection: Connection, demand_id: str) -> dict[str, Any] | None:
    """The matter of a demand: number, members and how it came into it; None where it is in none."""
    return reasons(connection, [demand_id]).get(demand_id)


def reasons(connection: Connection, demand_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Why each of these demands is in its matter, for what explains a warning.

    Returns:
        By demand id: ``matter_no``, ``members``, ``protected``, ``outcome`` (``join``, ``suggest``, ``new``, ``same_record``, ``kept``),
        ``score``, ``shared`` (words that the demand and the nearest member both have; None of what is protected), ``nearest``
        (numbers of the members that decided), ``place_id`` and ``thresholds``. A demand that is in no matter is absent.
    """
    rows = connection.execute(
        text(
            "SELECT x.demand_id, o.demand_no AS matter_no, m.members, m.protected, x.held, x.joined_by, t.place_id, "
            "t.decision ->> 'outcome' AS outcome, CAST(t.decision ->> 'score' AS float8) AS score, "
            "CASE WHEN NOT m.protected THEN t.decision -> 'shared' END AS shared, t.decision ->> 'thresholds' AS thresholds, "
            "ARRAY(SELECT d.demand_no FROM jsonb_array_elements(t.decision -> 'nearest') n JOIN demand d ON d.demand_id = n ->> 0) "
            "AS nearest FROM matter_member x JOIN matter m USING (matter_id) JOIN matter_text t ON t.seq = x.seq "
            "LEFT JOIN demand o ON o.demand_id = m.master_id WHERE x.demand_id = ANY(:ids)"
        ),
        {"ids": list(demand_ids)},
    )
    return {row["demand_id"]: row for row in row_dicts(rows)}
