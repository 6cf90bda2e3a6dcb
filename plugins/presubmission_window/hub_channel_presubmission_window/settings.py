"""Settings of the presubmission windows' channel, as hub.yaml gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from hub.model.codes import Anonymity, DemandType
from hub.sdk.readers.sheet_channel import SheetSettings

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class PresubmissionWindowSettings(SheetSettings):
    """The ledgers of one hall's presubmission windows.

    Attributes:
        window: Of a row in which none is named.
        organisation: The organisation whose hall it is; the rows name none.
        least_returns: From so many returns on a row is a demand, also without a word of opinion.
        opinion_type: Type of an opinion where the sheet has no column 意见类型.
        results: What the sheet writes under 预审结果, beside the usual words: ``passed`` or ``returned``.
        types: What the sheet writes under 意见类型, beside the usual words.
        no_opinion: What the sheet writes under 群众意见 where there is none, beside the usual words (无, 满意, …).
        anonymity: Of an applicant, who was never asked.
    """

    window: Name | None = None
    organisation: Name | None = None
    least_returns: int = Field(default=2, ge=1, le=100)
    opinion_type: DemandType = DemandType.SUGGESTION
    results: dict[Name, Literal["passed", "returned"]] = Field(default_factory=dict)
    types: dict[Name, DemandType] = Field(default_factory=dict)
    no_opinion: tuple[Name, ...] = ()
    anonymity: Anonymity = Anonymity.SECRET
