"""`hub keys`: keys change while the hub runs; nothing is lost, nobody becomes two persons, and it may be killed anywhere."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from hub.cli.keys import rekey_deps
from hub.model.case import Case
from hub.model.codes import InspectionKind, Watch
from hub.model.demand import Reporter
from hub.model.inspection import Finding
from hub.model.report import Report
from hub.pipeline import evaluate, rekey
from hub.pipeline.intake import Origin, read_personal
from hub.pipeline.observing import Told, put_observations
from hub.seal import key_id_of
from hub.store import landing, work
from hub.store import rekey as rows
from tests.support.desk import PHONE, Desk, record

PERSONS = 12
SEEN = Finding(
    source_no="F1",
    inspection_kind=InspectionKind.DAILY,
    found_at=datetime(2026, 11, 20, tzinfo=UTC),
    text="张三离岗",
    person="张三",
)
PART = Case(source_no="P1", case_no="C1", applicant=Reporter(name="李四"))
LISTED = [("ab" * 32, "凭证.png", "image/png", 5)]
FILE = "ab" * 32  # an attachment's hash


def person(number: int) -> str:
    """The telephone of a person who complains three times."""
    return f"139{number + 20_260:08d}"


def filled(desk: Desk) -> None:
    """Twelve persons with three complaints each, some of them changed since, and one record set aside."""
    for number in range(PERSONS * 3):
        desk.portal.add(
            record(number, phone=person(number % PERSONS), name=f"王{chr(0x4E00 + number % PERSONS)}")
        )
    desk.portal.add(record(900, kind="99"))
    desk.hub("channel", "run", "portal")
    for number in range(0, PERSONS * 3, 4):
        changed = record(number, phone=person(number % PERSONS), days_ago=1, words="补充一张照片。")
        desk.portal.add(changed)
    desk.hub("channel", "run", "portal")
    desk.hub("run", "once", "--step", "evaluate")


def signals(desk: Desk) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Signal id -> state and demands, of the signals about persons."""
    found = desk.rows(
        "SELECT signal_id, state, demand_ids FROM signal WHERE subject = 'reporter' ORDER BY signal_id"
    )
    return {row.signal_id: (row.state, tuple(sorted(row.demand_ids))) for row in found}


def assert_all_is_under_the_active_keys(desk: Desk) -> None:
    """Every sealed value opens and stands under the active key; every person is found; every signal bears a person's key."""
    with desk.opened() as hub:
        seal = hub.keys.ring().active("seal").key_id
        search = hub.keys.ring().active("search").key_id
        with hub.store.begin() as connection:
            assert sum(rows.outdated(connection, rekey_deps(hub).active).values()) == 0
        for raw in desk.rows("SELECT raw_id, sealed FROM raw_record"):
            assert key_id_of(bytes(raw.sealed)) == seal
            assert hub.intake.open_raw(bytes(raw.sealed), raw.raw_id)
        for table in ("demand", "demand_history"):
            for row in desk.rows(f"SELECT demand_id, sealed FROM {table}"):
                assert key_id_of(bytes(row.sealed)) == seal
                assert read_personal(hub.sealer, bytes(row.sealed), row.demand_id)["content"]
    for row in desk.rows("SELECT phone_key, name_key, reporter_key FROM demand"):
        assert {key.partition(":")[0] for key in row if key is not None} == {search}
    for (key,) in desk.rows("SELECT was->>'reporter_key' FROM demand_history"):
        assert key.startswith(f"{search}:")
    lost = desk.value(
        "SELECT count(*) FROM signal s WHERE s.subject = 'reporter' AND NOT EXISTS "
        "(SELECT 1 FROM demand d WHERE d.reporter_key = s.key AND d.demand_id = ANY(s.demand_ids))"
    )
    assert lost == 0


def found_by_phone(desk: Desk, phone: str) -> int:
    """How many demands a search by telephone finds."""
    return len(desk.hub("demand", "list", "--reporter-phone", phone, "--json").document["demands"])


