"""Loads what every test of this repository stands on: tests/, plugins/*/tests/ and the examples in the docs."""

pytest_plugins = [
    "tests.support.environment",
    "tests.support.left_out",
    "hub.testing.network",
    "tests.db",
    "tests.support.databases",
    "tests.support.desk",
    "tests.support.delivering",
]
