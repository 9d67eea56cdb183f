from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest_asyncio

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.client.client import Client, attach
from app.runs.event_log import open_log
from app.settings import Settings, TopicSettings
from tests.cli.runlog import Log, publish
from topics import DEAD_LETTERS, RESULT_CHUNKS, SIGNALS
from topics.dead_letters import DeadLetter
from topics.result_chunks import ResultChunk
from topics.signals import Signal


@pytest_asyncio.fixture
async def client(embedded: Connection) -> AsyncIterator[Client]:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        yield found


def _log(task_id: str) -> Log:
    log = Log(task_id)
    log.task()
    log.retrieval(0.1, 0.2)
    log.model("answer", "a", "1", 0.3, 0.4)
    return log


async def test_the_events_of_one_run_are_there_from_all_topics_in_order(client: Client) -> None:
    for name in ("q-1", "q-2", "q-3"):  # some of them are in the same partition
        await publish(client, _log(name))
    await (await client.send(SIGNALS, "other-key", Signal(task_id="q-1", name="go"), id="s"))
    piece = ResultChunk(
        task_id="q-1", step="answer", branch="a", model="a", request_id="r", stream="s", index=0, text="x"
    )
    await (await client.send(RESULT_CHUNKS, "q-1", piece, id="c"))
    letter = DeadLetter(topic="tasks", partition=0, offset=0, reason="invalid", error="no", agent="route")
    await (await client.put(client.full_name(DEAD_LETTERS), b"q-1", b"[", letter.headers()))
    async with open_log(client, "q-1") as log:
        held = await log.held()
    names = [one.topic.removeprefix(client.settings.topics.prefix) for one in held]
    assert names[:5] == ["tasks", "retrieval-requests", "retrieval-results", "model-requests", "model-responses"]
    assert "dead-letters" in names
    assert {one.event.get("task_id", "q-1") for one in held} == {"q-1"}
    assert [one.at for one in held] == sorted(one.at for one in held)
    async with open_log(client, "q-1", chunks=True) as log:
        assert "result-chunks" in {one.topic.removeprefix(client.settings.topics.prefix) for one in await log.held()}


async def test_what_comes_is_followed_until_the_result(client: Client) -> None:
    async with open_log(client, "q-1") as log:
        assert await log.held() == []
        ended = _log("q-1")
        ended.result(1.0)
        async with asyncio.timeout(30):
            await publish(client, _log("q-2"))
            await publish(client, ended)
            coming = [one async for one in log.coming()]
    assert [one.ends for one in coming] == [False] * 5 + [True]
    assert len(coming) == len(ended.records)
