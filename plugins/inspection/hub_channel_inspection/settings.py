"""Settings of the channel of inspections, as hub.yaml gives them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from hub.model.codes import CheckDomain, InspectionKind
from hub.sdk.inspecting import InspectingSettings, Name

OURS = (InspectionKind.WEEKLY, InspectionKind.DAILY, InspectionKind.ROUTINE, InspectionKind.SELF_CHECK)


class InspectionSettings(InspectingSettings):
    """The sheets and forms of one round of inspections.

    Attributes:
        kind: Kind of an inspection whose rows name none: ``weekly``, ``daily``, ``routine``, ``self_check``.
        kinds: More words under 巡查类型: ``{夜查: daily}``.
        domains: More words under 检查领域 and 检查项, and which of the nine domains each is: ``{叫号秩序: order}``.
        verdicts: More words under 是否符合: ``{整改后符合: passed}``; also ``failed``, ``not_applicable``.
        checklist_version: Of the checklist by which is inspected, where the sheet tells none.
    """

    kind: InspectionKind | None = None
    kinds: dict[Name, InspectionKind] = Field(default_factory=dict)
    domains: dict[Name, CheckDomain] = Field(default_factory=dict)
    verdicts: dict[Name, Literal["passed", "failed", "not_applicable"]] = Field(default_factory=dict)
    checklist_version: Name | None = None

    @field_validator("kind", "kinds")
    @classmethod
    def _of_inspectors(cls, given: object) -> object:
        """Walk-throughs and visits have channels of their own."""
        for kind in given.values() if isinstance(given, dict) else [given]:
            if kind is not None and kind not in OURS:
                raise ValueError(f"{kind} is no kind of inspection: one of {', '.join(OURS)}")
        return given
