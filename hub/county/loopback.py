"""An HTTP server on loopback that runs in a thread of this process and leaves nothing behind."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class LoopbackServer(ThreadingHTTPServer):
    """HTTP/1.1 with connections kept open; a context manager.

    Args:
        handler: Class of `QuietHandler`.
        host: Address to listen on.
        port: 0 for any free one.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[QuietHandler], *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), handler)
        self.stopping = threading.Event()
        self._open: set[Any] = set()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL, without a path."""
        host, port = self.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

    def start(self) -> Self:
        """Serves from a thread of this process until `stop`."""
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="loopback-http", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends serving, closes what clients keep open and frees the port; a second call does nothing."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()
        with self._guard:
            left = list(self._open)
        for connection in left:
            self.shutdown_request(connection)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def get_request(self) -> tuple[Any, Any]:
        """Remembers the connection until it is closed."""
        connection, address = super().get_request()
        with self._guard:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Forgets the connection."""
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class ServedOnLoopback:
    """A system of the county behind a `LoopbackServer`; a context manager.

    Args:
        handler: Class of `QuietHandler`.
        host: Address to listen on.
        port: 0 for any free one.

    Attributes:
        requests: How many were answered.
    """

    def __init__(self, handler: type[QuietHandler], *, host: str, port: int) -> None:
        self.requests = 0
        self._http = LoopbackServer(handler, host=host, port=port)

    @property
    def url(self) -> str:
        """The base URL, without a path."""
        return self._http.url

    def start(self) -> Self:
        """Serves from a thread of this process until `stop`."""
        self._http.start()
        return self

    def stop(self) -> None:
        """Ends serving and frees the port; a second call does nothing."""
        self._http.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps connections open, sends head and body in one packet, and logs nothing: a query may name a person."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def send(self, status: int, body: bytes, content_type: str = "application/json;charset=UTF-8") -> None:
        """Answers with a whole body."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""
