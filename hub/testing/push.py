"""`PushContract`: what a channel keeps that is pushed to, whoever knocks.

A push is answered with its records, or refused whole with a code; one record that cannot be read hurts no other. The channel keeps
nothing between two requests: that a push comes twice is seen by the hub, from the numbers and versions that must be the same each time.
"""

from __future__ import annotations

import copy
import gzip
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from hub.errors import Code, HubError, SourceContractError
from hub.sdk.channel import Channel, PushRequest, RawRecord
from hub.sdk.signing import SignatureInvalid, generate_secret, sign
from hub.testing.contract import PLANTED_PHONE, ChannelContract
from hub.testing.factories import NOW
from hub.testing.hostile import Fields
from hub.testing.reading import demands_of

REFUSED = (SignatureInvalid, SourceContractError)


class PushSource(ABC):
    """How a well-behaved push looks: written once by a channel's author.

    Attributes:
        key: Field of the record's number.
        text: Field of the citizen's words.
        path: Of the request.
        content_type: Of the request.
    """

    key: ClassVar[str]
    text: ClassVar[str]
    path: ClassVar[str] = "/v1/channels/test/records"
    content_type: ClassVar[str] = "application/json"

    @abstractmethod
    def record(self, index: int, moment: datetime) -> Fields:
        """The ``index``-th record, updated at that moment; numbers differ with the index."""

    @abstractmethod
    def body(self, records: Sequence[Fields] | None) -> bytes:
        """The body of a push with these records; None for a list that is null."""

    def headers(self, body: bytes, secret: str, *, message_id: str, moment: datetime) -> Mapping[str, str]:
        """The headers that prove the push; by default those of Standard Webhooks."""
        return {"Content-Type": self.content_type, **sign(secret, message_id, moment, body)}


