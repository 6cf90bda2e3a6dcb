"""Sources without code in a hub: named in hub.yaml, listed, checked, collected and replayed as coded channels are."""

import json

import pytest

from hub.cli.app import main
from hub.runtime.channels import catalog
from hub.sdk.declarative.read import source_in
from hub.testing.declared import DeclaredPages
from hub.testing.hostile import HostileSource

NOTES = """\
hub_source: 1
name: notes
title: 意见箱
version: 2
reader:
  kind: http_json
  path: /api/notes
  records: data.list
  total: data.total
  envelope: {code: code, ok: [0], again: [500]}
  query: {order: id}
  paging: {number: page, size: size, page_size: 5}
  since: {name: since}
record:
  number: {path: id}
  position: {path: changed, parse: {kind: time, forms: ["%Y-%m-%d %H:%M:%S"]}}
fields:
  submitted_at: {path: changed}
  demand_type: {path: kind, map: {ask: consultation, complain: complaint}}
  content: {path: words}
  reporter:
    phone: {path: who.phone}
"""
SAMPLE = {"id": "A1", "kind": "complain", "words": "窗口没有人", "who": {}, "changed": "2026-11-20 09:30:00"}


@pytest.fixture
def source():
    """The notes' server, well-behaved; a dozen notes, one of a kind that no map knows."""
    pages = DeclaredPages(source_in(NOTES, "notes.yaml"), SAMPLE)
    with HostileSource(pages) as hostile:
        hostile.records[3]["kind"] = "lost"
        yield hostile


@pytest.fixture
def site(tmp_path, monkeypatch, database_url, source):
    """A folder with hub.yaml and the sources that it names."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "notes.yaml").write_text(NOTES, "utf-8")
    (tmp_path / "sources" / "broken.yaml").write_text(
        NOTES.replace("name: notes", "name: other").replace("path: words", "pth: words")
    )
    (tmp_path / "hub.yaml").write_text(
        f"""
home: {tmp_path}/home
sources: [sources/broken.yaml, sources/notes.yaml]
channels:
  box: {{channel: notes, owner: 大厅, settings: {{base_url: "{source.url}"}}}}
  chicago: {{channel: open311, settings: {{base_url: "{source.url}", page_size: 50}}}}
