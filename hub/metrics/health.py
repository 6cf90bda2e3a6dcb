"""`/healthz`: whether this process does its work, in parts, for a probe and for a person in a hurry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hub.errors import HubError
from hub.metrics.server import Answer, json_answer
from hub.plugins.calls import BoundedCall, Expired

if TYPE_CHECKING:
    from hub.runtime.hub import Hub

LIMIT_S = 5.0

Part = Mapping[str, Any]
Parts = Callable[[], Mapping[str, Part]]


class Health:
    """Answers 200 when every part is well, 503 otherwise, within a few seconds; nothing personal stands in it.

    Args:
        more: Further parts of this process by name, each with ``ok``; such as the scheduler's loops.
    """

    def __init__(self, hub: Hub, *more: Parts) -> None:
        self._hub = hub
        self._more = more
        self._asking: BoundedCall[dict[str, Part]] | None = None

    def page(self, headers: Mapping[str, str]) -> Answer:
        """The page for `hub.metrics.server`."""
        parts = dict(self._database())
        for more in self._more:
            parts.update(more())
        ok = all(part["ok"] for part in parts.values())
        return json_answer(200 if ok else 503, {"status": "ok" if ok else "failing", "parts": parts})

    def _database(self) -> dict[str, Part]:
        asking = self._asking
        if asking is None or not asking.alive:  # one question at a time, however long the database is silent
            asking = self._asking = BoundedCall(self._ask, "healthz")
        try:
            return asking.wait(LIMIT_S)
        except Expired:
            return {
                "database": {"ok": False, "code": "store_unavailable", "found": f"no answer in {LIMIT_S:g} s"}
            }

    def _ask(self) -> dict[str, Part]:
        try:
            version = self._hub.store.ping()
        except HubError as exc:
            return {"database": {"ok": False, "code": str(exc.code), "found": exc.message}}
        parts: dict[str, Part] = {"database": {"ok": True, "version": version}}
        try:
            self._hub.require_schema()
            parts["schema"] = {"ok": True}
        except HubError as exc:
            parts["schema"] = {"ok": False, "code": str(exc.code), "found": exc.message}
        return parts
