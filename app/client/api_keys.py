"""Create, rotate, revoke and list API keys: events on `api-keys`, and what was done on `audit`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from app.client.client import Client
from app.client.topic_ranges import read_since
from app.partitioner import partition_of
from app.security.api_keys import KeyRing, KnownKey, new_id, new_secret, rotated
from topics import API_KEYS, AUDIT
from topics.api_keys import ApiKey, ApiKeyEvent
from topics.audit import AuditEvent

CREATED, ROTATED, REVOKED = "api_key.created", "api_key.rotated", "api_key.revoked"


async def read(client: Client) -> KeyRing:
    """Return all keys that are on the topic.

    Raises:
        BrokerError: there is no such topic, or the broker fails.
    """
    ring = KeyRing()
    for record in await read_since(client, None, [API_KEYS]):
        if event := parse(record, client.settings.topics.partitions):
            ring.add(event)
    return ring


def parse(record: Any, partitions: int) -> ApiKeyEvent | None:
    """Return the event in a record; None if it is not one, or not where the events of its key are."""
    event = API_KEYS.event_in(record)
    return event if event and is_at_home(event, record, partitions) else None


def is_at_home(event: ApiKeyEvent, record: Any, partitions: int) -> bool:
    """Whether an event lies where the events of its key are."""
    return bool(record.partition == partition_of(event.id, partitions) and record.key == event.key.encode())


async def create(client: Client, granted: ApiKey, actor: str) -> tuple[ApiKeyEvent, str]:
    """Create a key that allows what `granted` says; return its event, and the key, which is shown once."""
    key_id = new_id()
    shown, kept = new_secret(key_id)
    event = _event(key_id, actor, granted.model_copy(update={"secrets": (kept,)}))
    await _put(client, event, CREATED)
    return event, shown


async def rotate(client: Client, known: KnownKey, *, overlap: float, actor: str) -> tuple[ApiKeyEvent, str]:
    """Give a key a new secret; the old one is accepted for `overlap` more seconds."""
    shown, kept = new_secret(known.id)
    event = _event(known.id, actor, rotated(known.api_key, kept, now=datetime.now(UTC), overlap=overlap))
    await _put(client, event, ROTATED)
    return event, shown


async def revoke(client: Client, known: KnownKey, actor: str) -> ApiKeyEvent:
    """Have a key refused from now on, for ever."""
    event = ApiKeyEvent(kind="revoked", id=known.id, at=datetime.now(UTC), actor=actor)
    await _put(client, event, REVOKED, known.api_key)
    return event


async def send(client: Client, event: ApiKeyEvent) -> None:
    """Put an event on the topic, and return when the broker has it."""
    home = partition_of(event.id, client.settings.topics.partitions)
    await (await client.send(API_KEYS, event.key, event, id=uuid4().hex, partition=home))


def _event(key_id: str, actor: str, api_key: ApiKey) -> ApiKeyEvent:
    return ApiKeyEvent(kind="key", id=key_id, at=datetime.now(UTC), actor=actor, api_key=api_key)


async def _put(client: Client, event: ApiKeyEvent, action: str, api_key: ApiKey | None = None) -> None:
    await send(client, event)
    granted = event.api_key or api_key
    details = granted.model_dump(mode="json", exclude={"secrets"}, exclude_none=True) if granted else {}
    noted = AuditEvent(
        id=uuid4().hex, at=event.at, actor=event.actor, action=action, subject=f"key:{event.id}", details=details
    )
    await (await client.send(AUDIT, noted.subject, noted, id=noted.id))
