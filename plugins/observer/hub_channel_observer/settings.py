"""Settings of the channel of social observers, as hub.yaml gives them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hub.model.codes import Anonymity, DemandStatus, Judgement, ServiceStep
from hub.sdk.inspecting import InspectingSettings, Name


class ObserverSettings(InspectingSettings):
    """The reports of one county's observers.

    Attributes:
        observers: Numbers of the register; a report under another number is set aside. None given: any number is taken as it stands.
        types: More words under 类型: ``{随手拍: suggestion}``; also ``walkthrough``.
        steps: More words under 环节, and which step each is: ``{资料预审: accepting}``.
        grades: More words under 评分 and in the columns of the six steps, 5 for the best: ``{顺畅: 5}``.
        judgements: More words under 是否依法依规 and 办理效果: ``{尚可: partly}``; also ``yes``, ``no``.
        statuses: More words under 采纳情况: ``{纳入计划: answered}``.
        anonymity: Of a suggestion.
    """

    observers: frozenset[Name] = frozenset()
    types: dict[Name, Literal["walkthrough", "suggestion"]] = Field(default_factory=dict)
    steps: dict[Name, ServiceStep] = Field(default_factory=dict)
    grades: dict[Name, Literal[1, 2, 3, 4, 5]] = Field(default_factory=dict)
    judgements: dict[Name, Judgement] = Field(default_factory=dict)
    statuses: dict[Name, DemandStatus] = Field(default_factory=dict)
    anonymity: Anonymity = Anonymity.SECRET