def test_after_rotating_and_reindexing_all_opens_all_is_found_and_signals_are_who_they_were(desk):
    desk.apply_config()
    filled(desk)
    desk.portal.answer_once(200, b"<html>maintenance</html>")
    desk.hub("channel", "run", "portal")
    with desk.opened() as hub, hub.store.begin() as connection:
        sealed = hub.sealer.seal(b"photo", table="attachment", row_id=FILE)
        landing.keep_attachments(connection, [(FILE, 5, "image/png", sealed)])
        raw_id = connection.execute(text("SELECT min(raw_id) FROM raw_record")).scalar_one()
        connection.execute(
            text("UPDATE raw_record SET sealed_files = :sealed WHERE raw_id = :raw_id"),
            {"sealed": hub.intake.seal_files(LISTED, raw_id), "raw_id": raw_id},
        )
        put_observations(
            connection,
            hub.intake,
            Origin(1, "portal", "portal", Watch.INSIGHT),
            [
                Told("F1", raw_id, [SEEN], deleted=False, is_new=True),
                Told("P1", raw_id, [PART], deleted=False, is_new=True),
            ],
            ["case", "finding"],
            hub.clock.now(),
            by="test",
        )
    before = signals(desk)
    assert len(before) == PERSONS
    rotated = desk.hub("keys", "rotate", "--json")
    assert [one["active"] for one in rotated.document["rotated"]] == ["s2", "h2"]
    assert found_by_phone(desk, person(3)) == 3  # the former key is still asked
    done = desk.hub("keys", "reindex", "--json")
    assert done.code == 0, done.out
    assert done.document["idle_keys"] == ["s1", "h1"]
    assert_all_is_under_the_active_keys(desk)
    for key in ("s1", "h1"):
        assert desk.hub("keys", "retire", key).code == 0
    assert found_by_phone(desk, person(3)) == 3
    assert desk.hub("run", "once").code == 0
    assert signals(desk) == before
    assert desk.hub("webhook", "test", "bureau-webhook").code == 0
    aside = desk.rows("SELECT quarantine_id, kind FROM quarantine ORDER BY 1")
    assert [row.kind for row in aside] == ["record", "page"]
    for row in aside:
        shown = desk.hub("quarantine", "show", str(row.quarantine_id), "--reveal", "--purpose", "look")
        assert shown.code == 0
    assert "maintenance" in shown.out
    with desk.opened() as hub:
        kept = bytes(desk.value("SELECT sealed FROM attachment"))
        assert hub.sealer.unseal(kept, table="attachment", row_id=FILE) == b"photo"
        listed = bytes(desk.value("SELECT sealed_files FROM raw_record WHERE sealed_files IS NOT NULL"))
        assert hub.intake.open_files(listed, raw_id) == LISTED
    for group, number, words in (("finding", "F1", "张三"), ("case", "C1", "李四")):
        shown = desk.hub(group, "show", number, "--reveal", "--purpose", "look", "--json")
        assert shown.code == 0
        assert words in json.dumps(shown.document["personal"], ensure_ascii=False)
        assert words not in desk.hub(group, "show", number).out
        assert number in desk.hub(group, "list").out
    assert desk.hub("ledger", "verify").code == 0


def test_a_persons_next_demand_joins_the_signal_that_stood_before_the_rotation(desk):
    filled(desk)
    (signal_id,) = [
        row.signal_id
        for row in desk.rows(
            "SELECT s.signal_id FROM signal s JOIN demand d ON d.reporter_key = s.key WHERE d.source_no = :no",
            no=record(5)["zxbh"],
        )
    ]
    desk.hub("keys", "rotate")
    desk.hub("keys", "reindex")
    desk.portal.add(record(5_000, phone=person(5), days_ago=0.5))
    desk.hub("run", "once")
    assert len(signals(desk)) == PERSONS
    assert desk.value("SELECT value FROM signal WHERE signal_id = :id", id=signal_id) == 4


