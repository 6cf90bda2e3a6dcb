"""`hub serve`: collect, warn, dispatch and deliver until stopped. `hub exporter`: the metrics alone, beside Airflow."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Self, TypeVar

import typer

from hub.cli.boundary import INTERRUPTED
from hub.cli.door import Door, door_of

if TYPE_CHECKING:
    from hub.api.door import InboundDoor
    from hub.metrics.server import OperatorServer
    from hub.runtime.config import Loaded
    from hub.runtime.hub import Hub
    from hub.scheduler import Scheduler

T = TypeVar("T")

_RETRY_S = 2.0
_LEAVE_S = 3.0
_DONE = b"\0"  # no signal has this number


def register(app: typer.Typer) -> None:
    """Adds the two commands."""
    app.command(name="serve")(serve)
    app.command(name="exporter")(exporter)


def serve(
    ctx: typer.Context,
    host: Annotated[
        str | None, typer.Option("--host", help="Address for /healthz and /metrics; else serve.host.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65_535, help="Their port, 0 for any; else serve.port."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for a database that is away instead of ending.")
    ] = False,
) -> None:
    """Collect, warn, dispatch and deliver until SIGTERM or Ctrl-C; a second one ends at once.

    Each channel is collected at its own pace (`every_s`). With `api.port` set, sources may push their records too. Several may run
    side by side on one database.
    """
    door = door_of(ctx)
    loaded = _settings(door, {"serve.host": host, "serve.port": port})
    left: list[str] = []
    from hub.metrics.collector import HubCollector
    from hub.metrics.health import Health
    from hub.metrics.server import OperatorServer
    from hub.runtime.hub import Hub
    from hub.scheduler import Scheduler

    with _Signals() as signals, Hub(loaded) as hub, ExitStack() as bound:
        scheduler = Scheduler(hub)
        scheduler.require_channels()
        if not _reach_database(hub, signals, wait=wait):
            return
        # Bound before the first page is read: a port that is taken ends this process before it has done anything.
        inbound = _inbound(hub, scheduler)
        for each in inbound:
            bound.callback(each.stop)
        pages = {
            "/metrics": HubCollector(
                hub, scheduler.metrics, *(each.figures.metrics for each in inbound)
            ).page,
            "/healthz": Health(hub, scheduler.parts, *(each.part for each in inbound)).page,
        }
        settings = loaded.settings.serve
        server = OperatorServer(settings.host, settings.port, pages, setting="serve.port")
        bound.callback(server.stop)
        scheduler.start()
        server.start()
        for each in inbound:
            each.start()
        names = [name for name, channel in sorted(loaded.settings.channels.items()) if channel.enabled]
        _announce(door, server, f"serves {', '.join(names)}", inbound, channels=names)
        signals.wait()
        hub.log.info("stopping")
        left = signals.until_done(lambda: _stop(scheduler, inbound))
        hub.log.info("stopped", left_behind=left)
        bound.close()
        if left:
            _leave(hub)


def _inbound(hub: Hub, scheduler: Scheduler) -> list[InboundDoor]:
    """The door to which sources push, where the settings give it a port; bound, not yet open."""
    if hub.settings.api.port is None:
        return []
    from hub.api.door import InboundDoor

    return [InboundDoor(hub, lambda received: scheduler.wake_chain())]


def _stop(scheduler: Scheduler, inbound: Sequence[InboundDoor]) -> list[str]:
    """Ends the door, then every loop; names what was still at work when the time was over."""
    left = [f"door {each.port}" for each in inbound if not each.stop()]
    return left + scheduler.stop()


def exporter(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option("--host", help="Address to bind; else serve.host.")] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65_535, help="Port, 0 for any; else serve.exporter_port."),
    ] = None,
) -> None:
    """Serve /metrics and /healthz from the hub's database until stopped; collects and sends nothing.

    One of these runs beside Airflow, whose tasks are too short to be scraped. It goes on while the database is away, and says so
    in its metrics.
    """
    door = door_of(ctx)
    loaded = _settings(door, {"serve.host": host, "serve.exporter_port": port})
    from hub.errors import StoreUnavailable
    from hub.metrics.collector import HubCollector
    from hub.metrics.health import Health
    from hub.metrics.server import OperatorServer
    from hub.runtime.hub import Hub

    with _Signals() as signals, Hub(loaded) as hub:
        try:
            hub.store.ping()
        except StoreUnavailable as exc:
            hub.log.warning("database_away", code=str(exc.code), message=exc.message)
        pages = {"/metrics": HubCollector(hub).page, "/healthz": Health(hub).page}
        settings = loaded.settings.serve
        with OperatorServer(
            settings.host, settings.exporter_port, pages, setting="serve.exporter_port"
        ) as server:
            _announce(door, server, "serves metrics")
            signals.wait()


def _leave(hub: Hub) -> NoReturn:
    """Ends the process although threads hang in a source or in a database that does not answer."""
    from hub.plugins.calls import BoundedCall

    BoundedCall(hub.close, "close").ended_within(_LEAVE_S)  # a channel that hangs may hang in its closing too
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _settings(door: Door, overrides: dict[str, Any]) -> Loaded:
    from hub.runtime import logs
    from hub.runtime.config import load

    loaded = load(config=door.config, overrides={"home": door.home, "log_level": door.log_level, **overrides})
    logs.configure(loaded.settings.log_level, loaded.settings.log_format)
    return loaded


def _reach_database(hub: Hub, signals: _Signals, *, wait: bool) -> bool:
    """Whether the database answers and has the right schema; False when we were told to stop while waiting for it.

    Raises:
        ConfigError, StoreError: It refuses us, has another schema, or is away and nobody wants to wait.
    """
    from hub.errors import StoreUnavailable

    told = False
    while True:
        try:
            hub.require_schema()
            return True
        except StoreUnavailable as exc:
            if not wait:
                raise
            if not told:
                hub.log.warning("waiting_for_database", code=str(exc.code), message=exc.message)
                told = True
        if signals.wait(_RETRY_S):
            return False


def _announce(
    door: Door, server: OperatorServer, does: str, inbound: Sequence[InboundDoor] = (), **more: Any
) -> None:
    from hub.cli import out

    document = {"url": server.url, "port": server.port, "pid": os.getpid(), **more}
    for each in inbound:
        document["api_url"] = each.url
    takes = "".join(f"takes pushes at {each.url}/v1/channels/NAME/records; " for each in inbound)
    door.answer(
        document,
        lambda: out.say(f"hub {does}; {takes}{server.url}/healthz and /metrics; Ctrl-C or SIGTERM ends it"),
    )
    sys.stdout.flush()


class _Signals:
    """SIGTERM and Ctrl-C, as something that can be waited for; the second one ends the process at once.

    The system may hand a signal to any thread, and then the main thread sleeps on; so each is written to a pipe by Python itself,
    and the main thread does nothing but wait at its other end.
    """

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before = {number: signal.signal(number, _nothing) for number in (signal.SIGTERM, signal.SIGINT)}
        self._fd_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(self, *exc: object) -> None:
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether a signal has come, now or before; waits for one at most that long."""
        ready, _, _ = select.select([self._read], [], [], timeout_s)
        return bool(ready)

    def until_done(self, call: Callable[[], T]) -> T:
        """What the call gives, made after the first signal; a second signal meanwhile ends the process at once."""
        os.read(self._read, 1)
        with ThreadPoolExecutor(1, thread_name_prefix="hub-stop") as pool:
            done = pool.submit(call)
            done.add_done_callback(lambda _: os.write(self._write, _DONE))
            if os.read(self._read, 1) != _DONE:
                os._exit(INTERRUPTED)
            return done.result()


def _nothing(number: int, frame: FrameType | None) -> None:
    """A handler must stand, so that the signal does not end the process."""
