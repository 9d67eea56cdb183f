from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.client import newest_first as module
from app.client.client import Client, OffsetRange, attach
from app.client.newest_first import newest_first
from app.settings import Settings, TopicSettings
from topics import TASKS
from topics.tasks import Task


@pytest.fixture
async def client(embedded: Connection, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    settings = Settings(topics=TopicSettings(prefix=f"{request.node.name[:40]}-", partitions=3))
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        yield found


async def _put(client: Client, *placed: tuple[int, str]) -> None:
    for number, (partition, key) in enumerate(placed):  # each later than the one before, however fast it is
        value, at = Task(id=key, input={}).to_json(), 1_768_464_000_000 + number
        await (await client.put(client.full_name(TASKS), key.encode(), value, [], partition, at))


def _key(record: Any) -> str:
    return str(record.key.decode())


async def test_all_comes_once_and_backwards(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROUND", 2)
    placed = [(number % 2, str(number)) for number in range(11)] + [(2, "last")]
    await _put(client, *placed)
    spans = await client.bounds([TASKS])
    found = [(place.partition, offset, key) async for place, offset, key in newest_first(client, spans, _key)]
    for partition in range(3):
        mine = [(offset, key) for where, offset, key in found if where == partition]
        assert mine == list(enumerate(key for where, key in placed if where == partition))[::-1]
    assert found[0][2] == "last"


async def test_no_more_is_kept_than_a_round_of_each_partition(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROUND", 2)
    await _put(client, *((number % 2, str(number)) for number in range(12)))
    taken: list[str] = []
    async with aclosing(
        newest_first(client, await client.bounds([TASKS]), lambda one: taken.append(_key(one)))
    ) as some:
        await anext(some)
        assert len(taken) <= 4


async def test_nothing_is_read_outside_of_the_ranges(client: Client) -> None:
    await _put(client, *((0, str(number)) for number in range(5)))
    spans = {
        place: OffsetRange(1, 3) if place.partition == 0 else span
        for place, span in (await client.bounds([TASKS])).items()
    }
    assert [key async for _, _, key in newest_first(client, spans, _key)] == ["2", "1"]
    nothing = {place: OffsetRange(0, 0) for place in spans}
    assert [key async for _, _, key in newest_first(client, nothing, _key)] == []
