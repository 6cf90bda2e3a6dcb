"""Every table of the hub, as SQLAlchemy Core; migrations/ makes them, and a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

# Identifiers compare byte by byte: ULIDs sort by time, and an index on them never depends on a locale.
Id = Text(collation="C")
Moment = DateTime(timezone=True)
EMPTY_ARRAY = text("'{}'")
EMPTY_OBJECT = text("'{}'::jsonb")

raw_id_seq = Sequence("raw_id_seq", metadata=metadata, data_type=BigInteger)


def _moment(name: str, *, nullable: bool = False, default_now: bool = False) -> Column[object]:
    return Column(name, Moment, nullable=nullable, server_default=text("now()") if default_now else None)


stream_state = Table(
    "stream_state",
    metadata,
    Column("stream_id", Integer, Identity(), primary_key=True),
    Column("instance", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("position", JSONB),
    Column("owner_run", BigInteger),  # fencing: a page commits only under the run that owns the stream
    _moment("updated_at", default_now=True),
    UniqueConstraint("instance", "stream"),
    comment="one row a stream of a configured channel: its position and the run that may move it",
)

run = Table(
    "run",
    metadata,
    Column("run_id", BigInteger, Identity(), primary_key=True),
    Column("step", Text, nullable=False),
    Column("instance", Text),
    Column("stream", Text),
    Column("state", Text, nullable=False),
    _moment("started_at"),
    _moment("heartbeat_at"),
    _moment("finished_at", nullable=True),
    Column("collected", BigInteger, nullable=False, server_default="0"),
    Column("stored", BigInteger, nullable=False, server_default="0"),
    Column("duplicate", BigInteger, nullable=False, server_default="0"),
    Column("quarantined", BigInteger, nullable=False, server_default="0"),
    Column("pending", BigInteger, nullable=False, server_default="0"),
    Column("pages", Integer, nullable=False, server_default="0"),
    Column("counts", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("problems", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("position_before", JSONB),
    Column("position_after", JSONB),
    Column("plugin_version", Text),
    CheckConstraint("collected = stored + duplicate + quarantined + pending", name="reconciles"),
    Index("run_step_started_idx", "step", "started_at"),
    Index("run_instance_started_idx", "instance", "started_at"),
    comment="one row a run of a step; collecting runs carry the counts of P3 for ever",
)

source_record = Table(
    "source_record",
    metadata,
    Column("stream_id", Integer, primary_key=True, autoincrement=False),
    Column("source_no", Id, primary_key=True),
    Column("version", Id),
    Column("content_hash", LargeBinary, nullable=False),
    Column("raw_id", BigInteger, nullable=False),
    Column("demand_id", Id),
    Column(
        "more_demand_ids", ARRAY(Id), nullable=False, server_default=EMPTY_ARRAY
    ),  # of a record that says several
    Column("changes", Integer, nullable=False, server_default="1"),
    Column("rewritten", Boolean, nullable=False, server_default=text("false")),
    Column("deleted", Boolean, nullable=False, server_default=text("false")),
    _moment("first_seen_at"),
    comment="a record's identity and what stands now (design §4); unpartitioned, for its unique key",
)

raw_record = Table(
    "raw_record",
    metadata,
    Column("raw_id", BigInteger, primary_key=True, autoincrement=False),
    Column("received_at", Moment, primary_key=True),
    Column("stream_id", Integer, nullable=False),
    Column("source_no", Id),
    Column("version", Id),
    Column("run_id", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("deleted", Boolean, nullable=False, server_default=text("false")),
    Column("content_hash", LargeBinary, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("plugin_version", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_files", LargeBinary),  # names and hashes of the attachments that came along
    CheckConstraint("outcome IN ('stored', 'duplicate', 'quarantined', 'pending')", name="outcome"),
    postgresql_partition_by="RANGE (received_at)",
    comment="bytes as they came, sealed; partitioned by month of receipt",
)

normalize_work = Table(
    "normalize_work",
    metadata,
    Column("work_id", BigInteger, Identity(), primary_key=True),
    Column("stream_id", Integer, nullable=False),
    Column("raw_ids", ARRAY(BigInteger), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _moment("not_before", default_now=True),
    comment="records that wait to be normalized; claimed with SKIP LOCKED, deleted by id",
)

evaluate_work = Table(
    "evaluate_work",
    metadata,
    Column("work_id", BigInteger, Identity(), primary_key=True),
    Column("demand_ids", ARRAY(Id), nullable=False),
    Column("rule_ids", ARRAY(Text)),  # only these rules, after one of them failed; NULL for all
    Column("placed", Boolean, nullable=False, server_default=text("false")),  # rules see the place
    Column("grouped", Boolean, nullable=False, server_default=text("false")),  # and the matter
    Column("attempts", Integer, nullable=False, server_default="0"),
    _moment("not_before", default_now=True),
    _moment("created_at", default_now=True),
    comment="demands that are new or changed and wait for the rules",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("stream_id", Integer, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("raw_id", BigInteger),
    _moment("raw_received_at", nullable=True),
    Column("source_no", Id),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("field", Text),
    Column("plugin_version", Text, nullable=False),
    Column("sealed_page", LargeBinary),
    _moment("set_aside_at", default_now=True),
    _moment("settled_at", nullable=True),
    Column("settled_as", Text),
    Column("replays", Integer, nullable=False, server_default="0"),
    CheckConstraint("kind IN ('record', 'page')", name="kind"),
    CheckConstraint(
        "(kind = 'record' AND raw_id IS NOT NULL) OR (kind = 'page' AND sealed_page IS NOT NULL)",
        name="bytes_kept",
    ),
    Index("quarantine_open_idx", "stream_id", "code", postgresql_where=text("settled_at IS NULL")),
    Index("quarantine_raw_id_idx", "raw_id"),
    comment="待核数据: what could not be used, with its reason; the bytes stand in raw_record or here",
)

attachment = Table(
    "attachment",
    metadata,
    Column("sha256", Id, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    _moment("first_seen_at", default_now=True),
    comment="bytes of attachments, sealed, each kept once",
)

demand = Table(
    "demand",
    metadata,
    Column("demand_id", Id, primary_key=True),
    Column("demand_no", Id, nullable=False),
    Column("stream_id", Integer, nullable=False),
    Column("source_no", Id, nullable=False),
    Column("raw_id", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("watch", SmallInteger, nullable=False),
    Column("nature", Text, nullable=False),
    _moment("submitted_at"),
    _moment("received_at"),
    _moment("updated_at"),
    Column("demand_type", Text, nullable=False),
    Column("type_source_text", Text),
    Column("status", Text, nullable=False),
    Column("urgency", SmallInteger, nullable=False),
    Column("anonymity", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reporter_key", Id),
    Column("reporter_basis", Text),
    Column("reporter_type", Text, nullable=False),
    Column("phone_key", Id),
    Column("id_key", Id),
    Column("email_key", Id),
    Column("name_key", Id),
    Column("category", Text),
    Column("region_code", Text),
    Column("item_code", Text),
    Column("item_name", Text),
    Column("case_no", Text),
    Column("target_org", Text),
    Column("business_class", Text, nullable=False),
    Column("service_step", Text),
    Column("sub_source", Text),
    Column("declared_group_size", Integer),
    Column("chases_open_order", Boolean, nullable=False),
    Column("prev_source_no", Text),
    Column("assigned_no", Text),
    _moment("deadline_at", nullable=True),
    _moment("occurred_at", nullable=True),
    Column("longitude", Double),
    Column("latitude", Double),
    Column("datum", Text),
    Column("labels", ARRAY(Text), nullable=False, server_default=EMPTY_ARRAY),
    Column("quality", ARRAY(Text), nullable=False, server_default=EMPTY_ARRAY),
    Column("findings", JSONB),
    Column("confirmed", ARRAY(Text), nullable=False, server_default=EMPTY_ARRAY),
    Column("deleted", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    # Found by the hub after landing: a place of the gazetteer, or those that one name may stand for.
    Column("place_id", Id),
    Column("place_candidates", ARRAY(Id)),
    Column("region_by_place", Boolean, nullable=False, server_default=text("false")),
    Index("demand_demand_no_key", "demand_no", unique=True),
    Index(
        "demand_reporter_idx",
        "reporter_key",
        "submitted_at",
        postgresql_where=text("reporter_key IS NOT NULL"),
    ),
    # Only what demand_reporter_idx does not find: most callers are known by their telephone itself.
    Index(
        "demand_phone_idx",
        "phone_key",
        postgresql_where=text("phone_key IS NOT NULL AND phone_key IS DISTINCT FROM reporter_key"),
    ),
    # Where the rules look for what a window could not do: some hundred a year.
    Index(
        "demand_unresolved_item_idx",
        text("coalesce(item_code, item_name)"),
        "submitted_at",
        postgresql_where=text("channel = 'unresolved_window'"),
    ),
    Index(
        "demand_unresolved_org_idx",
        "target_org",
        "submitted_at",
        postgresql_where=text("channel = 'unresolved_window'"),
    ),
    Index("demand_assigned_idx", "assigned_no", postgresql_where=text("assigned_no IS NOT NULL")),
    comment="诉求 as it stands now; personal data and full text in sealed, masked copies in title and text",
)

demand_history = Table(
    "demand_history",
    metadata,
    Column("history_id", BigInteger, Identity(), primary_key=True),
    Column("demand_id", Id, nullable=False),
    _moment("replaced_at"),
    Column("replaced_by", Text, nullable=False),
    Column("was", JSONB, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("demand_history_demand_idx", "demand_id", "history_id"),
    comment="each state that a demand has left: columns as JSON, sealed value as it was",
)

signal = Table(
    "signal",
    metadata,
    Column("signal_id", Id, primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("params", JSONB, nullable=False),
    Column("subject", Text, nullable=False),
    Column("key", Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("historical", Boolean, nullable=False),
    _moment("window_from"),
    _moment("window_to"),
    Column("metric", Text, nullable=False),
    Column("value", Double, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("baseline", Double),
    Column("demand_ids", ARRAY(Id), nullable=False),
    Column(
        "observed", ARRAY(Id), nullable=False, server_default=EMPTY_ARRAY
    ),  # kind:id of what else it rests on
    Column("organisation", Text),
    Column("reporters", Integer, nullable=False),
    Column("summary", Text, nullable=False),
    Column("auto_issue", Boolean, nullable=False),
    Column("labels", ARRAY(Text), nullable=False, server_default=EMPTY_ARRAY),
    _moment("first_seen_at"),
    _moment("last_seen_at"),
    _moment("triaged_at", nullable=True),
    Column("triaged_by", Text),
    Column("triage_verdict", Text),
    Column("triage_reason", Text),
    Column("merged_into", Id),
    # Warned of under a provisional limit, which has proved wrong: its warning is to be taken back.
    _moment("lapsed_at", nullable=True),
    CheckConstraint("state IN ('open', 'warned', 'dismissed', 'merged')", name="state"),
    CheckConstraint("level BETWEEN 1 AND 3", name="level"),
    Index("signal_rule_key_idx", "rule_id", "key"),
    Index("signal_open_idx", "state", "auto_issue", postgresql_where=text("state = 'open'")),
    Index("signal_warned_idx", "rule_id", "last_seen_at", postgresql_where=text("state = 'warned'")),
    Index(
        "signal_lapsed_idx",
        "signal_id",
        postgresql_where=text("lapsed_at IS NOT NULL AND state = 'warned'"),
    ),
    comment="苗头信息: one episode of one rule and key, with everything that explains it (P6)",
)

warning = Table(
    "warning",
    metadata,
    Column("warning_id", Id, primary_key=True),
    Column("warning_no", Id, nullable=False, unique=True),
    Column(
        "signal_id", Id, ForeignKey("signal.signal_id"), nullable=False
    ),  # the first of its warning_signal
    Column("rule_id", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    _moment("issued_at"),
    Column("issued_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _moment("dispatched_at", nullable=True),
    Column("manner", Text, nullable=False, server_default="individual"),
    Column("traits", ARRAY(Text), nullable=False, server_default=EMPTY_ARRAY),
    Column("stage", Text, nullable=False, server_default="warned"),
    _moment("plan_due_at", nullable=True),
    _moment("revoked_at", nullable=True),
    Column("revoked_by", Text),
    Column("revoked_why", Text),
    # What it is about, from its issue on, and whom, once somebody was told of it: rules that count warnings ask by these.
    Column("organisation", Id),
    Column("item_code", Id),
    Column("window_no", Id),
    Column("post", Id),
    CheckConstraint("state IN ('issued', 'revoked', 'closed')", name="state"),
    CheckConstraint("level BETWEEN 1 AND 3", name="level"),
    Index("warning_signal_id_idx", "signal_id"),
    Index(
        "warning_undispatched_idx",
        text("level DESC"),
        "warning_id",
        postgresql_where=text("dispatched_at IS NULL"),
    ),
    Index("warning_open_idx", "rule_id", "level", postgresql_where=text("state = 'issued'")),
    Index(
        "warning_plan_due_idx",
        "plan_due_at",
        postgresql_where=text("plan_due_at IS NOT NULL AND state = 'issued'"),
    ),
    *(
        Index(f"warning_{name}_idx", column, "issued_at", postgresql_where=text(f"{column} IS NOT NULL"))
        for name, column in (
            ("organisation", "organisation"),
            ("item", "item_code"),
            ("window", "window_no"),
            ("post", "post"),
        )
    ),
    comment="预警: a signal that triage, or its rule's auto_issue, found worth a department's attention",
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", Id, primary_key=True),
    Column("order_no", Id, nullable=False, unique=True),
    Column("origin", Text, nullable=False),
    Column("origin_id", Id, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("routed_by", Text, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
    _moment("created_at"),
    _moment("due_at", nullable=True),
    Column("due_basis", Text),
    Column("due_provisional", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("origin", "origin_id", "organisation"),
    CheckConstraint("origin IN ('warning', 'demand', 'finding', 'matter')", name="origin"),
    Index(
        "orders_open_idx",
        "organisation",
        "state",
        "level",
        postgresql_where=text("state <> 'closed' AND state <> 'withdrawn'"),
    ),
    comment="交办单; one a (origin, organisation), so that dispatching again changes nothing",
)

order_demand = Table(
    "order_demand",
    metadata,
    Column("order_id", Id, ForeignKey("orders.order_id"), primary_key=True),
    Column("demand_id", Id, primary_key=True),
    Index("order_demand_demand_idx", "demand_id"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("message_id", Id, primary_key=True),
    Column("sequence", BigInteger, Identity(), nullable=False),
    Column("organisation", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("order_id", Id),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _moment("next_at"),
    Column("lease_token", BigInteger, nullable=False, server_default="0"),
    _moment("lease_until", nullable=True),
    _moment("created_at"),
    _moment("settled_at", nullable=True),
    Column("last_code", Text),
    Index(
        "outbox_waiting_idx",
        "organisation",
        text("LEAST(attempts, 1)"),
        "next_at",
        "sequence",
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("outbox_failed_idx", "organisation", postgresql_where=text("state = 'failed'")),
    Index("outbox_order_idx", "order_id"),
    comment="messages to be delivered, written in the transaction that made their order",
)

delivery_attempt = Table(
    "delivery_attempt",
    metadata,
    Column("attempt_id", BigInteger, Identity(), primary_key=True),
    Column("message_id", Id, nullable=False),
    Column("number", Integer, nullable=False),
    Column("endpoint_id", Text),
    _moment("started_at"),
    Column("duration_ms", Integer, nullable=False),
    Column("status", Integer),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("detail", Text),
    Index("delivery_attempt_message_idx", "message_id", "number"),
    comment="every try of every message, kept",
)

organisation = Table(
    "organisation",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("aliases", ARRAY(Text), nullable=False, server_default=EMPTY_ARRAY),
    Column("handling_office", Boolean, nullable=False, server_default=text("false")),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("config_version", BigInteger, nullable=False),
    comment="单位 (R5): data, imported by `hub config apply`",
)

endpoint = Table(
    "endpoint",
    metadata,
    Column("endpoint_id", Text, primary_key=True),
    Column("organisation", Text, ForeignKey("organisation.code"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("sealed_secrets", LargeBinary, nullable=False),
    Column("timeout_s", Double, nullable=False, server_default="15"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    _moment("disabled_at", nullable=True),
    Column("disabled_code", Text),
    Column("config_version", BigInteger, nullable=False),
    Index("endpoint_organisation_idx", "organisation"),
)

routing_rule = Table(
    "routing_rule",
    metadata,
    Column("routing_id", Text, primary_key=True),
    Column("priority", Integer, nullable=False),
    Column("matches", JSONB, nullable=False),
    Column("organisation", Text, ForeignKey("organisation.code"), nullable=False),
    Column("config_version", BigInteger, nullable=False),
    comment="派单目录: the first whose conditions all hold names the host; matches = {field: [values]}",
)

rule_params = Table(
    "rule_params",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("params", JSONB, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner", Text),
    _moment("valid_from", default_now=True),
    _moment("taken_up_at", nullable=True),
    comment="监察规则设置 (R37): a change takes effect without redeploy and names its author and reason",
)

config_version = Table(
    "config_version",
    metadata,
    Column("version", BigInteger, Identity(), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("author", Text, nullable=False),
    _moment("applied_at", default_now=True),
    Column("document", JSONB, nullable=False),
    comment="each document that `hub config apply` imported; secrets are left out",
)

ledger = Table(
    "ledger",
    metadata,
    Column("year", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq_no", Integer, primary_key=True, autoincrement=False),
    _moment("registered_at"),
    Column("origin", Text, nullable=False),
    Column("origin_id", Id, nullable=False),
    Column("watch", SmallInteger),
    Column("matter_text", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hash_prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("origin", "origin_id"),
    comment="未诉诉求登记台账: one row a matter handed to the handling office, gap-free per year, hash-chained",
)

ledger_order = Table(
    "ledger_order",
    metadata,
    Column("year", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq_no", Integer, primary_key=True, autoincrement=False),
    Column("order_id", Id, ForeignKey("orders.order_id"), primary_key=True),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("audit_id", BigInteger, primary_key=True, autoincrement=False),
    _moment("at"),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("purpose", Text),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("digest", LargeBinary, nullable=False),
    Column("hash_prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    comment="who did or saw what, when and why; append-only, hash-chained",
)
