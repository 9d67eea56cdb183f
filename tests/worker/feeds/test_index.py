from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.errors import RetrievalError
from app.partitioner import partition_of
from app.retrieval.base import SearchScope, Vectors
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.ingest import prepare_chunks
from app.retrieval.memory import MemoryStore
from app.settings import Settings, TopicSettings
from app.worker.feeds.index import IndexFeed
from topics import CHUNKS
from topics.documents import Document

TEXT = "# Owls\n\nOwls hunt at night.\n"


@pytest.fixture
def settings() -> Settings:
    return Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))


async def _fill(options: dict[str, Any], settings: Settings) -> None:
    parts = await prepare_chunks(Document(id="owls", text=TEXT), embedder=HashingEmbedder(), words=100, overlap=0)
    producer = AIOKafkaProducer(**options, acks="all")
    await producer.start()
    for value in (b"garbage", *(part.to_json() for part in parts)):
        await producer.send(settings.topics.prefix + CHUNKS.name, value, partition=1)
    await producer.stop()


async def _caught_up(feed: IndexFeed) -> None:
    async with asyncio.timeout(30):
        while not feed.caught_up:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)


async def test_that_the_store_is_fed_past_garbage_and_keeps_its_place(
    embedded: Connection, settings: Settings, tmp_path: Path
) -> None:
    options = {"bootstrap_servers": embedded.bootstrap_servers, "fetch_max_wait_ms": 25, **embedded.client_options}
    await ensure_topics(embedded, settings.topics)
    await _fill({"bootstrap_servers": embedded.bootstrap_servers}, settings)
    store = MemoryStore(HashingEmbedder(), path=tmp_path / "index")
    await store.load()
    feed = IndexFeed(settings, options, store)
    assert not feed.caught_up
    tasks = [asyncio.create_task(feed.follow()), asyncio.create_task(feed.save_regularly(interval=0.01))]
    await _caught_up(feed)
    assert [chunk.document_id for chunk in await store.search("owls", limit=1, scope=SearchScope())] == ["owls"]
    assert feed.position == {1: 2}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    feed.note_position()
    await store.close()

    again = MemoryStore(HashingEmbedder(), path=tmp_path / "index")
    await again.load()
    assert IndexFeed(settings, options, again).position == {1: 2}
    await again.close()


async def test_that_what_a_document_was_in_another_partition_does_not_come_back(
    embedded: Connection, settings: Settings
) -> None:
    """Earlier releases left chunks wherever the document was."""
    options = {"bootstrap_servers": embedded.bootstrap_servers, "fetch_max_wait_ms": 25, **embedded.client_options}
    store = MemoryStore(HashingEmbedder())
    await store.load()
    feed = IndexFeed(settings, options, store)
    home = partition_of("owls", settings.topics.partitions)

    async def apply(document: Document, partition: int) -> list[str]:
        for part in await prepare_chunks(document, embedder=HashingEmbedder(), words=100, overlap=0):
            await feed._apply(SimpleNamespace(value=part.to_json(), topic="chunks", partition=partition, offset=0))
        return [chunk.text for chunk in await store.search("owls", limit=9, scope=SearchScope())]

    old, new = Document(id="owls", text="Owls sleep."), Document(id="owls", text="Owls hunt.")
    assert await apply(old, 1 - home) == ["Owls sleep."]
    assert await apply(new, home) == ["Owls hunt."]
    assert await apply(old, 1 - home) == ["Owls hunt."]
    assert await apply(Document(id="owls", deleted=True), home) == []
    assert await apply(old, 1 - home) == []
    assert await apply(old, home) == ["Owls sleep."]
    await store.close()


async def test_that_an_embedder_that_is_away_is_waited_for(settings: Settings) -> None:
    class Away(HashingEmbedder):
        failures = 2

        async def embed(self, texts: Sequence[str]) -> Vectors:
            if self.failures:
                self.failures -= 1
                raise RetrievalError("away")
            return await super().embed(texts)

    store = MemoryStore(Away(dimensions=64))
    feed = IndexFeed(settings, {}, store, retry_after=0.0)
    for part in await prepare_chunks(Document(id="owls", text=TEXT), embedder=HashingEmbedder(), words=100, overlap=0):
        await feed._apply(SimpleNamespace(value=part.to_json(), topic="chunks", partition=0, offset=0))
    assert [chunk.document_id for chunk in await store.search("owls", limit=1, scope=SearchScope())] == ["owls"]
