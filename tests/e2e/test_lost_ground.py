"""The database goes away, or its disk fills up, while the hub works: one clear message, and afterwards nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.store.engine import Store
from hub.store.migrate import migrate
from hub.store.private import PrivateServer
from tests.e2e.test_bad_ground import DONE, PROBLEMS, one_message
from tests.support.desk import PHONE, Answer, Desk, record
from tests.support.private_ground import processes_in

MIB = 1 << 20
RECORDS = 12
OUTCOMES = ("stored", "duplicate", "quarantined", "pending")


@contextmanager
def own_desk(
    tmp_path: Path, folder: Path, database: str = "own", *, min_free_bytes: int = 0
) -> Iterator[tuple[Desk, PrivateServer]]:
    """A desk whose database stands on a server of its own in that folder; pages of five records."""
    server = PrivateServer(folder / "home", min_free_bytes=min_free_bytes)
    try:
        server.ensure()
        url = server.create_database(database)
        store = Store(url)
        migrate(store)
        store.close()
        desk = Desk(tmp_path, url)
        desk.settings["channels"]["portal"]["settings"] |= {"page_size": 5, "http": {"tries": 1}}
        desk.configure()
        with desk.portal, desk.department:
            yield desk, server
    finally:
        server.destroy()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the unprivileged account of a private server can reach."""
    with tempfile.TemporaryDirectory(prefix="hub-lost-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "home").mkdir(mode=0o755)
        yield folder


def started(desk: Desk, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        desk.command(*args),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=desk.folder,
        env=dict(os.environ),
    )


def ended(process: subprocess.Popen[str]) -> Answer:
    out, err = process.communicate(timeout=120)
    return Answer(process.returncode, out, err)


def all_reconciles(desk: Desk, expected: int) -> None:
    """Every record of the portal stands once, and every run's counts add up, those of runs that were cut off too."""
    assert desk.value("SELECT count(*) FROM source_record") == expected
    assert desk.value("SELECT count(*) FROM demand") == expected
    assert desk.value("SELECT count(*) FROM normalize_work") == 0
    runs = desk.process("run", "list", "--json").document["runs"]
    for run in runs:
        assert run["collected"] == sum(run[outcome] for outcome in OUTCOMES), run
    assert sum(run["stored"] for run in runs) == expected


# ---- away


def stop_at_once(server: PrivateServer) -> None:
    server.stop()


def kill(server: PrivateServer) -> None:
    data = server.status().data_folder
    assert data is not None
    for pid in processes_in(data):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("away", [stop_at_once, kill])
def test_a_database_that_goes_away_in_mid_run_is_told_and_the_next_run_has_every_record(
    tmp_path: Path, place: Path, away: Callable[[PrivateServer], None]
) -> None:
    with own_desk(tmp_path, place) as (desk, server):
        for number in range(RECORDS):
            desk.portal.add(record(number, phone=PHONE))
        desk.portal.hold_after(2)
        running = started(desk, "channel", "run", "portal")
        assert desk.portal.reached.wait(60)
        before = desk.value("SELECT count(*) FROM source_record")
        assert 0 < before < RECORDS
        away(server)
        desk.portal.let_go()
        one_message(ended(running), PROBLEMS, "[store_unavailable]", "again")

        one_message(desk.process("channel", "run", "portal"), PROBLEMS, "[store_unavailable]")
        one_message(desk.process("serve", "--port", "0"), PROBLEMS, "[store_unavailable]")

        server.ensure()
        done = desk.process("channel", "run", "portal")
        assert done.code == DONE, done.err
        all_reconciles(desk, RECORDS)


# ---- full


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[bool]:
    """A file system of that size at the folder; False where this account may not mount one."""
    folder.mkdir(exist_ok=True)
    options = f"size={size_bytes},mode=0755"
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
        == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, *, but_bytes: int) -> Path:
    """Takes the disk's room except so many bytes; removing the file frees it."""
    room = os.statvfs(disk)
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - but_bytes)
    return filler


def refuse_for_want_of_room(desk: Desk) -> None:
    """What PostgreSQL says when a table cannot grow; for accounts that may mount no small disk."""
    desk.rows(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF (SELECT count(*) FROM source_record) > 5 THEN RAISE 'could not extend file: No space left on device' "
        "USING ERRCODE = '53100'; END IF; RETURN NEW; END $$"
    )
    desk.rows("CREATE TRIGGER no_room BEFORE INSERT ON source_record FOR EACH ROW EXECUTE FUNCTION no_room()")


