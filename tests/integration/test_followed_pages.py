"""From page to page by what the page says: a way that leads in a circle, away, or nowhere is told aloud, and what was read stays read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import ValidationError

from hub.clock import ManualClock
from hub.county.loopback import LoopbackServer, QuietHandler
from hub.errors import Code, SourceContractError
from hub.sdk.channel import Page, Window
from hub.sdk.declarative.channel import DeclaredChannel, channel_of
from hub.sdk.declarative.document import SourceDocument
from hub.sdk.declarative.follow import link_to_next
from hub.sdk.declarative.readers import HttpJson, HttpXml, Paging
from hub.testing.factories import channel_context

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CURSOR = {"style": "cursor", "number": "cursor", "size": "limit", "page_size": 2, "next": "/paging/next"}
NEXT = {"style": "next", "size": "limit", "page_size": 2, "next": "paging.next"}
HEADER = {"style": "next", "size": "limit", "page_size": 2}
PIECES = {"since": {"name": "since"}, "until": {"name": "until"}}
Answering = Callable[[str, dict[str, str]], Any]


def document(paging: dict[str, Any], **reader: Any) -> SourceDocument:
    return SourceDocument.model_validate(
        {
            "hub_source": 1,
            "name": "letters",
            "title": "来信",
            "reader": {
                "kind": "http_json",
                "path": "/letters",
                "records": "items",
                "paging": paging,
                **reader,
            },
            "record": {"number": {"path": "id"}, "position": {"path": "at"}},
            "fields": {
                "submitted_at": {"path": "at"},
                "demand_type": {"const": "complaint"},
                "content": {"path": "words"},
            },
        }
    )


class Source(LoopbackServer):
    """Answers by a function of path and query: an object, or an object and further headers."""

    def __init__(self, answering: Answering) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.logins: list[str | None] = []
        outer = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query))
                outer.asked.append((parts.path, query))
                outer.logins.append(self.headers.get("Authorization"))
                said = answering(parts.path, query)
                body, headers = said if isinstance(said, tuple) else (said, {})
                content = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        super().__init__(Handler)


@contextmanager
def reading(
    described: SourceDocument, answering: Answering, clock: ManualClock | None = None, **settings: Any
) -> Iterator[tuple[Source, DeclaredChannel]]:
    with Source(answering) as source:
        made = channel_of(described)
        context = channel_context(secrets={"t": "t0ken"}, clock=clock or ManualClock(NOW))
        channel = made(made.Settings.model_validate({"base_url": source.url, **settings}), context)
        try:
            yield source, channel
        finally:
            channel.close()


def pages_of(channel: DeclaredChannel, position: Any = None, limit: int | None = None) -> Iterator[Page]:
    (stream,) = channel.streams
    return channel.pages(stream, Window(position, None, channel.ctx.clock.now(), limit))


def run(
    channel: DeclaredChannel, position: Any = None
) -> tuple[list[str | None], Any, SourceContractError | None]:
    """Numbers that were read, the last position that a page bore, and the error that ended it."""
    numbers: list[str | None] = []
    try:
        for page in pages_of(channel, position):
            numbers += [record.source_no for record in page.records]
            position = page.position if page.position is not None else position
    except SourceContractError as exc:
        return numbers, position, exc
    return numbers, position, None


def items(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": f"A{one}", "words": "没有人", "at": "2026-11-20 09:00:00"} for one in numbers]


def chain(*steps: Any) -> Answering:
    """Pages by cursor: what stands behind page n is ``steps[n - 1]``; the cursors themselves are c1, c2 …"""

    def answering(path: str, query: dict[str, str]) -> Any:
        number = int(query.get("cursor", "c0")[1:])
        return {
            "items": items(2 * number, 2 * number + 1),
            "paging": {"next": steps[min(number, len(steps) - 1)]},
        }

    return answering


@pytest.mark.parametrize("end", [None, ""])
def test_a_cursor_is_followed_to_its_end_with_every_other_parameter_kept(end):
    described = document(CURSOR, query={"order": "id"})
    with reading(described, chain("c1", "c2", end)) as (source, channel):
        assert run(channel) == ([f"A{n}" for n in range(6)], None, None)
    assert [query for _, query in source.asked] == [
        {"order": "id", "limit": "2"},
        {"order": "id", "limit": "2", "cursor": "c1"},
        {"order": "id", "limit": "2", "cursor": "c2"},
    ]


def test_a_cursor_may_be_a_number_and_no_digit_of_it_is_lost():
    def answering(path, query):
        last = query.get("cursor") == "411521202306290015"
        return {"items": items(2 if last else 1), "paging": {"next": None if last else 411521202306290015}}

    with reading(document(CURSOR), answering) as (_, channel):
        assert run(channel)[0] == ["A1", "A2"]


@pytest.mark.parametrize(
    ("steps", "read", "code", "said"),
    [
        (("c1", "c2", "c1"), 6, Code.PAGE_REPEATED, "leads on to where page 1 led already"),
        (("c1", "c1"), 4, Code.PAGE_REPEATED, "leads on to where page 1 led already"),
        (({"a": 1},), 2, Code.PAGE_SHAPE, "by dict"),
        ((True,), 2, Code.PAGE_SHAPE, "by bool"),
        (("c" * 9_000,), 2, Code.PAGE_SHAPE, "a text of 9000 characters"),
        (("c1\r\nX: 1",), 2, Code.PAGE_SHAPE, "expected a printable text"),
    ],
)
def test_a_cursor_that_leads_in_a_circle_or_is_none_is_loud_and_what_was_read_is_kept(
    steps, read, code, said
):
    with reading(document(CURSOR), chain(*steps)) as (_, channel):
        numbers, _, error = run(channel)
    assert error is not None
    assert (len(numbers), error.code) == (read, code)
    assert said in error.message


def test_the_same_cursor_behind_an_empty_page_is_the_end():
    def answering(path, query):
        return {"items": [] if query.get("cursor") else items(1, 2), "paging": {"next": "tail"}}

    with reading(document(CURSOR), answering) as (source, channel):
        assert run(channel) == (["A1", "A2"], None, None)
    assert len(source.asked) == 2


@pytest.mark.parametrize(
    ("paging", "count", "loud"),
    [
        ({}, 2, True),
        ({}, 1, False),
        ({}, 0, False),
        ({"absent_ends": True}, 2, False),
        ({"size": None}, 1, True),
    ],
)
def test_a_cursor_that_is_left_out_behind_a_full_page_is_loud_unless_the_file_says_so(paging, count, loud):
    described = document({**CURSOR, **paging})
    with reading(described, lambda path, query: {"items": items(*range(count))}) as (_, channel):
        numbers, _, error = run(channel)
    assert len(numbers) == count
    assert (error.code if error else None) == (Code.PAGE_SHAPE if loud else None)


@pytest.mark.parametrize(("more", "cursor", "code"), [(False, "c9", None), (True, None, Code.PAGE_SHAPE)])
def test_what_says_that_there_is_more_goes_before_the_cursor(more, cursor, code):
    described = document({**CURSOR, "more": "paging.more"})
    answer = {"items": items(1, 2), "paging": {"next": cursor, "more": more}}
    with reading(described, lambda path, query: answer) as (_, channel):
        error = run(channel)[2]
    assert (error.code if error else None) == code


def test_pages_without_end_stop_at_the_bound():
    def answering(path, query):
        number = int(query.get("cursor", "0"))
        return {"items": [], "paging": {"next": str(number + 1)}}

    with reading(document({**CURSOR, "most_pages": 5}), answering) as (source, channel):
        error = run(channel)[2]
    assert error is not None
    assert (error.code, len(source.asked)) == (Code.PAGE_COUNT, 6)


def test_an_operators_limit_ends_it_early_and_no_total_is_missed():
    answering = chain("c1", "c2", "c3", "c4", None)
    with reading(document(CURSOR), answering) as (source, channel):
        assert sum(len(page.records) for page in pages_of(channel, limit=3)) == 4
    assert len(source.asked) == 2


@pytest.mark.parametrize(
    "form", ["?token=2", "/letters?token=2", "{url}/letters?token=2", "letters?token=2#x"]
)
def test_an_address_is_followed_whether_it_is_relative_or_absolute(form):
    def answering(path, query):
        url = source.url
        return {
            "items": items(int(query.get("token", 1))),
            "paging": {"next": None if query.get("token") else form.format(url=url)},
        }

    with reading(document(NEXT, query={"order": "id"}), answering) as (source, channel):
        assert run(channel) == (["A1", "A2"], None, None)
    assert source.asked[1] == ("/letters", {"token": "2"})


def test_the_link_header_is_followed_and_its_absence_is_the_end():
    def answering(path, query):
        number = int(query.get("page", 1))
        link = {"Link": f'</letters?page=1>; rel=first, </letters?page={number + 1}>; rel="next"'}
        return {"items": items(number)}, link if number < 3 else {}

    with reading(document(HEADER), answering) as (_, channel):
        assert run(channel) == (["A1", "A2", "A3"], None, None)


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("", None),
        ('<a>; rel="prev"', None),
        ('<a?x=1,2>; rel="last NEXT"', "a?x=1,2"),
        ("nonsense", None),
        ('<a>; rel="nexthop"', None),
    ],
)
def test_only_the_relation_next_leads_on(header, target):
    assert link_to_next(header) == target


@pytest.mark.parametrize(
    "away",
    [
        "http://127.0.0.1:9/letters",
        "https://evil.example/x?token=1",
        "//evil.example/x",
        "file:///etc/passwd",
        "http://[",
    ],
)
def test_an_address_that_leads_away_is_not_followed(away):
    answer = {"items": items(1), "paging": {"next": away}}
    with reading(document(NEXT), lambda path, query: answer, auth={"kind": "bearer", "token": "t"}) as (
        source,
        channel,
    ):
        numbers, _, error = run(channel)
    assert error is not None
    assert (numbers, error.code, len(source.asked)) == (["A1"], Code.PAGE_SHAPE, 1)
    assert "link_origins" in error.message or "text" in error.message
    assert "token=1" not in error.message


def test_an_address_at_an_origin_that_the_settings_name_is_followed_with_the_login():
    with Source(lambda path, query: {"items": items(2), "paging": {"next": None}}) as other:
        first = {"items": items(1), "paging": {"next": f"{other.url}/more"}}
        settings: dict[str, Any] = {
            "auth": {"kind": "bearer", "token": "t"},
            "http": {"link_origins": [other.url]},
        }
        with reading(document(NEXT), lambda path, query: first, **settings) as (_, channel):
            assert run(channel)[0] == ["A1", "A2"]
        assert other.logins == ["Bearer t0ken"]


def test_addresses_that_lead_in_a_circle_are_loud_also_when_only_their_ends_differ():
    def answering(path, query):
        number = len(source.asked)
        return {"items": items(number), "paging": {"next": f"?token=2#{number}"}}

    with reading(document(NEXT), answering) as (source, channel):
        error = run(channel)[2]
    assert error is not None
    assert error.code is Code.PAGE_REPEATED


def moments(count: int) -> list[datetime]:
    """A record a day, up to yesterday."""
    return [NOW - timedelta(days=count - index) for index in range(count)]


def by_time(records: list[datetime], most: int = 100, broken_after: datetime | None = None) -> Answering:
    """A source that is asked for a span and refuses one of more than ten days."""

    def answering(path, query):
        since, until = (
            datetime.fromisoformat(query.get(name, "2999-01-01 00:00:00")) for name in ("since", "until")
        )
        local = [one.astimezone(UTC).replace(tzinfo=None) + timedelta(hours=8) for one in records]
        if "until" in query:
            assert until - since <= timedelta(days=10)
        if broken_after is not None and until > broken_after.replace(tzinfo=None):
            return {"items": None}
        found = [
            {"id": f"A{index}", "words": "没有人", "at": f"{at:%Y-%m-%d %H:%M:%S}"}
            for index, at in enumerate(local)
            if since <= at <= until
        ]
        page, size = int(query.get("page", 1)), int(query.get("limit", most))
        return {"items": found[(page - 1) * size : page * size]}

    return answering


def in_pieces(**walk: Any) -> SourceDocument:
    return document(
        {"style": "page", "number": "page", "size": "limit", "page_size": 3},
        **PIECES,
        walk={"days": 7, "start": "2026-09-01", **walk},
    )


def test_a_long_time_is_read_in_pieces_each_with_its_pages():
    with reading(in_pieces(), by_time(moments(60))) as (source, channel):
        numbers, position, error = run(channel)
    assert error is None
    assert set(numbers) == {f"A{n}" for n in range(60)}
    assert position == {"walked_until": NOW.isoformat()}
    assert len({query.get("since") for _, query in source.asked}) == 13  # twelve pieces, and what lies ahead


def test_a_run_that_breaks_goes_on_with_the_piece_that_it_was_at():
    records = moments(60)
    with reading(in_pieces(), by_time(records, broken_after=datetime(2026, 10, 20, tzinfo=UTC))) as (
        _,
        channel,
    ):
        first, position, error = run(channel)
    assert error is not None
    assert position == {"walked_until": "2026-10-20T00:00:00+08:00"}
    with reading(in_pieces(), by_time(records)) as (source, channel):
        second, position, error = run(channel, position)
    assert error is None
    assert source.asked[0][1]["since"] == "2026-10-19 23:58:00"  # the overlap reaches back
    assert set(first) | set(second) == {f"A{n}" for n in range(60)}
    assert len(second) < 50


def test_a_later_run_begins_at_the_overlap_and_an_operators_span_at_its_own_beginning():
    with reading(in_pieces(), by_time(moments(60))) as (source, channel):
        run(channel, {"walked_until": NOW.isoformat()})
        assert source.asked[0][1]["since"] == "2026-11-23 15:58:00"
        (stream,) = channel.streams
        source.asked.clear()
        list(channel.pages(stream, Window(None, NOW - timedelta(days=3), NOW - timedelta(days=1))))
        assert source.asked[0][1] == {
            "limit": "3",
            "page": "1",
            "since": "2026-11-20 16:00:00",
            "until": "2026-11-22 16:00:00",
        }


def test_years_without_a_record_are_few_pages_and_their_end_is_remembered():
    with reading(in_pieces(), by_time([]), walk_start="2020-01-01") as (source, channel):
        pages = list(pages_of(channel))
    assert len(pages) <= 16
    assert pages[-1].position == {"walked_until": NOW.isoformat()}
    assert len(source.asked) == 361


@pytest.mark.parametrize(
    "stored",
    [
        {"walked_until": "2027-01-01T00:00:00+00:00"},
        {"walked_until": "2026-01-01"},
        {"walked_until": 5},
        {},
        "x",
    ],
)
def test_a_stored_position_that_is_none_or_lies_ahead_is_loud(stored):
    with reading(in_pieces(), by_time([])) as (_, channel):
        _, _, error = run(channel, stored)
    assert error is not None
    assert error.code is Code.POSITION_INVALID


def test_what_is_dated_ahead_is_set_aside_once():
    with reading(in_pieces(), by_time([NOW + timedelta(days=400)])) as (_, channel):
        found = [record for page in pages_of(channel) for record in page.records]
    assert [(one.source_no, one.problem and one.problem.code) for one in found] == [
        ("A0", Code.POSITION_IN_FUTURE)
    ]


@pytest.mark.parametrize(
    ("paging", "said"),
    [
        ({"style": "cursor"}, "say where, in next"),
        ({"style": "page", "next": "a"}, "belong to the styles"),
        ({"style": "page", "size": None}, "need the parameter"),
        ({"style": "cursor", "next": "a b"}, "pattern"),
    ],
)
def test_a_file_that_does_not_fit_its_style_is_refused(paging, said):
    with pytest.raises(ValidationError, match=said):
        Paging.model_validate(paging)


def test_pieces_need_both_ends_and_xml_is_not_followed():
    with pytest.raises(ValidationError, match="both of their ends"):
        HttpJson.model_validate(
            {"kind": "http_json", "since": {"name": "a"}, "walk": {"start": "2026-01-01"}}
        )
    with pytest.raises(ValidationError, match="from JSON alone"):
        HttpXml.model_validate({"kind": "xml", "records": "a.b", "paging": {"style": "cursor", "next": "c"}})
