"""What plugins bring as classifiers: a sound class is found by its name, a faulty one is refused and named."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.plugins import load_plugins
from hub.sdk.hookspecs import hookimpl
from hub.sdk.suggest import Answered, Asked, Classifier, ClassifierSettings


class Sound(Classifier[ClassifierSettings]):
    """Suggests nothing in particular."""

    name: ClassVar[str] = "sound"
    title: ClassVar[str] = "测试"
    version: ClassVar[str] = "1"

    def answer(self, asked: Asked) -> Answered:
        return Answered(summary="一句话", model="m")


class Unnamed(Sound):
    """Forgot its name."""

    name = ""


class Abstract(Classifier[ClassifierSettings]):
    """Brings no answer."""

    name, title, version = "abstract", "测试", "1"


class OddSettings(Sound):
    """Its settings are no model."""

    name = "odd"
    Settings = dict  # type: ignore[assignment]


def loaded(*brought: Any):
    class Plugin:
        @hookimpl
        def register_classifiers(self):
            return list(brought)

    return load_plugins(builtin={"mine": Plugin()}, entry_points=())


def test_a_classifier_is_found_by_its_name_and_named_by_the_list_of_plugins():
    plugins = loaded(Sound)
    assert plugins.classifiers["sound"].cls is Sound
    assert [one.classifiers for one in plugins.list()] == [("sound",)]
    assert plugins.broken == ()


@pytest.mark.parametrize(
    ("cls", "told"),
    [
        (Unnamed, "'name' is not set"),
        (Abstract, "does not bring answer"),
        (OddSettings, "'Settings' is no subclass"),
        (object, "no subclass of hub.sdk.Classifier"),
        (Sound.answer, "no class"),
    ],
)
def test_a_faulty_classifier_is_refused_with_its_fault_and_the_sound_one_beside_it_stays(cls: Any, told: str):
    plugins = loaded(cls, Sound)
    assert list(plugins.classifiers) == ["sound"]
    assert [told in broken.message for broken in plugins.broken] == [True]


def test_of_two_classifiers_of_one_name_the_first_stays():
    class Other(Sound):
        """Bears the same name."""

    plugins = loaded(Sound, Other)
    assert plugins.classifiers["sound"].cls is Sound
    assert len(plugins.broken) == 1
