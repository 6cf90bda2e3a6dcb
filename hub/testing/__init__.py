"""What a plugin's author tests with: contract suites to subclass, a source that misbehaves, factories. Needs pytest."""

import pytest

# A contract's failure shows what was compared, as in the author's own test files.
pytest.register_assert_rewrite(
    "hub.testing.contract",
    "hub.testing.declared",
    "hub.testing.live",
    "hub.testing.push",
    "hub.testing.sheets",
    "hub.testing.views",
    "hub.testing.xml",
)
