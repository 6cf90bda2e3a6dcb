"""A secret is found by its name, and one whose file cannot be read is told as that: not as a fault of the hub, and not as missing."""

import pytest

from hub.errors import Code, ConfigError
from hub.runtime.secrets import Secrets


def nobody(name):
    return None


def test_the_variable_comes_before_the_file_and_the_file_s_last_line_end_is_no_part_of_it(tmp_path):
    (tmp_path / "token").write_text("of-the-file\n")

    assert (
        Secrets(tmp_path, nobody, {"HUB_SECRET_TOKEN": "of-the-variable"}).get("token") == "of-the-variable"
    )
    assert Secrets(tmp_path, nobody, {}).get("token") == "of-the-file"


@pytest.mark.parametrize(
    ("name", "why"), [("token", "it is no text"), ("t" * 300, "File name too long")], ids=["bytes", "refused"]
)
def test_a_file_that_cannot_be_read_is_told_with_its_place_and_without_what_it_holds(tmp_path, name, why):
    (tmp_path / "token").write_bytes(b"geheim\xff\xfe")

    with pytest.raises(ConfigError) as caught:
        Secrets(tmp_path, nobody, {}).get(name)
    assert caught.value.code is Code.SECRET_MISSING
    assert (
        f"{tmp_path / name} cannot be read ({why}; expected a file that the hub's user may read)"
        in caught.value.message
    )
    assert "geheim" not in caught.value.message
