"""The inbound door: whether it is configured sensibly, whether anybody may push, whether `hub serve` has it open."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING

from hub.runtime.doctor.findings import Finding, ok, warn

if TYPE_CHECKING:
    from hub.runtime.hub import Hub

_ANSWER_LIMIT_S = 2.0
_NAME = "inbound door"
_OURS = b'{"status":"ok"}'


def door(hub: Hub) -> Iterator[Finding]:
    """What stands in `api` of hub.yaml, and who answers there."""
    settings = hub.settings.api
    takes = sorted(instance for instance in hub.settings.channels if hub.receives(instance))
    if settings.port is None:
        closed = f"; {', '.join(takes)} could be pushed to" if takes else ""
        yield ok(_NAME, f"closed: api.port is not set{closed}")
        return
    if not takes:
        yield warn(
            _NAME,
            "api.port is set, and no enabled channel takes pushes",
            "configure one that does, or leave api.port out",
        )
    if not _is_loopback(settings.host):
        yield warn(
            _NAME,
            f"it listens at {settings.host} in plain HTTP (expected an address of this machine alone)",
            "let a reverse proxy with TLS stand before it, and let nobody else reach the port",
        )
    if settings.port:
        yield _answers(settings.host, settings.port, takes)


def _answers(host: str, port: int, takes: list[str]) -> Finding:
    where = f"{host}:{port}"
    connection = http.client.HTTPConnection(_reached(host), port, timeout=_ANSWER_LIMIT_S)
    try:
        connection.request("GET", "/v1/health")
        answer = connection.getresponse()
        body = answer.read(1_000)
        is_ours = answer.status == 200 and body.replace(b" ", b"") == _OURS
    except (OSError, http.client.HTTPException) as exc:
        return warn(
            _NAME,
            f"nobody answers at {where} ({type(exc).__name__}; expected `hub serve`)",
            "start `hub serve` with these settings, on this machine; sources send again what was not taken",
        )
    finally:
        connection.close()
    if is_ours:
        return ok(_NAME, f"open at {where}, to {', '.join(takes) or 'nobody'}")
    return warn(
        _NAME,
        f"somebody else answers at {where} (expected `hub serve`)",
        "end it, or give api.port another number",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reached(host: str) -> str:
    """An address at which this machine reaches what listens at all of its own."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
