"""Numbers that cannot be right are marked, never refused: identity card, credit code, telephone, region."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.model.codes import DemandType, Watch
from hub.model.demand import Demand, Reporter
from hub.pipeline.intake import Intake, Origin
from hub.seal import KeyRing, Sealer, SearchKeys
from hub.store.landing import DEMAND_COLUMNS

NOW = datetime(2026, 11, 26, tzinfo=UTC)
GOOD_ID, BAD_ID = "411521199003071238", "411521199003071234"


def flags(ring: KeyRing, reporter: Reporter, **fields: str) -> list[str]:
    bare = Demand(
        source_no="A", submitted_at=NOW, demand_type=DemandType.HELP, content="没有水", reporter=reporter
    )
    demand = bare.model_copy(update=fields)
    intake = Intake(Sealer(ring), SearchKeys(ring))
    origin = Origin(1, "plain", "plain", Watch.INSIGHT)
    (row,) = intake.rows([(demand, "ID", "NO", 1, NOW, False)], origin, updated_at=NOW)
    found: list[str] = dict(zip(DEMAND_COLUMNS, row, strict=True))["quality"]
    return found


@pytest.mark.parametrize(
    ("reporter", "marked"),
    [
        (Reporter(), []),
        (Reporter(id_no=BAD_ID), ["BAD_IDCARD"]),
        (Reporter(id_no="41152119900307123"), ["BAD_IDCARD"]),
        (Reporter(id_no="411521900307123"), []),
        (Reporter(id_no="411521********1234"), []),
        (Reporter(id_no="E12345678", id_type="414"), []),
        (Reporter(id_no="91411521MA44A0AA1X", id_type="821"), ["BAD_USCC"]),
        (Reporter(uscc="91411521MA44A0AA1X"), ["BAD_USCC"]),
        (Reporter(uscc="统一代码"), ["BAD_USCC"]),
        (Reporter(uscc="9141****1X"), []),
        (Reporter(phone="13812345678"), []),
        (Reporter(phone="0376-6822345"), []),
        (Reporter(phone="138****5678"), []),
        (Reporter(phone="12345"), []),
        (Reporter(phone="未留"), []),
        (Reporter(phone="1381234567"), ["BAD_PHONE"]),
        (Reporter(phone="1.38E+10"), ["BAD_PHONE"]),
        (Reporter(phone="1381234567", id_no=BAD_ID), ["BAD_IDCARD", "BAD_PHONE"]),
    ],
)
def test_a_number_that_cannot_be_right_is_marked_and_masked_or_missing_ones_are_not(ring, reporter, marked):
    assert flags(ring, reporter) == marked


def test_a_check_digit_that_fits_is_not_marked(ring):
    from hub.text.identity import read_id_no, read_uscc

    good = next(
        f"{BAD_ID[:17]}{last}" for last in "0123456789X" if read_id_no(f"{BAD_ID[:17]}{last}").checked
    )
    code = next(
        f"91411521MA44A0AA1{last}"
        for last in "0123456789ABCDEFGHJKLMNPQRTUWXY"
        if read_uscc(f"91411521MA44A0AA1{last}").checked
    )
    assert flags(ring, Reporter(id_no=good)) == []
    assert flags(ring, Reporter(uscc=code)) == []


@pytest.mark.parametrize(
    ("region", "marked"),
    [("411521", []), ("411521004001", []), ("4115210040", ["BAD_REGION"]), ("示例县", ["BAD_REGION"])],
)
def test_a_region_code_of_another_shape_is_marked_and_kept(ring, region, marked):
    assert flags(ring, Reporter(), region_code=region) == marked


def test_service_item_codes_of_any_shape_are_left_alone(ring):
    for code in (
        "511Z07001006-511602000000-000-11511301008778183N-1-00",
        "11411521MB1234567X4000715001000",
        "x",
    ):
        assert flags(ring, Reporter(), item_code=code) == []
