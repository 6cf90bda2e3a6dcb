"""`hub place list | regions | import | match`, and the place in `hub demand show`, as a clerk types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.desk import Desk, record

REGIONS = "code,name\n411521,示例县\n411521001,宝城街道\n411521004,周党镇\n411521004001,上河村委会\n"
PLACES = "编号,名称,类型,所属区划,别名\njx1,锦绣花园,小区,411521001,锦绣\njx2,锦绣花园,小区,411521004,\nqt,老桥头,公共场所,411521001,\n"


@pytest.fixture
def gazetteer(desk: Desk, tmp_path: Path) -> Path:
    """A county's regions and places, imported; the file of places."""
    for name, content in (("regions", REGIONS), ("places", PLACES)):
        (tmp_path / f"{name}.csv").write_text(content, encoding="gb18030")
        assert desk.hub("place", "import", str(tmp_path / f"{name}.csv")).code == 0
    return tmp_path / "places.csv"


def test_a_gazetteer_is_imported_once_and_written_down(desk: Desk, gazetteer: Path) -> None:
    again = desk.hub("place", "import", str(gazetteer), "--json")
    assert (again.document["new"], again.document["places"], again.document["regions"]) == (False, 3, 4)
    audit = desk.rows("SELECT subject FROM audit_log WHERE action = 'place.import' ORDER BY audit_id")
    assert [row[0] for row in audit] == ["gazetteer 1", "gazetteer 2"]


def test_places_and_regions_are_listed_and_narrowed_down(desk: Desk, gazetteer: Path) -> None:
    assert "宝城街道" in desk.hub("place", "list").out
    by_region = desk.hub("place", "list", "--region", "411521004", "--json").document["places"]
    assert [one["place_id"] for one in by_region] == ["jx2"]
    by_name = desk.hub("place", "list", "--name", "锦绣", "--kind", "estate", "--limit", "1", "--json")
    assert [one["place_id"] for one in by_name.document["places"]] == ["jx1"]
    assert "No place fits" in desk.hub("place", "list", "--kind", "hospital").out
    regions = desk.hub("place", "regions", "--region", "411521004", "--json").document["regions"]
    assert [(one["code"], one["level"], one["parent"]) for one in regions] == [
        ("411521004000", "town", "411521000000"),
        ("411521004001", "village", "411521004000"),
    ]
    assert desk.hub("place", "list", "--region", "41152").code == 2


def test_a_text_is_matched_and_nothing_is_stored(desk: Desk, gazetteer: Path) -> None:
    found = desk.hub("place", "match", "老桥头3号楼塌了", "--json")
    assert (found.code, found.document["place_id"], found.document["detail"]) == (0, "qt", "3号楼")
    assert "老桥头" in desk.hub("place", "match", "老桥头塌了").out
    unclear = desk.hub("place", "match", "锦绣花园停水", "--json")
    assert unclear.code == 1
    assert [one["id"] for one in unclear.document["candidates"]] == ["jx1", "jx2"]
    assert desk.hub("place", "match", "锦绣花园停水", "--region", "411521004").code == 0
    assert desk.hub("place", "match", "停水", "--address", "宝城街道锦绣花园").code == 0
    assert desk.hub("place", "match", "停水").code == 1
    assert desk.hub("place", "match", "停水", "--region", "x").code == 2


def test_a_demand_shows_its_place_or_those_that_it_may_be(desk: Desk, gazetteer: Path) -> None:
    for number, words in ((1, "上河村没有水"), (2, "锦绣花园没有水")):
        desk.portal.add({**record(number), "nr": words, "bt": "没有水", "wz": "", "qhdm": ""})
    desk.hub("channel", "run", "portal")
    desk.hub("run", "once", "--step", "evaluate")
    listed = desk.hub("demand", "list", "--json").document["demands"]
    second, first = (
        one["demand_no"] for one in sorted(listed, key=lambda one: one["source_no"], reverse=True)
    )
    told = desk.hub("demand", "show", first).out
    assert "上河村委会 (411521004001 in 411521004001)" in told
    assert "411521004001 (by its place)" in told
    open_one = "".join(desk.hub("demand", "show", second).out.split())  # whatever the line's width
    assert "锦绣花园(jx1in411521001000),锦绣花园(jx2in411521004000)" in open_one
    document = desk.hub("demand", "show", second, "--json").document["demand"]
    assert (document["place_id"], document["place_candidates"]) == (None, ["jx1", "jx2"])


@pytest.mark.parametrize(("content", "said"), [("a,b\n1,2\n", "names a, b"), (None, "cannot be read")])
def test_a_file_that_is_no_gazetteer_is_refused(
    desk: Desk, tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "x.csv"
    if content is not None:
        file.write_text(content)
    refused = desk.hub("place", "import", str(file))
    assert refused.code == 4
    assert said in refused.err
