"""Which addresses a webhook may reach."""

from __future__ import annotations

import asyncio

import pytest

from hub.builtin.webhook import AddressGuard, AddressRefused
from hub.errors import Code, ConfigError


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("10.1.2.3", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("::ffff:10.1.2.3", True),
        ("::ffff:127.0.0.1", False),
        ("fd00::1", True),
        ("fd00::1%eth0", True),
        ("::1", False),
        ("10.1", False),
        ("167772161", False),
        ("0x0a.0.0.1", False),
        ("department.example", False),
        ("", False),
    ],
)
def test_only_literal_addresses_of_the_listed_networks_are_allowed(address, allowed):
    assert AddressGuard(["10.0.0.0/8", "fd00::/8"]).allows(address) is allowed


def test_a_network_that_is_none_is_named_at_the_start():
    with pytest.raises(ConfigError) as caught:
        AddressGuard(["10.0.0.0/33"])
    assert caught.value.code is Code.CONFIG_INVALID


def test_a_name_gives_its_allowed_addresses_only():
    found = asyncio.run(AddressGuard(["127.0.0.0/8"]).resolve("localhost", 80, 0))
    assert {place["host"] for place in found} == {"127.0.0.1"}


def test_a_name_without_an_allowed_address_is_refused():
    with pytest.raises(AddressRefused):
        asyncio.run(AddressGuard(["10.0.0.0/8"]).resolve("localhost", 80, 0))


def test_a_socket_for_another_address_than_was_allowed_is_never_opened():
    with pytest.raises(AddressRefused):
        AddressGuard(["10.0.0.0/8"]).open_socket((2, 1, 6, "", ("127.0.0.1", 80)))
