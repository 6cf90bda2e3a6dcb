"""Tests see none of the developer's own settings: no HUB_* or AIRFLOW* variable, no proxy; and no time decides one."""

import os

import pytest
from hypothesis import settings

_KEPT_PREFIX = "HUB_TEST_"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy")


def pytest_configure(config: pytest.Config) -> None:
    """Takes the variables out once, before any test module is imported, child processes included."""
    for name in list(os.environ):
        is_ours = name.startswith(("HUB_", "AIRFLOW")) and not name.startswith(_KEPT_PREFIX)
        if is_ours or name.lower() in _PROXIES:
            del os.environ[name]
    # How long an example takes says something about the machine, nothing about the code.
    settings.register_profile("hub", deadline=None)
    settings.load_profile("hub")
