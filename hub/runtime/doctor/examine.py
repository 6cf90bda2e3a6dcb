"""All checks in their order; what one of them finds broken is not asked about further."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hub.errors import ConfigError
from hub.runtime.doctor import channels, ground, inbound, work
from hub.runtime.doctor.database import DatabaseLook
from hub.runtime.doctor.findings import Finding, State, checked, failed
from hub.store.engine import Connection
from hub.store.figures import standing
from hub.store.migrate import holds_sealed_rows

if TYPE_CHECKING:
    from hub.runtime.config import Loaded
    from hub.runtime.hub import Hub

_HIDDEN = "set, not shown"


@dataclass(frozen=True, slots=True)
class Examination:
    """What an examination found.

    Attributes:
        findings: In the order in which things rest on each other.
        settings: Dotted name -> (value, where it came from), of what was set; a channel's own settings and secrets without value.
    """

    findings: tuple[Finding, ...]
    settings: Mapping[str, tuple[str, str]]

    @property
    def exit_code(self) -> int:
        """0 all is well (warnings allowed), 1 problems, 4 somebody must change the configuration first."""
        bad = [finding for finding in self.findings if finding.state is State.FAIL]
        if any(finding.configuration for finding in bad):
            return 4
        return 1 if bad else 0


def examine(
    load: Callable[[], Loaded],
    *,
    live: bool = False,
    min_free_bytes: int = ground.MIN_FREE_BYTES,
    open_hub: Callable[[Loaded], Hub] | None = None,
) -> Examination:
    """Looks at everything; never raises for what it finds.

    Args:
        load: Gives the settings.
        live: Call every source too.
        min_free_bytes: Less room than this is a fault.
        open_hub: Makes the hub of the settings; its own class by default.
    """
    try:
        loaded = load()
    except ConfigError as exc:
        return Examination((failed("settings", exc),), {})
    if open_hub is None:
        from hub.runtime.hub import Hub

        open_hub = Hub
    with open_hub(loaded) as hub:
        return Examination(tuple(_findings(hub, live, min_free_bytes)), _shown(loaded))


def _findings(hub: Hub, live: bool, min_free_bytes: int) -> Iterator[Finding]:
    yield from checked("settings", lambda: ground.settings(hub.loaded))
    yield from checked("plugins", lambda: channels.plugins(hub))
    yield from checked("channels", lambda: channels.channels(hub))
    yield from checked("inbound door", lambda: inbound.door(hub))
    yield from checked("calendar", lambda: channels.calendar(hub))
    database = DatabaseLook(hub)
    yield from checked("database", database.findings)
    yield from checked("disk", lambda: ground.disk(hub.settings, database.folders, min_free_bytes))
    yield from checked("keys", lambda: _keys(hub, database))
    if live:
        yield from checked("live", lambda: channels.live(hub, shared=database.has_schema))
    if database.has_schema:
        yield from _work(hub)


def _keys(hub: Hub, database: DatabaseLook) -> Iterator[Finding]:
    sealed = 0.0
    if database.has_schema:
        with hub.store.begin() as connection:
            sealed = sum(values[0] for values in standing(connection, "sealed", hub.clock.now()).values())
    return ground.keys(
        hub.settings,
        holds_sealed=holds_sealed_rows(hub.store) if database.has_schema else None,
        sealed=sealed,
        database_is_here=database.facts is not None and database.facts.local,
    )


def _work(hub: Hub) -> Iterator[Finding]:
    for name, check in (
        ("office", work.office),
        ("runs", work.runs),
        ("pending work", work.waiting),
        ("triage", work.triage),
        ("rules", work.rules),
        ("outbox", work.outbox),
        ("quarantine", work.aside),
        ("ledger and audit log", work.chains),
    ):
        yield from checked(name, partial(_in_transaction, hub, check))


def _in_transaction(hub: Hub, check: Callable[[Hub, Connection], Iterator[Finding]]) -> Iterator[Finding]:
    with hub.store.begin() as connection:
        yield from check(hub, connection)


def _shown(loaded: Loaded) -> dict[str, tuple[str, str]]:
    values: dict[str, Any] = loaded.settings.model_dump(mode="json")
    shown = {}
    for name, place in sorted(loaded.origins.items()):
        parts = name.split(".")
        value: Any = values
        for part in parts:
            value = value.get(part, "") if isinstance(value, dict) else ""
        hidden = name == "database_url" or (parts[0] == "channels" and "settings" in parts[2:])
        shown[name] = (_HIDDEN if hidden else str(value), place)
    return shown
