"""Fixtures shared by the hub's own tests; a test's database comes from tests/db.py."""
