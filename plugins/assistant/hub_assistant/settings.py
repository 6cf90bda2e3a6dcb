"""What hub.yaml says about the endpoint, under ``suggest.settings``."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from hub.sdk.suggest import ClassifierSettings

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


def _network(cidr: str) -> str:
    try:
        ip_network(cidr, strict=False)
    except ValueError:
        raise ValueError("is no network (expected a CIDR such as 10.8.0.0/24)") from None
    return cidr


Network = Annotated[str, AfterValidator(_network)]


class EndpointSettings(ClassifierSettings):
    """One endpoint that speaks the chat-completions protocol; it has no default, and none on the public network."""

    base_url: str = Field(
        pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$",
        description="Address up to and with the version, such as http://10.8.0.20:8000/v1.",
    )
    allowed_networks: tuple[Network, ...] = Field(
        min_length=1,
        description="CIDRs that the endpoint's address must lie in, such as 10.8.0.0/24; looked at before anything is sent.",
    )
    model: Name = Field(description="Model to ask for, as the endpoint names it.")
    api_key: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$",
        description="Name of the secret that holds the endpoint's key; none for an open one.",
    )
    response_format: Literal["json_schema", "json_object", "none"] = Field(
        default="json_schema",
        description="How the endpoint is told to answer in JSON; `none` where it does not know how. What it answers is checked either way.",
    )
    max_tokens: int = Field(default=300, ge=50, le=4_000, description="Longest answer.")
    max_chars: int = Field(
        default=1_500,
        ge=100,
        le=4_000,
        description="Characters of words in one question; the rest is cut off.",
    )
    max_categories: int = Field(
        default=200,
        ge=1,
        le=1_000,
        description="A longer catalogue is not sent: then a summary alone is asked for.",
    )
    deadline_s: float = Field(default=30.0, gt=0, le=600, description="Longest time of one answer.")
    ca_bundle: str | None = Field(
        default=None, description="PEM file of the authority that signed the endpoint's certificate."
    )
