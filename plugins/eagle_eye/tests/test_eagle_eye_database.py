"""The tables of a middle database, on a real PostgreSQL and a real MariaDB, through the hub into cases, ratings and events."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.errors import Code, SourceUnavailable
from hub.model.report import Counts
from hub.pipeline import collect, normalize
from hub.pipeline.collect import Source
from hub.sdk import RawRecord
from hub.sdk.readers.sql_place import SqlPolicy
from hub.sdk.readers.xml_check import BodyCheck
from hub.store import quarantine
from hub.testing.factories import channel_context
from hub.testing.reading import Reader
from hub.testing.views import SqlViewContract, ViewSource
from hub_channel_eagle_eye.channel import EagleEyeChannel
from hub_channel_eagle_eye.settings import DatabaseSource, EagleEyeSettings, ExchangeTable, SupervisionTable
from hub_channel_eagle_eye.shapes import Shape
from hub_channel_eagle_eye.streams import EXCHANGE, SUPERVISION
from plugins.eagle_eye.tests.middle_database import MiddleDatabaseTables, local, xml
from plugins.eagle_eye.tests.test_eagle_eye_contract import DEVICES
from plugins.eagle_eye.tests.test_eagle_eye_rows import PLACE as OFFLINE
from tests.db import NOW
from tests.support.databases import SECRETS

CASE = "411521230620000187"
CHECK = BodyCheck(over=("Package", "Body"), digest_at=("Package", "Head", "Security"))


class SupervisionView(ViewSource):
    name = "v_supervision"
    columns = {
        "SERIAL_ID": "integer",
        "CREATE_DATE": "time",
        "XMLBODY": "long",
        "BUSINESS_ID": "text",
        "PROCESS_ID": "text",
        "WARN_REPLYINFO": "long",
        "WARN_REPLYUSER": "text",
        "REPLY_TIME": "time",
    }
    required = ("SERIAL_ID", "CREATE_DATE", "XMLBODY", "REPLY_TIME")
    key, position, text, phone = "SERIAL_ID", "CREATE_DATE", "WARN_REPLYINFO", "WARN_REPLYUSER"

    def record(self, index, moment):
        event = {
            "warnType": "1",
            "warnLevel": "2",
            "warnReason": "超过承诺时限",
            "occurTime": self.moment_text(moment),
        }
        return {
            "SERIAL_ID": 411521230620000187 + index,
            "CREATE_DATE": self.moment_text(moment),
            "XMLBODY": xml(event),
            "BUSINESS_ID": CASE,
            "PROCESS_ID": "3",
            "WARN_REPLYINFO": "专家评审期间未登记暂停，已补登记。",
            "WARN_REPLYUSER": "赵明",
            "REPLY_TIME": None,
        }

    def moment_text(self, moment):
        return local(moment)


class TestSupervisionView(SqlViewContract):
    channel = EagleEyeChannel
    samples = Path(__file__).parents[1] / "samples" / "supervision"
    view = SupervisionView()
    secrets = SECRETS

    @pytest.fixture
    def view_database(self, source_database):
        return source_database

    def make_settings(self, base_url):
        return self.make_view_settings(OFFLINE)

    def make_view_settings(self, place, **policy):
        source = DatabaseSource(
            kind="database",
            place=place,
            policy=SqlPolicy(batch=self.batch, **policy),
            supervision=SupervisionTable(name=self.view.name, check=CHECK if place is OFFLINE else None),
        )
        return EagleEyeSettings(source=source)

    def make_record(self, body):
        return RawRecord("sample", body, media_type=Shape.SUPERVISION.media_type)

    def words(self, said):
        return said.reply

    def phones(self, said):
        return {said.replied_by}


@pytest.fixture
def tables(source_database):
    return MiddleDatabaseTables(source_database)


@pytest.fixture
def channel(tables, clock):
    source = DatabaseSource(
        kind="database",
        place=tables.database.place(),
        policy=SqlPolicy(batch=4, tries=1),
        exchange=ExchangeTable(),
        supervision=SupervisionTable(name="supervision_message", check=CHECK),
    )
    settings = EagleEyeSettings(source=source, devices=DEVICES)
    found = EagleEyeChannel(settings, channel_context("eye", secrets=SECRETS, clock=clock))
    yield found
    found.close()


@pytest.fixture
def collected(channel, deps):
    """Collects both tables and normalizes; gives the counts by stream."""

    def run():
        ready = Source(channel, "eye", "eagle_eye 0")
        reports = collect.run(deps, ready)
        normalize.run(deps, {"eye": ready})
        assert [problem for report in reports for problem in report.problems] == []
        return {str(report.subject).rpartition("/")[2]: report.records for report in reports}

    return run


def rows(deps, statement):
    with deps.store.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement)).all()]


def test_every_message_of_a_case_is_collected_once_and_the_case_put_together(tables, collected, deps):
    tables.message(
        "10",
        internalNo=CASE,
        transactAffairName="不动产转移登记",
        applicantName="王建国",
        applyDate="2026-11-20 09:00:00",
    )
    tables.message("20", internalNo=CASE, id="1", tacheName="受理", beginDate="2026-11-20 09:10:00")
    tables.message("20", "U", internalNo=CASE, id="1", processDate="2026-11-20 10:00:00", note="予以受理")
    tables.message(
        "21", internalNo=CASE, id="T1", procedure="听证", beginDate="2026-11-20 11:00:00", minutes_ago=50
    )
    tables.message("23", internalNo=CASE, id="T1", endDate="2026-11-21 11:00:00", minutes_ago=40)
    tables.message(
        "30", internalNo=CASE, status="2", finishTime="2026-11-22 15:00:00", paid="80.00", minutes_ago=30
    )
    tables.message(
        "36", evaluateId="500521", internalNo=CASE, level="1", pf="3", evaluateTime="2026-11-22 16:00:00"
    )

    assert collected()["exchange"] == Counts(collected=7, stored=7)
    again = collected()["exchange"]  # what the overlap reads once more
    assert again == Counts(collected=2, duplicate=2)
    (case,) = rows(deps, "SELECT case_no, item_name, state, result, parts, fee_paid FROM service_case")
    assert [str(value) for value in case] == [CASE, "不动产转移登记", "finished", "granted", "6", "80.00"]
    ((steps, suspensions),) = rows(deps, "SELECT steps, suspensions FROM service_case")
    assert [(step["name"], step["began_at"] < step["ended_at"]) for step in steps] == [("受理", True)]
    assert [pause["began_at"] < pause["ended_at"] for pause in suspensions] == [True]
    assert rows(deps, "SELECT source_no, level, case_no FROM rating") == [("36-500521", 1, CASE)]


def test_a_message_that_takes_something_back_leaves_the_rest_of_the_case(tables, collected, deps):
    tables.message("10", internalNo=CASE, applyDate="2026-11-20 09:00:00")
    tables.message("21", internalNo=CASE, id="T1", beginDate="2026-11-20 11:00:00")
    collected()
    tables.message("21", "D", internalNo=CASE, id="T1", minutes_ago=5)
    collected()

    assert rows(deps, "SELECT parts, deleted, suspensions FROM service_case") == [(1, False, [])]


def test_a_message_that_cannot_be_read_is_set_aside_and_no_other(tables, collected, deps):
    tables.message("20", internalNo=CASE, id="1", tacheName="受理", minutes_ago=50)
    tables.message("20", content=b"<Data><internalNo>1</Data>", minutes_ago=40)
    tables.message("77", internalNo=CASE, minutes_ago=30)
    tables.message("36", evaluateId="1", level="5", evaluateTime="2026-11-22 16:00:00", minutes_ago=20)
    tables.message("25", internalNo=CASE, id="F1", paid="免收", minutes_ago=10)

    assert collected()["exchange"] == Counts(collected=5, stored=1, quarantined=4)
    found = rows(deps, "SELECT code FROM quarantine ORDER BY code")
    assert found == [("field_invalid",), ("record_unreadable",), ("value_unmapped",), ("value_unmapped",)]


def test_a_message_whose_case_has_another_name_here_is_replayed_once_the_settings_say_so(
    tables, collected, channel, deps, clock
):
    tables.message("20", bjbh=CASE, id="1", tacheName="受理")
    assert collected()["exchange"] == Counts(collected=1, quarantined=1)
    mended = EagleEyeChannel(
        channel.settings.model_copy(update={"names": {"internalNo": "bjbh"}}), channel.ctx
    )
    with deps.store.begin() as connection:
        quarantine.replay(connection, clock.now())
    normalize.run(deps, {"eye": Source(mended, "eye", "eagle_eye 0")})
    mended.close()

    assert rows(deps, "SELECT case_no, parts FROM service_case") == [(CASE, 1)]
    assert rows(deps, "SELECT source_no FROM case_part") == [(f"20-{CASE}-1",)]


def test_messages_that_are_no_matter_of_cases_are_passed_over_and_counted_in_the_log(
    tables, collected, channel
):
    tables.message("100", internalNo="item")
    tables.message("20", internalNo=CASE, id="1")

    assert collected()["exchange"] == Counts(collected=1, stored=1)
    assert (
        "info",
        "exchange_passed_over",
        {"source": "eye", "type": "100", "count": 1},
    ) in channel.ctx.log.events


def test_more_messages_than_a_page_holds_come_in_the_order_of_their_writing(tables, channel):
    for number in range(11):
        tables.message("20", internalNo=CASE, id=str(number), minutes_ago=60 - number // 3)
    reader = Reader(channel, EXCHANGE)
    reading = reader.run()

    assert reading.error is None
    assert len(reading.numbers) == 11
    moments = [record.position_at for record in reading.records if record.position_at is not None]
    assert moments == sorted(moments)
    assert len(reading.pages) > 2


def test_an_answer_that_is_written_into_the_row_of_an_old_event_is_read(tables, collected, deps, clock):
    tables.event(900001, minutes_ago=60)
    tables.event(900002, minutes_ago=50)
    assert collected()["supervision"] == Counts(collected=2, stored=2)
    clock.advance(7 * 86_400)
    tables.answer(900001, clock.now() - timedelta(minutes=1))
    assert collected()["supervision"].stored == 1

    found = rows(deps, "SELECT source_no, replied_at IS NOT NULL, level FROM monitor_event ORDER BY 1")
    assert found == [("900001", True, 2), ("900002", False, 2)]


def test_an_event_and_its_answer_in_one_window_are_one_event(tables, collected, deps, clock):
    tables.event(900001, minutes_ago=60)
    tables.answer(900001, clock.now() - timedelta(minutes=10))

    assert collected()["supervision"] == Counts(collected=2, stored=1, duplicate=1)
    assert rows(deps, "SELECT count(*), count(replied_at) FROM monitor_event") == [(1, 1)]


def test_an_event_whose_check_does_not_fit_is_set_aside(tables, collected, deps):
    tables.event(900001)
    broken = "<Package><Head><Security>00</Security></Head><Body><warnType>1</warnType></Body></Package>"
    tables.database.insert(
        "supervision_message",
        [{"SERIAL_ID": 900002, "XMLBODY": broken.encode(), "CREATE_DATE": local(NOW - timedelta(minutes=5))}],
    )

    assert collected()["supervision"] == Counts(collected=2, stored=1, quarantined=1)
    assert rows(deps, "SELECT code, source_no FROM quarantine") == [("page_check", "900002")]


def test_each_table_is_a_stream_of_its_own_and_check_looks_at_both(tables, channel):
    tables.message("20", internalNo=CASE, id="1")
    tables.message("77", internalNo=CASE)
    tables.event(900001)

    report = channel.check()

    assert [stream.name for stream in channel.streams] == ["exchange", "supervision"]
    assert [(check.name, check.ok) for check in report.checks] == [
        ("exchange: table", True),
        ("exchange: rows", False),
        ("supervision: table", True),
        ("supervision: rows", True),
    ]
    assert "1 of 2 cannot be read (value_unmapped)" in report.checks[1].detail


def test_a_database_that_went_away_is_loud_and_loses_nothing(tables, channel):
    tables.event(900001)
    reader = Reader(channel, SUPERVISION)
    reader.run()
    tables.database.execute("ALTER TABLE supervision_message RENAME TO elsewhere")
    assert reader.run().error is not None
    tables.database.execute("ALTER TABLE elsewhere RENAME TO supervision_message")
    tables.database.grant("supervision_message")

    assert reader.run().error is None


def test_a_wrong_password_is_told_and_nothing_else(tables, clock):
    source = DatabaseSource(
        kind="database", place=tables.database.place(), policy=SqlPolicy(tries=1), exchange=ExchangeTable()
    )
    settings = EagleEyeSettings(source=source)
    channel = EagleEyeChannel(settings, channel_context(secrets=dict.fromkeys(SECRETS, "wrong"), clock=clock))
    error = Reader(channel, EXCHANGE).run().error
    channel.close()

    assert isinstance(error, SourceUnavailable)
    assert error.code is Code.SOURCE_AUTH
    assert "wrong" not in error.message
