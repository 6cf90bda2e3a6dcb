"""hub.yaml: what is written wrong in it is told before anything begins, and where somebody stands changes nothing of what it says."""

from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.runtime.config import load


def written(folder: Path, text: str) -> Path:
    file = folder / "hub.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(folder: Path, text: str, **environ: str) -> str:
    """The message with which that hub.yaml is refused."""
    with pytest.raises(ConfigError) as caught:
        load(config=written(folder, text), environ=environ)
    return caught.value.message


def test_relative_paths_count_from_the_files_folder_wherever_a_command_is_called(tmp_path, monkeypatch):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "database_url").write_text("postgresql://hub@db.example/hub\n")
    (tmp_path / "elsewhere").mkdir()
    file = written(
        tmp_path, "home: ./home\nkeys_file: keys/ring.json\nsecrets_dir: secrets\npg_bin: /usr/lib/pg\n"
    )
    monkeypatch.chdir(tmp_path / "elsewhere")

    for config in (file, Path("../hub.yaml")):
        settings = load(config=config, environ={}).settings
        assert settings.keys_file is not None
        assert settings.secrets_dir is not None
        assert settings.database_url is not None
        assert settings.home.resolve() == tmp_path / "home"
        assert settings.keys_file.resolve() == tmp_path / "keys" / "ring.json"
        assert settings.secrets_dir.resolve() == tmp_path / "secrets"
        assert settings.pg_bin == Path("/usr/lib/pg")
        assert settings.database_url.get_secret_value() == "postgresql://hub@db.example/hub"


def test_a_relative_path_of_a_variable_or_the_command_line_counts_from_the_working_folder(tmp_path):
    file = written(tmp_path, "home: ./home\n")

    assert load(config=file, environ={"HUB_HOME": "mine"}).settings.home == Path("mine")
    assert load(config=file, environ={}, overrides={"home": "yours"}).settings.home == Path("yours")


def test_a_home_folder_is_meant_by_a_tilde(tmp_path):
    assert load(config=written(tmp_path, "home: ~/hub\n"), environ={}).settings.home == Path.home() / "hub"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "serve: {port: 1}\ncounty: {}\nserve: {host: 127.0.0.1}\n",
            "line 3, column 1: 'serve' stands twice",
        ),
        ("channels:\n  a: {channel: portal}\n  a: {channel: app}\n", "line 3, column 3: 'a' stands twice"),
    ],
)
def test_a_name_that_stands_twice_is_told_with_its_line_and_hides_nothing(tmp_path, text, told):
    assert told in refusal(tmp_path, text)


def test_what_is_merged_from_elsewhere_in_the_file_may_be_said_again(tmp_path):
    text = "channels:\n  a: &a {channel: portal, every_s: 5}\n  b:\n    <<: *a\n    every_s: 60\n"
    channels = load(config=written(tmp_path, text), environ={}).settings.channels

    assert (channels["a"].every_s, channels["b"].every_s, channels["b"].channel) == (5, 60, "portal")


@pytest.mark.parametrize("zone", ["Asia/Shangai", "Asia", "../../etc/passwd", ""])
def test_a_zone_that_does_not_exist_is_told_with_its_place_before_anything_begins(tmp_path, zone):
    message = refusal(tmp_path, f"channels: {{a: {{channel: portal, source_timezone: '{zone}'}}}}\n")

    assert "channels.a.source_timezone (from hub.yaml): no time zone has this name (expected" in message


@pytest.mark.parametrize("network", ["10.0.0.0/33", "departments"])
def test_a_network_that_is_none_is_told_with_its_place_before_anything_begins(tmp_path, network):
    message = refusal(tmp_path, f"delivery: {{allowed_networks: [10.0.0.0/8, {network}]}}\n")

    assert "delivery.allowed_networks.1 (from hub.yaml): is no network (expected a CIDR" in message


def test_a_number_where_a_text_must_be_is_told_to_be_put_between_quotes(tmp_path):
    message = refusal(tmp_path, "county: {region: 411521}\n")

    assert "county.region (from hub.yaml): is a number (expected a text: put it between quotes)" in message
    assert "411521" not in message


def test_a_variable_with_one_underscore_too_few_is_told_the_right_one(tmp_path):
    message = refusal(tmp_path, "", HUB_SERVE_PORT="1")

    assert "did you mean HUB_SERVE__PORT?" in message


def test_a_folder_is_told_to_be_no_file(tmp_path):
    with pytest.raises(ConfigError, match="is no file"):
        load(config=tmp_path, environ={})


def test_a_secret_file_that_cannot_be_read_is_told_with_its_place_and_without_what_it_holds(tmp_path):
    (tmp_path / "database_url").write_bytes(b"postgresql://hub:\xff\xfegeheim@db.example/hub")

    message = refusal(tmp_path, f"secrets_dir: {tmp_path}\n")

    assert f"{tmp_path / 'database_url'} cannot be read (it is no text; expected" in message
    assert "geheim" not in message


def test_a_folder_of_secrets_that_the_system_does_not_open_is_told_as_such(tmp_path):
    # Refused to every account, as one without rights is refused somebody else's folder.
    message = refusal(tmp_path, f"secrets_dir: {tmp_path / ('long' * 100)}\n")

    assert (
        "database_url cannot be read (File name too long; expected a file and a folder that the hub's user may read)"
        in message
    )


def test_a_setting_in_the_wrong_section_is_told_with_its_place(tmp_path):
    message = refusal(tmp_path, "serve: {max_event_age_day: 30}\n")

    assert "did you mean 'evaluate.max_event_age_days'?" in message
