"""What the hub knows of each plugin: where it comes from, what it brings, and why it is not used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub.errors import Code
from hub.sdk.channel import Channel
from hub.sdk.notify import Notifier
from hub.sdk.rules import WarningRule
from hub.sdk.suggest import Classifier


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin, or one thing that it brings, that the hub goes on without.

    Attributes:
        name: The entry point's name; ``name:what`` where only one of its contributions was refused.
        distribution: Name of the distribution that brings it; ``?`` where it tells none.
        version: Of the distribution.
        code: ``plugin_broken``, ``plugin_incompatible``, ``plugin_timeout`` or ``plugin_failed``.
        message: What failed, where, found against expected, what to do.
    """

    name: str
    distribution: str
    version: str
    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """One implementation of a hook that raised or hung; stands where its result would."""

    plugin: str
    hook: str
    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plugin comes from; ``builtin`` for the hub's own."""

    plugin: str
    distribution: str
    version: str
    builtin: bool = False


@dataclass(frozen=True, slots=True)
class ChannelEntry:
    """A channel class and who brings it."""

    cls: type[Channel[Any]]
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule class and who brings it."""

    cls: type[WarningRule]
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class NotifierEntry:
    """A notifier class and who brings it."""

    cls: type[Notifier]
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class RedactorEntry:
    """A callable that masks more of a text, and who brings it."""

    redact: Callable[[str], str]
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class ClassifierEntry:
    """A classifier class and who brings it."""

    cls: type[Classifier[Any]]
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One line of `hub plugin list`.

    Attributes:
        state: ``loaded``, ``broken`` (nothing of it is used), ``partly`` (some of it was refused) or ``disabled``.
    """

    name: str
    distribution: str
    version: str
    state: str
    hooks: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    notifiers: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
