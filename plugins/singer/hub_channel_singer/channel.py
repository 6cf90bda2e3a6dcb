"""The channel of Singer taps: whatever a tap reads, as demands by the rules in the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hub.model.codes import Watch
from hub.model.demand import Demand
from hub.sdk import (
    Channel,
    ChannelContext,
    Check,
    CheckReport,
    Code,
    ConfigError,
    Order,
    Page,
    PositionKind,
    RawRecord,
    SourceContractError,
    SourceUnavailable,
    Stream,
    Window,
)
from hub_channel_singer.mapping import TapMapping
from hub_channel_singer.settings import SingerSettings

if TYPE_CHECKING:
    from hub_channel_singer.process import TapProcess
    from hub_channel_singer.workspace import Workspace

CHECKED_RECORDS = 20
_LONGEST_WAIT_S = 30.0


class SingerChannel(Channel[SingerSettings]):
    """Runs a Singer tap and reads what it writes.

    The position is the tap's own state. Behind each state stand all records before it, which is what ascending means to the hub:
    a page's state is stored with the page, and never a state whose records are not.

    Source: the Singer specification, version 0.3.0.
    """

    name = "singer"
    title = "Singer 数据接入"
    watch = Watch.INSIGHT
    Settings = SingerSettings
    streams = (Stream("records", PositionKind.OPAQUE, Order.ASCENDING),)

    def __init__(self, settings: SingerSettings, ctx: ChannelContext) -> None:
        super().__init__(settings, ctx)
        self._mapping = TapMapping(settings.streams, ctx.zone)
        self._running: TapProcess | None = None

    @property
    def _where(self) -> str:
        return f"{self.ctx.instance}: tap {self.settings.executable.rpartition('/')[2]}"

    def close(self) -> None:
        """Ends the tap, if one is still running."""
        if self._running is not None:
            self._running.stop()

    def normalize(self, raw: RawRecord) -> Sequence[Demand]:
        """See `Channel.normalize` and `hub_channel_singer.mapping`."""
        return self._mapping.demands(raw)

    def pages(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every record that the tap writes; see `Channel.pages`."""
        from hub_channel_singer.reading import TapReading
        from hub_channel_singer.workspace import Workspace

        reading = TapReading(
            self.settings, self._mapping.landed, window.position, where=self._where, log=self.ctx.log
        )
        self._admitted()
        try:
            with Workspace() as workspace:
                arguments = self._catalog_arguments(workspace)
                if window.position is not None and window.position["state"] is not None:
                    arguments += ["--state", workspace.write("state.json", window.position["state"])]
                yield from self._read(reading, workspace, arguments, window)
        except SourceUnavailable:
            self.ctx.gate.failed(self.ctx.instance)
            raise
        self.ctx.gate.succeeded(self.ctx.instance)

    def check(self) -> CheckReport:
        """Asks the tap for its catalog and a few records; writes nothing."""
        from hub.sdk.declarative.fetch import readable

        lines = [_line("catalog", self._offered)]
        found: list[RawRecord] = []
        if lines[0].ok:
            lines.append(_line("reading", lambda: self._first_records(found)))
        if found:
            lines.append(readable(found, self.normalize))
        return CheckReport(tuple(lines))

    # --- running the tap --------------------------------------------------------------------------------------------

    def _read(
        self, reading: Any, workspace: Workspace, arguments: list[str], window: Window
    ) -> Iterator[Page]:
        limits = self.settings.limits
        since = window.since.isoformat() if window.since is not None else None
        process = self._start(workspace, arguments, limits.silent_s, limits.run_s, limits.line_bytes, since)
        try:
            with closing(process.lines()) as lines:  # type: ignore[type-var]
                yield from reading.pages(lines, lambda: self._ended(process), window.limit)
        finally:
            self._stop(process, "sync")

    def _catalog_arguments(self, workspace: Workspace) -> list[str]:
        if self.settings.catalog == "none":
            return []
        from hub_channel_singer.catalog import selected

        catalog = selected(self._discovered(workspace), self.settings.streams, self._where)
        flag = "--catalog" if self.settings.catalog == "discover" else "--properties"
        return [flag, workspace.write("catalog.json", catalog)]

    def _discovered(self, workspace: Workspace) -> dict[str, Any]:
        from hub_channel_singer.catalog import catalog_in

        limits = self.settings.limits
        process = self._start(
            workspace, ["--discover"], limits.discover_s, limits.discover_s, limits.catalog_bytes
        )
        try:
            output = bytearray()
            for line in process.lines():
                output += (line or b"") + b"\n" if line is not None else b""
                if len(output) > limits.catalog_bytes:
                    raise SourceContractError(
                        f"{self._where}: a catalog of more than {limits.catalog_bytes:,} bytes (expected less); raise limits.catalog_bytes or mend the tap",
                        code=Code.PAGE_TOO_LARGE,
                    )
            output += self._ended(process)
            return catalog_in(bytes(output), self._where)
        finally:
            self._stop(process, "discover")

    def _start(
        self,
        workspace: Workspace,
        arguments: list[str],
        silent_s: float,
        run_s: float,
        line_bytes: int,
        since: str | None = None,
    ) -> TapProcess:
        from hub_channel_singer.process import Bounds, TapProcess, environment_of, program

        settings = self.settings
        executable = program(settings.executable, self._where)
        further = {name: self.ctx.secret(secret) for name, secret in settings.environment_secrets.items()}
        config = workspace.write("config.json", self._config(since))
        self._running = TapProcess(
            [executable, *settings.arguments, "--config", config, *arguments],
            environment_of(executable, workspace.folder, {**settings.environment, **further}),
            workspace.folder,
            Bounds(silent_s, run_s, line_bytes),
            self._where,
        )
        return self._running

    def _config(self, since: str | None) -> dict[str, Any]:
        """The tap's configuration with its secrets."""
        config = deepcopy(self.settings.config)
        for path, name in self.settings.secrets.items():
            *outer, last = path.split(".")
            inner = config
            for step in outer:
                inner = inner.setdefault(step, {})
            inner[last] = self.ctx.secret(name)
        if since is not None and self.settings.since_key is not None:
            config[self.settings.since_key] = since
        return config

    def _stop(self, process: TapProcess, call: str) -> None:
        process.stop()
        self._running = None
        murmur = process.murmur
        self.ctx.log.info("tap_log", where=self._where, call=call, fault=murmur.fault, **murmur.levels)

    def _ended(self, process: TapProcess) -> bytes:
        """What the tap wrote after its last line's end, if it ended well."""
        code = process.stop()
        if code == 0:
            return process.rest
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise SourceUnavailable(
            f"{self._where}: it ended with {how}{process.murmur.told} after line {process.number} (expected exit code 0); what came before is kept, and the "
            "next run goes on from its last state: run it by hand to see its words, which the hub does not keep",
            code=Code.SOURCE_CUT_SHORT,
        )

    def _admitted(self) -> None:
        wait_s = self.ctx.gate.admit(self.ctx.instance, rate_per_s=None, burst=1)
        if wait_s > 0:
            self.ctx.clock.sleep(min(wait_s, _LONGEST_WAIT_S))

    # --- checking ---------------------------------------------------------------------------------------------------

    def _offered(self) -> str:
        from hub_channel_singer.catalog import selected
        from hub_channel_singer.workspace import Workspace

        if self.settings.catalog == "none":
            return "not asked for, as the settings say"
        with Workspace() as workspace:
            catalog = self._discovered(workspace)
        selected(catalog, self.settings.streams, self._where)
        return f"{len(catalog['streams'])} streams offered, {len(self.settings.streams)} taken"

    def _first_records(self, found: list[RawRecord]) -> str:
        (stream,) = self.streams
        with closing(
            self.pages(stream, Window(None, None, self.ctx.clock.now(), limit=CHECKED_RECORDS))
        ) as pages:  # type: ignore[type-var]
            for page in pages:
                found.extend(page.records)
        return f"{len(found)} records"


def _line(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except (SourceUnavailable, SourceContractError, ConfigError) as exc:
        return Check(name, False, exc.message)
