"""Tests reach loopback addresses and unix sockets only; anything else fails the test that tried.

The guard stands at ``socket.socket.connect`` and ``socket.getaddrinfo`` of this process. A child process and
a C library with sockets of its own (libpq) pass it by.
"""

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest

_attempts: list[str] = []
_real_connect = socket.socket.connect
_real_connect_ex = socket.socket.connect_ex
_real_getaddrinfo = socket.getaddrinfo


class OutsideNetworkError(ConnectionRefusedError):
    """A test tried to reach something that is not on this machine."""


def is_local_host(host: str | bytes | None) -> bool:
    """Whether a host name or address stands for this machine; a name is never looked up to find out."""
    if not host:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name == "localhost" or name.endswith(".localhost") or name == socket.gethostname():
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _refuse_outside(sock: socket.socket, address: Any) -> None:
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or is_local_host(address[0]):
        return
    _attempts.append(f"{address[0]}:{address[1]}")
    raise OutsideNetworkError(
        f"a test tried to connect to {address[0]}:{address[1]}; tests may reach loopback addresses and unix "
        "sockets only: start the other side on 127.0.0.1"
    )


def _guarded_connect(sock: socket.socket, address: Any) -> None:
    _refuse_outside(sock, address)
    _real_connect(sock, address)


def _guarded_connect_ex(sock: socket.socket, address: Any) -> int:
    _refuse_outside(sock, address)
    return _real_connect_ex(sock, address)


def _guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    """Names of other machines do not resolve, as with the network cable pulled."""
    if is_local_host(host):
        return _real_getaddrinfo(host, *args, **kwargs)
    try:
        ipaddress.ip_address(str(host))
    except ValueError:
        raise socket.gaierror(socket.EAI_NONAME, f"names are not looked up in tests: {host}") from None
    return _real_getaddrinfo(host, *args, **kwargs)


def pytest_configure(config: pytest.Config) -> None:
    """Puts the guard up for the whole run, so that session fixtures stand behind it too."""
    socket.socket.connect = _guarded_connect  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = _guarded_connect_ex  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = _guarded_getaddrinfo


@pytest.fixture(autouse=True)
def only_this_machine() -> Iterator[None]:
    """Fails a test that tried to leave this machine, even where the code under test swallowed the refusal."""
    _attempts.clear()
    yield
    tried = sorted(set(_attempts))
    _attempts.clear()
    if tried:
        pytest.fail(
            f"the test tried to connect to {', '.join(tried)}; only loopback and unix sockets are allowed"
        )
