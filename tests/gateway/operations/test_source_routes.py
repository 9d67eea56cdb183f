from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import pytest

from app.client.client import Client
from app.partitioner import partition_of
from app.settings import Settings, SourceSettings
from tests.gateway.requests import call
from topics import SOURCES, SYNC_REQUESTS
from topics.sources import SourceState, SyncCounts

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    sources = {"kb": SourceSettings(kind="files", url="/kb", schedule=60), "wiki": SourceSettings(kind="files")}
    return settings.model_copy(update={"sources": sources})


async def test_that_a_sync_is_requested_and_its_state_told(http: aiohttp.ClientSession, client: Client) -> None:
    status, said = await call(http, "POST", "/v1/sources/kb/sync", {"full": True})
    assert (status, said["state"]) == (202, "/v1/sources/kb/sync")
    async with client.read(SYNC_REQUESTS, from_beginning=True) as reader:
        [record] = [one async for one in reader.held()]
    request = SYNC_REQUESTS.parse(record.value, max_bytes=1000)
    assert (record.key, request.id, request.full, request.dry_run) == (b"kb", said["sync"], True, False)
    assert record.partition == partition_of("kb", client.settings.topics.partitions)
    status, said = await call(http, "GET", "/v1/sources/kb/sync")
    assert (status, said["code"]) == (404, "unknown_sync")
    counts = SyncCounts(found=2, sent=2)
    state = SourceState(source="kb", sync=request.id, counts=counts, documents=2, started_at=NOW, updated_at=NOW)
    for one in (state, state.model_copy(update={"dry_run": True, "documents": 9})):
        await (await client.send(SOURCES, one.key, one, id="s", partition=record.partition))
    status, said = await call(http, "GET", "/v1/sources/kb/sync")
    assert (status, said["sync"], said["counts"]["sent"]) == (200, request.id, 2)
    assert (await call(http, "GET", "/v1/sources/kb/sync?dry_run=true"))[1]["documents"] == 9
    status, said = await call(http, "GET", "/v1/sources")
    listed = [(one["name"], one["documents"], one["schedule"]) for one in said["data"]]
    assert (status, listed) == (200, [("kb", 2, 60), ("wiki", 0, None)])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_that_an_unknown_source_is_refused(http: aiohttp.ClientSession, method: str) -> None:
    status, said = await call(http, method, "/v1/sources/kv/sync", {} if method == "POST" else None)
    assert (status, said["code"]) == (404, "unknown_source")
    assert "kb" in said["detail"]
