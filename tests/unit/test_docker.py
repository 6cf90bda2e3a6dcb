"""docker/: what the image copies exists, what compose sets is known to the hub, and no secret stands in a file of the repository."""

import os
import re
import shutil
import stat
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from hub.plugins import load_plugins
from hub.runtime.config import load
from hub.store.engine import Store

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
HUB_SERVICES = ["migrate", "hub", "exporter"]


def copied():
    """What the Dockerfile copies from the repository, path by path."""
    for arguments in re.findall(r"^COPY (.+)$", DOCKERFILE, flags=re.M):
        *sources, _target = arguments.split()
        if not sources[0].startswith("--from="):
            yield from sources


def image_environment():
    variables: dict[str, str] = {}
    for block in re.findall(r"^ENV (.+)$", DOCKERFILE, flags=re.M):
        variables |= dict(pair.split("=", 1) for pair in block.split())
    return variables


def in_use(value):
    """A value of compose.yaml with its variables at their defaults."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


@pytest.fixture
def prepared(tmp_path):
    folder = tmp_path / "docker"
    shutil.copytree(DOCKER, folder, ignore=shutil.ignore_patterns(".env", "hub.yaml", "secrets"))
    done = subprocess.run(["sh", "prepare"], cwd=folder, capture_output=True, text=True, check=True)
    assert "docker compose up" in done.stdout
    return folder


def test_everything_that_the_image_copies_is_there_and_passes_the_dockerignore():
    let_in = [
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")
    ]
    sources = list(copied())
    assert "hub" in sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in let_in, source
    assert sorted(let_in) == sorted(sources)


def test_every_file_that_the_distributions_are_built_from_is_copied():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    named = [
        *re.findall(r'^readme = "(.+)"', project, flags=re.M),
        *re.findall(r'"/(\w+(?:\.\w+)?)"', project),
    ]
    assert set(named) <= set(copied())


def test_the_image_runs_as_a_user_without_rights_and_asks_healthz():
    users = re.findall(r"^USER (.+)$", DOCKERFILE, flags=re.M)
    assert users == ["10001:10001"]
    assert "HEALTHCHECK" in DOCKERFILE
    assert not re.search(r"(?i)(password|secret|token|api_?key)\s*=", DOCKERFILE)


def test_the_base_image_can_be_chosen_and_is_one_for_both_stages():
    assert DOCKERFILE.count("FROM ${BASE_IMAGE}") == len(re.findall(r"^FROM ", DOCKERFILE, flags=re.M)) == 2


@pytest.mark.parametrize("service", HUB_SERVICES)
def test_every_setting_of_a_service_is_known_to_the_hub(service, prepared):
    variables = {name: in_use(value) for name, value in COMPOSE["services"][service]["environment"].items()}
    assert all(name.startswith("HUB_") for name in variables)
    places = {"/etc/hub/hub.yaml": prepared / "hub.yaml", "/etc/hub/secrets": prepared / "secrets" / "hub"}
    environ = {
        name: str(places.get(value, value)) for name, value in (image_environment() | variables).items()
    }
    settings = load(environ=environ).settings
    password = (prepared / "secrets" / "postgres_password").read_text()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == f"postgresql://hub:{password}@postgres:5432/hub"
    assert str(settings.keys_file) == "/var/lib/hub/keys/keys.json"
    assert settings.serve.host == settings.api.host == "0.0.0.0"
    assert f"127.0.0.1:8760:{settings.api.port}" in [
        in_use(one) for one in COMPOSE["services"]["hub"]["ports"]
    ]
    Store(settings.database_url.get_secret_value()).close()  # an address that the hub takes


@pytest.mark.parametrize("service", HUB_SERVICES)
def test_a_service_of_the_hub_can_write_nothing_but_its_volumes(service):
    chosen = COMPOSE["services"][service]
    assert chosen["read_only"] is True
    assert chosen["cap_drop"] == ["ALL"]
    assert chosen["init"] is True
    mounts = dict(mount.split(":", 1) for mount in chosen["volumes"])
    # Files that were read are moved, by the service that collects and by no other.
    drop = {"/srv/drop"} if service == "hub" else set()
    assert {target for target in mounts.values() if not target.endswith(":ro")} == {
        "/var/lib/hub",
        "/var/lib/hub/keys",
        *drop,
    }
    assert mounts["hub-keys"] == "/var/lib/hub/keys"
    assert set(mounts) & set(COMPOSE["volumes"]) == {"hub-home", "hub-keys"}


def test_the_database_is_reached_from_inside_alone_and_the_hub_waits_for_its_schema():
    services = COMPOSE["services"]
    assert "ports" not in services["postgres"]
    assert services["postgres"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    for service in ("hub", "exporter"):
        assert services[service]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert all(port.startswith("127.0.0.1:") for port in services[service]["ports"])


def test_the_services_commands_are_commands_of_the_hub():
    from hub.cli.app import COMMANDS

    assert {COMPOSE["services"][service]["command"][0] for service in HUB_SERVICES} <= set(COMMANDS)


def test_every_variable_of_compose_stands_in_the_example_with_the_same_default():
    text = (DOCKER / "compose.yaml").read_text("utf-8")
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    lines = (DOCKER / "env.example").read_text("utf-8").splitlines()
    assert dict(line.split("=", 1) for line in lines if line and not line.startswith("#")) == used
    assert not re.search(r"\$\{\w+\}", text)


def test_preparing_draws_a_password_once_and_changes_nothing_that_is_there(prepared):
    before = {path: path.read_bytes() for path in sorted(prepared.rglob("*")) if path.is_file()}
    subprocess.run(["sh", "prepare"], cwd=prepared, capture_output=True, check=True)
    assert {path: path.read_bytes() for path in sorted(prepared.rglob("*")) if path.is_file()} == before
    assert re.fullmatch(r"[0-9a-f]{48}", (prepared / "secrets" / "postgres_password").read_text())
    assert stat.S_IMODE((prepared / "secrets").stat().st_mode) == 0o700


def test_what_preparing_makes_is_kept_out_of_the_repository(prepared):
    ignored = (DOCKER / ".gitignore").read_text("utf-8").split()
    made = {path.name for path in prepared.iterdir()} - {path.name for path in DOCKER.iterdir()}
    made |= {".env", "hub.yaml", "secrets", "drop"}
    assert made <= {name.rstrip("/") for name in ignored}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(200, b'{"status": "ok"}', 0), (503, b'{"status": "failing", "parts": {}}', 1)],
)
def test_the_health_check_passes_on_what_healthz_says(status, body, code):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/healthz" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        done = check_health(server.server_address[1])
        thread.join()
    assert done.returncode == code
    assert ("failing" in done.stderr) == (code == 1)


def test_the_health_check_says_that_nobody_answers():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_address[1]
    done = check_health(port)
    assert done.returncode == 1
    assert "does not answer" in done.stderr


def check_health(port):
    script = DOCKER / "healthcheck.py"
    return subprocess.run(
        [sys.executable, "-I", str(script), str(port)],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
        timeout=60,
    )


def test_every_channel_of_the_example_is_one_that_takes_its_settings(prepared):
    plugins = load_plugins()
    channels = yaml.safe_load((prepared / "hub.yaml").read_text("utf-8"))["channels"]
    for name, chosen in channels.items():
        plugins.channels[chosen["channel"]].cls.Settings.model_validate(chosen["settings"])
        assert not chosen["enabled"], name
