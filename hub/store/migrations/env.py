"""Alembic's entry: runs the revisions on the connection that `hub.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from hub.store.schema import whole_schema

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=whole_schema(), transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
