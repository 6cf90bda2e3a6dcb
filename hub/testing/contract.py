"""`ChannelContract`: what every channel must keep, as a pytest class that a channel's author subclasses.

    class TestPortal(HttpListContract):
        channel = PortalChannel
        samples = Path(__file__).parents[1] / "samples"
        source = PortalPages()

        def make_settings(self, base_url):
            return PortalSettings(base_url=base_url, page_size=5)

A gap that is known is written down, and fails once it is mended::

        gaps = {"test_a_future_position_is_seen": "the interface cannot ask for it"}

Version 1 of the contract. Needs pytest.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from hub.errors import Code, RecordRejected
from hub.model.demand import Demand
from hub.model.observation import Observation, Personal, Prose
from hub.plugins import channel_faults
from hub.sdk.channel import Channel, ChannelSettings, RawRecord
from hub.testing.factories import channel_context
from hub.testing.purity import only_computing
from hub.testing.reading import said_by

OFFLINE_URL = "http://127.0.0.1:9"
PLANTED_PHONE = "13900001234"
_SECRETIVE = re.compile(r"(password|passwd|secret|token|private_key|api_key)$")
_SECRET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
_SEALED = frozenset(
    ("reporter", "address", "target_person", "title", "content", "expected", "attachments", "public_reply")
)


class ChannelContract:
    """What holds for every channel, whatever it reads from; nothing here needs its source.

    Attributes:
        channel: The class under test.
        samples: Folder with sample records, ``NAME.json`` (or another ending) beside ``NAME.demands.json``, the demands
            that it must give as JSON (whatever else it says bears its ``kind``); and ``NAME.rejected.json`` (``{"code": …}``) for one that must be set aside.
        secrets: Name -> value of the secrets that the settings name.
        personal: Field of a sample record that holds the reporter's telephone number; None where there is none.
        gaps: Name of a test of the contract -> why this channel does not keep it yet.
    """

    channel: ClassVar[type[Channel[Any]]]
    samples: ClassVar[Path]
    secrets: ClassVar[Mapping[str, str]] = {}
    personal: ClassVar[str | None] = None
    gaps: ClassVar[Mapping[str, str]] = {}

    def make_settings(self, base_url: str) -> ChannelSettings:
        """Settings for a source at that address."""
        raise AssertionError(f"{type(self).__name__} must bring make_settings(base_url)")

    def make_record(self, body: bytes) -> RawRecord:
        """A sample's bytes as the channel's own pages() would give them."""
        return RawRecord("sample", body)

    def make_channel(self, base_url: str = OFFLINE_URL, **context: Any) -> Channel[Any]:
        """The channel, connected to that address, with a clock that stands."""
        ctx = channel_context(secrets=self.secrets, **context)
        return self.channel(self.make_settings(base_url), ctx)

    @pytest.fixture(autouse=True)
    def _known_gap(self, request: pytest.FixtureRequest) -> None:
        reason = self.gaps.get(request.node.name) or self.gaps.get(getattr(request.node, "originalname", ""))
        if reason is not None:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest.fixture
    def offline(self) -> Iterator[Channel[Any]]:
        """The channel without a source."""
        channel = self.make_channel()
        yield channel
        channel.close()

    # --- what it declares ----------------------------------------------------------------------------------------

    def test_every_gap_names_a_test_of_the_contract_and_a_reason(self) -> None:
        unknown = {name for name in self.gaps if not hasattr(type(self), name.partition("[")[0])}

        assert unknown == set()
        assert all(reason.strip() for reason in self.gaps.values())

    def test_the_class_declares_what_the_hub_needs(self) -> None:
        assert channel_faults(self.channel) == []

    def test_settings_name_secrets_and_never_hold_them(self) -> None:
        settings = self.make_settings(OFFLINE_URL)

        assert _secret_fields(self.channel.Settings) == []
        held = {
            path: value
            for path, value in _leaves(settings.model_dump(mode="json"))
            if value in self.secrets.values()
            or (_SECRETIVE.search(path) and not _SECRET_NAME.fullmatch(value))
        }
        assert set(held) == set()

    def test_settings_refuse_a_name_that_they_do_not_know(self) -> None:
        given = self.make_settings(OFFLINE_URL).model_dump(mode="json")

        with pytest.raises(ValueError, match="paeg_size"):
            self.channel.Settings.model_validate({**given, "paeg_size": 5})

    def test_building_the_channel_asks_nothing_of_the_outside(self) -> None:
        settings = self.make_settings(OFFLINE_URL)
        self.channel(settings, channel_context(secrets=self.secrets)).close()  # imports are done now

        with only_computing():
            self.channel(settings, channel_context(secrets=self.secrets)).close()

    # --- what it makes of a record -------------------------------------------------------------------------------

    def test_there_are_samples(self) -> None:
        found = len(self._samples())
        assert found >= 2, (
            f"{self.samples.name}/ holds {found} (expected two at least: one that gives a demand, one that must be set aside); "
            "write invented ones, and beside each NAME.demands.json or NAME.rejected.json"
        )

    def test_every_sample_gives_exactly_the_demands_beside_it(self, offline: Channel[Any]) -> None:
        for sample, body in self._samples().items():
            expected = sample.with_suffix(".demands.json")
            if expected.exists():
                got = [_as_json(demand) for demand in said_by(offline, self.make_record(body))]
                wanted = json.loads(expected.read_text("utf-8"))
                assert got == wanted, f"{sample.name}: {_difference(got, wanted)}"

    def test_every_sample_that_must_be_set_aside_is_with_the_code_beside_it(
        self, offline: Channel[Any]
    ) -> None:
        for sample, body in self._samples().items():
            expected = sample.with_suffix(".rejected.json")
            if expected.exists():
                with pytest.raises(RecordRejected) as caught:
                    said_by(offline, self.make_record(body))
                assert caught.value.code == json.loads(expected.read_text("utf-8"))["code"], sample.name

    def test_normalizing_is_pure(self, offline: Channel[Any]) -> None:
        for sample, body in self._sound().items():
            raw = self.make_record(body)
            first = list(offline.normalize(raw))
            with only_computing():
                second = list(offline.normalize(raw))
            assert first == second, sample.name
            assert raw == self.make_record(body), f"{sample.name}: normalize() changed its record"

    def test_another_object_of_the_channel_says_the_same(self, offline: Channel[Any]) -> None:
        other = self.make_channel()

        for sample, body in self._sound().items():
            assert list(offline.normalize(self.make_record(body))) == list(
                other.normalize(self.make_record(body))
            ), sample.name

    def test_every_demand_bears_the_records_number_and_aware_times(self, offline: Channel[Any]) -> None:
        for sample, body in self._sound().items():
            for said in offline.normalize(self.make_record(body)):
                assert isinstance(said.source_no, str)
                assert said.source_no == said.source_no.strip() != ""
                for moment in _moments(said):
                    assert moment.tzinfo is not None, sample.name

    def test_no_demand_holds_the_word_null_for_nothing(self, offline: Channel[Any]) -> None:
        for sample, body in self._sound().items():
            for demand in offline.normalize(self.make_record(body)):
                words = [
                    value
                    for _, value in _leaves(_as_json(demand))
                    if value.strip().lower() in ("null", "none", "")
                ]
                optional = [word for word in words if word or getattr(demand, "title", None)]
                assert optional == [], sample.name

    def test_the_reporters_number_stands_in_sealed_fields_alone(self, offline: Channel[Any]) -> None:
        if self.personal is None:
            return
        planted = 0
        for _, fields in self._objects():
            if self.personal in fields:
                spoilt = json.dumps({**fields, self.personal: PLANTED_PHONE}).encode()
                for demand in offline.normalize(self.make_record(spoilt)):
                    open_part = {
                        name: value
                        for name, value in _as_json(demand).items()
                        if name not in sealed_fields(demand)
                    }
                    assert PLANTED_PHONE not in json.dumps(open_part)
                    planted += PLANTED_PHONE in json.dumps(_as_json(demand))
        assert planted, f"no sample's {self.personal!r} reached the reporter"

    # --- dirty bytes ---------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"null",
            b"[]",
            b"0",
            b'""',
            b"{}",
            b"{",
            b"\x00",
            b"\xff\xfe",
            b"<html>",
            "系统繁忙".encode("gbk"),
            b"[" * 10_000,
        ],
        ids=lambda body: repr(body[:8]),
    )
    def test_bytes_that_are_no_record_are_set_aside(self, offline: Channel[Any], body: bytes) -> None:
        with pytest.raises(RecordRejected) as caught:
            said_by(offline, self.make_record(body))

        assert caught.value.code is not Code.NORMALIZE_FAILED, caught.value.message

    def test_a_record_cut_anywhere_is_set_aside_or_read_right(self, offline: Channel[Any]) -> None:
        for sample, body in self._sound().items():
            for end in range(0, len(body), max(1, len(body) // 60)):
                self._judge(offline, body[:end], f"{sample.name} cut at byte {end}")

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            " ",
            "null",
            0,
            -1,
            1.5,
            12345678901234567890,
            True,
            [],
            ["x"],
            {},
            {"x": 1},
            "x" * 5_000,
            "\x00",
            "\ud800",
            "'\"<&>",
        ],
        ids=lambda value: json.dumps(value)[:12],
    )
    def test_a_field_that_holds_something_else_is_set_aside_or_read_right(
        self, offline: Channel[Any], value: object
    ) -> None:
        for sample, fields in self._objects():
            for name in fields:
                self._judge(
                    offline,
                    _json({**fields, name: value}),
                    f"{sample.name}: {name} = {json.dumps(value)[:20]}",
                )

    def test_a_field_that_is_missing_is_set_aside_or_read_right(self, offline: Channel[Any]) -> None:
        for sample, fields in self._objects():
            for name in fields:
                rest = {other: value for other, value in fields.items() if other != name}
                self._judge(offline, _json(rest), f"{sample.name} without {name}")

    def test_a_field_that_nobody_knows_changes_nothing(self, offline: Channel[Any]) -> None:
        for sample, fields in self._objects():
            more = _json({**fields, "xzzd": {"level": 3, "tags": ["a", None]}})
            assert self._said(offline, more) == self._said(offline, _json(fields)), sample.name

    def test_the_error_for_a_record_shows_nothing_of_it(self, offline: Channel[Any]) -> None:
        words = "张三丰"
        for sample, fields in self._objects():
            for name in fields:
                for value in (words, PLANTED_PHONE, {words: [PLANTED_PHONE]}, [words, PLANTED_PHONE]):
                    rejected = self._rejection(offline, _json({**fields, name: value}))
                    told = rejected.message if rejected is not None else ""
                    assert words not in told, f"{sample.name}: {name}"
                    assert PLANTED_PHONE not in told, f"{sample.name}: {name}"

    # --- helpers -------------------------------------------------------------------------------------------------

    def _samples(self) -> dict[Path, bytes]:
        """Sample records, without the files that say what must come of them."""
        found = sorted(self.samples.iterdir()) if self.samples.is_dir() else []
        return {
            path: path.read_bytes()
            for path in found
            if path.is_file() and not path.name.endswith((".demands.json", ".rejected.json", ".md"))
        }

    def _sound(self) -> dict[Path, bytes]:
        found = {
            path: body for path, body in self._samples().items() if path.with_suffix(".demands.json").exists()
        }
        assert found, f"no sample in {self.samples.name} has a .demands.json beside it"
        return found

    def _objects(self) -> list[tuple[Path, dict[str, Any]]]:
        """Sound samples that are JSON objects."""
        found = []
        for path, body in self._sound().items():
            try:
                fields = json.loads(body)
            except ValueError:
                continue
            if isinstance(fields, dict):
                found.append((path, fields))
        return found

    def _said(self, channel: Channel[Any], body: bytes) -> object:
        try:
            return [_as_json(demand) for demand in said_by(channel, self.make_record(body))]
        except RecordRejected as exc:
            return exc.code

    def _judge(self, channel: Channel[Any], body: bytes, where: str) -> None:
        """Demands, or set aside with a code of its own; an unexpected exception has the code ``normalize_failed``."""
        raw = self.make_record(body)
        before = copy.copy(raw)
        rejected = self._rejection(channel, body)
        if rejected is not None:
            assert rejected.code not in (Code.NORMALIZE_FAILED, Code.PLUGIN_TIMEOUT), (
                f"{where}: {rejected.message}"
            )
        assert raw == before, where

    def _rejection(self, channel: Channel[Any], body: bytes) -> RecordRejected | None:
        try:
            said_by(channel, self.make_record(body))
        except RecordRejected as exc:
            return exc
        return None


def _json(value: object) -> bytes:
    # A lone surrogate is escaped, as sources that cut text in the middle of a character send it.
    return json.dumps(value).encode()


def _difference(got: list[dict[str, Any]], wanted: Any) -> str:
    """Which fields of which demand differ, and how; samples are invented, so that their values may be shown."""
    if not isinstance(wanted, list) or len(wanted) != len(got):
        found = len(wanted) if isinstance(wanted, list) else "no list"
        return f"it gives {len(got)} (expected by the file beside it: {found})"
    told = [
        f"{place}.{name}: gives {one.get(name)!r} (expected by the file beside it: {other.get(name)!r})"
        for place, (one, other) in enumerate(zip(got, wanted, strict=True))
        for name in dict.fromkeys((*one, *other))
        if one.get(name) != other.get(name)
    ]
    return "; ".join(told) + "; mend the mapping, or that file where it is wrong"


def _as_json(said: Demand | Observation) -> dict[str, Any]:
    dumped: dict[str, Any] = said.model_dump(mode="json", exclude_defaults=True)
    if isinstance(said, Observation):
        return {"kind": said.kind, **dumped}
    dumped.setdefault("reporter", {})
    return dumped


def sealed_fields(said: Demand | Observation) -> frozenset[str]:
    """Fields of which nothing stands in plain in the store, or only a masked copy."""
    if not isinstance(said, Observation):
        return _SEALED
    return frozenset(
        name
        for name, field in type(said).model_fields.items()
        if any(isinstance(mark, Personal | Prose) for mark in field.metadata)
    )


def _moments(value: object) -> Iterator[datetime]:
    """Every time in what a record says."""
    if isinstance(value, datetime):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _moments(getattr(value, name))
    elif isinstance(value, tuple):
        for one in value:
            yield from _moments(one)


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value with the names that lead to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, below in value.items():
            yield from _leaves(below, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for index, below in enumerate(value):
            yield from _leaves(below, f"{path}.{index}")


def _secret_fields(model: type[BaseModel]) -> list[str]:
    """Fields whose type is made to hold a secret's value."""
    return [
        name
        for name, field in model.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, SecretStr | SecretBytes)
    ]