def test_what_came_between_rotating_and_reindexing_is_judged_together_with_what_was_there(desk):
    for number in (1, 2):
        desk.portal.add(record(number, phone=PHONE))
    desk.hub("run", "once")
    desk.hub("keys", "rotate", "--purpose", "search")
    desk.portal.add(record(3, phone=PHONE, days_ago=0.5))
    desk.hub("run", "once")
    assert signals(desk) == {}  # the person goes by two keys
    desk.hub("keys", "reindex")
    desk.hub("run", "once", "--step", "evaluate")
    ((_, demands),) = signals(desk).values()
    assert len(demands) == 3


def test_a_collector_that_runs_all_the_while_under_the_former_keys_loses_nothing(desk):
    for number in range(400):
        desk.portal.add(record(number, phone=person(number % 40)))
    desk.portal.hold_after(3)
    collecting = subprocess.Popen(desk.command("channel", "run", "portal"), stderr=subprocess.PIPE, text=True)
    try:
        assert desk.portal.reached.wait(120)
        assert desk.hub("keys", "rotate").code == 0
        assert desk.hub("keys", "reindex").code == 0
        refused = desk.hub("keys", "retire", "s1", "--json")
        assert refused.code == 1
        assert "hub run list" in refused.document["error"]["message"]
    finally:
        desk.portal.let_go()
        _, err = collecting.communicate(timeout=120)
    assert collecting.returncode == 0, err
    assert desk.value("SELECT count(*) FROM demand") == 400
    # The collector took its keys before the rotation and wrote under them to its end.
    assert desk.hub("keys", "retire", "s1").code == 1
    again = desk.hub("keys", "reindex", "--json")
    assert again.code == 0
    assert again.document["reports"][0]["counts"]["demand"] > 0
    assert_all_is_under_the_active_keys(desk)
    assert desk.hub("keys", "retire", "s1").code == 0
    assert desk.hub("keys", "retire", "h1").code == 0
    assert found_by_phone(desk, person(7)) == 10


KILLED = """
import os, signal, sys
from pathlib import Path
from hub.cli.keys import rekey_deps
from hub.pipeline import rekey
from hub.runtime import open_hub

def progress(table, done):
    if table == sys.argv[2] and done >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

with open_hub(config=Path(sys.argv[1])) as hub:
    rekey.run(rekey_deps(hub), progress, batch=5)
"""


@pytest.mark.parametrize(
    ("table", "done"), [("demand", 5), ("demand", 20), ("demand_history", 5), ("raw_record", 10)]
)
def test_killed_in_the_middle_of_reindexing_it_is_run_again_and_ends_the_same(desk, table, done):
    filled(desk)
    before = signals(desk)
    desk.hub("keys", "rotate")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(desk.config_file), table, str(done)], check=False, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    assert desk.hub("keys", "reindex").code == 0
    assert_all_is_under_the_active_keys(desk)
    desk.hub("run", "once", "--step", "evaluate")
    assert signals(desk) == before


def test_rules_that_judge_all_the_while_see_every_person_whole(desk):
    filled(desk)
    before = signals(desk)
    desk.hub("keys", "rotate", "--purpose", "search")
    stop = threading.Event()
    failures: list[BaseException] = []

    def judge() -> None:
        try:
            with desk.opened() as hub:
                while not stop.is_set():
                    with hub.store.begin() as connection:
                        work.enqueue_all_demands(connection)
                    evaluate.run(hub.pipeline_deps)
        except BaseException as exc:  # shown by the test's own thread
            failures.append(exc)

    judging = threading.Thread(target=judge)
    judging.start()
    try:
        with desk.opened() as hub:
            report: Report = rekey.run(rekey_deps(hub), batch=3)
    finally:
        stop.set()
        judging.join(120)
    assert not failures
    assert report.ok
    desk.hub("run", "once", "--step", "evaluate")
    assert_all_is_under_the_active_keys(desk)
    assert signals(desk) == before


