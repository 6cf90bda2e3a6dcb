"""What this distribution brings to the hub."""

from collections.abc import Sequence
from typing import Any

from hub.sdk import Channel, hookimpl

SDK_VERSION = ">=1.0,<2"


@hookimpl
def register_channels() -> Sequence[type[Channel[Any]]]:
    """The channel."""
    from hub_channel_observer.channel import ObserverChannel

    return (ObserverChannel,)
