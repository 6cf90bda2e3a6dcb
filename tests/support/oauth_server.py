"""A real OAuth 2.0 server (oauthlib's) before a portal: tokens for client credentials, and a list that takes them alone."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from oauthlib.oauth2 import BackendApplicationServer, RequestValidator

from hub.county.loopback import QuietHandler, ServedOnLoopback
from hub.county.portal_server import PortalList, refusal

TOKEN_PATH = "/oauth/token"


class Clients(RequestValidator):  # type: ignore[misc]
    """Who may ask, and what was given out; oauthlib does the rest of RFC 6749.

    Args:
        secrets: Client id -> secret.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.secrets = dict(secrets)
        self.tokens: dict[str, list[str]] = {}

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        return True

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        client_id, secret = _basic(request.headers) or (request.client_id, request.client_secret)
        if client_id not in self.secrets or self.secrets[client_id] != secret:
            return False
        request.client = SimpleNamespace(client_id=client_id)
        return True

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        return grant_type == "client_credentials"

    def get_default_scopes(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> list[str]:
        return ["read"]

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        return set(scopes) <= {"read"}

    def save_bearer_token(self, token: Mapping[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        self.tokens[token["access_token"]] = str(token["scope"]).split()

    def validate_bearer_token(self, token: str, scopes: list[str], request: Any) -> bool:
        return set(scopes) <= set(self.tokens.get(token, ()))


def _basic(headers: Mapping[str, str]) -> tuple[str, str] | None:
    kind, _, given = headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote_plus(client_id), unquote_plus(secret)  # RFC 6749, section 2.3.1


class GuardedPortal(ServedOnLoopback):
    """A portal's list that asks for a token of its own token endpoint; a context manager.

    Args:
        records: As in `PortalList`.
        secrets: As in `Clients`.
    """

    def __init__(self, records: Iterable[Mapping[str, Any]], secrets: Mapping[str, str]) -> None:
        self.list = PortalList(records)
        self.clients = Clients(secrets)
        self._oauth = BackendApplicationServer(self.clients)
        super().__init__(_handler(self), host="127.0.0.1", port=0)

    def token(self, uri: str, body: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """What the token endpoint answers."""
        # The standard wants TLS; on loopback there is none, and what stands before the server would end it.
        secure = uri.replace("http://", "https://", 1)
        _, answer, status = self._oauth.create_token_response(secure, "POST", body, dict(headers))
        return status, answer.encode()

    def page(self, target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """A page of the list for a token that may read."""
        valid, _ = self._oauth.verify_request(
            f"https://127.0.0.1{target}", "GET", None, dict(headers), ["read"]
        )
        if not valid:
            return 401, refusal(401, "未登录或登录已过期")
        query = dict(part.split("=", 1) for part in urlsplit(target).query.split("&") if "=" in part)
        return 200, self.list.page({name: unquote_plus(value) for name, value in query.items()})


def _handler(portal: GuardedPortal) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self.send(*portal.token(portal.url + self.path, body, dict(self.headers)))

        def do_GET(self) -> None:
            portal.requests += 1
            self.send(*portal.page(self.path, dict(self.headers)))

    return Handler
