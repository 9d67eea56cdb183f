"""API keys as they are shown: without their secrets."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel

from app.security.api_keys import PREFIX, KnownKey


class KeyCard(BaseModel):
    """An API key without its secret; `prefix` is how it begins, `used_at` is right to about an hour."""

    id: str
    prefix: str
    owner: str
    tenant: str | None = None
    roles: tuple[str, ...]
    workflows: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    requests_per_minute: int | None = None
    spend_limit: float | None = None
    spend_period: float
    created_at: AwareDatetime
    created_by: str
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    used_at: AwareDatetime | None = None

    @classmethod
    def of(cls, known: KnownKey) -> KeyCard:
        """Return a key as it is shown."""
        fields = {name: value for name, value in dict(known.api_key).items() if name in KeyCard.model_fields}
        shown = {"id": known.id, "prefix": f"{PREFIX}{known.id}_"}
        return KeyCard.model_validate({**fields, **shown, "revoked_at": known.revoked_at, "used_at": known.used_at})


class ShownKey(KeyCard):
    """A key that was just made: `key` is shown this once, and kept nowhere."""

    key: str
