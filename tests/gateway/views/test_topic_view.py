from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from app.client.client import Client
from app.partitioner import partition_of
from tests.gateway.requests import call
from topics import BATCHES, FILES
from topics.base import Event, Topic
from topics.batches import BatchEvent, BatchOwner, BatchState
from topics.files import StoredFile

FILE = StoredFile(id="file-1", purpose="batch", created_at=datetime.now(UTC))
STATE = BatchState(
    status="completed",
    endpoint="/v1/responses",
    input=FILE,
    owner=BatchOwner(id="gateway", kind="local"),
    times={"created": FILE.created_at},
    expires_at=FILE.created_at + timedelta(days=1),
)


@pytest.mark.parametrize(
    ("topic", "event", "path"),
    [
        (FILES, FILE, f"/v1/files/{FILE.id}"),
        (BATCHES, BatchEvent(batch_id="batch_1", state=STATE), "/v1/batches/batch_1"),
    ],
)
@pytest.mark.parametrize("value", [b"\xff no event", None])
async def test_that_what_is_no_event_is_left_out_and_what_follows_is_known(
    http: aiohttp.ClientSession, client: Client, topic: Topic[Event], event: Event, path: str, value: bytes | None
) -> None:
    key = path.rpartition("/")[2]
    home = partition_of(key, client.settings.topics.partitions)
    await (await client.put(client.full_name(topic), key.encode(), value, [], home))
    await (await client.send(topic, key, event, id="e", partition=home))
    async with asyncio.timeout(20):
        status, found = await call(http, "GET", path)
    assert (status, found["id"]) == (200, key)