class PushContract(ChannelContract):
    """For channels that sources push to, through ``Channel.receive``.

    Attributes:
        source: How a well-behaved push looks.
        secret_name: Name of the signing secret in the channel's settings.
    """

    source: ClassVar[PushSource]
    secret_name: ClassVar[str]
    secret: ClassVar[str] = generate_secret()

    def make_channel(self, base_url: str = "http://127.0.0.1:9", **context: Any) -> Channel[Any]:
        """As the base does, with the signing secret in place."""
        given = {**self.secrets, self.secret_name: self.secret}
        return type(self).channel(self.make_settings(base_url), _context(given, **context))

    def records(self, count: int = 3) -> list[Fields]:
        """The first records of the source, a minute apart, the last one a minute ago."""
        return [self.source.record(index, NOW - timedelta(minutes=count - index)) for index in range(count)]

    def push(
        self,
        records: Sequence[Fields] | None = None,
        *,
        body: bytes | None = None,
        moment: datetime = NOW,
        message_id: str = "msg_1",
        secret: str | None = None,
    ) -> PushRequest:
        """A push of these records (of that body), signed as it must be, arriving at `NOW`."""
        content = self.source.body(records) if body is None else body
        headers = self.source.headers(content, secret or self.secret, message_id=message_id, moment=moment)
        return PushRequest("POST", self.source.path, headers, content, NOW)

    def received(self, channel: Channel[Any], request: PushRequest) -> list[RawRecord]:
        """What the channel reads of a push."""
        return list(channel.receive(request))

    def refused(self, channel: Channel[Any], request: PushRequest, *families: type[HubError]) -> HubError:
        """The error by which the channel refuses a push; anything else fails the test."""
        with pytest.raises(families or REFUSED) as caught:
            self.received(channel, request)
        assert isinstance(caught.value, HubError)
        return caught.value

    # --- the well-behaved push -----------------------------------------------------------------------------------

    def test_every_record_of_a_push_is_received_under_its_number(self, offline: Channel[Any]) -> None:
        records = self.records()

        received = self.received(offline, self.push(records))

        assert [record.source_no for record in received] == [str(one[self.source.key]) for one in records]
        assert [record.problem for record in received] == [None] * len(records)

    def test_every_record_of_a_push_gives_demands(self, offline: Channel[Any]) -> None:
        for record in self.received(offline, self.push(self.records())):
            assert demands_of(offline, record)

    def test_the_same_push_again_gives_the_very_same_records(self, offline: Channel[Any]) -> None:
        request = self.push(self.records())

        first = self.received(offline, request)
        again = self.received(self.make_channel(), request)

        assert first == again
        assert first

    def test_a_record_pushed_again_later_has_a_greater_version(self, offline: Channel[Any]) -> None:
        (before,) = self.received(offline, self.push([self.source.record(1, NOW - timedelta(hours=1))]))
        (after,) = self.received(offline, self.push([self.source.record(1, NOW)]))

        assert before.source_no == after.source_no
        assert before.version is None or (after.version is not None and after.version > before.version)

    def test_a_push_without_records_gives_none_and_no_error(self, offline: Channel[Any]) -> None:
        assert self.received(offline, self.push([])) == []

    def test_receiving_changes_nothing_of_the_request(self, offline: Channel[Any]) -> None:
        request = self.push(self.records())
        before = copy.deepcopy(request)

        self.received(offline, request)

        assert request == before

    def test_header_names_in_any_spelling_are_read(self, offline: Channel[Any]) -> None:
        request = self.push(self.records())
        shouted = {name.upper(): value for name, value in request.headers.items()}

        assert len(self.received(offline, replace(request, headers=shouted))) == 3

    def test_check_reports_a_missing_secret_as_a_line(self) -> None:
        channel = type(self).channel(self.make_settings("http://127.0.0.1:9"), _context({}))

        assert not channel.check().ok
        assert self.make_channel().check().ok

    # --- whoever it comes from -----------------------------------------------------------------------------------

    def test_a_push_signed_by_another_secret_is_refused(self, offline: Channel[Any]) -> None:
        request = self.push(self.records(), secret=generate_secret())

        assert self.refused(offline, request, SignatureInvalid).code is Code.SIGNATURE_INVALID

    def test_a_push_without_one_of_its_headers_is_refused(self, offline: Channel[Any]) -> None:
        request = self.push(self.records())

        for name in request.headers:
            rest = {other: value for other, value in request.headers.items() if other != name}
            self.refused(offline, replace(request, headers=rest))

    def test_a_body_that_was_changed_after_signing_is_refused(self, offline: Channel[Any]) -> None:
        request = self.push(self.records())

        self.refused(offline, replace(request, body=self.source.body(self.records(2))), SignatureInvalid)
        self.refused(offline, replace(request, body=request.body + b" "), SignatureInvalid)

    def test_a_push_under_another_name_or_time_than_it_was_signed_with_is_refused(
        self, offline: Channel[Any]
    ) -> None:
        one = self.push(self.records(), message_id="msg_1")
        other = self.push(self.records(), message_id="msg_2", moment=NOW - timedelta(seconds=1))

        for name, value in one.headers.items():
            if value != other.headers[name]:
                mixed = {**one.headers, name: other.headers[name]}
                self.refused(offline, replace(one, headers=mixed), SignatureInvalid)

    @pytest.mark.parametrize("away_s", [-86_400, -4_000, 4_000, 86_400])
    def test_a_push_that_was_overheard_and_is_sent_again_outside_its_time_is_refused(
        self, offline: Channel[Any], away_s: int
    ) -> None:
        request = self.push(self.records(), moment=NOW + timedelta(seconds=away_s))

        self.refused(offline, request, SignatureInvalid)

    @pytest.mark.parametrize("away_s", [-30, 30])
    def test_clocks_that_differ_by_half_a_minute_are_no_reason_to_refuse(
        self, offline: Channel[Any], away_s: int
    ) -> None:
        assert self.received(
            offline, self.push(self.records(), moment=NOW + timedelta(seconds=away_s))
        ) == self.received(offline, self.push(self.records()))

    def test_a_refused_push_shows_neither_its_words_nor_the_secret(self, offline: Channel[Any]) -> None:
        words = {**self.source.record(1, NOW), self.source.text: f"张三丰 {PLANTED_PHONE}"}
        spoilt = [
            self.push([words], secret=generate_secret()),
            self.push([words], moment=NOW - timedelta(days=1)),
            self.push(body=self.source.body([words])[:-3]),
        ]
        for request in spoilt:
            told = self.refused(offline, request).message
            assert not [
                told for word in ("张三丰", PLANTED_PHONE, self.secret, self.secret[6:]) if word in told
            ]

    # --- whatever it holds ---------------------------------------------------------------------------------------

    def test_a_body_cut_on_its_way_is_refused(self, offline: Channel[Any]) -> None:
        request = self.push(self.records())

        for end in range(0, len(request.body), max(1, len(request.body) // 25)):
            self.refused(offline, replace(request, body=request.body[:end]))

    def test_a_body_cut_before_it_was_signed_is_refused_whole(self, offline: Channel[Any]) -> None:
        whole = self.source.body(self.records())

        for end in range(0, len(whole), max(1, len(whole) // 25)):
            self.refused(offline, self.push(body=whole[:end]), SourceContractError)

    @pytest.mark.parametrize(
        "content_type", ["text/html", "application/x-www-form-urlencoded", "", "x" * 300]
    )
    def test_another_content_type_is_refused(self, offline: Channel[Any], content_type: str) -> None:
        request = self.push(self.records())
        mistyped = {
            name: content_type if name.lower() == "content-type" else value
            for name, value in request.headers.items()
        }

        self.refused(offline, replace(request, headers=mistyped), SourceContractError)

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    def test_another_method_is_refused(self, offline: Channel[Any], method: str) -> None:
        self.refused(offline, replace(self.push(self.records()), method=method))

    def test_a_body_beyond_all_measure_is_refused_unread(self, offline: Channel[Any]) -> None:
        huge = {**self.source.record(1, NOW), self.source.text: "x" * 70_000_000}

        assert (
            self.refused(offline, self.push([huge]), SourceContractError).code
            in (Code.PAGE_TOO_LARGE, Code.RECORD_TOO_LARGE)
        )  # fmt: skip

    def test_a_compressed_body_is_refused_or_read_right(self, offline: Channel[Any]) -> None:
        packed = gzip.compress(self.source.body(self.records()))
        request = self.push(body=packed)
        labelled = replace(request, headers={**request.headers, "Content-Encoding": "gzip"})
        try:
            received = self.received(offline, labelled)
        except SourceContractError:
            return
        assert len(received) == 3

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"0", b"{}", b"[[]]", b"<html></html>", b"\x00" * 50, b"[" * 100_000],
        ids=lambda body: repr(body[:8]),
    )
    def test_a_signed_body_that_is_no_push_is_refused_whole(self, offline: Channel[Any], body: bytes) -> None:
        try:
            received = self.received(offline, self.push(body=body))
        except SourceContractError:
            return
        assert received
        assert all(record.problem is not None for record in received)

    def test_a_list_that_is_null_is_refused(self, offline: Channel[Any]) -> None:
        self.refused(offline, self.push(body=self.source.body(None)), SourceContractError)

    # --- one record among others ---------------------------------------------------------------------------------

    def test_a_record_without_a_number_is_set_aside_and_no_other(self, offline: Channel[Any]) -> None:
        records = self.records()
        del records[1][self.source.key]

        received = self.received(offline, self.push(records))

        assert [record.problem.code if record.problem else None for record in received] == [
            None,
            Code.KEY_MISSING,
            None,
        ]

    @pytest.mark.parametrize("broken", [b'"\xff\xfe"', b'"\\ud83d"', b"NaN"])
    def test_a_record_that_is_no_json_by_itself_hurts_no_other(
        self, offline: Channel[Any], broken: bytes
    ) -> None:
        records = self.records()
        records[1][self.source.text] = "spoil me"
        body = self.source.body(records).replace(b'"spoil me"', broken)

        received = self.received(offline, self.push(body=body))

        assert len(received) == 3
        assert received[0].problem is received[2].problem is None
        for record in (received[0], received[2]):
            assert demands_of(offline, record)

    def test_a_number_of_18_digits_keeps_every_digit(self, offline: Channel[Any]) -> None:
        records = [{**one, self.source.key: 411521202306290015 + at} for at, one in enumerate(self.records())]

        received = self.received(offline, self.push(records))

        assert [record.source_no for record in received] == [str(one[self.source.key]) for one in records]

    def test_a_field_that_nobody_knows_is_passed_over(self, offline: Channel[Any]) -> None:
        more = [{**one, "xzzd": {"level": 3, "tags": ["a", None]}} for one in self.records()]

        received = self.received(offline, self.push(more))

        assert [record.problem for record in received] == [None] * 3
        for record in received:
            assert demands_of(offline, record)

    def test_a_record_that_is_none_is_set_aside_and_no_other(self, offline: Channel[Any]) -> None:
        records: list[Any] = self.records()
        records[1] = "系统繁忙"
        body = self.source.body(records)

        received = self.received(offline, self.push(body=body))

        assert [record.problem is None for record in received] == [True, False, True]
        assert json.loads(received[1].body) == "系统繁忙"


def _context(secrets: Mapping[str, str], **more: Any) -> Any:
    from hub.testing.factories import channel_context

    return channel_context(secrets=secrets, **more)
