"""Drawn demands of a few people on a few matters at a few places, and what the rules said of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st
from sqlalchemy import text

from hub.model.codes import DemandType, Urgency
from tests.support.judging import County

TEXTS = (
    "路灯不亮，请派人修好",
    "工人准备明天到县政府门口集体上访",
    "再不处理我要在抖音曝光，我要到省信访局反映情况",
    "窗口人员索要红包才给办",
)


class Drawn(NamedTuple):
    """One demand: what may bear on any rule."""

    hours: int
    who: int
    matter: int
    place: int | None
    category: str
    heads: int | None
    text: str
    urgent: bool
    chases: bool


drawn = st.builds(
    Drawn,
    hours=st.integers(0, 24 * 45),
    who=st.integers(0, 5),
    matter=st.integers(0, 2),
    place=st.sampled_from([None, 1, 1, 2]),
    category=st.sampled_from(["供水服务", "供水服务", "供电服务"]),
    heads=st.sampled_from([None, None, None, 3, 12]),
    text=st.sampled_from(TEXTS),
    urgent=st.booleans(),
    chases=st.sampled_from([False, False, False, True]),
)


def came(county: County, run: str, demands: Sequence[Drawn], places: Sequence[int]) -> None:
    """These come in and are found to be of their matters and places; they wait to be judged."""
    told = [
        county.demand(
            no=f"{run}-{place:02d}",
            at=county.clock.now() - timedelta(hours=demands[place].hours),
            phone=f"139{int(run[1:]) * 10 + demands[place].who:08d}",
            text=demands[place].text,
            declared_group_size=demands[place].heads,
            chases_open_order=demands[place].chases,
            urgency=Urgency.CRITICAL if demands[place].urgent else Urgency.NORMAL,
            demand_type=DemandType.HELP,
            item_name=None,
            category=demands[place].category,
        )
        for place in places
    ]
    county.receive(*told)
    with county.store.begin() as connection:
        for place in places:
            # Which matter a demand is of may turn on the order of arrival; what the rules make of it may not.
            connection.execute(
                text(
                    "WITH d AS (UPDATE demand SET place_id = :place WHERE source_no = :no RETURNING demand_id, submitted_at), "
                    "m AS (INSERT INTO matter (matter_id, master_id, state, protected, members, created_at, updated_at) "
                    "SELECT :matter, demand_id, 'open', false, 1, now(), now() FROM d "
                    "ON CONFLICT (matter_id) DO UPDATE SET members = matter.members + 1) "
                    "INSERT INTO matter_member (demand_id, matter_id, seq, submitted_at, said, joined_at, joined_by) "
                    "SELECT demand_id, :matter, 0, submitted_at, '', now(), 'test' FROM d"
                ),
                {
                    "no": f"{run}-{place:02d}",
                    "matter": f"{run}m{demands[place].matter}",
                    "place": f"{run}p{demands[place].place}" if demands[place].place else None,
                },
            )
        connection.execute(text("UPDATE evaluate_work SET placed = true, grouped = true"))


def said(county: County, run: str) -> list[tuple[Any, ...]]:
    """What stands about these, without what differs from run to run."""
    found = []
    for one in county.signals():
        nos = sorted(no.removeprefix(run) for no in one.nos if no.startswith(f"{run}-"))
        if nos:
            key = one.key if one.rule_id.startswith(("W02", "W04")) and run in one.key else ""
            what = (one.rule_id, key.replace(run, ""), one.state, one.level, one.value, one.baseline)
            found.append((*what, one.window_from, one.window_to, one.reporters, nos))
    return sorted(found, key=str)
