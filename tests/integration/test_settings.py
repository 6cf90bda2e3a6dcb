"""A setting changes what its page in docs/reference says it changes; a plugin's notifier is used and told of."""

from datetime import UTC, datetime
from typing import ClassVar

import pytest

from hub.builtin import plugin as builtin
from hub.clock import ManualClock
from hub.errors import ConfigError
from hub.runtime.config import load
from hub.runtime.hub import Hub
from hub.sdk import Notifier, Receipt, hookimpl
from hub.store import outbox
from hub.store.outbox import NewMessage
from tests.support.hubs import Serving, scripted_hub, until
from tests.support.scripted import START, played, record

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PHONE = "13812340001"


@pytest.fixture
def open_with(database_url, tmp_path):
    """A hub with one scripted channel and these settings, by dotted name."""
    opened = []

    def make(*records, **settings):
        script = played(list(records))
        clock = ManualClock(NOW)
        opened.append(scripted_hub(database_url, tmp_path / "home", {"box": script}, clock=clock, **settings))
        return opened[-1]

    yield make
    for hub in opened:
        hub.close()


@pytest.mark.parametrize(
    ("key_profile", "algorithms"), [("aes", {"aes256gcm", "hmac-sha256"}), ("sm", {"sm4gcm", "hmac-sm3"})]
)
def test_a_new_key_ring_has_the_profile_that_the_settings_name(open_with, key_profile, algorithms):
    ring = open_with(key_profile=key_profile).keys.ring()

    assert {str(key.profile) for key in ring.keys} == algorithms


def test_a_plugin_that_is_disabled_is_not_loaded(open_with):
    plugins = open_with(plugins_disabled=("portal",)).plugins

    assert "portal" not in plugins.channels
    assert "mailbox" in plugins.channels
    assert {one.name: one.state for one in plugins.list()}["portal"] == "disabled"


@pytest.mark.parametrize(("stop_list", "persons"), [((), 1), ((PHONE,), 0)])
def test_a_telephone_of_the_stop_list_is_nobody(open_with, stop_list, persons):
    hub = open_with(record("1", phone=PHONE), stop_list=stop_list)
    hub.collect("box")

    with hub.store.begin() as connection:
        known = connection.exec_driver_sql("SELECT count(reporter_key) FROM demand").scalar_one()
    assert known == persons


@pytest.mark.parametrize(("max_event_age_days", "historical"), [(30, False), (1, True)])
def test_signals_about_demands_older_than_the_setting_are_historical(
    open_with, max_event_age_days, historical
):
    assert (NOW - START).days == 3
    same_person = [record(str(number), minute=number, phone=PHONE) for number in range(3)]
    hub = open_with(*same_person, evaluate__max_event_age_days=max_event_age_days)
    hub.collect("box")
    hub.evaluate()

    with hub.store.begin() as connection:
        found = connection.exec_driver_sql("SELECT historical FROM signal").scalars().all()
    assert found == [historical]


def test_a_sources_naive_times_are_taken_in_the_zone_that_the_settings_name(open_with):
    hub = open_with(**{"channels.box.source_timezone": "Asia/Urumqi"})

    assert str(hub.source("box").channel.ctx.zone) == "Asia/Urumqi"


@pytest.mark.parametrize(("log_level", "told"), [("warning", ["database_away"]), ("error", [])])
def test_nothing_below_the_log_level_is_logged(tmp_path, free_port, log_level, told):
    environ = {
        "HUB_DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port}/none",
        "HUB_HOME": str(tmp_path),
        "HUB_LOG_LEVEL": log_level,
    }
    with Serving(["exporter", "--port", "0"], environ, tmp_path / "log") as serving:
        assert serving.end() == 0
        assert [event["event"] for event in serving.events()] == told


def test_the_exporter_listens_on_its_own_port_of_the_settings(database_url, tmp_path, free_port):
    environ = {
        "HUB_DATABASE_URL": database_url,
        "HUB_HOME": str(tmp_path),
        "HUB_SERVE__EXPORTER_PORT": str(free_port),
    }
    with Serving(["exporter"], environ, tmp_path / "log") as serving:
        assert serving.said["port"] == free_port
        assert serving.end() == 0


@pytest.fixture
def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HUB_PLUGINS_DISABLED", "portal"), ("HUB_DELIVERY__ALLOWED_NETWORKS", "10.0.0.0/8")],
)
def test_a_list_cannot_be_set_by_a_variable_and_that_is_said(variable, value):
    with pytest.raises(ConfigError, match=variable):
        load(environ={variable: value})


class Paper(Notifier):
    """Delivers on paper."""

    kind = "paper"
    slips: ClassVar[list[tuple[str, str, bytes]]] = []

    async def deliver(self, endpoint, message):
        self.slips.append((endpoint.organisation, message.message_id, message.body))
        return Receipt(None, 1)


class PaperPlugin:
    SDK_VERSION = ">=1.0,<2"

    def __init__(self):
        self.settled = []

    @hookimpl
    def register_notifiers(self):
        return [Paper]

    @hookimpl
    def on_delivery_settled(self, message_id, organisation, state):
        self.settled.append((message_id, organisation, state))


def test_a_notifier_that_a_plugin_registers_delivers_to_endpoints_of_its_kind_and_plugins_are_told(
    database_url, tmp_path, monkeypatch
):
    monkeypatch.setattr(Paper, "slips", [])
    monkeypatch.setenv("HUB_SECRET_PAPER", "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=")
    plugin = PaperPlugin()
    loaded = load(overrides={"home": str(tmp_path), "database_url": database_url}, environ={})
    document = {
        "organisations": [
            {"code": "office", "name": "处置办理股室", "level": "county", "handling_office": True}
        ],
        "endpoints": [
            {
                "id": "tray",
                "organisation": "office",
                "kind": "paper",
                "url": "http://127.0.0.1/tray",
                "secrets": ["paper"],
            }
        ],
    }
    with Hub(loaded, builtin={"builtin": builtin, "paper": plugin}) as hub:
        hub.apply_config(document, "test")
        with hub.store.begin() as connection:
            outbox.enqueue(
                connection, [NewMessage("office", "order.created", b"{}", hub.clock.now(), None, "msg_1")]
            )
        hub.deliver()

    assert Paper.slips == [("office", "msg_1", b"{}")]
    until(lambda: plugin.settled == [("msg_1", "office", "delivered")], "the plugin is told")


def test_a_webhook_outside_the_allowed_networks_is_not_called_and_says_so(desk):
    desk.configure(delivery={"allowed_networks": ["10.0.0.0/8"]})
    desk.apply_config()

    answer = desk.hub("webhook", "test", "bureau-webhook", "--json")

    assert answer.code == 3
    assert answer.document["error"]["code"] == "delivery_address"
    assert desk.department.deliveries == []
