"""What the hub answers to a source that pushes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PushAccepted(BaseModel):
    """Every record of the push is durable: what became of them, ``collected`` being the sum of the four others (P3).

    Attributes:
        codes: Code -> how many records were set aside with it; nothing of them needs to be sent again.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    collected: int = Field(ge=0, description="Records in the push.")
    stored: int = Field(ge=0, description="Records that said something new.")
    duplicate: int = Field(ge=0, description="Records that the hub had already, or had newer.")
    quarantined: int = Field(ge=0, description="Records that are kept and set aside: a person looks at them.")
    pending: int = Field(ge=0, description="Records that are kept and will be read in a moment.")
    codes: dict[str, int] = Field(
        default_factory=dict, description="Why records were set aside: code and count."
    )


class PushRefused(BaseModel):
    """Nothing of the push was kept.

    Attributes:
        code: A slug from a closed list, for programs.
        message: For people; holds nothing of the push.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str = Field(description="A slug from the closed list of the hub's codes.")
    message: str = Field(description="What is wrong and what to do; holds nothing of the push.")
