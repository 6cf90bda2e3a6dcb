"""The rating (评价, 好差评): what somebody thought of a service that was given."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AwareDatetime, Field

from hub.model.codes import CaseState, RatingLevel
from hub.model.demand import Reporter
from hub.model.observation import PERSONAL, Observation, Person, Text, Words


class Rating(Observation):
    """One rating. Without a case number it is only a general remark (综合点评).

    ``level`` is mapped from the device's own code, table by table: on some keypads 5 means the worst.

    Source: domain.md §1.7, §6.2.
    """

    kind: ClassVar[str] = "rating"

    rated_at: AwareDatetime
    level: RatingLevel
    level_source_text: Text | None = None
    case_no: Text | None = None
    case_state: CaseState | None = None
    visit: int | None = Field(default=None, ge=1, le=10_000)  # 服务次数: one case may be rated several times
    item_code: Text | None = None
    item_name: Text | None = None
    way: Text | None = None  # 评价渠道: 二维码, 短信, 评价器 …
    organisation_code: Text | None = None
    organisation: Text | None = None
    window_no: Text | None = None
    device_no: Text | None = None
    region_code: Text | None = None
    staff_no: Person = None
    rater: Annotated[Reporter | None, PERSONAL] = None
    is_real_name: bool | None = None
    tags: tuple[str, ...] = ()
    text: Words = None
    appends_to: Text | None = None  # 追加评价