""",
        "utf-8",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    return tmp_path


@pytest.fixture
def hub(site, capsys):
    """One call of the command line: exit code and document."""

    def call(*arguments):
        code = main([*arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    call("migrate")
    return call


def test_a_source_is_listed_without_a_database(site):
    listed = {entry.instance: (entry.channel, entry.installed) for entry in catalog(config=site / "hub.yaml")}

    assert listed == {"box": ("notes", True), "chicago": ("open311", True)}


def test_a_broken_file_is_told_and_silences_no_other(hub):
    code, said = hub("plugin", "list")

    assert code == 1
    (broken,) = said["broken"]
    assert broken["name"] == "other"
    assert "broken.yaml" in broken["message"]
    assert "line 20" in broken["message"]
    loaded = {one["name"]: one for one in said["plugins"] if one["state"] == "loaded"}
    assert {"notes", "open311"} <= set(loaded)
    assert loaded["notes"]["distribution"] == "notes.yaml"
    assert loaded["notes"]["version"].startswith("2-")


def test_a_source_is_collected_as_a_coded_channel_is(hub, site):
    code, said = hub("channel", "run", "box")

    assert code == 0, said
    assert said["records"] == {"collected": 12, "stored": 11, "duplicate": 0, "quarantined": 1, "pending": 0}
    assert hub("channel", "run", "box")[1]["records"]["stored"] == 0


def test_a_code_that_no_map_knows_is_set_aside_and_replayed_once_it_is_named(hub, site):
    hub("channel", "run", "box")
    (entry,) = hub("quarantine", "list")[1]["entries"]
    assert (entry["code"], entry["instance"]) == ("value_unmapped", "box")

    settings = site / "hub.yaml"
    settings.write_text(
        settings.read_text("utf-8").replace("{base_url", "{maps: {demand_type: {lost: help}}, base_url", 1),
        "utf-8",
    )
    _, replayed = hub("quarantine", "replay", "--channel", "box")

    assert replayed["replayed"] == 1
    assert hub("quarantine", "list")[1]["entries"] == []


def test_check_says_what_can_be_read_of_the_live_source(hub):
    code, said = hub("channel", "check", "box")

    assert code == 1
    assert [(one["name"], one["ok"]) for one in said["checks"]] == [("answer", True), ("records", False)]
    assert "value_unmapped" in said["checks"][1]["detail"]


def test_a_source_that_is_disabled_is_not_used(hub, site):
    settings = site / "hub.yaml"
    settings.write_text(f"plugins_disabled: [notes]\n{settings.read_text('utf-8')}", "utf-8")

    assert hub("channel", "check", "box")[0] == 4
    assert not {one.instance: one.installed for one in catalog(config=settings)}["box"]


def test_settings_that_a_source_does_not_have_are_refused_by_name(hub, site):
    settings = site / "hub.yaml"
    settings.write_text(
        settings.read_text("utf-8").replace("{base_url", "{paeg_size: 3, base_url", 1), "utf-8"
    )

    code, said = hub("channel", "check", "box")

    assert code == 4
    assert "did you mean 'page_size'" in said["error"]["message"]


def test_a_source_is_proven_by_the_contract_with_the_samples_beside_it(site, capsys):
    file = site / "sources" / "notes.yaml"
    samples = site / "sources" / "notes.samples"
    samples.mkdir()
    (samples / "complaint.json").write_text(json.dumps(SAMPLE), "utf-8")
    (samples / "complaint.demands.json").write_text(
        json.dumps(
            [
                {
                    "source_no": "A1",
                    "submitted_at": "2026-11-20T01:30:00Z",
                    "demand_type": "complaint",
                    "content": "窗口没有人",
                    "reporter": {},
                }
            ]
        ),
        "utf-8",
    )
    (samples / "lost.json").write_text(json.dumps({**SAMPLE, "kind": "lost"}), "utf-8")
    (samples / "lost.rejected.json").write_text('{"code": "value_unmapped"}', "utf-8")

    code = main(["plugin", "test", str(file), "--json"])
    said = json.loads(capsys.readouterr().out)

    assert (code, said["failures"]) == (0, [])
    (contract,) = said["contracts"]
    assert (contract["channel"], contract["gaps"]) == ("notes", {})
    assert contract["kept"] >= 100


def test_a_source_that_says_when_nothing_changed_keeps_what_it_can_and_the_rest_is_a_known_gap(
    tmp_path, capsys
):
    (tmp_path / "library.yaml").write_text(LIBRARY, "utf-8")
    samples = tmp_path / "library.samples"
    samples.mkdir()
    for kind, verdict in (
        ("T", {"demands": [{"source_no": "L1", "submitted_at": "2025-11-26T07:00:00Z", "demand_type": "complaint",
                            "content": "阅览室太冷", "reporter": {}}]}),
        ("X", {"rejected": {"code": "value_unmapped"}}),
    ):  # fmt: skip
        note = {"opinionId": "L1", "when": 1764140400000, "sort": kind, "body": "阅览室太冷"}
        (samples / f"{kind}.json").write_text(json.dumps(note), "utf-8")
        for name, content in verdict.items():
            (samples / f"{kind}.{name}.json").write_text(json.dumps(content), "utf-8")

    code = main(["plugin", "test", str(tmp_path / "library.yaml"), "--json"])
    said = json.loads(capsys.readouterr().out)

    assert (code, said["failures"]) == (0, [])
    (contract,) = said["contracts"]
    gap = "test_a_position_that_is_no_date_sets_its_record_aside_and_no_other"
    assert contract["gaps"][gap] == "the mapping reads no update time"


LIBRARY = """
hub_source: 1
name: library
title: 图书馆意见簿
version: "1"
watch: insight
reader: {kind: http_json, path: /opinions, records: items}
record:
  number: {path: opinionId}
fields:
  submitted_at: {path: when, parse: {kind: epoch, unit: ms}}
  demand_type:
    path: sort
    map: {Q: consultation, T: complaint}
  content: {path: body}
"""


def test_a_file_that_describes_no_source_is_told_by_the_proof(site, capsys):
    assert main(["plugin", "test", str(site / "sources" / "broken.yaml")]) == 1
    assert "line 20" in capsys.readouterr().out


def test_a_source_without_samples_is_not_proven(site, capsys):
    assert main(["plugin", "test", str(site / "sources" / "notes.yaml")]) == 1
    said = capsys.readouterr().out
    assert "there are samples" in said
    # What it costs many promises is told as the one reason that it is.
    assert said.count("has a .demands.json beside it") == 1
    assert " more for the same reason" in said
