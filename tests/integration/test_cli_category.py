"""`hub category`, `hub model` and `hub demand categorize`, as a clerk types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.desk import Desk, record

WORDS = ("小区停水三天没有通知", "停水又停电", "商家不给退货")


@pytest.fixture
def numbers(desk: Desk) -> list[str]:
    """Demands of these words, judged; their numbers in the same order."""
    for number, words in enumerate(WORDS, start=1):
        desk.portal.add({**record(number), "nr": words, "bt": words})
    desk.hub("channel", "run", "portal")
    desk.hub("run", "once", "--step", "evaluate")
    listed = desk.hub("demand", "list", "--json").document["demands"]
    return [one["demand_no"] for one in sorted(listed, key=lambda one: one["source_no"])]


def flat(told: str) -> str:
    """What was told, whatever the line's width."""
    return "".join(told.split())


@pytest.mark.requirement("R55")
def test_the_catalogue_that_the_hub_brings_has_the_areas_of_the_notice(desk: Desk) -> None:
    listed = desk.hub("category", "list", "--json").document
    areas = {one["l1"] for one in listed["categories"]}
    assert {"市场监管", "社会管理", "公共服务"} <= areas
    assert {"供水服务", "政务服务", "行风政风"} <= {one["name"] for one in listed["categories"]}
    assert listed["model"] is None
    some = desk.hub("category", "list", "--l1", "市场监管", "--json").document["categories"]
    assert {one["l1"] for one in some} == {"市场监管"}
    assert "words of the catalogue" in desk.hub("category", "list").out


def test_a_clerk_decides_what_waits_and_that_stands(desk: Desk, numbers: list[str]) -> None:
    water, unclear, _ = numbers
    assert "公共服务/供水服务0301(catalogue:cataloguehub" in flat(desk.hub("demand", "show", water).out)
    assert "待人工" in desk.hub("demand", "show", unclear).out
    waits = desk.hub("category", "waiting", "--json").document["waiting"]
    assert [(one["demand_no"], one["likeliest"] is not None) for one in waits] == [(unclear, True)]
    assert unclear in desk.hub("category", "waiting").out
    decided = desk.hub("demand", "categorize", unclear, "供电服务", "--by", "张", "--json")
    assert (decided.code, decided.document["code"], decided.document["new"]) == (0, "0302", True)
    assert desk.hub("demand", "categorize", unclear, "0302", "--by", "李", "--json").document["new"] is False
    assert "公共服务/供电服务0302(person:张)" in flat(desk.hub("demand", "show", unclear).out)
    assert "No demand waits" in desk.hub("category", "waiting").out
    assert desk.value("SELECT detail->>'code' FROM audit_log WHERE action = 'demand.categorize'") == "0302"
    assert desk.hub("run", "once", "--step", "evaluate").code == 0
    shown = desk.hub("demand", "show", unclear, "--json").document["demand"]["categorized"]
    assert (shown["l2"], shown["person"]) == ("供电服务", "张")


def test_a_category_or_demand_that_is_not_there_is_told(desk: Desk, numbers: list[str]) -> None:
    wrong = desk.hub("demand", "categorize", numbers[0], "没有这类", "--by", "张")
    assert (wrong.code, "hub category list" in wrong.err) == (4, True)
    assert desk.hub("demand", "categorize", "411521000", "0301", "--by", "张").code == 1
    assert desk.hub("demand", "categorize", numbers[0], "0301", "--by", " ").code == 2


def test_all_but_what_people_decided_is_judged_again_when_a_clerk_says_so(
    desk: Desk, numbers: list[str]
) -> None:
    desk.hub("demand", "categorize", numbers[1], "供电服务", "--by", "张")
    desk.rows(
        "UPDATE demand_category SET code = '0302', l1 = '公共服务', l2 = '供电服务', decided_version = 'catalogue hub 1'"
    )
    assert desk.hub("category", "rejudge", "--by", "张", "--json").document == {"waiting": 2}
    assert "2 stored demands" in desk.hub("category", "rejudge").out
    desk.hub("run", "once", "--step", "evaluate")
    shown = [desk.hub("demand", "show", no, "--json").document["demand"]["categorized"] for no in numbers]
    assert [one["l2"] for one in shown] == ["供水服务", "供电服务", "消费维权"]
    assert desk.value("SELECT count(*) FROM audit_log WHERE action = 'category.rejudge'") == 2


