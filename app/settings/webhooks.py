"""Who is told of tasks that have ended."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from app.settings.values import Network, OneLine, Seconds, Section


def _signing_key(value: SecretStr) -> SecretStr:
    """Return a key in the form of Standard Webhooks.

    Raises:
        ValueError: it has another form; the message does not repeat it.
    """
    text = value.get_secret_value().strip()
    try:
        size = len(b64decode(text.removeprefix("whsec_"), validate=True)) if text.startswith("whsec_") else 0
    except ValueError:
        size = 0
    if not 24 <= size <= 64:  # noqa: PLR2004  # as the specification has it
        raise ValueError("must be whsec_ and base64 of 24 to 64 random bytes: echo whsec_$(openssl rand -base64 32)")
    return SecretStr(text)


SigningKey = Annotated[SecretStr, AfterValidator(_signing_key)]


class WebhookEndpoint(Section):
    """A receiver that tasks can name; as you have chosen its URL, it may be anywhere, also in your own network."""

    url: OneLine = Field(
        pattern=r"^https?://", description="where requests go", examples=["https://crm.example.com/hook"], repr=False
    )
    signing_keys: tuple[SigningKey, ...] = Field(
        min_length=1, description="as above, for this receiver alone", examples=[["${CRM_SIGNING_KEY}"]]
    )
    tenant: str | None = Field(default=None, description="the only tenant whose tasks may name it", examples=["acme"])


class WebhookSettings(Section):
    """Who is told of tasks that have ended, and how."""

    signing_keys: tuple[SigningKey, ...] = Field(
        default=(),
        description="what sign requests to URLs that tasks name; without one, these are refused. The signatures of "
        "all are sent, so that receivers can change over from one to the next",
        examples=[["${WEBHOOK_SIGNING_KEY}"]],
    )
    endpoints: dict[str, WebhookEndpoint] = Field(
        default_factory=dict,
        description="receivers that tasks can name, by that name",
    )
    allow_http: bool = Field(default=False, description="call URLs that tasks name over http too, not only https")
    allow_networks: tuple[Network, ...] = Field(
        default=(),
        description="networks that URLs of tasks may lead to, though they are not public",
        examples=[["10.1.0.0/16"]],
    )
    timeout: Seconds = Field(default=15.0, description="for one attempt")
    first_retry: Seconds = Field(
        default=5.0, description="until the second attempt; each later delay is 4 times longer"
    )
    retry_for: Seconds = Field(default=86400.0, description="how long attempts are made; then it is a dead letter")
