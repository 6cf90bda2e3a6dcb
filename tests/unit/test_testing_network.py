"""Tests cannot leave this machine."""

import socket

import pytest

from hub.testing import network


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "a.localhost", "::ffff:127.0.0.1", ""]
)
def test_loopback_counts_as_this_machine(host):
    assert network.is_local_host(host)


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "10.0.0.1", "example.org", "2001:db8::1", "localhost.example.org"]
)
def test_anything_else_is_outside(host):
    assert not network.is_local_host(host)


def test_connecting_to_loopback_is_allowed():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_connecting_outside_is_refused_before_a_packet_leaves():
    with socket.socket() as sock, pytest.raises(network.OutsideNetworkError, match=r"192\.0\.2\.1:9"):
        sock.connect(("192.0.2.1", 9))
    network._attempts.clear()


def test_a_name_of_another_machine_does_not_resolve():
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.org", 443)


def test_a_refusal_that_was_swallowed_still_fails_the_test(pytester):
    pytester.makepyfile(
        """
        import contextlib, socket

        def test_swallows():
            with contextlib.suppress(OSError), socket.socket() as sock:
                sock.connect(("192.0.2.1", 9))
        """
    )
    result = pytester.runpytest_inprocess("-p", "hub.testing.network")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*tried to connect to 192.0.2.1:9*"])


pytest_plugins = ["pytester"]
