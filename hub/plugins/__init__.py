"""What plugins bring: found, loaded and called so that a broken one never silences the others (design decision 3)."""

from hub.plugins.calls import (
    DEFAULT_CALL_TIMEOUT_S,
    guard,
    guarded_pages,
    guarded_receive,
    normalize_batch,
)
from hub.plugins.checks import channel_faults, notifier_faults, rule_faults
from hub.plugins.entries import (
    BrokenPlugin,
    ChannelEntry,
    ClassifierEntry,
    NotifierEntry,
    PluginFailure,
    PluginInfo,
    RedactorEntry,
    RuleEntry,
)
from hub.plugins.loader import DEFAULT_IMPORT_TIMEOUT_S, InstalledPlugin, installed_plugins, load_plugins
from hub.plugins.registry import PluginSet

__all__ = [
    "DEFAULT_CALL_TIMEOUT_S",
    "DEFAULT_IMPORT_TIMEOUT_S",
    "BrokenPlugin",
    "ChannelEntry",
    "ClassifierEntry",
    "InstalledPlugin",
    "NotifierEntry",
    "PluginFailure",
    "PluginInfo",
    "PluginSet",
    "RedactorEntry",
    "RuleEntry",
    "channel_faults",
    "guard",
    "guarded_pages",
    "guarded_receive",
    "installed_plugins",
    "load_plugins",
    "normalize_batch",
    "notifier_faults",
    "rule_faults",
]
