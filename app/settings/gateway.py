"""The HTTP API, and who may use it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from app.settings.values import Delay, Inconsistent, Network, OneLine, Seconds, Section

#: The addresses that only this machine can reach.
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


class OidcSettings(Section):
    """The issuer whose tokens are accepted beside API keys, and what their claims mean."""

    issuer: OneLine = Field(description="its address, as `iss` has it", examples=["https://login.example.com"])
    audience: OneLine = Field(description="who tokens must be for, as `aud` has it", examples=["meta-ai"])
    jwks_url: OneLine | None = Field(
        default=None,
        description="where its keys are; where absent, its openid-configuration says so",
        examples=["https://login.example.com/keys"],
    )
    algorithms: tuple[
        Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"], ...
    ] = Field(default=("RS256", "ES256"), min_length=1, description="how tokens may be signed")
    clock_skew: Delay = Field(default=30.0, le=300, description="how far its clock and ours may differ")
    tenant: str = Field(
        description="an expression of `claims` that gives the tenant, or null for all of them",
        examples=["claims.tenant"],
    )
    roles: str = Field(description="an expression of `claims` that gives the roles", examples=["claims.roles"])
    requests_per_minute: int | None = Field(
        default=None, ge=1, description="how often each subject may ask each gateway", examples=[600]
    )

    @model_validator(mode="after")
    def _safe(self) -> OidcSettings:
        for key, url in (("issuer", self.issuer), ("jwks_url", self.jwks_url or self.issuer)):
            if not is_safe_url(url):
                raise Inconsistent("must begin with https://, or with http:// and name this machine", key)
        return self


def is_safe_url(url: str) -> bool:
    """Whether nobody on the way can change what this URL returns: it is of HTTPS, or on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    local = parts.scheme == "http" and parts.hostname in {*_LOOPBACK, "localhost"}
    return bool(parts.hostname) and (parts.scheme == "https" or local)


class PolicySettings(Section):
    """A rule for tasks that are sent over the gateway; the first of them that matches decides."""

    name: str = Field(pattern=r"^[a-zA-Z0-9._-]+$", max_length=100, description="its name in errors")
    when: str = Field(
        description="an expression of `principal`, `task` and `workflow` that says whether it matches",
        examples=["task.priority != null && !('operator' in principal.roles)"],
    )
    effect: Literal["deny", "allow", "require_approval"] = Field(
        default="deny",
        description="what happens to a task that matches: `allow` ends the search, and with `require_approval` its run "
        "waits until somebody else approves it",
    )
    reason: str = Field(
        default="", max_length=500, description="what the sender of a denied task is told, or who is to approve it"
    )
    approval_timeout: Seconds = Field(
        default=86400.0, description="how long a task waits for its approval; then it fails"
    )


class GatewaySecurity(Section):
    """Who may use the gateway, and for what."""

    enabled: bool | None = Field(
        default=None,
        description="ask for API keys; where absent, unless the gateway can be reached from this machine only",
        examples=[True],
    )
    roles: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="roles beside viewer, submitter, operator and admin, each with the actions that it allows",
        examples=[{"watcher": ["tasks:read", "runs:read"]}],
    )
    oidc: OidcSettings | None = Field(
        default=None,
        description="accept tokens of an OpenID Connect issuer, too",
        examples=[
            {
                "issuer": "https://login.example.com",
                "audience": "meta-ai",
                "tenant": "claims.tenant",
                "roles": "claims.roles",
            }
        ],
    )
    policies: tuple[PolicySettings, ...] = Field(
        default=(),
        description="rules beside the roles, for the tasks that are sent; asked in this order",
        examples=[
            [
                {
                    "name": "no-priority",
                    "when": "task.priority != null && !('operator' in principal.roles)",
                    "reason": "only operators may set a priority",
                }
            ]
        ],
    )
    failures_per_minute: int = Field(
        default=30, ge=1, description="wrong credentials that an address may send; then it has to wait"
    )


class GatewayTls(Section):
    """TLS of the gateway's server; changed files are taken up without a restart."""

    certificate: Path = Field(
        description="its certificate, then those between it and the authority, PEM", examples=["/run/tls/tls.crt"]
    )
    key: Path = Field(
        description="the certificate's private key, PEM, without a password", examples=["/run/tls/tls.key"]
    )
    client_ca: Path | None = Field(
        default=None,
        description="the authorities of clients, PEM: with it, a client must have a certificate of one of them",
        examples=["/run/tls/clients.crt"],
    )


def _origin(value: str) -> str:
    """Return the origin of web pages.

    Raises:
        ValueError: it is none.
    """
    try:
        parts = urlsplit(value)
        plain = parts.hostname and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    except ValueError:
        plain = False
    if not (plain and value.startswith(("https://", "http://")) and value == value.lower()):
        raise ValueError("give an origin such as https://app.example.com, in lower case and without a path")
    return value


class GatewayCors(Section):
    """Which web pages may use the gateway from browsers."""

    origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = Field(
        default=(), description="the origins of these pages; none: only pages of the gateway's own hosts"
    )


class GatewaySettings(Section):
    """The HTTP API: tasks in, results out."""

    enabled: bool = Field(default=True, description="serve it beside the worker of `meta-ai orchestrator run`")
    bind_address: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="127.0.0.1 or ::1 for this machine; any other address only with `security`",
    )
    port: int = Field(default=8089, ge=0, le=65535, description="0 picks one")
    max_file_bytes: int = Field(default=200 * 1024 * 1024, ge=1024, description="the largest file that may be uploaded")
    max_lag: int = Field(
        default=10_000, ge=1, description="while so many tasks wait for a worker, no further one is accepted"
    )
    tls: GatewayTls | None = Field(
        default=None,
        description="serve HTTPS",
        examples=[{"certificate": "/run/tls/tls.crt", "key": "/run/tls/tls.key"}],
    )
    plain_http: bool = Field(
        default=False, description="serve HTTP without TLS to other machines: only behind a proxy that has TLS"
    )
    hosts: tuple[str, ...] = Field(
        default=(), description="names by which it is reached, besides localhost: others are refused"
    )
    trusted_proxies: tuple[Network, ...] = Field(
        default=(),
        description="addresses and networks of proxies whose X-Forwarded-For says who asks",
        examples=[["10.0.0.0/24"]],
    )
    cors: GatewayCors = Field(default=GatewayCors(), description="which web pages may use it from browsers")
    max_connections: int = Field(default=1000, ge=1, description="open connections; further ones are closed")
    security: GatewaySecurity = Field(
        default=GatewaySecurity(), description="who may use it; off where only this machine can reach it, unless set"
    )

    @property
    def scheme(self) -> str:
        """How its addresses begin."""
        return "https" if self.tls else "http"

    @property
    def secured(self) -> bool:
        """Whether it asks for credentials."""
        return self.bind_address not in _LOOPBACK if self.security.enabled is None else self.security.enabled

    @model_validator(mode="after")
    def _loopback(self) -> GatewaySettings:
        if self.bind_address not in _LOOPBACK and not self.secured:
            raise Inconsistent(
                f"{self.bind_address} can be reached from other machines, and without security anybody there could use "
                "the gateway; leave out security.enabled, or bind to 127.0.0.1 or ::1",
                "bind_address",
            )
        if self.bind_address not in _LOOPBACK and self.tls is None and not self.plain_http:
            raise Inconsistent(
                f"{self.bind_address} can be reached from other machines, which would send their keys unencrypted; set "
                "gateway.tls, or gateway.plain_http: true where a proxy in front has TLS",
                "bind_address",
            )
        return self
