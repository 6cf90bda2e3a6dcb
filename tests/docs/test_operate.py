"""The commands of docs/operate, typed in their order by an operator with a portal, a department and a database of its own."""

import json
import secrets
import socket
import tempfile
from pathlib import Path

import pytest
import yaml

from hub.county.portal_server import PortalServer
from hub.county.receivers import DepartmentReceiver
from hub.sdk.signing import generate_secret
from hub.store.private import PrivateServer
from tests.docs.pages import Terminal, blocks, steps
from tests.support.desk import PHONE, record

PAGE = Path("docs/operate/README.md")


@pytest.fixture
def ground():
    """A folder that the account of the private server can reach, also under root."""
    with tempfile.TemporaryDirectory(prefix="hub-operate-") as folder:
        Path(folder).chmod(0o711)
        for name in ("etc/secrets", "var"):
            (Path(folder) / name).mkdir(parents=True, mode=0o711)
        (Path(folder) / "etc" / "secrets" / "portal_token").write_text("t0ken")
        yield Path(folder)
        # Started by root, the private server keeps its data elsewhere.
        PrivateServer(Path(folder) / "var" / "private").destroy()


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Operator(Terminal):
    """Types what the page shows; looks up what the page calls SIGNAL, WARNING and ORDER."""

    LOOKED_UP = {
        "SIGNAL": ("signal", "signals", "signal_id"),
        "WARNING": ("warning", "warnings", "warning_no"),
        "ORDER": ("order", "orders", "order_no"),
    }

    def type(self, step):
        for word, place in self.LOOKED_UP.items():
            if word in step.command:
                self.replaced[word] = self.look_up(*place)
        return super().type(step)

    def look_up(self, group, listed, name):
        code, told = self._hub(f"hub {group} list --json")
        assert code == 0, told
        return json.loads(told)[listed][0][name]


@pytest.fixture
def empty_database_url(wheel_server):
    name = f"operate_{secrets.token_hex(4)}"
    yield wheel_server.create_database(name)
    wheel_server.drop_database(name)


@pytest.mark.timeout(600)
def test_the_commands_of_the_page_do_what_it_says(ground, port, empty_database_url):
    portal, department = PortalServer(), DepartmentReceiver("natural-resources", generate_secret())
    for number in range(3):
        portal.add(record(number, phone=PHONE))
    etc = ground / "etc"
    replaced = {
        "/etc/weisu-hub": str(etc),
        "/var/lib/weisu-hub": str(ground / "var"),
        "postgresql://hub@db.county.example/hub": empty_database_url,
        "https://portal.example.gov.cn/gateway": portal.url,
        "http://10.1.2.3:8080/webhook": department.url,
        "10.0.0.0/8": "127.0.0.0/8",
        "8750": port,
    }
    with portal, department, Operator(ground, replaced, in_process=True, HUB_SERVE__PORT=port) as terminal:
        before = {
            "hub webhook test natural-resources": lambda: learn_secret(department, etc),
            "hub channel run portal": lambda: portal.add(record(9, kind="7")),
            "hub quarantine replay --channel portal": lambda: add_type(etc / "hub.yaml"),
        }
        typed = []
        for block in blocks(PAGE):
            if block.path is not None and block.path.startswith("/etc/"):
                terminal.write(block)
            elif block.info == "console":
                for step in steps(block):
                    before.pop(step.command, lambda: None)()
                    terminal.type(step)
                    typed.append(step.command)

    assert before == {}
    assert len(typed) >= 40
    assert [json.loads(one.body)["type"] for one in department.deliveries] == ["hub.test", "order.created"]


def learn_secret(department, etc):
    """What the office hands to the department by a safe way."""
    department.secrets = ((etc / "secrets" / "natural_resources").read_text().strip(),)


def add_type(file):
    """What the page shows of hub.yaml after the mend."""
    settings = yaml.safe_load(file.read_text("utf-8"))
    (mended,) = (
        yaml.safe_load(block.body)
        for block in blocks(PAGE)
        if block.info == "yaml" and block.path is None and "types" in block.body
    )
    settings["channels"]["portal"]["settings"]["types"] = mended["channels"]["portal"]["settings"]["types"]
    file.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
