"""`client.keys`: API keys of the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict, Unpack

from meta_ai_orchestrator._client.actions import Emits
from meta_ai_orchestrator._client.calls import Call, get, path, post
from meta_ai_orchestrator._client.endpoints import Endpoint, Listed, Mode, Resource
from meta_ai_orchestrator.types import KeyCard, ShownKey


class KeyOptions(TypedDict, total=False):
    """What a key may be limited to."""

    tenant: str
    workflows: Sequence[str]
    models: Sequence[str]
    requests_per_minute: int
    spend_limit: float
    spend_period: float
    expires_at: datetime


class Keys(Resource[Mode]):
    """API keys."""

    @Endpoint
    def create(self, *, owner: str, roles: Sequence[str], **options: Unpack[KeyOptions]) -> Call[ShownKey]:
        """Make a key; `key` of the answer is shown only this once."""
        return post(ShownKey, "/v1/keys", {"owner": owner, "roles": [*roles], **options}, repeatable=False)

    @Listed
    def list(self, *, limit: int | None = None) -> Emits[KeyCard]:
        """List the keys by their ids."""
        return self._core.pages("/v1/keys", KeyCard, {"limit": limit})

    @Endpoint
    def get(self, key_id: str) -> Call[KeyCard]:
        """Return what is known of a key."""
        return get(KeyCard, path("/v1/keys", key_id))

    @Endpoint
    def rotate(self, key_id: str, *, overlap: float | None = None) -> Call[ShownKey]:
        """Replace the secret of a key; the old one is accepted for `overlap` more seconds."""
        return post(ShownKey, path("/v1/keys", key_id, "rotate"), {"overlap": overlap}, repeatable=False)

    @Endpoint
    def revoke(self, key_id: str) -> Call[KeyCard]:
        """End a key."""
        return post(KeyCard, path("/v1/keys", key_id, "revoke"), {})
