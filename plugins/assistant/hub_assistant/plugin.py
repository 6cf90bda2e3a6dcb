"""What this distribution brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.sdk import hookimpl
from hub.sdk.suggest import Classifier

SDK_VERSION = ">=1.0,<2"


@hookimpl
def register_classifiers() -> Sequence[type[Classifier[Any]]]:
    from hub_assistant.classifier import OpenAICompatible

    return [OpenAICompatible]
