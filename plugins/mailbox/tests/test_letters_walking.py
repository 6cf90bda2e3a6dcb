"""A web mailbox over real HTTP: how one gets from page to page, what is read again, and what is loud instead of empty."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import Code, SourceContractError, SourceUnavailable
from hub.model.codes import DemandStatus
from hub.sdk import RecordRejected, Window
from hub.testing.factories import NOW
from hub.testing.reading import demands_of
from hub_channel_mailbox.settings import LETTERS
from plugins.mailbox.tests.letter_site import Site, letter, listed, row


@pytest.fixture
def site():
    site = Site()
    with site.served():
        yield site


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


# --- from page to page --------------------------------------------------------------------------------------------


def three_pages(**pages: Any) -> dict[str, Any]:
    return {**pages, **{f"/{one}.html": letter(one) for one in ("A1", "A2", "A3")}}


def onward(target: str) -> str:
    return f'<a href="{target}">下一页</a>'


def test_the_sites_own_links_lead_from_page_to_page_also_from_a_base(site):
    base = '<base href="/hd/x/">'
    site.pages = {
        "/list.html": listed(row("A1"), onward=onward("p2.html"), head=base),
        "/hd/x/p2.html": listed(row("A2"), onward=onward("../p3.html")),
        "/hd/p3.html": listed(row("A3"), onward=onward("p3.html")),
        "/hd/x/A1.html": letter("A1"),
        "/hd/x/A2.html": letter("A2"),
        "/hd/A3.html": letter("A3"),
    }
    reading = site.reader().run()

    assert (reading.error, reading.numbers) == (None, {"A1", "A2", "A3"})


@pytest.mark.parametrize("second", [1, 2])
def test_pages_by_number_end_with_an_empty_table(site, second):
    pages = [listed(row("A1")), listed(row("A2")), listed(row("A3")), listed()]
    site.pages = three_pages(
        **{
            "/list.html" if at == 0 else f"/list_{at - 1 + second}.html": page
            for at, page in enumerate(pages)
        }
    )
    reading = site.reader(layout={"page_path": "/list_{page}.html", "second_page": second}).run()

    assert (reading.error, reading.numbers) == (None, {"A1", "A2", "A3"})


def test_pages_by_number_end_where_the_site_says_how_many_there_are(site):
    told = "共 2 页"
    site.pages = three_pages(
        **{"/list.html": listed(row("A1"), onward=told), "/list_2.html": listed(row("A2"), onward=told)}
    )
    reading = site.reader(layout={"page_path": "/list_{page}.html"}).run()

    assert (reading.error, reading.numbers) == (None, {"A1", "A2"})
    assert "/list_3.html" not in site.asked


def test_a_last_page_that_comes_for_ever_is_the_end_where_the_total_was_read_and_loud_otherwise(site):
    def pages(total):
        last = listed(row("A2"), total=total)
        return three_pages(
            **{
                "/list.html": listed(row("A1"), total=total),
                **{f"/list_{at}.html": last for at in range(2, 50)},
            }
        )

    layout = {"page_path": "/list_{page}.html"}
    site.pages = pages(2)
    ended = site.reader(layout=layout).run()
    site.pages = pages(None)
    endless = site.reader(layout=layout).run()

    assert (ended.error, ended.numbers) == (None, {"A1", "A2"})
    assert isinstance(endless.error, SourceContractError)
    assert (endless.error.code, endless.numbers) == (Code.PAGE_REPEATED, {"A1", "A2"})
    assert len(site.asked) < 20


def test_pages_whose_links_go_round_in_a_circle_are_loud(site):
    site.pages = three_pages(
        **{
            "/list.html": listed(row("A1"), onward=onward("p2.html")),
            "/p2.html": listed(row("A2"), onward=onward("list.html")),
        }
    )
    error = site.reader().run().error

    assert isinstance(error, SourceContractError)
    assert error.code is Code.PAGE_REPEATED


def test_the_next_page_on_another_host_is_not_followed(site):
    site.pages = three_pages(
        **{"/list.html": listed(row("A1"), onward=onward("http://other.example/p2.html"))}
    )
    reading = site.reader().run()

    assert isinstance(reading.error, SourceContractError)
    assert reading.error.code is Code.PAGE_SHAPE


def test_a_list_with_the_oldest_first_is_loud_until_the_settings_say_so(site):
    site.pages = {
        "/list.html": listed(row("A1", "2026-11-01"), row("A2", "2026-11-02"), row("A3", "2026-11-03")),
        **{f"/{one}.html": letter(one) for one in ("A1", "A2", "A3")},
    }
    error = site.reader().run().error

    assert isinstance(error, SourceContractError)
    assert "layout.order" in error.message
    assert len(site.reader(layout={"order": "any"}).run().numbers) == 3


# --- what is read again -------------------------------------------------------------------------------------------


def test_a_reply_that_appears_later_is_a_new_state_of_the_same_letter(site, clock):
    site.pages = {
        "/list.html": listed(row("A1"), row("A2")),
        "/A1.html": letter("A1"),
        "/A2.html": letter("A2"),
    }
    reader = site.reader(clock)
    (before, _) = reader.run().records
    clock.advance(86_400)
    site.asked.clear()
    site.pages |= {
        "/list.html": listed(row("A1", status="已答复"), row("A2")),
        "/A1.html": letter("A1", 答复内容="已经办好。"),
    }
    (after,) = reader.run().records

    assert (after.source_no, before.source_no) == ("A1", "A1")
    assert after.body != before.body
    assert demands_of(reader.channel, after)[0].status is DemandStatus.ANSWERED
    assert site.asked == ["/list.html", "/A1.html"]


def test_where_the_list_shows_no_state_open_letters_are_looked_at_again_and_answered_ones_are_not(
    site, clock
):
    def page():
        return listed(*(row(one, status="") for one in ("A1", "A2")))

    site.pages = {
        "/list.html": page(),
        "/A1.html": letter("A1"),
        "/A2.html": letter("A2", 答复内容="已经办好。"),
    }
    reader = site.reader(clock)
    reader.run()
    site.asked.clear()
    clock.advance(3_600)
    again = reader.run()

    assert site.asked == ["/list.html", "/A1.html"]
    assert [record.source_no for record in again.records] == ["A1"]


def test_a_page_that_changes_without_a_letter_changing_is_the_same_record(site, clock):
    site.pages = {"/list.html": listed(row("A1", status="")), "/A1.html": letter("A1", 浏览次数="17")}
    reader = site.reader(clock)
    (first,) = reader.run().records
    site.pages["/A1.html"] = letter("A1", 浏览次数="18").replace("count(1)", "count(2)")
    (second,) = reader.run().records

    assert first == second


def test_a_site_that_moves_to_another_address_shows_the_same_letters(clock):
    site, moved = Site(), Site()
    site.pages = {"/list.html": listed(row("A1")), "/A1.html": letter("A1")}
    moved.pages = dict(site.pages)
    with site.served():
        reader = site.reader(clock)
        (first,) = reader.run().records
    with moved.served():
        after = moved.reader(clock)
        after.position = reader.position
        assert after.run().records == []
        after.position = None
        assert after.run().records == [first]


def old(count: int, clock: ManualClock, days: int) -> list[str]:
    return [row(f"B{at}", f"{clock.now() - timedelta(days=days + at):%Y-%m-%d}") for at in range(count)]


def test_later_runs_go_no_further_back_than_letters_may_still_change(site, clock):
    pages = {
        "/list.html": listed(row("A1", "2026-11-22"), onward=onward("p2.html")),
        "/p2.html": listed(*old(3, clock, 100), onward=onward("p3.html")),
        "/p3.html": listed(*old(3, clock, 200), onward=onward("p4.html")).replace("B", "C"),
        "/p4.html": listed(*old(3, clock, 300)).replace("B", "D"),
    }
    site.pages = {
        **pages,
        **{
            f"/{name}.html": letter(name)
            for name in ("A1", "A0", *(f"{a}{b}" for a in "BCD" for b in range(3)))
        },
    }
    reader = site.reader(clock)
    first = reader.run()
    site.asked.clear()
    clock.advance(86_400)
    site.pages["/list.html"] = listed(
        row("A0", "2026-11-23"), row("A1", "2026-11-22"), onward=onward("p2.html")
    )
    second = reader.run()

    assert len(first.numbers) == 10
    assert second.numbers == {"A0"}
    assert site.asked == ["/list.html", "/A0.html", "/p2.html"]
    assert len(reader.position["letters"]) == 2


def test_after_a_long_pause_everything_since_the_last_run_is_read(site, clock):
    reader = site.reader(clock)
    site.pages = {"/list.html": listed(row("A1", "2026-11-20")), "/A1.html": letter("A1")}
    reader.run()
    clock.advance(200 * 86_400)
    site.pages = {
        "/list.html": listed(row("A3", "2027-06-01"), onward=onward("p2.html")),
        "/p2.html": listed(row("A2", "2026-12-01"), row("A1", "2026-11-20")),
        **{f"/{one}.html": letter(one) for one in ("A1", "A2", "A3")},
    }
    assert reader.run().numbers >= {"A2", "A3"}


def test_a_pinned_row_at_the_top_ends_nothing(site, clock):
    site.pages = {
        "/list.html": listed(row("P", "2020-01-01"), row("A1", "2026-11-22")),
        "/P.html": letter("P"),
        "/A1.html": letter("A1"),
    }
    reader = site.reader(clock)
    reader.run()
    site.pages |= {
        "/list.html": listed(row("P", "2020-01-01"), row("A2", "2026-11-23"), row("A1", "2026-11-22")),
        "/A2.html": letter("A2"),
    }
    assert reader.run().numbers == {"A2"}


def test_a_run_that_breaks_off_goes_on_with_what_is_missing(site, clock):
    site.pages = three_pages(
        **{
            "/list.html": listed(row("A1"), onward=onward("p2.html")),
            "/p2.html": [(500, ""), (500, ""), listed(row("A2"), row("A3"))],
        }
    )
    reader = site.reader(clock)
    first = reader.run()
    site.asked.clear()
    clock.advance(3_600)
    second = reader.run()

    assert isinstance(first.error, SourceUnavailable)
    assert (first.numbers, second.error, second.numbers) == ({"A1"}, None, {"A2", "A3"})
    assert "/A1.html" not in site.asked


@pytest.mark.parametrize(
    "position", [7, "x", [], {"letters": 3}, {"letters": {"a": None}, "walked_on": "soon"}, {"walked_on": 9}]
)
def test_a_position_that_nobody_can_read_reads_the_list_anew(site, position):
    site.pages = {"/list.html": listed(row("A1")), "/A1.html": letter("A1")}
    reader = site.reader()
    reader.position = position

    assert reader.run().numbers == {"A1"}


def test_the_operators_limit_ends_a_run_early_and_the_next_one_goes_on(site):
    site.pages = three_pages(
        **{
            "/list.html": listed(row("A1"), onward=onward("p2.html")),
            "/p2.html": listed(row("A2"), row("A3")),
        }
    )
    channel = site.reader().channel
    (first,) = channel.pages(LETTERS, Window(None, None, NOW, limit=1))
    rest = [
        record
        for page in channel.pages(LETTERS, Window(first.position, None, NOW))
        for record in page.records
    ]

    assert [record.source_no for record in (*first.records, *rest)] == ["A1", "A2", "A3"]


# --- what is loud ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "family", "code"),
    [
        ("<html><body>您的访问过于频繁，请稍后再试</body></html>", SourceUnavailable, Code.SOURCE_ENVELOPE),
        (
            "<html><body><form>请登录<input type=password></form></body></html>",
            SourceUnavailable,
            Code.SOURCE_AUTH,
        ),
        ("<html><body>栏目已经改版</body></html>", SourceContractError, Code.PAGE_SHAPE),
        (listed(row("A1"))[:-20], SourceContractError, Code.SOURCE_CUT_SHORT),
        (listed(), SourceContractError, Code.PAGE_SHAPE),
        ("<html>" + "<div>" * 5_000, SourceContractError, Code.PAGE_TOO_LARGE),
        ((403, ""), SourceUnavailable, Code.SOURCE_AUTH),
        ((404, ""), SourceContractError, Code.SOURCE_STATUS),
    ],
)
def test_a_page_that_is_not_the_list_is_loud_and_never_no_letters(site, page, family, code):
    site.pages = {"/list.html": page}
    reading = site.reader(page_ends=code is not Code.PAGE_TOO_LARGE).run()

    assert (reading.records, type(reading.error)) == ([], family)
    assert reading.error is not None
    assert reading.error.code is code


@pytest.mark.parametrize("first", ["<html><body>操作频繁</body></html>", listed(row("A1"))[:-20], (503, "")])
def test_what_passes_is_tried_again(site, first):
    site.pages = {"/list.html": [first, listed(row("A1"))], "/A1.html": letter("A1")}
    reading = site.reader().run()

    assert (reading.error, reading.numbers) == (None, {"A1"})


def test_an_answer_beyond_its_bound_is_refused(site):
    site.pages = {"/list.html": listed(*(row(f"A{at}") for at in range(300)))}
    error = site.reader(http={"max_body_bytes": 10_000}).run().error

    assert isinstance(error, SourceContractError)
    assert error.code is Code.PAGE_TOO_LARGE


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ((404, "<html>gone</html>"), Code.SOURCE_STATUS),
        ("<html>" + "<div>" * 5_000 + "</html>", Code.PAGE_TOO_LARGE),
        (letter("A2").encode()[:-12] + b"\xe5\xe5\xff</html>", Code.PAGE_ENCODING),
        (letter("A2")[:-30], Code.SOURCE_CUT_SHORT),
    ],
)
def test_one_letter_whose_page_cannot_be_had_stops_no_other_and_is_tried_again(site, clock, page, code):
    site.pages = {
        "/list.html": listed(row("A1"), row("A2"), row("A3")),
        "/A1.html": letter("A1"),
        "/A2.html": page,
        "/A3.html": letter("A3"),
    }
    reader = site.reader(clock)
    reading = reader.run()

    assert (reading.error, reading.numbers) == (None, {"A1", "A3"})
    assert [(one.source_no, one.problem.code) for one in reading.set_aside if one.problem] == [("A2", code)]
    site.pages["/A2.html"] = letter("A2")
    assert "A2" in reader.run().numbers


def test_where_no_letter_of_a_page_can_be_had_the_site_has_moved_and_that_is_loud(site):
    site.pages = {"/list.html": listed(row("A1"), row("A2"))}
    reading = site.reader().run()

    assert isinstance(reading.error, SourceContractError)
    assert reading.records == []


@pytest.mark.parametrize(
    "shown",
    ["<html><body>您的访问过于频繁</body></html>", "<html><body><input type='password'></body></html>"],
)
def test_a_refusal_in_place_of_a_letter_ends_the_run_and_loses_nothing(site, clock, shown):
    site.pages = {
        "/list.html": listed(row("A1"), row("A2")),
        "/A1.html": letter("A1"),
        "/A2.html": [shown, shown, letter("A2")],
    }
    reader = site.reader(clock)
    first = reader.run()
    clock.advance(3_600)
    second = reader.run()
    if second.error is not None:
        clock.advance(3_600)
        second = reader.run()

    assert isinstance(first.error, SourceUnavailable)
    assert second.error is None
    assert first.numbers | second.numbers == {"A1", "A2"}


def test_messages_show_nothing_of_what_a_citizen_wrote(site):
    secret = "张三丰13900001234"
    site.pages = {
        "/list.html": listed(row("A1")),
        "/A1.html": letter("A1", 信件类型=secret, 状态=secret).replace("2026-11-20", secret),
    }
    reader = site.reader()
    told = []
    for record in reader.run().records:
        if record.problem is not None:
            told.append(record.problem.detail)
        else:
            with pytest.raises(RecordRejected) as caught:
                demands_of(reader.channel, record)
            told.append(caught.value.message)
    assert told
    assert not any("张三" in one or "139" in one for one in told)
