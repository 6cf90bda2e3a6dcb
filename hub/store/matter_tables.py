"""The tables of matters 同一诉求（并案）: what stands of each demand's matter, and what it was decided by."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hub.store.tables import Id, metadata

_Moment = DateTime(timezone=True)

matter = Table(
    "matter",
    metadata,
    Column("matter_id", Id, primary_key=True),
    Column("master_id", Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("merged_into", Id),
    Column("protected", Boolean, nullable=False),
    Column("members", Integer, nullable=False),
    Column("created_at", _Moment, nullable=False),
    Column("updated_at", _Moment, nullable=False),
    CheckConstraint("state IN ('open', 'merged', 'left')", name="state"),
    Index("matter_several_idx", "updated_at", postgresql_where=text("members > 1")),
    comment="同一诉求（并案）: demands about one thing; most have one member",
)

matter_member = Table(
    "matter_member",
    metadata,
    Column("demand_id", Id, primary_key=True),
    Column("matter_id", Id, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("submitted_at", _Moment, nullable=False),  # the demand's, so that the index finds a span of it
    Column("said", LargeBinary, nullable=False),  # digest of the text by which it was last looked at
    Column("held", Boolean, nullable=False, server_default=text("false")),
    Column("joined_at", _Moment, nullable=False),
    Column("joined_by", Text, nullable=False),
    Index("matter_member_matter_idx", "matter_id", "submitted_at"),
    comment="the matter of each demand as it stands now; held by a person, no step moves it",
)

matter_text = Table(
    "matter_text",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("demand_id", Id, nullable=False),
    Column("model", Text, nullable=False),
    Column("place_id", Id),
    Column("region_code", Id),
    Column("vector", LargeBinary, nullable=False),
    Column("decision", JSONB, nullable=False),
    Column("decided_at", _Moment, nullable=False),
    comment="what a demand was grouped by and what was decided, frozen: a decision can be made again from it",
    postgresql_with={"toast_tuple_target": 8160},
)

matter_suggestion = Table(
    "matter_suggestion",
    metadata,
    Column("demand_id", Id, primary_key=True),
    Column("matter_id", Id, primary_key=True),
    Column("state", Text, nullable=False),
    Column("score", Double, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("suggested_at", _Moment, nullable=False),
    Column("decided_at", _Moment),
    Column("decided_by", Text),
    Column("reason", Text),
    CheckConstraint("state IN ('suggested', 'confirmed', 'refused', 'void')", name="state"),
    Index("matter_suggestion_matter_idx", "matter_id"),
    Index("matter_suggestion_open_idx", "suggested_at", postgresql_where=text("state = 'suggested'")),
    comment="joins that a person is to confirm or refuse, with what was decided, by whom and why",
)

matter_change = Table(
    "matter_change",
    metadata,
    Column("change_id", BigInteger, Identity(), primary_key=True),
    Column("at", _Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("matter_id", Id, nullable=False),
    Column("other_id", Id),
    Column("demand_ids", ARRAY(Id), nullable=False),
    Index("matter_change_matter_idx", "matter_id"),
    Index("matter_change_other_idx", "other_id", postgresql_where=text("other_id IS NOT NULL")),
    comment="each change of a matter after a demand was first put into one: what, by whom, why",
)

matter_left = Table(
    "matter_left",
    metadata,
    Column("demand_id", Id, primary_key=True),
    Column("matter_id", Id, primary_key=True),
    Column("change_id", BigInteger, primary_key=True, autoincrement=False),
    comment="the matters that a demand has left: the rules look at those again too",
)

matter_posting = Table(
    "matter_posting",
    metadata,
    Column("feature", Id, primary_key=True),
    Column("quarter", Integer, primary_key=True, autoincrement=False),
    Column("entries", LargeBinary, nullable=False),
    comment="by feature and 90 days of event time: the newest demands that have it, so many and no more",
    postgresql_with={"fillfactor": 70},
)

matter_model = Table(
    "matter_model",
    metadata,
    Column("version", Text, primary_key=True),
    Column("texts", BigInteger, nullable=False),
    Column("made_at", _Moment, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    comment="word models: in how many texts each word stood when the version was frozen",
)

matter_count = Table(
    "matter_count",
    metadata,
    Column("count_id", BigInteger, Identity(), primary_key=True),
    Column("texts", Integer, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    comment="words counted since the last word model; added up when the next is made",
)

matter_state = Table(
    "matter_state",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False, server_default="1"),
    Column("model", Text, nullable=False),
    Column("texts", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    CheckConstraint("one = 1", name="one"),
    comment="one row: the word model in use, how many texts were counted, the last number given",
)
