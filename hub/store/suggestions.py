"""What a model beside the rules was asked and suggested; no rule and no step reads it.

A thing is claimed and its call counted in one transaction, then asked outside of any; a claim whose process died is taken over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Date,
    DateTime,
    Identity,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hub.model.ids import first_ulid
from hub.store.tables import Id, metadata
from hub.store.work import row_dicts

suggestion = Table(
    "suggestion",
    metadata,
    Column("suggestion_id", BigInteger, Identity(), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("subject_id", Id, nullable=False),
    Column("asked_for", Id, nullable=False),
    Column("classifier", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("category", Id),
    Column("summary", Text),
    Column("model", Text),
    Column("tokens", Integer),
    Column("code", Text),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("answered_at", DateTime(timezone=True)),
    UniqueConstraint("subject", "subject_id", "classifier", "asked_for", name="suggestion_subject_key"),
    CheckConstraint("subject IN ('demand', 'signal')", name="subject"),
    CheckConstraint("state IN ('asked', 'suggested', 'refused', 'failed')", name="state"),
    comment="what a model beside the rules suggested for masked words: shown as such, read by no rule and no step",
)

suggestion_day = Table(
    "suggestion_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    comment="calls and tokens of each day of the county: a call is counted before it is made",
)

_LOCK = 0x73756767  # "sugg"
MOST_ATTEMPTS = 3
_AGAIN_AFTER = timedelta(minutes=10)
_MOST_TEXTS = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something that a suggestion is wanted for.

    Attributes:
        subject: ``demand`` or ``signal``.
        asked_for: Digest of the words, or of how many demands a signal has: with another one it is asked anew.
        texts: Title and text of each demand, masked.
    """

    subject: str
    subject_id: str
    asked_for: str
    texts: tuple[tuple[str, str], ...]


# Of a 举报 nothing at all, and nothing of whoever asked to be kept secret (P8); the rest is masked where it is stored.
_MAY_BE_READ = (
    "NOT d.deleted AND d.demand_type <> 'report' AND d.anonymity <> 'secret' AND NOT '廉政' = ANY(d.labels)"
)
_NOT_YET = (
    "NOT EXISTS (SELECT 1 FROM suggestion s WHERE s.subject = :subject AND s.subject_id = w.subject_id "
    "AND s.classifier = :classifier AND s.asked_for = w.asked_for AND (s.state IN ('suggested', 'refused') "
    "OR s.attempts >= :most OR s.asked_at > :again))"
)
_DEMAND = (
    "SELECT w.subject_id, w.asked_for FROM (SELECT d.demand_id AS subject_id, "
    "encode(sha256(convert_to(d.title || E'\\n' || d.text, 'UTF8')), 'hex') AS asked_for "
    "FROM demand_category c JOIN demand d USING (demand_id) "
    f"WHERE c.l2 IS NULL AND c.decided_by <> 'source' AND c.demand_id >= :since_id AND {_MAY_BE_READ}) w "
    f"WHERE {_NOT_YET} ORDER BY w.subject_id DESC LIMIT 1"
)
# Asked again when a signal has twice as many demands.
_SIGNAL = (
    "SELECT w.subject_id, w.asked_for FROM (SELECT g.signal_id AS subject_id, "
    "'demands 2^' || floor(log(2, cardinality(g.demand_ids)))::int AS asked_for FROM signal g "
    "WHERE g.state = 'open' AND NOT g.historical AND g.last_seen_at >= :since AND cardinality(g.demand_ids) > 0 "
    "AND NOT '廉政' = ANY(g.labels) AND NOT EXISTS (SELECT 1 FROM demand d WHERE d.demand_id = ANY(g.demand_ids) "
    f"AND NOT ({_MAY_BE_READ}))) w WHERE {_NOT_YET} ORDER BY w.subject_id DESC LIMIT 1"
)


