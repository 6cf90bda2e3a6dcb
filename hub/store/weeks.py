"""What was judged of whole weeks: which rule judged which week by what, and which series it has found to be too many.

The lists of study (研判清单) stand here too: each leaves a record, an empty one as well.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Identity, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from hub.store.tables import EMPTY_OBJECT, Id, Moment, metadata

week_judged = Table(
    "week_judged",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("week", Date, primary_key=True),
    Column("judged_at", Moment, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("series", Integer, nullable=False),
    Column("notes", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    comment="weeks that a rule has judged as a whole; taken away when a count changes that it went by",
)

week_verdict = Table(
    "week_verdict",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("series", Id, primary_key=True),
    Column("week", Date, primary_key=True),
    Column("observed", Double, nullable=False),
    Column("expected", Double),
    Column("upper", Double),
    Column("p_value", Double),
    Column("q_value", Double),
    Column("alarm", Boolean, nullable=False),
    Column("method", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Index("week_verdict_week_idx", "rule_id", "week"),
    comment="series that a rule found to be beyond what it expects of a week, whether it is an alarm or not",
)

study = Table(
    "study",
    metadata,
    Column("study_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("document", JSONB, nullable=False),
    Index("study_kind_idx", "kind", "made_at"),
    comment="研判清单: each list that was made, whole, an empty one as well (R56)",
)
