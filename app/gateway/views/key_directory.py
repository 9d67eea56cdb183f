"""Which API keys there are, as the topic `api-keys` says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka.errors import KafkaError

from app.client import api_keys
from app.client.client import Client
from app.gateway.views.topic_view import TopicView
from app.security.api_keys import KeyRing, KnownKey
from topics import API_KEYS
from topics.api_keys import ApiKeyEvent

log = logging.getLogger(__name__)

#: That a key was used is noted again after so long.
_USE_INTERVAL = timedelta(hours=1)


class KeyDirectory(TopicView[ApiKeyEvent]):
    """Follows the topic, finds keys, and notes now and then that one was used."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, API_KEYS, "the API keys")
        self._ring = KeyRing()
        self._notes: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the topic, which must exist, while the context lasts."""
        async with super().running():
            try:
                yield
            finally:
                await asyncio.gather(*self._notes, return_exceptions=True)

    @property
    def ring(self) -> KeyRing:
        """All keys.

        Raises:
            Refusal: they are still being read; what is not known yet might be that a key is revoked.
        """
        self.require_read()
        return self._ring

    def find(self, credentials: str) -> KnownKey | None:
        """Return the active key that these credentials are, and note that it was used.

        Raises:
            Refusal: the keys are still being read.
        """
        now = datetime.now(UTC)
        found = self.ring.find(credentials, now)
        if found and (found.used_at is None or now - found.used_at > _USE_INTERVAL):
            self._note_use(ApiKeyEvent(kind="used", id=found.id, at=now))
        return found

    def add(self, event: ApiKeyEvent) -> None:
        """Take in an event that this gateway has just sent, so that it holds here at once."""
        self._ring.add(event)

    def _note_use(self, event: ApiKeyEvent) -> None:
        self._ring.add(event)  # so that the next request does not note it again
        task = asyncio.create_task(api_keys.send(self._client, event))
        self._notes.add(task)
        task.add_done_callback(self._noted)

    def _noted(self, task: asyncio.Task[None]) -> None:
        self._notes.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), KafkaError):
            log.warning("that an API key was used is not noted: %s", type(error).__name__)

    def _take(self, event: ApiKeyEvent, record: Any) -> None:
        if api_keys.is_at_home(event, record, self._client.settings.topics.partitions):
            self._ring.add(event)
        else:
            log.warning("%s/%s/%s is left out: no event of a key", record.topic, record.partition, record.offset)