def alone(connection: Connection) -> None:
    """Lets one process at a time choose and claim, so that no call is counted for what another has taken."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def next_wanted(
    connection: Connection, subject: str, classifier: str, now: datetime, max_age: timedelta
) -> Wanted | None:
    """The latest thing that a person has to look at and this classifier has not been asked for; None when there is none.

    Demands whose category waits for a person; open signals that are about present demands.
    """
    since = now - max_age
    values = {
        "subject": subject,
        "classifier": classifier,
        "most": MOST_ATTEMPTS,
        "again": now - _AGAIN_AFTER,
        "since": since,
        "since_id": first_ulid(int(since.timestamp() * 1000)),
    }
    row = connection.execute(text(_DEMAND if subject == "demand" else _SIGNAL), values).one_or_none()
    if row is None:
        return None
    texts = connection.execute(
        text(
            "SELECT d.title, d.text FROM demand d WHERE d.demand_id = :id"
            if subject == "demand"
            else f"SELECT d.title, d.text FROM signal g JOIN demand d ON d.demand_id = ANY(g.demand_ids) WHERE g.signal_id = :id "
            f"ORDER BY d.submitted_at DESC, d.demand_id LIMIT {_MOST_TEXTS}"
        ),
        {"id": row.subject_id},
    )
    return Wanted(subject, row.subject_id, row.asked_for, tuple((one.title, one.text) for one in texts))


def claim(connection: Connection, wanted: Wanted, classifier: str, now: datetime) -> int | None:
    """Takes something to ask for; its suggestion's id, None where another process has it."""
    found: int | None = connection.execute(
        text(
            "INSERT INTO suggestion (subject, subject_id, asked_for, classifier, state, attempts, asked_at) "
            "VALUES (:subject, :id, :asked_for, :classifier, 'asked', 1, :now) "
            "ON CONFLICT ON CONSTRAINT suggestion_subject_key DO UPDATE SET attempts = suggestion.attempts + 1, state = 'asked', "
            "asked_at = :now WHERE suggestion.state IN ('asked', 'failed') AND suggestion.attempts < :most "
            "AND suggestion.asked_at <= :again RETURNING suggestion_id"
        ),
        {
            "subject": wanted.subject,
            "id": wanted.subject_id,
            "asked_for": wanted.asked_for,
            "classifier": classifier,
            "now": now,
            "most": MOST_ATTEMPTS,
            "again": now - _AGAIN_AFTER,
        },
    ).scalar_one_or_none()
    return found


def count_call(connection: Connection, day: date, *, most_calls: int, most_tokens: int) -> bool:
    """Counts a call that is about to be made; False where the day's calls or tokens are used up, and nothing is counted."""
    connection.execute(
        text(
            "INSERT INTO suggestion_day (day, calls, tokens) VALUES (:day, 0, 0) ON CONFLICT (day) DO NOTHING"
        ),
        {"day": day},
    )
    counted = connection.execute(
        text(
            "UPDATE suggestion_day SET calls = calls + 1 WHERE day = :day AND calls < :calls AND tokens < :tokens"
        ),
        {"day": day, "calls": most_calls, "tokens": most_tokens},
    )
    return counted.rowcount > 0


def settle(
    connection: Connection,
    suggestion_id: int,
    state: str,
    now: datetime,
    *,
    day: date,
    category: str | None = None,
    summary: str | None = None,
    model: str | None = None,
    tokens: int = 0,
    code: str | None = None,
) -> None:
    """Writes what came of a call: ``suggested``, ``refused`` (what it gave is no answer) or ``failed`` (it gave none)."""
    # The day before the row, as where a call is counted and claimed: nobody waits in a circle.
    connection.execute(
        text("UPDATE suggestion_day SET tokens = tokens + :tokens WHERE day = :day"),
        {"tokens": tokens, "day": day},
    )
    connection.execute(
        suggestion.update()
        .where(suggestion.c.suggestion_id == suggestion_id)
        .values(
            state=state,
            category=category,
            summary=summary,
            model=model,
            tokens=tokens,
            code=code,
            answered_at=now,
        )
    )


def of(connection: Connection, subject: str, subject_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What was suggested for these things, the latest first; what was refused or failed is none."""
    rows = connection.execute(
        text(
            "SELECT subject_id, category, summary, classifier, model, answered_at FROM suggestion WHERE subject = :subject "
            "AND subject_id = ANY(:ids) AND state = 'suggested' ORDER BY suggestion_id DESC LIMIT 20"
        ),
        {"subject": subject, "ids": list(subject_ids)},
    )
    return row_dicts(rows)
