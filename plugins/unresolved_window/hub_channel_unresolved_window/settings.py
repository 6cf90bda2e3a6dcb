"""Settings of the channel of the window for what could not be got done, as hub.yaml gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hub.model.codes import Anonymity, BusinessClass, DemandStatus, DemandType, ReporterType
from hub.sdk.readers.sheet_channel import SheetSettings

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class UnresolvedWindowSettings(SheetSettings):
    """The register of one such window.

    Attributes:
        window: Name of the window in reports.
        organisation: Of a row in which neither window nor unit is named.
        default_type: Type of a row without 诉求类型.
        types: What the sheet writes under 诉求类型, beside the usual words.
        methods: What the sheet writes under 处理方式, beside 当场, 转办, 协调.
        reasons: What the sheet writes under 办不成原因, beside the usual words, and whether it is 业务类 (``business``) or 非业务类 (``conduct``).
        results: What the sheet writes under 办理结果 where it writes a fixed word; other words are a result that was told.
        identities: What the sheet writes under 身份, beside the usual words.
        anonymity: Of a person at the window.
    """

    window: Name | None = None
    organisation: Name | None = None
    default_type: DemandType = DemandType.HELP
    types: dict[Name, DemandType] = Field(default_factory=dict)
    methods: dict[Name, Literal["at_once", "assigned", "coordinated"]] = Field(default_factory=dict)
    reasons: dict[Name, BusinessClass] = Field(default_factory=dict)
    results: dict[Name, DemandStatus] = Field(default_factory=dict)
    identities: dict[Name, ReporterType] = Field(default_factory=dict)
    anonymity: Anonymity = Anonymity.SECRET
