"""Settings of the channel of visits, as hub.yaml gives them."""

from __future__ import annotations

from pydantic import Field

from hub.model.codes import Authority, Trait
from hub.sdk.inspecting import InspectingSettings, Name


class LeaderVisitSettings(InspectingSettings):
    """The ledger of what leaders and other authorities pointed out.

    Attributes:
        authority: Whose ledger it is, for rows that name nobody.
        authorities: Leaders and bodies that the usual words do not tell: ``{县政务服务监督委员会: other}``; also ``party_committee``, ``government``,
            ``congress``, ``consultative``, ``discipline``, ``audit``, ``superior``.
        traits: More words under 问题特征: ``{久拖不决: knotty}``.
    """

    authority: Authority | None = None
    authorities: dict[Name, Authority] = Field(default_factory=dict)
    traits: dict[Name, Trait] = Field(default_factory=dict)
