"""A decision on a matter as it is kept, and made again from what is kept (P6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from hub.store import matter_index
from hub.store.engine import Connection
from hub.text.matter import THRESHOLDS, Decision, Member, decide
from hub.text.matter_vector import Vector


def explained(decision: Decision, compared: Sequence[tuple[int, Member]]) -> dict[str, Any]:
    """A decision as it is kept: all that it takes to show it, and with the frozen texts to make it again."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for seq, member in compared:
        numbers[member.matter_id].append(seq)
    return {
        "outcome": decision.outcome.value,
        "matter": decision.matter_id,
        "score": decision.score,
        "nearness": decision.nearness.value,
        "shared": list(decision.shared_words),
        "nearest": [[one.demand_id, round(one.strength, 5)] for one in decision.nearest],
        "compared": {matter_id: sorted(seqs) for matter_id, seqs in numbers.items()},
        "thresholds": decision.thresholds,
    }


def replayed(connection: Connection, seq: int) -> dict[str, Any]:
    """The decision on a frozen text, made again from what was compared then and by the thresholds of then: what is kept.

    Args:
        connection: Any.
        seq: Number of the frozen text.

    Raises:
        NotFound: There is no such text.
        ValueError: It was not decided by likeness (the same record by another route, a text that hardly changed).
    """
    one = matter_index.kept(connection, seq)
    if "compared" not in one.decision:
        raise ValueError(f"text {seq} was not decided by likeness, but as {one.decision['outcome']}")
    matter_of = {at: matter_id for matter_id, seqs in one.decision["compared"].items() for at in seqs}
    compared = [
        (at, Member(other.demand_id, matter_of[at], Vector.from_bytes(other.vector), other.place))
        for at in sorted(matter_of)
        for other in [matter_index.kept(connection, at)]
    ]
    limits = THRESHOLDS[one.decision["thresholds"]]
    decision = decide(Vector.from_bytes(one.vector), one.place, [member for _, member in compared], limits)
    return explained(decision, compared)
