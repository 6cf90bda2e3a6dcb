"""How the hub proves itself to an HTTP source, as settings say it; light, so that settings may hold it. Secrets are named, never written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from hub.sdk.readers.auth import Auth

SecretName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$", description="Name of a secret, not its value.")
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoLogin(_Strict):
    """The source is open to the hub's network."""

    kind: Literal["none"] = "none"


class BearerLogin(_Strict):
    """A fixed token in ``Authorization: Bearer``."""

    kind: Literal["bearer"]
    token: SecretName


class BasicLogin(_Strict):
    """HTTP Basic."""

    kind: Literal["basic"]
    user: str
    password: SecretName


class ApiKeyLogin(_Strict):
    """A fixed key in a header or, where the source wants it so, in the query."""

    kind: Literal["api_key"]
    key: SecretName
    name: str = "X-API-Key"
    where: Literal["header", "query"] = "header"


class OAuth2Login(_Strict):
    """OAuth 2.0 client credentials.

    Attributes:
        token_url: Absolute, or a path below ``base_url``.
        send_as: ``basic``: in the header Authorization; ``body``: among the fields of the form.
    """

    kind: Literal["oauth2"]
    token_url: str
    client_id: str
    client_secret: SecretName
    scope: str | None = None
    send_as: Literal["basic", "body"] = "basic"


HttpLogin = Annotated[
    NoLogin | BearerLogin | BasicLogin | ApiKeyLogin | OAuth2Login, Field(discriminator="kind")
]


def auth_of(login: HttpLogin) -> Auth | None:
    """The proof that the settings ask for; None for an open source."""
    from hub.sdk.readers import auth

    match login:
        case BearerLogin():
            return auth.Bearer(login.token)
        case BasicLogin():
            return auth.Basic(login.user, login.password)
        case ApiKeyLogin():
            return auth.ApiKey(login.key, login.name, login.where)
        case OAuth2Login():
            return auth.OAuth2ClientCredentials(**login.model_dump(exclude={"kind"}))
        case _:
            return None
