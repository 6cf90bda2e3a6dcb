"""A file that describes a source says what is wrong with it, where, on which line; and takes nothing for what it was not written as."""

import json

import jsonschema
import pytest
import yaml

from hub import schemas
from hub.errors import Code, ConfigError
from hub.model.demand import Demand, Reporter
from hub.sdk.declarative.document import SourceDocument
from hub.sdk.declarative.files import shipped_names, shipped_source, source_name
from hub.sdk.declarative.lines import MOST_BYTES, Lined
from hub.sdk.declarative.read import read_source, source_in
from hub.sdk.declarative.rules import FieldRules, ReporterRules

SOUND = """\
hub_source: 1
name: notes
title: 意见箱
reader:
  kind: http_json
  path: /api/notes
  records: data.list
  total: data.total
record:
  number: {path: id}
  position: {path: changed}
fields:
  submitted_at: {path: written}
  demand_type:
    path: kind
    map:
      1: consultation
      02: complaint
      yes: suggestion
  content: {path: words}
"""


def fault(text):
    with pytest.raises(ConfigError) as caught:
        source_in(text, "notes.yaml")
    assert caught.value.code is Code.CONFIG_INVALID
    return caught.value.message


def test_codes_are_the_text_that_was_written():
    codes = source_in(SOUND, "notes.yaml").fields.demand_type.map

    assert codes is not None
    assert list(codes) == ["1", "02", "yes"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("records:", "recrods:", "line 7: reader.recrods: there is no such name (did you mean 'records'?)"),
        ("  total: data.total\n", "  paging: {page_size: 0}\n", "line 8: reader.paging.page_size"),
        ("kind: http_json", "kind: http_jsn", "line 4: reader"),
        ("{path: words}", "{path: words, column: c}", "line 20: fields.content: exactly one of"),
        ("{path: words}", "{parse: html}", "found none of them"),
        ("{path: words}", "{const: x, parse: html}", "a const is what it is"),
        ("{path: words}", "{join: {of: [words]}}", "line 20: fields.content.join.of"),
        ("  content: {path: words}\n", "", "line 12: fields.content: is missing"),
        ("      02: complaint", "      02: complain", "line 18: fields.demand_type.map.02"),
        ("      02: complaint", "      1: complaint", "line 18: fields.demand_type.map.1 stands twice"),
        ("{path: written}", "{path: written, parse: {kind: time, zone: Mars/Base}}", "IANA"),
        ("{path: written}", "{path: written, parse: {kind: time, forms: [Y-m-d]}}", "no form of a time"),
        ("{path: written}", "{path: written, parse: epoch, unit: ms}", "line 13: fields.submitted_at.unit: there is no such name here (it stands elsewhere, such as under 'parse')"),
        ("{path: written}", "{path: written, parse: {kind: when}}", "line 13: fields.submitted_at.parse"),
        ("name: notes", "name: My notes", "line 2: name"),
        ("hub_source: 1", "hub_source: 2", "line 1: hub_source"),
        ("title: 意见箱", "title: &a 意见箱\nversion: *a", "an alias"),
        ("title: 意见箱", "title: !!python/object:os.system x", "tag"),
        ("title: 意见箱", "title: [", "cannot be read as YAML"),
        ("reader:\n", "reader: 3\nread:\n", "line 4: reader"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_path_and_line(old, new, told):
    assert old in SOUND
    assert told in fault(SOUND.replace(old, new))


def test_every_fault_is_told_at_once():
    told = fault(SOUND.replace("records:", "recrods:").replace("name: notes", "name: 3 notes"))

    assert "line 2" in told
    assert "line 7" in told


@pytest.mark.parametrize(
    "text", ["", "- a\n- b\n", "just words", "3", "null", "\x00", "[" * 5_000, "a: " * 5_000]
)
def test_what_is_no_document_is_told_and_ends(text):
    fault(text)


def test_a_file_beyond_all_measure_is_refused_unread():
    assert "expected at most" in fault("a: b\n" * MOST_BYTES)


def test_dates_and_odd_numbers_stay_the_text_that_was_written():
    value = Lined("a: 2026-11-20\nb: 0x1F\nc: 12:30\nd: 3\ne: 1.5\nf: yes\ng: ~\n", "x").value

    assert value == {"a": "2026-11-20", "b": "0x1F", "c": "12:30", "d": 3, "e": 1.5, "f": True, "g": None}


def test_every_field_of_a_demand_has_a_rule():
    # The number and the deletion mark are the record's; quality is the hub's own word.
    assert set(FieldRules.model_fields) == set(Demand.model_fields) - {"source_no", "deleted", "quality"}
    assert set(ReporterRules.model_fields) == set(Reporter.model_fields)


@pytest.mark.parametrize("name", shipped_names())
def test_a_ready_mapping_fits_the_schema_that_editors_complete_by(name):
    schema = schemas.schema_of(SourceDocument, "validation")
    document = json.loads(json.dumps(Lined(shipped_source(name).read_bytes(), name).value))

    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)] == []


@pytest.mark.parametrize("name", shipped_names())
def test_a_ready_mapping_bears_its_files_name(name):
    assert read_source(shipped_source(name)).name == name == source_name(shipped_source(name))


def test_the_schema_refuses_what_the_hub_refuses():
    schema = schemas.schema_of(SourceDocument, "validation")
    document = yaml.safe_load(SOUND.replace("records:", "recrods:"))

    assert list(jsonschema.Draft202012Validator(schema).iter_errors(document))


def test_a_ready_mapping_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(ConfigError, match="open311"):
        shipped_source("open312")


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_source(tmp_path / "nowhere.yaml")
    assert source_name(tmp_path / "nowhere.yaml") is None