def test_tables_that_cannot_grow_are_told_and_the_next_run_after_making_room_has_every_record(
    tmp_path: Path, place: Path
) -> None:
    words = "长" * 300_000  # sealed, it does not shrink: a page of five takes megabytes
    with small_disk(place / "small", 64 * MIB) as real, own_desk(tmp_path, place) as (desk, server):
        for number in range(RECORDS):
            desk.portal.add(record(number, phone=PHONE, words=words))
        if real:
            move_tables(desk, server, place / "small")
            filler = fill(place / "small", but_bytes=6 * MIB)
        else:
            refuse_for_want_of_room(desk)

        full = desk.process("channel", "run", "portal")
        one_message(full, PROBLEMS, "no room", "free disk space", "[store_full]")
        assert desk.value("SELECT count(*) FROM source_record") < RECORDS
        one_message(desk.process("channel", "run", "portal"), PROBLEMS, "[store_full]")

        if real:
            filler.unlink()
        else:
            desk.rows("DROP FUNCTION no_room CASCADE")
        done = desk.process("channel", "run", "portal")
        assert done.code == DONE, done.err
        all_reconciles(desk, RECORDS)
        move_tables(desk, server, None)


def move_tables(desk: Desk, server: PrivateServer, disk: Path | None) -> None:
    """Moves the desk's database to a tablespace on that disk, or back to where it was."""
    name = desk.database_url.rpartition("@/")[2].partition("?")[0]
    admin = Store(server.url("postgres"))
    try:
        with admin.connect() as connection:
            if disk is None:
                connection.exec_driver_sql(f"ALTER DATABASE {name} SET TABLESPACE pg_default")
                connection.exec_driver_sql("DROP TABLESPACE IF EXISTS small")
                return
            folder = disk / "tables"
            folder.mkdir(mode=0o700)
            owner = server.status().data_folder
            assert owner is not None
            os.chown(folder, owner.stat().st_uid, owner.stat().st_gid)
            connection.exec_driver_sql(f"CREATE TABLESPACE small LOCATION '{folder}'")
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET TABLESPACE small")
    finally:
        admin.close()


def test_a_full_disk_that_ends_the_private_server_is_told_as_such(tmp_path: Path, place: Path) -> None:
    with small_disk(place / "small", 320 * MIB) as real:
        if not real:
            pytest.skip("this account may mount no small disk; tables that cannot grow are tried without one")
        home = place / "small" / "home"
        home.mkdir(mode=0o755)
        desk = Desk(tmp_path, "unused")
        desk.configure(database_url=None, home=str(home), keys_file=str(tmp_path / "keys.json"))
        words = "长" * 300_000
        with desk.portal, desk.department:
            for number in range(RECORDS):
                desk.portal.add(record(number, phone=PHONE, words=words))
            try:
                assert desk.process("migrate").code == DONE
                filler = fill(place / "small", but_bytes=10 * MIB)
                for _ in range(2):
                    one_message(
                        desk.process("channel", "run", "portal"), PROBLEMS, "no room", "free", "[store_full]"
                    )
                doctor = desk.process("doctor")
                assert doctor.code == PROBLEMS
                assert "FAIL  disk" in doctor.out
                filler.unlink()
                done = desk.process("channel", "run", "portal")
                assert done.code == DONE, done.err
                told = desk.process("run", "list", "--json").document["runs"]
                assert sum(run["stored"] for run in told) == RECORDS
            finally:
                PrivateServer(home).destroy()


def test_a_first_start_without_room_is_told_before_anything_is_made(tmp_path: Path, place: Path) -> None:
    with small_disk(place / "small", 64 * MIB) as real:
        if not real:
            pytest.skip("this account may mount no small disk; tables that cannot grow are tried without one")
        home = place / "small" / "home"
        home.mkdir(mode=0o755)
        desk = Desk(tmp_path, "unused")
        desk.configure(database_url=None, home=str(home))
        with desk.portal, desk.department:
            one_message(desk.process("migrate"), PROBLEMS, "MiB", "HUB_HOME", "[store_full]")
        PrivateServer(home).destroy()
