"""Keeps this worker's index in sync with the topic `chunks`, from which every worker builds its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from app.delivery.kafka.tail import Tail
from app.errors import InvalidEvent, RetrievalError
from app.partitioner import partition_of
from app.retrieval.base import Store
from app.settings import Settings
from topics import CHUNKS

log = logging.getLogger(__name__)


class IndexFeed:
    """Applies the topic to the store, and saves the store regularly; `options` are those of any aiokafka consumer.

    The documents of a tenant that it does not admit are left out.
    """

    def __init__(
        self,
        settings: Settings,
        options: Mapping[str, Any],
        store: Store,
        *,
        retry_after: float = 1.0,
        admits: Callable[[str], bool] = lambda _tenant: True,
    ) -> None:
        self._store = store
        self._admits = admits
        self._retry_after = retry_after
        self._max_bytes = settings.topics.max_message_bytes
        self._partitions = settings.topics.partitions
        self._at_home: set[str] = set()
        position = {int(partition): offset for partition, offset in store.get_position().items()}
        self._tail = Tail(options, settings.topics.prefix + CHUNKS.name, self._apply, position)

    @property
    def caught_up(self) -> bool:
        """Whether the index holds all that the topic held at the start."""
        return self._tail.caught_up.is_set()

    @property
    def position(self) -> Mapping[int, int]:
        """For each partition, the next offset to apply."""
        return self._tail.position

    async def follow(self) -> None:
        """Follow the topic until cancelled."""
        await self._tail.run()

    async def save_regularly(self, *, interval: float = 10.0) -> None:
        """Save every `interval` seconds what has changed, until cancelled."""
        while True:
            await asyncio.sleep(interval)
            self.note_position()
            try:
                await self._store.save()
            except RetrievalError as error:
                log.warning("the index is not saved, and will be rebuilt from its topic: %s", error)

    def note_position(self) -> None:
        """Tell the store how much of the topic it holds."""
        self._store.set_position({str(partition): offset for partition, offset in self._tail.position.items()})

    def _is_stale(self, document_key: str, partition: int) -> bool:
        """Whether the document was changed or deleted since: earlier releases left chunks in any partition.

        Those in the document's own partition are the later ones.
        """
        if partition == partition_of(document_key, self._partitions):
            self._at_home.add(document_key)
            return False
        return document_key in self._at_home

    async def _apply(self, record: Any) -> None:
        where = f"{record.topic}/{record.partition}/{record.offset}"
        while True:
            try:
                part = CHUNKS.parse(record.value, max_bytes=self._max_bytes)
                if self._admits(part.tenant) and not self._is_stale(part.document_key, record.partition):
                    await self._store.apply(part)
            except InvalidEvent as error:  # some other program wrote it: the events of `ingest` are valid
                return log.warning("%s is left out: %s", where, error)
            except RetrievalError as error:  # it was made with another embedder, and ours is away
                log.warning("%s is applied again after: %s", where, error)
                await asyncio.sleep(self._retry_after)
            else:
                return None
