"""What records say beside demands: cases and their parts, ratings, inspections, findings, monitor events.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-26
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    "case_part",
    "rating",
    "inspection",
    "finding",
    "monitor_event",
    "service_case",
    "observation_history",
)

# Written out in full and never edited after a release: later tables come with later revisions.
STATEMENTS = (
    """
    CREATE TABLE case_part (
        observation_id TEXT COLLATE "C" NOT NULL,
        stream_id INTEGER NOT NULL,
        source_no TEXT COLLATE "C" NOT NULL,
        record_key TEXT COLLATE "C" NOT NULL,
        raw_id BIGINT NOT NULL,
        channel TEXT NOT NULL,
        instance TEXT NOT NULL,
        watch SMALLINT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deleted BOOLEAN NOT NULL,
        sealed BYTEA NOT NULL,
        quality TEXT[],
        case_no TEXT COLLATE "C" NOT NULL,
        as_of TIMESTAMP WITH TIME ZONE,
        query_code TEXT,
        item_code TEXT,
        item_name TEXT,
        item_type TEXT,
        case_kind TEXT,
        way TEXT,
        region_code TEXT,
        organisation_code TEXT,
        organisation TEXT,
        window_no TEXT,
        post TEXT,
        applied_at TIMESTAMP WITH TIME ZONE,
        preaccepted_at TIMESTAMP WITH TIME ZONE,
        accepted_at TIMESTAMP WITH TIME ZONE,
        accept_doc_no TEXT,
        promised JSONB,
        legal JSONB,
        clock_started_at TIMESTAMP WITH TIME ZONE,
        due_at TIMESTAMP WITH TIME ZONE,
        state TEXT,
        steps JSONB,
        suspensions JSONB,
        corrections JSONB,
        fee_due NUMERIC,
        fee_paid NUMERIC,
        finished_at TIMESTAMP WITH TIME ZONE,
        result TEXT,
        result_doc_no TEXT,
        result_reason TEXT,
        delivered_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT case_part_pkey PRIMARY KEY (observation_id),
        CONSTRAINT case_part_stream_id_source_no_key UNIQUE (stream_id, source_no)
    )
    """,
    """
    CREATE INDEX case_part_case_idx ON case_part (instance, case_no)
    """,
    """
    CREATE INDEX case_part_record_idx ON case_part (stream_id, record_key)
    """,
    """
    COMMENT ON TABLE case_part IS '办件, as single records of a source tell it; service_case puts the parts together'
    """,
    """
    CREATE TABLE rating (
        observation_id TEXT COLLATE "C" NOT NULL,
        stream_id INTEGER NOT NULL,
        source_no TEXT COLLATE "C" NOT NULL,
        record_key TEXT COLLATE "C" NOT NULL,
        raw_id BIGINT NOT NULL,
        channel TEXT NOT NULL,
        instance TEXT NOT NULL,
        watch SMALLINT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deleted BOOLEAN NOT NULL,
        sealed BYTEA NOT NULL,
        quality TEXT[],
        rated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        level SMALLINT NOT NULL,
        level_source_text TEXT,
        case_no TEXT COLLATE "C",
        case_state TEXT,
        visit INTEGER,
        item_code TEXT,
        item_name TEXT,
        way TEXT,
        organisation_code TEXT,
        organisation TEXT,
        window_no TEXT,
        device_no TEXT,
        region_code TEXT,
        is_real_name BOOLEAN,
        tags TEXT[],
        text TEXT,
        appends_to TEXT,
        CONSTRAINT rating_pkey PRIMARY KEY (observation_id),
        CONSTRAINT rating_stream_id_source_no_key UNIQUE (stream_id, source_no)
    )
    """,
    """
    CREATE INDEX rating_case_idx ON rating (case_no) WHERE case_no IS NOT NULL
    """,
    """
    CREATE INDEX rating_rated_idx ON rating (rated_at)
    """,
    """
    CREATE INDEX rating_record_idx ON rating (stream_id, record_key)
    """,
    """
    COMMENT ON TABLE rating IS '评价（好差评）'
    """,
    """
    CREATE TABLE inspection (
        observation_id TEXT COLLATE "C" NOT NULL,
        stream_id INTEGER NOT NULL,
        source_no TEXT COLLATE "C" NOT NULL,
        record_key TEXT COLLATE "C" NOT NULL,
        raw_id BIGINT NOT NULL,
        channel TEXT NOT NULL,
        instance TEXT NOT NULL,
        watch SMALLINT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deleted BOOLEAN NOT NULL,
        sealed BYTEA NOT NULL,
        quality TEXT[],
        inspection_kind TEXT NOT NULL,
        level TEXT,
        centre TEXT,
        area TEXT,
        window_no TEXT,
        region_code TEXT,
        observer_no TEXT,
        authority TEXT,
        planned_on DATE,
        began_at TIMESTAMP WITH TIME ZONE,
        ended_at TIMESTAMP WITH TIME ZONE,
        checklist_version TEXT,
        lines_checked INTEGER,
        lines_failed INTEGER,
        item_code TEXT,
        item_name TEXT,
        step_grades JSONB,
        lawful TEXT,
        effective TEXT,
        hot_topics JSONB,
        summary TEXT,
        CONSTRAINT inspection_pkey PRIMARY KEY (observation_id),
        CONSTRAINT inspection_stream_id_source_no_key UNIQUE (stream_id, source_no)
    )
    """,
    """
    CREATE INDEX inspection_record_idx ON inspection (stream_id, record_key)
    """,
    """
    COMMENT ON TABLE inspection IS '督查巡查、走流程、视察: planned or done'
    """,
    """
    CREATE TABLE finding (
        observation_id TEXT COLLATE "C" NOT NULL,
        stream_id INTEGER NOT NULL,
        source_no TEXT COLLATE "C" NOT NULL,
        record_key TEXT COLLATE "C" NOT NULL,
        raw_id BIGINT NOT NULL,
        channel TEXT NOT NULL,
        instance TEXT NOT NULL,
        watch SMALLINT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deleted BOOLEAN NOT NULL,
        sealed BYTEA NOT NULL,
        quality TEXT[],
        inspection_kind TEXT NOT NULL,
        found_at TIMESTAMP WITH TIME ZONE NOT NULL,
        inspection_no TEXT,
        level TEXT,
        centre TEXT,
        area TEXT,
        window_no TEXT,
        region_code TEXT,
        domain TEXT,
        checklist_item TEXT,
        expected TEXT,
        severity TEXT,
        service_step TEXT,
        item_code TEXT,
        item_name TEXT,
        lawful TEXT,
        effective TEXT,
        pain_points TEXT[],
        traits TEXT[],
        observer_no TEXT,
        authority TEXT,
        authority_name TEXT,
        title TEXT,
        text TEXT NOT NULL,
        proposal TEXT,
        instruction TEXT,
        organisation TEXT,
        co_organisations TEXT[],
        state TEXT,
        rectify_by TIMESTAMP WITH TIME ZONE,
        rectified_at TIMESTAMP WITH TIME ZONE,
        rectification TEXT,
        rechecked_at TIMESTAMP WITH TIME ZONE,
        recheck TEXT,
        confirmed_at TIMESTAMP WITH TIME ZONE,
        previous_no TEXT,
        CONSTRAINT finding_pkey PRIMARY KEY (observation_id),
        CONSTRAINT finding_stream_id_source_no_key UNIQUE (stream_id, source_no)
    )
    """,
    """
    CREATE INDEX finding_found_idx ON finding (found_at)
    """,
    """
    CREATE INDEX finding_record_idx ON finding (stream_id, record_key)
    """,
    """
    COMMENT ON TABLE finding IS '巡查发现'
    """,
    """
    CREATE TABLE monitor_event (
        observation_id TEXT COLLATE "C" NOT NULL,
        stream_id INTEGER NOT NULL,
        source_no TEXT COLLATE "C" NOT NULL,
        record_key TEXT COLLATE "C" NOT NULL,
        raw_id BIGINT NOT NULL,
        channel TEXT NOT NULL,
        instance TEXT NOT NULL,
        watch SMALLINT NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deleted BOOLEAN NOT NULL,
        sealed BYTEA NOT NULL,
        quality TEXT[],
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        anomaly TEXT NOT NULL,
        level SMALLINT NOT NULL,
        module TEXT,
        rule_code TEXT,
        case_no TEXT COLLATE "C",
        process_no TEXT,
        item_code TEXT,
        region_code TEXT,
        organisation_code TEXT,
        organisation TEXT,
        post TEXT,
        window_no TEXT,
        reason TEXT,
        detail TEXT,
        reply_due_at TIMESTAMP WITH TIME ZONE,
        replied_at TIMESTAMP WITH TIME ZONE,
        reply TEXT,
        revoked_at TIMESTAMP WITH TIME ZONE,
        revoke_reason TEXT,
        score_effect DOUBLE PRECISION,
        camera_no TEXT,
        zone TEXT,
        snapshot TEXT,
        confirmed BOOLEAN,
        CONSTRAINT monitor_event_pkey PRIMARY KEY (observation_id),
        CONSTRAINT monitor_event_stream_id_source_no_key UNIQUE (stream_id, source_no)
    )
    """,
    """
    CREATE INDEX monitor_event_case_idx ON monitor_event (case_no) WHERE case_no IS NOT NULL
    """,
    """
    CREATE INDEX monitor_event_occurred_idx ON monitor_event (occurred_at)
    """,
    """
    CREATE INDEX monitor_event_record_idx ON monitor_event (stream_id, record_key)
    """,
    """
    COMMENT ON TABLE monitor_event IS '监察事件'
    """,
    """
    CREATE TABLE service_case (
        case_id TEXT COLLATE "C" NOT NULL,
        instance TEXT NOT NULL,
        channel TEXT NOT NULL,
        parts INTEGER NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deleted BOOLEAN NOT NULL,
        sealed BYTEA NOT NULL,
        quality TEXT[],
        case_no TEXT COLLATE "C" NOT NULL,
        as_of TIMESTAMP WITH TIME ZONE,
        query_code TEXT,
        item_code TEXT,
        item_name TEXT,
        item_type TEXT,
        case_kind TEXT,
        way TEXT,
        region_code TEXT,
        organisation_code TEXT,
        organisation TEXT,
        window_no TEXT,
        post TEXT,
        applied_at TIMESTAMP WITH TIME ZONE,
        preaccepted_at TIMESTAMP WITH TIME ZONE,
        accepted_at TIMESTAMP WITH TIME ZONE,
        accept_doc_no TEXT,
        promised JSONB,
        legal JSONB,
        clock_started_at TIMESTAMP WITH TIME ZONE,
        due_at TIMESTAMP WITH TIME ZONE,
        state TEXT,
        steps JSONB,
        suspensions JSONB,
        corrections JSONB,
        fee_due NUMERIC,
        fee_paid NUMERIC,
        finished_at TIMESTAMP WITH TIME ZONE,
        result TEXT,
        result_doc_no TEXT,
        result_reason TEXT,
        delivered_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT service_case_pkey PRIMARY KEY (case_id),
        CONSTRAINT service_case_instance_case_no_key UNIQUE (instance, case_no)
    )
    """,
    """
    COMMENT ON TABLE service_case IS '办件 as it stands now, put together from case_part; made anew whenever one of its parts changes'
    """,
    """
    CREATE TABLE observation_history (
        history_id BIGINT GENERATED BY DEFAULT AS IDENTITY,
        kind TEXT NOT NULL,
        observation_id TEXT COLLATE "C" NOT NULL,
        replaced_at TIMESTAMP WITH TIME ZONE NOT NULL,
        replaced_by TEXT NOT NULL,
        was JSONB NOT NULL,
        sealed BYTEA NOT NULL,
        CONSTRAINT observation_history_pkey PRIMARY KEY (history_id)
    )
    """,
    """
    CREATE INDEX observation_history_observation_idx ON observation_history (observation_id, history_id)
    """,
    """
    COMMENT ON TABLE observation_history IS 'each state that an observation has left: columns as JSON, sealed value as it was'
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN sealed SET STORAGE EXTERNAL")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
