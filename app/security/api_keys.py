"""API keys: how they are made, and how one is recognized.

A key is `mao_`, its id, and a secret of 256 random bits. Only its SHA-256 is kept: a slow hash, as passwords need it,
protects what can be guessed, and nobody guesses 256 bits.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from app.security.permissions import Roles
from app.security.principal import Principal
from topics.api_keys import ApiKey, ApiKeyEvent, HashedSecret
from topics.tasks import SpendLimit

#: What every key begins with, so that people and scanners of leaked secrets recognize it.
PREFIX = "mao_"
#: Seconds: how long a replaced key is accepted, unless it is said otherwise.
OVERLAP = 86400.0
_ID_CHARACTERS, _ID_LENGTH = string.ascii_lowercase + string.digits, 12
_SECRET_CHARACTERS, _SECRET_LENGTH = string.ascii_letters + string.digits, 43  # 62 ** 43 > 2 ** 256
_KEY = re.compile(rf"{PREFIX}([a-z0-9]{{1,32}})_[A-Za-z0-9]{{{_SECRET_LENGTH}}}")


def new_id() -> str:
    """Return the id of a new key."""
    return _random(_ID_CHARACTERS, _ID_LENGTH)


def new_secret(key_id: str) -> tuple[str, HashedSecret]:
    """Return a new key of this id, to be shown once, and what is kept of it."""
    key = f"{PREFIX}{key_id}_{_random(_SECRET_CHARACTERS, _SECRET_LENGTH)}"
    return key, HashedSecret(sha256=_hash(key))


def restricted(
    workflows: tuple[str, ...] | None, models: tuple[str, ...] | None
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return the allowed workflows and models: with one of them given, the other, if absent, allows nothing."""
    if workflows is None and models is None:
        return None, None
    return workflows or (), models or ()


def rotated(api_key: ApiKey, fresh: HashedSecret, *, now: datetime, overlap: float) -> ApiKey:
    """Return the key with a new secret; the newest of the others is accepted for `overlap` more seconds."""
    end = now + timedelta(seconds=overlap)
    newest = api_key.secrets[-1] if overlap and api_key.secrets else None
    if newest and newest.expires_at:
        end = min(end, newest.expires_at)
    old = (newest.model_copy(update={"expires_at": end}),) if newest else ()
    return api_key.model_copy(update={"secrets": (*old, fresh)})


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as the topic has it; `used_at` is about when it was last used."""

    id: str
    api_key: ApiKey
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        """Whether it can be used."""
        end = self.api_key.expires_at
        return self.revoked_at is None and (end is None or now < end)

    def principal(self, roles: Roles) -> Principal:
        """Return who makes requests with it."""
        granted = self.api_key
        return Principal(
            id=f"key:{self.id}",
            kind="api_key",
            tenant=granted.tenant,
            roles=tuple(role for role in granted.roles if role in roles),
            actions=roles.actions(granted.roles),
            workflows=granted.workflows,
            models=granted.models,
            requests_per_minute=granted.requests_per_minute,
            spend_limit=self._spend_limit(),
        )

    def _spend_limit(self) -> SpendLimit | None:
        granted = self.api_key
        if granted.spend_limit is None:
            return None
        return SpendLimit(name=f"api-key.{self.id}", limit=granted.spend_limit, period=granted.spend_period)


class KeyRing:
    """All keys, as their events tell."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._revoked: dict[str, datetime] = {}
        self._used: dict[str, datetime] = {}

    def add(self, event: ApiKeyEvent) -> None:
        """Take in an event; a revocation stays, whatever comes after it."""
        match event:
            case ApiKeyEvent(kind="key", api_key=ApiKey() as api_key):
                self._keys[event.id] = api_key
            case ApiKeyEvent(kind="revoked"):
                self._revoked.setdefault(event.id, event.at)
            case ApiKeyEvent(kind="used"):
                self._used[event.id] = event.at

    def get(self, key_id: str) -> KnownKey | None:
        """Return a key by its id."""
        if (api_key := self._keys.get(key_id)) is None:
            return None
        return KnownKey(key_id, api_key, self._revoked.get(key_id), self._used.get(key_id))

    def all(self) -> Iterator[KnownKey]:
        """Yield all keys, by their ids."""
        for key_id in sorted(self._keys):
            if found := self.get(key_id):
                yield found

    def find(self, credentials: str, now: datetime) -> KnownKey | None:
        """Return the active key that these credentials are."""
        written = _KEY.fullmatch(credentials)
        found = self.get(written[1]) if written else None
        if found is None or not found.is_active(now):
            return None
        given = _hash(credentials)
        accepted = [one for one in found.api_key.secrets if one.expires_at is None or now < one.expires_at]
        # Each is compared, and in constant time: how long it takes says nothing of a hash.
        matching = [compare_digest(given, one.sha256) for one in accepted]
        return found if any(matching) else None


def looks_like_key(credentials: str) -> bool:
    """Whether these credentials are meant to be an API key."""
    return credentials.startswith(PREFIX)


def _hash(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def _random(characters: str, length: int) -> str:
    return "".join(secrets.choice(characters) for _ in range(length))
