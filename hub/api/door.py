"""The inbound door: an HTTP server to which sources push their records, in a thread of `hub serve`.

TLS, and whoever may reach the door at all, are the reverse proxy's; what comes through is proven by its channel. The event loop only
reads and writes; proving and landing happen in a bounded pool of threads.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

from hub.api.figures import DoorFigures
from hub.errors import Code, ConfigError

if TYPE_CHECKING:
    from aiohttp import web

    from hub.api.receiving import OnReceived
    from hub.runtime.hub import Hub

STOP_LIMIT_S = 10.0
# A connection on which nothing is asked, or whose first lines do not arrive, is closed after so long.
IDLE_LIMIT_S = 75.0
MOST_CONNECTIONS = 512
_SWEEP_EVERY_S = 5.0
_BACKLOG = 128


class InboundDoor:
    """Listens from the moment it is made, answers from `start` on, until `stop`.

    Args:
        on_received: Told of each push that was landed; must return at once.

    Raises:
        ConfigError: The address cannot be bound: taken, forbidden or not this machine's.
    """

    def __init__(self, hub: Hub, on_received: OnReceived | None = None) -> None:
        self._hub = hub
        self._on_received = on_received
        self.figures = DoorFigures()
        self._socket = _bound(hub.settings.api.host, hub.settings.api.port or 0)
        self._port = int(self._socket.getsockname()[1])
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hub-door", daemon=True)

    @property
    def port(self) -> int:
        """The port that is bound."""
        return self._port

    @property
    def url(self) -> str:
        """How the door is reached from where it was bound."""
        host = self._hub.settings.api.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive() and self._open.is_set()

    def start(self) -> Self:
        """Begins to answer; returns once it does."""
        self._thread.start()
        while not self._open.wait(0.1) and self._thread.is_alive():
            pass
        return self

    def stop(self, timeout_s: float = STOP_LIMIT_S) -> bool:
        """Lets nobody else in and lets those who are in finish; whether all did within that time. May be repeated."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
            self._thread.join(timeout_s + 5.0)
        self._socket.close()
        return not self._thread.is_alive()

    def part(self) -> Mapping[str, Mapping[str, Any]]:
        """The door in a few words, for `/healthz`."""
        return {"door": {"ok": self.alive, "port": self.port, "requests": self.figures.requests}}

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        from aiohttp import web

        from hub.api.receiving import Receiving

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        settings = self._hub.settings.api
        with ThreadPoolExecutor(settings.concurrency, thread_name_prefix="hub-push") as executor:
            receiving = Receiving(self._hub, executor, self.figures, self._on_received)
            watch = _Connections()
            app = web.Application(middlewares=[watch.noting, receiving.answering])
            app.router.add_post("/v1/channels/{instance}/records", receiving.records)
            app.router.add_get("/v1/health", receiving.health, allow_head=False)
            # No log of its own: it would write addresses, paths and whatever else was sent. Bodies stay as they were signed.
            runner = web.AppRunner(
                app,
                access_log=None,
                logger=_silent(),
                auto_decompress=False,
                keepalive_timeout=IDLE_LIMIT_S,
                lingering_time=2.0,
                shutdown_timeout=STOP_LIMIT_S,
            )
            await runner.setup()
            await web.SockSite(runner, self._socket, backlog=_BACKLOG).start()
            self._open.set()
            sweeping = asyncio.create_task(watch.sweep(runner))
            try:
                await self._stop.wait()
            finally:
                receiving.closing = True
                sweeping.cancel()
                self._open.clear()
                await runner.cleanup()


def _silent() -> logging.Logger:
    logger = logging.getLogger("hub.api.silent")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


class _Connections:
    """Closes connections on which nobody asks anything: the server waits for a request's first lines without end."""

    def __init__(self) -> None:
        self._asking: set[int] = set()
        # The connection itself is held with the moment: its id must not come to mean another one meanwhile.
        self._idle: dict[int, tuple[Any, float]] = {}

    @property
    def noting(self) -> Any:
        """The middleware that knows which connections have a request under way."""
        from aiohttp import web

        @web.middleware
        async def noting(request: web.Request, handler: Any) -> Any:
            connection = id(request.protocol)
            self._asking.add(connection)
            try:
                return await handler(request)
            finally:
                self._asking.discard(connection)

        return noting

    async def sweep(self, runner: web.AppRunner) -> None:
        """Looks every few seconds, for as long as the door is open."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            self.look(runner.server.connections if runner.server is not None else [], loop.time())

    def look(self, connections: list[Any], now: float) -> None:
        """Closes what has been idle for too long, and the longest idle ones where there are too many."""
        self._idle = {
            id(one): self._idle.get(id(one), (one, now)) for one in connections if id(one) not in self._asking
        }
        longest_first = sorted(self._idle.values(), key=lambda known: known[1])
        surplus = max(0, len(connections) - MOST_CONNECTIONS)
        for place, (one, since) in enumerate(longest_first):
            if (place < surplus or now - since >= IDLE_LIMIT_S) and one.transport is not None:
                one.transport.abort()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # A port that another door holds must be refused, not shared.
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as exc:
        raise ConfigError(
            f"{host}:{port} cannot be bound ({exc.strerror or type(exc).__name__}; expected a free port of this machine); "
            "end what listens there, or set api.port to another port (0 for any)",
            code=Code.CONFIG_INVALID,
        ) from exc
