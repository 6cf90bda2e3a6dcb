"""PostgreSQL: the only SQL of the hub itself. Functions take an open SQLAlchemy connection; callers own the transaction."""
