"""Reads what a source pushes: proven before it is parsed, bounded before it is proven.

The order never changes: method, size, coding, media type, signature, shape. A request that fails one of them gives nothing at all; one
record among others that cannot be read is landed with its problem, and the others with it.

Source: Standard Webhooks (`hub.sdk.signing`): ``webhook-id`` is the idempotency key, signed with the body; ``webhook-timestamp`` bounds
how long a request that was overheard can be sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from hub.errors import Code, HubError, SourceContractError
from hub.sdk.channel import Check, PushRequest
from hub.sdk.context import ChannelContext
from hub.sdk.readers.body import Body
from hub.sdk.readers.jsonpage import Path, Records, json_records
from hub.sdk.signing import HEADER_ID, TOLERANCE_S, SignatureInvalid, key_of, verify

__all__ = ["PushPolicy", "PushReader", "SignatureInvalid"]

SecretName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$", description="Name of a secret, not its value.")
]


class PushPolicy(BaseModel):
    """What one pushing source must prove and may cost; part of a channel's settings in hub.yaml.

    Attributes:
        secrets: Names of the signing secrets that are valid now: one, and during a change of secrets the older one too.
        labels: Signatures of which one must match: ``v1`` (HMAC-SHA256), ``v1sm3`` (HMAC-SM3).
        tolerance_s: How far the request's time may lie from the moment of its arrival, in both directions.
        max_body_bytes: Of one request.
        media_types: Of which the request must be one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    secrets: tuple[SecretName, ...] = Field(
        min_length=1, max_length=4, description="Each the name of a secret, not its value."
    )
    labels: tuple[Literal["v1", "v1sm3"], ...] = Field(default=("v1",), min_length=1)
    tolerance_s: float = Field(default=TOLERANCE_S, gt=0, le=3_600)
    max_body_bytes: int = Field(default=2 * 2**20, ge=1_024, le=64 * 2**20)
    media_types: tuple[str, ...] = ("application/json",)


class PushReader:
    """The pushes of one source; keeps nothing between two requests, so that any process of the hub may take the next.

    That the same push comes twice is the hub's matter: it knows the records by their numbers and versions, and answers a repeated
    ``webhook-id`` as it did the first time.
    """

    def __init__(self, ctx: ChannelContext, policy: PushPolicy) -> None:
        self._ctx = ctx
        self._policy = policy

    def records(self, request: PushRequest, *, at: Path = ("records",)) -> Records:
        """The records at ``at`` of a JSON body, each as its exact bytes; empty where the list is.

        Args:
            request: As it arrived, not decoded.
            at: Names of the members on the way to the list; empty where the body itself is the list.

        Raises:
            SignatureInvalid: Not signed, wrongly signed, too old or from the future: answer 401.
            SourceContractError: Too large (``page_too_large``: 413), compressed (``page_encoding``: 415), another method
                (``page_shape``) or media type (``push_media_type``: 415), no JSON (``page_not_json``, ``page_html``), no list at ``at`` (``page_shape``): answer 4xx.
            ConfigError: A secret is missing or none.
        """
        return json_records(self.proven(request), path=at, total_path=None, envelope=None)

    def proven(self, request: PushRequest) -> Body:
        """The body of a request that is what it must be and signed by whom it must be; not parsed.

        Raises:
            SignatureInvalid: As `records`.
            SourceContractError: As `records`.
            ConfigError: As `records`.
        """
        headers = {name.lower(): value for name, value in request.headers.items()}
        if len(headers) < len(request.headers):
            raise SignatureInvalid(
                f"{self._where()}: a header was given twice in another spelling (expected each once); answer 401",
                code=Code.SIGNATURE_INVALID,
            )
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        self._refuse_unfit(request, headers, media_type)
        secrets = [self._ctx.secret(name) for name in self._policy.secrets]
        verify(
            headers,
            request.body,
            secrets,
            now=request.received_at,
            tolerance_s=self._policy.tolerance_s,
            labels=self._policy.labels,
        )
        # A charset's label is left out: what the bytes are is seen better in the bytes.
        return Body(request.body, media_type=media_type, headers=headers, place=self._where())

    def check(self) -> Check:
        """Whether the secrets are there and of the form that they must have; asks nobody outside."""
        try:
            for name in self._policy.secrets:
                key_of(self._ctx.secret(name))
        except HubError as exc:
            return Check("secrets", False, exc.message)
        return Check("secrets", True, f"{len(self._policy.secrets)} of {len(self._policy.secrets)} are there")

    def _refuse_unfit(self, request: PushRequest, headers: Mapping[str, str], media_type: str) -> None:
        policy = self._policy
        if request.method.upper() != "POST":
            self._refuse(Code.PAGE_SHAPE, f"a {request.method[:10]!r} (expected POST)", "correct the sender")
        if len(request.body) > policy.max_body_bytes:
            self._refuse(
                Code.PAGE_TOO_LARGE,
                f"{len(request.body)} bytes (expected at most {policy.max_body_bytes})",
                "send fewer records at once, or raise max_body_bytes in the channel's settings",
            )
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            self._refuse(
                Code.PAGE_ENCODING, "a compressed body (expected none)", "send the body as it was signed"
            )
        if media_type not in policy.media_types:
            self._refuse(
                Code.PUSH_MEDIA_TYPE,
                f"a media type of {len(media_type)} characters that is none of {', '.join(policy.media_types)}",
                "correct Content-Type at the sender",
            )

    def _refuse(self, code: Code, found: str, todo: str) -> NoReturn:
        # The body is not kept: nobody has proven yet who sent it.
        raise SourceContractError(
            f"{self._where()}: {found}; nothing of it was used: {todo}",
            code=code,
        )

    def _where(self) -> str:
        return f"push to {self._ctx.instance}"


def idempotency_key(request: PushRequest) -> str | None:
    """The sender's own id of this push, the same for every repeat; to be believed once the channel has proven the push.

    ``webhook-id``, which is signed; where there is none, ``Idempotency-Key``, for sources that sign in their own way.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    return headers.get(HEADER_ID) or headers.get("idempotency-key") or None
