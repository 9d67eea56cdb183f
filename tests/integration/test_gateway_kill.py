"""Two gateways and two workers, any of which is killed while clients ask and follow."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.client.client import Client, attach
from app.client.topic_ranges import read_since
from app.settings import Settings
from app.streamed_text import StreamedText
from testkit.cluster.gateways import Gateway
from testkit.cluster.harness import SHORT_SESSION, new_prefix
from testkit.cluster.traffic import Traffic
from testkit.cluster.workers import Workers
from tests.gateway.requests import events
from topics import RESULT_CHUNKS, TASKS
from topics.result_chunks import ResultChunk

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TEXT = "Whoever follows an answer sees every piece of it once and in order whatever is killed meanwhile."
TASKS_SENT, PAUSE = 30, 0.4
#: Seconds between one kill and the next.
KILLS = 3.0


@dataclass
class Followed:
    """What a client has seen of one task; `returns` is how often it had to come again."""

    ids: set[str] = field(default_factory=set)
    offsets: list[int] = field(default_factory=list)
    text: StreamedText = field(default_factory=StreamedText)
    answer: object = None
    returns: int = 0


class Someone:
    """A client that knows both gateways, and goes to the other one when one does not answer."""

    def __init__(self, http: aiohttp.ClientSession, gateways: Sequence[Gateway], number: int) -> None:
        self._http = http
        self._gateways = gateways
        self._number = number
        self._turn = number
        self.seen = Followed()

    async def ask_and_follow(self) -> Followed:
        for _ in range(2):  # the second time as if the answer to the first had been lost
            self.seen.ids.add(await self._accepted())
        while self.seen.answer is None:
            with suppress(aiohttp.ClientError, OSError):
                await self._follow(next(iter(self.seen.ids)))
            self.seen.returns += 1
            await self._turn_away()
        return self.seen

    async def _accepted(self) -> str:
        headers = {"Idempotency-Key": f"key-{self._number}"}
        body = {"input": {"question": f"q{self._number}"}}
        while True:
            with suppress(aiohttp.ClientError, OSError):
                async with self._http.post(self._url("/v1/tasks"), json=body, headers=headers) as answer:
                    if answer.status == 202:
                        return str((await answer.json())["id"])
                    assert answer.status == 503, await answer.text()
            await self._turn_away()

    async def _follow(self, task_id: str) -> None:
        seen = self.seen
        headers = {"Last-Event-ID": str(seen.offsets[-1])} if seen.offsets else {}
        async with self._http.get(self._url(f"/v1/tasks/{task_id}/events"), headers=headers) as answer:
            if answer.status in {404, 503}:  # it does not know the task yet
                return
            assert answer.status == 200
            async for event in events(answer):
                if event.get("event") == "piece":
                    seen.offsets.append(int(event["id"]))
                    seen.text.add(ResultChunk.model_validate_json(event["data"]))
                elif event.get("event") == "result":
                    seen.answer = json.loads(event["data"])["answer"]

    def _url(self, path: str) -> str:
        return f"http://{self._gateways[self._turn % 2].address}{path}"

    async def _turn_away(self) -> None:
        self._turn += 1
        await asyncio.sleep(random.uniform(0.05, 0.15))  # noqa: S311  # chance, not secrecy


async def kill_in_turn(gateways: Sequence[Gateway], workers: Workers) -> None:
    for gateway in gateways:
        await asyncio.sleep(KILLS)
        await gateway.kill()
        await gateway.start()
        await asyncio.sleep(KILLS)
        await workers.kill(next(iter(workers)))  # the one that has lived longest
        await workers.start(ready=False)


async def pieces_of(client: Client) -> dict[str, list[int]]:
    """Return the offsets of the pieces of each task."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for record in await read_since(client, None, [RESULT_CHUNKS]):
        found[record.key.decode()].append(record.offset)
    return found


async def test_that_nothing_is_lost_or_repeated_whatever_is_killed(kafka: Connection, tmp_path: Path) -> None:
    prefix, servers = new_prefix(), kafka.bootstrap_servers
    raw = {
        "app_id": f"{prefix}app",
        "topics": {"prefix": prefix, "partitions": 4},
        "broker": {"session_timeout": SHORT_SESSION},
        "models": {"sound": {"provider": "scripted", "options": {"default": TEXT, "piece_delay": 0.1}}},
        "ask": {"models": ["sound"], "retrieve": False, "stream": True},
        "retrieval": {"embedder": "hashing"},
    }
    settings = Settings.model_validate(raw)
    await ensure_topics(kafka, settings.topics, [InternalTopic(f"{prefix}{settings.app_id}-runs", compacted=True)])
    async with AsyncExitStack() as stack:
        workers = await stack.enter_async_context(Workers(servers, raw, tmp_path / "workers.log"))
        traffic = await stack.enter_async_context(Traffic(servers, prefix))
        client = await stack.enter_async_context(attach(settings, kafka))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        await workers.start(2)
        gateways = [
            await stack.enter_async_context(Gateway(servers, raw, tmp_path / name)) for name in ("one", "other")
        ]
        killing = asyncio.create_task(kill_in_turn(gateways, workers))
        people = [Someone(http, gateways, number) for number in range(TASKS_SENT)]
        asking = []
        for someone in people:
            asking.append(asyncio.create_task(someone.ask_and_follow()))
            await asyncio.sleep(PAUSE)
        async with asyncio.timeout(120):
            seen = await asyncio.gather(*asking)
            await killing
        pieces = await pieces_of(client)
        sent = {record.key.decode() for record in await read_since(client, None, [TASKS])}
    assert sum(one.returns for one in seen) > TASKS_SENT  # some lost their gateway
    for one in seen:
        (task_id,) = one.ids
        assert (one.answer, one.text.text) == (TEXT, TEXT)
        assert one.offsets == pieces[task_id]  # every piece once, and in order
    assert sent == {task_id for one in seen for task_id in one.ids}
    assert {str(value.answer) for values in traffic.results.values() for value in values} == {TEXT}
    assert traffic.results.keys() == sent
