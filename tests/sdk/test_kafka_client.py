from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.client.client import Client, attach
from app.errors import BrokerError, InvalidEvent
from app.settings import Settings, TopicSettings
from meta_ai_orchestrator import KafkaClient, UsageError
from meta_ai_orchestrator.types import Result, ResultChunk
from tests.gateway.requests import finish, say
from topics import RESULTS, SIGNALS, TASKS

#: Groups take seconds to form on the embedded broker.
pytestmark = pytest.mark.kafka


@pytest.fixture
async def worker(kafka: Connection, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """What a worker would send is sent with it; topics have one partition, unless a test says otherwise."""
    topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=getattr(request, "param", 1))
    settings = Settings(topics=topics)
    await ensure_topics(kafka, settings.topics)
    async with attach(settings, kafka) as found:
        yield found


@pytest.fixture
async def on_kafka(kafka: Connection, worker: Client) -> AsyncIterator[KafkaClient]:
    prefix = worker.settings.topics.prefix
    async with KafkaClient(kafka.bootstrap_servers, prefix=prefix) as client:
        yield client


async def on(worker: Client, topic: Any) -> list[Any]:
    async with worker.read(topic, from_beginning=True) as reader:
        return [record async for record in reader.held()]


async def test_that_tasks_have_key_and_headers(on_kafka: KafkaClient, worker: Client) -> None:
    assert await on_kafka.send_task("support", {"question": "Why?"}, id="q-1", tenant="acme") == "q-1"
    made = await on_kafka.send_tasks([{"input": {"n": n}} for n in range(2)])
    first, second, third = await on(worker, TASKS)
    assert first.key == b"q-1"
    assert json.loads(first.value) == {
        "id": "q-1",
        "workflow": "support",
        "input": {"question": "Why?"},
        "tenant": "acme",
        "roles": [],
        "metadata": {},
    }
    headers = dict(first.headers)
    assert (headers["ce_type"], headers["ce_source"], headers["ce_id"]) == (
        b"meta_ai.task",
        b"/meta-ai/sdk-python",
        b"q-1",
    )
    assert "traceparent" in headers
    assert [second.key.decode(), third.key.decode()] == made
    assert len(set(made)) == 2


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"input": 3}, "input"),
        ({"input": {}, "inputs": {}}, "a task has no field inputs"),
        ({"input": {}, "id": "a\n"}, "id"),
        ({"input": {"x": float("nan")}}, "JSON has no word for"),
        ({"input": {"x": "\ud800"}}, "JSON has no word for"),
    ],
)
async def test_that_a_task_that_would_be_a_dead_letter_is_not_sent(
    on_kafka: KafkaClient, worker: Client, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises((UsageError, InvalidEvent), match=reason):
        await on_kafka.send_tasks([fields])
    assert await on(worker, TASKS) == []


async def test_that_signals_go_to_their_run(on_kafka: KafkaClient, worker: Client) -> None:
    await on_kafka.signal("q-1", "approval", {"ok": True}, actor="eve")
    await on_kafka.cancel("q-1", reason="no longer needed")
    sent = [(record.key, json.loads(record.value)) for record in await on(worker, SIGNALS)]
    assert [key for key, _ in sent] == [b"q-1", b"q-1"]
    assert sent[0][1] == {
        "task_id": "q-1",
        "kind": "signal",
        "name": "approval",
        "payload": {"ok": True},
        "actor": "eve",
    }
    assert sent[1][1]["kind"] == "cancel"


async def test_that_results_come_at_least_once_to_each_group(on_kafka: KafkaClient, worker: Client) -> None:
    for number in range(4):
        await finish(worker, f"q-{number}", answer=f"answer {number}")
    async with on_kafka.results("billing") as results:
        assert isinstance(first := await anext(results), Result)
        assert (first.task_id, first["answer"]) == ("q-0", "answer 0")
        assert (await anext(results)).task_id == "q-1"
        # The program ends here, before it asks for the next: it may not have done what it was given.
    async with on_kafka.results("billing") as results:
        assert [(await anext(results)).task_id for _ in range(2)] == ["q-1", "q-2"]
        await results.commit()
    async with on_kafka.results("billing") as results:
        assert (await anext(results)).task_id == "q-3"
    async with on_kafka.results("audit") as results:
        assert (await anext(results)).task_id == "q-0"


async def test_that_the_last_value_of_a_key_counts(on_kafka: KafkaClient, worker: Client) -> None:
    for task_id, answer in (("q-1", "old"), ("q-2", "only"), ("q-1", "new")):
        await finish(worker, task_id, answer=answer)
    async with on_kafka.results("billing") as results:
        assert [((one := await anext(results)).task_id, one.answer) for _ in range(2)] == [
            ("q-2", "only"),
            ("q-1", "new"),
        ]
    assert {name: one.answer for name, one in (await on_kafka.last_results()).items()} == {"q-1": "new", "q-2": "only"}
    assert list(await on_kafka.last_results({"q-2", "q-9"})) == ["q-2"]


async def test_that_chunks_all_come(on_kafka: KafkaClient, worker: Client) -> None:
    for index, text in enumerate(("Under ", "My ", "orders.")):
        await say(worker, "q-1", index, text)
    async with on_kafka.chunks("page") as chunks:
        found = [await anext(chunks) for _ in range(3)]
    assert isinstance(found[0], ResultChunk)
    assert "".join(one.text for one in found) == "Under My orders."


async def test_that_what_is_no_result_is_left_out_and_said(
    on_kafka: KafkaClient, worker: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for value in (b"{", b"[]", b"{}", None):
        await (await worker.put(worker.full_name(RESULTS), b"x", value, []))
        await finish(worker, "q-1")
    async with on_kafka.results("billing") as results:
        assert (await anext(results)).task_id == "q-1"
    assert caplog.text.count("left out") == 1  # of one key, only the last is looked at


async def test_that_it_needs_an_address_that_answers_and_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    with pytest.raises(UsageError, match="give bootstrap_servers"):
        KafkaClient()
    with pytest.raises(UsageError, match="with `async with`"):
        await KafkaClient("127.0.0.1:1").send_task("a", {})
    with pytest.raises(UsageError, match="protocol"):
        KafkaClient("127.0.0.1:1", security={"protocol": "MAGIC"})
    with pytest.raises(BrokerError):
        async with KafkaClient("127.0.0.1:1"):
            pass


@pytest.mark.parametrize("worker", [2], indirect=True)
async def test_that_members_of_a_group_share_what_there_is(on_kafka: KafkaClient, worker: Client) -> None:
    seen: set[str] = set()
    expected = {f"q-{number}" for number in range(20)}

    async def consume(member: AsyncIterator[Result]) -> None:
        async for one in member:
            seen.add(one.task_id)
            if seen == expected:
                return

    async with on_kafka.results("billing") as one:
        await finish(worker, "q-0")
        seen.add((await anext(one)).task_id)
        async with on_kafka.results("billing") as other:  # takes a partition, or waits for one
            for task_id in sorted(expected):
                await finish(worker, task_id)
            members = [asyncio.create_task(consume(member)) for member in (one, other)]
            await asyncio.wait(members, timeout=30, return_when=asyncio.FIRST_COMPLETED)
            for member in members:
                member.cancel()
            await asyncio.gather(*members, return_exceptions=True)
    assert seen == expected
