"""The mapping tables of the channels' pages are what the channels do: asked of a channel whose rules are known, and complete for ours."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from docs._generate import mappings
from docs._generate.answers import NUMBER, POSITION
from docs._generate.asked import Asking, Ground
from docs._generate.forms import Flat, JsonForm, MailForm, RowForm, XmlForm
from hub.clock import COUNTY_ZONE
from hub.errors import Code, RecordRejected
from hub.model.codes import Anonymity, DemandType
from hub.model.demand import Demand, Reporter
from hub.sdk.channel import RawRecord, RecordProblem
from hub.sdk.values import blank_to_none, mapped, plain_text, time_in
from tests.docs.pages import ROOT, text_of

PAGES = Path("docs/reference/channels")
KINDS = {"ask": DemandType.CONSULTATION, "gripe": DemandType.COMPLAINT, "moan": DemandType.COMPLAINT}
SOUND = {
    "id": "7",
    "kind": "ask",
    "subject": "一句话",
    "words": "几句话",
    "who": "张*",
    "open": "1",
    "written": "2026-11-01 08:00:00",
}


def landed(body):
    fields = json.loads(body)
    if not fields.get("id"):
        return RawRecord(None, body, problem=RecordProblem(Code.KEY_MISSING, "field 'id': missing"))
    try:
        moment = time_in(fields.get("written") or "", COUNTY_ZONE, field="written")
    except RecordRejected as exc:
        return RawRecord(fields.get("id"), body, problem=RecordProblem(Code.POSITION_UNREADABLE, exc.message))
    return RawRecord(fields.get("id"), body, position_at=moment)


def said(raw):
    """A mapping with one of each: a code table, a default, a fallback, markup, a name taken as it is."""
    fields = {name: blank_to_none(value) for name, value in json.loads(raw.body).items()}
    title, words = plain_text(fields.get("subject") or ""), plain_text(fields.get("words") or "")
    if not title and not words:
        raise RecordRejected("field 'words': empty", code=Code.FIELD_MISSING, field="words")
    return [
        Demand(
            source_no=raw.source_no,
            submitted_at=datetime(2026, 11, 1, tzinfo=UTC),
            demand_type=mapped(KINDS, fields.get("kind"), field="kind"),
            title=title,
            content=words or title,
            reporter=Reporter(name=fields.get("who")),
            anonymity=Anonymity.OPEN if fields.get("open") == "1" else Anonymity.SECRET,
        )
    ]


def ask(*samples, names=()):
    ground = Ground(
        "a note",
        JsonForm(),
        [json.dumps(sample).encode() for sample in (samples or (SOUND,))],
        landed,
        said,
        (__name__,),
        tuple(names),
    )
    return {one.name: one for one in Asking(ground).found()}


def test_a_field_becomes_what_changes_with_it():
    found = ask()

    assert {name: one.becomes for name, one in found.items()} == {
        "id": {NUMBER: ""},
        "kind": {"demand_type": ""},
        "subject": {"title": "", "content": "words"},
        "words": {"content": ""},
        "who": {"reporter.name": ""},
        "open": {"anonymity": ""},
        "written": {POSITION: ""},
    }


def test_the_codes_of_a_field_are_those_that_its_table_takes():
    assert ask()["kind"].codes == {"`consultation`": ["ask"], "`complaint`": ["gripe", "moan"]}


def test_a_code_that_is_taken_out_of_the_table_leaves_the_page(monkeypatch):
    monkeypatch.delitem(KINDS, "moan")

    assert ask()["kind"].codes == {"`consultation`": ["ask"], "`complaint`": ["gripe"]}


def test_what_becomes_of_nothing_and_of_an_unknown_word_is_told_with_its_code():
    found = ask()

    assert (found["kind"].missing, found["kind"].unknown) == ("set aside: `value_unmapped`",) * 2
    assert found["written"].missing == "set aside: `position_unreadable`"
    assert (found["who"].missing, found["who"].unknown) == ("–", "as it stands")
    assert found["open"].missing == "`secret`"


def test_how_a_value_is_understood_is_told():
    found = ask()

    assert found["words"].how == ["its words, without markup"]
    assert found["who"].how == ["as it stands"]
    assert found["written"].how == ["a time"]
    assert "`2026-11-20 09:30:00`" in found["written"].times
    assert "seconds since 1970" not in found["written"].times


def test_a_field_that_no_sample_holds_is_asked_about_where_the_code_knows_it():
    bare = {name: value for name, value in SOUND.items() if name != "who"}

    assert "who" not in ask(bare)
    assert ask(bare, names=("who",))["who"].becomes == {"reporter.name": ""}


def test_a_field_that_changes_nothing_becomes_nothing():
    assert ask({**SOUND, "colour": "blue"})["colour"].becomes == {}


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (JsonForm(), b'{"a": "1", "b": [{"c": "2"}, {"c": "3"}], "d": [], "e": {"f": null}}'),
        (XmlForm(), "<Order><a>1</a><乙>二 &amp; 三</乙></Order>".encode()),
        (RowForm("X"), json.dumps({"T": "1", "X": "<Data><a>1</a><b>2</b></Data>"}).encode()),
    ],
    ids=["JSON", "XML", "a row with XML"],
)
def test_a_record_taken_apart_is_put_together_again(form, body):
    flat = form.read(body)

    assert form.read(form.write(flat)) == flat
    assert form.write(flat).decode().replace(" ", "") == body.decode().replace(" ", "")


def test_a_mail_taken_apart_is_put_together_again():
    form = MailForm()
    flat: Flat = {
        ("From: name",): "张三",
        ("From: address",): "a@example.org",
        ("Subject: 【tag】",): "投诉",
        ("Subject",): "窗口不受理",
        ("Date",): "Fri, 20 Nov 2026 02:21:33 +0000",
        ("text",): "几句话",
        ("attachment: name",): "照片.png",
    }

    assert form.read(form.write(flat)) == flat


# --- our own channels ------------------------------------------------------------------------------------------------


def fields_on(channel):
    """First cells of the tables below "Mapping", and what is said to have no say."""
    _, _, section = text_of(PAGES / f"{channel}.md").partition("\n## Mapping\n")
    told = re.findall(r"^\| `([^`]+)` \|", section, re.M)
    for line in re.findall(r"^Kept in the raw record, .*$", section, re.M):
        told += re.findall(r"`([^`]+)`", line)
    parts = (re.split(r"\.|\[\]", re.sub(r"^(CONTENT|XMLBODY)/", "", name)) for name in told)
    return {part for several in parts for part in several}


def known_names(channel) -> Any:
    """Names that the channel's code reads."""
    if channel == "eagle_eye":
        from hub_channel_eagle_eye.columns import ALIASES
        from hub_channel_eagle_eye.names import FIELDS

        return {*FIELDS, *ALIASES}
    if channel == "app":
        source = "\n".join(
            (ROOT / "plugins/app/hub_channel_app" / f"{name}.py").read_text("utf-8")
            for name in ("mapping", "pictures")
        )
        return set(re.findall(r'\b(?:text_of|moment_of|_yes)\(\w+, "(\w+)"', source))
    return {name for ground in mappings.grounds(channel) for name in (*ground.names, *ground.also)}


def test_every_channel_has_a_table_of_its_mapping_or_a_reason_why_not():
    pages = {page.stem for page in (ROOT / PAGES).glob("*.md")}

    assert {*mappings.channels(), "singer"} == pages
    for channel in pages:
        assert text_of(PAGES / f"{channel}.md").count("\n## Mapping\n") == 1


@pytest.mark.parametrize("channel", mappings.channels())
def test_every_field_that_a_channel_knows_is_on_its_page(channel):
    assert sorted(known_names(channel) - fields_on(channel)) == []
