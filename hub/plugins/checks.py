"""What a plugin declares, judged: each function gives every fault as one sentence, and nothing for a sound class."""

from __future__ import annotations

import inspect
import re
from typing import Any, cast

from hub.model.codes import Watch
from hub.model.said import KINDS
from hub.sdk.channel import Channel, ChannelSettings, Order, PositionKind, Stream
from hub.sdk.notify import Notifier
from hub.sdk.rules import RuleParams, WarningRule
from hub.sdk.suggest import Classifier, ClassifierSettings

SLUG = re.compile(r"[a-z][a-z0-9_]{0,39}")
RULE_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")


def channel_faults(cls: Any) -> list[str]:
    """Why this class cannot serve as a channel."""
    if faults := _class_faults(cls, Channel):
        return faults
    faults = [*_text_faults(cls, name=SLUG), *_text_faults(cls, title=None)]
    if not isinstance(getattr(cls, "watch", None), Watch):
        faults.append("'watch' is no hub.model.codes.Watch")
    settings = getattr(cls, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, ChannelSettings)):
        faults.append("'Settings' is no subclass of hub.sdk.ChannelSettings")
    says = getattr(cls, "says", None)
    if not isinstance(says, tuple) or not says or not set(says) <= set(KINDS.values()):
        names = ", ".join(model.__name__ for model in KINDS.values())
        faults.append(f"'says' is no tuple with at least one of the models of hub.model.said ({names})")
    return faults + _stream_faults(getattr(cls, "streams", None))


def _stream_faults(streams: object) -> list[str]:
    if not isinstance(streams, tuple) or not streams:
        return ["'streams' is no tuple with at least one hub.sdk.Stream"]
    faults = []
    for stream in streams:
        if not isinstance(stream, Stream):
            faults.append(f"'streams' holds a {type(stream).__name__}, no hub.sdk.Stream")
            continue
        if not SLUG.fullmatch(stream.name):
            faults.append(f"stream name {stream.name!r} is no slug ({SLUG.pattern})")
        kind, order = cast(object, stream.position_kind), cast(object, stream.order)
        if not isinstance(kind, PositionKind) or not isinstance(order, Order):
            faults.append(f"stream {stream.name!r} declares no PositionKind or no Order")
        if stream.overlap_s < 0 or stream.max_skew_s < 0:
            faults.append(f"stream {stream.name!r} declares a negative number of seconds")
    names = [stream.name for stream in streams if isinstance(stream, Stream)]
    faults.extend(
        f"stream name {name!r} stands twice" for name in sorted({n for n in names if names.count(n) > 1})
    )
    return faults


def rule_faults(cls: Any) -> list[str]:
    """Why this class cannot serve as a warning rule."""
    if faults := _class_faults(cls, WarningRule):
        return faults
    faults = [
        *_text_faults(cls, rule_id=RULE_ID),
        *_text_faults(cls, title=None, version=None),
        *_text_faults(cls, subject=SLUG),
    ]
    params = getattr(cls, "Params", None)
    if not (isinstance(params, type) and issubclass(params, RuleParams)):
        faults.append("'Params' is no subclass of hub.sdk.RuleParams")
    return faults


def notifier_faults(cls: Any) -> list[str]:
    """Why this class cannot serve as a notifier."""
    return _class_faults(cls, Notifier) or _text_faults(cls, kind=SLUG)


def classifier_faults(cls: Any) -> list[str]:
    """Why this class cannot serve as a classifier."""
    if faults := _class_faults(cls, Classifier):
        return faults
    faults = [*_text_faults(cls, name=SLUG), *_text_faults(cls, title=None, version=None)]
    settings = getattr(cls, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, ClassifierSettings)):
        faults.append("'Settings' is no subclass of hub.sdk.suggest.ClassifierSettings")
    return faults


def redactor_faults(redactor: Any) -> list[str]:
    """Why this object cannot serve as a redactor."""
    return [] if callable(redactor) else [f"a {type(redactor).__name__} is no callable"]


def _class_faults(cls: Any, base: type) -> list[str]:
    if not isinstance(cls, type):
        return [f"it is a {type(cls).__name__}, no class: register the class itself, not an instance"]
    if not issubclass(cls, base):
        return [f"it is no subclass of hub.sdk.{base.__name__}"]
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))  # type: ignore[attr-defined]
        return [f"it does not bring {missing}"]
    return []


def _text_faults(cls: type, **patterns: re.Pattern[str] | None) -> list[str]:
    faults = []
    for field, pattern in patterns.items():
        value = getattr(cls, field, None)
        if not isinstance(value, str) or not value.strip():
            faults.append(f"{field!r} is not set to a text")
        elif pattern is not None and not pattern.fullmatch(value):
            faults.append(f"{field!r} is {value[:60]!r}, which does not match {pattern.pattern}")
    return faults
