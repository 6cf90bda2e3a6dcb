"""What the hub itself brings, registered like any other plugin."""

from __future__ import annotations

from collections.abc import Sequence

from hub.builtin.rules import RULES
from hub.builtin.webhook import WebhookNotifier
from hub.sdk.hookspecs import hookimpl
from hub.sdk.notify import Notifier
from hub.sdk.rules import WarningRule

SDK_VERSION = ">=1.0,<2"


@hookimpl
def register_rules() -> Sequence[type[WarningRule]]:
    return RULES


@hookimpl
def register_notifiers() -> Sequence[type[Notifier]]:
    return [WebhookNotifier]
