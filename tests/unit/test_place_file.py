"""Regions and places out of files: CSV in any of its usual dresses, YAML, and what is wrong named by its line."""

from __future__ import annotations

import pytest

from hub.errors import ConfigError
from hub.model.place import MOST_REGIONS
from hub.model.place_file import read_gazetteer

PLACES = "编号,名称,类型,所属区划,别名,经度,纬度\njx,锦绣花园,小区,411521001,锦绣|锦绣小区,114.5,32.1\n\nxh,新华路,道路,411521001,,,\n"
REGIONS = (
    "code,name,level,parent\n411521,示例县,县,\n411521001,宝城街道,街道,411521\n411521001001,上河村委会,村,\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_sheet_of_places_is_read_in_each_usual_encoding(encoding):
    found = read_gazetteer(PLACES.encode(encoding), "places.csv")
    assert found.regions is None
    assert found.places is not None
    assert [(one.id, one.kind, one.region_code, one.aliases) for one in found.places] == [
        ("jx", "estate", "411521001000", ("锦绣", "锦绣小区")),
        ("xh", "road", "411521001000", ()),
    ]
    assert found.places[0].longitude == 114.5


def test_a_sheet_of_regions_is_told_by_its_head():
    found = read_gazetteer(REGIONS.encode(), "regions.csv")
    assert found.places is None
    assert found.regions is not None
    assert [one.code for one in found.regions] == ["411521000000", "411521001000", "411521001001"]


def test_yaml_holds_both():
    text = (
        "regions: [{code: '411521', name: 示例县}]\nplaces: [{id: a, name: 老桥头, region_code: '411521'}]\n"
    )
    found = read_gazetteer(text.encode(), "county.yaml")
    assert found.regions is not None
    assert found.places is not None
    assert (len(found.regions), found.places[0].kind) == (1, "other")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLACES.replace("411521001,锦绣", "4115210,锦绣"), "line 2: region_code: is no region code"),
        (PLACES.replace("道路", "道道"), "line 4: kind"),
        (PLACES.replace("xh,", "jx,"), "id 'jx' stands 2 times"),
        (PLACES.replace("114.5", ""), "one coordinate"),
        (PLACES.replace("114.5", "1145"), "line 2: longitude"),
        (PLACES.replace("编号,", "号码,"), "its first line names 号码"),
        (REGIONS.replace("411521001,宝城", "411522001,宝城"), "lies in"),
        (REGIONS.replace("宝城街道,街道", "宝城街道,村"), "is a town by its code"),
        (
            REGIONS.replace("411521001,宝城街道,街道,411521\n", ""),
            "411521001000, which is not among the regions",
        ),
        (REGIONS + "411521001,再来一次,,\n", "stands 2 times"),
        ("", "names nothing"),
        ("code,name\n" + "4" * 200_000 + ",x\n", "cannot be read as CSV"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_line(content, said):
    with pytest.raises(ConfigError, match=said) as caught:
        read_gazetteer(content.encode(), "file.csv")
    assert "nothing was changed" in caught.value.message


@pytest.mark.parametrize(
    ("content", "said"), [("[1, 2", "as YAML"), ("a: 1", "neither"), ("places: 5", "places")]
)
def test_yaml_that_is_none_or_holds_nothing_is_refused(content, said):
    with pytest.raises(ConfigError, match=said):
        read_gazetteer(content.encode(), "file.yaml")


def test_bytes_that_are_no_text_and_files_without_end_are_refused():
    with pytest.raises(ConfigError, match="neither UTF-8 nor GB 18030"):
        read_gazetteer(b"id,name\n\xff\xff\xff", "file.csv")
    many = "code,name\n" + "\n".join(
        f"{n},x" for n in range(100_000_000_000, 100_000_000_000 + MOST_REGIONS + 1)
    )
    with pytest.raises(ConfigError, match="more than 100000 rows|line"):
        read_gazetteer(many.encode(), "file.csv")


def test_a_sheet_with_ever_more_faults_names_the_first_ten():
    wrong = "code,name\n" + "x,y\n" * 5_000
    with pytest.raises(ConfigError) as caught:
        read_gazetteer(wrong.encode(), "file.csv")
    assert caught.value.message.count("line ") == 10
