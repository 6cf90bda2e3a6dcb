"""One person across channels: who left a telephone number here and an identity number there.

A demand that bears both shows that they are one person's. From then on the demands that bear the telephone number alone go by the
identity number too, as long as it is the only one seen with that telephone: a number that several persons share tells nobody.

The number that a call came from, where the caller left no other, is looked up in the same way, and shows nothing itself: a mother's
identity number said on her son's telephone does not make his demands hers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from hub.store.engine import driver, text_array

BY_PHONE = "phone"
BY_CALLER = "caller_phone"
LINKED = "phone_of_id_no"
"""Values of ``reporter_basis``: known by the telephone number; by the number that the call came from; by the identity number that
was seen with either."""
PHONE_OF_CALLER = "PHONE_OF_CALLER"
"""Mark of a demand's ``quality``: its ``phone_key`` is that of the number that the call came from."""

# Two are enough to know that a number is shared. Deleted demands tell nothing.
_WANTED = """
WITH given AS (
    SELECT DISTINCT phone_key FROM demand WHERE demand_id = ANY(%(ids)s::text[]) AND phone_key IS NOT NULL
), owner AS (
    SELECT g.phone_key, CASE WHEN count(o.id_key) = 1 THEN min(o.id_key) ELSE g.phone_key END AS wanted
    FROM given g LEFT JOIN LATERAL (
        SELECT DISTINCT d.id_key FROM demand d
        WHERE d.phone_key = g.phone_key AND d.phone_key IS NOT NULL AND d.phone_key IS DISTINCT FROM d.reporter_key
            AND d.reporter_basis = 'id_no' AND d.id_key IS NOT NULL AND NOT d.deleted
            AND NOT 'PHONE_OF_CALLER' = ANY(d.quality) LIMIT 2
    ) o ON true GROUP BY g.phone_key
), others AS (
    -- Each half is answered by an index: those who go by their telephone, and those who go by its owner.
    SELECT d.demand_id, o.wanted, o.phone_key FROM owner o JOIN demand d ON d.reporter_key = o.phone_key
    WHERE d.reporter_basis IN ('phone', 'caller_phone') AND o.wanted <> o.phone_key
    UNION ALL
    SELECT d.demand_id, o.wanted, o.phone_key FROM owner o JOIN demand d
        ON d.phone_key = o.phone_key AND d.phone_key IS NOT NULL AND d.phone_key IS DISTINCT FROM d.reporter_key
    WHERE d.reporter_basis = 'phone_of_id_no' AND d.reporter_key <> o.wanted
)
SELECT d.demand_id, o.wanted, o.phone_key FROM others o JOIN demand d USING (demand_id)
ORDER BY d.demand_id FOR UPDATE OF d SKIP LOCKED
"""
_HISTORY = """
INSERT INTO demand_history (demand_id, replaced_at, replaced_by, was, sealed)
SELECT demand_id, %s, %s, to_jsonb(d) - 'sealed', sealed FROM demand d WHERE demand_id = ANY(%s)
"""
_UPDATE = """
UPDATE demand d SET reporter_key = w.reporter_key, updated_at = %s,
    reporter_basis = CASE WHEN w.reporter_key <> d.phone_key THEN 'phone_of_id_no'
        WHEN 'PHONE_OF_CALLER' = ANY(d.quality) THEN 'caller_phone' ELSE 'phone' END
FROM unnest(%s::text[], %s::text[]) AS w (demand_id, reporter_key) WHERE d.demand_id = w.demand_id
"""
# The rules then make one of what overlaps.
_SIGNALS = """
WITH moved AS (
    SELECT s.signal_id, m.id_key FROM unnest(%s::text[], %s::text[]) AS m (phone_key, id_key)
    JOIN signal s ON s.subject = 'reporter' AND s.key = m.phone_key ORDER BY s.signal_id FOR UPDATE OF s
)
UPDATE signal s SET key = m.id_key FROM moved m WHERE s.signal_id = m.signal_id
"""


@dataclass(frozen=True, slots=True)
class Linked:
    """What came to light: the demands whose reporter changed, and for each telephone's key the key of the person whose it is."""

    demand_ids: list[str] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)


def link(connection: Connection, demand_ids: Sequence[str], now: datetime, *, by: str) -> Linked:
    """Brings the reporters of all demands that share a telephone number with these into line.

    A demand that another process holds is passed over: whoever changes it lets the rules look at it, and this with them.

    Args:
        connection: Of the evaluation's transaction.
        demand_ids: New or changed demands.
        now: For the history.
        by: Who changes, for the history.
    """
    cursor = driver(connection).cursor()
    cursor.execute(_WANTED, {"ids": text_array(demand_ids)})
    wanted: list[tuple[str, str, str]] = cursor.fetchall()
    changed = [demand_id for demand_id, _, _ in wanted]
    if not changed:
        return Linked()
    cursor.execute(_HISTORY, (now, by, changed))
    cursor.execute(_UPDATE, (now, changed, [key for _, key, _ in wanted]))
    return Linked(changed, {phone: key for _, key, phone in wanted if key != phone})


def move_signals(connection: Connection, owners: Mapping[str, str]) -> None:
    """What was signalled of a telephone number is signalled of its owner from now on.

    The caller holds the keys of both (`hub.store.signals.lock_keys`): another process may be about to write a signal of the number
    for want of knowing whose it is.

    Args:
        connection: Of the evaluation's transaction.
        owners: As `Linked.owners`.
    """
    if owners:
        driver(connection).cursor().execute(_SIGNALS, (list(owners), list(owners.values())))
