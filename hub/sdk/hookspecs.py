"""The hooks of the hub. ``register_*`` is asked once of all, ``provide_*`` stops at the first answer, ``on_*`` is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pluggy

from hub.sdk.channel import Channel
from hub.sdk.notify import Notifier
from hub.sdk.rules import WarningRule
from hub.sdk.suggest import Classifier

GROUP = "hub.plugins"
PROJECT = "hub"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HubSpec:
    """All arguments are given by keyword; an implementation names only those that it wants."""

    @hookspec(historic=True)
    def configure(self, settings: Any) -> None:
        """Told once to every plugin, also to one registered later: the typed settings of the hub."""

    @hookspec
    def register_channels(self) -> Sequence[type[Channel[Any]]]:  # type: ignore[empty-body]
        """Channel classes that this plugin brings."""

    @hookspec
    def register_rules(self) -> Sequence[type[WarningRule]]:  # type: ignore[empty-body]
        """Warning rules that this plugin brings."""

    @hookspec
    def register_notifiers(self) -> Sequence[type[Notifier]]:  # type: ignore[empty-body]
        """Ways of delivering that this plugin brings."""

    @hookspec
    def register_redactors(self) -> Sequence[Any]:  # type: ignore[empty-body]
        """Callables ``(text: str) -> str`` that mask more than the hub's own redaction does."""

    @hookspec
    def register_classifiers(self) -> Sequence[type[Classifier[Any]]]:  # type: ignore[empty-body]
        """Classes that suggest categories and summaries beside the rules; none is used before hub.yaml names it."""

    @hookspec(firstresult=True)
    def provide_secret(self, name: str) -> str | None:
        """The secret of that name, or None to let the next one answer."""

    @hookspec(firstresult=True)
    def provide_calendar(self) -> Any | None:
        """A `hub.model.calendar.WorkCalendar` that replaces the built-in one."""

    @hookspec(firstresult=True)
    def route(self, facts: Sequence[Any], rule_id: str | None) -> str | None:
        """Organisation code for an order about these demands, before the routing table is asked."""

    @hookspec
    def on_run_finished(self, report: Any) -> None:
        """Told after every run of a pipeline step: its `Report`."""

    @hookspec
    def on_warning_issued(self, warning_no: str, rule_id: str, level: int) -> None:
        """Told after a warning was committed; it may be told twice after a crash."""

    @hookspec
    def on_delivery_settled(self, message_id: str, organisation: str, state: str) -> None:
        """Told after a message was delivered or given up; it may be told twice after a crash."""
