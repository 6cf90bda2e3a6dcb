"""The contracts of XML and of views fail for a channel that has the fault they look for: a sound one is broken in one way at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.errors import Code, SourceContractError
from hub.sdk import Order, Page, RawRecord, Stream
from hub.testing.views import ViewDatabase
from hub.testing.xml import XmlMisbehaviour
from hub_channel_hotline.channel import HotlineChannel
from plugins.hotline.tests.test_hotline_contract import TestHotlineSoap as SoapContract
from plugins.hotline.tests.test_hotline_contract import TestHotlineView as ViewContract

SAMPLES = Path(__file__).parents[2] / "plugins" / "hotline" / "samples"


def verdict(contract: type, channel: type[HotlineChannel], name: str, *arguments: Any) -> None:
    """Runs one test of a contract against that channel class."""
    getattr(type("Broken", (contract,), {"channel": channel})(), name)(*arguments)


class DropsWhatItCannotRead(HotlineChannel):
    def pages(self, stream: Stream, window: Any) -> Iterator[Page]:
        for page in super().pages(stream, window):
            yield Page([record for record in page.records if record.problem is None], number=page.number)


class TakesAWrongCheckForTheEnd(HotlineChannel):
    def pages(self, stream: Stream, window: Any) -> Iterator[Page]:
        try:
            yield from super().pages(stream, window)
        except SourceContractError as exc:
            if exc.code not in (Code.PAGE_CHECK, Code.XML_DOCTYPE, Code.PAGE_SHAPE, Code.VIEW_COLUMNS):
                raise


class ReadsStrictlyBehindTheBorder(HotlineChannel):
    """As a keyset of times alone does: rows of the border's second that stand on the next page are lost."""

    def pages(self, stream: Stream, window: Any) -> Iterator[Page]:
        border = None
        for page in super().pages(stream, window):
            yield Page(
                [record for record in page.records if border is None or record.position_at != border],
                number=page.number,
            )
            border = page.records[-1].position_at


class ClaimsAnOrderThatItDoesNotKeep(HotlineChannel):
    def pages(self, stream: Stream, window: Any) -> Iterator[Page]:
        for page in super().pages(stream, window):
            yield Page(list(reversed(page.records)), number=page.number)


class ShowsTheRowInItsProblem(HotlineChannel):
    def pages(self, stream: Stream, window: Any) -> Iterator[Page]:
        from dataclasses import replace

        for page in super().pages(stream, window):
            yield Page([self._told(record, replace) for record in page.records], number=page.number)

    def _told(self, record: RawRecord, replace: Any) -> RawRecord:
        if record.problem is None:
            return record
        return replace(record, problem=replace(record.problem, detail=record.body.decode()))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("channel", "name", "arguments"),
    [
        (
            DropsWhatItCannotRead,
            "test_one_record_that_is_no_xml_is_set_aside_with_its_bytes_and_no_other",
            [XmlMisbehaviour.BARE_AMPERSAND],
        ),
        (TakesAWrongCheckForTheEnd, "test_a_check_that_does_not_fit_is_loud", []),
        (
            TakesAWrongCheckForTheEnd,
            "test_entities_are_refused_and_cost_nothing",
            [XmlMisbehaviour.ENTITY_BOMB],
        ),
        (TakesAWrongCheckForTheEnd, "test_records_under_another_name_are_never_taken_for_none", []),
    ],
)
def test_the_contract_of_xml_finds(channel: type[HotlineChannel], name: str, arguments: list[Any]) -> None:
    verdict(SoapContract, HotlineChannel, name, *arguments)
    with pytest.raises((AssertionError, ValueError)):
        verdict(SoapContract, channel, name, *arguments)


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        (ReadsStrictlyBehindTheBorder, "test_rows_that_all_share_one_second_are_all_read"),
        (DropsWhatItCannotRead, "test_a_row_without_a_number_is_set_aside_and_no_other"),
        (
            TakesAWrongCheckForTheEnd,
            "test_a_required_column_that_is_missing_or_renamed_is_named_and_no_row_is_read",
        ),
        (ClaimsAnOrderThatItDoesNotKeep, "test_an_ascending_order_is_claimed_only_where_it_is_kept"),
        (ShowsTheRowInItsProblem, "test_what_is_told_of_a_row_shows_nothing_of_it"),
    ],
)
def test_the_contract_of_views_finds(
    channel: type[HotlineChannel], name: str, postgres_source: ViewDatabase
) -> None:
    with pytest.raises(AssertionError):
        verdict(ViewContract, channel, name, postgres_source)


def test_the_stream_of_a_view_is_ascending_in_the_sound_channel() -> None:
    settings = ViewContract().make_settings("")
    channel = ViewContract().make_channel()

    assert settings.source.kind == "view"
    assert [stream.order for stream in channel.streams] == [Order.ASCENDING]