def test_a_text_is_matched_and_nothing_is_stored(desk: Desk) -> None:
    found = desk.hub("category", "match", "小区停水", "--json")
    assert (found.code, found.document["l2"], found.document["reasons"]) == (0, "供水服务", ["停水"])
    assert "供水服务" in desk.hub("category", "match", "小区停水").out
    assert desk.hub("category", "match", "你好").code == 1
    mapped = desk.hub("category", "match", "你好", "--category", "公共服务/供电服务", "--json").document
    assert (mapped["l2"], mapped["decided_by"]) == ("供电服务", "source")
    assert desk.value("SELECT count(*) FROM demand_category") == 0


def test_a_countys_catalogue_comes_with_its_document_and_unmapped_words_are_shown(
    desk: Desk, numbers: list[str], tmp_path: Path
) -> None:
    desk.rows("UPDATE demand SET category = '水务' WHERE demand_no = :no", no=numbers[0])
    county = tmp_path / "county.yaml"
    document = (
        "organisations:\n- {code: office, name: 处置办理股室, level: county, handling_office: true}\ncategories:\n"
        "  entries:\n  - {code: W1, l1: 公共服务, name: 水利工程, words: [大坝]}\n"
    )
    county.write_text(document)
    assert "Category catalogue 1 stands: 53 categories; 3 stored demands" in flat_line(
        desk.hub("config", "apply", str(county)).out
    )
    desk.hub("run", "once", "--step", "evaluate")
    listed = desk.hub("category", "unmapped", "--json").document["unmapped"]
    assert [(one["said"], one["demands"], one["instances"]) for one in listed] == [("水务", 1, ["portal"])]
    assert "水务" in desk.hub("category", "unmapped").out
    assert "水务(unmapped:`hubcategoryunmapped`)" in flat(desk.hub("demand", "show", numbers[0]).out)
    county.write_text(document.replace("[大坝]", "[大坝], sources: [水务]"))
    desk.hub("config", "apply", str(county))
    desk.hub("run", "once", "--step", "evaluate")
    assert "Nothing is unmapped" in desk.hub("category", "unmapped").out
    told = flat(desk.hub("demand", "show", numbers[0]).out)
    assert "公共服务/水利工程W1(source:catalogue2" in told
    assert "inthesource'swords水务" in told


def flat_line(told: str) -> str:
    """What was told, in one line."""
    return " ".join(told.split())


def test_models_are_trained_listed_shown_used_and_retired(desk: Desk) -> None:
    said = {
        "供水服务": ("管子滴水", "水塔见底", "放出泥沙"),
        "公路管理": ("车辙很深", "路肩塌了", "桥头跳车"),
    }
    for at in range(26):
        words = said["公路管理" if at % 2 else "供水服务"]
        text = f"{words[at % 3]}，{words[(at + 1) % 3]}，第{'一二三四五六七八九十'[at % 10]}{'甲乙丙'[at // 10]}次"
        desk.portal.add({**record(at), "nr": text, "bt": text})
    desk.hub("channel", "run", "portal")
    refused = desk.hub("model", "train", "--by", "ops")
    assert (refused.code, "none is confirmed" in refused.err) == (4, True)
    assert "No model" in desk.hub("model", "list").out
    for one in desk.hub("demand", "list", "--limit", "99", "--json").document["demands"]:
        category = "供水服务" if any(word in one["title"] for word in said["供水服务"]) else "公路管理"
        assert desk.hub("demand", "categorize", one["demand_no"], category, "--by", "张").code == 0
    trained = desk.hub("model", "train", "--by", "ops", "--json").document
    assert (trained["model_id"], trained["macro_f1"]) == (1, 1.0)
    assert trained["by_category"] == {"供水服务": 1.0, "公路管理": 1.0}
    assert "decides nothing yet" in desk.hub("model", "train", "--by", "ops").out
    shown = desk.hub("model", "show", "1", "--json").document["model"]
    assert shown["version"] == trained["version"]
    assert "供水服务" in desk.hub("model", "show", "1").out
    assert "decides from now on" in desk.hub("model", "use", "1").out
    assert "decides already" in desk.hub("model", "use", "1").out
    assert [one["state"] for one in desk.hub("model", "list", "--json").document["models"]] == [
        "trained",
        "in_use",
    ]
    assert "words decide" in desk.hub("model", "retire", "1").out
    assert "retired" in desk.hub("model", "list").out
    assert desk.hub("model", "use", "1").code == 1
    assert desk.hub("model", "show", "9").code == 1
