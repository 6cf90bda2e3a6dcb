"""A source that is bound to networks is told nothing where it stands outside of them: neither a question nor a token."""

import pytest

from hub.errors import Code, ConfigError
from hub.sdk.readers.http import Bearer, HttpPolicy, HttpReader
from tests.support.raw_http import answer, listed, make_context, raw_source

GOOD = answer(listed({"zxbh": "1"}))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    ("networks", "reached"),
    [(("127.0.0.0/8",), True), (("10.0.0.0/8", "127.0.0.1/32"), True), (("10.0.0.0/8",), False), (("::/0",), False), ((), False)],
)  # fmt: skip
def test_a_source_outside_of_the_networks_that_it_is_bound_to_is_told_nothing(networks, reached, host):
    with raw_source() as source:
        source.play(GOOD)
        policy = HttpPolicy(only_networks=networks)
        reader = HttpReader(
            f"http://{host}:{source.port}", make_context(TOKEN="secret-token"), policy, Bearer("TOKEN")
        )
        try:
            if reached:
                assert len(reader.records("/api/list").raw) == 1
            else:
                with pytest.raises(ConfigError, match="outside of only_networks") as failed:
                    reader.records("/api/list")
                assert failed.value.code is Code.CONFIG_INVALID
        finally:
            reader.close()
        assert bool(source.seen) is reached


def test_what_is_no_network_cannot_bind_a_source():
    with pytest.raises(ValueError, match="no network"):
        HttpPolicy(only_networks=("anywhere",))
