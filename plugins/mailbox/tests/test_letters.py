"""Letters on a site's pages, over real HTTP: what each says, and what the settings can say of them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hub.clock import ManualClock
from hub.errors import Code, ConfigError
from hub.model.codes import Anonymity, DemandStatus, DemandType, ReplyKind
from hub.model.demand import Demand
from hub.sdk import RawRecord, RecordRejected, Reply
from hub.testing.factories import NOW, channel_context
from hub.testing.reading import Reader, Reading, demands_of
from hub_channel_mailbox.channel import MAILS, MailboxChannel
from hub_channel_mailbox.settings import LETTERS, MailboxSettings
from plugins.mailbox.tests.letter_site import Site, letter, listed, row

USUAL = {"kind": "web_pages", "base_url": "http://site.example"}


def said(reader: Reader, reading: Reading) -> dict[str, Demand]:
    return {
        record.source_no or "": demands_of(reader.channel, record)[0]
        for record in reading.records
        if record.problem is None
    }


@pytest.fixture
def site():
    site = Site()
    with site.served():
        yield site


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


# --- what a letter says -------------------------------------------------------------------------------------------


def test_a_letter_becomes_a_demand(site):
    site.pages = {
        "/list.html": listed(row("A1", status="已答复")),
        "/A1.html": letter(
            "A1",
            信件类型="求助",
            答复单位="县民政局",
            答复时间="2026-11-22",
            答复内容="<p>已经核实。</p><p>特此答复。</p>",
        ),
    }
    reader = site.reader()
    demand = said(reader, reader.run())["A1"]

    assert (demand.title, demand.content) == ("关于窗口的来信A1", "窗口没有受理。")
    assert (demand.demand_type, demand.status, demand.anonymity) == (
        DemandType.HELP,
        DemandStatus.ANSWERED,
        Anonymity.SECRET,
    )
    assert demand.reporter.name == "张**"
    assert demand.submitted_at.isoformat() == "2026-11-20T01:00:00+00:00"
    assert demand.public_reply is not None
    assert (demand.public_reply.text, demand.public_reply.organisation) == (
        "已经核实。\n特此答复。",
        "县民政局",
    )
    assert str(demand.public_reply.replied_at) == "2026-11-21 16:00:00+00:00"
    assert demand.assigned_no == "A1"


@pytest.mark.parametrize(
    "content_type", ["text/html", "text/html;charset=utf-8", "text/html;charset=ISO-8859-1"]
)
def test_pages_in_gbk_are_read_whatever_their_label(site, content_type):
    site.content_type = content_type
    site.pages = {
        "/list.html": listed(row("A1")).encode("gbk"),
        "/A1.html": letter("A1", content="镕　基&nbsp;路“堵”了").encode("gb18030"),
    }
    reader = site.reader()

    assert said(reader, reader.run())["A1"].content == "镕 基 路“堵”了"


def test_scripts_styles_and_hidden_parts_are_no_words_of_a_letter(site):
    content = "<script>track('张三')</script><style>.x{}</style>词语<span style='display:none'>隐藏</span>"
    site.pages = {"/list.html": listed(row("A1")), "/A1.html": letter("A1", content=content)}
    reader = site.reader()

    assert said(reader, reader.run())["A1"].content == "词语"


def test_a_letter_without_a_page_of_its_own_says_what_its_row_says(site):
    site.pages = {"/list.html": listed(row("A1", link=""), row("A2", link="javascript:;"))}
    reader = site.reader()
    demands = said(reader, reader.run())

    assert {number: one.content for number, one in demands.items()} == {
        "A1": "关于窗口的来信A1",
        "A2": "关于窗口的来信A2",
    }
    assert all({"ROW_ONLY", "DAY_ONLY"} <= set(one.quality) for one in demands.values())


def test_a_number_that_no_page_prints_is_in_the_link(site):
    bare = letter("A1").replace("信件编号", "序")
    site.pages = {"/list.html": listed(row("", link="show.html?id=88")), "/show.html?id=88": bare}
    without = site.reader().run()
    reader = site.reader(number_in_link=r"id=(\d+)")

    assert [one.problem.code for one in without.set_aside if one.problem] == [Code.KEY_MISSING]
    assert reader.run().numbers == {"88"}


def test_days_without_years_are_told_by_the_lists_order_and_by_the_letters_page_where_it_is_unclear(
    site, clock
):
    page = letter("A3").replace("2026-11-20 09:00", "2025-11-24 10:00")
    site.pages = {
        "/list.html": listed(row("A1", "11-20"), row("A2", "11-18"), row("A3", "11-24"), row("A4", "11-21")),
        **{
            f"/{one}.html": letter(one).replace("2026-11-20 09:00", day)
            for one, day in (("A1", "11-20"), ("A2", "11-18"), ("A4", "11-21"))
        },
        "/A3.html": page,
    }
    reader = site.reader(clock)
    reading = reader.run()

    assert {number: f"{one.submitted_at:%Y-%m-%d}" for number, one in said(reader, reading).items()} == {
        "A1": "2026-11-19", "A2": "2026-11-17", "A3": "2025-11-24",
    }  # fmt: skip
    # A day that is a little later than the one before it in the list: no page tells its year.
    assert [(one.source_no, one.problem.code) for one in reading.set_aside if one.problem] == [
        ("A4", Code.POSITION_UNREADABLE)
    ]


def test_an_unknown_state_or_type_is_set_aside_and_known_once_the_settings_name_it(site):
    site.pages = {"/list.html": listed(row("A1", status="流转中")), "/A1.html": letter("A1", 信件类型="吐槽")}
    reader = site.reader()
    (record,) = reader.run().records
    with pytest.raises(RecordRejected) as caught:
        demands_of(reader.channel, record)
    assert caught.value.code is Code.VALUE_UNMAPPED

    source = {**USUAL, "statuses": {"流转中": "assigned"}}
    mended = MailboxSettings.model_validate({"source": source, "type_tags": {"吐槽": "complaint"}})
    (demand,) = demands_of(MailboxChannel(mended, channel_context()), record)
    assert demand.status is DemandStatus.ASSIGNED


def test_a_page_of_another_layout_is_kept_whole_and_read_once_the_settings_know_it(site):
    strange = "<html><body><h1>甲</h1><div class=nr>窗口没有受理。</div><p>2026-11-20</p></body></html>"
    site.pages = {"/list.html": listed(row("A1")), "/A1.html": strange}
    reader = site.reader()
    (record,) = reader.run().records
    with pytest.raises(RecordRejected) as caught:
        demands_of(reader.channel, record)
    assert caught.value.code is Code.FIELD_MISSING

    mended = MailboxSettings.model_validate(
        {"source": {**USUAL, "letter": {"content": ["//div[@class='nr']"]}}}
    )
    (demand,) = demands_of(MailboxChannel(mended, channel_context()), record)
    assert (demand.source_no, demand.content) == ("A1", "窗口没有受理。")


# --- check, replies, settings ---------------------------------------------------------------------------------------


def test_check_says_what_it_found_and_which_letters_cannot_be_read(site):
    site.pages = {"/list.html": listed(row("A1"), row("A2", link=""), total=2), "/A1.html": letter("A1")}
    sound = site.reader().channel.check()
    site.pages["/A1.html"] = letter("A1", 信件类型="吐槽")
    unsound = site.reader().channel.check()

    assert sound.ok
    assert "2 letters, 1 of them with a page of their own, and a total of 2" in sound.checks[0].detail
    assert [one.ok for one in unsound.checks] == [True, False]
    assert "value_unmapped" in unsound.checks[1].detail


@pytest.mark.parametrize(
    "source", [USUAL, {"kind": "imap", "host": "h", "user": "u", "password_secret": "p"}]
)
def test_the_mailbox_takes_no_replies_and_says_so(source):
    channel = MailboxChannel(MailboxSettings.model_validate({"source": source}), channel_context())

    assert not channel.takes_replies()
    with pytest.raises(ConfigError):
        channel.reply(Reply("A1", ReplyKind.CLOSE, "已办结", "k", NOW))


def test_a_mailbox_has_the_stream_of_its_source_and_reads_what_was_kept_of_the_other():
    mails = MailboxChannel(
        MailboxSettings.model_validate({"host": "h", "user": "u", "password_secret": "p"}), channel_context()
    )
    letters = MailboxChannel(MailboxSettings.model_validate({"source": USUAL}), channel_context())

    assert (mails.streams, letters.streams, MailboxChannel.streams) == (
        (MAILS,),
        (LETTERS,),
        (MAILS, LETTERS),
    )
    kept = RawRecord("A1", '{"number": "A1", "title": "甲", "content": "乙", "time": "2026-11-20"}'.encode())
    assert mails.normalize(kept) == letters.normalize(kept)


def test_settings_on_one_level_are_those_of_a_folder():
    flat = {
        "host": "h",
        "user": "u",
        "password_secret": "p",
        "own_domains": ["a.cn"],
        "sub_source": "县长信箱",
    }
    nested = {
        "source": {"kind": "imap", "host": "h", "user": "u", "password_secret": "p", "own_domains": ["a.cn"]},
        "sub_source": "县长信箱",
    }

    assert MailboxSettings.model_validate(flat) == MailboxSettings.model_validate(nested)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "www.county.example"},
        {"layout": {"container": "//table["}},
        {"layout": {"page_path": "/list.html"}},
        {"layout": {"second_page": 7}},
        {"layout": {"link_id": "id=(.*)"}},
        {"layout": {"link_id": "id=.*", "link_path": "/{id}"}},
        {"layout": {"link_id": "id=(.*)", "link_path": "/x"}},
        {"layout": {"order": "oldest_first"}},
        {"row": {"writer": ["姓名"]}},
        {"letter": {"subject": ["主题"]}},
        {"letter": {"content": ["//div["]}},
        {"letter_at": ")"},
        {"number_in_link": "["},
        {"statuses": {"流转": "somewhere"}},
        {"reread_days": 0},
        {"host": "imap.example"},
    ],
)
def test_a_source_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValidationError):
        MailboxSettings.model_validate({"source": {**USUAL, **wrong}})
