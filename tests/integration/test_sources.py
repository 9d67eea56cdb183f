"""A sync on Apache Kafka whose worker is killed: another goes on, and every document is there, under one event id."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.admin import source_sync
from app.brokers.base import Connection
from app.client import topic_ranges
from app.client.client import Client
from app.delivery.envelope import first
from app.settings import SourceSettings
from tests.integration.test_workflows import configuration, stage
from topics import DOCUMENTS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

#: Several pages.
FILES = 450


async def happens(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(90):
        while not await condition():  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)


async def sent(client: Client) -> list[tuple[str, str | None]]:
    """Return the key and the event id of each record on `documents`."""
    return [
        (record.key.decode(), first(record.headers, "ce_id"))
        async for record in topic_ranges.iterate(client, None, DOCUMENTS)
    ]


async def test_that_a_killed_sync_goes_on_and_sends_each_document_under_one_id(
    kafka: Connection, tmp_path: Path
) -> None:
    folder = tmp_path / "kb"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:04}.md").write_text(f"# {number}\n\nText of {number}.", encoding="utf-8")
    source = {"kind": "files", "url": str(folder), "allowed_roles": "all"}
    async with stage(kafka, tmp_path, configuration(sources={"kb": source})) as here:
        (worker,) = await here.workers.start()
        request = await source_sync.begin(here.client, "kb")

        async def under_way() -> bool:
            return len(await sent(here.client)) > 0

        await happens(under_way)
        await here.workers.kill(worker)
        before = len(await sent(here.client))
        assert before < FILES
        await here.workers.start()
        state = await source_sync.wait(here.client, request, 90)
        assert (state.status, state.documents, state.counts.failed) == ("succeeded", FILES, 0)
        records = await sent(here.client)
        assert {key for key, _ in records} == {f"kb/{number:04}.md" for number in range(FILES)}
        assert len(set(records)) == FILES
        again = await source_sync.begin(here.client, "kb")
        state = await source_sync.wait(here.client, again, 90)
        assert (state.counts.sent, state.counts.unchanged) == (0, FILES)
        assert len(await sent(here.client)) == len(records)
        (listed,) = await source_sync.read_all(here.client, {"kb": SourceSettings.model_validate(source)})
        assert listed.documents == FILES
