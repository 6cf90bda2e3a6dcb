"""Client credentials against a real OAuth 2.0 server: the token is fetched, renewed, and refused where it must be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.errors import Code, SourceUnavailable
from hub.sdk.readers.http import HttpPolicy, HttpReader, OAuth2ClientCredentials
from tests.support.oauth_server import TOKEN_PATH, GuardedPortal
from tests.support.raw_http import make_context

RECORDS = [{"zxbh": f"ZX{n}", "gxsj": f"2026-11-20 09:30:{n:02d}"} for n in range(5)]


@pytest.fixture
def portal() -> Iterator[GuardedPortal]:
    with GuardedPortal(RECORDS, {"hub:1": "s/e c+ü"}) as running:
        yield running


def reader(
    portal: GuardedPortal, *, secret: str = "s/e c+ü", send_as: str = "basic", scope: str | None = None
) -> HttpReader:
    auth = OAuth2ClientCredentials(
        TOKEN_PATH,
        client_id="hub:1",
        client_secret="CLIENT",
        send_as=send_as,  # type: ignore[arg-type]
        scope=scope,
    )
    return HttpReader(portal.url, make_context(CLIENT=secret), HttpPolicy(tries=2), auth)


@pytest.mark.parametrize("send_as", ["basic", "body"])
@pytest.mark.parametrize("scope", [None, "read"])
def test_a_list_behind_a_real_token_endpoint_is_read_with_one_token(
    portal: GuardedPortal, send_as: str, scope: str | None
) -> None:
    with reader(portal, send_as=send_as, scope=scope) as opened:
        pages = [opened.records("/api/zx/list", params={"pageNum": n, "pageSize": 2}) for n in (1, 2, 3)]
    assert sum(len(page.raw) for page in pages) == len(RECORDS)
    assert len(portal.clients.tokens) == 1


def test_a_token_that_is_revoked_in_mid_run_is_renewed_once(portal: GuardedPortal) -> None:
    with reader(portal) as opened:
        opened.records("/api/zx/list")
        portal.clients.tokens.clear()
        assert len(opened.records("/api/zx/list").raw) == len(RECORDS)
    assert len(portal.clients.tokens) == 1
    assert portal.requests == 3  # the page, the refusal, the page


@pytest.mark.parametrize(
    ("secret", "scope"), [("another", None), ("s/e c+ü", "write")], ids=["wrong secret", "wrong scope"]
)
def test_a_client_that_the_endpoint_refuses_is_told_as_such_and_no_secret_with_it(
    portal: GuardedPortal, secret: str, scope: str | None
) -> None:
    with reader(portal, secret=secret, scope=scope) as opened, pytest.raises(SourceUnavailable) as refused:
        opened.records("/api/zx/list")
    assert refused.value.code is Code.SOURCE_AUTH
    assert secret not in refused.value.message
    assert portal.requests == 0
