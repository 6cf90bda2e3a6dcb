"""Each promise of `PushContract` is broken by a channel that has the fault it looks for: a sound one is spoilt in one way at a time."""

import importlib
import sys
from dataclasses import replace
from typing import Any

import pytest

from hub.cli.scaffold import Kind, rendered, write
from hub.errors import HubError
from hub.sdk import Code, RecordProblem, SourceContractError
from hub.sdk.readers.push import PushPolicy


@pytest.fixture(scope="module")
def push(tmp_path_factory):
    """The channel and the contract class that the kit renders for a pushing source."""
    folder = tmp_path_factory.mktemp("kit") / "knocker"
    write(folder, rendered(Kind.PUSH, "knocker", "敲门人"))
    sys.path[:0] = [str(folder), str(folder / "tests")]
    try:
        channel = importlib.import_module("hub_channel_knocker.channel").KnockerChannel
        contract = importlib.import_module("test_contract").TestKnocker
        yield channel, contract
    finally:
        del sys.path[:2]
        for name in [one for one in sys.modules if one.startswith("hub_channel_knocker")] + ["test_contract"]:
            sys.modules.pop(name, None)


def verdict(push, methods, name, *arguments):
    """Runs one promise against the channel with those methods in place of its own."""
    channel, contract = push
    broken = type("Broken", (channel,), methods)
    judge = type("Contract", (contract,), {"channel": broken})()
    getattr(judge, name)(judge.make_channel(), *arguments)


def sound(channel: Any, request):
    """What the sound channel, from which the broken one is made, reads of the push."""
    base: Any = type(channel).__mro__[1]
    return base.receive(channel, request)


def unproven(self, request):
    """Reads without asking who sent it."""
    from hub.sdk.readers.body import Body
    from hub.sdk.readers.jsonpage import json_records

    found = json_records(Body(request.body), path=("records",), total_path=None, envelope=None)
    from hub.clock import COUNTY_ZONE

    mapping = importlib.import_module("hub_channel_knocker.mapping")
    return [mapping.landed(body, COUNTY_ZONE) for body in found.raw]


def lenient(**policy):
    def receive(self, request):
        from hub.sdk.readers.push import PushReader

        self._push = PushReader(self.ctx, PushPolicy(secrets=("knocker_signing",), **policy))
        return sound(self, request)

    return receive


def without_time(self, request):
    """Takes the request's own time for the present."""
    from datetime import UTC, datetime

    seconds = int({name.lower(): value for name, value in request.headers.items()}["webhook-timestamp"])
    return sound(self, replace(request, received_at=datetime.fromtimestamp(seconds, UTC)))


def all_or_nothing(self, request):
    received = sound(self, request)
    if any(record.problem for record in received):
        raise SourceContractError("no", code=Code.PAGE_SHAPE)
    return received


def passing_over(self, request):
    return [record for record in sound(self, request) if record.problem is None]


def numbering(self, request):
    received = sound(self, request)
    return [replace(record, source_no=str(place)) for place, record in enumerate(received)]


def floating(self, request):
    received = sound(self, request)
    return [
        replace(record, source_no=str(int(float(record.source_no)))) if record.source_no.isdigit() else record
        for record in received
    ]


def telling(self, request):
    try:
        return sound(self, request)
    except HubError as exc:
        exc.message += request.body.decode("utf-8", "replace")
        raise


def empty_for_anything(self, request):
    try:
        return sound(self, request)
    except SourceContractError:
        return []


def one_problem_for_all(self, request):
    return [replace(record, problem=RecordProblem(Code.KEY_MISSING, "no")) for record in sound(self, request)]


FAULTS = [
    (unproven, "test_a_push_signed_by_another_secret_is_refused"),
    (unproven, "test_a_push_without_one_of_its_headers_is_refused"),
    (unproven, "test_a_body_that_was_changed_after_signing_is_refused"),
    (unproven, "test_a_push_under_another_name_or_time_than_it_was_signed_with_is_refused"),
    (unproven, "test_another_content_type_is_refused", "text/html"),
    (unproven, "test_another_method_is_refused", "GET"),
    (unproven, "test_a_body_beyond_all_measure_is_refused_unread"),
    (without_time, "test_a_push_that_was_overheard_and_is_sent_again_outside_its_time_is_refused", -4_000),
    (without_time, "test_a_push_that_was_overheard_and_is_sent_again_outside_its_time_is_refused", 86_400),
    (lenient(tolerance_s=1.0), "test_clocks_that_differ_by_half_a_minute_are_no_reason_to_refuse", -30),
    (lenient(media_types=("text/html",)), "test_every_record_of_a_push_is_received_under_its_number"),
    (all_or_nothing, "test_a_record_without_a_number_is_set_aside_and_no_other"),
    (all_or_nothing, "test_a_record_that_is_no_json_by_itself_hurts_no_other", b"NaN"),
    (all_or_nothing, "test_a_record_that_is_none_is_set_aside_and_no_other"),
    (passing_over, "test_a_record_without_a_number_is_set_aside_and_no_other"),
    (passing_over, "test_a_record_that_is_no_json_by_itself_hurts_no_other", b'"\\ud83d"'),
    (numbering, "test_every_record_of_a_push_is_received_under_its_number"),
    (floating, "test_a_number_of_18_digits_keeps_every_digit"),
    (telling, "test_a_refused_push_shows_neither_its_words_nor_the_secret"),
    (empty_for_anything, "test_a_body_cut_before_it_was_signed_is_refused_whole"),
    (empty_for_anything, "test_a_list_that_is_null_is_refused"),
    (empty_for_anything, "test_a_signed_body_that_is_no_push_is_refused_whole", b"null"),
    (one_problem_for_all, "test_a_field_that_nobody_knows_is_passed_over"),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0].__name__}-{fault[1]}")
def test_a_fault_is_found(push, fault):
    receive, name, *arguments = fault
    verdict(push, {}, name, *arguments)

    with pytest.raises((AssertionError, pytest.fail.Exception, HubError)):
        verdict(push, {"receive": receive}, name, *arguments)
