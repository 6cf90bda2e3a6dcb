"""Files with names that deceive, links in the way, a process killed at any step: nothing is read twice, lost or followed."""

from __future__ import annotations

import json
import os
import resource

import pytest

from hub.errors import Code, SourceContractError, SourceUnavailable
from hub.testing.factories import NOW
from tests.integration.files_ground import MONTH, codes, dropped, folder, names, report_of
from tests.support.dropped import drop, rows

__all__ = ["folder"]


# --- names and links ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a\nb.csv", "a\x1b[31m.csv", "a\u202evsc.exe", "a\\b.csv", "长" * 70 + ".csv"]
)
def test_a_file_with_a_name_that_deceives_is_told_once_and_neither_read_nor_moved(folder, name):
    drop(folder, name, rows("A1"))
    hub = dropped(folder)

    reading = hub.run()

    assert codes(reading) == [Code.FILE_REFUSED]
    assert name not in str([record.problem.detail for record in reading.records])
    assert hub.run().records == []
    assert names(folder) == [name]


def test_a_name_in_gbk_is_read_and_moved(folder):
    name = os.fsdecode("六月.csv".encode("gbk"))
    drop(folder, name, rows("A1"))

    assert dropped(folder).run().numbers == {"A1"}
    assert (folder / "done" / MONTH / name).exists()


def test_no_link_is_followed(folder, tmp_path):
    secret = drop(tmp_path, "secret.csv", rows("S1"))
    (folder / "a.csv").symlink_to(secret)
    (folder / "b.csv").symlink_to("/etc/passwd")
    (folder / "c").symlink_to(tmp_path)

    reading = dropped(folder).run()

    assert codes(reading) == [Code.FILE_REFUSED] * 3
    assert secret.exists()


def test_a_pipe_stops_no_run(folder):
    os.mkfifo(folder / "a.csv")
    drop(folder, "b.csv", rows("B1"))

    reading = dropped(folder).run()

    assert (codes(reading), reading.numbers) == ([Code.FILE_REFUSED], {"B1"})


def test_a_link_in_the_place_of_done_is_not_followed(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "done").symlink_to(elsewhere)
    drop(folder, "a.csv", rows("A1"))

    reading = dropped(folder).run()

    assert reading.numbers == {"A1"}
    assert isinstance(reading.error, SourceContractError)
    assert reading.error.code is Code.FILE_REFUSED
    assert list(elsewhere.iterdir()) == []


def test_a_full_disk_holds_up_no_file_and_is_told_for_what_it_is_and_the_next_run_moves_them_all(folder):
    for name in ("a.csv", "b.csv", "c.csv"):
        drop(folder, name, rows(name[0]))
    hub = dropped(folder)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))  # no report fits
    try:
        reading = hub.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert reading.numbers == {"a", "b", "c"}
    assert isinstance(reading.error, SourceUnavailable)
    assert "room" in reading.error.message
    assert names(folder) == ["a.csv", "b.csv", "c.csv"]
    hub.again()
    assert (hub.run().records, len(names(folder))) == ([], 3)
    assert names(folder) == [f"done/{MONTH}/{name}.csv" for name in "abc"]


def test_a_link_in_the_place_of_done_holds_up_no_other_file(folder, tmp_path):
    (folder / "done").symlink_to(tmp_path)
    for name in ("a.csv", "b.csv"):
        drop(folder, name, rows(name[0]))

    assert dropped(folder).run().numbers == {"a", "b"}


def test_a_file_that_becomes_a_link_between_look_and_reading_is_not_followed(folder, tmp_path):
    from hub.sdk.readers.files_local import LocalStore
    from hub.sdk.readers.files_store import Changing

    secret = drop(tmp_path, "secret.csv", rows("S1"))
    path = drop(folder, "a.csv", rows("A1"))
    store = LocalStore(str(folder), "test", 1_000)
    (found,) = store.look()
    path.unlink()
    path.symlink_to(secret)

    with pytest.raises(Changing):
        store.fetch(found)


# --- killed at any point ------------------------------------------------------------------------------------------------------


def test_a_run_killed_after_its_commit_and_before_the_move_moves_it_next_time_and_adds_nothing(folder):
    drop(folder, "a.csv", rows("A1"))
    hub = dropped(folder)
    first = hub.run(stop_after=1)
    assert names(folder) == ["a.csv"]
    hub.again()

    second = hub.run()

    assert (first.numbers, second.records) == ({"A1"}, [])
    assert names(folder) == [f"done/{MONTH}/a.csv"]
    assert report_of(folder)["rows"] == 1


def test_a_run_killed_between_two_pages_of_a_file_reads_it_again_from_its_beginning(folder):
    drop(folder, "a.csv", rows(*[f"A{number}" for number in range(25)]))
    hub = dropped(folder, batch=10)
    hub.run(stop_after=2)
    hub.again()

    assert len(hub.run().numbers) == 25


def test_a_rejected_file_whose_move_was_lost_is_told_once(folder):
    drop(folder, "a.csv", b"%PDF")
    hub = dropped(folder)
    first = hub.run(stop_after=1)
    hub.again()

    assert (codes(first), hub.run().records) == ([Code.FILE_UNREADABLE], [])
    assert "rejected/a.csv" in names(folder)


@pytest.mark.parametrize("broken_step", ["put", "remove", "move"])
def test_a_process_killed_at_any_step_of_the_move_leaves_what_the_next_run_ends(
    folder, broken_step, monkeypatch
):
    from hub.sdk.readers.files_local import LocalStore

    class Killed(BaseException):
        pass

    drop(folder, "a.csv", rows("A1", "A1x"))
    drop(folder, "a.csv.ok", b"")
    hub = dropped(folder, ready="done_file")
    real = getattr(LocalStore, broken_step)

    def killed(self, *args):
        real(self, *args)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, broken_step, killed)
        hub.run()
    hub.again()
    again = hub.run()

    assert again.error is None
    assert again.records == []
    assert names(folder) == [f"done/{MONTH}/a.csv"]
    assert report_of(folder)["records"] == 2


def test_a_page_that_was_not_committed_moves_nothing(folder):
    drop(folder, "a.csv", rows("A1"))
    hub = dropped(folder)
    pages = hub.reader.channel.pages(hub.reader.stream, hub.reader._window(NOW))
    next(pages)
    pages.close()

    assert names(folder) == ["a.csv"]


# --- a folder that cannot be written ------------------------------------------------------------------------------------------


def test_files_that_are_kept_are_read_once_and_known_by_the_position(folder):
    drop(folder, "a.csv", rows("A1"))
    drop(folder, "b.csv", rows("A1"))
    drop(folder, "c.csv", b"%PDF")
    hub = dropped(folder, after_reading="keep")
    first = hub.run()
    hub.again()
    drop(folder, "d.csv", rows("D1"))

    assert (first.numbers, codes(first)) == ({"A1"}, [Code.FILE_UNREADABLE])
    assert [record.source_no for record in hub.run().records] == ["D1"]
    assert names(folder) == ["a.csv", "b.csv", "c.csv", "d.csv"]
    assert "a.csv" not in json.dumps(hub.reader.position)


def test_a_kept_file_that_changes_is_read_again_and_one_that_goes_is_forgotten(folder):
    path = drop(folder, "a.csv", rows("A1"))
    hub = dropped(folder, after_reading="keep")
    hub.run()
    drop(folder, "a.csv", rows("A1", "A2"), changed_s=5_000)
    assert hub.run().numbers == {"A1", "A2"}
    path.unlink()
    hub.run()

    assert hub.reader.position == {"done": {}, "waiting": {}}