def test_a_signal_that_was_raised_under_the_former_key_meanwhile_is_found_by_its_demands(desk):
    filled(desk)
    before = signals(desk)
    former = dict(desk.rows("SELECT signal_id, key FROM signal WHERE subject = 'reporter'"))
    desk.hub("keys", "rotate", "--purpose", "search")
    desk.hub("keys", "reindex")
    late = min(former)
    desk.rows("UPDATE signal SET key = :key WHERE signal_id = :id", key=former[late], id=late)
    again = desk.hub("keys", "reindex", "--json")
    assert again.document["reports"][0]["counts"]["signals"] == 1
    assert_all_is_under_the_active_keys(desk)
    assert signals(desk) == before


def test_a_row_that_does_not_open_is_named_and_stops_no_other(desk):
    filled(desk)
    desk.rows(
        "UPDATE demand SET sealed = sealed || '\\x00'::bytea WHERE demand_id = (SELECT min(demand_id) FROM demand)"
    )
    broken = desk.value("SELECT min(demand_id) FROM demand")
    desk.hub("keys", "rotate")
    done = desk.hub("keys", "reindex", "--json")
    assert done.code == 1
    codes = {(one["where"], one["code"]) for one in done.document["reports"][0]["problems"]}
    assert ("demand", "seal_broken") in codes
    assert broken in done.out
    person_left = desk.value("SELECT count(*) FROM demand WHERE reporter_key LIKE 'h1:%'")
    assert person_left == 3  # the whole person stays as she was, so that rules see her whole
    assert desk.value("SELECT count(*) FROM demand WHERE reporter_key LIKE 'h2:%'") == PERSONS * 3 - 3
    assert desk.hub("keys", "retire", "s1").code == 1


def test_reindexing_twice_changes_nothing_the_second_time(desk):
    filled(desk)
    desk.hub("keys", "rotate")
    desk.hub("keys", "reindex")
    sealed = desk.rows("SELECT demand_id, sealed, reporter_key FROM demand ORDER BY 1")
    again = desk.hub("keys", "reindex", "--json")
    assert again.code == 0
    assert all(n == 0 for n in again.document["reports"][0]["counts"].values())
    assert desk.rows("SELECT demand_id, sealed, reporter_key FROM demand ORDER BY 1") == sealed
    assert "nothing was changed" in desk.hub("keys", "reindex").out


def test_keys_rotated_twice_before_reindexing_are_all_brought_up_to_date(desk):
    filled(desk)
    desk.hub("keys", "rotate")
    desk.portal.add(record(7_000, phone=person(1), days_ago=0.2))
    desk.hub("run", "once")
    desk.hub("keys", "rotate")
    assert desk.hub("keys", "reindex").code == 0
    assert_all_is_under_the_active_keys(desk)
    assert found_by_phone(desk, person(1)) == 4


def test_the_salt_of_the_hash_chains_is_never_retired_while_they_name_it(desk):
    desk.hub("keys", "rotate", "--purpose", "salt")
    refused = desk.hub("keys", "retire", "d1", "--json")
    assert refused.code == 1
    assert "hash chains" in refused.document["error"]["message"]
    assert desk.hub("ledger", "verify").code == 0


def test_a_retired_key_is_brought_back_and_an_active_one_is_not_retired(desk):
    filled(desk)
    assert desk.hub("keys", "retire", "s1").code == 1
    desk.hub("keys", "rotate")
    desk.hub("keys", "reindex")
    assert desk.hub("keys", "retire", "h1").code == 0
    assert desk.hub("keys", "restore", "h1").code == 0
    states = {one["key"]: one["state"] for one in desk.hub("keys", "list", "--json").document["keys"]}
    assert states["h1"] == "decrypt_only"
    assert desk.hub("keys", "retire", "x9").code == 4


def test_no_list_of_keys_shows_a_secret(desk):
    desk.hub("keys", "rotate")
    kept = json.loads((desk.home / "keys.json").read_text())
    shown = desk.hub("keys", "list", "--json").out + desk.hub("keys", "list", "--count").out
    for key in kept["keys"]:
        assert key["secret"] not in shown
