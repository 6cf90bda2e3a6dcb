"""The contract over a source without code that is a sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hub.sdk.channel import ChannelSettings, RawRecord
from hub.sdk.declarative.document import SourceDocument
from hub.sdk.declarative.fetch_sheet import columns_of
from hub.sdk.declarative.readers import ROW_NUMBER
from hub.sdk.declarative.rules import Sourced
from hub.testing.declared import DeclaredContract
from hub.testing.hostile_sheets import PHONE, SheetSource
from hub.testing.sheets import SheetContract
from hub.testing.workbooks import Value

_NOBODY = "电话（本表没有）"


class DeclaredSheetContract(SheetContract, DeclaredContract):
    """The whole contract of sheets, over a source without code."""

    def make_settings(self, base_url: str) -> ChannelSettings:
        """See `SheetContract.make_settings`."""
        return SheetContract.make_settings(self, base_url)

    def make_record(self, body: bytes) -> RawRecord:
        """See `DeclaredContract.make_record`."""
        return DeclaredContract.make_record(self, body)


class DeclaredSheet(SheetSource):
    """How the sheet that a file describes looks when it is well: its first sample, row after row."""

    def __init__(self, document: SourceDocument, sample: Mapping[str, Any]) -> None:
        self._sample = {name: value for name, value in sample.items() if name != "_"}
        phone = document.fields.reporter.phone
        number = document.record.number
        self.when = _column(document.fields.submitted_at)  # type: ignore[misc]
        self.text = _column(document.fields.content)  # type: ignore[misc]
        self.phone = _column(phone) if phone is not None else _NOBODY  # type: ignore[misc]
        self.number = None if ROW_NUMBER in number.places else _column(number)  # type: ignore[misc]
        self.needed = _needed(document)  # type: ignore[misc]
        self.gaps = dict(_gaps(document))

    def row(self, index: int) -> dict[str, Value]:
        """See `SheetSource.row`."""
        row: dict[str, Value] = dict(self._sample)
        if self.number is not None:
            row[self.number] = f"DJ20260623{index:03d}"
        row[self.when] = self.moment(index)
        row[self.text] = f"{self.mark(index)}，窗口仍然没有人。"
        row[self.left_out] = str(PHONE + index)
        return row


def _needed(document: SourceDocument) -> str:
    """A column, other than the time's, without which a header is none."""
    when = _column(document.fields.submitted_at)
    found = [column.name for column in columns_of(document) if column.required and column.name != when]
    return found[0] if found else when


def _column(rule: Sourced) -> str:
    return rule.places[0]


def _gaps(document: SourceDocument) -> Iterator[tuple[str, str]]:
    """What a sheet without telephone numbers cannot show."""
    if document.fields.reporter.phone is None:
        for test in (
            "test_every_row_is_read_with_its_time_and_its_telephone_number",
            "test_a_telephone_number_that_is_a_number_keeps_every_digit",
            "test_a_telephone_number_whose_digits_are_lost_is_left_out_and_flagged",
            "test_a_masked_telephone_number_stays_as_it_came",
        ):
            yield test, "the mapping reads no telephone number"
