"""How a reader behaves towards one HTTP source: times, tries, sizes, TLS. Light, so that settings may hold it."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from hub._version import __version__

MIB = 1024 * 1024


class HttpPolicy(BaseModel):
    """What one HTTP source may cost and how often it is asked; part of a channel's settings in hub.yaml.

    How many failures open the circuit is no matter of one reader: all processes share it
    (`hub.sdk.gate.BreakerPolicy`).

    Attributes:
        connect_timeout_s: To open a connection, for each address of the name.
        read_timeout_s: Longest silence within an answer.
        deadline_s: For one whole answer, head and body: a source that drips a byte at a time ends here. Real
            time, whatever the clock of the context says.
        tries: Requests for one call at most; renewed credentials are worth one more.
        backoff_first_s: Wait after the first failure; doubles with each, plus up to a second of jitter.
        backoff_longest_s: No wait of our own is longer.
        longest_retry_after_s: A ``Retry-After`` up to this is waited for; a longer one ends the call at once.
        rate_per_s: Requests a second to this source, all processes together; None for no limit.
        burst: Requests that may go at once after a pause.
        max_body_bytes: Of one answer, compressed and again decompressed.
        ca_bundle: PEM file of the authorities that sign the source's certificate; None for the public ones.
        client_cert: PEM file with the hub's own certificate, for mutual TLS.
        client_key: PEM file with its key; None where it stands in ``client_cert``.
        redirects: ``none``: an error. ``same_host``: followed by GET within the host, never to a login page, never
            from https to http.
        link_origins: Other addresses (``https://host`` or ``https://host:port``) to which the source's links to its next page may lead; the
            login is shown there too.
        only_networks: CIDRs that the source's address must lie in, looked at once the connection stands and before a byte is sent, so that no
            name can lead elsewhere; None for any.
        user_agent: What the hub calls itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect_timeout_s: float = Field(default=10.0, gt=0)
    read_timeout_s: float = Field(default=30.0, gt=0)
    deadline_s: float = Field(default=120.0, gt=0)
    tries: int = Field(default=5, ge=1, le=20)
    backoff_first_s: float = Field(default=1.0, gt=0)
    backoff_longest_s: float = Field(default=60.0, gt=0)
    longest_retry_after_s: float = Field(default=600.0, ge=0)
    rate_per_s: float | None = Field(default=None, gt=0)
    burst: int = Field(default=1, ge=1)
    max_body_bytes: int = Field(default=64 * MIB, ge=1)
    ca_bundle: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    redirects: Literal["none", "same_host"] = "none"
    link_origins: tuple[Annotated[str, StringConstraints(pattern=r"^https?://[^/?#@\s]+$")], ...] = ()
    only_networks: tuple[str, ...] | None = None
    user_agent: str = f"weisu-hub/{__version__}"

    @field_validator("only_networks")
    @classmethod
    def _networks(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for cidr in given or ():
            try:
                ip_network(cidr, strict=False)
            except ValueError:
                raise ValueError("holds what is no network (expected CIDRs such as 10.0.0.0/8)") from None
        return given

    @model_validator(mode="after")
    def _key_needs_certificate(self) -> HttpPolicy:
        if self.client_key and not self.client_cert:
            raise ValueError("client_key is set without client_cert: name the certificate's file too")
        return self
