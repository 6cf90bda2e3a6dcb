"""Nothing configured, something misspelt, a source or a database that cannot be had: one clear message, the right exit code."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.county.imap_server import ImapServer
from hub.store.private import PrivateServer
from tests.support.desk import PHONE, Answer, Desk, record

PASSWORD = "geheim-Wort-17"
DONE, PROBLEMS, REMOTE, CONFIGURATION = 0, 1, 3, 4
ONE_TRY = {"tries": 1}


def one_message(answer: Answer, code: int, *told: str) -> str:
    """The one message with which a command ended: on stderr, or on stdout as the problem of a run; logs stand beside it."""
    lines = [line for line in answer.err.splitlines() if line and not line.startswith("{")]
    lines += [line for line in answer.out.splitlines() if line.startswith("problem at ")]
    assert len(lines) == 1, f"{answer.err}\n{answer.out}"
    (message,) = lines
    assert answer.code == code, message
    for words in told:
        assert words in message
    shown = answer.out + answer.err
    assert "Traceback" not in shown
    assert "[unexpected]" not in message
    for secret in (PASSWORD, PHONE):
        assert secret not in shown
    return message


def portal(base_url: str, **settings: object) -> dict[str, object]:
    return {"portal": {"channel": "portal", "settings": {"base_url": base_url, "http": ONE_TRY, **settings}}}


# ---- no configuration


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Path]:
    """An empty working folder and a home of its own; a private server that a command started there is taken away."""
    folder = tmp_path / "empty"
    folder.mkdir()
    yield folder
    PrivateServer(tmp_path / "home").destroy()


def bare(folder: Path, *args: str) -> Answer:
    """The command where nobody has configured anything."""
    done = subprocess.run(
        [sys.executable, "-m", "hub", *args],
        cwd=folder,
        env={**os.environ, "HUB_HOME": str(folder.parent / "home")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def test_without_any_configuration_a_channel_to_run_is_asked_for_by_name(nowhere: Path) -> None:
    one_message(bare(nowhere, "channel", "run", "x"), CONFIGURATION, "'x'", "no hub.yaml", "--config")
    assert not (nowhere.parent / "home").exists()


def test_without_any_configuration_serve_says_what_to_write(nowhere: Path) -> None:
    one_message(bare(nowhere, "serve"), CONFIGURATION, "no channel", "`channels:`", "hub.yaml")


def test_without_any_configuration_the_list_of_channels_leads_to_the_first_steps(nowhere: Path) -> None:
    one_message(bare(nowhere, "channel", "list"), CONFIGURATION, "`hub migrate`", "no private database yet")
    assert not (nowhere.parent / "home" / "pg").exists()  # who looks makes no database
    assert bare(nowhere, "migrate").code == DONE
    answer = bare(nowhere, "channel", "list")
    assert answer.code == DONE
    assert "hub.yaml" in answer.out


# ---- hub.yaml


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("chanels: {}\n", ("chanels", "hub.yaml", "did you mean 'channels'?")),
        ("channels: {portal: {chanel: portal}}\n", ("channels.portal.chanel", "'channel'")),
        ("delivery: {concurrency: many}\n", ("delivery.concurrency", "integer")),
        (f"database_url: [{PASSWORD}]\n", ("database_url", "is a list (expected a text)")),
        (f"channels:\n  portal: [\n  {PASSWORD}: {{\n", ("cannot be read as YAML", "line")),
        ("only words\n", ("`channels:`",)),
        ("- a list\n", ("list",)),
        ("database_url: \x00\n", ("cannot be read as YAML",)),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_named_with_the_place(
    desk: Desk, written: str, told: tuple[str, ...]
) -> None:
    desk.config_file.write_text(written)
    one_message(desk.process("channel", "list"), CONFIGURATION, *told)


def test_serve_and_doctor_tell_a_misspelt_setting_too(desk: Desk) -> None:
    desk.configure(chanels={})
    one_message(desk.process("serve"), CONFIGURATION, "chanels", "'channels'")
    answer = desk.process("doctor")
    assert answer.code == CONFIGURATION
    assert "chanels" in answer.out


def test_a_file_that_is_not_there_is_named(desk: Desk) -> None:
    desk.config_file.unlink()
    one_message(desk.process("channel", "list"), CONFIGURATION, str(desk.config_file), "--config")


def test_bytes_that_are_no_text_are_no_hub_yaml(desk: Desk) -> None:
    desk.config_file.write_bytes("县: 光山\n".encode("gbk"))
    one_message(desk.process("channel", "list"), CONFIGURATION, "cannot be read as YAML")


def test_a_channel_that_nobody_configured_is_told_with_those_that_are(desk: Desk) -> None:
    message = one_message(desk.process("channel", "run", "hotline"), CONFIGURATION, "'hotline'")
    assert "configured: portal" in message


def test_a_channel_that_no_plugin_brings_is_told_with_those_that_are_installed(desk: Desk) -> None:
    desk.configure(channels={"portal": {"channel": "potral"}})
    one_message(desk.process("channel", "run", "portal"), CONFIGURATION, "'potral'", "mailbox, ", "portal, ")


def test_a_channels_own_setting_that_is_misspelt_is_named(desk: Desk) -> None:
    desk.configure(channels={"portal": {"channel": "portal", "settings": {"base_ulr": "http://127.0.0.1:1"}}})
    one_message(
        desk.process("channel", "run", "portal"), CONFIGURATION, "base_ulr", "channels.portal.settings"
    )


# ---- sources


def test_a_source_that_refuses_the_connection_is_told_with_its_address(desk: Desk) -> None:
    desk.configure(channels=portal("http://127.0.0.1:1"))
    answer = desk.process("channel", "run", "portal")
    one_message(answer, REMOTE, "127.0.0.1:1", "base_url", "[source_unreachable]")
    assert "nothing new" not in answer.out


def test_a_source_whose_name_does_not_resolve_is_told_as_such(desk: Desk) -> None:
    desk.configure(channels=portal("http://portal.invalid"))
    one_message(
        desk.process("channel", "run", "portal"), REMOTE, "portal.invalid", "does not resolve", "base_url"
    )


def test_a_wrong_path_is_told_with_the_path_and_the_status(desk: Desk) -> None:
    desk.configure(channels=portal(f"{desk.portal.url}/gateway"))
    one_message(desk.process("channel", "run", "portal"), REMOTE, "/gateway", "404", "[source_status]")


def test_a_token_that_the_source_refuses_is_told_and_not_shown(desk: Desk) -> None:
    (desk.folder / "secrets" / "portal_token").write_text(PASSWORD)
    desk.configure(channels=portal(desk.portal.url, auth={"kind": "bearer", "token": "portal_token"}))
    desk.portal.answer_once(401, b"{}")
    one_message(desk.process("channel", "run", "portal"), REMOTE, "401", "[source_auth]")


def test_a_secret_that_is_missing_is_told_with_every_place_where_it_may_stand(desk: Desk) -> None:
    desk.configure(channels=portal(desk.portal.url, auth={"kind": "bearer", "token": "portal_token"}))
    answer = desk.process("channel", "run", "portal")
    one_message(
        answer,
        CONFIGURATION,
        "'portal_token'",
        "HUB_SECRET_PORTAL_TOKEN",
        str(desk.folder / "secrets" / "portal_token"),
    )


def test_a_wrong_password_of_the_mailbox_is_told_and_not_shown(desk: Desk) -> None:
    (desk.folder / "secrets" / "mail").write_text(PASSWORD)
    with ImapServer({"tousu": "another"}) as server:
        mailbox = {
            "host": server.host,
            "port": server.port,
            "security": "plain",
            "user": "tousu",
            "password_secret": "mail",
        }
        desk.configure(channels={"mailbox": {"channel": "mailbox", "settings": mailbox}})
        one_message(
            desk.process("channel", "run", "mailbox"), REMOTE, "login refused", "'mail'", "[source_auth]"
        )


def test_what_is_wrong_with_one_channel_leaves_the_others_their_records(desk: Desk) -> None:
    desk.portal.add(record(1))
    desk.configure(
        channels={
            **portal(desk.portal.url),
            "gone": {
                "channel": "portal",
                "settings": {"base_url": "http://portal.invalid", "http": ONE_TRY},
            },
            "secretless": {
                "channel": "portal",
                "settings": {"base_url": desk.portal.url, "auth": {"kind": "bearer", "token": "none"}},
            },
        }
    )
    answer = desk.process("run", "once", "--json")
    assert answer.code == CONFIGURATION
    codes = {problem["code"] for report in answer.document["reports"] for problem in report["problems"]}
    assert codes == {"source_unreachable", "secret_missing"}
    assert desk.value("SELECT count(*) FROM demand") == 1


# ---- the database's address


def url_with(desk: Desk, *, user: str = "", password: str = "", host: str = "", name: str = "") -> str:
    """The desk's address with parts replaced; it is a private server's: a socket, which a host of ours replaces."""
    scheme, _, rest = desk.database_url.partition("://")
    login, _, place = rest.partition("@")
    own_user, _, own_password = login.partition(":")
    own_name, _, options = place.lstrip("/").partition("?")
    where = f"{host}/{name or own_name}" if host else f"/{name or own_name}?{options}"
    return f"{scheme}://{user or own_user}:{password or own_password}@{where}"


@pytest.mark.parametrize(
    ("wrong", "code", "told"),
    [
        ({"host": "db.invalid", "password": PASSWORD}, PROBLEMS, ("db.invalid", "[store_unavailable]")),
        ({"host": "127.0.0.1:1", "password": PASSWORD}, PROBLEMS, ("127.0.0.1", "refused")),
        ({"name": "no_such_database"}, CONFIGURATION, ("does not exist", "hub migrate")),
        ({"password": PASSWORD}, CONFIGURATION, ("login", "[store_password]")),
        ({"user": "nobody_we_know", "password": PASSWORD}, CONFIGURATION, ("login", "[store_password]")),
    ],
    ids=["host", "port", "name", "password", "user"],
)
def test_an_address_that_leads_to_no_database_of_ours_is_told(
    desk: Desk, wrong: dict[str, str], code: int, told: tuple[str, ...]
) -> None:
    for command in (("channel", "run", "portal"), ("serve", "--port", "0")):
        one_message(desk.process(*command, HUB_DATABASE_URL=url_with(desk, **wrong)), code, *told)


@pytest.mark.parametrize(
    "address",
    [
        f"mysql://hub:{PASSWORD}@127.0.0.1/hub",
        f"hub:{PASSWORD}@127.0.0.1/hub",
        f"{PASSWORD}",
        f"postgresql://hub:{PASSWORD}@127.0.0.1:port/hub",
    ],
)
def test_an_address_that_cannot_be_postgresql_is_told_and_not_shown(desk: Desk, address: str) -> None:
    answer = desk.process("channel", "list", HUB_DATABASE_URL=address)
    one_message(answer, CONFIGURATION, "expected postgresql://", "HUB_DATABASE_URL")


def test_a_server_that_is_no_postgresql_is_told(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_as_a_web_server() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.recv(100)
                    client.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        threading.Thread(target=answer_as_a_web_server, daemon=True).start()
        address = f"postgresql://hub:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}/hub"
        answer = desk.process("channel", "list", HUB_DATABASE_URL=address)
        listener.shutdown(socket.SHUT_RDWR)
    one_message(answer, PROBLEMS, "[store_unavailable]")


@pytest.mark.parametrize("command", [("channel", "run", "portal"), ("serve", "--port", "0")], ids=" ".join)
def test_a_database_without_the_schema_leads_to_hub_migrate(desk: Desk, command: tuple[str, ...]) -> None:
    desk.rows("DROP SCHEMA public CASCADE")
    desk.rows("CREATE SCHEMA public")
    one_message(desk.process(*command), CONFIGURATION, "`hub migrate`", "[store_schema]")


def test_a_channel_is_proven_before_there_is_a_database_and_while_it_is_away(desk: Desk) -> None:
    desk.rows("DROP SCHEMA public CASCADE")
    desk.rows("CREATE SCHEMA public")
    assert desk.process("channel", "check", "portal").code == DONE
    away = "postgresql://hub:x@127.0.0.1:1/hub"
    assert desk.process("channel", "check", "portal", HUB_DATABASE_URL=away).code == DONE


# ---- keys and ports


def collected(desk: Desk, *numbers: int) -> None:
    for number in numbers:
        desk.portal.add(record(number, phone=PHONE))
    done = desk.process("channel", "run", "portal")
    assert done.code == DONE, done.err


def test_a_key_file_that_is_gone_beside_a_filled_database_is_never_made_anew(desk: Desk) -> None:
    collected(desk, 1)
    keys = desk.home / "keys.json"
    kept = desk.folder / "kept.json"
    shutil.move(keys, kept)
    desk.portal.add(record(2, phone=PHONE))
    one_message(
        desk.process("channel", "run", "portal"), CONFIGURATION, str(keys), "backup", "[keys_invalid]"
    )
    assert not keys.exists()
    shutil.move(kept, keys)
    collected(desk)
    assert desk.value("SELECT count(*) FROM demand") == 2


def test_a_key_file_that_others_may_read_is_refused_with_the_remedy(desk: Desk) -> None:
    collected(desk, 1)
    keys = desk.home / "keys.json"
    keys.chmod(0o644)
    one_message(desk.process("channel", "run", "portal"), CONFIGURATION, str(keys), "chmod 600")
    keys.chmod(0o600)
    collected(desk)


def test_a_port_that_is_taken_is_told_with_the_setting_that_names_it(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one_message(
            desk.process("serve", "--port", str(port)), CONFIGURATION, f"127.0.0.1:{port}", "serve.port"
        )


# ---- told to programs as well


def test_every_error_is_one_json_document_where_json_is_asked_for(desk: Desk) -> None:
    desk.configure(chanels={})
    answer = desk.process("channel", "list", "--json")
    assert answer.code == CONFIGURATION
    assert json.loads(answer.out)["error"]["code"] == "config_invalid"


def test_doctor_names_what_is_wrong_and_goes_on_looking(desk: Desk) -> None:
    desk.configure(database_url=f"postgresql://hub:{PASSWORD}@127.0.0.1:1/hub")
    answer = desk.process("doctor")
    assert answer.code == PROBLEMS
    assert "FAIL  database" in answer.out
    assert "plugins" in answer.out
    assert PASSWORD not in answer.out + answer.err
