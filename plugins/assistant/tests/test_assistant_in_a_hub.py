"""The assistant as an operator has it: named in hub.yaml, asked by `hub run once`, shown by `hub demand show`; and the hub whole without it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.runtime.config import load
from hub.scheduler import Scheduler
from hub_assistant.classifier import OpenAICompatible
from hub_assistant.settings import EndpointSettings
from plugins.assistant.tests.chat import SENSIBLE, completion, model
from tests.support.desk import Desk, record
from tests.support.hubs import until
from tests.support.raw_http import RawSource, answer, closed_port, raw_source

UNCLEAR = "停水又停电"
README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.fixture
def endpoint() -> Iterator[RawSource]:
    with raw_source() as source:
        source.play(model(lambda told: SENSIBLE))
        yield source


@pytest.fixture
def number(desk: Desk) -> str:
    """A demand that waits for a person."""
    desk.portal.add(
        {**record(1, name="欧阳建国"), "nr": f"我叫欧阳建国，电话13912345678，{UNCLEAR}", "bt": UNCLEAR}
    )
    desk.hub("channel", "run", "portal")
    desk.hub("run", "once", "--step", "evaluate")
    (found,) = desk.hub("demand", "list", "--json").document["demands"]
    return str(found["demand_no"])


def set_up(desk: Desk, url: str, **more: Any) -> None:
    settings = {
        "base_url": f"{url}/v1",
        "allowed_networks": ["127.0.0.0/8"],
        "model": "qwen",
        "deadline_s": 5,
    }
    desk.configure(suggest={"classifier": "openai_compatible", "settings": {**settings, **more}})


def test_a_suggestion_is_shown_as_one_beside_the_demand_and_decides_nothing(
    desk: Desk, endpoint: RawSource, number: str
) -> None:
    set_up(desk, endpoint.url)
    done = desk.hub("run", "once", "--step", "suggest", "--json")
    assert (done.code, done.document["reports"][0]["counts"]["suggested"]) == (0, 1)
    told = desk.hub("demand", "show", number).out
    assert "模型建议（仅供参考，未经人工确认）" in told
    assert "待人工" in told
    (shown,) = desk.hub("demand", "show", number, "--json").document["demand"]["suggestions"]
    assert (shown["category"], shown["summary"], shown["model"]) == ("0301", "小区停水三天", "qwen-test")
    assert shown["classifier"] == "openai_compatible 1 qwen"
    sent = endpoint.seen[0].body.decode()
    assert UNCLEAR in json.loads(json.loads(sent)["messages"][1]["content"])["诉求"][0]
    assert not [personal for personal in ("欧阳建国", "13912345678", number) if personal in sent]


def test_without_a_word_in_hub_yaml_nobody_is_asked(desk: Desk, endpoint: RawSource, number: str) -> None:
    assert desk.hub("run", "once").code == 0
    listed = desk.hub("plugin", "list", "--json").document["plugins"]
    assert [one["classifiers"] for one in listed if one["name"] == "assistant"] == [["openai_compatible"]]
    assert endpoint.seen == []
    assert desk.value("SELECT count(*) FROM suggestion") == 0


@pytest.mark.parametrize(
    "played",
    [
        answer("oops", 500),
        answer("", 302, location="http://127.0.0.1:1/"),
        answer("<html>login</html>", content_type="text/html"),
        answer("data: {}\n\n", content_type="text/event-stream"),
        answer("x" * 400_000),
        answer(completion("不知道")),
        answer(completion({"category": "ROOT", "summary": "发布红色预警"})),
        answer(b"\xff\x00"),
        None,
    ],
    ids=["500", "redirect", "page", "stream", "huge", "no-json", "unknown-code", "garbage", "down"],
)
def test_the_hub_is_whole_whatever_the_endpoint_does(
    desk: Desk, endpoint: RawSource, number: str, played: bytes | None
) -> None:
    if played is not None:
        endpoint.play(played)
    set_up(desk, endpoint.url if played is not None else f"http://127.0.0.1:{closed_port()}")
    desk.portal.add(record(2))
    done = desk.hub("run", "once", "--json")
    steps = {one["step"]: one for one in done.document["reports"]}
    assert steps["collect"]["records"]["stored"] == 1
    assert not [name for name, one in steps.items() if one["problems"] and name != "suggest"]
    assert desk.value("SELECT count(*) FROM suggestion WHERE state = 'suggested'") == 0
    shown = desk.hub("demand", "show", number, "--json")
    assert (shown.code, shown.document["demand"]["suggestions"]) == (0, [])


def test_settings_that_are_wrong_and_a_classifier_that_nobody_brings_are_told_and_stop_no_other_step(
    desk: Desk, number: str
) -> None:
    set_up(desk, "http://127.0.0.1:9", allowed_networks=["10.8.0.0/24"], typo=1)
    told = desk.hub("run", "once", "--step", "suggest")
    assert told.code == 4
    assert "suggest.settings" in told.out + told.err
    desk.configure(suggest={"classifier": "unheard_of"})
    told = desk.hub("run", "once", "--step", "suggest", "--step", "evaluate")
    assert "no plugin brings 'unheard_of'" in told.out + told.err
    assert desk.hub("run", "once", "--step", "evaluate").code == 0


def test_a_signal_shows_what_the_model_sums_it_up_as(desk: Desk, endpoint: RawSource) -> None:
    endpoint.play(model(lambda told: {"category": None, "summary": f"{len(told['诉求'])}次反映同一件事"}))
    for at in range(3):
        desk.portal.add(record(10 + at, days_ago=at + 0.5, phone="13812340001"))
    desk.hub("channel", "run", "portal")
    desk.hub("run", "once", "--step", "evaluate")
    set_up(desk, endpoint.url)
    assert desk.hub("run", "once", "--step", "suggest").code == 0
    signals = desk.hub("signal", "list", "--json").document["signals"]
    shown = desk.hub("signal", "show", signals[0]["signal_id"], "--json").document["signal"]
    assert [one["summary"] for one in shown["suggestions"]] == ["3次反映同一件事"]
    assert len(shown["demands"]) == 3
    assert "3次反映同一件事" in desk.hub("signal", "show", signals[0]["signal_id"]).out
    assert desk.hub("signal", "show", "01NONE").code == 1


def test_serving_asks_in_a_loop_of_its_own_and_only_where_a_classifier_is_named(
    desk: Desk, endpoint: RawSource, number: str
) -> None:
    with desk.opened() as hub:
        assert "suggest" not in [loop.name for loop in Scheduler(hub).loops]
    set_up(desk, endpoint.url)
    desk.configure(suggest={**desk.settings["suggest"], "every_s": 0.05})
    with desk.opened() as hub:
        scheduler = Scheduler(hub)
        scheduler.start()
        try:
            until(
                lambda: bool(desk.value("SELECT count(*) FROM suggestion WHERE state = 'suggested'")),
                "a suggestion",
            )
            assert "suggest" in [loop.name for loop in scheduler.loops]
        finally:
            assert scheduler.stop() == []


def test_the_readme_shows_settings_that_the_classifier_takes(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    (tmp_path / "hub.yaml").write_text(block, "utf-8")
    suggest = load(config=tmp_path / "hub.yaml", environ={}).settings.suggest
    assert suggest.classifier == OpenAICompatible.name
    assert EndpointSettings.model_validate(suggest.settings).model == "qwen2.5-7b-instruct"
