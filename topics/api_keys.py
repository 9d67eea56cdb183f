"""`api-keys`: who may use the gateways, and for what; the keys themselves are not there, only their hashes."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from topics.base import Event, Topic


class HashedSecret(Event):
    """The SHA-256 of a key, as hexadecimal digits; one that was replaced is accepted until `expires_at`."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    expires_at: AwareDatetime | None = None


class ApiKey(Event):
    """What a key allows.

    `owner` says whose it is, for people. With a `tenant`, it sees and does only what is of that tenant. `workflows` and
    `models` are names, or patterns with `*`; where absent, all are allowed. It may make `requests_per_minute` at each
    gateway, and its tasks may cost `spend_limit` US dollars in each `spend_period` (seconds).
    """

    owner: str = Field(min_length=1, max_length=200)
    tenant: str | None = None
    roles: tuple[str, ...]
    workflows: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    requests_per_minute: int | None = Field(default=None, ge=1)
    spend_limit: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    spend_period: float = Field(default=30 * 86400.0, ge=1, allow_inf_nan=False)
    created_at: AwareDatetime
    created_by: str
    expires_at: AwareDatetime | None = None
    secrets: tuple[HashedSecret, ...]


class ApiKeyEvent(Event):
    """A key is created or changed (`key`), revoked for ever (`revoked`), or was used (`used`; written now and then).

    Each kind has a message key of its own, so that no change that was under way undoes a revocation.
    """

    kind: Literal["key", "revoked", "used"]
    id: str = Field(pattern=r"^[a-z0-9]{1,32}$")
    at: AwareDatetime
    actor: str = ""
    api_key: ApiKey | None = None

    @property
    def key(self) -> str:
        """The key of its message; all events of an API key lie in the partition of its id."""
        return self.id if self.kind == "key" else f"{self.id}/{self.kind}"


API_KEYS = Topic(
    name="api-keys",
    event=ApiKeyEvent,
    type="meta_ai.api_key",
    key="the API key's id, or id/revoked, or id/used; all of a key are in the partition of its id",
    summary="API keys of the gateway as hashes, with what they allow; followed by every gateway.",
    compacted=True,
)
