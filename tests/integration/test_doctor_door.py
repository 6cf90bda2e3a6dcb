"""`hub doctor` says whether the inbound door is open, to whom, and what is odd about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.county.loopback import LoopbackServer, QuietHandler
from hub.runtime.doctor import Finding, State, examine
from hub.runtime.hub import Hub
from tests.support.pushing import app_config, app_hub, open_door


def about_the_door(hub: Hub) -> list[Finding]:
    found = examine(lambda: hub.loaded, open_hub=lambda loaded: Hub(loaded))
    return [finding for finding in found.findings if finding.name == "inbound door"]


def test_an_open_door_is_named_with_those_who_may_push(database_url: str, tmp_path: Path) -> None:
    document = app_config(tmp_path, database_url)
    with app_hub(document) as hub, open_door(hub) as door, app_hub(document, api__port=door.port) as same:
        (found,) = about_the_door(same)

    assert (found.state, found.found) == (State.OK, f"open at 127.0.0.1:{door.port}, to app")


def test_a_door_that_nobody_has_opened_is_a_warning(database_url: str, tmp_path: Path) -> None:
    with app_hub(app_config(tmp_path, database_url)) as hub, open_door(hub) as door:
        port = door.port
    with app_hub(app_config(tmp_path, database_url), api__port=port) as closed:
        (found,) = about_the_door(closed)

    assert found.state is State.WARN
    assert f"nobody answers at 127.0.0.1:{port}" in found.found


def test_somebody_else_at_the_doors_port_is_a_warning(database_url: str, tmp_path: Path) -> None:
    class Other(QuietHandler):
        def do_GET(self) -> None:
            self.send(200, b"<html>")

    with (
        LoopbackServer(Other) as other,
        app_hub(app_config(tmp_path, database_url), api__port=int(other.server_address[1])) as hub,
    ):
        (found,) = about_the_door(hub)

    assert found.state is State.WARN
    assert "somebody else answers" in found.found


def test_a_closed_door_is_well_and_says_who_could_push(database_url: str, tmp_path: Path) -> None:
    document = app_config(tmp_path, database_url)
    del document["api"]
    with app_hub(document) as hub:
        (found,) = about_the_door(hub)

    assert (found.state, found.found) == (State.OK, "closed: api.port is not set; app could be pushed to")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.9"])
def test_a_door_that_others_reach_without_tls_is_a_warning(
    database_url: str, tmp_path: Path, host: str
) -> None:
    with app_hub(app_config(tmp_path, database_url), api__host=host) as hub:
        (found,) = about_the_door(hub)

    assert found.state is State.WARN
    assert "plain HTTP" in found.found
    assert "TLS" in found.do


def test_a_door_through_which_nobody_may_come_is_a_warning(database_url: str, tmp_path: Path) -> None:
    document = app_config(tmp_path, database_url)
    document["channels"]["app"] = {"channel": "portal", "settings": {"base_url": "http://127.0.0.1:9"}}
    with app_hub(document) as hub:
        (found,) = about_the_door(hub)

    assert (found.state, found.found) == (State.WARN, "api.port is set, and no enabled channel takes pushes")


def test_a_push_secret_that_is_missing_is_named(database_url: str, tmp_path: Path) -> None:
    document = app_config(tmp_path, database_url)
    (tmp_path / "secrets" / "app_signing").unlink()
    with app_hub(document) as hub:
        found = examine(lambda: hub.loaded, open_hub=lambda loaded: Hub(loaded))
        failed = [
            one.found for one in found.findings if one.state is State.FAIL and "channel app" in one.name
        ]

    assert len(failed) == 1
    assert "app_signing" in failed[0]
