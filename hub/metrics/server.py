"""The operator's door: a small HTTP server for `/metrics` and `/healthz`, read-only, bound where the settings say."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from hub.errors import Code, ConfigError


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says."""

    status: int
    content_type: str
    body: bytes


Page = Callable[[Mapping[str, str]], Answer]
"""Given the request's headers, their names in lower case."""


def json_answer(status: int, document: Mapping[str, Any]) -> Answer:
    """The document as JSON."""
    body = json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
    return Answer(status, "application/json; charset=utf-8", body)


class OperatorServer:
    """Serves these pages by path, each request in a thread of its own, until `stop`.

    Args:
        host: Address to bind.
        port: 0 for any that is free; `port` tells which.
        setting: Name of the setting that gives the port, for the message.

    Raises:
        ConfigError: The address cannot be bound: taken, forbidden or not this machine's.
    """

    def __init__(self, host: str, port: int, pages: Mapping[str, Page], *, setting: str) -> None:
        self._server = _bound(host, port, dict(pages), setting)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, name="hub-operator", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that is bound."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """How the server is reached from where it was bound."""
        host = str(self._server.server_address[0])
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def start(self) -> Self:
        """Begins to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends; a page that is being made is not waited for. May be repeated."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # The socket is bound once; a port that another server holds must be refused, not shared.
    allow_reuse_port = False
    pages: Mapping[str, Page]


def _bound(host: str, port: int, pages: dict[str, Page], setting: str) -> _Server:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        server = type("_FamilyServer", (_Server,), {"address_family": family})(address[:2], _Handler)
    except OSError as exc:
        raise ConfigError(
            f"{host}:{port} cannot be bound ({exc.strerror or type(exc).__name__}; expected a free port of this machine); "
            f"end what listens there, or set {setting} to another port (0 for any)",
            code=Code.CONFIG_INVALID,
        ) from exc
    server.pages = pages
    return server  # type: ignore[no-any-return]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "weisu-hub"
    sys_version = ""
    timeout = 15  # seconds for a request to arrive

    def do_GET(self) -> None:
        self._answer(send_body=True)

    def do_HEAD(self) -> None:
        self._answer(send_body=False)

    def _answer(self, *, send_body: bool) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            known = "\n".join(sorted(self.server.pages))
            answer = Answer(404, "text/plain; charset=utf-8", f"not here; what is: \n{known}\n".encode())
        else:
            try:
                answer = page({name.lower(): value for name, value in self.headers.items()})
            except Exception as exc:  # noqa: BLE001 - one page's fault must not end its thread without an answer
                answer = json_answer(500, {"status": "failing", "fault": type(exc).__name__})
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if send_body:
            self.wfile.write(answer.body)

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            pass  # whoever asked has gone

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged: a probe asks every few seconds."""
