"""All that a plugin's author imports."""

from hub._version import SDK_VERSION
from hub.errors import (
    Code,
    ConfigError,
    DeliveryDeferred,
    DeliveryRefused,
    RecordRejected,
    SourceContractError,
    SourceUnavailable,
)
from hub.sdk.channel import (
    Channel,
    ChannelSettings,
    Check,
    CheckReport,
    Order,
    Page,
    PositionKind,
    PushRequest,
    RawAttachment,
    RawRecord,
    RecordProblem,
    Reply,
    ReplyReceipt,
    Stream,
    Window,
)
from hub.sdk.context import ChannelContext, SourceGate
from hub.sdk.hookspecs import hookimpl
from hub.sdk.notify import Endpoint, Notifier, OutgoingMessage, Receipt
from hub.sdk.rules import AffectedKey, History, ObservationRule, Recheck, RuleParams, Seen, WarningRule

__all__ = [
    "SDK_VERSION",
    "AffectedKey",
    "Channel",
    "ChannelContext",
    "ChannelSettings",
    "Check",
    "CheckReport",
    "Code",
    "ConfigError",
    "DeliveryDeferred",
    "DeliveryRefused",
    "Endpoint",
    "History",
    "Notifier",
    "ObservationRule",
    "Order",
    "OutgoingMessage",
    "Page",
    "PositionKind",
    "PushRequest",
    "RawAttachment",
    "RawRecord",
    "Receipt",
    "Recheck",
    "RecordProblem",
    "RecordRejected",
    "Reply",
    "ReplyReceipt",
    "RuleParams",
    "Seen",
    "SourceContractError",
    "SourceGate",
    "SourceUnavailable",
    "Stream",
    "WarningRule",
    "Window",
    "hookimpl",
]
